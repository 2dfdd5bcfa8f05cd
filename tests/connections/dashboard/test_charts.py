"""Bar charts that the server draws."""

import itertools

import pytest
from django.template.loader import render_to_string
from hypothesis import given, settings
from hypothesis import strategies as st

from connections.dashboard.charts import HEIGHT, LEAST, WIDTH, Chart, Point

# Everything is rounded to two digits.
ROUNDING = 0.02
COUNTS = st.integers(min_value=0, max_value=10**9)


def drawn(*points: tuple[int, int]) -> Chart:
    return Chart(
        "Fetches", [Point(f"day {place}", *counts) for place, counts in enumerate(points)], "granted", "refused"
    )


def test_the_tallest_bar_is_as_high_as_the_drawing_and_the_others_in_proportion() -> None:
    low, high = drawn((25, 0), (75, 25)).bars
    assert (low.good_height, low.bad_height) == (HEIGHT / 4, 0)
    assert (high.good_height, high.bad_height) == (HEIGHT * 3 / 4, HEIGHT / 4)
    assert high.bad_y == 0
    assert low.good_y + low.good_height == HEIGHT


def test_one_among_thousands_is_seen() -> None:
    _, one, under = drawn((100_000, 0), (1, 1), (1, 99_999)).bars
    assert (one.good_height, one.bad_height) == (LEAST, LEAST)
    assert (under.good_height, under.bad_height) == (LEAST, HEIGHT - LEAST)


@settings(deadline=None)
@given(st.lists(st.tuples(COUNTS, COUNTS), max_size=60))
def test_no_bar_leaves_the_drawing_or_covers_another(points: list[tuple[int, int]]) -> None:
    bars = drawn(*points).bars
    assert len(bars) == len(points)
    for bar in bars:
        assert -ROUNDING <= bar.bad_y <= bar.good_y <= HEIGHT
        assert bar.x >= 0
        assert bar.x + bar.width <= WIDTH + ROUNDING
    assert all(left.x + left.width <= right.x + ROUNDING for left, right in itertools.pairwise(bars))


@pytest.mark.parametrize(("chart", "said"), [(drawn((3, 1)), ["3</strong> granted", "1</strong> refused", "day 0"])])
def test_what_is_drawn_is_said_as_well(chart: Chart, said: list[str]) -> None:
    page = render_to_string("parts/chart.html", {"chart": chart})
    assert all(words in page for words in said)
    assert "<caption>Fetches</caption>" in page
    assert "style=" not in page


def test_nothing_is_drawn_of_nothing() -> None:
    page = render_to_string("parts/chart.html", {"chart": drawn((0, 0), (0, 0))})
    assert "chart-good" not in page
    assert "chart-bad" not in page
