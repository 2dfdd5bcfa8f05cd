"""The list of connections: what comes first, what is found, and what it costs."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys.models import AuditEvent
from connections.dashboard.last_uses import LOOKED_AT, last_uses
from connections.dashboard.listing import PAGE, Listing, Wish
from connections.models import Connection, OAuthSession
from providers.models import Provider


def found(user: User, **wish: Any) -> list[str]:
    return [row.connection.called for row in Listing(Wish(**wish), user).rows]


def text_of(browser: Client, **query: str) -> str:
    answer = browser.get("/app/", query)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def queries(browser: Client, path: str = "/app/", **query: str) -> int:
    browser.get(path, query)
    with CaptureQueriesContext(database) as caught:
        assert browser.get(path, query).status_code == 200
    return len(caught)


def test_who_needs_its_user_comes_first_with_one_button(browser: Client, user: User, connect: Any, configured: Any):
    configured("slack")
    connect("openai", account="the other")
    connect("slack", account="lost", status="needs_reauth", status_reason="token_revoked")
    assert found(user) == ["lost", "the other"]
    page = text_of(browser)
    assert page.index("lost") < page.index("the other")
    assert page.count("Reconnect<") == 1
    assert "Slack has ended the access: it was withdrawn" in page


def test_rows_say_which_account_is_the_default_where_there_are_several(browser: Client, connect: Any):
    connect("openai")
    assert ">default<" not in text_of(browser)
    connect("openai")
    assert text_of(browser).count(">default<") == 1


def test_a_row_says_by_which_key_it_was_last_fetched(browser: Client, user: User, agent: Any, connect: Any):
    row = connect("google")
    assert "Not fetched yet" in text_of(browser)
    agent.post("/tokens/fetch", {"provider": "google"})
    assert "by assistant" in text_of(browser)
    Connection.objects.update(scopes=[])
    agent.post("/tokens/fetch", {"provider": "google", "service": "gmail"})
    use = last_uses([row], user)[row.pk]
    assert (use.refused, use.key) == (True, "assistant")
    assert "Refused to assistant <time" in text_of(browser)


def test_the_last_use_is_looked_for_among_the_newest_events_alone(user: User, connect: Any):
    row, other = connect("google"), connect("openai")
    at = timezone.now() - dt.timedelta(days=1)
    fetch = {"user": user, "action": "token.fetch", "api_key_id": "goneGone"}
    for one in (row, other):
        AuditEvent.objects.create(**fetch, at=at, connection_id=one.pk)
    tests = {"user": user, "action": "connection.test", "connection_id": row.pk}
    AuditEvent.objects.bulk_create(AuditEvent(**tests) for _ in range(LOOKED_AT - 1))
    assert last_uses([row, other], user)[row.pk].at == at
    AuditEvent.objects.create(**tests)
    uses = last_uses([row, other], user)
    assert row.pk not in uses
    assert uses[other.pk].key == "goneGone"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("google", ["home", "work"]),
        ("WORK", ["work"]),
        ("gmail", ["home", "work"]),
        ("google ada@home", ["home"]),
        ("embeddings", ["a key"]),
        ("google openai", []),
        ("no\0thing", []),
        ("gone", ["old"]),
    ],
)
def test_connections_are_found_by_provider_service_account_and_own_name(
    user: User, connect: Any, other_user: User, query: str, names: list[str]
):
    connect("google", label="home", account="ada@home.example")
    connect("google", label="work", account="ada@work.example")
    connect("openai", account="a key")
    connect("google", user=other_user, account="ada@home.example")
    Connection.objects.create(user=user, provider=Provider.objects.create(code="gone"), account="old", secrets="{}")
    assert sorted(found(user, query=Wish.of({"q": query}).query)) == sorted(names)


def test_states_and_providers_are_counted_and_chosen(user: User, connect: Any):
    connect("google", status="needs_reauth")
    connect("google", last_error="away")
    connect("openai", ends_at=timezone.now() + dt.timedelta(days=3), account="ending")
    connect("openai", account="fine")
    whole = Listing(Wish(), user)
    assert [(one.value, one.number) for one in whole.states()] == [
        ("", 4),
        ("needs", 1),
        ("ending", 1),
        ("failing", 1),
    ]
    assert [(one.title, one.number) for one in whole.providers()] == [("Google", 2), ("OpenAI", 2)]
    chosen = Listing(Wish(provider="openai", state="ending"), user)
    assert [row.connection.account for row in chosen.rows] == ["ending"]
    assert [one.number for one in chosen.states()] == [2, 0, 1, 0]
    assert [one.number for one in chosen.providers()] == [0, 1]
    assert Listing(Wish(provider="slack"), user).number == 0


def test_nonsense_asks_for_everything_and_a_page_too_far_is_the_last(browser: Client, user: User, connect: Any):
    connect("openai", account="only")
    assert "only" in text_of(browser, state="nonsense", page="99999")
    assert Wish.of({"page": "²", "state": "x", "q": "  "}) == Wish()
    assert Wish(query="a b", page=3).address(state="needs") == "?q=a+b&state=needs"


def test_what_nothing_is_found_for_says_where_to_look(browser: Client, connect: Any):
    connect("openai", account="only")
    page = text_of(browser, q="stripe")
    assert "No connection matches “stripe”" in page
    assert "/app/providers/?q=stripe" in page
    assert "Nothing needs you" in text_of(browser, state="needs")
    assert "Search all providers" in text_of(browser, q="openai", state="failing")


def test_the_list_comes_in_pages(browser: Client, user: User, connect: Any):
    names = [f"key {number:02}" for number in range(2 * PAGE + 1)]
    for name in names:
        connect("openai", account=name)
    assert found(user, page=3) == names[-1:]
    page = text_of(browser, page="2", q="key")
    assert "Page 2 of 3" in page
    assert "?q=key&amp;page=3" in page
    assert [name for name in names if name in page] == names[PAGE : 2 * PAGE]


def test_htmx_gets_what_was_found_alone_and_the_address_follows_the_typing(browser: Client, connect: Any):
    connect("openai", account="only")
    headers = {"HX-Request": "true", "HX-Trigger": "finder"}
    answer = browser.get("/app/", {"q": "only"}, headers=headers)
    assert answer["HX-Replace-Url"] == "/app/?q=only"
    assert "<html" not in answer.content.decode()
    assert 'id="told" hx-swap-oob="innerHTML"' in answer.content.decode()
    assert "HX-Request" in answer["Vary"]
    restored = browser.get("/app/", headers={**headers, "HX-History-Restore-Request": "true"})
    assert "<html" in restored.content.decode()


@pytest.mark.parametrize("query", [{}, {"q": "openai"}])
def test_thirty_connections_take_as_many_reads_as_one(
    browser: Client, user: User, agent: Any, connect: Any, query: dict[str, str]
):
    connect("openai", account="the first")
    agent.post("/tokens/fetch", {"provider": "openai"})
    agent.post("/oauth/sessions", {"provider": "stripe"})
    few = queries(browser, **query)
    for number in range(29):
        row = connect("google" if number % 2 else "openai", status="active" if number % 3 else "needs_reauth")
        agent.post("/tokens/fetch", {"provider": row.provider_id, "account": str(row.pk)})
    for _ in range(5):
        agent.post("/oauth/sessions", {"provider": "stripe"})
    assert queries(browser, **query) == few <= 21


def test_what_waits_is_looked_at_again_and_answered_only_when_it_changed(browser: Client, agent: Any):
    empty = browser.get("/app/").content.decode()
    seen = empty.partition("/app/waiting/?seen=")[2].partition('"')[0]
    assert browser.get("/app/waiting/", {"seen": seen}).status_code == 204
    agent.post("/oauth/sessions", {"provider": "openai"})
    changed = browser.get("/app/waiting/", {"seen": seen})
    assert "assistant wants to connect OpenAI" in " ".join(changed.content.decode().split())
    assert "1 request waits for you" in changed.content.decode()
    assert changed["HX-Trigger"] == "connections-changed"
    seen = changed.content.decode().partition("/app/waiting/?seen=")[2].partition('"')[0]
    assert browser.get("/app/waiting/", {"seen": seen}).status_code == 204


def test_what_was_begun_anew_in_the_dashboard_waits_once(browser: Client, agent: Any):
    for _ in range(2):
        browser.post("/app/providers/openai/connect/")
        agent.post("/oauth/sessions", {"provider": "openai"})
    page = " ".join(browser.get("/app/waiting/").content.decode().split())
    assert (page.count("You started connecting OpenAI"), page.count("assistant wants to connect OpenAI")) == (1, 2)
    left = OAuthSession.objects.filter(key=None).earliest("created_at")
    assert left.status == "pending"
    assert browser.get(f"/connect/{left.pk}").status_code == 200, "another tab may be at it"


def test_another_users_requests_are_not_seen(browser: Client, other_agent: Any):
    other_agent.post("/oauth/sessions", {"provider": "openai"})
    assert "wants to connect" not in browser.get("/app/waiting/").content.decode()
