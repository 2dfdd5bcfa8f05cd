"""The activity's filters: nonsense narrows nothing, and what is set can be said and taken back."""

import datetime as dt
import uuid
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.contrib.auth.models import User
from hypothesis import given
from hypothesis import strategies as st

from apikeys.tallies import DAY
from connections.dashboard.activity_filter import NOUNS, Filter, Window
from connections.wording import DEEDS
from tests.conftest import Clock

NOON = dt.datetime(2026, 11, 24, 12, 34, 56, tzinfo=dt.UTC)
CONNECTION = str(uuid.UUID(int=7))
FULL = {
    "key": "Ab3dEf9h",
    "provider": "google",
    "connection": CONNECTION,
    "outcome": "refused",
    "action": "token",
    "time": "week",
}


@pytest.mark.parametrize(
    ("name", "nonsense"),
    [
        ("key", "much too long"),
        ("key", "a b"),
        ("connection", "no-uuid"),
        ("outcome", "Maybe"),
        ("outcome", "<b>"),
        ("action", "walnut"),
        ("time", "century"),
        ("from", "2026-13-01"),
        ("from", "yesterday"),
        ("to", "9999-12-31"),
        ("to", "0001-01-01"),
        ("provider", "\0"),
    ],
)
def test_nonsense_narrows_nothing(name: str, nonsense: str) -> None:
    assert not Filter.of({name: nonsense}).narrows()


@given(
    st.dictionaries(
        st.sampled_from(["key", "provider", "connection", "outcome", "action", "time", "from", "to"]), st.text()
    )
)
def test_whatever_stands_in_an_address_can_be_asked(given_: dict[str, str]) -> None:
    chosen = Filter.of(given_)
    chosen.window()
    chosen.wanted(User(pk=1))
    assert Filter.of(dict(parse_qsl(chosen.query()[1:]))) == chosen


@pytest.mark.parametrize("taken", [*FULL, "from", "to"])
def test_a_filter_survives_its_address_and_each_part_can_be_taken_back(taken: str) -> None:
    given_ = {**FULL, "from": "2026-11-01", "to": "2026-11-05"}
    chosen = Filter.of(given_)
    named = {chip.name: chip for chip in chosen.chips("laptop", "Google", "ada", "Refused")}
    # Days outweigh a span.
    assert named.keys() == {"key", "provider", "connection", "outcome", "action", "since", "until"}
    assert Filter.of(dict(parse_qsl(chosen.query()[1:]))) == chosen
    field = {"from": "since", "to": "until"}.get(taken, taken)
    if field in named:
        kept = dict(parse_qsl(named[field].address[1:]))
        assert taken not in kept
        assert len(kept) == len(named) - 1


def test_the_chips_say_what_is_set() -> None:
    chips = Filter.of({**FULL, "time": "day"}).chips("laptop", "Google", "ada@example.com", "Refused")
    said = [str(chip.words) for chip in chips]
    assert said == ["Key: laptop", "Google", "Account: ada@example.com", "Refused", "Fetches", "Last 24 hours"]
    days = [str(chip.words) for chip in Filter.of({"from": "2026-11-01", "to": "2026-11-05"}).chips("", "", "", "")]
    assert days == ["From 1 Nov 2026", "Until 5 Nov 2026"]


@pytest.mark.parametrize(
    ("query", "since", "until", "unit"),
    [
        ({"time": "hour"}, NOON.replace(hour=11, minute=30, second=0), None, "minute"),
        ({"time": "day"}, NOON.replace(day=23, minute=0, second=0), None, "hour"),
        ({"time": "week"}, dt.datetime(2026, 11, 17, tzinfo=dt.UTC), None, "day"),
        ({"time": "month"}, dt.datetime(2026, 10, 25, tzinfo=dt.UTC), None, "day"),
        ({"from": "2026-11-20"}, dt.datetime(2026, 11, 20, tzinfo=dt.UTC), None, "day"),
        (
            {"from": "2026-11-20", "to": "2026-11-20"},
            dt.datetime(2026, 11, 20, tzinfo=dt.UTC),
            dt.datetime(2026, 11, 21, tzinfo=dt.UTC),
            "hour",
        ),
        (
            {"to": "2026-11-20"},
            dt.datetime(2026, 10, 22, tzinfo=dt.UTC),
            dt.datetime(2026, 11, 21, tzinfo=dt.UTC),
            "day",
        ),
    ],
)
def test_a_span_begins_with_a_whole_hour_or_day(clock: Clock, query: Any, since: Any, until: Any, unit: str) -> None:
    clock.set(NOON)
    assert Filter.of(query).window() == Window(since, until, unit)  # type: ignore[arg-type]


def test_nothing_that_happened_within_a_span_is_left_out(clock: Clock) -> None:
    clock.set(NOON)
    for time, length in (("hour", DAY / 24), ("day", DAY), ("week", 7 * DAY), ("month", 30 * DAY)):
        since = Filter.of({"time": time}).wanted(User(pk=1)).since
        assert since
        assert since <= NOON - length


def test_until_a_day_alone_goes_back_as_far_as_there_is_anything() -> None:
    wanted = Filter.of({"to": "2026-11-20"}).wanted(User(pk=1))
    assert (wanted.since, wanted.until) == (None, dt.datetime(2026, 11, 21, tzinfo=dt.UTC))


def test_a_noun_means_all_of_its_deeds() -> None:
    assert Filter.of({"action": "token"}).wanted(User(pk=1)).actions == ("token.fetch",)
    assert {"key.issue", "key.restore"} <= set(Filter.of({"action": "key"}).wanted(User(pk=1)).actions)


def test_whatever_people_do_can_be_filtered_by() -> None:
    """Nobody is left to read of an account that was deleted."""
    assert {deed.partition(".")[0] for deed in DEEDS} - {"account"} == set(NOUNS)
