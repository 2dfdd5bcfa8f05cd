"""What is told by mail: to whom, once, in both forms, and what becomes of it while the mail server is away."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
from django.core import mail as outgoing
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from django.utils import timezone

from connections import mail, tasks
from connections.connect import client_was_refused
from connections.models import Connection, Notice
from connections.refreshing.asking import tell_lost

MARK = "TOPSECRET"
AWAY = "tests.connections.test_mail.Away"
PICKY = "tests.connections.test_mail.Picky"


class Away(EmailBackend):
    """A mail server that is not there."""

    opened: ClassVar[int] = 0

    def open(self) -> bool:
        Away.opened += 1
        raise ConnectionRefusedError

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        raise ConnectionRefusedError


class Picky(EmailBackend):
    """A mail server that takes no mail for Eve."""

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        if "eve@example.com" in messages[0].to:
            raise OSError("550 no such mailbox")
        return super().send_messages(messages)


@pytest.fixture
def lose(connect: Any) -> Any:
    """``lose("google", reason="invalid_grant", …)`` connects a provider and loses the connection again."""

    def lose(provider: str = "google", *, reason: str = "invalid_grant", **state: Any) -> Connection:
        row: Connection = connect(provider, **{"account": "ada@gmail.example", **state})
        assert row.give_up(reason)
        tell_lost(row, reason)
        return row

    return lose


def make_due() -> None:
    """Nothing waits for the database's clock, which may be a millisecond behind the one that wrote the notice."""
    Notice.objects.filter(attempts=0).update(try_at=timezone.now() - dt.timedelta(seconds=1))


def send() -> int:
    make_due()
    return mail.send_due()


def sent() -> list[EmailMultiAlternatives]:
    return outgoing.outbox  # type: ignore[return-value]


def both_forms(letter: EmailMultiAlternatives) -> list[str]:
    """Text and HTML, in one line each."""
    html, kind = letter.alternatives[0]
    assert kind == "text/html"
    return [" ".join(str(form).split()) for form in (letter.body, html)]


def test_a_lost_connection_is_told_once_in_text_and_html(lose: Any, browser: Client, configured: Any, settings: Any):
    configured("google")
    row = lose(expires_in=-60)
    assert [send(), send()] == [1, 0]
    (letter,) = sent()
    assert (letter.to, letter.subject) == ([row.user.email], "Akhrot: Google needs you (ada@gmail.example)")
    url = f"{settings.AKHROT_BASE_URL}/app/connections/{row.pk}/"
    for form in both_forms(letter):
        assert "your connection to Google as ada@gmail.example" in form
        assert "Google has ended the access: it was withdrawn, it expired, or the password was changed." in form
        assert "they are refused" in form
        assert form.count(url) == 1
    assert letter.message()["Auto-Submitted"] == "auto-generated"
    assert Notice.objects.get().sent_at is not None
    page = browser.get(url.removeprefix(settings.AKHROT_BASE_URL))
    assert page.content.decode().count("Reconnect<") == 1


def test_the_link_needs_a_login_and_changes_nothing(lose: Any, browser: Client):
    row = lose()
    path = f"/app/connections/{row.pk}/"
    assert Client().get(path)["Location"] == f"/accounts/login/?next={path}"
    before = Connection.objects.filter(pk=row.pk).values().get()
    assert browser.get(path).status_code == 200
    assert Connection.objects.filter(pk=row.pk).values().get() == before


def test_a_token_that_works_still_is_said_to(lose: Any):
    lose(expires_in=3600)
    send()
    assert all("Your agents still get the token that Akhrot holds" in form for form in both_forms(sent()[0]))


def test_no_mail_holds_a_secret(lose: Any, connect: Any, configured: Any, user: Any):
    user.is_superuser = True
    user.save()
    provider = configured("github", client_secret=f"{MARK}-client")
    client_was_refused(provider, "incorrect_client_credentials")
    lose(access_token=f"{MARK}-access", refresh_token=f"{MARK}-refresh", extra={"x": f"{MARK}-extra"})
    lose("openai", fields={"apiKey": f"{MARK}-key"}, reason="the provider refuses it: no such key")
    soon = timezone.now() + dt.timedelta(days=5)
    connect("slack", ends_at=soon, ends_since=timezone.now() - dt.timedelta(days=90), access_token=MARK)
    tasks.remind()
    make_due()
    tasks.tell()
    assert len(sent()) == 4
    assert not [letter for letter in sent() if MARK in letter.message().as_string() + letter.subject]
    assert not [form for letter in sent() for form in both_forms(letter) if MARK in form]


def test_an_account_that_looks_like_markup_or_a_header_is_neither(lose: Any):
    lose(account="<b>x</b>\r\nBcc: eve@example.com")
    send()
    letter = sent()[0]
    text, html = both_forms(letter)
    assert "<b>x</b> Bcc: eve@example.com" in text
    assert "&lt;b&gt;x&lt;/b&gt;" in html
    assert "<b>x" not in html
    assert letter.message()["Bcc"] is None


def test_operators_are_told_what_to_do_about_a_refused_client(
    configured: Any, user: Any, other_user: Any, settings: Any
):
    user.is_superuser = True
    user.save()
    client_was_refused(configured("google"), "invalid_client")
    send()
    (letter,) = sent()
    assert letter.to == ["ada@example.com"]
    for form in both_forms(letter):
        assert "Google does not accept the client" in form
        assert f"{settings.AKHROT_BASE_URL}/admin/providers/provider/google/change/" in form
        assert "No connection is lost" in form


def test_while_the_mail_server_is_away_it_is_tried_more_and_more_seldom(lose: Any, settings: Any):
    lose()
    lose("slack")
    settings.EMAIL_BACKEND = AWAY
    pauses = []
    for attempt in range(1, 6):
        Away.opened = 0
        assert send() == 0
        assert Away.opened == 1, "one connection for all"
        assert set(Notice.objects.values_list("attempts", "sent_at")) == {(attempt, None)}
        pauses.append(round((Notice.objects.earliest("try_at").try_at - timezone.now()).total_seconds() / 60))
        Notice.objects.update(try_at=timezone.now() - dt.timedelta(seconds=1))
    assert pauses == [1, 5, 30, 60, 60]
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert [send(), send()] == [2, 0]
    assert len(sent()) == 2


def test_a_mail_that_is_refused_holds_up_no_other(lose: Any, other_user: Any, settings: Any):
    settings.EMAIL_BACKEND = PICKY
    lose(user=other_user)
    lose()
    assert send() == 1
    assert [letter.to for letter in sent()] == [["ada@example.com"]]
    assert Notice.objects.get(sent_at=None).user == other_user


def test_after_three_days_it_is_given_up(lose: Any, settings: Any, caplog: pytest.LogCaptureFixture):
    lose()
    settings.EMAIL_BACKEND = AWAY
    Notice.objects.update(created_at=timezone.now() - dt.timedelta(days=3))
    send()
    assert "notice_given_up" in caplog.text
    notice = Notice.objects.get()
    assert notice.sent_at is None
    assert notice.try_at > timezone.now() + dt.timedelta(days=365)


def test_what_works_again_or_is_gone_is_not_told(lose: Any, configured: Any, user: Any):
    renewed, gone = lose(), lose("slack")
    Connection.objects.filter(pk=renewed.pk).update(status="active")
    taken = Notice.objects.get(connection=gone)
    Connection.objects.filter(pk=gone.pk).delete()
    assert mail.moot(taken)
    user.is_superuser = True
    user.save()
    client = configured("github")
    client_was_refused(client, "invalid_client")
    client.client_was_accepted()
    assert send() == 2
    assert sent() == []
    assert not Notice.objects.filter(sent_at=None).exists()


def test_an_end_that_moved_is_not_told(connect: Any):
    since = timezone.now() - dt.timedelta(days=90)
    row = connect("openai", ends_at=timezone.now() + dt.timedelta(days=5), ends_since=since)
    tasks.remind()
    Connection.objects.filter(pk=row.pk).update(ends_at=timezone.now() + dt.timedelta(days=90))
    assert send() == 1
    assert sent() == []


def test_an_end_is_told_with_its_day(connect: Any):
    ends = timezone.now() + dt.timedelta(days=5, hours=1)
    connect("openai", account="work", ends_at=ends, ends_since=timezone.now() - dt.timedelta(days=90))
    tasks.remind()
    send()
    assert sent()[0].subject == "Akhrot: Your access to OpenAI ends in 5 days (work)"
    assert all(f"{ends:%B %Y}" in form and "Replace the credential" in form for form in both_forms(sent()[0]))


def test_nobody_who_is_turned_off_gets_mail(lose: Any, user: Any):
    lose()
    user.is_active = False
    user.save()
    send()
    assert sent() == []
