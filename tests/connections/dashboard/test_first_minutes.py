"""The path to an agent's first fetch: what is done, what comes next, and how it is left and found again."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys.models import ApiKey, AuditEvent
from connections.dashboard.first_minutes import LOOKED_AT, Path
from connections.models import Connection, OAuthSession, Welcome
from tests.agents import Agent
from tests.conftest import make_key


def text_of(browser: Client, path: str = "/app/start/", **query: str) -> str:
    answer = browser.get(path, query)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def next_of(user: User) -> str:
    step = Path(user).next
    return step.code if step else ""


def seen(page: str) -> str:
    return page.partition("/app/start/steps/?seen=")[2].partition('"')[0]


def test_each_step_is_done_as_soon_as_the_facts_say_so(user: User, connect: Any):
    assert next_of(user) == "connect"
    connect("openai")
    assert next_of(user) == "key"
    agent = Agent(make_key(user))
    assert next_of(user) == "give"
    agent.post("/tokens/fetch", {"provider": "stripe"})
    assert next_of(user) == "fetch"
    agent.post("/tokens/fetch", {"provider": "openai"})
    assert (next_of(user), Path(user).is_done) == ("", True)


def test_nothing_is_asked_for_twice(user: User, connect: Any):
    """Whoever's key has fetched has made one, though it is revoked and what it fetched is disconnected."""
    connect("openai")
    agent = Agent(make_key(user))
    agent.post("/tokens/fetch", {"provider": "openai"})
    agent.row.revoke()
    Connection.objects.all().delete()
    assert Path(user).is_done


def test_a_key_that_has_ended_before_it_was_used_is_none(user: User):
    ApiKey.objects.issue(user=user, name="old", expires_in=dt.timedelta(days=-1))
    assert not Path(user).steps[1].done
    row, _ = ApiKey.objects.issue(user=user, name="used before the ledger was purged")
    ApiKey.objects.note_uses({row.pk: timezone.now()})
    assert [step.done for step in Path(user).steps] == [False, True, True, False]


def test_what_others_do_moves_nobody_on(user: User, other_user: User, connect: Any):
    connect("openai", user=other_user)
    Agent(make_key(other_user)).post("/tokens/fetch", {"provider": "openai"})
    assert next_of(user) == "connect"


def test_who_has_a_long_ledger_is_past_the_first_fetch(user: User, key: Any):
    refused = {"user": user, "action": "token.fetch", "outcome": "TOKEN_EXPIRED", "api_key_id": key.row.pk}
    AuditEvent.objects.bulk_create(AuditEvent(**refused) for _ in range(LOOKED_AT - 1))
    assert not Path(user).is_done
    AuditEvent.objects.create(**refused)
    assert Path(user).is_done


def test_the_page_looks_again_and_is_told_when_the_first_fetch_has_arrived(browser: Client, agent: Agent, connect: Any):
    connect("openai")
    page = text_of(browser)
    assert 'data-live="3"' in page
    assert browser.get("/app/start/steps/", {"seen": seen(page)}).status_code == 204
    agent.post("/tokens/fetch", {"provider": "stripe"})
    refused = text_of(browser, "/app/start/steps/", seen=seen(page))
    assert "assistant was refused a credential for Stripe" in refused
    assert ": not connected." in refused
    assert browser.get("/app/start/steps/", {"seen": seen(refused)}).status_code == 204
    agent.post("/tokens/fetch", {"provider": "openai"})
    done = text_of(browser, "/app/start/steps/", seen=seen(refused))
    assert "Your agent's first fetch has arrived" in done.replace("&#x27;", "'")
    assert "assistant fetched a credential for OpenAI" in done
    assert "data-live" not in done


def test_a_step_is_left_out_and_done_later(browser: Client, user: User, connect: Any):
    answer = browser.post("/app/start/skip/", {"step": "connect"})
    assert answer["Location"] == "/app/start/?at=key"
    page = text_of(browser, "/app/start/", at="key")
    assert 'id="step-key" tabindex="-1" autofocus' in page
    assert "Skipped. You can do it at any time." in page
    assert '<a href="/app/providers/">Connect something</a>' in page
    connect("openai")
    assert [step.skipped for step in Path(user).steps] == [False] * 4
    assert Path(user).steps[0].done
    for step in ("key", "give", "fetch"):
        browser.post("/app/start/skip/", {"step": step})
    assert "That is all for now." in text_of(browser)
    assert browser.post("/app/start/skip/", {"step": "nonsense"}).status_code == 404


def test_the_path_is_put_away_and_found_again(browser: Client, other_user: User):
    assert 'id="path"' in text_of(browser, "/app/")
    browser.post("/app/start/skip/", {"step": "connect"})
    done = browser.post("/app/start/hide/", follow=True)
    assert "You can find it again under" in done.content.decode()
    assert 'id="path"' not in text_of(browser, "/app/")
    assert 'href="/app/start/"' in text_of(browser, "/app/")
    assert "Show it on the connections page" in text_of(browser)
    browser.post("/app/start/hide/", {"shown": "1"})
    assert 'id="path"' in text_of(browser, "/app/")
    assert Welcome.objects.get().skipped == []
    stranger = Client()
    stranger.force_login(other_user)
    assert 'id="path"' in text_of(stranger, "/app/")


def test_its_end_is_shown_to_newcomers_until_they_put_it_away(browser: Client, user: User, agent: Agent, connect: Any):
    connect("openai")
    agent.post("/tokens/fetch", {"provider": "openai"})
    assert "You are set up" in text_of(browser, "/app/")
    User.objects.filter(pk=user.pk).update(date_joined=timezone.now() - dt.timedelta(days=8))
    assert "You are set up" not in text_of(browser, "/app/")
    assert "You are set up" in text_of(browser)


def test_other_pages_lead_back_for_who_is_on_the_path_alone(browser: Client, connect: Any, key: Any):
    assert "Getting started, step" not in text_of(browser, "/app/keys/")
    text_of(browser)
    assert "Getting started, step 1 of 4" in text_of(browser, "/app/keys/")
    assert "Next: Connect something" in text_of(browser, "/app/keys/")
    assert "Back to the steps" in text_of(browser, "/app/providers/")
    connect("openai")
    assert "Next: Give it to your agent" in text_of(browser, "/app/keys/")
    assert "Getting started, step" not in text_of(browser, "/app/")
    browser.post("/app/start/hide/")
    assert "Getting started, step" not in text_of(browser, "/app/keys/")


def test_what_was_connected_on_the_path_leads_to_the_next_step(browser: Client, user: User, connect: Any):
    text_of(browser)
    browser.post("/app/providers/mongodb/connect/")
    session = OAuthSession.objects.get()
    fields = {"connectionString": "mongodb://user:password@db.example/walnuts"}
    done = browser.post(f"/connect/{session.pk}/start", fields, follow=True).content.decode()
    assert "MongoDB is connected" in done
    assert "Next: Create a key" in done


def test_the_first_step_offers_what_can_be_connected_at_once(browser: Client, user: User, configured: Any):
    page = text_of(browser)
    assert 'action="/app/providers/openai/connect/"' in page
    assert "Set up Google" not in page
    User.objects.filter(pk=user.pk).update(is_superuser=True, is_staff=True)
    page = text_of(browser)
    assert 'href="/admin/providers/provider/google/change/">Set up Google' in page
    assert 'action="/app/providers/google/connect/"' not in page
    configured("google")
    page = text_of(browser)
    assert "Set up Google" not in page
    assert 'action="/app/providers/google/connect/"' in page


@pytest.mark.parametrize("path", ["/app/start/", "/app/start/steps/"])
def test_the_path_takes_as_many_reads_however_much_there_is(
    browser: Client, user: User, agent: Agent, connect: Any, path: str
):
    connect("openai")
    agent.post("/tokens/fetch", {"provider": "openai"})

    def reads() -> int:
        with CaptureQueriesContext(database) as caught:
            text_of(browser, path)
        return len(caught)

    few = reads()
    for number in range(29):
        connect("openai")
        ApiKey.objects.issue(user=user, name=f"agent {number}")
        agent.post("/tokens/fetch", {"provider": "openai"})
    assert reads() == few <= 8


def test_nobody_sees_it_without_signing_in():
    for path in ("/app/start/", "/app/start/steps/", "/app/start/skip/", "/app/start/hide/", "/app/waiting/"):
        assert Client().post(path)["Location"].startswith("/accounts/login/")
