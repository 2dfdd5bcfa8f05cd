"""What was done day by day, as charts: fetches of a key, of a connection, of everything; a connection's renewals."""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Callable

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apikeys.finding import Wanted, hour_of
from apikeys.series import counted
from apikeys.tallies import DAY
from connections.charts import Chart, Point
from connections.models import Connection, Refresh

FETCH = ("token.fetch",)
# Of a connection that was renewed more often, the newest alone are counted, and the chart says so.
MOST = 2_000
RENEWED = (Refresh.Outcome.RENEWED, Refresh.Outcome.LATE)


def midnight(moment: dt.datetime) -> dt.datetime:
    """When the day of UTC began that a moment lies in."""
    return hour_of(moment).replace(hour=0)


def _first_moment(days: int) -> dt.datetime:
    return midnight(timezone.now()) - (days - 1) * DAY


def _points(days: int, count: Callable[[dt.datetime], tuple[int, int]]) -> list[Point]:
    """One for each of the last `days` days, today the last, with what `count` says of the day that begins then."""
    starts = [_first_moment(days) + number * DAY for number in range(days)]
    return [Point(date_format(start, "j M"), *count(start)) for start in starts]


def fetches(user: User, *, key_id: str = "", connection_id: uuid.UUID | None = None, days: int = 14) -> Chart:
    """The fetches of the last `days` days, today included; of one key, or of one connection, if it is named."""
    first = _first_moment(days)
    wanted = Wanted(user_id=user.pk, key_id=key_id, connection_id=connection_id, actions=FETCH, since=first)
    found = counted(wanted, "day")
    points = _points(days, lambda start: (found.ok[start], found.refused[start]))
    name = ngettext("Fetches in %(days)d day", "Fetches in %(days)d days", days) % {"days": days}
    return Chart(name, points, good_word=_("granted"), bad_word=_("refused"))


def renewals(connection: Connection, days: int = 14) -> Chart:
    """The attempts to renew a connection, likewise. One bounded read."""
    read = list(Refresh.objects.of(connection).values_list("at", "outcome")[:MOST])
    complete = len(read) < MOST or read[-1][0] < _first_moment(days)
    numbers = Counter((midnight(at.astimezone(dt.UTC)), outcome in RENEWED) for at, outcome in read)
    points = _points(days, lambda start: (numbers[start, True], numbers[start, False]))
    name = _("Renewals in %(days)d days") if complete else _("The newest renewals of %(days)d days")
    return Chart(name % {"days": days}, points, good_word=_("done"), bad_word=_("failed"))
