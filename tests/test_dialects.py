"""Providers that differ from the standard, over real HTTP: connect, fetch, call, refresh, by what a file says alone."""

import tomllib
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.test import Client

from connections.models import Connection
from providers import http
from providers.models import Provider
from tests.oauth_server.process import OAuthServer, provider_toml

pytestmark = [pytest.mark.oauth_server, pytest.mark.django_db(transaction=True)]
CALLBACK = "http://127.0.0.1:8000/oauth/callback/sandbox"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OAuthServer]:
    server = OAuthServer.start(tmp_path_factory.mktemp("oauth"))
    yield server
    server.stop()


@pytest.fixture
def server(running: OAuthServer, settings: Any) -> OAuthServer:
    settings.AKHROT_ALLOW_PRIVATE_HOSTS = ["127.0.0.1"]
    http.use_transport(None)
    running.reset()
    running.allow_redirect(f"{settings.AKHROT_BASE_URL}/oauth/callback/sandbox")
    return running


@pytest.fixture
def connected(server: OAuthServer, browser: Client, agent: Any) -> Callable[..., Any]:
    """``connected(oauth={…})`` connects the sandbox with these keys changed: the page that follows the callback."""

    def connected(*, username: str = "ada@example.test", base_url: str = "", **oauth: Any) -> Any:
        specification = tomllib.loads(provider_toml(server.url)) | {"base_url": base_url or server.url}
        specification["oauth"] = {**specification["oauth"], **oauth}
        for service in specification["services"]:
            del service["base_url"]
        row, _ = Provider.objects.get_or_create(code="sandbox")
        row.specification, row.client_id, row.client_secret = specification, server.client_id, server.client_secret
        row.clean_fields()
        row.save()
        session = agent.post("/oauth/sessions", {"provider": "sandbox"}).json()["data"]
        url = browser.post(f"{urlsplit(session['url']).path}/start")["Location"]
        back = urlsplit(server.consent(url, username=username))
        page = browser.get(f"{back.path}?{back.query}")
        return browser.get(page["Location"]) if page.status_code == 303 else page

    return connected


def fetched(agent: Any, **body: Any) -> dict[str, Any]:
    answer = agent.post("/tokens/fetch", {"provider": "sandbox", **body})
    assert answer.status_code == 200, answer.content
    data: dict[str, Any] = answer.json()["data"]
    return data


def works(data: dict[str, Any], path: str = "/api/files") -> bool:
    return httpx.get(data["baseUrl"] + path, headers=data["headers"], trust_env=False).status_code == 200


def refreshed(server: OAuthServer, agent: Any, path: str = "/api/files") -> dict[str, Any]:
    """What is answered once the provider has ended the first token; the next one works."""
    first = fetched(agent)
    assert works(first, path)
    server.expire(first["accessToken"])
    assert not works(first, path)
    second = fetched(agent, rejected=first["tokenId"])
    assert works(second, path)
    assert second["accessToken"] != first["accessToken"]
    assert (server.counts()["refresh_ok"], server.counts()["refresh_refused"]) == (1, 0)
    return second


def test_the_site_that_was_chosen_is_where_every_token_is_used(server, connected, browser, agent):
    after = {
        "url": f"{server.url}/sites",
        "list": "sites",
        "id": "id",
        "label": "name",
        "keep": {"site": "id"},
        "noun": "site",
    }
    page = connected(after=after, base_url=f"{server.url}/sites/{{site}}")
    assert "Which site?" in page.content.decode()
    session = page.request["PATH_INFO"]
    assert "connected" in browser.post(f"{session}/choose", {"item": "id-wal"}, follow=True).content.decode()
    assert fetched(agent)["account"] == "wal (ada@example.test)"
    assert refreshed(server, agent, "/files")["baseUrl"] == f"{server.url}/sites/id-wal"
    connected(after=after, base_url=f"{server.url}/sites/{{site}}", username="bob@example.test")
    assert {row.account for row in Connection.objects.all()} == {"wal (ada@example.test)", "pea (bob@example.test)"}


SECOND = {
    "name": "userToken",
    "prefix": "user:",
    "scope_param": "user_scope",
    "access_token": "user.access_token",
    "scope": "user.scope",
    "expires_in": "user.expires_in",
}


def test_one_consent_gives_two_tokens_each_with_its_scopes(server, connected, agent, clock):
    scopes = ["openid", "email", "offline_access", "user:calendar.read"]
    connected(token_url=f"{server.url}/dialects/both/token", second=SECOND, scopes=scopes)
    first = fetched(agent)
    assert "user:calendar.read" in first["scopes"]
    assert "files.read" in first["scopes"]
    second = first["extra"]["userToken"]
    whose = httpx.get(f"{server.url}/me", headers={"Authorization": f"Bearer {second}"}, trust_env=False)
    assert whose.json()["email"] == "ada@example.test"
    assert not works({**first, "headers": {"Authorization": f"Bearer {second}"}}), "it has scopes of its own alone"
    again = refreshed(server, agent)
    assert (again["extra"]["userToken"], again["scopes"]) == (second, first["scopes"])
    clock.forward(minutes=2)
    assert fetched(agent)["extra"] == {}, "what is over is not answered"


@pytest.mark.parametrize("dialect", ["absolute-seconds", "absolute-milliseconds", "absolute-iso"])
def test_an_end_may_be_a_moment(server, connected, agent, dialect):
    answer = {"expires_at": "ends", "refresh_expires_at": "refresh_ends"}
    connected(token_url=f"{server.url}/dialects/{dialect}/token", answer=answer)
    assert 3500 < fetched(agent)["expiresIn"] <= 3600
    assert 3500 < refreshed(server, agent)["expiresIn"] <= 3600
    row = Connection.objects.get()
    assert row.ends_at is not None
    assert (row.ends_at - row.issued_at).days in (29, 30)


def test_a_token_endpoint_may_be_asked_by_get_with_grants_of_other_names(server, connected, agent):
    connected(
        token_url=f"{server.url}/dialects/get/token",
        token_method="GET",
        token_params={"grant_type": "get_code"},
        refresh_params={"grant_type": "get_refresh"},
    )
    first = fetched(agent)
    assert first["scopes"] == ["openid", "email", "offline_access", "files.read", "calendar.read"]
    assert 3500 < first["expiresIn"] <= 3600
    refreshed(server, agent)
    server.revoke_grants()
    refusal = agent.post("/tokens/fetch", {"provider": "sandbox", "minTtl": 3600})
    assert refusal.status_code == 200, "a refusal with status 200 does not take away a token that works"
    Connection.objects.update(expires_at=Connection.objects.get().issued_at, rejected_at=None)
    assert agent.post("/tokens/fetch", {"provider": "sandbox"}).json()["error"]["code"] == "TOKEN_EXPIRED"
    assert Connection.objects.get().status == "needs_reauth"


def traded(server: OAuthServer) -> dict[str, Any]:
    token = "{accessToken}"
    exchange = {"grant_type": "x_exchange_token", "client_secret": "{clientSecret}", "access_token": token}
    return {
        "token_url": f"{server.url}/dialects/short/token",
        "answer": {"access_token": "data.0.access_token", "scope": "data.0.permissions", "error": "error.code"},
        "exchange": {"url": f"{server.url}/long/exchange", "params": exchange},
        "refresh_with": "access_token",
        "refresh_url": f"{server.url}/long/refresh",
        "refresh_method": "GET",
        "refresh_params": {"grant_type": "x_refresh_token", "access_token": token},
        "revoked_errors": ["190"],
    }


def test_a_short_token_is_exchanged_and_then_traded_for_the_next(server, connected, agent):
    connected(**traded(server))
    first = fetched(agent)
    assert 5_183_000 < first["expiresIn"] <= 5_184_000
    assert "files.read" in first["scopes"]
    assert works(first)
    row = Connection.objects.get()
    assert row.refreshable
    assert row.held()["refresh_token"] == ""
    second = fetched(agent, rejected=first["tokenId"])
    assert works(second)
    assert not works(first)
    assert "files.read" in second["scopes"]
    assert server.counts()["refresh_ok"] == 1


def test_a_token_that_is_over_cannot_be_traded_any_more(server, connected, agent):
    connected(**traded(server))
    server.expire(fetched(agent)["accessToken"])
    Connection.objects.update(expires_at=Connection.objects.get().issued_at)
    refusal = agent.post("/tokens/fetch", {"provider": "sandbox"}).json()["error"]
    assert refusal["code"] == "TOKEN_EXPIRED"
    assert Connection.objects.get().status_reason == "190"


def test_an_exchange_that_fails_connects_nothing(server, connected):
    changed = traded(server)
    changed["exchange"]["params"]["client_secret"] = "wrong"
    page = connected(**changed)
    assert "190" in page.content.decode()
    assert not Connection.objects.exists()
