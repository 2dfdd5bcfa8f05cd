"""One answer for every key that is none, whatever is wrong with it."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from apikeys.models import ApiKey, split_key
from tests.agents import Agent, Key
from tests.apikeys.whoami import PATH

pytestmark = [pytest.mark.urls("tests.apikeys.whoami"), pytest.mark.django_db]


def call(authorization: str | None, **extra: Any) -> Any:
    headers = {} if authorization is None else {"Authorization": authorization}
    return Client().get(PATH, headers=headers, **extra)


def test_a_key_is_its_user(agent: Agent) -> None:
    answer = agent.get(PATH, **{"X-Request-Id": "abc-1"}).json()
    assert answer["user"] == answer["signedIn"] == agent.user.email
    assert answer["key"] == agent.row.pk
    assert answer["address"] == "127.0.0.1"


def test_the_caller_knows_the_id_that_the_answer_bears(agent: Agent) -> None:
    answer = agent.get(PATH)
    assert answer.json()["requestId"] == answer["Request-Id"] != ""


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", " Bearer"])
def test_the_scheme_may_be_written_in_any_case(key: Key, scheme: str) -> None:
    assert call(f"{scheme} {key.text}").status_code == 200
    assert call(f"{scheme}   {key.text} ").status_code == 200


def wrong_checksum(key: Key) -> str:
    return key.text[:-1] + ("a" if key.text[-1] != "a" else "b")


def unknown(key: Key) -> str:
    key.row.delete()
    return key.text


def revoked(key: Key) -> str:
    key.row.revoke()
    return key.text


def expired(key: Key) -> str:
    ApiKey.objects.update(expires_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    return key.text


def of_an_inactive_user(key: Key) -> str:
    User.objects.update(is_active=False)
    return key.text


def with_anothers_secret(key: Key) -> str:
    other, _ = ApiKey.objects.issue(user=key.row.user, name="other")
    ApiKey.objects.filter(pk=key.row.pk).update(digest=other.digest)
    return key.text


SPOILT: list[Callable[[Key], str]] = [
    wrong_checksum,
    unknown,
    revoked,
    expired,
    of_an_inactive_user,
    with_anothers_secret,
    lambda _: "",
    lambda key: key.text[:-1],
    lambda key: key.text + "0",
    lambda key: key.text.upper(),
    lambda key: key.text.replace("akhrot_", ""),
    lambda key: f"{key.text} {key.text}",
    lambda key: key.text.replace("_", "\u00e9"),
]


@pytest.mark.parametrize("spoil", SPOILT)
def test_whatever_is_wrong_with_a_key_the_answer_is_the_same(key: Key, spoil: Callable[[Key], str]) -> None:
    without = call(None)
    answer = call(f"Bearer {spoil(key)}")
    assert (answer.status_code, answer.content) == (401, without.content)
    assert answer["WWW-Authenticate"] == without["WWW-Authenticate"] == "Bearer"
    assert answer.json()["error"]["code"] == "UNAUTHORIZED"


@pytest.mark.parametrize("authorization", [None, "", "Basic YTpi", "Bearer", "Token akhrot_1", "Bearer\x00"])
def test_no_key_is_unauthorized(key: Key, authorization: str | None) -> None:
    assert call(authorization).status_code == 401


def test_a_key_in_the_query_or_a_cookie_is_never_read(key: Key) -> None:
    client = Client()
    client.cookies["Authorization"] = f"Bearer {key.text}"
    for name in ("key", "api_key", "access_token", "authorization", "Authorization"):
        assert client.get(PATH, {name: key.text}).status_code == 401


def test_a_session_does_not_open_the_api(browser: Client) -> None:
    assert browser.get(PATH).status_code == 401


def test_unauthorized_comes_before_a_bad_body_and_a_bad_method(agent: Agent) -> None:
    agent.client.defaults["HTTP_AUTHORIZATION"] = "Bearer nothing"
    assert Client().post(PATH, "{", content_type="application/json").status_code == 401
    assert Client().post(PATH, "a=b", content_type="text/plain").status_code == 401
    assert Client().put(PATH, "{}", content_type="application/json").status_code == 401


def test_a_good_key_meets_the_bad_body(agent: Agent) -> None:
    assert agent.post(PATH, "{").json()["error"]["code"] == "VALIDATION_ERROR"


def test_one_read_finds_the_key_and_its_user(agent: Agent, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1):
        assert agent.get(PATH).status_code == 200


def test_an_unknown_key_costs_no_more_than_a_known_one(
    key: Key, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    text = unknown(key)
    with django_assert_num_queries(1):
        assert call(f"Bearer {text}").status_code == 401
    with django_assert_num_queries(0):
        assert call(f"Bearer {wrong_checksum(key)}").status_code == 401


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(max_size=80))
def test_no_text_passes_for_a_key_or_breaks_the_check(db: None, text: str) -> None:
    assert split_key(text) is None
    assert ApiKey.objects.authenticate(text) is None


def test_the_database_holds_no_secret_of_a_key(key: Key) -> None:
    row = ApiKey.objects.filter(pk=key.row.pk).values().get()
    secret = key.text.rpartition("_")[2]
    assert secret not in str(row)
    assert secret not in f"{key.row!r}{key.row}"


# Who tries too often.


def fail(times: int, **extra: Any) -> Any:
    for _ in range(times - 1):
        call("Bearer akhrot_no", **extra)
    return call("Bearer akhrot_no", **extra)


def test_failures_are_limited_for_an_address(user: User) -> None:
    assert fail(30).status_code == 401
    answer = fail(1)
    assert answer.status_code == 429
    error = answer.json()["error"]
    assert error["code"] == "RATE_LIMITED"
    assert int(answer["Retry-After"]) == error["retryAfter"]
    assert 55 <= error["retryAfter"] <= 60


def test_a_valid_key_passes_where_others_failed(agent: Agent) -> None:
    assert fail(31).status_code == 429
    assert agent.get(PATH).status_code == 200


def test_another_address_is_not_held_to_account(user: User) -> None:
    assert fail(31).status_code == 429
    assert fail(1, REMOTE_ADDR="192.0.2.7").status_code == 401


def test_the_hosts_of_one_ipv6_network_count_as_one(user: User) -> None:
    assert fail(30, REMOTE_ADDR="2001:db8::1").status_code == 401
    assert fail(1, REMOTE_ADDR="2001:db8::ffff:2").status_code == 429
    assert fail(1, REMOTE_ADDR="2001:db8:0:1::1").status_code == 401


def test_failures_are_forgiven_after_a_minute(user: User, clock: Any) -> None:
    assert fail(31).status_code == 429
    clock.forward(seconds=61)
    assert fail(1).status_code == 401


def test_calls_without_a_key_are_no_failures(user: User) -> None:
    for _ in range(40):
        assert call(None).status_code == 401


# The dashboard's side.


def test_a_page_knows_its_caller_by_the_session(browser: Client, user: User) -> None:
    answer = browser.get("/app/whoami")
    assert answer.json() == {
        "user": user.email,
        "key": None,
        "address": "127.0.0.1",
        "requestId": answer["Request-Id"],
    }


def test_a_page_that_forgot_to_require_the_login_gets_no_caller(db: None) -> None:
    with pytest.raises(TypeError, match="login"):
        Client().get("/app/whoami")
