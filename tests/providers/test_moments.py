"""When something ends, in every form that providers say it; what cannot be believed counts as not said."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from providers import moments

NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
HOUR = NOW + dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def _noon(clock: Any) -> None:
    clock.set(NOW)


def is_in_an_hour(found: dt.datetime | None) -> bool:
    return found is not None and abs((found - timezone.now()).total_seconds() - 3600) < 2


@pytest.mark.parametrize("said", [3600, 3600.0, "3600", "3600.5", " 3600 "])
def test_seconds_from_here(said: Any):
    assert is_in_an_hour(moments.after(said))


@pytest.mark.parametrize("said", [None, 0, "0", -1, True, "", "soon", "NaN", float("inf"), 1e12, 10**400, [], {}])
def test_seconds_that_cannot_be_believed(said: Any):
    assert moments.after(said) is None


@pytest.mark.parametrize(
    "said",
    [
        HOUR.timestamp(),
        int(HOUR.timestamp()),
        str(int(HOUR.timestamp())),
        HOUR.timestamp() * 1000,
        str(int(HOUR.timestamp() * 1000)),
        "2026-11-24T13:00:00Z",
        "2026-11-24T13:00:00.123456+00:00",
        "2026-11-24T15:00:00+02:00",
        "2026-11-24T13:00:00",
        "2026-11-24 13:00:00",
    ],
)
def test_a_moment(said: Any):
    assert is_in_an_hour(moments.at(said))


@pytest.mark.parametrize(
    "said",
    [None, 0, -1, True, "", "soon", "NaN", float("inf"), 1e30, 3600, "2026-11-24T11:59:00Z", "9999-12-31T23:59:59Z",
     "0001-01-01T00:00:00+14:00", HOUR.timestamp() * 1_000_000, [], {}],
)  # fmt: skip
def test_a_moment_that_cannot_be_believed(said: Any):
    assert moments.at(said) is None
