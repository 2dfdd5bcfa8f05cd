"""One way to connect after another in the same connection, and a way that is not there any more."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.test import Client

from apikeys.ledger import Caller
from apikeys.models import AuditEvent
from connections import connect as connecting
from connections import sessions, tasks
from connections.models import Connection, OAuthSession
from connections.refreshing import flights, keeping, spool
from providers.models import Provider
from providers.oauth import Grant
from providers.verify import Verdict
from tests.connections.notebook import ADA, BOB, DOCUMENT, ME, REVOKE, TOKEN, fetch, link, paste, sign_in
from tests.provider_http import ProviderHttp

pytestmark = pytest.mark.usefixtures("notebook")


def test_renewing_stays_in_its_way(agent: Any, browser: Client, client_set: Any, answers: Any):
    paste(agent, browser)
    row = Connection.objects.get()
    at = link(agent, account=str(row.pk))
    assert 'name="token"' in browser.get(at).content.decode()
    browser.post(f"{at}/start", {"token": "t2"})
    renewed = Connection.objects.get()
    assert (renewed.pk, renewed.way, renewed.generation) == (row.pk, "token", row.generation + 1)
    assert renewed.held() == {"fields": {"token": "t2"}}


def test_a_token_takes_the_place_of_a_sign_in_in_one_write(agent: Any, browser: Client, client_set: Any, answers: Any):
    sign_in(agent, browser)
    row = Connection.objects.get()
    Connection.objects.update(failures=3, last_error="it was down", ends_at=row.expires_at)
    paste(agent, browser, account=str(row.pk))
    now = Connection.objects.get()
    assert (now.pk, now.way, now.generation, now.account_id) == (row.pk, "token", row.generation + 1, "42")
    assert now.held() == {"fields": {"token": "t1"}}, "no token of the grant stays"
    assert (now.refreshable, now.refresh_at, now.expires_at, now.ends_at, now.scopes) == (False, None, None, None, [])
    assert (now.status, now.failures, now.last_error, now.token_id == row.token_id) == ("active", 0, "", False)
    assert fetch(agent)["accessToken"] == "t1"
    assert AuditEvent.objects.filter(action="connection.renew", connection_id=row.pk).count() == 1


def test_signing_in_again_takes_the_place_of_the_token_of_the_same_account(
    agent: Any, browser: Client, client_set: Any, answers: ProviderHttp
):
    sign_in(agent, browser)
    row = Connection.objects.get()
    paste(agent, browser, account=str(row.pk))
    Connection.objects.update(verification="unverified", verify_at=row.created_at)
    answers.reply("POST", TOKEN, json={"access_token": "a2", "refresh_token": "r2", "expires_in": 3600})
    sign_in(agent, browser)
    now = Connection.objects.get()
    assert (now.pk, now.way, now.generation, now.fingerprint) == (row.pk, "", row.generation + 2, "")
    assert now.held() == {"access_token": "a2", "refresh_token": "r2", "extra": {}}, "nothing of the token stays"
    assert (now.verification, now.verify_at, now.refreshable) == ("verified", None, True)


def test_a_pasted_token_beside_a_sign_in_is_a_connection_of_its_own(
    agent: Any, browser: Client, client_set: Any, answers: Any
):
    sign_in(agent, browser)
    paste(agent, browser)
    assert sorted(Connection.objects.values_list("way", "account_id")) == [("", "42"), ("token", "")]


def test_signing_in_in_place_of_a_token_asks_whose_it_is(agent: Any, browser: Client, client_set: Any, answers: Any):
    paste(agent, browser)
    row = Connection.objects.get()
    page = sign_in(agent, browser, account=str(row.pk)).content.decode()
    assert "Is this the same account?" in page
    assert "You signed in as" in page
    assert Connection.objects.get().held() == {"fields": {"token": "t1"}}
    session = OAuthSession.objects.get(status="confirming")
    browser.post(f"/connect/{session.pk}/decide", {"choice": "replace"})
    now = Connection.objects.get()
    assert (now.pk, now.way, now.account_id, now.fingerprint) == (row.pk, "", "42", "")
    assert now.held()["access_token"] == "a1"


def test_the_token_of_another_account_takes_no_place_unasked(
    agent: Any, browser: Client, client_set: Any, answers: ProviderHttp
):
    sign_in(agent, browser)
    row = Connection.objects.get()
    answers.reply("GET", ME, json=BOB)
    page = paste(agent, browser, account=str(row.pk))
    assert page.status_code == 422
    assert f"This belongs to another account: {BOB['email']}" in page.content.decode()
    assert 'name="replace_account"' in page.content.decode()
    assert Connection.objects.get().held()["access_token"] == "a1"
    assert AuditEvent.objects.filter(action="session.paste", outcome="OTHER_ACCOUNT").exists()
    paste(agent, browser, account=str(row.pk), sent={"replace_account": "on"})
    now = Connection.objects.get()
    assert (now.pk, now.account, now.account_id, now.way) == (row.pk, BOB["email"], "", "token")


@pytest.mark.django_db(transaction=True)
def test_a_refresh_under_way_does_not_undo_the_change_of_way(
    user: Any, client_set: Any, connect: Any, provider_http: ProviderHttp
):
    row = connect("notebook", expires_in=-5)

    def changes_meanwhile(_: Any) -> Any:
        connecting.connect_key(
            Caller(user=user), provider=row.provider, fields={"token": "t1"}, verdict=Verdict("works"),
            way="token", renew=row,
        )  # fmt: skip
        return httpx.Response(200, json={"access_token": "late", "expires_in": 3600})

    provider_http.reply("POST", TOKEN, answer=changes_meanwhile)
    flights.refresh(row)
    now = Connection.objects.get()
    assert (now.way, now.held()) == ("token", {"fields": {"token": "t1"}})


@pytest.fixture
def own_app(client_set: Provider) -> Provider:
    """The notebook with a third way: an OAuth client of the user's own."""
    app = {
        "code": "app", "name": "Own app", "auth": "oauth2",
        "fields": [{"name": "id", "label": "Id", "secret": False}, {"name": "key", "label": "Key"}],
        "oauth": {
            "grant": "client_credentials", "client": ["{id}", "{key}"], "token_url": TOKEN,
            "identity": {"url": ME, "id": "id", "label": "email"},
        },
    }  # fmt: skip
    client_set.specification = {**DOCUMENT, "ways": [*DOCUMENT["ways"], app]}
    client_set.save()
    return client_set


APP = {"way": "app", "id": "i", "key": "k"}


def test_a_pasted_client_takes_the_place_of_a_sign_in_of_the_same_account_alone(
    agent: Any, browser: Client, own_app: Provider, answers: ProviderHttp
):
    sign_in(agent, browser)
    row = Connection.objects.get()
    answers.reply("POST", TOKEN, json={"access_token": "a2", "expires_in": 3600})
    answers.reply("GET", ME, json=BOB)
    other = browser.post(f"{link(agent, account=str(row.pk))}/start", APP)
    assert f"This belongs to another account: {BOB['email']}" in other.content.decode()
    assert Connection.objects.get().held()["access_token"] == "a1"
    answers.reply("GET", ME, json=ADA)
    browser.post(f"{link(agent, account=str(row.pk))}/start", APP)
    now = Connection.objects.get()
    assert (now.pk, now.way, now.account_id, now.refreshable) == (row.pk, "app", "42", True)
    assert now.held()["refresh_token"] == "", "the grant's own refresh token is gone"


@pytest.mark.django_db(transaction=True)
def test_renewing_a_pasted_client_says_nothing_of_the_operators(
    agent: Any, browser: Client, own_app: Provider, answers: ProviderHttp
):
    browser.post(f"{link(agent)}/start", APP)
    own_app.client_was_refused("invalid_client")
    Connection.objects.update(expires_at=Connection.objects.get().created_at)
    answers.reply("POST", TOKEN, json={"access_token": "a2", "expires_in": 3600})
    assert Connection.objects.get().trouble() == ""
    assert fetch(agent)["accessToken"] == "a2"
    assert Provider.objects.get(code="notebook").client_refused_at is not None


def test_disconnecting_revokes_what_its_way_can_end(
    user: Any, agent: Any, browser: Client, client_set: Any, answers: ProviderHttp, other_user: Any, connect: Any
):
    sign_in(agent, browser)
    row = Connection.objects.get()
    connect("notebook", user=other_user, way="token", account_id="42")
    answers.reply("POST", REVOKE)
    pasted = connect("notebook", way="token")
    assert connecting.disconnect(Caller(user=user), pasted) == "unsupported"
    assert connecting.disconnect(Caller(user=user), row) == "revoked", "a token does not live from the grant"


@pytest.fixture
def vanished(connect: Any, notebook: Provider) -> Connection:
    """A connection whose way the operator has taken out of the file."""
    row: Connection = connect("notebook", way="token", verification="unverified")
    notebook.specification = dict(DOCUMENT, ways=[])
    notebook.client_id = "c"
    notebook.save()
    return row


def test_a_fetch_says_that_the_way_is_gone_and_the_grant_is_kept(agent: Any, vanished: Connection):
    for body in ({}, {"account": str(vanished.pk)}):
        error = fetch(agent, status=404, **body)
        assert error["code"] == "PROVIDER_NOT_FOUND"
        assert "'token'" in error["message"]
        assert error["next"]["body"] == {"provider": "notebook", "account": str(vanished.pk)}
    assert Connection.objects.get().held()["fields"]
    assert AuditEvent.objects.filter(action="token.fetch", outcome="PROVIDER_NOT_FOUND").count() == 2


def test_nothing_falls_over_a_way_that_is_gone(agent: Any, browser: Client, vanished: Connection, clock: Any):
    assert agent.get("/ai/context/summary").json()["data"]["attention"] == {"notebook": "PROVIDER_NOT_FOUND"}
    for path in ("/ai/context", "/ai/context/notebook", "/connections", "/providers?search=notebook"):
        assert agent.get(path).status_code == 200
    page = f"/app/connections/{vanished.pk}/"
    for path in ("/app/", "/app/providers/notebook/", "/app/providers/", "/app/ledger/", page, f"{page}disconnect/"):
        assert browser.get(path).status_code == 200
    Connection.objects.update(verify_at=vanished.created_at)
    tasks.verify_pending()
    later = Connection.objects.get().verify_at
    assert later is not None
    assert later > vanished.created_at
    assert "Continue to Notebook" in browser.get(link(agent, account=str(vanished.pk))).content.decode()
    assert agent.delete(f"/connections/{vanished.pk}").json()["data"]["revocation"] == "unsupported"


def test_what_was_issued_before_a_way_vanished_waits_for_it(connect: Any, own_app: Provider):
    fields = {"id": "i", "key": "k"}
    row = connect("notebook", way="app", secrets=json.dumps({"fields": fields}), generation=1)
    late = spool.Late(row.pk, 1, Grant(access_token="late"))
    spool.put(late)
    specification = own_app.specification
    for held, waits in ((DOCUMENT, True), (specification, False)):
        Provider.objects.filter(pk="notebook").update(specification=held)
        keeping.replay(older_than=0)
        assert spool.has(row.pk, 1) is waits
    assert Connection.objects.get().held()["access_token"] == "late"


def test_a_way_that_comes_back_brings_its_connections_back(agent: Any, connect: Any, notebook: Provider):
    row, ways = connect("notebook", way="token"), DOCUMENT["ways"]
    for held, status in (([], 404), (ways, 200)):
        Provider.objects.filter(pk="notebook").update(specification=dict(DOCUMENT, ways=held))
        fetch(agent, status=status)
    assert fetch(agent)["accessToken"] == row.held()["fields"]["token"]


def test_a_link_whose_way_vanished_goes_on_in_another(agent: Any, browser: Client, client_set: Provider):
    at = link(agent, method="token")
    client_set.specification = dict(DOCUMENT, ways=[])
    client_set.save()
    assert "Continue to Notebook" in browser.get(at).content.decode()


def test_an_answer_to_a_way_that_vanished_is_refused(
    agent: Any, browser: Client, client_set: Provider, provider_http: ProviderHttp
):
    token, sign_in = DOCUMENT["ways"][0], {name: DOCUMENT[name] for name in ("auth", "oauth")}
    turned = {name: value for name, value in DOCUMENT.items() if name not in ("oauth", "way")}
    turned |= {name: token[name] for name in ("auth", "fields", "send", "verify")}
    turned["ways"] = [{"code": "o", "name": "O", **sign_in}]
    Provider.objects.filter(pk="notebook").update(specification=turned)
    away = browser.post(f"{link(agent, method='o')}/start", {"way": "o"})
    state = parse_qs(urlsplit(away["Location"]).query)["state"][0]
    Provider.objects.filter(pk="notebook").update(specification=dict(turned, ways=[], services=[]))
    page = browser.get("/oauth/callback/notebook", {"state": state, "code": "c"})
    assert "can no longer be connected this way" in page.content.decode()
    assert provider_http.requests == []


def test_trying_again_stays_in_the_chosen_way(user: Any, client_set: Any, agent: Any):
    link(agent, method="token", scopes=["more"])
    session = sessions.again(Caller(user=user), OAuthSession.objects.get())
    assert (session.way, session.asked, session.scopes) == ("token", ["more"], [])
    sessions.choose(session, "")
    assert session.scopes == ["more"], "who names scopes is asked for those"
