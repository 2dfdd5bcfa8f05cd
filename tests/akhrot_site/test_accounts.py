"""Signing in and up: what is asked, what is said when it fails, and where it leads."""

import re
import time
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret, hotp_value, yield_hotp_counters_from_time
from django.contrib.auth.models import User
from django.core import mail as outgoing
from django.test import Client

from akhrot_site import owner
from akhrot_site.account_forms import UNKNOWN_PASSKEY, AddPasskeyForm, PasskeyLoginForm
from tests.conftest import PASSWORD

LOGIN = "/accounts/login/"
LINK = "/connect/00000000-0000-4000-8000-00000000000a"


def try_to(user: User, password: str = PASSWORD, *, client: Client | None = None, **more: str) -> Any:
    return (client or Client()).post(LOGIN, {"login": user.email, "password": password, **more})


def attributes(page: str, name: str) -> str:
    found = re.search(rf'<input[^>]*name="{name}"[^>]*>', page)
    assert found, name
    return found[0]


def test_the_sign_in_page_helps_password_managers_and_keyboards(db: None):
    page = Client().get(LOGIN).content.decode()
    login, password = attributes(page, "login"), attributes(page, "password")
    assert 'autocomplete="username webauthn"' in login
    assert "autofocus" in login
    assert 'autocomplete="current-password"' in password
    assert 'data-reveal="id_password"' in page
    assert 'href="/accounts/password/reset/"' in page


def test_a_wrong_password_is_said_without_saying_who_there_is(user: User):
    wrong = try_to(user, "not it")
    stranger = Client().post(LOGIN, {"login": "nobody@example.com", "password": "not it"})
    for answer in (wrong, stranger):
        page = answer.content.decode()
        assert answer.status_code == 200
        assert "Wrong address or password." in page
        assert "not it" not in page
        assert "autofocus" in attributes(page, "password")
    assert wrong.content.decode().count(user.email) == 1


def test_too_many_attempts_are_said_with_when_to_come_back(user: User, clock: Any):
    answers = [try_to(user, "not it").content.decode() for _ in range(6)]
    assert "Too many attempts. Wait five minutes" not in answers[4]
    assert "Too many attempts. Wait five minutes" in answers[5]
    assert "Too many attempts" in try_to(user).content.decode(), "the right one has to wait as well"
    clock.forward(minutes=5, seconds=1)
    assert try_to(user)["Location"] == "/app/"


def test_failed_attempts_are_not_forgotten_for_what_others_ask_meanwhile(user: User):
    for _ in range(5):
        try_to(user, "wrong")
    for number in range(200):
        other = Client(REMOTE_ADDR=f"2001:db8:0:{number:x}::1")
        other.post("/accounts/password/reset/", {"email": f"nobody{number}@example.com"})
    assert "Too many attempts" in try_to(user, "wrong").content.decode()


def test_an_address_that_was_never_verified_sets_no_password(user: User):
    EmailAddress.objects.create(user=user, email="another@example.com")
    Client().post("/accounts/password/reset/", {"email": "another@example.com"})
    (mail,) = outgoing.outbox
    assert "There is no account with this address" in mail.subject
    assert "/password/reset/key/" not in mail.body


@pytest.mark.parametrize("verified", [True, False])
def test_an_account_s_own_address_sets_its_password_also_before_it_is_verified(user: User, verified: bool):
    EmailAddress.objects.filter(user=user).update(verified=verified)
    Client().post("/accounts/password/reset/", {"email": user.email.upper()})
    (mail,) = outgoing.outbox
    assert "/password/reset/key/" in mail.body


def test_too_many_requests_of_an_address_get_a_page(user: User, settings: Any):
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "login": "2/m/ip"}
    answers = [try_to(user, "not it") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2]["Retry-After"] == "60"
    assert "Wait a minute, then go back and try again." in answers[2].content.decode()
    assert "Akhrot" in answers[2].content.decode()


def test_an_account_that_is_turned_off_is_told_so_to_whom_knows_its_password(user: User):
    User.objects.update(is_active=False)
    assert "Wrong address or password." in try_to(user, "not it").content.decode()
    client = Client()
    answer = try_to(user, client=client)
    assert "This account is turned off" in client.get(answer["Location"]).content.decode()


def test_signing_in_goes_on_to_the_connect_link(user: User):
    page = Client().get(f"{LOGIN}?next={LINK}").content.decode()
    assert "An agent asks you to connect an account." in page
    assert attributes(page, "next").count(LINK) == 1
    assert try_to(user, next=LINK)["Location"] == LINK


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/connect/", "javascript:alert(1)"])
def test_signing_in_leads_nowhere_else(user: User, elsewhere: str):
    assert try_to(user, next=elsewhere)["Location"] == "/app/"


def test_the_page_after_signing_out_says_so(browser: Client):
    page = browser.post("/accounts/logout/", follow=True).content.decode()
    assert "You are signed out here. Your agents keep working." in page
    assert "<h1>Sign in</h1>" in page


def test_staying_signed_in_is_for_two_weeks_and_otherwise_until_the_browser_closes(user: User):
    short, long = Client(), Client()
    try_to(user, client=short)
    try_to(user, client=long, remember="on")
    assert short.cookies["akhrot_session"]["max-age"] == ""
    assert long.cookies["akhrot_session"]["max-age"] == 14 * 24 * 3600


@pytest.fixture
def secret(user: User) -> str:
    """The secret of an authenticator app that Ada has set up."""
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    return str(secret)


def code(secret: str) -> str:
    _before, now, _after = yield_hotp_counters_from_time()
    return f"{hotp_value(secret, now):06}"


def test_a_second_factor_is_asked_and_leads_on_to_the_connect_link(user: User, secret: str):
    client = Client()
    assert try_to(user, client=client, next=LINK)["Location"] == "/accounts/2fa/authenticate/"
    page = client.get("/accounts/2fa/authenticate/").content.decode()
    assert 'autocomplete="one-time-code"' in attributes(page, "code")
    assert 'inputmode="numeric"' in attributes(page, "code")
    assert client.get("/app/").status_code == 302
    wrong = client.post("/accounts/2fa/authenticate/", {"code": "000000"}).content.decode()
    assert "This code is wrong." in wrong
    assert client.post("/accounts/2fa/authenticate/", {"code": code(secret)})["Location"] == LINK
    assert client.get("/app/").status_code == 200


@pytest.mark.parametrize("seconds", [0, 31, 59])
def test_an_apps_code_works_once_for_as_long_as_it_is_good(user: User, secret: str, clock: Any, seconds: int):
    shown = f"{hotp_value(secret, int(time.time()) // 30 + 1):06}"
    locations = []
    for _ in range(2):
        client = Client()
        try_to(user, client=client)
        locations.append(client.post("/accounts/2fa/authenticate/", {"code": shown}).get("Location"))
        clock.forward(seconds=seconds)
    assert locations == ["/app/", None]


def test_a_code_that_was_used_counts_as_a_guess(user: User, secret: str):
    client = Client()
    try_to(user, client=client)
    shown = code(secret)
    assert client.post("/accounts/2fa/authenticate/", {"code": shown})["Location"] == "/app/"
    other = Client()
    try_to(user, client=other)
    for guess in ("000000", shown, "000001", shown, "000002"):
        assert "This code is wrong." in other.post("/accounts/2fa/authenticate/", {"code": guess}).content.decode()
    assert "Too many attempts" in other.post("/accounts/2fa/authenticate/", {"code": "000003"}).content.decode()


def test_a_recovery_code_works_once(user: User, secret: str):
    codes = RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).get_unused_codes()
    for attempt, location in ((1, "/app/"), (2, None)):
        client = Client()
        try_to(user, client=client)
        answer = client.post("/accounts/2fa/authenticate/", {"code": codes[0]})
        assert answer.get("Location") == location, attempt


def test_codes_that_are_guessed_are_limited(user: User, secret: str):
    client = Client()
    try_to(user, client=client)
    said = [client.post("/accounts/2fa/authenticate/", {"code": "000000"}).content.decode() for _ in range(6)]
    assert "This code is wrong." in said[4]
    assert "Too many attempts. Wait five minutes" in said[5]


def test_secrets_of_second_factors_are_kept_by_no_browser(browser: Client, user: User, secret: str):
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    codes = browser.get("/accounts/2fa/recovery-codes/")
    Authenticator.objects.all().delete()
    setup = browser.get("/accounts/2fa/totp/activate/")
    for answer in (codes, setup):
        assert answer.status_code == 200
        assert "no-store" in answer["Cache-Control"]


def test_another_user_s_passkey_is_none(browser: Client, other_user: User):
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    row = Authenticator.objects.create(user=other_user, type="webauthn", data={"name": "Eve's key", "credential": {}})
    for page in ("edit", "remove"):
        answers = [browser.get(f"/accounts/2fa/webauthn/keys/{pk}/{page}/") for pk in (row.pk, 999_999)]
        assert {answer.status_code for answer in answers} == {404}
        assert answers[0].content == answers[1].content
        browser.post(f"/accounts/2fa/webauthn/keys/{row.pk}/{page}/", {"name": "mine"})
    row.refresh_from_db()
    assert row.data["name"] == "Eve's key"


def test_sign_up_is_offered_where_it_is_open_and_waits_for_the_mail(settings: Any, db: None, clock: Any):
    owner.make_owner("ada@example.com", PASSWORD)
    assert "/accounts/signup/" not in Client().get(LOGIN).content.decode()
    settings.AKHROT_SIGNUP = "open"
    assert "/accounts/signup/" in Client().get(LOGIN).content.decode()
    bob = Client()
    form = {"email": "bob@example.com", "password1": PASSWORD, "password2": PASSWORD}
    assert "We have sent you a mail." in bob.post("/accounts/signup/", form, follow=True).content.decode()
    assert bob.get("/app/").status_code == 302
    assert not EmailAddress.objects.get(email="bob@example.com").verified
    assert [letter.subject for letter in outgoing.outbox] == ["Akhrot: Confirm your address"]
    clock.forward(minutes=4)
    again = Client().post("/accounts/signup/", form, follow=True).content.decode()
    assert "We have sent you a mail." in again
    assert outgoing.outbox[1].subject == "Akhrot: You already have an account"


def test_an_answer_of_a_passkey_that_is_nested_without_end_is_refused_as_any_other(user: User):
    sent = {"credential": "[" * 100_000}
    for form in (PasskeyLoginForm(sent), AddPasskeyForm(sent, user=user)):
        assert form.errors["credential"] == [UNKNOWN_PASSKEY]
        assert "[[" not in str(form["credential"])
