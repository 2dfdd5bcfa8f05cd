"""What a grant opens: one site is taken, of several the user chooses, and none is an error that says what to do."""

import copy
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from apikeys.ledger import Caller
from apikeys.models import AuditEvent
from connections import connect, sessions, tasks
from connections.models import Connection, OAuthSession
from providers.models import Provider
from tests.provider_http import ProviderHttp

TOKEN, ME, SITES, REVOKE = (f"https://id.nuts.example/{path}" for path in ("token", "me", "sites", "revoke"))
SPECIFICATION: dict[str, Any] = {
    "code": "nuts",
    "name": "Nuts",
    "auth": "oauth2",
    "base_url": "https://api.nuts.example/ex/{cloudId}",
    "headers": {"X-Suite": "1"},
    "send": {"headers": {"Authorization": "Bearer {accessToken}", "X-Site": "{siteUrl}"}},
    "oauth": {
        "authorize_url": "https://id.nuts.example/auth",
        "token_url": TOKEN,
        "revoke_url": REVOKE,
        "identity": {"url": ME, "id": "sub", "label": "email"},
        "after": {
            "url": SITES,
            "list": "sites",
            "id": "id",
            "label": "name",
            "keep": {"cloudId": "id", "siteUrl": "url"},
            "only": {"product": "nuts"},
            "noun": "site",
            "missing": "Ask the owner of a site to add you there",
        },
    },
}
GRANT = {"access_token": "first-access", "refresh_token": "first-refresh", "expires_in": 3600}


def site(name: str, **more: Any) -> dict[str, Any]:
    return {"id": f"id-{name}", "name": name, "url": f"https://{name}.nuts.example", "product": "nuts", **more}


@pytest.fixture
def nuts(user: Any, browser: Client, provider_http: ProviderHttp) -> Callable[..., Any]:
    """``nuts([site("hazel")], account=…)`` connects it: the page that the user comes to, and the session."""
    row = Provider.objects.create(code="nuts", client_id="c", client_secret="s", specification=SPECIFICATION)
    provider_http.reply("POST", TOKEN, json=GRANT)
    provider_http.reply("GET", ME, json={"sub": "42", "email": "ada@nuts.example"})
    provider_http.reply("POST", REVOKE)

    def nuts(found: Any, after: Any = None, file: Any = None, **options: Any) -> tuple[Any, OAuthSession]:
        specification = {**copy.deepcopy(SPECIFICATION), **(file or {})}
        specification["oauth"]["after"] |= after or {}
        if options.pop("nameless", False):
            del specification["oauth"]["identity"]
        Provider.objects.filter(pk=row.pk).update(specification=specification)
        provider_http.reply("GET", SITES, json={"sites": found} if isinstance(found, list) else found)
        session = sessions.start(Caller(user=user), provider="nuts", **options)
        url = browser.post(f"/connect/{session.pk}/start")["Location"]
        state = parse_qs(urlsplit(url).query)["state"][0]
        page = browser.get(f"/oauth/callback/nuts?code=c&state={state}")
        if page.status_code == 303:
            page = browser.get(page["Location"])
        session.refresh_from_db()
        return page, session

    return nuts


def fetched(agent: Any, **body: Any) -> dict[str, Any]:
    data: dict[str, Any] = agent.post("/tokens/fetch", {"provider": "nuts", **body}).json()["data"]
    return data


def test_the_only_site_is_taken_and_says_where_the_api_is(nuts, agent, provider_http):
    page, session = nuts([site("hazel"), site("old", product="shells"), site("half", url=None), site("odd", url=["a"])])
    assert "Nuts is connected" in page.content.decode()
    assert session.status == "completed"
    row = Connection.objects.get()
    assert (row.account, row.account_id) == ("hazel (ada@nuts.example)", "42:id-hazel")
    data = fetched(agent)
    assert data["baseUrl"] == "https://api.nuts.example/ex/id-hazel"
    assert data["headers"]["X-Site"] == "https://hazel.nuts.example"
    assert data["extra"] == {"cloudId": "id-hazel", "siteUrl": "https://hazel.nuts.example"}
    assert provider_http.calls("GET", SITES)[0].headers["Authorization"] == "Bearer first-access"


def test_of_several_the_user_chooses_and_nothing_is_connected_meanwhile(nuts, browser, agent):
    page, session = nuts([site("hazel"), site("wal"), site("pea")])
    text = page.content.decode()
    assert "Which site?" in text
    assert all(name in text for name in ("hazel", "wal", "pea", "ada@nuts.example"))
    assert "first-" not in text
    assert (session.status, session.public_status) == ("confirming", "pending")
    assert not Connection.objects.exists()
    assert "waiting for your decision" in browser.get("/app/").content.decode()
    assert "Which site?" in browser.get(f"/connect/{session.pk}").content.decode(), "who comes back is asked again"
    done = browser.post(f"/connect/{session.pk}/choose", {"item": "id-wal"}, follow=True)
    assert "Nuts is connected" in done.content.decode()
    session.refresh_from_db()
    assert (session.status, session.grant) == ("completed", "")
    assert fetched(agent)["extra"]["cloudId"] == "id-wal"


def test_many_are_offered_in_a_list_that_takes_little_room(nuts):
    page, _ = nuts([site(f"n{number}") for number in range(40)])
    assert page.content.decode().count("<option") == 41


@pytest.mark.django_db(transaction=True)
def test_what_was_kept_outlives_a_refresh(nuts, browser, agent, provider_http, clock):
    _, session = nuts([site("hazel"), site("wal")])
    browser.post(f"/connect/{session.pk}/choose", {"item": "id-hazel"})
    provider_http.reply("POST", TOKEN, json={"access_token": "a2", "refresh_token": "r2", "expires_in": 3600})
    clock.forward(hours=2)
    data = fetched(agent)
    assert (data["accessToken"], data["baseUrl"]) == ("a2", "https://api.nuts.example/ex/id-hazel")


def test_a_choice_that_was_not_offered_is_refused(nuts, browser):
    _, session = nuts([site("hazel"), site("wal")])
    assert browser.post(f"/connect/{session.pk}/choose", {"item": "id-other"}).status_code == 409
    assert browser.post(f"/connect/{session.pk}/decide", {"choice": "add"}).status_code == 409
    assert not Connection.objects.exists()
    assert browser.post(f"/connect/{session.pk}/choose", {}).url == f"/connect/{session.pk}", "asked once more"
    browser.post(f"/connect/{session.pk}/choose", {"item": "id-wal"})
    assert browser.post(f"/connect/{session.pk}/choose", {"item": "id-hazel"}).status_code == 409
    assert Connection.objects.get().account_id == "42:id-wal"


def test_nobody_else_sees_or_makes_the_choice(nuts, other_user):
    _, session = nuts([site("hazel"), site("wal")])
    thief = Client()
    thief.force_login(other_user)
    assert thief.post(f"/connect/{session.pk}/choose", {"item": "id-wal"}).status_code == 403
    assert b"hazel" not in thief.get(f"/connect/{session.pk}").content
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(session.user)
    assert strict.post(f"/connect/{session.pk}/choose", {"item": "id-wal"}).status_code == 403
    assert not Connection.objects.exists()


def test_who_wants_none_of_them_gives_the_grant_back(nuts, browser, provider_http):
    _, session = nuts([site("hazel"), site("wal")])
    assert browser.post(f"/connect/{session.pk}/choose", {"none": "1"}).url == "/app/"
    session.refresh_from_db()
    assert (session.status, session.grant, session.reason) == ("failed", "", "you chose none of what there was")
    assert b"first-refresh" in provider_http.calls("POST", REVOKE)[0].content


def test_a_choice_that_nobody_makes_ends_and_gives_its_grant_back(nuts, browser, clock, provider_http):
    _, session = nuts([site("hazel"), site("wal")])
    clock.forward(minutes=11)
    assert browser.post(f"/connect/{session.pk}/choose", {"item": "id-wal"}).status_code == 409
    tasks.tidy()
    tasks.tidy()
    session.refresh_from_db()
    assert (session.status, session.grant, session.reason) == ("failed", "", "nobody decided in time")
    (asked,) = provider_http.calls("POST", REVOKE)
    assert b"first-refresh" in asked.content
    event = AuditEvent.objects.get(action="session.fail")
    assert (event.user, event.outcome, event.detail) == (session.user, "UNDECIDED", "nobody decided in time")
    assert not Connection.objects.exists()


def test_no_site_at_all_says_what_to_do_and_leaves_nothing(nuts, browser, provider_http):
    page, session = nuts([site("old", product="shells")])
    assert "Nuts has no site that this account may use. Ask the owner of a site to add you" in page.content.decode()
    assert (session.status, session.grant) == ("failed", "")
    assert not Connection.objects.exists()
    assert len(provider_http.calls("POST", REVOKE)) == 1


def test_where_no_site_is_needed_there_is_a_connection_without(nuts, agent):
    after = {"required": False, "keep": {"siteUrl": "url"}}
    _, session = nuts([], after, {"base_url": "https://api.nuts.example"})
    assert session.status == "completed"
    assert "X-Site" not in fetched(agent)["headers"]


def test_each_site_is_a_connection_of_its_own_and_both_live_from_one_grant(nuts, browser, provider_http):
    for name in ("hazel", "wal"):
        _, session = nuts([site("hazel"), site("wal")])
        browser.post(f"/connect/{session.pk}/choose", {"item": f"id-{name}"})
    first, second = Connection.objects.order_by("created_at")
    assert (first.account_id, second.account_id) == ("42:id-hazel", "42:id-wal")
    caller = Caller(user=first.user)
    assert connect.disconnect(caller, first) == "shared"
    assert connect.disconnect(caller, second) == "revoked"


def test_without_an_identity_any_grant_of_the_same_user_may_be_the_one(nuts, browser):
    for name in ("hazel", "wal"):
        _, session = nuts([site("hazel"), site("wal")], nameless=True)
        browser.post(f"/connect/{session.pk}/choose", {"item": f"id-{name}"})
    first, second = Connection.objects.order_by("created_at")
    assert (first.account_id, first.account) == ("id-hazel", "hazel")
    assert connect.disconnect(Caller(user=first.user), first) == "shared"
    assert connect.disconnect(Caller(user=first.user), second) == "revoked"


def test_without_distinct_another_choice_replaces_the_last(nuts, browser):
    for name in ("hazel", "wal"):
        _, session = nuts([site("hazel"), site("wal")], {"distinct": False})
        browser.post(f"/connect/{session.pk}/choose", {"item": f"id-{name}"})
    row = Connection.objects.get()
    assert (row.account_id, row.account, row.held()["extra"]["cloudId"]) == ("42", "ada@nuts.example", "id-wal")


def test_renewing_without_distinct_keeps_the_site_as_well(nuts, browser):
    _, session = nuts([site("hazel"), site("wal")], {"distinct": False})
    browser.post(f"/connect/{session.pk}/choose", {"item": "id-wal"})
    row = Connection.objects.get()
    page, _ = nuts([site("hazel"), site("wal")], {"distinct": False}, account=str(row.pk))
    assert "Nuts is connected" in page.content.decode()
    assert Connection.objects.get().held()["extra"]["cloudId"] == "id-wal"


def test_sites_of_one_name_are_told_apart_by_their_ids(nuts):
    page, _ = nuts([site("hazel"), site("wal"), site("wal", id="id-2")])
    assert [name in page.content.decode().replace('value="id-', "") for name in ("id-hazel", "id-wal", "id-2")] == [
        False,
        True,
        True,
    ]


def test_renewing_a_connection_keeps_its_site_without_asking(nuts, browser):
    _, session = nuts([site("hazel"), site("wal")])
    browser.post(f"/connect/{session.pk}/choose", {"item": "id-wal"})
    row = Connection.objects.get()
    page, _ = nuts([site("hazel"), site("wal")], account=str(row.pk))
    assert "Nuts is connected" in page.content.decode()
    assert Connection.objects.get().generation == 2


def test_renewing_with_another_site_asks_before_it_takes_the_old_ones_place(nuts, browser):
    nuts([site("wal")])
    row = Connection.objects.get()
    page, session = nuts([site("hazel"), site("pea")], account=str(row.pk))
    assert "Which site?" in page.content.decode()
    page = browser.post(f"/connect/{session.pk}/choose", {"item": "id-pea"}, follow=True)
    assert "That was another account" in page.content.decode()
    assert "wal" in row.account
    browser.post(f"/connect/{session.pk}/decide", {"choice": "replace"})
    row.refresh_from_db()
    assert (row.account_id, row.held()["extra"]["cloudId"]) == ("42:id-pea", "id-pea")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"sites": "none"}, "there is no list of sites in the answer"),
        ({}, "there is no list of sites"),
        ({"sites": [site("hazel", id="a:" * 200)]}, "the id of this site is too long"),
    ],
)
def test_an_answer_that_is_not_the_one_described_connects_nothing(nuts, answer, said):
    page, session = nuts(answer)
    assert said in page.content.decode()
    assert session.status == "failed"
    assert not Connection.objects.exists()


HOST = {"base_url": "https://{dc}.api.nuts.example", "send": {}}


def one_object() -> dict[str, Any]:
    after = {"url": SITES, "headers": {"Authorization": "OAuth {accessToken}"}, "keep": {"dc": "dc"}}
    return {**HOST, "oauth": {**copy.deepcopy(SPECIFICATION["oauth"]), "after": after}}


def test_an_answer_without_a_list_is_the_one_item(nuts, agent, provider_http):
    nuts({"dc": "us21"}, file=one_object())
    assert Connection.objects.get().account_id == "42"
    assert fetched(agent)["baseUrl"] == "https://us21.api.nuts.example"
    assert provider_http.calls("GET", SITES)[0].headers["Authorization"] == "OAuth first-access"


@pytest.mark.parametrize("bad", ["us21.evil.test/", "a@evil.test", "us21#", "a..b", ".", "a b", None])
def test_what_is_no_part_of_a_host_name_leads_nowhere(nuts, bad):
    page, session = nuts({"dc": bad}, file=one_object())
    assert ("a dc that is not part of a host name" if bad else "does not tell") in page.content.decode()
    assert session.status == "failed"
    assert not Connection.objects.exists()
