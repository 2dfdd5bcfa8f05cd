"""Every page of allauth's that can be reached: in our look, in our words, and with nothing that the policy forbids."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import allauth
import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from tests.conftest import PASSWORD

ENTRANCE = {
    "account_login": "Sign in",
    "account_signup": "Sign-up is closed",
    "account_reset_password": "Reset your password",
    "account_reset_password_done": "Check your mail",
    "account_reset_password_from_key_done": "Your password is set",
    "account_inactive": "This account is turned off",
    "account_email_verification_sent": "Confirm your address",
}
MANAGED = {
    "account_email": "E-mail",
    "account_change_password": "Password",
    "account_logout": "Sign out?",
    "account_reauthenticate": "Confirm it is you",
    "account_notifications": "Notifications",
    "account_delete": "Delete your account",
    "usersessions_list": "Sessions",
    "mfa_index": "Two-factor sign-in",
    "mfa_activate_totp": "Set up an authenticator app",
    "mfa_list_webauthn": "Passkeys and security keys",
    "mfa_add_webauthn": "Add a passkey or security key",
    "mfa_generate_recovery_codes": "Create recovery codes",
}
# Those that need something first; a test of their own opens each.
ELSEWHERE = {
    *("account_confirm_email", "account_reset_password_from_key", "account_set_password", "mfa_authenticate"),
    *("mfa_reauthenticate", "mfa_reauthenticate_webauthn", "mfa_deactivate_totp", "mfa_view_recovery_codes"),
    *("mfa_download_recovery_codes", "mfa_edit_webauthn", "mfa_remove_webauthn", "account_goodbye", "account_people"),
    "account_invitation",
}
# No pages: a form's address, a browser's question, or a way in that is turned off and leads to the sign-in page.
NO_PAGES = {
    *("account_confirm_login_code", "mfa_login_webauthn", "account_end_session"),
    *("account_invite_again", "account_uninvite"),
}


def names(patterns: Any) -> Iterator[str]:
    for entry in patterns:
        if isinstance(entry, URLResolver):
            yield from names(entry.url_patterns)
        elif isinstance(entry, URLPattern) and entry.name:
            yield entry.name


def accounts() -> set[str]:
    mounted = [one for one in get_resolver().url_patterns if str(one.pattern) == "accounts/"]
    return {name for one in mounted if isinstance(one, URLResolver) for name in names(one.url_patterns)}


def check(answer: Any, heading: str) -> str:
    """The page has one heading, our look, and nothing that the content security policy forbids."""
    page: str = answer.content.decode()
    found = re.findall(r"<h1[^>]*>(.*?)</h1>", page, re.DOTALL)
    assert [" ".join(re.sub(r"<[^>]+>", "", text).split()) for text in found] == [heading]
    assert 'href="/static/app.css"' in page
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>|\son\w+=\"|\sstyle=", page)
    assert "{%" not in page
    return page


def test_no_page_is_forgotten():
    assert accounts() == {*ENTRANCE, *MANAGED, *ELSEWHERE, *NO_PAGES}


@pytest.mark.parametrize(("name", "heading"), ENTRANCE.items())
def test_a_page_for_strangers_is_in_our_look(name: str, heading: str, db: None):
    check(Client().get(reverse(name)), heading)


@pytest.mark.parametrize(("name", "heading"), MANAGED.items())
def test_a_page_of_the_account_is_in_our_look_and_for_its_user_alone(name: str, heading: str, sure: Client, user: User):
    if name == "mfa_generate_recovery_codes":
        TOTP.activate(user, generate_totp_secret())
    check(sure.get(reverse(name)), heading)
    assert Client().get(reverse(name)).status_code == 302


def test_the_pages_of_second_factors_are_in_our_look(sure: Client, user: User):
    TOTP.activate(user, generate_totp_secret())
    RecoveryCodes.activate(user)
    key = Authenticator.objects.create(user=user, type="webauthn", data={"name": "My <key>", "credential": {}})
    listed = check(sure.get("/accounts/2fa/webauthn/"), "Passkeys and security keys")
    assert "My &lt;key&gt;" in listed
    check(sure.get(f"/accounts/2fa/webauthn/keys/{key.pk}/edit/"), "Rename a passkey")
    check(sure.get(f"/accounts/2fa/webauthn/keys/{key.pk}/remove/"), "Remove “My &lt;key&gt;”?")
    check(sure.get("/accounts/2fa/totp/deactivate/"), "Turn off the authenticator app?")
    check(sure.get("/accounts/2fa/reauthenticate/"), "Confirm it is you")
    page = check(sure.get("/accounts/2fa/recovery-codes/"), "Recovery codes")
    codes = sure.get("/accounts/2fa/recovery-codes/download/").content.decode().split()
    assert len(codes) == 10
    assert all(code in page for code in codes)
    check(sure.get("/accounts/2fa/recovery-codes/generate/"), "Create new recovery codes?")
    assert "10 left" in check(sure.get("/accounts/2fa/"), "Two-factor sign-in")
    key.delete()
    stranger = Client()
    stranger.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    check(stranger.get("/accounts/2fa/authenticate/"), "One more step")


def test_a_passkey_is_renamed_and_removed(sure: Client, user: User):
    key = Authenticator.objects.create(user=user, type="webauthn", data={"name": "Old", "credential": {}})
    sure.post(f"/accounts/2fa/webauthn/keys/{key.pk}/edit/", {"name": "New"})
    key.refresh_from_db()
    assert key.data["name"] == "New"
    sure.post(f"/accounts/2fa/webauthn/keys/{key.pk}/remove/")
    assert not Authenticator.objects.exists()


def test_passkeys_are_offered_where_browsers_allow_them(sure: Client, settings: Any):
    assert "This Akhrot is at neither" in sure.get("/accounts/2fa/").content.decode()
    assert "None can be added" not in sure.get("/accounts/2fa/webauthn/add/").content.decode()
    settings.PASSKEYS_WORK = True
    assert "This Akhrot is at neither" not in sure.get("/accounts/2fa/").content.decode()
    assert 'id="mfa_webauthn_add"' in sure.get("/accounts/2fa/webauthn/add/").content.decode()


def test_who_has_no_password_sets_one(user: User):
    user.set_unusable_password()
    user.save()
    client = Client()
    client.force_login(user)
    assert client.get("/accounts/password/change/")["Location"] == "/accounts/password/set/"
    check(client.get("/accounts/password/set/"), "Password")
    client.post("/accounts/password/set/", {"password1": "walnuts-are-not-nuts", "password2": "walnuts-are-not-nuts"})
    user.refresh_from_db()
    assert user.has_usable_password()


def test_links_that_are_no_good_say_what_to_do(db: None):
    answer = Client().get("/accounts/confirm-email/nothing/")
    assert "have the mail sent again" in check(answer, "This link is no longer valid")
    answer = Client().get("/accounts/password/reset/key/1-nothing/")
    assert "Ask for a new link" in check(answer, "This link is no longer valid")


def test_an_address_that_was_confirmed_elsewhere_is_said(user: User, other_user: User):
    row = EmailAddress.objects.create(user=user, email="both@example.com")
    EmailAddress.objects.create(user=other_user, email="both@example.com", verified=True)
    answer = Client().get(f"/accounts/confirm-email/{EmailConfirmationHMAC(row).key}/")
    check(answer, "This address is taken")


def test_the_address_page_shows_what_can_be_done_with_each(sure: Client, user: User):
    EmailAddress.objects.create(user=user, email="new@example.com")
    EmailAddress.objects.create(user=user, email="second@example.com", verified=True)
    page = check(sure.get("/accounts/email/"), "E-mail")
    assert [page.count(f'name="action_{what}"') for what in ("send", "primary", "remove")] == [1, 1, 2]
    sure.post("/accounts/email/", {"email": "second@example.com", "action_primary": ""})
    user.refresh_from_db()
    assert user.email == "second@example.com"
    sure.post("/accounts/email/", {"email": "new@example.com", "action_remove": ""})
    assert set(EmailAddress.objects.values_list("email", flat=True)) == {"second@example.com", "ada@example.com"}


def test_no_template_of_allauth_shows_through():
    """Each of its pages and messages has a counterpart of ours, but those of ways in that are turned off."""
    theirs, ours = Path(allauth.__file__).parent / "templates", django_settings.BASE_DIR / "templates"
    found = {
        str(path.relative_to(theirs))
        for app in ("account", "mfa", "usersessions")
        for path in [*(theirs / app).rglob("*.html"), *(theirs / app / "messages").glob("*.txt")]
    }
    missing = {name for name in found if not (ours / name).is_file()}
    bases = {name for name in missing if Path(name).name.startswith("base")}
    assert missing - bases == {
        *("account/confirm_email_verification_code.html", "account/confirm_login_code.html"),
        *("account/confirm_password_reset_code.html", "account/confirm_phone_verification_code.html"),
        *("account/email_change.html", "account/phone_change.html", "account/request_login_code.html"),
        *("account/signup_by_passkey.html", "account/snippets/already_logged_in.html"),
        *("account/snippets/warn_no_email.html", "account/messages/login_code_sent.txt"),
        *("account/messages/phone_verification_sent.txt", "account/messages/phone_verified.txt"),
        *("mfa/trust.html", "mfa/webauthn/signup_form.html", "mfa/webauthn/snippets/login_script.html"),
        "usersessions/messages/sessions_logged_out.txt",
    }


def test_who_adds_an_address_is_told_where_the_link_goes(browser: Client, settings: Any):
    assert "We will mail you a link" in browser.get("/accounts/email/").content.decode()
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert "is printed in its log" in browser.get("/accounts/email/").content.decode()
