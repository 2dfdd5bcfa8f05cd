"""Slack's two tokens from one consent: each asked for, kept, answered and given back for what it is."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from apikeys.ledger import Caller
from connections import connect
from connections.models import Connection
from tests.provider_http import ProviderHttp

TOKEN, WHOSE, REVOKE = (f"https://slack.com/api/{name}" for name in ("oauth.v2.access", "auth.test", "auth.revoke"))
ANSWER: dict[str, Any] = {
    "ok": True,
    "access_token": "xoxb-1",
    "scope": "chat:write,channels:read",
    "team": {"id": "T1"},
    "authed_user": {"id": "U1", "access_token": "xoxp-1", "scope": "search:read"},
}


@pytest.fixture
def slack(configured: Any, agent: Any, browser: Client, provider_http: ProviderHttp) -> Any:
    """``slack(answer, services=[…])`` connects it: the parameters of the authorization URL."""
    configured("slack")
    provider_http.reply("POST", WHOSE, json={"ok": True, "team_id": "T1", "user_id": "B1", "team": "Nuts"})
    provider_http.reply("POST", REVOKE, json={"ok": True, "revoked": True})

    def slack(answer: Any = ANSWER, **options: Any) -> dict[str, str]:
        provider_http.reply("POST", TOKEN, json=answer)
        session = agent.post("/oauth/sessions", {"provider": "slack", **options}).json()["data"]
        path = urlsplit(session["url"]).path
        asked = browser.get(path).content.decode()
        params = {
            name: one[0] for name, one in parse_qs(urlsplit(browser.post(f"{path}/start")["Location"]).query).items()
        }
        assert ("user:" in asked) == ("user_scope" in params), "the page says what is asked for"
        browser.get(f"/oauth/callback/slack?code=c&state={params['state']}")
        return params

    return slack


def fetched(agent: Any, **body: Any) -> Any:
    return agent.post("/tokens/fetch", {"provider": "slack", **body}).json()


def test_nothing_is_asked_for_the_user_unless_it_is_wanted(slack, agent):
    params = slack({name: value for name, value in ANSWER.items() if name != "authed_user"})
    assert "user_scope" not in params
    assert fetched(agent, service="search")["error"]["code"] == "MISSING_SCOPES"


def test_scopes_of_the_user_go_into_a_parameter_of_their_own(slack, agent):
    params = slack(services=["chat", "search"])
    assert (params["scope"], params["user_scope"]) == ("team:read,chat:write", "search:read")
    data = fetched(agent)["data"]
    assert (data["accessToken"], data["extra"]["userToken"]) == ("xoxb-1", "xoxp-1")
    assert data["scopes"] == ["chat:write", "channels:read", "user:search:read"]
    assert data["headers"] == {"Authorization": "Bearer xoxb-1"}
    assert fetched(agent, service="search")["data"]["headers"] == {"Authorization": "Bearer xoxp-1"}


def test_the_users_token_stays_when_the_bot_is_connected_again(slack, agent):
    slack(services=["chat", "search"])
    slack({**ANSWER, "access_token": "xoxb-2", "authed_user": {"id": "U1"}}, services=["chat"])
    data = fetched(agent)["data"]
    assert (data["accessToken"], data["extra"]["userToken"]) == ("xoxb-2", "xoxp-1")
    assert "user:search:read" in data["scopes"]


def test_a_users_token_that_is_over_is_left_out(slack, agent, clock):
    slack({**ANSWER, "authed_user": {**ANSWER["authed_user"], "expires_in": 43200}}, services=["search"])
    assert fetched(agent)["data"]["extra"]["userTokenExpiresAt"]
    clock.forward(hours=13)
    data = fetched(agent, service="search")["data"]
    assert data["extra"].keys().isdisjoint({"userToken", "userTokenExpiresAt"})
    assert data["headers"] == {"Authorization": "Bearer xoxb-1"}


def test_disconnecting_ends_both_tokens(slack, provider_http):
    slack(services=["chat", "search"])
    row = Connection.objects.get()
    assert connect.disconnect(Caller(user=row.user), row) == "revoked"
    sent = [request.headers["Authorization"] for request in provider_http.calls("POST", REVOKE)]
    assert sent == ["Bearer xoxb-1", "Bearer xoxp-1"]
