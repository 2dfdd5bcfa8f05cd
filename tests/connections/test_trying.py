"""A connection tested, or renewed, on its page: what is said, what the row becomes, what is written down."""

import datetime as dt
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.db import connection as database
from django.test import Client
from django.utils import timezone

from apikeys.models import AuditEvent
from connections import trying
from connections.models import Connection, Notice, Refresh
from providers import http
from tests.connections.begun import IDENTITY_URL, TOKEN_URL
from tests.provider_http import ProviderHttp

MODELS = "https://api.openai.com/v1/models"
ISSUED = {"access_token": "new", "expires_in": 3600, "refresh_token": "new-refresh"}


def done(browser: Client, row: Connection, deed: str) -> str:
    answer = browser.post(f"/app/connections/{row.pk}/{deed}/", follow=True)
    assert answer.redirect_chain == [(f"/app/connections/{row.pk}/", 302)]
    return " ".join(answer.content.decode().split())


def events(row: Connection) -> list[tuple[str, str]]:
    return list(AuditEvent.objects.about(row.pk).values_list("action", "outcome"))


def test_a_key_that_works_is_told_so_and_the_test_stands_in_the_ledger(
    browser: Client, connect: Any, provider_http: ProviderHttp
):
    row = connect("openai", fields={"apiKey": "sk-abcdefghijklmnop"}, verification="unverified")
    provider_http.reply("GET", MODELS, json={"data": []})
    assert "It works: OpenAI accepts it." in done(browser, row, "test")
    row.refresh_from_db()
    assert (row.verification, events(row)) == ("verified", [("connection.test", "ok")])
    assert "You tested OpenAI" in browser.get(f"/app/connections/{row.pk}/").content.decode()


def test_a_key_that_is_refused_needs_its_user_until_it_works_again(
    browser: Client, agent: Any, connect: Any, provider_http: ProviderHttp
):
    row = connect("openai", fields={"apiKey": "sk-abcdefghijklmnop"})
    provider_http.reply("GET", MODELS, status=401, json={"error": {"message": "Incorrect key"}}, times=1)
    assert "It does not work: OpenAI answered 401: Incorrect key." in done(browser, row, "test")
    row.refresh_from_db()
    assert (row.status, row.status_reason) == (
        "needs_reauth",
        "the provider refuses it: OpenAI answered 401: Incorrect key",
    )
    assert events(row) == [("connection.test", "REFUSED")]
    assert not Notice.objects.exists()
    refused = agent.post("/tokens/fetch", {"provider": "openai"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "TOKEN_EXPIRED")
    assert agent.get("/ai/context/summary").json()["data"]["attention"] == {"openai": "TOKEN_EXPIRED"}
    provider_http.reply("GET", MODELS, json={"data": []})
    assert "It works" in done(browser, row, "test")
    assert agent.post("/tokens/fetch", {"provider": "openai"}).status_code == 200
    row.refresh_from_db()
    assert (row.status, row.status_reason, row.last_error) == ("active", "", "")


def test_a_provider_that_is_away_changes_nothing(browser: Client, connect: Any, provider_http: ProviderHttp):
    row = connect("openai", fields={"apiKey": "sk-abcdefghijklmnop"})
    provider_http.reply("GET", MODELS, status=503)
    assert "It could not be tested: OpenAI answered 503." in done(browser, row, "test")
    row.refresh_from_db()
    assert (row.status, row.verification) == ("active", "verified")


def test_what_was_put_in_its_place_meanwhile_is_not_judged(browser: Client, connect: Any, provider_http: ProviderHttp):
    row = connect("openai", fields={"apiKey": "sk-abcdefghijklmnop"})

    def refused_late(request: httpx.Request) -> httpx.Response:
        Connection.objects.filter(pk=row.pk).update(generation=7)
        return httpx.Response(401, json={}, request=request)

    provider_http.reply("GET", MODELS, answer=refused_late)
    done(browser, row, "test")
    row.refresh_from_db()
    assert row.status == "active"


def test_a_token_is_tested_by_asking_whose_it_is(browser: Client, connect: Any, provider_http: ProviderHttp):
    row = connect("google", access_token="the-token")
    provider_http.reply("GET", IDENTITY_URL, json={"sub": "42", "email": "ada@gmail.example"}, times=1)
    assert "It works: Google accepts it. It belongs to ada@gmail.example." in done(browser, row, "test")
    provider_http.reply("GET", IDENTITY_URL, status=401, json={})
    assert "Google answered 401. Refresh it." in done(browser, row, "test")
    row.refresh_from_db()
    assert row.status == "active"
    assert events(row) == [("connection.test", "REFUSED"), ("connection.test", "ok")]


def test_what_nobody_can_be_asked_about_has_no_button(browser: Client, connect: Any):
    row = connect("mongodb")
    page = browser.get(f"/app/connections/{row.pk}/").content.decode()
    assert ("Test now" in page, "Refresh now" in page) == (False, False)
    assert "There is no way to check" in done(browser, row, "test")
    assert "There is nothing to renew it with" in done(browser, row, "refresh")


def test_who_tries_too_often_is_told_to_wait(browser: Client, connect: Any, provider_http: ProviderHttp):
    row, other = connect("openai"), connect("openai")
    provider_http.reply("GET", MODELS, json={"data": []})
    for _ in range(trying.TRIES):
        assert "It works" in done(browser, row, "test")
    assert "Too many attempts. Wait" in done(browser, row, "test")
    assert len(provider_http.requests) == trying.TRIES
    assert "It works" in done(browser, other, "test")


def test_a_full_waiting_room_is_told_in_words(browser: Client, connect: Any):
    row = connect("openai")
    with ExitStack() as places:
        for _ in range(settings.AKHROT_WEB_THREADS // 2):
            places.enter_context(http.waiting_room())
        page = done(browser, row, "test")
    assert "It could not be tested: too many calls are waiting on providers." in page


@pytest.fixture
def google(transactional_db: None, connect: Any, configured: Any) -> Any:
    """``google(expires_in=600)`` makes a connection that can be renewed, and was issued an hour ago."""

    def google(**state: Any) -> Connection:
        configured("google")
        row: Connection = connect("google", **{"expires_in": 600, **state})
        return row

    return google


def test_a_refresh_waits_for_the_new_token_and_stands_among_the_renewals(
    google: Any, browser: Client, provider_http: ProviderHttp
):
    row = google()
    provider_http.reply("POST", TOKEN_URL, json=ISSUED)
    page = done(browser, row, "refresh")
    assert "Renewed: Google has issued another token. The new token ends in 59 minutes." in page
    row.refresh_from_db()
    assert row.held()["access_token"] == "new"
    assert [one.outcome for one in Refresh.objects.of(row)] == ["renewed"]
    assert events(row) == []


def test_a_token_that_has_just_been_issued_is_left_alone(google: Any, browser: Client):
    row = google(issued_at=timezone.now())
    assert "issued less than a minute ago" in done(browser, row, "refresh")


def test_a_refresh_that_fails_says_why_and_what_still_works(google: Any, browser: Client, provider_http: ProviderHttp):
    row = google()
    provider_http.reply("POST", TOKEN_URL, status=503)
    said = "It could not be renewed now: the token endpoint answered 503: no token. The current token still works."
    assert said in done(browser, row, "refresh")
    assert "Google failed a moment ago" in done(browser, row, "refresh")
    assert len(provider_http.requests) == 1


def test_a_refresh_that_is_refused_for_good_says_who_has_to_act(
    google: Any, browser: Client, provider_http: ProviderHttp
):
    row = google()
    provider_http.reply("POST", TOKEN_URL, status=400, json={"error": "invalid_grant"})
    page = done(browser, row, "refresh")
    assert "It needs you: Google has ended the access" in page
    assert "Reconnect" in page


def test_a_test_of_an_ended_token_renews_it_first(google: Any, browser: Client, provider_http: ProviderHttp):
    row = google(expires_in=-5)
    provider_http.reply("POST", TOKEN_URL, json=ISSUED)
    provider_http.reply("GET", IDENTITY_URL, json={"sub": "42", "email": "ada@gmail.example"})
    assert "It works: Google accepts it." in done(browser, row, "test")
    assert provider_http.calls("GET", IDENTITY_URL)[0].headers["Authorization"] == "Bearer new"


def test_a_test_of_an_ended_token_that_cannot_be_renewed_says_so(
    google: Any, browser: Client, provider_http: ProviderHttp
):
    row = google(expires_in=-5)
    provider_http.reply("POST", TOKEN_URL, status=503)
    page = done(browser, row, "test")
    assert "It could not be renewed now" in page
    assert "still works" not in page
    assert events(row) == []


def test_a_broken_seal_is_told_and_not_raised(browser: Client, connect: Any):
    row, other = connect("openai"), connect("openai")
    moved = (
        "UPDATE connections_connection SET secrets = (SELECT secrets FROM connections_connection WHERE token_id = %s)"
    )
    with database.cursor() as cursor:
        cursor.execute(f"{moved} WHERE token_id = %s", [other.token_id, row.token_id])
    assert "its seal does not open under this keyring" in done(browser, row, "test")


def test_old_failures_do_not_count_as_new_ones(google: Any, browser: Client, provider_http: ProviderHttp):
    row = google(retry_at=timezone.now() - dt.timedelta(seconds=1), last_error="away", failures=3)
    provider_http.reply("POST", TOKEN_URL, json=ISSUED)
    assert "Renewed" in done(browser, row, "refresh")
