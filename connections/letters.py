"""What a notice says: its words are in ``templates/mail/``, one text for both of a mail's forms."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from connections.models import Connection, MailChoice, Notice
from connections.wording import reason_in_words
from providers.models import Provider

PREFIX = "Akhrot: "
# RFC 3834 section 5: answering machines leave such a mail alone.
HEADERS = {"Auto-Submitted": "auto-generated"}


def readers(notice: Notice) -> list[str]:
    """The addresses of a notice: its user's, or the active superusers', without people who want no such mail."""
    operators = User.objects.filter(is_superuser=True).order_by("pk")
    people = [notice.user] if notice.user else operators
    willing = [person for person in people if person.email and person.is_active]
    unwilling = MailChoice.unwilling(notice.kind, willing)
    return [person.email for person in willing if person.pk not in unwilling]


def message(notice: Notice, post: BaseEmailBackend) -> EmailMultiAlternatives:
    """The mail that tells a notice, to be sent through `post`."""
    facts = _facts(notice)
    facts |= {"notice": notice, "reason": reason_in_words(facts.get("provider", ""), notice.reason)}
    text = render_to_string(f"mail/{notice.kind}.txt", facts)
    return compose(text, to=readers(notice), button=facts["button"], url=facts["url"], post=post)


def compose(
    text: str, *, to: list[str], button: str = "", url: str = "", foot: str = "", post: BaseEmailBackend | None = None
) -> EmailMultiAlternatives:
    """A mail in both forms. `text` is its subject and its paragraphs, parted by empty lines; the layouts add the rest.

    `button` leads to `url`, where there is one. `foot` says what that link does, if it is no page behind the login.
    """
    subject, *paragraphs = _paragraphs(text)
    if url and not foot:
        foot = _("The link opens a page that you sign in to, and changes nothing by itself.")
    letter = {
        "subject": subject,
        "paragraphs": paragraphs,
        "button": button,
        "url": url,
        "foot": foot,
        "base_url": settings.AKHROT_BASE_URL,
    }
    mail = EmailMultiAlternatives(
        f"{PREFIX}{subject}", render_to_string("mail/letter.txt", letter), to=to, headers=HEADERS, connection=post
    )
    mail.attach_alternative(render_to_string("mail/letter.html", letter), "text/html")
    return mail


def _paragraphs(text: str) -> list[str]:
    """In one line each: an account's name, which the provider gave, may not begin another line of the header."""
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


def _facts(notice: Notice) -> dict[str, Any]:
    if notice.kind == Notice.Kind.SIGN_IN:
        return {"button": _("See where you are signed in"), "url": _absolute("usersessions_list")}
    return _of_connection(notice.connection) if notice.connection else _of_client(notice.provider)


def _of_connection(row: Connection) -> dict[str, Any]:
    name = str(row.provider)
    is_grant = row.is_known() and row.spec.kind == "oauth2"
    return {
        "provider": name,
        "connection": row,
        # A provider that tells no name of the account has its own in its place.
        "account": "" if row.account == name else " ".join(row.account.split()),
        "button": _("Connect it again") if is_grant else _("Replace the credential"),
        "url": _absolute("connection", row.pk),
    }


def _of_client(code: str) -> dict[str, Any]:
    provider = Provider.objects.defer("client_secret").get(code=code)
    sign_in = provider.spec.sign_in if provider.is_known() else None
    oauth = sign_in.oauth if sign_in else None
    return {
        "provider": str(provider),
        "registered_at": oauth.registration_url if oauth else "",
        "button": _("Open it in the admin"),
        "url": _absolute("admin:providers_provider_change", code),
    }


def _absolute(name: str, *arguments: Any) -> str:
    return f"{settings.AKHROT_BASE_URL}{reverse(name, args=arguments)}"
