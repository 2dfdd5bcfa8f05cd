"""A pasted OAuth client: from the agent's link to its tokens, and to its end."""

import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.core.management import call_command
from django.test import Client

from apikeys.models import AuditEvent
from connections.models import Connection
from providers import registry
from providers.models import Provider
from tests.provider_http import ProviderHttp
from tests.providers.test_client_grant import FIELDS, MEETINGS, REVOKE, TOKEN

SECRET = FIELDS["clientSecret"]
ME = "https://api.meetings.example/me"
FILE = (
    MEETINGS
    + f"""
revoke_url = "{REVOKE}"
scopes = ["meetings"]

[oauth.identity]
url = "{ME}"
id = "id"
label = "email"

[send.headers]
Authorization = "Bearer {{accessToken}}"
Client-Id = "{{clientId}}"
"""
)


@pytest.fixture(autouse=True)
def meetings(db: None) -> None:
    """The operator has added the provider, and set no client of his own."""
    document = registry.parse(FILE, source="meetings.toml").model_dump(mode="json", exclude_unset=True)
    Provider.objects.create(code="meetings", specification=document)


@pytest.fixture
def answers(provider_http: ProviderHttp) -> ProviderHttp:
    """The provider issues a1, then a2."""
    for token, times in (("a1", 1), ("a2", None)):
        provider_http.reply("POST", TOKEN, json={"access_token": token, "expires_in": 3600}, times=times)
    provider_http.reply("GET", ME, json={"id": 42, "email": "ada@meetings.example"})
    return provider_http


def link(agent: Any, **body: Any) -> str:
    answer = agent.post("/oauth/sessions", {"provider": "meetings", **body})
    assert answer.status_code == 201, answer.content
    url: str = answer.json()["data"]["url"]
    return "/connect/" + url.rpartition("/")[2]


def paste(agent: Any, browser: Client, *, at: str = "", **changes: str) -> Any:
    return browser.post(f"{at or link(agent)}/start", {**FIELDS, **changes})


def fetch(agent: Any, **body: Any) -> Any:
    return agent.post("/tokens/fetch", {"provider": "meetings", **body})


def test_a_pasted_client_becomes_a_connection_with_a_token(agent: Any, browser: Client, answers: ProviderHttp):
    at = link(agent)
    page = browser.get(at).content.decode()
    assert "Client secret" in page
    assert "never the secret" in page
    assert paste(agent, browser, at=at)["Location"] == at
    row = Connection.objects.get()
    assert row.held() == {
        "access_token": "a1", "refresh_token": "", "extra": {}, "fields": FIELDS, "scopes": ["meetings"],
    }  # fmt: skip
    assert (row.account, row.account_id, row.scopes) == ("ada@meetings.example", "", ["meetings"])
    assert row.refreshable
    assert row.refresh_at is not None
    assert agent.get(at.replace("/connect", "/oauth/sessions")).json()["data"]["status"] == "completed"
    data = fetch(agent).json()["data"]
    assert (data["type"], data["accessToken"], data["tokenId"]) == ("oauth2", "a1", row.token_id)
    assert data["headers"] == {"Authorization": "Bearer a1", "Client-Id": "the-id"}
    assert 3500 < data["expiresIn"] <= 3600


def test_no_answer_page_or_ledger_line_holds_the_secret(agent: Any, browser: Client, answers: ProviderHttp):
    paste(agent, browser)
    row = Connection.objects.get()
    told = [fetch(agent).content, browser.get(f"/app/connections/{row.pk}/").content, browser.get("/app/").content]
    told += [agent.get(path).content for path in ("/ai/context/meetings", "/connections", "/ai/context/summary")]
    told += [browser.get("/app/providers/meetings/").content, browser.get("/app/ledger/").content]
    assert SECRET not in str(told) + str(list(AuditEvent.objects.values())) + str(row.values()) + repr(row.__dict__)


def test_the_same_client_twice_is_one_connection_and_another_another(
    agent: Any, browser: Client, answers: ProviderHttp
):
    for secret in (SECRET, SECRET, "another-secret"):
        paste(agent, browser, clientSecret=secret)
    assert Connection.objects.count() == 2


def test_a_connection_is_given_another_client(agent: Any, browser: Client, answers: ProviderHttp):
    paste(agent, browser)
    row = Connection.objects.get()
    paste(agent, browser, at=link(agent, account=str(row.pk)), clientSecret="another-secret")
    renewed = Connection.objects.get()
    assert (renewed.pk, renewed.generation) == (row.pk, row.generation + 1)
    assert renewed.held()["fields"]["clientSecret"] == "another-secret"


def test_a_refused_client_is_not_kept_and_the_link_stays_open(agent: Any, browser: Client, provider_http: ProviderHttp):
    provider_http.reply("POST", TOKEN, status=401, json={"error": "invalid_client", "said": SECRET})
    at = link(agent)
    page = paste(agent, browser, at=at)
    assert (page.status_code, "Meetings refuses this: invalid_client" in page.content.decode()) == (422, True)
    assert SECRET not in page.content.decode()
    assert not Connection.objects.exists()
    assert agent.get(at.replace("/connect", "/oauth/sessions")).json()["data"]["status"] == "pending"
    assert Provider.objects.get(code="meetings").client_refused_at is None


def test_nothing_is_kept_while_the_provider_is_away(agent: Any, browser: Client, provider_http: ProviderHttp):
    provider_http.reply("POST", TOKEN, status=503)
    page = paste(agent, browser, keep_unverified="on")
    assert page.status_code == 422
    assert "could not be reached" in page.content.decode()
    assert "keep_unverified" not in page.content.decode()
    assert not Connection.objects.exists()


def test_disconnecting_revokes_the_token_with_the_users_client(agent: Any, browser: Client, answers: ProviderHttp):
    paste(agent, browser)
    answers.reply("POST", REVOKE)
    page = browser.post(f"/app/connections/{Connection.objects.get().pk}/disconnect/", follow=True)
    assert page.status_code == 200
    request = answers.calls("POST", REVOKE)[0]
    assert parse_qs(request.content.decode()) == {"token": ["a1"]}
    assert request.headers["Authorization"].startswith("Basic ")
    assert not Connection.objects.exists()


def test_it_needs_nothing_of_the_operator(agent: Any, administrator_page: Any):
    found = agent.get("/providers?search=meetings").json()["data"]["providers"]
    listed = next(one for one in found if one["code"] == "meetings")
    assert (listed["configured"], listed["tokenType"]) == (True, "oauth2")
    assert "OAuth client id" not in administrator_page("/admin/providers/provider/meetings/change/")
    assert "Meetings" not in administrator_page("/admin/providers/provider/?client=missing")


@pytest.fixture
def administrator_page(browser: Client, user: Any) -> Any:
    """The text of a page of the admin."""
    user.is_staff = user.is_superuser = True
    user.save()
    return lambda path: browser.get(path).content.decode()


def test_a_client_brought_by_the_command_gets_its_token_later(user: Any, monkeypatch: Any):
    monkeypatch.setattr("json.load", lambda _: dict(FIELDS))
    call_command("connection", "add", "--user", user.email, "--provider", "meetings", "--fields-stdin")
    row = Connection.objects.get()
    assert (row.is_expired(), row.refreshable, row.held()["fields"]) == (True, True, FIELDS)
    assert row.trouble() == ""
    assert json.loads(row.secrets)["scopes"] == ["meetings"]
