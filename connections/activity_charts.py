"""Charts of fetches over days: of a key, of a connection, of everything that a user's agents do."""

import datetime as dt
import uuid

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import ngettext

from apikeys.finding import Wanted, hour_of
from apikeys.series import counted
from apikeys.tallies import DAY
from connections.charts import Chart, Point

FETCH = ("token.fetch",)


def midnight(moment: dt.datetime) -> dt.datetime:
    """When the day of UTC began that a moment lies in."""
    return hour_of(moment).replace(hour=0)


def fetches(user: User, *, key_id: str = "", connection_id: uuid.UUID | None = None, days: int = 14) -> Chart:
    """The fetches of the last `days` days, today included; of one key, or of one connection, if it is named."""
    first = midnight(timezone.now()) - (days - 1) * DAY
    wanted = Wanted(user_id=user.pk, key_id=key_id, connection_id=connection_id, actions=FETCH, since=first)
    found = counted(wanted, "day")
    starts = [first + number * DAY for number in range(days)]
    points = [Point(date_format(start, "j M"), found.ok[start], found.refused[start]) for start in starts]
    return Chart(ngettext("Fetches in %(days)d day", "Fetches in %(days)d days", days) % {"days": days}, points)
