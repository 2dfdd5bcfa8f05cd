"""Every mail that leaves: none is forgotten here, and all of them are one letter's look in both forms."""

import datetime as dt
import re
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core import mail as outgoing
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone

from akhrot_site import account_mail, departures, invitations
from akhrot_site.models import Invitation
from apikeys.ledger import Caller
from connections import letters, reminders
from connections.connect import client_was_refused
from connections.models import Notice
from connections.refreshing.asking import tell_lost
from tests.akhrot_site.test_account_mail import context
from tests.connections.test_mail import both_forms
from tests.provider_http import ProviderHttp

LAYOUTS = {"letter"}


@pytest.fixture
def mails(user: User, connect: Any, configured: Any, provider_http: ProviderHttp) -> dict[str, EmailMultiAlternatives]:
    """One of each, by the name of its text."""
    made = {f"account/{name}": account_mail.letter(name, [user.email], context(user)) for name in account_mail.LETTERS}
    User.objects.update(is_superuser=True)
    client_was_refused(configured("google"), "invalid_client")
    lost = connect("google", account="ada@gmail.example", expires_in=-60)
    assert lost.give_up("invalid_grant")
    tell_lost(lost, "invalid_grant")
    since = timezone.now() - dt.timedelta(days=90)
    connect("openai", account="w" * 120, ends_at=timezone.now() + dt.timedelta(days=5), ends_since=since)
    reminders.write()
    Notice.objects.tell(Notice.Kind.SIGN_IN, "1", user_id=user.pk, reason="Firefox on Windows, from 203.0.113.7")
    post: Any = None
    made |= {notice.kind: letters.message(notice, post) for notice in Notice.objects.all()}
    row, token = Invitation.objects.invite("bob@example.com", user)
    invitations.send(row, token)
    User.objects.create_user(username="eve", is_superuser=True)
    provider_http.reply("POST", "https://oauth2.googleapis.com/revoke")
    departures.go_on(departures.begin(Caller(user=user)).pk, patience=5)
    sent: list[Any] = outgoing.outbox
    return made | {"invitation": sent[-2], "account_deleted": sent[-1]}


def test_none_is_forgotten_and_each_is_a_letter(mails: dict[str, EmailMultiAlternatives]):
    folder = settings.BASE_DIR / "templates" / "mail"
    texts = {str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("[!_]*.txt")}
    assert set(mails) == texts - LAYOUTS
    for name, mail in mails.items():
        assert len(mail.subject) < 110, name
        assert "{" not in f"{mail.subject}{mail.body}", name
        text, html = both_forms(mail)
        assert html.startswith("<!DOCTYPE html>"), name
        assert "prefers-color-scheme: dark" in html, name
        assert not re.search(r"<(img|link|script)|(src|url\()\s*=?\s*[\"']?http", html), f"{name} fetches nothing"
        links = set(re.findall(r'href="([^"]+)"', html))
        assert all(link.startswith(settings.AKHROT_BASE_URL) for link in links), name
        assert all(link in text for link in links), name
        assert mail.message()["Auto-Submitted"] == "auto-generated", name
