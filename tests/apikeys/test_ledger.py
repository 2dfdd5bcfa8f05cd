"""The ledger is written, read and purged, and never changed."""

import datetime as dt
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from apikeys.ledger import AuditEvent, Caller, LedgerIsAppendOnly, record
from tests.agents import Key

pytestmark = pytest.mark.django_db


@pytest.fixture
def event(user: User, key: Key) -> AuditEvent:
    caller = Caller(user=user, key=key.row, address="192.0.2.1", request_id="r-1")
    record(caller, "token.fetch", provider="google", account="ada@example.com", purpose="read the inbox")
    return AuditEvent.objects.get()


def aged(user: User, days: float, count: int) -> None:
    at = timezone.now() - dt.timedelta(days=days)
    AuditEvent.objects.bulk_create([AuditEvent(user=user, action="token.fetch", at=at) for _ in range(count)])


def test_an_event_tells_who_did_what_from_where(event: AuditEvent, key: Key, user: User) -> None:
    found = AuditEvent.objects.get()
    assert (found.user, found.api_key_id, found.action, found.outcome) == (user, key.row.pk, "token.fetch", "ok")
    assert (found.address, found.request_id, found.purpose) == ("192.0.2.1", "r-1", "read the inbox")


def test_what_is_too_long_is_cut_and_not_refused(user: User) -> None:
    caller = Caller(user=user, request_id="r" * 100)
    record(caller, "token.fetch", account="a" * 300, purpose="p" * 300, detail="d" * 400)
    event = AuditEvent.objects.get()
    assert [len(text) for text in (event.account, event.purpose, event.detail, event.request_id)] == [255, 200, 300, 64]


def test_an_event_cannot_be_changed_or_removed(event: AuditEvent) -> None:
    event.outcome = "other"
    for change in (
        event.save,
        event.delete,
        lambda: AuditEvent.objects.update(outcome="other"),
        lambda: AuditEvent.objects.all().delete(),
        lambda: AuditEvent.objects.filter(pk=event.pk).delete(),
        lambda: AuditEvent.objects.bulk_update([event], ["outcome"]),
    ):
        with pytest.raises(LedgerIsAppendOnly), transaction.atomic():
            change()
    assert AuditEvent.objects.get().outcome == "ok"


def test_no_record_no_deed(user: User) -> None:
    with transaction.atomic():
        record(Caller(user=user), "token.fetch")
        transaction.set_rollback(True)
    assert not AuditEvent.objects.exists()


def test_one_insert_is_all_it_costs(user: User, key: Key, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1):
        record(Caller(user=user, key=key.row), "token.fetch")


def test_an_event_outlives_the_key_and_the_user(event: AuditEvent, key: Key, user: User) -> None:
    key_id = key.row.pk
    user.delete()
    found = AuditEvent.objects.get()
    assert (found.user, found.api_key_id) == (None, key_id)


def test_it_is_read_by_user_and_by_connection(event: AuditEvent, user: User, other_user: User) -> None:
    connection_id = uuid.uuid4()
    record(Caller(user=user), "connection.add", connection_id=connection_id)
    record(Caller(user=other_user), "connection.add")
    (about,) = AuditEvent.objects.about(connection_id)
    assert about.connection_id == connection_id
    assert list(AuditEvent.objects.of(user)) == [about, event]


def test_purging_removes_the_old_in_batches_and_keeps_the_rest(user: User) -> None:
    aged(user, days=400, count=2_500)
    aged(user, days=364, count=10)
    before = timezone.now() - dt.timedelta(days=365)
    assert AuditEvent.objects.purge(before=before) == 2_500
    assert AuditEvent.objects.count() == 10
    assert AuditEvent.objects.purge(before=before) == 0


def test_purging_costs_two_statements_a_batch(user: User, django_assert_num_queries: Any) -> None:
    aged(user, days=400, count=1_500)
    with django_assert_num_queries(4):
        AuditEvent.objects.purge(before=timezone.now())


def test_who_is_forgotten_is_taken_off_every_event_and_nothing_else_is(
    user: User, other_user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    aged(user, 1, 2_500)
    aged(other_user, 1, 1)
    before = set(AuditEvent.objects.values_list("pk", "at", "action"))
    with django_assert_num_queries(7):
        AuditEvent.objects.forget(user)
    assert AuditEvent.objects.filter(user=user).count() == 0
    assert AuditEvent.objects.filter(user=other_user).count() == 1
    assert set(AuditEvent.objects.values_list("pk", "at", "action")) == before
