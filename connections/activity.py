"""What was done with one connection day by day: fetched and renewed. Each is one bounded read."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable

from django.utils import dateformat, timezone
from django.utils.translation import gettext as _

from apikeys.models import AuditEvent
from connections.charts import Chart, Point
from connections.models import Connection, Refresh

# Of a connection that has more, the newest alone are counted, and the chart says so.
MOST = 2_000
RENEWED = (Refresh.Outcome.RENEWED, Refresh.Outcome.LATE)


def fetches_by_day(connection: Connection, days: int) -> tuple[list[Point], bool]:
    """The fetches of the last `days` days, today the last, and whether these are all of them."""
    events = AuditEvent.objects.about(connection.pk).values_list("at", "action", "outcome")[:MOST]
    read = list(events)
    fetched = ((at, outcome == "ok") for at, action, outcome in read if action == "token.fetch")
    return _by_day(fetched, days), len(read) < MOST or read[-1][0] < _first_moment(days)


def renewals_by_day(connection: Connection, days: int) -> tuple[list[Point], bool]:
    """The attempts to renew it, likewise."""
    read = list(Refresh.objects.of(connection).values_list("at", "outcome")[:MOST])
    tried = ((at, outcome in RENEWED) for at, outcome in read)
    return _by_day(tried, days), len(read) < MOST or read[-1][0] < _first_moment(days)


def _first_moment(days: int) -> dt.datetime:
    return timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) - dt.timedelta(days=days - 1)


def _by_day(happened: Iterable[tuple[dt.datetime, bool]], days: int) -> list[Point]:
    numbers = Counter((at.astimezone(dt.UTC).date(), good) for at, good in happened)
    first = _first_moment(days).date()
    every = [first + dt.timedelta(days=number) for number in range(days)]
    return [Point(dateformat.format(day, "j M"), numbers[day, True], numbers[day, False]) for day in every]


def chart_of_fetches(connection: Connection, days: int) -> Chart | None:
    """The fetches as a chart; None where there are none."""
    points, complete = fetches_by_day(connection, days)
    name = _("Fetches in %(days)d days") if complete else _("The newest fetches of %(days)d days")
    return _drawn(name % {"days": days}, points, _("granted"), _("refused"))


def chart_of_renewals(connection: Connection, days: int) -> Chart | None:
    """The renewals as a chart; None where there are none."""
    points, complete = renewals_by_day(connection, days)
    name = _("Renewals in %(days)d days") if complete else _("The newest renewals of %(days)d days")
    return _drawn(name % {"days": days}, points, _("done"), _("failed"))


def _drawn(name: str, points: list[Point], good_word: str, bad_word: str) -> Chart | None:
    chart = Chart(name, points, good_word=good_word, bad_word=bad_word)
    return chart if chart.good or chart.bad else None
