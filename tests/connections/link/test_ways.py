"""A provider that is connected in several ways: the choice on the page, and what each way leads to."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from connections.models import Connection, OAuthSession
from providers.models import Provider
from tests.connections.notebook import ADA, DOCUMENT, ME, fetch, link, sign_in
from tests.provider_http import ProviderHttp

pytestmark = pytest.mark.usefixtures("notebook")


def test_the_page_offers_the_ways_the_default_first(agent: Any, browser: Client, client_set: Any):
    page = browser.get(link(agent)).content.decode()
    assert page.index("Sign in at Notebook") < page.index("Personal access token")
    assert "it can do what you allow it there" in page
    assert "Continue to Notebook" in page
    assert "pages.read" in page
    assert page.count('aria-current="true"') == 1


def test_another_way_is_one_link_away_and_looking_at_it_changes_nothing(agent: Any, browser: Client, client_set: Any):
    at = link(agent)
    before = OAuthSession.objects.values().get()
    answer = browser.get(f"{at}?way=token")
    page = answer.content.decode()
    assert 'name="token"' in page
    assert '<input type="hidden" name="way" value="token">' in page
    assert "pages.read" not in page, "a token that is pasted has no scopes"
    assert "https:" not in answer["Content-Security-Policy"].partition("form-action")[2].partition(";")[0]
    assert OAuthSession.objects.values().get() == before


def test_a_provider_with_one_way_asks_for_no_choice(agent: Any, browser: Client):
    answer = agent.post("/oauth/sessions", {"provider": "openai"})
    page = browser.get("/connect/" + answer.json()["data"]["sessionId"]).content.decode()
    assert "aria-current" not in page.partition("<main")[2]


def test_without_an_oauth_client_the_pasted_way_is_offered_alone(agent: Any, browser: Client):
    page = browser.get(link(agent)).content.decode()
    assert 'name="token"' in page
    assert "Sign in at Notebook" not in page
    assert "aria-current" not in page.partition("<main")[2]
    assert agent.get("/providers?search=notebook").json()["data"]["providers"][0]["configured"] is True
    assert "Not set up" not in browser.get("/app/providers/?q=notebook").content.decode()


def test_a_provider_that_only_signs_people_in_still_needs_its_client(agent: Any):
    answer = agent.post("/oauth/sessions", {"provider": "google"})
    assert answer.json()["error"]["code"] == "PROVIDER_NOT_CONFIGURED"


@pytest.mark.parametrize("way", ["", "gone"])
def test_a_way_that_cannot_be_used_is_refused(agent: Any, browser: Client, way: str):
    at = link(agent)
    for answer in (browser.get(f"{at}?way={way}"), browser.post(f"{at}/start", {"way": way, "token": "t1"})):
        assert answer.status_code == 409
        assert "cannot be connected here in this way" in answer.content.decode()
    assert not Connection.objects.exists()


@pytest.mark.parametrize(
    ("method", "way"), [("token", "token"), ("api_key", "token"), ("oauth", ""), ("oauth2", ""), (None, "")]
)
def test_an_agent_may_say_which_way_it_means(agent: Any, client_set: Any, method: str | None, way: str):
    link(agent, **({"method": method} if method else {}))
    session = OAuthSession.objects.get()
    assert (session.way, session.scopes) == (way, [] if way else ["pages.read"])


def test_a_way_that_there_is_not_is_told_with_those_there_are(agent: Any):
    answer = agent.post("/oauth/sessions", {"provider": "notebook", "method": "phone"})
    assert answer.status_code == 400
    assert answer.json()["error"]["fields"] == {"method": "notebook is connected by: api_key, oauth, oauth2, token"}


def test_the_page_opens_with_a_way_that_is_good_for_what_is_asked(agent: Any, client_set: Provider):
    services = [*DOCUMENT["services"], {"code": "admin", "name": "Administration"}]
    client_set.specification = {**DOCUMENT, "services": services, "way": {"services": ["pages"]}}
    client_set.save()
    link(agent, services=["admin"])
    assert OAuthSession.objects.get().way == "token"


def test_signing_in_makes_a_connection_of_the_default_way(agent: Any, browser: Client, client_set: Any, answers: Any):
    assert "Notebook is connected" in sign_in(agent, browser).content.decode()
    row = Connection.objects.get()
    assert (row.way, row.account_id, row.account, row.scopes) == ("", "42", ADA["email"], ["pages.read"])
    data = fetch(agent, service="pages")
    assert (data["type"], data["accessToken"]) == ("oauth2", "a1")
    assert data["headers"] == {"Authorization": "Bearer a1"}


def test_a_pasted_token_makes_one_of_its_way(agent: Any, browser: Client, answers: ProviderHttp):
    at = link(agent)
    assert (
        "Notebook is connected"
        in browser.post(f"{at}/start", {"way": "token", "token": "t1"}, follow=True).content.decode()
    )
    row = Connection.objects.get()
    assert (row.way, row.account_id, row.account, row.verification) == ("token", "", ADA["email"], "verified")
    assert (row.refreshable, row.refresh_at, row.expires_at) == (False, None, None)
    assert answers.calls("GET", ME)[0].headers["Authorization"] == "Bearer t1"
    data = fetch(agent, service="pages")
    assert data == {
        "provider": "notebook", "type": "api_key", "connectionId": str(row.pk), "account": ADA["email"],
        "accessToken": "t1", "credentials": {"token": "t1"}, "baseUrl": "https://api.notebook.example",
        "headers": {"Authorization": "Bearer t1"},
    }  # fmt: skip
    assert agent.get(at.replace("/connect", "/oauth/sessions")).json()["data"]["status"] == "completed"
    assert OAuthSession.objects.get().way == "token"


def test_the_context_is_that_of_the_way(agent: Any, connect: Any):
    connect("notebook", way="token")
    assert agent.get("/ai/context/summary").json()["data"]["connected"] == {"notebook": ["pages"]}
    data = agent.get("/ai/context/notebook").json()["data"]
    assert (data["tokenType"], data["services"][0]["ready"], data["services"][0]["missingScopes"]) == (
        "api_key", True, [],
    )  # fmt: skip


def test_a_fetch_costs_the_same_in_every_way(agent: Any, connect: Any, django_assert_num_queries: Any):
    connect("notebook", way="token")
    fetch(agent)
    with django_assert_num_queries(3):
        fetch(agent)


def test_the_dashboard_shows_how_it_was_connected(browser: Client, connect: Any, client_set: Any):
    row = connect("notebook", way="token")
    page = browser.get(f"/app/connections/{row.pk}/").content.decode()
    assert "<dt>Method</dt><dd>Personal access token</dd>" in page
    assert "Replace the credential" in page
    assert "Grant more" not in page
    assert "until you delete it there" in page
    shown = browser.get("/app/providers/notebook/").content.decode()
    assert "You choose how to connect it" in shown
    assert "Sign in at Notebook" in shown


def test_the_command_brings_over_a_credential_of_either_way(user: Any, monkeypatch: Any):
    def add(*more: str, **given: str) -> Connection:
        monkeypatch.setattr("json.load", lambda _: dict(given))
        call_command("connection", "add", "--user", user.email, "--provider", "notebook", "--fields-stdin", *more)
        row: Connection = Connection.objects.latest("created_at")
        return row

    assert add("--way", "token", token="t1").held() == {"fields": {"token": "t1"}}
    assert Connection.objects.get().way == "token"
    assert (add(refresh_token="r1").way, add("--way", "oauth", refresh_token="r2").way) == ("", "")
    with pytest.raises(CommandError, match=r"no way 'key' \(known: oauth, token\)"):
        add("--way", "key", token="t1")
    with pytest.raises(CommandError, match="unknown: refresh_token"):
        add("--way", "token", refresh_token="r1")


def test_a_refused_client_is_no_matter_of_a_pasted_token(agent: Any, connect: Any, client_set: Provider):
    row = connect("notebook", way="token")
    client_set.client_was_refused("invalid_client")
    assert Connection.objects.get(pk=row.pk).trouble() == ""
    assert fetch(agent)["type"] == "api_key"


@pytest.mark.django_db(transaction=True)
def test_a_sign_in_whose_client_was_taken_away_is_not_ready(agent: Any, connect: Any):
    row = connect("notebook", expires_in=-5)
    assert Connection.objects.get(pk=row.pk).trouble() == "PROVIDER_NOT_CONFIGURED"
    assert fetch(agent, status=409)["code"] == "PROVIDER_NOT_CONFIGURED"
