"""Refreshing that fails: what ends a connection, what does not, and what is asked again."""

from typing import Any

import pytest

from connections.models import Connection
from tests.provider_http import ProviderHttp

GOOGLE_TOKEN = "https://oauth2.googleapis.com/token"


def refusal(agent: Any, status: int, **body: Any) -> dict[str, Any]:
    answer = agent.post("/tokens/fetch", {"provider": "google", **body})
    assert answer.status_code == status, answer.content
    error: dict[str, Any] = answer.json()["error"]
    return error


@pytest.mark.django_db(transaction=True)
def test_the_providers_refusal_ends_the_connection_and_names_the_way_back(
    agent, connect, configured, provider_http: ProviderHttp
):
    configured("google")
    connection = connect("google", expires_in=-5)
    provider_http.reply("POST", GOOGLE_TOKEN, status=400, json={"error": "invalid_grant"})
    error = refusal(agent, 400)
    assert error["code"] == "TOKEN_EXPIRED"
    assert error["next"]["body"] == {"provider": "google", "account": str(connection.pk)}
    connection.refresh_from_db()
    assert connection.status == Connection.Status.NEEDS_REAUTH
    assert refusal(agent, 400)["code"] == "TOKEN_EXPIRED"
    assert len(provider_http.requests) == 1, "a dead grant is not asked about again"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "reply",
    [
        {"status": 503},
        {"status": 200, "text": "<html>hello</html>"},
        {"status": 400, "json": {"error": "temporarily_unavailable"}},
        {"status": 429, "json": {"error": "invalid_grant"}, "headers": {"Retry-After": "77"}},
        {"status": 500, "json": {"error": "invalid_grant"}},
    ],
    ids=["503", "a page", "unknown error", "429", "500 with invalid_grant"],
)
def test_a_failure_that_may_pass_keeps_the_connection(
    agent, connect, configured, provider_http: ProviderHttp, reply: dict[str, Any]
):
    configured("google")
    connection = connect("google", expires_in=-5)
    provider_http.reply("POST", GOOGLE_TOKEN, **reply)
    answer = agent.post("/tokens/fetch", {"provider": "google"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "PROVIDER_UNAVAILABLE")
    assert int(answer["Retry-After"]) >= 1
    connection.refresh_from_db()
    assert connection.status == Connection.Status.ACTIVE
    assert connection.lease_holder == ""
    if reply["status"] == 429:
        assert 70 <= int(answer["Retry-After"]) <= 78


@pytest.mark.django_db(transaction=True)
def test_a_back_off_is_answered_without_asking_again(agent, connect, configured, provider_http: ProviderHttp):
    configured("google")
    connect("google", expires_in=-5)
    provider_http.reply("POST", GOOGLE_TOKEN, status=503)
    refusal(agent, 503)
    assert refusal(agent, 503)["retryAfter"] >= 1
    assert len(provider_http.requests) == 1


@pytest.mark.django_db(transaction=True)
def test_a_refused_client_is_the_operators_matter(agent, connect, configured, provider_http: ProviderHttp):
    provider = configured("google")
    connection = connect("google", expires_in=-5)
    provider_http.reply("POST", GOOGLE_TOKEN, status=401, json={"error": "invalid_client"})
    assert refusal(agent, 409)["code"] == "PROVIDER_NOT_CONFIGURED"
    connection.refresh_from_db()
    provider.refresh_from_db()
    assert connection.status == Connection.Status.ACTIVE
    assert provider.client_refused_at is not None
    assert refusal(agent, 409)["code"] == "PROVIDER_NOT_CONFIGURED", "also during the back-off"
