"""Every mail about an account: in one look, in both forms, with links to the base URL alone."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import allauth
import pytest
from allauth.account.models import EmailAddress
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from django.utils import timezone

from akhrot_site import account_mail
from tests.conftest import PASSWORD
from tests.connections.test_mail import AWAY, both_forms, sent

NEW_PASSWORD = "walnuts-are-not-nuts"
NO_CHANGES = {
    *("account_already_exists", "email_confirmation", "email_confirmation_signup"),
    *("password_reset_key", "unknown_account"),
}
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"


def context(user: User) -> dict[str, Any]:
    """Everything that allauth gives to one mail or another."""
    return {
        "user": user,
        "email": user.email,
        "activate_url": "http://elsewhere.example:1/accounts/confirm-email/the-key/",
        "password_reset_url": "http://elsewhere.example:1/accounts/password/reset/key/1-the-key/",
        "signup_url": "http://elsewhere.example:1/accounts/signup/",
        "from_email": "old@example.com",
        "to_email": "new@example.com",
        "deleted_email": "old@example.com",
        "timestamp": timezone.now(),
        "ip": "203.0.113.7",
        "user_agent": FIREFOX,
    }


def test_there_is_a_letter_for_every_mail_that_allauth_has():
    templates = Path(allauth.__file__).parent / "templates"
    theirs = {
        path.name.removesuffix("_subject.txt")
        for app in ("account", "mfa")
        for path in (templates / app / "email").glob("*_subject.txt")
    }
    ours = {path.stem for path in (django_settings.BASE_DIR / "templates/mail/account").glob("[!_]*.txt")}
    assert set(account_mail.LETTERS) == ours
    assert theirs - ours == {"login_code", "password_reset_code"}, "neither is used here"


@pytest.mark.parametrize("name", account_mail.LETTERS)
def test_a_letter_is_short_and_clear_in_both_forms(name: str, user: User, settings: Any):
    letter = account_mail.letter(f"account/email/{name}", [user.email], context(user))
    assert letter.subject.startswith("Akhrot: ")
    assert 15 < len(letter.subject) < 60
    assert "{" not in f"{letter.body}{letter.subject}"
    text, html = both_forms(letter)
    links = re.findall(r"https?://[^\s<\"]+", text)
    assert all(link.startswith(settings.AKHROT_BASE_URL) for link in links), links
    assert "elsewhere" not in html
    assert html.count("<a ") == 1
    assert "<img" not in html
    assert "prefers-color-scheme: dark" in html
    assert not re.search(r"(src|url\()\s*=?\s*[\"']?http", html), "a mail fetches nothing"
    assert letter.message()["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("name", sorted(set(account_mail.LETTERS) - NO_CHANGES))
def test_a_change_is_told_with_when_and_from_where(name: str, user: User):
    letter = account_mail.letter(name, [user.email], context(user))
    for form in both_forms(letter):
        assert "from 203.0.113.7 with Firefox on Windows." in form
        assert "If it was not you" in form


def test_a_one_time_link_is_kept_whole_and_led_to_the_base_url(user: User, settings: Any):
    letter = account_mail.letter("account/email/password_reset_key", [user.email], context(user))
    assert f"{settings.AKHROT_BASE_URL}/accounts/password/reset/key/1-the-key/" in letter.body
    assert "is only for you" in letter.body


def test_a_forged_host_leads_no_link_astray(user: User, settings: Any):
    Client().post("/accounts/password/reset/", {"email": user.email}, headers={"Host": "127.0.0.1:6666"})
    (letter,) = sent()
    assert "6666" not in letter.body
    assert f"{settings.AKHROT_BASE_URL}/accounts/password/reset/key/" in letter.body


def test_what_looks_like_markup_is_none(user: User):
    facts = context(user) | {"user_agent": "<b>x</b>", "deleted_email": "<b>@example.com\r\nBcc: eve@example.com"}
    letter = account_mail.letter("email_deleted", [user.email], facts)
    assert "<b>@example.com" not in str(letter.alternatives[0][0])
    assert letter.message()["Bcc"] is None


def test_each_change_is_told_to_the_primary_address(sure: Client, user: User):
    new = EmailAddress.objects.create(user=user, email="ada@work.example", verified=True)
    form = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    sure.post("/accounts/password/change/", form)
    sure.post("/accounts/email/", {"email": new.email, "action_primary": ""})
    sure.post("/accounts/email/", {"email": "ada@example.com", "action_remove": ""})
    said = [(letter.to, letter.subject.removeprefix("Akhrot: ")) for letter in sent()]
    assert said == [
        (["ada@example.com"], "Your password was changed"),
        (["ada@example.com"], "Your address was changed"),
        (["ada@work.example"], "An address was removed"),
    ]


def test_adding_an_address_mails_a_link_that_confirms_it_by_a_post(sure: Client, user: User):
    sure.post("/accounts/email/", {"email": "ada@work.example", "action_add": ""})
    path = link_in(sent()[0])
    assert "Is this your address?" in sure.get(path).content.decode()
    assert not EmailAddress.objects.get(email="ada@work.example").verified
    sure.post(path)
    assert EmailAddress.objects.get(email="ada@work.example").verified
    assert "no longer valid" in sure.get(path).content.decode()


def link_in(letter: EmailMultiAlternatives) -> str:
    found = re.search(rf"{django_settings.AKHROT_BASE_URL}(/\S+)", str(letter.body))
    assert found
    return found[1]


def test_a_password_is_set_anew_by_the_link_once(user: User):
    Client().post("/accounts/password/reset/", {"email": user.email})
    path, client = link_in(sent()[0]), Client()
    form = client.get(path, follow=True)
    action = form.request["PATH_INFO"]
    assert action.endswith("-set-password/"), "the key is in the session, and no longer in the address"
    client.post(action, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)
    assert [letter.subject for letter in sent()][-1] == "Akhrot: Your password was reset"
    assert "no longer valid" in Client().get(path, follow=True).content.decode()


def test_a_stranger_s_address_is_answered_like_a_known_one(user: User):
    answers = [
        Client().post("/accounts/password/reset/", {"email": email}, follow=True)
        for email in (user.email, "nobody@example.com")
    ]
    assert answers[0].content == answers[1].content
    assert [letter.to for letter in sent()] == [[user.email], ["nobody@example.com"]]


@pytest.fixture
def away(settings: Any) -> Callable[[], None]:
    """Call it, and the mail server is away."""

    def away() -> None:
        settings.EMAIL_BACKEND = AWAY

    return away


def test_a_mail_that_somebody_waits_for_and_that_cannot_be_sent_is_no_promise(user: User, away: Callable[[], None]):
    away()
    answer = Client().post("/accounts/password/reset/", {"email": user.email})
    assert answer.status_code == 503
    assert "The mail could not be sent." in answer.content.decode()


def test_a_change_is_made_though_it_cannot_be_told(
    sure: Client, user: User, away: Callable[[], None], caplog: pytest.LogCaptureFixture
):
    away()
    form = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    assert sure.post("/accounts/password/change/", form).status_code == 302
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)
    assert "account_change_not_told" in caplog.text
    assert user.email not in caplog.text
