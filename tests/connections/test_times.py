"""Times in words, and the exact time beside them."""

import datetime as dt

import pytest
from django.template import Context, Template
from django.utils import timezone

from connections import times

NOON = dt.datetime(2026, 11, 24, 12, 0, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (dt.timedelta(seconds=-59), "just now"),
        (dt.timedelta(seconds=59), "in a moment"),
        (dt.timedelta(minutes=-1), "1 minute ago"),
        (dt.timedelta(minutes=-119), "1 hour ago"),
        (dt.timedelta(minutes=42, seconds=30), "in 42 minutes"),
        (dt.timedelta(days=13), "in 1 week"),
        (dt.timedelta(days=-400), "1 year ago"),
    ],
)
def test_a_time_is_told_in_its_largest_unit_rounded_down(clock, distance: dt.timedelta, words: str):
    clock.set(NOON)
    assert times.ago(NOON + distance + dt.timedelta(milliseconds=300 if distance > dt.timedelta(0) else 0)) == words


def test_an_end_is_told_to_the_day_for_two_months(clock):
    clock.set(NOON)
    assert times.days(NOON + dt.timedelta(days=12, hours=5)) == "in 12 days"
    assert times.days(NOON + dt.timedelta(days=59, hours=5)) == "in 59 days"
    assert times.days(NOON + dt.timedelta(days=75)) == "in 2 months"
    assert times.days(NOON + dt.timedelta(hours=5, seconds=5)) == "in 5 hours"
    assert times.days(NOON - dt.timedelta(days=5)) == "5 days ago"


def shown(tag: str, value: dt.datetime | None) -> str:
    return Template("{% load akhrot %}" + tag).render(Context({"value": value}))


def test_the_exact_time_stands_beside_the_words_whatever_zone_it_came_in(clock):
    clock.set(NOON)
    east = (NOON - dt.timedelta(minutes=5, microseconds=1)).astimezone(dt.timezone(dt.timedelta(hours=5)))
    assert shown("{% moment value %}", east) == (
        '<time datetime="2026-11-24T11:54:59Z" title="24 Nov 2026, 11:54:59 UTC" data-moment="ago">5 minutes ago</time>'
    )


def test_words_that_are_not_counted_from_now_are_left_as_they_are(clock):
    clock.set(NOON)
    told = shown('{% moment value "days" %}', NOON + dt.timedelta(days=12, hours=1))
    assert 'data-moment="fixed">in 12 days</time>' in told


def test_no_time_is_no_element():
    assert shown("{% moment value %}", None) == "never"
    assert shown("{% moment value %}", timezone.now()).startswith("<time")
