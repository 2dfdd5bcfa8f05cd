"""Second factors and passkeys in Chromium. The passkeys are real ones, of a device that the browser makes up."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from allauth.mfa.totp.internal.auth import hotp_value, yield_hotp_counters_from_time
from playwright.sync_api import Page

from tests.browser.accounts import Open, confirm, is_in, sign_in, sign_out
from tests.browser.accounts import bob as bob
from tests.browser.accounts import chromium as chromium
from tests.browser.accounts import open_page as open_page
from tests.browser.accounts import site as site
from tests.browser.test_dashboard import WIDER_THAN_THE_SCREEN

pytestmark = [pytest.mark.browser, pytest.mark.site]


def with_device(page: Page, **options: Any) -> tuple[Any, str]:
    """Give the page a device that verifies its user; the session of Chromium's protocol, and the device's id there."""
    protocol = page.context.new_cdp_session(page)
    protocol.send("WebAuthn.enable")
    device = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
        **options,
    }
    return protocol, protocol.send("WebAuthn.addVirtualAuthenticator", {"options": device})["authenticatorId"]


def test_an_app_and_a_recovery_code_are_second_factors(open_page: Open, bob: str):
    page = open_page(width=390)
    sign_in(page, bob)
    is_in(page)
    page.goto("/accounts/2fa/totp/activate/")
    confirm(page)
    assert page.locator(".qr img").evaluate("image => image.naturalWidth") > 0
    secret = page.locator("#authenticator_secret").inner_text()
    assert not page.evaluate(WIDER_THAN_THE_SCREEN)
    page.get_by_label("Code from the app").fill(code(secret))
    page.get_by_role("button", name="Turn it on").click()
    page.get_by_role("heading", name="Recovery codes").wait_for()
    codes = page.locator("#recovery_codes").inner_text().split()
    assert len(codes) == 10
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert Path(download.value.path()).read_text().split() == codes

    for factor in (code(secret), codes[0]):
        sign_out(page)
        sign_in(page, bob)
        page.get_by_label("Code").fill("000000")
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.get_by_text("This code is wrong.").wait_for()
        page.get_by_label("Code").fill(factor)
        page.get_by_role("button", name="Sign in", exact=True).click()
        is_in(page)
    page.goto("/accounts/2fa/")
    page.get_by_text("9 left.").wait_for()


def code(secret: str) -> str:
    """The code of this moment; it is good for another step (RFC 6238, 5.2), so a slow page does not outlive it."""
    _before, now, _after = yield_hotp_counters_from_time()
    return f"{hotp_value(secret, now):06}"


def add_passkey(page: Page, name: str, *, alone: bool) -> None:
    page.goto("/accounts/2fa/webauthn/add/")
    confirm(page)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Sign in without a password").set_checked(alone)
    page.get_by_role("button", name="Add it").click()
    page.get_by_text("The passkey is added.").wait_for()


def test_a_passkey_stands_for_the_password(open_page: Open, bob: str):
    page = open_page(width=390)
    with_device(page)
    sign_in(page, bob)
    is_in(page)
    add_passkey(page, "Bob's laptop", alone=True)
    page.goto("/accounts/2fa/webauthn/")
    page.get_by_text("Replaces the password").wait_for()
    sign_out(page)
    page.goto("/accounts/login/?next=/app/ledger/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(lambda url: urlsplit(url).path == "/app/ledger/")

    page.goto("/accounts/2fa/webauthn/")
    page.get_by_role("link", name="Rename").click()
    page.get_by_role("heading", name="Confirm it is you").wait_for()
    confirm(page)
    page.get_by_label("Name").fill("Bob's desk")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Bob's desk", exact=True).wait_for()
    page.get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove it").click()
    page.get_by_role("heading", name="No passkey yet").wait_for()
    sign_out(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.get_by_text("This passkey is not known here.").wait_for()


def test_a_security_key_is_a_second_factor_and_confirms_who_it_is(open_page: Open, bob: str):
    page = open_page()
    with_device(page, transport="usb", hasResidentKey=False)
    sign_in(page, bob)
    is_in(page)
    add_passkey(page, "USB key", alone=False)
    page.goto("/accounts/2fa/webauthn/")
    page.get_by_text("Second factor, after the password").wait_for()
    sign_out(page)
    sign_in(page, bob)
    page.get_by_role("button", name="Use a passkey or security key").click()
    is_in(page)
    page.goto("/accounts/2fa/recovery-codes/")
    page.get_by_role("link", name="Use a passkey or security key").click()
    page.get_by_role("button", name="Use a passkey or security key").click()
    page.get_by_role("heading", name="Recovery codes").wait_for()


def test_what_goes_wrong_with_a_passkey_is_said_in_words(open_page: Open):
    page = open_page()
    protocol, device = with_device(page)
    protocol.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.get_by_role("alert").filter(has_text="Nothing happened: it was cancelled or took too long.").wait_for()
