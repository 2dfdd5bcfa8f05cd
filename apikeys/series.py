"""How many of the wanted events there were in each minute, hour or day: settled ones from the tallies, others live."""

import datetime as dt
from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

from django.db.models import Count, Min, Q, Sum
from django.utils import timezone

from apikeys.finding import ATTEMPTS, Wanted, hour_of
from apikeys.models import AuditEvent, Tally
from apikeys.tallies import HOUR, Start, position

Unit = Literal["minute", "hour", "day"]
SPANS: dict[Unit, Tally.Span] = {"hour": Tally.Span.HOUR, "day": Tally.Span.DAY}
# More young events than these are not counted for a page: the tallies have fallen behind and will catch up.
MOST_YOUNG = 50_000


@dataclass(frozen=True)
class Series:
    """Counts by the time their stretch began, of what went well and of what did not.

    `behind`: there was too much to count live, and what happened last is missing.
    """

    ok: Counter[dt.datetime]
    refused: Counter[dt.datetime]
    behind: bool = False

    def add(self, starts_at: dt.datetime, ok: int, refused: int) -> None:
        """Count so many more."""
        self.ok[starts_at] += ok
        self.refused[starts_at] += refused


def counted(wanted: Wanted, unit: Unit) -> Series:
    """Exactly as many as the ledger has, where `since` and `until` begin an hour or day as `unit` says.

    What is settled between two reads would count twice or not at all; the position tells, and all is read again.
    """
    for _ in range(ATTEMPTS):
        up_to = position()
        series = _by_minute(wanted, up_to) if unit == "minute" else _by_tally(wanted, unit, up_to)
        if position() == up_to:
            break
    return series


def _by_tally(wanted: Wanted, unit: Unit, up_to: int) -> Series:
    newest = AuditEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    series = Series(Counter(), Counter(), behind=newest - up_to > MOST_YOUNG)
    of_kind = wanted.tallies(SPANS[unit]).order_by()
    for starts_at, refused, number in of_kind.values_list("starts_at", "refused").annotate(Sum("number")):
        series.add(starts_at, 0 if refused else number, number if refused else 0)
    if not series.behind:
        _add_live(series, wanted, unit, up_to)
    return series


def _by_minute(wanted: Wanted, up_to: int) -> Series:
    """All of them live, for no minute is tallied; `since` is an hour ago or so."""
    since = wanted.since or timezone.now() - HOUR
    hours = Wanted(user_id=wanted.user_id, since=hour_of(since)).tallies(Tally.Span.HOUR)
    lately = hours.aggregate(first=Min("first_id"), number=Sum("number"))
    series = Series(Counter(), Counter(), behind=(lately["number"] or 0) > MOST_YOUNG)
    if not series.behind:
        _add_live(series, replace(wanted, since=since), "minute", lately["first"] - 1 if lately["first"] else up_to)
    return series


def _add_live(series: Series, wanted: Wanted, unit: Unit, after: int) -> None:
    is_ok = Q(outcome="ok")
    groups = wanted.events().filter(pk__gt=after).order_by().values_list(Start("at", unit))
    for starts_at, ok, refused in groups.annotate(ok=Count("pk", filter=is_ok), refused=Count("pk", filter=~is_ok)):
        series.add(starts_at, ok, refused)
