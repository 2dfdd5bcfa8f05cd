"""The account's pages in Chromium: signing in, the password, sessions, inviting somebody, leaving."""

import re

import pytest
from playwright.sync_api import Page

from tests.browser.accounts import Open, confirm, is_in, letters, sign_in, sign_out
from tests.browser.accounts import bob as bob
from tests.browser.accounts import chromium as chromium
from tests.browser.accounts import open_page as open_page
from tests.browser.accounts import site as site
from tests.browser.test_dashboard import WIDER_THAN_THE_SCREEN
from tests.site import OWNER, PASSWORD, Site

pytestmark = [pytest.mark.browser, pytest.mark.site]
PAGES = (
    *("email/", "password/change/", "2fa/", "2fa/webauthn/", "2fa/webauthn/add/", "sessions/", "notifications/"),
    *("people/", "delete/", "logout/", "reauthenticate/"),
)
DOORS = (
    *("login/", "login/?next=/connect/00000000-0000-4000-8000-00000000000a", "signup/", "password/reset/"),
    *("password/reset/done/", "password/reset/key/done/", "password/reset/key/1-nothing/", "inactive/"),
    *("confirm-email/", "confirm-email/nothing/", "invitation/nothing/"),
)
NEW_PASSWORD = "almonds-are-not-nuts-7"


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_every_page_fits_and_keeps_to_the_policy(open_page: Open, width: int, scheme: str):
    page = open_page(width=width, color_scheme=scheme)
    for path in DOORS:
        page.goto(f"/accounts/{path}")
        assert not page.evaluate(WIDER_THAN_THE_SCREEN), path
        assert page.get_by_role("heading", level=1).count() == 1, path
    sign_in(page)
    is_in(page)
    for path in PAGES:
        page.goto(f"/accounts/{path}")
        assert not page.evaluate(WIDER_THAN_THE_SCREEN), path
        assert page.get_by_role("heading", level=1).count() == 1, path
        assert page.get_by_role("main").count() == 1, path


def test_a_password_can_be_looked_at_while_it_is_typed(open_page: Open):
    page = open_page()
    page.goto("/accounts/login/")
    assert page.evaluate("document.activeElement.name") == "login"
    field = page.get_by_label("Password", exact=True)
    field.fill(PASSWORD)
    page.get_by_role("button", name="Show").click()
    assert field.get_attribute("type") == "text"
    page.get_by_role("button", name="Hide").click()
    assert field.get_attribute("type") == "password"


def change_password(page: Page, old: str, new: str) -> None:
    page.goto("/accounts/password/change/")
    page.get_by_label("Current password").fill(old)
    page.get_by_label("New password", exact=True).fill(new)
    page.get_by_label("New password again").fill(new)
    page.get_by_role("button", name="Change password").click()


def test_changing_the_password_signs_the_others_out_and_is_told(open_page: Open, site: Site, bob: str):
    here, there = open_page(width=390), open_page()
    for page in (here, there):
        sign_in(page, bob)
        is_in(page)
    change_password(here, "not it", NEW_PASSWORD)
    here.get_by_text("This is not your current password.").wait_for()
    change_password(here, PASSWORD, NEW_PASSWORD)
    here.get_by_text("Your password is changed, and every other browser is signed out.").wait_for()
    there.goto("/app/")
    there.get_by_role("heading", name="Sign in", exact=True).wait_for()
    sign_in(there, bob)
    there.get_by_text("Wrong address or password.").wait_for()
    sign_in(there, bob, NEW_PASSWORD)
    is_in(there)
    # Not of necessity the last letter: beat writes of the new browsers when it comes to it.
    assert any("The password of your Akhrot account was changed." in text for text in letters(site, bob))


def test_another_session_is_ended_from_here(open_page: Open, bob: str):
    here = open_page(width=390)
    there = open_page(user_agent="Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0")
    for page in (there, here):
        sign_in(page, bob)
        is_in(page)
    here.goto("/accounts/sessions/")
    here.get_by_text("This browser").wait_for()
    assert not here.evaluate(WIDER_THAN_THE_SCREEN)
    here.get_by_role("button", name="Sign out (Firefox on Windows").click()
    here.get_by_text("Firefox on Windows is signed out.").wait_for()
    assert here.get_by_role("button", name="Sign out (").count() == 0
    there.goto("/app/")
    there.get_by_role("heading", name="Sign in", exact=True).wait_for()


def test_somebody_is_invited_by_mail_and_comes(open_page: Open, site: Site):
    owner, guest = open_page(), open_page(width=390)
    sign_in(owner)
    is_in(owner)
    owner.get_by_role("button", name="Your account").click()
    owner.get_by_role("link", name="People").click()
    owner.get_by_label("E-mail").fill("cora@example.test")
    owner.get_by_role("button", name="Send an invitation").click()
    owner.get_by_role("heading", name="cora@example.test is invited").wait_for()
    link = owner.locator("#invitation-link").inner_text()
    assert link in letters(site, "cora@example.test")[0]

    guest.goto(link)
    guest.get_by_text(f"{OWNER} invites you").wait_for()
    assert guest.get_by_label("E-mail").get_attribute("readonly") is not None
    assert not guest.evaluate(WIDER_THAN_THE_SCREEN)
    guest.get_by_label("Password", exact=True).fill(NEW_PASSWORD)
    guest.get_by_label("Password again").fill(NEW_PASSWORD)
    guest.get_by_role("button", name="Create my account").click()
    is_in(guest)
    sign_out(guest)
    guest.goto(link)
    guest.get_by_role("heading", name="This invitation is not valid").wait_for()
    sign_in(guest, "cora@example.test", NEW_PASSWORD)
    is_in(guest)
    assert guest.goto("/accounts/people/").status == 404  # type: ignore[union-attr]
    owner.goto("/accounts/people/")
    owner.get_by_text(re.compile("^Accepted$")).wait_for()


def test_an_account_is_deleted_and_its_owner_is_told_what_became_of_it(open_page: Open, site: Site, bob: str):
    add = ("connection", "add", "--user", bob, "--fields-stdin", "--provider", "mongodb")
    site.tell(*add, sent='{"connectionString": "mongodb://user:password@db.invalid/walnuts"}')
    page = open_page(width=390)
    sign_in(page, bob)
    is_in(page)
    page.goto("/accounts/delete/")
    page.get_by_text("1 connection. Your agents can no longer use it.").wait_for()
    page.get_by_label(f"Type {bob} to confirm").fill("somebody@example.test")
    page.get_by_role("button", name="Delete my account").click()
    page.get_by_role("heading", name="Confirm it is you").wait_for()
    confirm(page)
    page.get_by_text("This is not the address of this account.").wait_for()
    page.get_by_label(f"Type {bob} to confirm").fill(bob)
    page.get_by_role("button", name="Delete my account").click()
    page.get_by_role("heading", name="Your account is deleted").wait_for()
    page.get_by_text("MongoDB cannot be asked to end it.").wait_for()
    assert not page.evaluate(WIDER_THAN_THE_SCREEN)
    assert "MongoDB cannot be asked to end it." in letters(site, bob)[-1]
    sign_in(page, bob)
    page.get_by_text("Wrong address or password.").wait_for()
