"""Charts of what happened over time: of a key, of a connection, of everything that a filter finds."""

import datetime as dt
import math
import uuid
from collections import Counter
from collections.abc import Iterator

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apikeys.finding import Wanted, hour_of
from apikeys.series import Series, Unit, counted
from apikeys.tallies import DAY, HOUR
from connections.dashboard.activity_filter import NOUNS, TIMES, Filter, Window, midnight
from connections.dashboard.charts import Chart, Point
from connections.models import Connection, Refresh

FETCH = ("token.fetch",)
USUAL_DAYS = 30
# So many bars at most: beyond that each stands for several days.
MOST_BARS = 62
# Of a connection that was renewed more often, the newest alone are counted, and the chart says so.
MOST_RENEWALS = 2_000
RENEWED = (Refresh.Outcome.RENEWED, Refresh.Outcome.LATE)
STEPS: dict[Unit, dt.timedelta] = {"minute": dt.timedelta(minutes=5), "hour": HOUR, "day": DAY}


def fetches(user: User, *, key_id: str = "", connection_id: uuid.UUID | None = None, days: int = 14) -> Chart:
    """The fetches of the last `days` days, today included; of one key, or of one connection, if it is named."""
    since = midnight(timezone.now()) - (days - 1) * DAY
    wanted = Wanted(user_id=user.pk, key_id=key_id, connection_id=connection_id, actions=FETCH, since=since)
    name = ngettext("Fetches in %(days)d day", "Fetches in %(days)d days", days) % {"days": days}
    points = _points(counted(wanted, "day"), Window(since, None, "day"))
    return Chart(name, points, good_word=_("granted"), bad_word=_("refused"))


def chart_of(chosen: Filter, user: User) -> tuple[Chart, bool]:
    """Of what the filter finds, and whether the newest are missing: the fetches, unless it asks for something else."""
    now = timezone.now()
    window = chosen.window() or Window(midnight(now) - (USUAL_DAYS - 1) * DAY, None, "day")
    wanted = chosen.wanted(user)
    bounds = {"since": window.since, "until": window.until, "actions": wanted.actions or FETCH}
    wanted = Wanted(**{**vars(wanted), **bounds})
    found = counted(wanted, window.unit)
    if found.behind and window.unit == "minute":
        window = Window(hour_of(window.since), None, "hour")
        found = counted(Wanted(**{**vars(wanted), "since": window.since}), "hour")
    points = _points(found, window)
    return Chart(_named(chosen), points, good_word=_("done"), bad_word=_("refused")), found.behind


def renewals(connection: Connection, days: int = 14) -> Chart:
    """The attempts to renew a connection in the last `days` days, today included. One bounded read."""
    since = midnight(timezone.now()) - (days - 1) * DAY
    read = list(Refresh.objects.of(connection).values_list("at", "outcome")[:MOST_RENEWALS])
    found = Series(Counter(), Counter())
    for at, outcome in read:
        good = outcome in RENEWED
        found.add(midnight(at.astimezone(dt.UTC)), int(good), int(not good))
    complete = len(read) < MOST_RENEWALS or read[-1][0] < since
    name = _("Renewals in %(days)d days") if complete else _("The newest renewals of %(days)d days")
    points = _points(found, Window(since, None, "day"))
    return Chart(name % {"days": days}, points, good_word=_("done"), bad_word=_("failed"))


def _named(chosen: Filter) -> str:
    what = str(NOUNS[chosen.action or "token"])
    if chosen.since or chosen.until:
        return what
    return f"{what} · {TIMES[chosen.time or 'month']}"


def _points(found: Series, window: Window) -> list[Point]:
    step = _step(window)
    ok, refused = _gathered(found, window, step)
    return [Point(_label(start, step), ok.get(start, 0), refused.get(start, 0)) for start in _starts(window, step)]


def _step(window: Window) -> dt.timedelta:
    step = STEPS[window.unit]
    bars = (_end(window) - window.since) / step
    return step * math.ceil(bars / MOST_BARS)


def _end(window: Window) -> dt.datetime:
    """Where the chart ends: nothing has happened yet in what is to come."""
    now = timezone.now()
    return max(window.since + STEPS[window.unit], min(window.until or now, now))


def _starts(window: Window, step: dt.timedelta) -> Iterator[dt.datetime]:
    start = window.since
    while start < _end(window):
        yield start
        start += step


def _gathered(found: Series, window: Window, step: dt.timedelta) -> list[dict[dt.datetime, int]]:
    """The counts by the bars that they belong to."""
    gathered: list[dict[dt.datetime, int]] = []
    for counts in (found.ok, found.refused):
        sums: dict[dt.datetime, int] = {}
        for start, number in counts.items():
            bar = window.since + (start - window.since) // step * step
            sums[bar] = sums.get(bar, 0) + number
        gathered.append(sums)
    return gathered


def _label(start: dt.datetime, step: dt.timedelta) -> str:
    if step < DAY:
        return date_format(start, "j M, H:i")
    first = date_format(start, "j M")
    if step == DAY:
        return first
    return _("%(first)s to %(last)s") % {"first": first, "last": date_format(start + step - DAY, "j M")}
