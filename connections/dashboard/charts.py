"""Small bar charts, drawn by the server as SVG: no script, no style attribute, and a table for screen readers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

WIDTH, HEIGHT = 600, 80
LEAST = 2
"""Units of height that anything above nothing has, so that one among thousands is seen."""


class Point(NamedTuple):
    """What is counted in one stretch of time: its label for people, how much went well and how much did not."""

    label: str
    good: int
    bad: int = 0


@dataclass(frozen=True)
class Bar:
    """One bar in units of the drawing, whose origin is its upper left corner. What went wrong stands on the rest."""

    point: Point
    x: float
    width: float
    good_height: float
    bad_height: float

    @property
    def good_y(self) -> float:
        """Where the lower part begins."""
        return HEIGHT - self.good_height

    @property
    def bad_y(self) -> float:
        """Where the upper part begins."""
        return self.good_y - self.bad_height


@dataclass(frozen=True)
class Chart:
    """A series in order of time, for ``parts/chart.html``. `name` says what is counted: "Fetches in 14 days"."""

    name: str
    points: Sequence[Point]
    good_word: str
    bad_word: str
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def good(self) -> int:
        """How much went well in all."""
        return sum(point.good for point in self.points)

    @property
    def bad(self) -> int:
        """How much went wrong in all."""
        return sum(point.bad for point in self.points)

    def __bool__(self) -> bool:
        """Whether there is anything to draw."""
        return self.most > 0

    @property
    def most(self) -> int:
        """The height of the tallest bar, in what is counted."""
        return max((point.good + point.bad for point in self.points), default=0)

    @property
    def bars(self) -> list[Bar]:
        """The bars, side by side over the whole width, the tallest as high as the drawing."""
        step = WIDTH / max(len(self.points), 1)
        gap = min(4.0, step / 4)
        return [
            Bar(point, round(place * step + gap / 2, 2), round(step - gap, 2), *self._heights(point))
            for place, point in enumerate(self.points)
        ]

    def _heights(self, point: Point) -> tuple[float, float]:
        """Of the two parts of a bar; together they are never higher than the drawing."""
        unit = HEIGHT / max(self.most, 1)
        bad = max(point.bad * unit, LEAST) if point.bad else 0.0
        good = max(point.good * unit, LEAST) if point.good else 0.0
        bad = min(bad, HEIGHT - LEAST) if good else bad
        return round(min(good, HEIGHT - bad), 2), round(bad, 2)
