"""How many events of each kind there were in each hour and each day, so that no page has to count the ledger.

Tallies count settled events alone, and each once: the position up to which they count moves in the transaction that
adds to them. Whoever wants what has happened since then counts the few events behind that position.
"""

import datetime as dt
import uuid
from collections.abc import Iterator
from functools import cache
from typing import Any, ClassVar

from django.conf import settings
from django.db import models, transaction
from django.db.models import Count, Func, Max, Min

from apikeys.ledger import AuditEvent, AuditEventQuerySet, RollUp
from apikeys.statements import Accumulate

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
BATCH = 2_000
PURGE_BATCH = 1_000
# Stands for none: in a unique constraint no two nulls are alike.
NO_CONNECTION = uuid.UUID(int=0)
# What events have in common that are counted together.
KIND = ("user_id", "api_key_id", "provider", "connection_id", "action", "outcome")


class Start(Func):
    """When the minute, hour or day (of UTC) began that a time lies in.

    Django's own functions call back into Python for each row on SQLite, where times are texts.
    """

    ON_SQLITE: ClassVar[dict[str, str]] = {
        "minute": "substr(%(expressions)s, 1, 16) || ':00'",
        "hour": "substr(%(expressions)s, 1, 13) || ':00:00'",
        "day": "substr(%(expressions)s, 1, 10) || ' 00:00:00'",
    }

    def __init__(self, column: str, unit: str) -> None:
        super().__init__(column, output_field=models.DateTimeField())
        self.unit = unit

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> Any:
        """The text, cut off and filled up."""
        return self.as_sql(compiler, connection, template=f"({self.ON_SQLITE[self.unit]})")

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> Any:
        """In UTC, whatever the session's time zone is."""
        return self.as_sql(compiler, connection, template=f"date_trunc('{self.unit}', %(expressions)s, 'UTC')")


class TallyQuerySet(models.QuerySet["Tally"]):
    def purge(self, *, before: dt.datetime) -> int:
        """Remove what counts stretches that began before `before`, oldest first, in short transactions.

        A row is made when its stretch begins or when an older one is counted late, so that the key grows with time.
        """
        removed = 0
        while True:
            oldest = list(self.order_by("pk").values_list("pk", "starts_at")[:PURGE_BATCH])
            ids = [pk for pk, starts_at in oldest if starts_at < before]
            if ids:
                removed += self.filter(pk__in=ids).delete()[0]
            if len(ids) < PURGE_BATCH:
                return removed


class Tally(models.Model):
    """The events of one kind in one hour or day: how many there are, and between which ids of the ledger.

    It is the user's and goes with him. A row that is added while he goes is purged with its time.
    """

    class Span(models.IntegerChoices):
        HOUR = 1
        DAY = 24

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    span = models.PositiveSmallIntegerField(choices=Span.choices)
    starts_at = models.DateTimeField()
    api_key_id = models.CharField(max_length=8, blank=True)
    provider = models.CharField(max_length=64, blank=True)
    connection_id = models.UUIDField(default=NO_CONNECTION)
    action = models.CharField(max_length=40)
    outcome = models.CharField(max_length=40)
    refused = models.BooleanField(help_text="Whether the outcome is not “ok”")
    number = models.PositiveBigIntegerField()
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()

    objects: ClassVar[TallyQuerySet] = TallyQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name_plural = "tallies"
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=[
                    *("user", "span", "starts_at", "api_key_id", "provider", "connection_id", "action", "outcome"),
                ],
                name="one_tally_of_a_kind",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "span", "api_key_id", "starts_at"], name="tally_by_key"),
            models.Index(fields=["user", "span", "provider", "starts_at"], name="tally_by_provider"),
            models.Index(fields=["connection_id", "span", "starts_at"], name="tally_by_connection"),
            models.Index(fields=["user", "span", "outcome", "starts_at"], name="tally_by_outcome"),
            models.Index(fields=["user", "span", "refused", "starts_at"], name="tally_by_refusal"),
            models.Index(fields=["user", "span", "action", "starts_at"], name="tally_by_action"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.action} {self.outcome} from {self.starts_at:%Y-%m-%d %H:%M}"


def position() -> int:
    """The id up to which every event is counted."""
    return RollUp.objects.values_list("tallied", flat=True).first() or 0


def count_next(*, batch: int = BATCH) -> bool:
    """Count the next settled events, at most `batch` of them; False when there are none.

    They are read before the transaction, which on SQLite keeps everybody else from writing. The position makes sure
    that they count once: of two who have read the same, the second finds that it has moved, and adds nothing.
    """
    place, _ = RollUp.objects.get_or_create(pk=1)
    last = _next_settled(place.tallied, batch).aggregate(last=Max("pk"))["last"]
    if last is None:
        return False
    hours = list(_hours(AuditEvent.objects.between(place.tallied, last)))
    with transaction.atomic():
        if RollUp.objects.filter(pk=place.pk, tallied=place.tallied).update(tallied=last):
            _adding().write([*hours, *_days(hours)])
    return True


def _next_settled(after: int, batch: int) -> AuditEventQuerySet:
    unread = AuditEvent.objects.filter(pk__gt=after).order_by("pk")
    end = unread.values_list("pk", flat=True)[batch - 1 : batch].first()
    return (unread.filter(pk__lte=end) if end else unread).settled()


def _hours(events: AuditEventQuerySet) -> Iterator[Tally]:
    """What `events` add to the hours. Those whose user is gone count for nobody."""
    groups = events.exclude(user=None).order_by().values(*KIND, starts_at=Start("at", "hour"))
    for group in groups.annotate(number=Count("pk"), first_id=Min("pk"), last_id=Max("pk")):
        group["connection_id"] = group["connection_id"] or NO_CONNECTION
        yield Tally(span=Tally.Span.HOUR, refused=group["outcome"] != "ok", **group)


def _days(hours: list[Tally]) -> Iterator[Tally]:
    """What these hours add to the days."""
    by_kind: dict[tuple[Any, ...], list[Tally]] = {}
    for one in hours:
        day = one.starts_at.replace(hour=0)
        by_kind.setdefault((day, *(getattr(one, name) for name in KIND)), []).append(one)
    for (day, *kind), of_kind in by_kind.items():
        yield Tally(
            span=Tally.Span.DAY,
            starts_at=day,
            refused=of_kind[0].refused,
            number=sum(one.number for one in of_kind),
            first_id=min(one.first_id for one in of_kind),
            last_id=max(one.last_id for one in of_kind),
            **dict(zip(KIND, kind, strict=True)),
        )


@cache
def _adding() -> Accumulate[Tally]:
    # The ids of a later batch are higher, so that the first one stays.
    return Accumulate(Tally, constraint="one_tally_of_a_kind", add=["number"], replace=["last_id"])
