"""Fetching: what is answered at once, what is refreshed first, and what is said when nothing helps."""

import base64
import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from apikeys.models import AuditEvent
from connections.models import Connection
from providers import http
from tests.provider_http import ProviderHttp

GOOGLE_TOKEN = "https://oauth2.googleapis.com/token"
NEW = {"access_token": "new-access", "expires_in": 3600, "scope": "openid email"}


def fetch(agent: Any, **body: Any) -> dict[str, Any]:
    answer = agent.post("/tokens/fetch", {"provider": "google", **body})
    assert answer.status_code == 200, answer.content
    data: dict[str, Any] = answer.json()["data"]
    return data


def refusal(agent: Any, status: int, **body: Any) -> dict[str, Any]:
    answer = agent.post("/tokens/fetch", {"provider": "google", **body})
    assert answer.status_code == status, answer.content
    error: dict[str, Any] = answer.json()["error"]
    return error


@pytest.mark.django_db
def test_a_fresh_token_is_answered_with_headers_ready_to_send(agent, connect):
    connection = connect("google", access_token="fresh", extra={"tenant": "t1"})
    data = fetch(agent, purpose="read the inbox")
    assert data["accessToken"] == "fresh"
    assert data["headers"] == {"Authorization": "Bearer fresh"}
    assert data["tokenId"] == connection.token_id
    assert 3500 < data["expiresIn"] <= 3600
    assert data["expiresAt"].endswith("Z")
    assert data["extra"] == {"tenant": "t1"}
    event = AuditEvent.objects.get(action="token.fetch")
    assert (event.outcome, event.purpose, event.connection_id) == ("ok", "read the inbox", connection.pk)
    assert event.api_key_id == agent.row.pk


@pytest.mark.django_db
def test_a_fresh_fetch_costs_two_reads_and_one_insert(agent, connect, django_assert_num_queries):
    for _ in range(5):
        connect("google")
        connect("openai")
    with django_assert_num_queries(3) as queries:
        fetch(agent)
    kinds = [query["sql"].split()[0] for query in queries.captured_queries]
    assert kinds == ["SELECT", "SELECT", "INSERT"]


@pytest.mark.django_db
def test_the_answer_that_carries_a_token_is_not_to_be_stored(agent, connect):
    connect("google")
    assert agent.post("/tokens/fetch", {"provider": "google"})["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_a_key_with_two_fields_comes_by_name_and_as_basic(agent, connect):
    connect("twilio", fields={"accountSid": "AC1", "authToken": "secret"})
    data = fetch(agent, provider="twilio")
    assert (data["type"], data["accessToken"]) == ("api_key", "secret")
    assert data["credentials"] == {"accountSid": "AC1", "authToken": "secret"}
    assert data["headers"]["Authorization"] == "Basic " + base64.b64encode(b"AC1:secret").decode()


@pytest.mark.django_db
def test_a_telegram_session_comes_with_its_app(agent, connect):
    connect("telegram", fields={"apiId": "77", "apiHash": "h", "sessionString": "1session"})
    data = fetch(agent, provider="telegram")
    assert (data["type"], data["accessToken"], data["apiId"], data["apiHash"]) == (
        "mtproto",
        "1session",
        77,
        "h",
    )


@pytest.mark.django_db(transaction=True)
def test_an_expired_token_is_refreshed_before_the_answer(agent, connect, configured, provider_http: ProviderHttp):
    configured("google")
    connection = connect("google", expires_in=-5, refresh_token="r1")
    provider_http.reply("POST", GOOGLE_TOKEN, json=NEW)
    data = fetch(agent)
    assert data["accessToken"] == "new-access"
    assert data["tokenId"] != connection.token_id
    connection.refresh_from_db()
    assert connection.generation == 1
    assert connection.held()["refresh_token"] == "r1", "none came, so the old one stays"
    assert b"refresh_token=r1" in provider_http.requests[0].content


@pytest.mark.django_db(transaction=True)
def test_a_rotated_refresh_token_replaces_the_old_one(agent, connect, configured, provider_http: ProviderHttp):
    configured("google")
    connection = connect("google", expires_in=-5, refresh_token="r1")
    provider_http.reply("POST", GOOGLE_TOKEN, json={**NEW, "refresh_token": "r2"})
    fetch(agent)
    connection.refresh_from_db()
    assert connection.held()["refresh_token"] == "r2"


@pytest.mark.django_db
def test_an_expired_token_without_a_refresh_token_needs_the_user(agent, connect):
    connect("google", expires_in=-5, refresh_token="")
    assert refusal(agent, 400)["code"] == "TOKEN_EXPIRED"


@pytest.mark.django_db(transaction=True)
def test_min_ttl_refreshes_first_when_less_life_is_left(agent, connect, configured, provider_http: ProviderHttp):
    configured("google")
    connect("google", expires_in=1000, access_token="old")
    provider_http.reply("POST", GOOGLE_TOKEN, json=NEW)
    assert fetch(agent, minTtl=900)["accessToken"] == "old"
    assert fetch(agent, minTtl=1200)["accessToken"] == "new-access"


@pytest.mark.django_db(transaction=True)
def test_a_failed_early_refresh_answers_the_token_that_works(agent, connect, configured, provider_http: ProviderHttp):
    configured("google")
    connect("google", expires_in=1000, access_token="old")
    provider_http.reply("POST", GOOGLE_TOKEN, status=503)
    assert fetch(agent, minTtl=3600)["accessToken"] == "old"


@pytest.mark.django_db(transaction=True)
def test_a_refused_early_refresh_answers_the_token_as_long_as_it_works(
    agent, connect, configured, provider_http: ProviderHttp
):
    configured("google")
    connect("google", expires_in=1000, access_token="old")
    provider_http.reply("POST", GOOGLE_TOKEN, status=400, json={"error": "invalid_grant"})
    assert fetch(agent, minTtl=3600)["accessToken"] == "old"
    assert fetch(agent)["accessToken"] == "old"


@pytest.mark.django_db
def test_a_token_made_just_now_is_not_refreshed_for_min_ttl(agent, connect, provider_http: ProviderHttp):
    connect("google", expires_in=3599, access_token="young")
    assert fetch(agent, minTtl=3600)["accessToken"] == "young"
    assert provider_http.requests == []


@pytest.mark.django_db(transaction=True)
def test_a_rejected_token_is_refreshed_once_a_minute_at_most(agent, connect, configured, provider_http: ProviderHttp):
    configured("google")
    first = connect("google")
    provider_http.reply("POST", GOOGLE_TOKEN, json=NEW)
    second = fetch(agent, rejected=first.token_id)
    assert second["accessToken"] == "new-access"
    assert fetch(agent, rejected=second["tokenId"])["tokenId"] == second["tokenId"]
    assert fetch(agent, rejected=first.token_id)["tokenId"] == second["tokenId"], "it is not held any more"
    assert len(provider_http.requests) == 1


@pytest.mark.django_db
def test_a_rejected_token_with_nothing_to_refresh_it_needs_the_user(agent, connect):
    connection = connect("google", expires_in=None, refresh_token="")
    assert refusal(agent, 400, rejected=connection.token_id)["code"] == "TOKEN_EXPIRED"
    assert fetch(agent)["tokenId"] == connection.token_id, "an agent's word alone ends nothing"


@pytest.mark.django_db
def test_an_ageing_token_is_answered_at_once_and_the_bell_rings_once(agent, connect, queue):
    connection = connect("google", expires_in=100, access_token="ageing")
    assert fetch(agent)["accessToken"] == "ageing"
    assert fetch(agent)["accessToken"] == "ageing"
    assert queue == [("connections.refresh", [str(connection.pk)])]


@pytest.mark.django_db
def test_no_bell_rings_during_a_back_off(agent, connect, queue):
    connect("google", expires_in=100, retry_at=timezone.now() + dt.timedelta(minutes=1))
    fetch(agent)
    assert queue == []


@pytest.mark.django_db
def test_accounts_are_named_by_label_or_id_and_the_default_answers_else(agent, connect):
    first = connect("google", account="ada@example.com", access_token="one")
    second = connect("google", account="work@example.com", access_token="two")
    assert fetch(agent)["accessToken"] == "one"
    assert fetch(agent, account="work@example.com")["accessToken"] == "two"
    assert fetch(agent, account=str(second.pk))["accessToken"] == "two"
    second.make_default()
    assert fetch(agent)["accessToken"] == "two"
    error = refusal(agent, 404, account="nobody@example.com")
    assert (error["code"], "ada@example.com" in error["hint"]) == ("ACCOUNT_NOT_FOUND", True)
    Connection.objects.filter(pk=first.pk).update(account="work@example.com")
    assert refusal(agent, 409, account="work@example.com")["code"] == "ACCOUNT_AMBIGUOUS"


@pytest.mark.django_db
def test_a_default_that_needs_the_user_never_falls_through_to_another_account(agent, connect):
    connect("google", status="needs_reauth", expires_in=-5)
    connect("google")
    assert refusal(agent, 400)["code"] == "TOKEN_EXPIRED"


@pytest.mark.django_db
def test_another_users_account_is_as_if_it_did_not_exist(agent, other_user, connect):
    foreign = connect("google", user=other_user)
    assert refusal(agent, 404)["code"] == "INTEGRATION_NOT_FOUND"
    mine = connect("google")
    theirs, none = (
        refusal(agent, 404, account=account) for account in (str(foreign.pk), "00000000-0000-4000-8000-000000000000")
    )
    assert theirs == none
    assert mine.account in theirs["hint"]


@pytest.mark.django_db
def test_a_named_service_must_have_been_granted(agent, connect):
    connection = connect("google", scopes=["openid", "email"])
    error = refusal(agent, 409, service="gmail")
    assert error["code"] == "MISSING_SCOPES"
    assert error["next"]["body"] == {"provider": "google", "services": ["gmail"], "account": str(connection.pk)}
    assert refusal(agent, 404, service="nothing")["code"] == "SERVICE_NOT_FOUND"


@pytest.mark.django_db
def test_the_base_url_is_the_named_services(agent, connect):
    connect("google")
    assert fetch(agent, service="gmail")["baseUrl"] == "https://gmail.googleapis.com"


@pytest.mark.django_db
def test_refusals_are_in_the_ledger_too(agent):
    refusal(agent, 404, purpose="look")
    event = AuditEvent.objects.get(action="token.fetch")
    assert (event.outcome, event.provider, event.purpose) == ("INTEGRATION_NOT_FOUND", "google", "look")


@pytest.mark.django_db
def test_a_key_limited_to_others_is_refused(issue, connect):
    connect("google")
    limited = issue(providers=["openai"])
    assert refusal(limited, 403)["code"] == "FORBIDDEN"
    assert refusal(limited, 404, provider="gogle")["code"] == "PROVIDER_NOT_FOUND"


@pytest.mark.django_db
def test_a_disabled_provider_is_not_there(agent, connect, configured):
    connect("google")
    configured("google", enabled=False)
    assert refusal(agent, 404)["code"] == "PROVIDER_NOT_FOUND"


@pytest.mark.django_db
def test_what_is_sealed_is_json_of_our_own(connect):
    assert set(json.loads(connect("google").secrets)) == {"access_token", "refresh_token", "extra"}


@pytest.mark.django_db(transaction=True)
def test_a_refused_fetch_stands_in_the_ledger_under_the_accounts_name(agent, connect):
    row = connect("google", expires_in=-5, refresh_token="")
    assert agent.post("/tokens/fetch", {"provider": "google", "account": str(row.pk)}).status_code == 400
    event = AuditEvent.objects.get(action="token.fetch")
    assert (event.outcome, event.account, event.connection_id) == ("TOKEN_EXPIRED", row.account, row.pk)


@pytest.fixture
def full_house() -> Iterator[None]:
    """As many callers wait on providers as may."""
    places = []
    while http._waiters().acquire(blocking=False):
        places.append(1)
    yield
    for _ in places:
        http._waiters().release()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("full_house")
def test_who_finds_no_room_to_wait_is_refused_at_once_and_by_limit(agent, connect, configured, provider_http: Any):
    """A refusal by limit fills no ledger; whoever holds a working token is not refused at all."""
    configured("google")
    connect("google", expires_in=-5)
    error = refusal(agent, 503)
    assert error["code"] == "PROVIDER_UNAVAILABLE"
    assert 4 <= error["retryAfter"] <= 10
    assert not AuditEvent.objects.filter(action="token.fetch").exists()
    Connection.objects.update(expires_at=timezone.now() + dt.timedelta(seconds=1000))
    fetch(agent, minTtl=3600)
    assert AuditEvent.objects.get(action="token.fetch").outcome == "ok"
    assert not provider_http.requests
