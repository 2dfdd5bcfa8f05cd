"""Statements made once give what Django's own would give, in every thread, and keep no thread's connection."""

import datetime as dt
import gc
import threading
import uuid
import weakref
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection as db
from django.db import connections, models
from django.db.models.functions import Now
from django.utils import timezone

from apikeys.ledger import AuditEvent
from apikeys.models import ApiKey, Tally, _by_id
from apikeys.statements import Accumulate, Insert, Mark, Replace, Update
from connections.models import Connection
from connections.tokens import _default
from tests.agents import Key

UNUSUAL = {
    "address": "2001:db8::1",
    "connection_id": uuid.UUID(int=7),
    "account": "Ådа “%s”; --",
    "at": dt.datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=dt.UTC),
}


def contents(row: models.Model | None) -> dict[str, Any]:
    """Every attribute of a row as it stands in memory, and those of the row that came with it."""
    assert row
    state = row.__dict__["_state"]
    joined = {name: contents(other) for name, other in state.fields_cache.items()}
    return {**row.__dict__, "_state": (state.db, state.adding, joined)}


@pytest.mark.django_db
def test_a_key_is_read_as_django_reads_it(key: Key, django_assert_num_queries: Any) -> None:
    now = timezone.now()
    User.objects.update(last_login=now, first_name="Ada")
    ApiKey.objects.update(providers=["google"], expires_at=now, last_used_at=now, may_disconnect=False)
    with django_assert_num_queries(1):
        read = _by_id().read(key.row.pk)
        assert read
        assert read.user.first_name == "Ada"
    assert contents(read) == contents(ApiKey.objects.select_related("user").get())
    assert _by_id().read("00000000") is None


@pytest.mark.django_db
def test_a_connection_is_read_as_django_reads_it(user: User, other_user: User, connect: Any, configured: Any) -> None:
    configured("google", client_secret="s3", extra_scopes=["more"], client_refused_at=timezone.now())
    connect("google", user=other_user)
    connect("openai")
    first, second = connect("google"), connect("google", inputs={"shop": "walnuts"}, retry_at=timezone.now())
    for default in (first, second):
        default.make_default()
        read = _default().read("google", user.pk)
        assert read
        assert read.pk == default.pk
        assert contents(read) == contents(Connection.objects.to("google", user).first())
        assert (read.held(), read.provider.client_secret) == (default.held(), "s3")
    Connection.objects.update(is_default=False)
    assert contents(_default().read("google", user.pk)) == contents(Connection.objects.to("google", user).first())
    assert _default().read("slack", user.pk) is None


@pytest.mark.django_db
@pytest.mark.parametrize("given", [{}, UNUSUAL])
def test_an_event_is_written_as_django_writes_it(user: User, given: dict[str, Any]) -> None:
    values = {"at": timezone.now(), "user": user, "action": "token.fetch", **given}
    AuditEvent.objects.create(**values)
    Insert(AuditEvent).write(AuditEvent(**values))
    first, second = AuditEvent.objects.order_by("pk").values()
    assert second == {**first, "id": second["id"]}


@pytest.mark.django_db(transaction=True)
def test_threads_share_no_connection_and_leave_none_behind(key: Key, connect: Any) -> None:
    connect("google")
    for made in (_by_id, _default):
        made.cache_clear()
    wrappers, found = [], []

    def fetch() -> None:
        found.append((_by_id().read(key.row.pk), _default().read("google", key.row.user_id)))
        wrappers.append(weakref.ref(connections["default"]))
        db.close()

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    del threads, thread
    gc.collect()
    assert [contents(row) for row, _ in found] == [contents(found[0][0])] * 4
    assert [contents(row) for _, row in found] == [contents(found[0][1])] * 4
    assert [wrapper() for wrapper in wrappers] == [None] * 4


@pytest.mark.django_db
def test_a_row_is_replaced_as_django_replaces_it_and_only_from_the_expected_number(connect: Any) -> None:
    row = connect("google")
    columns = {"scopes": ["a", "b"], "expires_at": UNUSUAL["at"], "last_error": UNUSUAL["account"], "retry_at": None}
    statement = Replace(Connection, list(columns), counted="generation")
    assert not statement.write(row.pk, 5, list(columns.values()))
    assert statement.write(row.pk, 0, list(columns.values()))
    found = Connection.objects.get(pk=row.pk)
    assert {name: getattr(found, name) for name in columns} == columns
    assert found.generation == 1
    assert found.held() == row.held()


@pytest.mark.django_db
def test_a_compiled_update_changes_what_djangos_would_and_takes_new_values_each_time(connect: Any) -> None:
    first, second = connect("google"), connect("github")
    column = Connection._meta.get_field
    rows = Connection.objects.filter(pk=Mark("pk", column("id")), generation=Mark("was", column("generation")))
    statement = Update(rows, last_error=Mark("error", column("last_error")), retry_at=Now() + dt.timedelta(hours=1))
    assert statement.write(pk=first.pk, was=5, error="x") == 0
    assert statement.write(pk=first.pk, was=0, error=UNUSUAL["account"]) == 1
    assert statement.write(pk=second.pk, was=0, error="y") == 1
    found = Connection.objects.in_bulk([first.pk, second.pk])
    assert [found[row.pk].last_error for row in (first, second)] == [UNUSUAL["account"], "y"]
    assert all(3500 < (row.seconds_to_wait() or 0) <= 3600 for row in found.values())


@pytest.mark.django_db
def test_a_row_takes_in_those_that_are_the_same_to_its_constraint(user: User, other_user: User) -> None:
    facts = {"span": 1, "starts_at": UNUSUAL["at"], "connection_id": UNUSUAL["connection_id"], "action": "token.fetch"}
    bounds = {"outcome": "ok", "refused": False, "first_id": 1}
    statement = Accumulate(Tally, constraint="one_tally_of_a_kind", add=["number"], replace=["last_id"])
    statement.write([Tally(user=user, number=2, last_id=5, **facts, **bounds)])
    statement.write(
        [
            Tally(user=user, number=3, last_id=9, **facts, **{**bounds, "first_id": 6}),
            Tally(user=other_user, number=1, last_id=7, **facts, **bounds),
        ]
    )
    mine, other = Tally.objects.order_by("user_id")
    assert {name: getattr(mine, name) for name in facts} == facts
    assert (mine.number, mine.first_id, mine.last_id, other.number) == (5, 1, 9, 1)
