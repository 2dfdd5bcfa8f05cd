"""Activity in Chromium: filtered without loading the page again, followed back in time, taken along as a file."""

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_dashboard import WIDER_THAN_THE_SCREEN, Open
from tests.browser.test_dashboard import chromium as chromium
from tests.browser.test_dashboard import oauth as oauth
from tests.browser.test_dashboard import open_page as open_page
from tests.browser.test_dashboard import site as site
from tests.site import OWNER, Site

pytestmark = [pytest.mark.browser, pytest.mark.oauth_server]
FOCUSED = "document.activeElement.id"
# Two hundred fetches of the last ten days, every fifth refused, every fourth of another provider, by the first key.
HAPPEN = f"""
import datetime as dt
from django.contrib.auth.models import User
from django.utils import timezone
from apikeys.models import ApiKey, AuditEvent
from connections.models import Connection
user, key = User.objects.get(email={OWNER!r}), ApiKey.objects.order_by("created_at").first()
held = {{row.provider_id: row for row in Connection.objects.filter(user=user)}}
start, rows = timezone.now() - dt.timedelta(days=10), []
for n in range(200):
    row = held["mongodb" if n % 4 == 0 else "sandbox"]
    rows.append(AuditEvent(
        at=start + n * dt.timedelta(hours=1.19), user=user, action="token.fetch", api_key_id=key.pk,
        outcome="TOKEN_EXPIRED" if n % 5 == 0 else "ok", provider=row.provider_id, account=row.account,
        connection_id=row.pk, address="203.0.113.7", purpose=f"errand {{n}}.", request_id=f"req-{{n}}",
    ))
AuditEvent.objects.bulk_create(rows)
"""


@pytest.fixture(scope="module", autouse=True)
def _happened(site: Site) -> None:
    site.tell("shell", "--no-imports", "-c", HAPPEN)


def events(page: Page):
    return page.locator(".act-event")


def open_activity(page: Page, query: str = "") -> None:
    page.goto(f"/app/ledger/{query}")
    page.evaluate("window.stayed = true")


def stayed(page: Page) -> bool:
    return bool(page.evaluate("window.stayed"))


def test_the_list_the_chart_and_the_address_follow_the_filters(open_page: Open):
    page = open_page()
    open_activity(page)
    expect(page.locator("figure")).to_contain_text("Last 30 days")
    page.get_by_label("Provider").focus()
    page.get_by_label("Provider").select_option("MongoDB")
    expect(page).to_have_url(re.compile(r"/app/ledger/\?provider=mongodb$"))
    expect(page.get_by_role("status")).to_have_text("40 events shown, and there are older ones")
    assert page.evaluate(FOCUSED) == "by-provider"
    page.get_by_label("Outcome").select_option("Refused")
    expect(page).to_have_url(re.compile(r"\?provider=mongodb&outcome=refused$"))
    expect(events(page)).to_have_count(10)
    expect(page.locator("figure")).to_contain_text("10 refused")
    page.get_by_label("Time").select_option("Last 7 days")
    expect(page).to_have_url(re.compile(r"&time=week$"))
    expect(page.locator("figure")).to_contain_text("Last 7 days")
    assert stayed(page)
    page.get_by_role("link", name="Remove the filter Last 7 days").press("Enter")
    expect(page).to_have_url(re.compile(r"\?provider=mongodb&outcome=refused$"))
    expect(events(page)).to_have_count(10)
    assert page.evaluate(FOCUSED) == "events"
    page.get_by_role("link", name="Clear all").click()
    expect(page).to_have_url(re.compile(r"/app/ledger/$"))
    assert stayed(page)
    page.go_back()
    expect(page).to_have_url(re.compile(r"\?provider=mongodb&outcome=refused$"))
    expect(events(page)).to_have_count(10)
    expect(page.get_by_role("banner")).to_have_count(1)


def test_older_events_come_below_and_the_reader_goes_on_there(open_page: Open):
    page = open_page(width=390)
    open_activity(page, "?action=token")
    expect(events(page)).to_have_count(40)
    page.get_by_role("link", name="Older").press("Enter")
    expect(events(page)).to_have_count(80)
    expect(events(page).nth(40).locator("summary")).to_be_focused()
    page.keyboard.press("Enter")
    expect(events(page).nth(40).get_by_text("Request")).to_be_visible()
    for number in (120, 160, 200):
        page.get_by_role("link", name="Older").click()
        expect(events(page)).to_have_count(number)
    said = [re.search(r"errand (\d+)\.", text) for text in events(page).locator("summary").all_inner_texts()]
    assert [int(found[1]) for found in said if found] == list(range(199, -1, -1))
    assert page.get_by_role("link", name="Older").count() == 0
    assert not page.evaluate(WIDER_THAN_THE_SCREEN)
    assert stayed(page)


def test_an_event_opens_by_keyboard_and_leads_to_its_key_and_account(open_page: Open):
    page = open_page()
    open_activity(page, "?provider=mongodb&outcome=ok")
    first = events(page).first
    first.locator("summary").press("Enter")
    expect(first.get_by_text("203.0.113.7").last).to_be_visible()
    first.get_by_role("link", name="assistant", exact=True).press("Enter")
    expect(page.get_by_role("heading", name="assistant")).to_be_visible()
    expect(page.get_by_text("203.0.113.7").first).to_be_visible()
    page.get_by_role("link", name="All activity").click()
    expect(page.get_by_role("link", name=re.compile("Remove the filter Key: assistant"))).to_be_visible()
    events(page).first.locator("summary").click()
    events(page).first.get_by_role("link", name="all of it with this account").click()
    expect(page.get_by_role("link", name=re.compile("Remove the filter Account"))).to_be_visible()
    expect(page.get_by_role("combobox", name="Account")).to_have_value(re.compile("."))


def test_days_are_chosen_and_stay_in_sight(open_page: Open):
    page = open_page(width=390)
    open_activity(page)
    page.get_by_text("Dates", exact=True).click()
    page.get_by_label("From").fill("2020-01-01")
    expect(page).to_have_url(re.compile(r"\?from=2020-01-01$"))
    expect(page.get_by_label("From")).to_be_focused()
    page.get_by_label("Until").fill("2020-01-02")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    expect(page.get_by_role("link", name="Remove the filter Until 2 Jan 2020")).to_be_visible()
    page.get_by_role("link", name="Clear filters").click()
    expect(events(page)).to_have_count(40)
    assert not page.evaluate(WIDER_THAN_THE_SCREEN)


def test_what_is_filtered_is_taken_along_as_a_file(open_page: Open, tmp_path: Path):
    page = open_page(accept_downloads=True)
    open_activity(page, "?provider=mongodb&outcome=refused")
    with page.expect_download() as started:
        page.get_by_role("link", name="Download as CSV").click()
    assert re.fullmatch(r"akhrot-activity-\d{4}-\d\d-\d\d\.csv", started.value.suggested_filename)
    started.value.save_as(tmp_path / "activity.csv")
    with (tmp_path / "activity.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["purpose"] for row in found] == [f"errand {n}." for n in range(180, -1, -20)]


@pytest.mark.parametrize("width", [390, 1280])
def test_activity_needs_no_javascript(open_page: Open, width: int):
    page = open_page(width=width, java_script_enabled=False)
    page.goto("/app/ledger/")
    page.get_by_label("Provider").select_option("MongoDB")
    page.get_by_label("What was done").select_option("Fetches")
    page.get_by_role("button", name="Filter").click()
    expect(events(page)).to_have_count(40)
    events(page).first.locator("summary").click()
    expect(events(page).first.get_by_text("Request")).to_be_visible()
    page.get_by_label("Provider").select_option("Sandbox")
    page.get_by_role("button", name="Filter").click()
    page.get_by_role("link", name="Older").click()
    page.get_by_role("link", name="Back to the newest").click()
    page.get_by_role("link", name="Remove the filter Sandbox").click()
    expect(page.get_by_label("Provider")).to_have_value("")
    assert not page.evaluate(WIDER_THAN_THE_SCREEN)
