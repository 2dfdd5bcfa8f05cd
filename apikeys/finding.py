"""Finding events of the ledger by what they are, as fast among a million as among ten.

Two filters that each leave half of the ledger may leave nothing together, and no index knows. The tallies do: they
tell in which hours there are such events and between which ids, so that only those are looked at.
"""

import datetime as dt
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Q, Value

from apikeys.ledger import AuditEvent, AuditEventQuerySet
from apikeys.tallies import HOUR, Tally, TallyQuerySet, position

REFUSED = "refused"
# How often to read again where events became settled in between.
ATTEMPTS = 5


def hour_of(moment: dt.datetime) -> dt.datetime:
    """When the hour began that a moment lies in."""
    return moment.replace(minute=0, second=0, microsecond=0)


class Id(Value):
    """An id that stands in the statement itself, so that PostgreSQL plans for it.

    A statement that is often asked is planned once for whatever may come: without knowing how little lies between two
    ids it reads all of the user's events (https://www.postgresql.org/docs/15/sql-prepare.html, Notes).
    """

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[()]]:
        """The number alone, without a parameter."""
        return f"{int(self.value)}", ()


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which events of one user are wanted. What is left empty narrows nothing.

    `outcome` is ``ok``, `REFUSED` for all that is not, or a code. `since` is the first time within, `until`
    the first beyond.
    """

    user_id: int
    key_id: str = ""
    provider: str = ""
    connection_id: uuid.UUID | None = None
    outcome: str = ""
    actions: tuple[str, ...] = ()
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    def _kind(self) -> Q:
        """What events and tallies are narrowed by alike."""
        named = {
            "api_key_id": self.key_id,
            "provider": self.provider,
            "connection_id": self.connection_id,
            "outcome": "" if self.outcome == REFUSED else self.outcome,
            "action__in": self.actions,
        }
        return Q(**{name: value for name, value in named.items() if value})

    def _events(self, among: Q) -> AuditEventQuerySet:
        found = AuditEvent.objects.filter(among, self._kind())
        found = found.exclude(outcome="ok") if self.outcome == REFUSED else found
        found = found.filter(at__gte=self.since) if self.since else found
        found = found.filter(at__lt=self.until) if self.until else found
        return found.order_by("-pk")

    def events(self) -> AuditEventQuerySet:
        """The events, the newest first. Without a bound on the id it may take reading all of the user's."""
        return self._events(Q(user_id=self.user_id))

    def tallies(self, span: Tally.Span) -> TallyQuerySet:
        """The tallies that count them, and at either end perhaps some more of the same hour or day."""
        found = Tally.objects.filter(self._kind(), user_id=self.user_id, span=span)
        found = found.filter(refused=True) if self.outcome == REFUSED else found
        found = found.filter(starts_at__gt=self.since - span * HOUR) if self.since else found
        return found.filter(starts_at__lt=self.until) if self.until else found

    def newest(self, number: int, *, before: int | None = None) -> list[AuditEvent]:
        """The newest `number` of them, with an id below `before` if that is given.

        Too few are looked for again where events were counted meanwhile: the tallies then told of some twice.
        """
        for _ in range(ATTEMPTS):
            counted = position()
            found = self._newest(number, before, counted)
            if len(found) == number or position() == counted:
                break
        return found

    def _newest(self, number: int, before: int | None, counted: int) -> list[AuditEvent]:
        found: list[AuditEvent] = []
        if before is None or before > counted + 1:
            young = self.events().filter(pk__gt=counted)
            found = list((young.filter(pk__lt=before) if before else young)[:number])
        if len(found) == number:
            return found
        end = counted if before is None else min(counted, before - 1)
        ranges = [(first, min(last, end)) for first, last in self._ranges(number - len(found), before) if first <= end]
        if not ranges:
            return found
        return found + list(self._events(self._within(ranges))[: number - len(found)])

    def _within(self, ranges: list[tuple[int, int]]) -> Q:
        """The user's events with an id in one of `ranges`, which are many where what is wanted is rare.

        The user stands beside each, for SQLite finds each by an index then. Outside it would read all of the user's.
        """
        found = Q(user_id=self.user_id, pk__in=[first for first, last in ranges if first == last])
        for first, last in ranges:
            if first != last:
                found |= Q(user_id=self.user_id, pk__range=(Id(first), Id(last)))
        return found

    def _ranges(self, number: int, before: int | None) -> list[tuple[int, int]]:
        """Where in the ledger the newest `number` counted events are: from id to id, parted by others.

        It rests on this: ids grow with time, to within an hour.
        """
        within = self._older_than(before) if before is not None else self
        hours = within._hours(before).order_by("-starts_at")
        # Of an hour that is cut in two nobody knows how many of its events are older than the cut.
        full = hours if before is None else hours.filter(last_id__lt=before)
        enough = 0
        for starts_at, counted in full.values_list("starts_at", "number")[:number]:
            enough += counted
            if enough >= number:
                # One bound and not two, of which SQLite would heed the first.
                oldest = starts_at - HOUR
                within = replace(within, since=max(within.since, oldest) if within.since else oldest)
                break
        # The order makes SQLite take the index of what is wanted.
        return list(_merged(within._hours(before).order_by("-starts_at").values_list("first_id", "last_id")))

    def _older_than(self, before: int) -> "Wanted":
        """The same without the hours that are all above the id `before`."""
        at = AuditEvent.objects.filter(pk__gte=before).order_by("pk").values_list("at", flat=True).first()
        if at is None:
            return self
        end = hour_of(at) + 2 * HOUR
        return replace(self, until=min(self.until, end) if self.until else end)

    def _hours(self, before: int | None) -> TallyQuerySet:
        hours = self.tallies(Tally.Span.HOUR)
        return hours if before is None else hours.filter(first_id__lt=before)


def _merged(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same without overlaps, in order."""
    first = last = None
    for start, end in sorted(ranges):
        if first is None or last is None:
            first, last = start, end
        elif start <= last + 1:
            last = max(last, end)
        else:
            yield first, last
            first, last = start, end
    if first is not None and last is not None:
        yield first, last
