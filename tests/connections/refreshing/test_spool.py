"""What a provider issued is not lost between its receipt and the commit."""

import datetime as dt
import os
import stat
import time
from collections.abc import Callable

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from connections.models import Connection, Refresh
from connections.refreshing import keeping, spool
from connections.refreshing.spool import Late
from providers.oauth import Grant
from tests.provider_http import ProviderHttp

GOOGLE_REVOKE = "https://oauth2.googleapis.com/revoke"


@pytest.fixture(autouse=True)
def _empty_spool():
    yield
    for late in spool.waiting(older_than=-1):
        spool.remove(late)
    for path in spool.folder().iterdir():
        path.unlink()


def grant(token: str = "issued") -> Grant:
    ends = timezone.now() + dt.timedelta(hours=1)
    return Grant(access_token=token, refresh_token=f"{token}-refresh", expires_at=ends, extra={"team": "T1"})


def test_what_waits_is_sealed_and_nobody_elses_to_read(connect, key):
    late = Late(connect("google").pk, 3, grant("very-secret-token"), 0.25)
    spool.put(late)
    assert b"very-secret" not in late.path.read_bytes()
    assert stat.S_IMODE(late.path.stat().st_mode) == 0o600
    assert list(spool.waiting(older_than=-1)) == [late]


def test_a_file_copied_to_another_connection_does_not_open(connect):
    first, second = connect("google"), connect("google")
    late = Late(first.pk, 0, grant())
    spool.put(late)
    late.path.rename(Late(second.pk, 0, grant()).path)
    keeping.replay(older_than=-1)
    second.refresh_from_db()
    assert second.generation == 0
    assert len(list(spool.folder().iterdir())) == 1, "it stays for whoever puts the key back"


def test_replaying_stores_what_the_database_never_got(connect):
    row = connect("google", expires_in=-5)
    spool.put(Late(row.pk, row.generation, grant("issued"), 0.25))
    assert keeping.replay(older_than=-1) == 1
    row.refresh_from_db()
    assert (row.held()["access_token"], row.held()["refresh_token"]) == ("issued", "issued-refresh")
    assert row.generation == 1
    kept = Refresh.objects.of(row).get()
    assert (kept.outcome, kept.took_ms) == ("late", 250)
    assert keeping.replay(older_than=-1) == 0


def test_replaying_heals_a_grant_that_was_given_up_meanwhile(connect):
    row = connect("google", expires_in=-5)
    spool.put(Late(row.pk, row.generation, grant()))
    row.give_up("invalid_grant")
    keeping.replay(older_than=-1)
    row.refresh_from_db()
    assert row.status == Connection.Status.ACTIVE


def test_a_commit_whose_answer_was_lost_is_not_taken_for_somebody_elses(
    connect, configured, provider_http: ProviderHttp
):
    configured("google")
    row = connect("google", expires_in=-5)
    spool.put(Late(row.pk, row.generation, grant()))
    assert Connection.objects.get(pk=row.pk).store(grant())
    keeping.replay(older_than=-1)
    row.refresh_from_db()
    assert row.generation == 1
    assert provider_http.requests == [], "the token in use is not revoked"
    assert not list(spool.folder().iterdir())


def test_what_comes_after_a_reconnect_is_dropped(connect, configured, provider_http: ProviderHttp):
    configured("google")
    row = connect("google", expires_in=-5)
    spool.put(Late(row.pk, row.generation, grant("late")))
    assert row.store(grant("newer"))
    keeping.replay(older_than=-1)
    row.refresh_from_db()
    assert row.held()["access_token"] == "newer"
    assert not list(spool.folder().iterdir())


def test_what_comes_after_a_disconnect_leaves_the_spool(connect):
    row = connect("google")
    spool.put(Late(row.pk, row.generation, grant()))
    Connection.objects.all().delete()
    assert keeping.replay(older_than=-1) == 1
    assert not list(spool.folder().iterdir())


def test_a_young_file_is_left_to_its_flight(connect):
    spool.put(Late(connect("google").pk, 0, grant()))
    assert keeping.replay() == 0


def test_a_full_disk_leaves_it_in_memory(connect):
    row = connect("google", expires_in=-5)
    # A folder in the file's place stops even root from writing it.
    late = Late(row.pk, 0, grant("held-in-memory"))
    late.path.mkdir()
    try:
        spool.put(late)
        assert spool.has(row.pk, 0)
        assert list(spool.waiting(older_than=60)) == [late]
    finally:
        late.path.rmdir()


def test_abandoned_drafts_are_tidied(connect):
    draft = spool.folder() / "x.1-1.draft"
    draft.write_text("half")
    old = time.time() - 2 * spool.DRAFTS_KEPT
    os.utime(draft, (old, old))
    spool.tidy()
    assert not draft.exists()


def until(met: Callable[[], bool], patience: float = 10.0) -> bool:
    deadline = time.monotonic() + patience
    while not met() and time.monotonic() < deadline:
        time.sleep(0.02)
    return met()


@pytest.mark.django_db(transaction=True)
def test_a_commit_that_fails_is_tried_again(connect):
    """The first transaction that carries the new token fails as if the database had gone away."""
    row = connect("google", expires_in=-5)
    failures: list[str] = []

    def fail_once(execute, sql, params, many, context):
        if "connections_refresh" in sql and sql.startswith("INSERT") and not failures:
            failures.append(sql)
            raise OperationalError("the database went away")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail_once):
        assert keeping.keep(Connection.objects.get(pk=row.pk), grant("new"), took=0.1)
    row.refresh_from_db()
    assert failures
    assert row.held()["access_token"] == "new"
    assert not list(spool.folder().iterdir())


@pytest.mark.django_db(transaction=True)
def test_a_database_that_stays_away_gets_it_when_it_is_back(connect):
    """For the flight's own connection the database stays away; a thread of the process goes on trying."""
    row = Connection.objects.get(pk=connect("google", expires_in=-5).pk)

    def fail(execute, sql, params, many, context):
        if "connections_" in sql:
            raise OperationalError("the database is away")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail):
        assert not keeping.keep(row, grant("issued"), took=0.1, patience=0.1)
        assert spool.has(row.pk, row.generation)
    assert until(lambda: not spool.has(row.pk, 0))
    row.refresh_from_db()
    assert row.held()["access_token"] == "issued"


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite takes it")
@pytest.mark.django_db(transaction=True)
def test_what_the_database_does_not_take_holds_up_nobody_else(connect):
    bad, good = connect("google"), connect("google")
    refused = Late(bad.pk, 0, Grant(access_token="odd", scopes=["\0"]))
    spool.put(refused)
    os.utime(refused.path, (1, 1))
    spool.put(Late(good.pk, 0, grant()))
    keeping.replay(older_than=-1)
    good.refresh_from_db()
    assert good.held()["access_token"] == "issued"
    assert list(spool.waiting(older_than=-1)) == [refused]
