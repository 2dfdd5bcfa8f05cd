"""The contract: every row of the error table through its URL; of others' objects one learns nothing."""

from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from apikeys.ledger import Caller
from connections import sessions
from connections.models import Connection
from providers import registry, search
from providers.models import Provider
from tests.provider_http import ProviderHttp

NOBODY = "00000000-0000-4000-8000-00000000000a"


def error(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The error of an answer, which has the contract's envelope."""
    body = answer.json()
    assert (answer.status_code, body["status"], body["error"]["code"]) == (status, "error", code)
    assert set(body["error"]) <= {"code", "message", "hint", "retryAfter", "next", "fields"}
    assert answer["Request-Id"]
    found: dict[str, Any] = body["error"]
    return found


def follow(agent: Any, call: dict[str, Any]) -> Any:
    """Send the call that mends it, exactly as it is given."""
    return agent.post(call["path"], call["body"]) if call["method"] == "POST" else agent.get(call["path"])


@pytest.mark.parametrize(
    "path", ["/ai/context/summary", "/ai/context", "/connections", "/providers", "/oauth/sessions/x"]
)
@pytest.mark.parametrize("slash", ["", "/"])
def test_every_cause_of_a_401_has_the_same_answer(agent: Any, path: str, slash: str):
    bad = ("", "Basic abc", "Bearer", "Bearer nonsense", f"Bearer {agent.key[:-6]}______", f"Bearer {agent.key}x")
    answers = [Client(headers={"Authorization": shown}).get(path + slash) for shown in bad]
    agent.row.revoke()
    answers.append(agent.get(path + slash))
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert {answer["WWW-Authenticate"] for answer in answers} == {"Bearer"}


def test_an_inactive_user_is_unauthorized(agent: Any):
    agent.user.is_active = False
    agent.user.save()
    error(agent.get("/connections"), 401, "UNAUTHORIZED")


def test_401_comes_before_400(db: None):
    answer = Client().post("/tokens/fetch", "{not json", content_type="application/json")
    error(answer, 401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("{not json", None),
        ("[]", "body"),
        ("null", "body"),
        ({}, "provider"),
        ({"provider": 3}, "provider"),
        ({"provider": "google", "nonsense": 1}, "nonsense"),
        ({"provider": "google", "minTtl": True}, "minTtl"),
        ({"provider": "google", "minTtl": 3601}, "minTtl"),
        ({"provider": "google", "minTtl": "5"}, "minTtl"),
        ({"provider": "google", "purpose": "x" * 201}, "purpose"),
        ({"provider": "google", "account": "a\u0000b"}, "account"),
        ({"provider": "goo gle"}, "provider"),
    ],
)
def test_a_malformed_body_names_its_fields(agent: Any, body: Any, field: str | None):
    found = error(agent.post("/tokens/fetch", body), 400, "VALIDATION_ERROR")
    assert field is None or set(found["fields"]) == {field}


def test_a_fault_in_a_list_names_the_item_and_says_what_it_must_be(agent: Any):
    body = {"provider": "google", "services": ["gmail", 5], "scopes": ["one two"]}
    fields = error(agent.post("/oauth/sessions", body), 400, "VALIDATION_ERROR")["fields"]
    assert fields == {
        "services": "item 2: must be a string",
        "scopes": "item 1: must be one scope, without spaces or quotes",
    }
    fields = error(agent.post("/oauth/sessions", {"provider": "google", "services": "gmail"}), 400, "VALIDATION_ERROR")
    assert set(fields["fields"]) == {"services"}


def test_a_mistyped_name_is_answered_with_the_known_ones(agent: Any):
    fields = error(agent.post("/tokens/fetch", {"provider": "google", "min_ttl": 60}), 400, "VALIDATION_ERROR")[
        "fields"
    ]
    assert "minTtl" in fields["min_ttl"]


def test_forbidden_provider_and_forbidden_disconnect(issue: Any, connect: Any):
    row = connect("google")
    limited = issue(providers=["openai"], may_disconnect=False)
    error(limited.get("/ai/context/google"), 403, "FORBIDDEN")
    error(limited.post("/oauth/sessions", {"provider": "google"}), 403, "FORBIDDEN")
    error(limited.delete(f"/connections/{row.pk}"), 403, "FORBIDDEN")
    error(issue(may_disconnect=False).delete(f"/connections/{row.pk}"), 403, "FORBIDDEN")
    assert limited.get("/connections").json()["data"]["connections"] == []
    assert Connection.objects.exists()


def test_a_key_is_refused_a_provider_of_the_operators_own_alike_everywhere(issue: Any, notebook: Provider):
    limited, body = issue(providers=["openai"]), {"provider": "notebook"}
    for answer in (
        limited.get("/ai/context/notebook"),
        limited.post("/oauth/sessions", body),
        limited.post("/tokens/fetch", body),
    ):
        error(answer, 403, "FORBIDDEN")


def test_not_connected_comes_with_the_call_that_mends_it(agent: Any):
    found = error(agent.post("/tokens/fetch", {"provider": "openai"}), 404, "INTEGRATION_NOT_FOUND")
    assert follow(agent, found["next"]).status_code == 201


def test_an_unknown_provider_gets_the_nearest_codes(agent: Any):
    assert "google" in error(agent.get("/ai/context/gogle"), 404, "PROVIDER_NOT_FOUND")["hint"]
    error(agent.post("/oauth/sessions", {"provider": "gogle"}), 404, "PROVIDER_NOT_FOUND")


def test_an_unknown_service_gets_the_services(agent: Any, configured: Any):
    configured("google")
    found = error(agent.get("/ai/context/google/mail"), 404, "SERVICE_NOT_FOUND")
    assert "gmail" in found["hint"]
    assert follow(agent, found["next"]).json()["data"]["provider"] == "google"
    body = {"provider": "google", "services": ["mail"]}
    error(agent.post("/oauth/sessions", body), 404, "SERVICE_NOT_FOUND")


def test_sessions_and_connections_of_others_answer_as_none_do(agent: Any, other_user: Any, connect: Any):
    foreign_session = sessions.start(Caller(user=other_user), provider="openai")
    foreign = connect("openai", user=other_user)
    for path, code in (("/oauth/sessions", "SESSION_NOT_FOUND"),):
        answers = [agent.get(f"{path}/{one}") for one in (foreign_session.pk, NOBODY, "nonsense")]
        assert len({answer.content for answer in answers}) == 1
        error(answers[0], 404, code)
    answers = [agent.delete(f"/connections/{one}") for one in (foreign.pk, NOBODY, "nonsense")]
    assert len({answer.content for answer in answers}) == 1
    error(answers[0], 404, "CONNECTION_NOT_FOUND")
    body = {"provider": "openai", "account": str(foreign.pk)}
    assert error(agent.post("/oauth/sessions", body), 404, "ACCOUNT_NOT_FOUND")["hint"] == "There is none yet."


def test_a_provider_without_its_client_is_not_configured(agent: Any):
    error(agent.post("/oauth/sessions", {"provider": "google"}), 409, "PROVIDER_NOT_CONFIGURED")


def test_missing_scopes_come_with_the_link_that_asks_for_them(agent: Any, connect: Any, configured: Any):
    configured("google")
    connect("google", scopes=["openid"])
    found = error(agent.post("/tokens/fetch", {"provider": "google", "service": "gmail"}), 409, "MISSING_SCOPES")
    made = follow(agent, found["next"])
    assert made.status_code == 201


def test_an_expired_token_comes_with_the_link_that_renews_it(agent: Any, connect: Any, configured: Any):
    configured("google")
    connect("google", expires_in=-5, refresh_token="")
    found = error(agent.post("/tokens/fetch", {"provider": "google"}), 400, "TOKEN_EXPIRED")
    assert follow(agent, found["next"]).status_code == 201


def test_an_old_session_is_expired(agent: Any, clock: Any):
    made = agent.post("/oauth/sessions", {"provider": "openai"}).json()["data"]
    clock.forward(minutes=11)
    found = error(agent.get(f"/oauth/sessions/{made['sessionId']}"), 400, "SESSION_EXPIRED")
    assert follow(agent, found["next"]).status_code == 201


def test_too_many_requests(agent: Any, settings: Any):
    settings.AKHROT_RATE_LIMIT = (2, 60)
    assert agent.get("/connections")["RateLimit-Policy"] == '"key";q=2;w=60'
    agent.get("/connections")
    answer = agent.get("/connections")
    assert error(answer, 429, "RATE_LIMITED")["retryAfter"] == int(answer["Retry-After"])


def test_methods_addresses_and_media_types(agent: Any):
    answer = agent.get("/tokens/fetch")
    error(answer, 405, "METHOD_NOT_ALLOWED")
    assert "POST" in answer["Allow"]
    assert "POST" in answer.json()["error"]["hint"]
    for path in ("/ai/nothing/here/at/all", "/api/tokens", "//tokens/fetch"):
        found = error(agent.get(path), 404, "NOT_FOUND")
        assert follow(agent, found["next"])["Content-Type"].startswith("text/markdown")
    sent = agent.client.post("/tokens/fetch", "provider=google", content_type="application/x-www-form-urlencoded")
    error(sent, 415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_database_that_is_away_is_said_so(agent: Any, monkeypatch: pytest.MonkeyPatch):
    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("connection refused: password=secret")

    monkeypatch.setattr("django.db.models.sql.compiler.SQLCompiler.execute_sql", away)
    answer = agent.get("/connections")
    error(answer, 503, "SERVICE_UNAVAILABLE")
    assert answer["Retry-After"] == "5"
    assert "secret" not in answer.content.decode()


def test_disconnecting_says_what_became_of_the_grant(
    agent: Any, connect: Any, configured: Any, provider_http: ProviderHttp
):
    configured("google")
    row = connect("google")
    provider_http.reply("POST", "https://oauth2.googleapis.com/revoke")
    data = agent.delete(f"/connections/{row.pk}").json()["data"]
    assert data == {"connectionId": str(row.pk), "provider": "google", "revocation": "revoked"}


def test_a_session_tells_how_it_ended(agent: Any, browser: Client, provider_http: ProviderHttp):
    provider_http.reply("GET", "https://api.openai.com/v1/models", json={"data": []})
    made = agent.post("/oauth/sessions", {"provider": "openai"}).json()["data"]
    assert (made["status"], made["pollInterval"], made["expiresAt"][-1]) == ("pending", 3, "Z")
    browser.post(f"/connect/{made['sessionId']}/start", {"apiKey": "sk-proj-abcdefghijklmnopqrstuvwx"})
    data = agent.get(f"/oauth/sessions/{made['sessionId']}").json()["data"]
    assert (data["status"], data["account"]) == ("completed", "OpenAI")
    assert data["connectionId"] == agent.get("/connections").json()["data"]["connections"][0]["connectionId"]


def test_lists_have_pages(agent: Any, connect: Any):
    for _ in range(51):
        connect("openai")
    first = agent.get("/connections?cursor=").json()["data"]
    assert first == agent.get("/connections").json()["data"]
    second = agent.get(f"/connections?cursor={first['next']}").json()["data"]
    assert (len(first["connections"]), len(second["connections"]), second["next"]) == (50, 1, None)


def test_the_catalogue_is_searched(agent: Any):
    found = agent.get("/providers?search=payments").json()["data"]["providers"]
    assert [provider["code"] for provider in found][:2] == ["stripe", "paypal"]
    assert all("payments" in registry.catalogue()[provider["code"]].entry.worth for provider in found)
    by_other_name = agent.get("/providers?search=outlook%20365").json()["data"]["providers"]
    assert [provider["code"] for provider in by_other_name] == ["microsoft"]


def test_a_search_forgives_and_answers_the_best_first(agent: Any):
    for typed, code in (("gmail", "google"), ("gihub", "github"), ("G%C3%8DT-hub", "github"), ("stirpe", "stripe")):
        assert agent.get(f"/providers?search={typed}").json()["data"]["providers"][0]["code"] == code
    nothing = agent.get("/providers?search=qwertyuiop").json()["data"]
    assert nothing == {"providers": [], "next": None}


def test_a_search_is_read_page_by_page_in_its_own_order(agent: Any):
    whole: list[str] = []
    query: str | None = ""
    while query is not None:
        data = agent.get(f"/providers?search=e{query}").json()["data"]
        whole += [provider["code"] for provider in data["providers"]]
        query = f"&cursor={data['next']}" if data["next"] else None
    assert len(whole) > 100
    assert whole == search.ranked("e", registry.catalogue())


def test_another_name_of_a_provider_is_among_the_nearest_codes(agent: Any, configured: Any):
    for wrong, code in (("gmail", "google"), ("entra-id", "microsoft"), ("gmail-api", "google")):
        for answer in (
            agent.get(f"/ai/context/{wrong}"),
            agent.post("/oauth/sessions", {"provider": wrong}),
            agent.post("/tokens/fetch", {"provider": wrong}),
        ):
            assert f"Did you mean: {code}" in error(answer, 404, "PROVIDER_NOT_FOUND")["hint"]
    configured("google", enabled=False)
    assert "google" not in error(agent.get("/ai/context/gmail"), 404, "PROVIDER_NOT_FOUND")["hint"].split(", ")


def test_the_catalogue_is_read_page_by_page(agent: Any):
    codes: list[str] = []
    query: str | None = ""
    while query is not None:
        page = agent.get(f"/providers?search={query}").json()["data"]
        codes += [provider["code"] for provider in page["providers"]]
        query = f"&cursor={page['next']}" if page["next"] else None
    assert sorted(codes) == sorted(registry.catalogue())
    assert codes[0] == "google"
