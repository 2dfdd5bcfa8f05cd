"""What a chart shows is what the ledger has, wherever the tallies have got to."""

import datetime as dt
import uuid
from collections import Counter
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apikeys import tallies
from apikeys.finding import Wanted
from apikeys.models import AuditEvent
from apikeys.series import MOST_YOUNG, Unit, counted
from apikeys.tallies import DAY, HOUR
from tests.apikeys.test_finding import EVENTS, WANTED, fits, make
from tests.apikeys.test_tallies import count_all, just_before, write
from tests.conftest import make_user

pytestmark = pytest.mark.django_db


def start_of(unit: Unit, at: dt.datetime) -> dt.datetime:
    hour = at.replace(minute=0, second=0, microsecond=0)
    return {"minute": at.replace(second=0, microsecond=0), "hour": hour, "day": hour.replace(hour=0)}[unit]


def plus(count: Counter[dt.datetime]) -> Counter[dt.datetime]:
    """Without what was counted as nought."""
    return +count


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS, wanted=WANTED, done=st.integers(0, 60), unit=st.sampled_from(["hour", "day"]))
def test_every_stretch_has_as_many_as_the_ledger(
    db: None, events: list[dict[str, Any]], wanted: dict[str, Any], done: int, unit: Unit
) -> None:
    for name in ("since", "until"):
        if wanted.get(name):
            wanted[name] = start_of(unit, wanted[name])
    with transaction.atomic():
        user = make_user("ada@example.com")
        make(events, user, make_user("eve@example.com"))
        if done:
            tallies.count_next(batch=done)
        sought = Wanted(user_id=user.pk, **wanted)
        expected = [event for event in AuditEvent.objects.all() if fits(event, sought)]
        found = counted(sought, unit)
        ok = Counter(start_of(unit, event.at) for event in expected if event.outcome == "ok")
        refused = Counter(start_of(unit, event.at) for event in expected if event.outcome != "ok")
        assert (plus(found.ok), plus(found.refused)) == (ok, refused)
        transaction.set_rollback(True)


def test_minutes_are_counted_whether_settled_or_not(user: User) -> None:
    write(user, ago=2 * 3600)
    events = [write(user, ago=seconds, outcome=outcome) for seconds, outcome in ((3000, "ok"), (600, "FORBIDDEN"))]
    count_all()
    events.append(write(user, ago=1))
    since = timezone.now() - HOUR
    found = counted(Wanted(user_id=user.pk, since=since), "minute")
    assert plus(found.ok) == Counter(start_of("minute", event.at) for event in (events[0], events[2]))
    assert plus(found.refused) == Counter([start_of("minute", events[1].at)])


def test_what_is_settled_while_one_reads_counts_once(user: User) -> None:
    for number in range(6):
        write(user, ago=600 - number)
    tallies.count_next(batch=2)
    for statement in ('SELECT "apikeys_tally"', 'SELECT (substr("apikeys_auditevent"', "SELECT date_trunc"):
        with just_before(statement, lambda: tallies.count_next(batch=2)):
            found = counted(Wanted(user_id=user.pk), "day")
        assert found.ok.total() == 6


def test_tallies_that_have_fallen_far_behind_say_so(user: User) -> None:
    write(user, ago=100)
    count_all()
    far = AuditEvent(pk=AuditEvent.objects.latest("pk").pk + MOST_YOUNG + 1, user=user, action="token.fetch")
    far.save(force_insert=True)
    found = counted(Wanted(user_id=user.pk), "hour")
    assert (found.ok.total(), found.behind) == (1, True)
    assert not counted(Wanted(user_id=user.pk, until=timezone.now() - DAY), "minute").behind


def test_a_connection_and_a_key_have_their_own_counts(user: User) -> None:
    mine, other = uuid.UUID(int=1), uuid.UUID(int=2)
    for number in range(5):
        write(user, ago=500 - number, connection_id=mine if number % 2 else other, api_key_id=f"key0000{number % 3}")
    count_all()
    assert counted(Wanted(user_id=user.pk, connection_id=mine), "day").ok.total() == 2
    assert counted(Wanted(user_id=user.pk, key_id="key00000"), "day").ok.total() == 2
