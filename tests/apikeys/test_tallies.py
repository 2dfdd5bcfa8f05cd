"""The tallies count every settled event once, whatever is lost, runs twice, comes late or is purged in between."""

import datetime as dt
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection as db
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from apikeys import tallies, tasks
from apikeys.ledger import SETTLED_AFTER, AuditEvent
from apikeys.models import RollUp, Tally
from apikeys.tallies import DAY, HOUR, NO_CONNECTION
from tests.conftest import make_user

pytestmark = pytest.mark.django_db
BEGIN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
CONNECTIONS = [uuid.UUID(int=number) for number in (7, 8)]
Kind = tuple[Any, ...]


def kind_of(row: AuditEvent | Tally) -> Kind:
    connection_id = row.connection_id or NO_CONNECTION
    return (row.user_id, row.api_key_id, row.provider, connection_id, row.action, row.outcome)


def as_the_ledger_has_it(up_to: int) -> Counter[Kind]:
    """Counted event by event."""
    found: Counter[Kind] = Counter()
    for event in AuditEvent.objects.filter(pk__lte=up_to).exclude(user=None):
        hour = event.at.replace(minute=0, second=0, microsecond=0)
        found[(1, hour, *kind_of(event))] += 1
        found[(24, hour.replace(hour=0), *kind_of(event))] += 1
    return found


def as_tallied() -> Counter[Kind]:
    return Counter({(row.span, row.starts_at, *kind_of(row)): row.number for row in Tally.objects.all()})


def count_all(batch: int = 100) -> None:
    while tallies.count_next(batch=batch):
        pass


def write(user: User, ago: float = 0, **columns: Any) -> AuditEvent:
    """An event `ago` seconds old."""
    at = timezone.now() - dt.timedelta(seconds=ago)
    return AuditEvent.objects.create(user=user, at=at, **{"action": "token.fetch", **columns})


class Died(Exception):
    """A process that was killed."""


def just_before(statement: str, deed: Callable[[], Any]) -> Any:
    """Do `deed` once when the first statement that begins like that is about to run."""
    pending = [deed]

    def wrapper(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith(statement) and pending:
            pending.pop()()
        return execute(sql, *rest)

    return db.execute_wrapper(wrapper)


def die() -> None:
    raise Died


def test_an_event_counts_in_its_hour_and_in_its_day(user: User) -> None:
    at = dt.datetime(2026, 3, 4, 23, 59, 59, 999_999, tzinfo=dt.UTC)
    facts = {"api_key_id": "key00001", "provider": "google", "connection_id": CONNECTIONS[0]}
    first = AuditEvent.objects.create(user=user, at=at, action="token.fetch", **facts)
    last = AuditEvent.objects.create(user=user, at=at.replace(minute=0), action="token.fetch", **facts)
    refused = AuditEvent.objects.create(user=user, at=at + HOUR, action="token.fetch", outcome="FORBIDDEN", **facts)
    count_all()
    rows = list(Tally.objects.order_by("starts_at", "span").values_list("span", "starts_at", "number", "refused"))
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    hour = day + 23 * HOUR
    assert rows == [(24, day, 2, False), (1, hour, 2, False), (1, day + DAY, 1, True), (24, day + DAY, 1, True)]
    bounds = Tally.objects.filter(refused=False).values_list("first_id", "last_id")
    assert set(bounds) == {(first.pk, last.pk)}
    assert set(Tally.objects.filter(refused=True).values_list("first_id", "last_id")) == {(refused.pk, refused.pk)}


def test_a_later_batch_is_added_to_the_same_row(user: User) -> None:
    midday = timezone.now().replace(hour=12) - DAY
    events = [AuditEvent.objects.create(user=user, at=midday, action="token.fetch") for _ in range(7)]
    count_all(batch=3)
    for row in Tally.objects.all():
        assert (row.number, row.first_id, row.last_id) == (7, events[0].pk, events[-1].pk)
    assert Tally.objects.count() == 2


def test_what_may_still_get_company_is_not_counted_yet(user: User, clock: Any) -> None:
    old = write(user, ago=SETTLED_AFTER.seconds + 1)
    write(user, ago=1)
    count_all()
    assert tallies.position() == old.pk
    clock.forward(minutes=2)
    count_all()
    assert sum(Tally.objects.filter(span=1).values_list("number", flat=True)) == 2


def test_an_event_that_is_committed_late_counts(user: User, clock: Any) -> None:
    """It got its id before one that was read."""
    late = write(user, ago=5)
    AuditEvent.objects.filter(pk=late.pk)._raw_delete("default")
    write(user, ago=2)
    count_all()
    late._state.adding = True
    late.save(force_insert=True)
    clock.forward(minutes=2)
    count_all()
    assert as_tallied() == as_the_ledger_has_it(late.pk + 1)


def test_of_two_runs_that_read_the_same_one_counts(user: User) -> None:
    write(user, ago=100)
    with just_before('UPDATE "apikeys_rollup"', tallies.count_next):
        tallies.count_next()
    assert set(Tally.objects.values_list("number", flat=True)) == {1}


@pytest.mark.parametrize("statement", ['UPDATE "apikeys_rollup"', 'INSERT INTO "apikeys_tally"'])
def test_a_run_that_dies_has_counted_nothing_and_the_next_one_does(user: User, statement: str) -> None:
    event = write(user, ago=100)
    with just_before(statement, die), pytest.raises(Died):
        tallies.count_next()
    assert (as_tallied(), tallies.position()) == (Counter(), 0)
    count_all()
    assert as_tallied() == as_the_ledger_has_it(event.pk)


def test_events_of_users_who_are_gone_count_for_nobody(user: User, other_user: User) -> None:
    write(user, ago=100)
    kept = write(other_user, ago=100)
    count_all()
    write(user, ago=90)
    user.delete()
    count_all()
    assert set(Tally.objects.values_list("user", flat=True)) == {other_user.pk}
    assert as_tallied() == as_the_ledger_has_it(kept.pk)


def test_the_task_counts_and_takes_up_where_the_last_one_stopped(user: User) -> None:
    write(user, ago=100)
    tasks.roll_up()
    write(user, ago=90)
    tasks.roll_up()
    assert sum(Tally.objects.filter(span=24).values_list("number", flat=True)) == 2


def test_whole_days_are_purged_from_both(user: User, settings: Any) -> None:
    settings.AKHROT_LEDGER_DAYS = 30
    for days in (33, 31.5, 30, 29, 0.5):
        write(user, ago=days * 86_400)
    count_all()
    tasks.purge_ledger()
    assert AuditEvent.objects.count() == 3
    assert as_tallied() == as_the_ledger_has_it(tallies.position())
    first = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) - 30 * DAY
    assert not Tally.objects.filter(starts_at__lt=first).exists()


def test_purging_goes_in_batches(user: User, django_assert_num_queries: Any) -> None:
    start = timezone.now() - 400 * DAY
    AuditEvent.objects.bulk_create(
        AuditEvent(user=user, action="token.fetch", at=start + number * HOUR / 2) for number in range(2_200)
    )
    count_all(batch=2_000)
    there = Tally.objects.count()
    assert 1_100 < there < 2_000
    with django_assert_num_queries(4):
        assert Tally.objects.purge(before=timezone.now()) == there
    assert not Tally.objects.exists()


STEPS: SearchStrategy[list[tuple[Any, ...]]] = st.lists(
    st.one_of(
        st.tuples(
            st.just("write"),
            st.integers(0, 1),
            st.sampled_from(["", "key00001", "key00002"]),
            st.sampled_from(["google", "slack"]),
            st.sampled_from([None, *CONNECTIONS]),
            st.sampled_from(["ok", "ok", "TOKEN_EXPIRED"]),
        ),
        st.tuples(st.just("write late")),
        st.tuples(st.just("commit late")),
        st.tuples(st.just("count"), st.integers(1, 5)),
        st.tuples(st.just("count twice"), st.integers(1, 5)),
        st.tuples(st.just("die"), st.sampled_from(['UPDATE "apikeys_rollup"', 'INSERT INTO "apikeys_tally"'])),
        st.tuples(st.just("wait"), st.sampled_from([20, 70, 1800, 40_000])),
        st.tuples(st.just("purge")),
    ),
    max_size=40,
)


class House:
    """A ledger, its tallies, and all that may happen to them."""

    def __init__(self, users: list[User], traveller: time_machine.Traveller) -> None:
        self.users, self.traveller = users, traveller
        self.late: list[AuditEvent] = []

    def write(self, who: int, key: str, provider: str, connection_id: uuid.UUID | None, outcome: str) -> None:
        user = self.users[who]
        write(user, api_key_id=key, provider=provider, connection_id=connection_id, outcome=outcome)

    def write_late(self) -> None:
        """An id is taken, and its event is not there yet."""
        event = write(self.users[0], provider="late")
        AuditEvent.objects.filter(pk=event.pk)._raw_delete("default")
        self.late.append(event)

    def commit_late(self) -> None:
        """Now it is; transactions that take a minute do not happen."""
        for event in self.late:
            event._state.adding = True
            event.save(force_insert=True)
        self.late = []

    def count(self, batch: int) -> None:
        tallies.count_next(batch=batch)

    def count_twice(self, batch: int) -> None:
        with just_before('UPDATE "apikeys_rollup"', lambda: tallies.count_next(batch=batch)):
            tallies.count_next(batch=batch)

    def die(self, statement: str) -> None:
        try:
            with just_before(statement, die):
                tallies.count_next()
        except Died:
            pass

    def wait(self, seconds: int) -> None:
        self.commit_late()
        self.traveller.shift(dt.timedelta(seconds=seconds))

    def purge(self) -> None:
        tasks.purge_ledger()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, begin=st.integers(0, 2 * 86_400).map(lambda s: BEGIN + dt.timedelta(seconds=s)))
def test_whatever_happens_in_whatever_order_each_event_counts_once(
    db: None, django_settings: Any, steps: list[tuple[Any, ...]], begin: dt.datetime
) -> None:
    with time_machine.travel(begin, tick=False) as traveller, transaction.atomic():
        house = House([make_user("ada@example.com"), make_user("eve@example.com")], traveller)
        for name, *given_ in steps:
            getattr(house, name.replace(" ", "_"))(*given_)
            assert as_tallied() == as_the_ledger_has_it(tallies.position())
        house.wait(120)
        count_all()
        assert as_tallied() == as_the_ledger_has_it(2**62)
        transaction.set_rollback(True)


@pytest.fixture
def django_settings(settings: Any) -> Any:
    """A ledger that is kept for a day."""
    settings.AKHROT_LEDGER_DAYS = 1
    return settings


@pytest.mark.django_db(transaction=True)
def test_many_runs_at_once_count_each_event_once(user: User) -> None:
    start = timezone.now() - 3 * DAY
    AuditEvent.objects.bulk_create(
        AuditEvent(user=user, action="token.fetch", provider=f"p{n % 7}", at=start + n * HOUR / 9) for n in range(600)
    )
    RollUp.objects.get_or_create(pk=1)

    def run() -> None:
        count_all(batch=11)
        db.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert as_tallied() == as_the_ledger_has_it(2**62)
