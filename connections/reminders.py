"""Tells people before what they connected comes to an end that is known."""

import datetime as dt

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from connections.models import Connection, ConnectionQuerySet, Notice

THRESHOLDS = (1, 7, 30)
BATCH = 500
# Nobody is to be told at 7 days of a token that each refresh gives 7 days: that is its whole life, not its end.
SHARE = 0.9


def write() -> int:
    """Write a notice for each active connection that has come nearer its end than was told; answers how many."""
    pks = list(_ending().values_list("pk", flat=True))
    batches = (pks[start : start + BATCH] for start in range(0, len(pks), BATCH))
    return sum(_remind(row) for batch in batches for row in _ending().filter(pk__in=batch))


def _ending() -> ConnectionQuerySet:
    """What ends within the longest threshold, and whose shortest one was not told yet; without secrets."""
    now = timezone.now()
    last = now + dt.timedelta(days=max(THRESHOLDS))
    untold = Q(reminded_days=None) | Q(reminded_days__gt=min(THRESHOLDS))
    rows = Connection.objects.filter(untold, status=Connection.Status.ACTIVE, ends_at__gt=now, ends_at__lte=last)
    return rows.only("status", "ends_at", "ends_since", "reminded_days", "user_id", "provider_id")


def threshold(row: Connection) -> int | None:
    """The smallest of the days before its end that have come and not been told; None if there is none."""
    if row.ends_at is None:
        return None
    now = timezone.now()
    span, told = row.ends_at - (row.ends_since or now), row.reminded_days
    for days in THRESHOLDS:
        before = dt.timedelta(days=days)
        if row.ends_at - now <= before < span * SHARE:
            return days if told is None or days < told else None
    return None


@transaction.atomic
def _remind(row: Connection) -> bool:
    days = threshold(row)
    if days is None or row.ends_at is None:
        return False
    # Another process may be at it, and the connection may have been renewed since it was read.
    same = Connection.objects.filter(pk=row.pk, status=row.status, ends_at=row.ends_at, reminded_days=row.reminded_days)
    if not same.update(reminded_days=days):
        return False
    return Notice.objects.tell(
        Notice.Kind.ENDING,
        f"{end_of(row)}.{days}",
        user_id=row.user_id,
        connection_id=row.pk,
        provider=row.provider_id,
    )


def end_of(row: Connection) -> str:
    """Names the end of a connection, and another one differently."""
    return f"{row.pk}.{row.ends_at:%Y%m%dT%H%M%S}" if row.ends_at else str(row.pk)
