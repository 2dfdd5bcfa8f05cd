"""The activity page: what it lists, offers and leads to, whole and in parts, and that it is one's own."""

import datetime as dt
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection as db
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys import tallies
from apikeys.models import AuditEvent
from apikeys.tallies import HOUR
from tests.agents import Agent
from tests.connections.dashboard.test_key_views import text_of

PAGE = "/app/ledger/"


def event(user: User, ago: float = 0, **columns: Any) -> AuditEvent:
    """An event `ago` hours old."""
    at = timezone.now() - ago * HOUR
    return AuditEvent.objects.create(user=user, at=at, **{"action": "token.fetch", "provider": "google", **columns})


def count_all() -> None:
    while tallies.count_next():
        pass


def purposes(page: Any) -> list[str]:
    """What the listed events were for, in their order."""
    return re.findall(r'<span class="row-text">“([^”]*)”', page.content.decode())


@pytest.fixture
def seen(browser: Client) -> Callable[..., list[str]]:
    """``seen(outcome="ok")``: the purposes of the events that the page then lists."""
    return lambda **query: purposes(browser.get(PAGE, {name.rstrip("_"): value for name, value in query.items()}))


@pytest.mark.parametrize("counted", [False, True])
def test_every_filter_narrows_and_they_do_together(user: User, seen: Any, counted: bool) -> None:
    mine, other = uuid.uuid4(), uuid.uuid4()
    event(user, 999, purpose="long ago", api_key_id="key00001")
    event(user, 30, purpose="yesterday", api_key_id="key00001", connection_id=mine)
    event(user, 3, purpose="refused", api_key_id="key00002", outcome="TOKEN_EXPIRED", connection_id=mine)
    event(user, 2, purpose="slack", provider="slack", api_key_id="key00001", connection_id=other)
    event(user, 0.5, purpose="link", action="session.create", api_key_id="key00002")
    if counted:
        count_all()
    assert seen() == ["link", "slack", "refused", "yesterday", "long ago"]
    assert seen(key="key00001") == ["slack", "yesterday", "long ago"]
    assert seen(provider="slack") == ["slack"]
    assert seen(connection=str(mine)) == ["refused", "yesterday"]
    assert seen(outcome="ok") == ["link", "slack", "yesterday", "long ago"]
    assert seen(outcome="refused") == seen(outcome="TOKEN_EXPIRED") == ["refused"]
    assert seen(outcome="MISSING_SCOPES") == []
    assert seen(action="session") == ["link"]
    assert seen(time="hour") == ["link"]
    assert seen(time="day") == ["link", "slack", "refused"]
    assert seen(time="week") == ["link", "slack", "refused", "yesterday"]
    day = f"{timezone.now() - 999 * HOUR:%Y-%m-%d}"
    assert seen(from_=day, to=day) == ["long ago"]
    assert seen(to=day) == ["long ago"]
    assert seen(key="key00001", provider="google", time="month") == ["yesterday"]
    assert seen(key="key00001", outcome="refused") == []


def test_another_users_events_are_not_there(other_user: User, seen: Any) -> None:
    connection_id = uuid.uuid4()
    event(other_user, 2, purpose="theirs", api_key_id="key00001", connection_id=connection_id)
    count_all()
    for query in ({}, {"key": "key00001"}, {"connection": str(connection_id)}, {"provider": "google"}):
        assert seen(**query) == []


def test_a_connection_that_is_anothers_has_no_name_here(browser: Client, other_user: User, connect: Any) -> None:
    theirs = connect("google", user=other_user)
    event(other_user, 1, connection_id=theirs.pk, account="eve@example.com")
    page = browser.get(PAGE, {"connection": str(theirs.pk)}).content.decode()
    assert "eve@example.com" not in page


def test_older_events_are_a_link_away_and_lead_back(browser: Client, user: User) -> None:
    for number in range(120):
        event(user, 200 - number, purpose=f"p{number}.", outcome="ok" if number % 2 else "FORBIDDEN")
    count_all()
    found, address = [], f"{PAGE}?outcome=ok"
    while address:
        page = browser.get(address)
        found += purposes(page)
        older = re.search(r'href="(/app/ledger/\?[^"]*before=\d+)"', page.content.decode())
        address = older[1].replace("&amp;", "&") if older else ""
    assert found == [f"p{number}." for number in range(119, 0, -2)]
    assert "Back to the newest" in page.content.decode()


def test_htmx_gets_what_follows_and_nothing_around_it(browser: Client, user: User) -> None:
    for number in range(60):
        event(user, 60 - number, purpose=f"p{number}.")
    first = browser.get(PAGE)
    more = re.search(r'hx-get="([^"]*before=[^"]*day=[^"]*)"', first.content.decode())
    assert more
    headers = {"HX-Request": "true", "HX-Target": "older"}
    rest = browser.get(more[1].replace("&amp;", "&"), headers=headers)
    page = rest.content.decode()
    assert purposes(rest) == [f"p{number}." for number in range(19, -1, -1)]
    assert page.count("autofocus") == 1
    assert "<form" not in page
    assert "<html" not in page
    # The day above goes on.
    assert page.index("<details") < (page.index("<h3") if "<h3" in page else len(page))


def test_htmx_gets_the_list_and_an_address_without_what_is_empty(browser: Client, user: User) -> None:
    event(user, 1)
    query = {"key": "", "provider": "google", "outcome": "", "from": "", "to": "", "time": ""}
    answer = browser.get(PAGE, query, headers={"HX-Request": "true", "HX-Target": "activity"})
    page = answer.content.decode()
    assert answer["HX-Push-Url"] == f"{PAGE}?provider=google"
    assert "HX-Request" in answer["Vary"]
    assert '<p id="told" hx-swap-oob="innerHTML">1 event shown</p>' in page
    assert "<html" not in page
    assert "autofocus" not in page
    unset = browser.get(PAGE, headers={"HX-Request": "true", "HX-Target": "activity", "HX-Trigger": "chip-provider"})
    assert unset["HX-Push-Url"] == PAGE
    assert 'id="events" tabindex="-1" autofocus' in unset.content.decode()
    back = browser.get(PAGE, headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})
    assert "<html" in back.content.decode()


def test_an_event_leads_to_its_key_and_its_connection(
    browser: Client, issue: Callable[..., Agent], connect: Any
) -> None:
    row, agent = connect("google", account="ada@gmail.example"), issue(name="laptop")
    gone = connect("slack")
    agent.post("/tokens/fetch", {"provider": "google", "purpose": "read the inbox"})
    agent.post("/tokens/fetch", {"provider": "slack"})
    gone.delete()
    page = browser.get(PAGE).content.decode()
    assert f'href="/app/keys/{agent.row.pk}/">laptop<' in page
    assert f'href="/app/connections/{row.pk}/">ada@gmail.example<' in page
    assert f'href="/app/connections/{gone.pk}/"' not in page
    assert "(disconnected since)" in page
    assert f'href="/app/ledger/?provider=google&amp;connection={row.pk}"' in page or f"connection={row.pk}" in page
    assert "127.0.0.1" in page


def test_what_is_filtered_by_has_its_name(browser: Client, issue: Callable[..., Agent], connect: Any) -> None:
    agent, row = issue(name="laptop"), connect("google", account="ada@gmail.example")
    said = text_of(browser.get(PAGE, {"key": agent.row.pk, "provider": "google", "connection": str(row.pk)}))
    assert f"Key: laptop ({agent.row.pk})" in said
    assert "Account: ada@gmail.example" in said
    agent.post("/tokens/fetch", {"provider": "google"})
    connection_id = str(row.pk)
    row.delete()
    assert "Account: ada@gmail.example" in text_of(browser.get(PAGE, {"connection": connection_id}))
    assert "Refused: not granted" in text_of(browser.get(PAGE, {"outcome": "MISSING_SCOPES"}))


def test_a_newcomer_is_told_what_to_do_and_nobody_is_left_with_nothing(browser: Client, user: User) -> None:
    empty = browser.get(PAGE).content.decode()
    assert "Nothing has happened yet" in empty
    assert "Connect something" in empty
    assert "<select" not in empty
    event(user, 1)
    nothing = browser.get(PAGE, {"provider": "slack"}).content.decode()
    assert "Nothing matches" in nothing
    assert "Clear filters" in nothing
    assert "export" not in nothing
    assert "Nothing older" in browser.get(PAGE, {"before": "1"}).content.decode()


def test_what_agents_say_is_escaped(browser: Client, user: User) -> None:
    bad = "<script>alert(1)</script>"
    event(user, 1, purpose=bad, provider=bad, account=bad, detail=bad, request_id=bad, outcome=bad, api_key_id="<b>")
    event(user, 1, account=bad, connection_id=uuid.uuid4())
    assert "<script>alert" not in browser.get(PAGE).content.decode()
    assert "<script>alert" not in browser.get(PAGE, {"provider": bad}).content.decode()


def test_the_chart_follows_the_filters(browser: Client, user: User) -> None:
    for _ in range(3):
        event(user, 2)
    event(user, 2, outcome="FORBIDDEN")
    event(user, 2, provider="slack")
    event(user, 2, action="key.issue", provider="")
    count_all()
    event(user, 0)
    assert "Fetches · Last 30 days: 5 done, 1 refused" in text_of(browser.get(PAGE))
    assert "Fetches · Last 24 hours: 4 done, 1 refused" in text_of(
        browser.get(PAGE, {"provider": "google", "time": "day"})
    )
    assert "API keys · Last 30 days: 1 done" in text_of(browser.get(PAGE, {"action": "key"}))
    assert "<figure" not in browser.get(PAGE, {"provider": "stripe"}).content.decode()


def test_thirty_events_cost_as_many_reads_as_one(browser: Client, user: User, connect: Any) -> None:
    row = connect("google")
    costs = []
    for number in (1, 29):
        for back in range(number):
            event(user, 30 - back, connection_id=row.pk, api_key_id=f"key0000{back % 5}", provider="google")
        count_all()
        event(user, 0, connection_id=row.pk)
        for query in ({}, {"provider": "google", "outcome": "ok", "time": "month"}):
            with CaptureQueriesContext(db) as queries:
                browser.get(PAGE, query)
            costs.append(len(queries))
    assert costs[:2] == costs[2:]
    assert max(costs) <= 22
    counting = [query["sql"] for query in queries.captured_queries if "COUNT(" in query["sql"]]
    assert all(f'"apikeys_auditevent"."id" > {tallies.position()}' in statement for statement in counting)


def test_it_needs_a_login_and_takes_no_post(browser: Client) -> None:
    for path in (PAGE, f"{PAGE}export/"):
        assert Client().get(path)["Location"].startswith("/accounts/login/")
        assert browser.post(path).status_code == 405


@pytest.mark.parametrize("day", ["", "2026-11-24", "x", "9" * 40])
def test_a_strange_cursor_or_day_is_passed_over(browser: Client, user: User, day: str) -> None:
    event(user, 1, purpose="one")
    for before in ("", "0", "-1", "x", "1\0", "9" * 30, "٣"):
        answer = browser.get(PAGE, {"before": before, "day": day})
        assert answer.status_code == 200
        assert purposes(answer) == ["one"]


def test_the_time_of_an_event_is_there_to_the_second(browser: Client, user: User) -> None:
    at = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
    AuditEvent.objects.create(user=user, at=at, action="token.fetch", provider="google")
    page = browser.get(PAGE).content.decode()
    assert "Wednesday, 4 March 2026" in page
    assert 'datetime="2026-03-04T05:06:07Z"' in page
    assert ">05:06<" in page
