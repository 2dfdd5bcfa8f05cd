"""The tasks of the ledger: they may be lost or run twice, and nothing is missed."""

import datetime as dt
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from apikeys import tasks
from apikeys.ledger import AuditEvent, Caller, RollUp, record
from apikeys.models import ApiKey
from tests.agents import Agent, Key

pytestmark = pytest.mark.django_db


def use(key: Key | Agent, ago: float = 0) -> AuditEvent:
    """An event of that key, `ago` seconds old."""
    event = AuditEvent(user=key.row.user, action="token.fetch", api_key_id=key.row.pk)
    event.at = timezone.now() - dt.timedelta(seconds=ago)
    event.save()
    return event


def last_use(key: Key | Agent) -> dt.datetime | None:
    return ApiKey.objects.get(pk=key.row.pk).last_used_at


def position() -> int:
    return RollUp.objects.get().position


def test_the_last_use_is_rolled_up(key: Key, other_agent: Agent) -> None:
    use(key, ago=30)
    late = use(key, ago=10)
    tasks.roll_up()
    assert last_use(key) == late.at
    assert last_use(other_agent) is None


def test_a_later_run_goes_on_from_there(key: Key, other_agent: Agent) -> None:
    first = use(key)
    tasks.roll_up()
    second, other = use(key), use(other_agent)
    tasks.roll_up()
    assert last_use(key) == second.at > first.at
    assert last_use(other_agent) == other.at


def test_running_it_twice_changes_nothing(key: Key) -> None:
    event = use(key, ago=100)
    for _ in range(3):
        tasks.roll_up()
    assert last_use(key) == event.at
    assert position() == event.pk


def test_an_event_that_is_committed_late_is_not_missed(key: Key, other_agent: Agent) -> None:
    """It got its id before one that was read; so the last minute is read again."""
    late = use(other_agent)
    AuditEvent.objects.filter(pk=late.pk)._raw_delete("default")
    seen = use(key)
    tasks.roll_up()
    assert last_use(key) == seen.at
    late.pk, late._state.adding = late.pk, True
    late.save(force_insert=True)
    tasks.roll_up()
    assert last_use(other_agent) == late.at


def test_what_is_settled_is_not_read_again(key: Key, clock: Any) -> None:
    old, young = use(key, ago=61), use(key, ago=5)
    tasks.roll_up()
    assert position() == old.pk
    clock.forward(minutes=2)
    tasks.roll_up()
    assert position() == young.pk


def test_a_run_reads_so_much_and_no_more(key: Key) -> None:
    events = [use(key, ago=1000 - number) for number in range(10)]
    tasks.roll_up(batch=3, most_batches=2)
    assert last_use(key) == events[5].at
    assert position() == events[5].pk
    tasks.roll_up(batch=3, most_batches=2)
    assert last_use(key) == events[9].at


def test_what_it_costs_does_not_grow_with_the_events_of_a_key(
    key: Key, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    tasks.roll_up()
    for _ in range(20):
        use(key, ago=100)
    with django_assert_num_queries(21):
        tasks.roll_up()


def test_events_of_the_dashboard_and_of_keys_since_removed_do_no_harm(user: User, key: Key) -> None:
    record(Caller(user=user), "connection.add")
    use(key)
    ApiKey.objects.all().delete()
    tasks.roll_up()


def test_a_gap_in_the_ids_holds_nothing_up(key: Key) -> None:
    use(key, ago=1000)
    far = AuditEvent(pk=5_000_000, user=key.row.user, action="token.fetch", api_key_id=key.row.pk)
    far.save(force_insert=True)
    for _ in range(2):
        tasks.roll_up(batch=2, most_batches=2)
    assert last_use(key) == far.at


def test_an_empty_ledger_rolls_up_to_nothing() -> None:
    tasks.roll_up()
    assert position() == 0


def test_purging_keeps_as_many_days_as_the_operator_wants(key: Key, settings: Any) -> None:
    settings.AKHROT_LEDGER_DAYS = 30
    use(key, ago=31 * 86_400)
    kept = use(key, ago=29 * 86_400)
    tasks.purge_ledger()
    assert list(AuditEvent.objects.all()) == [kept]


def test_beat_rings_for_both() -> None:
    rung = {entry["task"] for entry in django_settings.CELERY_BEAT_SCHEDULE.values()}
    assert rung >= {tasks.roll_up.name, tasks.purge_ledger.name} == {"apikeys.roll_up", "apikeys.purge_ledger"}
