"""The mails that allauth sends, as letters of ours: their words are in ``templates/mail/account/``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from akhrot_site import browsers
from connections import letters


@dataclass(frozen=True)
class Leads:
    """Where a mail's button leads: a page of ours by its name, or the one-time link in the mail's context.

    `foot` says what the link does, where it is no page behind the sign-in.
    """

    button: str | Promise
    page: str = ""
    link: str = ""
    foot: str | Promise = ""


ASKS_FIRST = gettext_lazy("The link is only for you, and opens a page that asks you first.")
HARMLESS = gettext_lazy("The link changes nothing by itself.")
ACCOUNT = Leads(gettext_lazy("View your account"), page="account_email")
PASSWORD = Leads(gettext_lazy("Reset your password"), page="account_reset_password", foot=HARMLESS)
FACTORS = Leads(gettext_lazy("View your second factors"), page="mfa_index")
CONFIRM = Leads(gettext_lazy("Confirm the address"), link="activate_url", foot=ASKS_FIRST)
LETTERS = {
    "account_already_exists": PASSWORD,
    "email_changed": ACCOUNT,
    "email_confirm": ACCOUNT,
    "email_confirmation": CONFIRM,
    "email_confirmation_signup": CONFIRM,
    "email_deleted": ACCOUNT,
    "password_changed": PASSWORD,
    "password_reset": PASSWORD,
    "password_reset_key": Leads(gettext_lazy("Set a new password"), link="password_reset_url", foot=ASKS_FIRST),
    "password_set": PASSWORD,
    "recovery_codes_generated": FACTORS,
    "totp_activated": FACTORS,
    "totp_deactivated": FACTORS,
    "unknown_account": Leads(gettext_lazy("Go to the sign-in page"), page="account_login", foot=HARMLESS),
    "webauthn_added": FACTORS,
    "webauthn_removed": FACTORS,
}


def letter(prefix: str, to: list[str], context: dict[str, Any]) -> EmailMultiAlternatives:
    """The mail that allauth calls `prefix`, for instance ``account/email/password_changed``."""
    name = prefix.rpartition("/")[2]
    leads = LETTERS[name]
    facts = {**context, "base_url": settings.AKHROT_BASE_URL}
    if "user_agent" in context:
        facts["browser"] = browsers.in_words(context["user_agent"])
        facts["ip"] = _("an unknown address") if context["ip"] == browsers.NO_ADDRESS else context["ip"]
    return letters.compose(
        render_to_string(f"mail/account/{name}.txt", facts),
        to=to,
        button=str(leads.button),
        url=_at_base_url(context[leads.link] if leads.link else reverse(leads.page)),
        foot=str(leads.foot),
    )


def _at_base_url(url: str) -> str:
    """An address of ours at the base URL: allauth builds them from the request's Host, which anybody may choose."""
    parts = urlsplit(url)
    return f"{settings.AKHROT_BASE_URL}{parts.path}{'?' + parts.query if parts.query else ''}"
