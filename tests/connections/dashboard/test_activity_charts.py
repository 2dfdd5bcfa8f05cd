"""Charts of what happened: as many bars as their time has, and every event in one of them."""

import datetime as dt
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from apikeys import tallies
from apikeys.models import AuditEvent
from apikeys.series import MOST_YOUNG
from apikeys.tallies import DAY, HOUR
from connections.dashboard.activity_charts import MOST_BARS, chart_of, fetches
from connections.dashboard.activity_filter import Filter
from tests.conftest import Clock

NOON = dt.datetime(2026, 11, 24, 12, 34, 56, tzinfo=dt.UTC)


def event(user: User, at: dt.datetime, **columns: Any) -> None:
    AuditEvent.objects.create(user=user, at=at, **{"action": "token.fetch", **columns})


def test_a_key_and_a_connection_have_fourteen_days(user: User, clock: Clock) -> None:
    clock.set(NOON)
    here = uuid.uuid4()
    event(user, NOON - 14 * DAY, api_key_id="key00001", connection_id=here)
    event(user, NOON - 13 * DAY, api_key_id="key00001", connection_id=here)
    event(user, NOON, api_key_id="key00001", outcome="FORBIDDEN")
    event(user, NOON, api_key_id="key00002", connection_id=here)
    event(user, NOON, api_key_id="key00001", action="session.create", connection_id=here)
    tallies.count_next()
    chart = fetches(user, key_id="key00001")
    assert (len(chart.points), chart.good, chart.bad, chart.name) == (14, 1, 1, "Fetches in 14 days")
    assert (chart.points[0].label, chart.points[-1].label) == ("11 Nov", "24 Nov")
    assert [point.good for point in chart.points] == [1, *[0] * 13]
    assert fetches(user, connection_id=here, days=7).good == 1


@pytest.mark.parametrize(
    ("query", "bars", "first", "last"),
    [
        ({}, 30, "26 Oct", "24 Nov"),
        ({"time": "hour"}, 13, "24 Nov, 11:30", "24 Nov, 12:30"),
        ({"time": "day"}, 25, "23 Nov, 12:00", "24 Nov, 12:00"),
        ({"time": "week"}, 8, "17 Nov", "24 Nov"),
        ({"time": "month"}, 31, "25 Oct", "24 Nov"),
        ({"from": "2026-11-20", "to": "2026-11-20"}, 24, "20 Nov, 00:00", "20 Nov, 23:00"),
        ({"from": "2026-11-24"}, 13, "24 Nov, 00:00", "24 Nov, 12:00"),
        ({"from": "2026-09-24"}, 62, "24 Sep", "24 Nov"),
        ({"from": "2026-09-23"}, 32, "23 Sep to 24 Sep", "24 Nov to 25 Nov"),
        ({"from": "2027-01-01"}, 1, "1 Jan, 00:00", "1 Jan, 00:00"),
    ],
)
def test_the_bars_are_those_of_the_chosen_time(
    user: User, clock: Clock, query: Any, bars: int, first: str, last: str
) -> None:
    clock.set(NOON)
    points = chart_of(Filter.of(query), user)[0].points
    assert (len(points), points[0].label, points[-1].label) == (bars, first, last)
    assert len(points) <= MOST_BARS


@pytest.mark.parametrize("time", ["hour", "day", "week", "month"])
@pytest.mark.parametrize("counted", [False, True])
def test_every_event_of_a_span_is_in_a_bar(user: User, clock: Clock, time: str, counted: bool) -> None:
    clock.set(NOON)
    lengths = {"hour": HOUR, "day": DAY, "week": 7 * DAY, "month": 30 * DAY}
    for part in range(12):
        event(user, NOON - lengths[time] + part * lengths[time] / 12, outcome="ok" if part % 3 else "FORBIDDEN")
    if counted:
        clock.forward(minutes=2)
        tallies.count_next()
        clock.set(NOON)
    chart, behind = chart_of(Filter.of({"time": time}), user)
    assert (chart.good, chart.bad, behind) == (8, 4, False)


def test_long_spans_gather_days(user: User, clock: Clock) -> None:
    clock.set(NOON)
    for days in range(0, 300, 3):
        event(user, NOON - days * DAY)
    tallies.count_next()
    chart, _ = chart_of(Filter.of({"from": "2026-01-01"}), user)
    assert chart.good == 100
    assert len(chart.points) <= MOST_BARS


def test_an_hour_with_too_much_in_it_is_shown_by_hours(user: User) -> None:
    now = timezone.now()
    event(user, now - dt.timedelta(minutes=5))
    tallies.count_next()
    tallies.Tally.objects.update(number=MOST_YOUNG + 1)
    chart, behind = chart_of(Filter.of({"time": "hour"}), user)
    assert (chart.good, behind, len(chart.points) <= 2) == (MOST_YOUNG + 1, False, True)
