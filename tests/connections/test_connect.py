"""Pasted keys and disconnecting: what is kept, what is told, and what becomes of the grant at the provider."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections, transaction

from apikeys.ledger import Caller
from apikeys.models import AuditEvent
from connections import connect as connecting
from connections import sessions
from connections.link import pasting
from connections.models import Connection, OAuthSession
from connections.refreshing import flights
from connections.sessions import Refused
from providers.models import Provider
from providers.oauth import Account, Grant
from tests.provider_http import ProviderHttp

OPENAI = "https://api.openai.com/v1/models"
REVOKE = "https://oauth2.googleapis.com/revoke"


def opened(user: Any, provider: str = "openai", **options: Any) -> tuple[Caller, OAuthSession]:
    caller = Caller(user=user)
    return caller, sessions.start(caller, provider=provider, **options)


def test_a_key_that_works_is_kept_and_completes_the_session(user, provider_http: ProviderHttp):
    provider_http.reply("GET", OPENAI, json={"data": []})
    caller, session = opened(user)
    verdict = pasting.paste(caller, session, {"apiKey": "sk-proj-abcdefghijklmnopqrstuvwx"})
    row = Connection.objects.get()
    assert (verdict.outcome, row.verification) == ("works", "verified")
    assert row.held() == {"fields": {"apiKey": "sk-proj-abcdefghijklmnopqrstuvwx"}}
    assert (session.status, session.connection) == ("completed", row)


def test_a_refused_key_is_not_kept_and_the_session_stays_open(user, provider_http: ProviderHttp):
    provider_http.reply("GET", OPENAI, status=401, json={"error": {"message": "Incorrect API key: sk-bad"}})
    caller, session = opened(user)
    verdict = pasting.paste(caller, session, {"apiKey": "sk-bad-000000000000000000000"})
    assert verdict.outcome == "refused"
    assert "sk-bad-0000" not in verdict.reason
    assert not Connection.objects.exists()
    assert sessions.poll(caller, str(session.pk)).public_status == "pending"


def test_a_key_that_could_not_be_checked_is_kept_only_if_the_user_says_so(user, provider_http: ProviderHttp):
    provider_http.reply("GET", OPENAI, status=503)
    caller, session = opened(user)
    fields = {"apiKey": "sk-proj-abcdefghijklmnopqrstuvwx"}
    assert pasting.paste(caller, session, fields).outcome == "unreachable"
    assert not Connection.objects.exists()
    pasting.paste(caller, session, fields, keep_unverified=True)
    row = Connection.objects.get()
    assert row.verification == "unverified"
    assert row.verify_at is not None


def test_an_unverified_key_is_tried_again_later(user, provider_http: ProviderHttp, clock):
    from connections.tasks import verify_pending

    provider_http.reply("GET", OPENAI, status=503)
    caller, session = opened(user)
    pasting.paste(caller, session, {"apiKey": "sk-proj-abcdefghijklmnopqrstuvwx"}, keep_unverified=True)
    provider_http.reply("GET", OPENAI, json={"data": []})
    verify_pending()
    assert Connection.objects.get().verification == "unverified", "not before its time"
    clock.forward(minutes=6)
    verify_pending()
    row = Connection.objects.get()
    assert (row.verification, row.verify_at) == ("verified", None)


def test_a_key_that_proves_wrong_later_needs_the_user(user, provider_http: ProviderHttp, clock):
    from connections.tasks import verify_pending

    provider_http.reply("GET", OPENAI, status=503)
    caller, session = opened(user)
    pasting.paste(caller, session, {"apiKey": "sk-proj-abcdefghijklmnopqrstuvwx"}, keep_unverified=True)
    provider_http.reply("GET", OPENAI, status=401)
    clock.forward(minutes=6)
    verify_pending()
    assert Connection.objects.get().status == Connection.Status.NEEDS_REAUTH


def test_the_same_key_twice_is_one_connection_and_another_key_another(user, provider_http: ProviderHttp):
    provider_http.reply("GET", OPENAI, json={"data": []})
    for key in ("a", "a", "b"):
        pasting.paste(*opened(user), {"apiKey": f"sk-proj-{key * 24}"})
    assert [row.account for row in Connection.objects.order_by("created_at")] == ["OpenAI", "OpenAI 2"]


def test_a_renewed_key_takes_the_old_ones_place(user, provider_http: ProviderHttp):
    provider_http.reply("GET", OPENAI, json={"data": []})
    pasting.paste(*opened(user), {"apiKey": "sk-proj-aaaaaaaaaaaaaaaaaaaaaaaa"})
    row = Connection.objects.get()
    pasting.paste(*opened(user, account=str(row.pk)), {"apiKey": "sk-proj-bbbbbbbbbbbbbbbbbbbbbbbb"})
    assert Connection.objects.get().held()["fields"]["apiKey"].endswith("bbb")


def test_a_link_that_was_used_takes_no_second_key(user, provider_http: ProviderHttp):
    provider_http.reply("GET", OPENAI, json={"data": []})
    caller, session = opened(user)
    pasting.paste(caller, session, {"apiKey": "sk-proj-aaaaaaaaaaaaaaaaaaaaaaaa"})
    with pytest.raises(Refused):
        pasting.paste(caller, session, {"apiKey": "sk-proj-bbbbbbbbbbbbbbbbbbbbbbbb"})
    assert Connection.objects.count() == 1


def test_disconnecting_revokes_at_the_provider(user, connect, configured, provider_http: ProviderHttp):
    configured("google")
    row = connect("google", refresh_token="r1")
    provider_http.reply("POST", REVOKE)
    assert connecting.disconnect(Caller(user=user), row) == "revoked"
    assert b"token=r1" in provider_http.requests[0].content
    assert not Connection.objects.exists()
    assert AuditEvent.objects.get(action="connection.disconnect").detail == "revocation: revoked"


def test_disconnecting_goes_on_when_the_provider_does_not_agree(user, connect, configured, provider_http):
    configured("google")
    provider_http.reply("POST", REVOKE, status=503)
    assert connecting.disconnect(Caller(user=user), connect("google")) == "failed"
    assert not Connection.objects.exists()


def test_a_grant_that_another_connection_lives_from_is_left_alone(
    user, other_user, connect, configured, provider_http: ProviderHttp
):
    configured("google")
    row = connect("google", account_id="42")
    connect("google", user=other_user, account_id="42")
    assert connecting.disconnect(Caller(user=user), row) == "shared"
    assert provider_http.requests == []


def test_a_key_has_nothing_to_revoke(user, connect):
    assert connecting.disconnect(Caller(user=user), connect("openai")) == "unsupported"


def test_the_oldest_of_the_rest_becomes_the_default(user, connect):
    first, second = connect("openai"), connect("openai")
    connecting.disconnect(Caller(user=user), first)
    second.refresh_from_db()
    assert second.is_default


@pytest.mark.django_db(transaction=True)
def test_a_refresh_under_way_does_not_bring_a_disconnected_connection_back(
    user, connect, configured, provider_http: ProviderHttp
):
    configured("google")
    row = connect("google", expires_in=-5)

    def disconnects_meanwhile(_: Any) -> Any:
        import httpx

        Connection.objects.filter(pk=row.pk).delete()
        return httpx.Response(200, json={"access_token": "late", "expires_in": 3600})

    provider_http.reply("POST", "https://oauth2.googleapis.com/token", answer=disconnects_meanwhile)
    flights.refresh(row)
    assert not Connection.objects.exists()


def test_a_connection_whose_seal_is_broken_can_still_be_ended(user, connect, configured):
    configured("google")
    row = connect("google")
    other = connect("google")
    Connection.objects.filter(pk=row.pk).update(secrets=Connection.objects.get(pk=other.pk).__dict__["secrets"])
    assert connecting.disconnect(Caller(user=user), Connection.objects.get(pk=row.pk)) == "failed"
    assert not Connection.objects.filter(pk=row.pk).exists()


def wait_until_somebody_waits() -> None:
    """Until a statement waits for another transaction. SQLite has its writers in line, and nothing to look at."""
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    deadline = time.monotonic() + 10
    while connection.vendor == "postgresql":
        assert time.monotonic() < deadline, "nobody waits"
        with connection.cursor() as cursor:
            cursor.execute(waiting)
            if cursor.fetchone():
                return
        time.sleep(0.01)


@pytest.mark.django_db(transaction=True)
def test_two_grants_of_one_account_at_the_same_moment_are_one_connection_with_the_later(user):
    google = Provider.objects.get(code="google")

    def keep(token: str) -> Connection:
        grant, account = Grant(access_token=token), Account(id="1", label="Ada")
        return connecting.connect_grant(Caller(user=user), provider=google, grant=grant, account=account, inputs={})

    def keep_in_thread() -> Connection:
        try:
            return keep("second")
        finally:
            connections.close_all()

    with ThreadPoolExecutor() as pool:
        with transaction.atomic():
            first = keep("first")
            other = pool.submit(keep_in_thread)
            wait_until_somebody_waits()
        second = other.result(timeout=30)
    row = Connection.objects.get()
    assert first.pk == second.pk == row.pk
    assert row.held()["access_token"] == "second"
    assert [one.action for one in AuditEvent.objects.order_by("pk")] == ["connection.add", "connection.renew"]
