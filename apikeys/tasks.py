"""What the ledger asks for from time to time. Both tasks may be lost or run twice without harm."""

import datetime as dt

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from apikeys import tallies
from apikeys.models import ApiKey, AuditEvent, RollUp, Tally

BATCH = 10_000
MOST_BATCHES = 50
# Batches of `tallies.BATCH`, each of which holds SQLite's one write lock for some milliseconds.
MOST_TALLIED = 250


@shared_task(name="apikeys.roll_up")
def roll_up(*, batch: int = BATCH, most_batches: int = MOST_BATCHES) -> None:
    """Note from the ledger when each key was last used, so that no fetch has to write it, and count its events.

    It reads at most half a million events at a time.
    """
    _note_uses(batch, most_batches)
    for _ in range(MOST_TALLIED):
        if not tallies.count_next():
            return


def _note_uses(batch: int, most_batches: int) -> None:
    """Those of the last minute are read again by the next run, since one among them may not be committed yet."""
    place, _ = RollUp.objects.get_or_create(pk=1)
    unread = AuditEvent.objects.filter(pk__gt=place.position).values_list("pk", flat=True)
    first, newest = unread.order_by("pk").first(), unread.order_by("-pk").first()
    if first is None or newest is None:
        return
    end = first - 1
    for _ in range(most_batches):
        start, end = end, min(end + batch, newest)
        ApiKey.objects.note_uses(AuditEvent.objects.between(start, end).last_uses())
        if end == newest:
            break
    place.advance(end)


@shared_task(name="apikeys.purge_ledger")
def purge_ledger() -> None:
    """Remove the days that are older than AKHROT_LEDGER_DAYS. A day goes as a whole, as it is counted."""
    kept = timezone.now() - dt.timedelta(days=settings.AKHROT_LEDGER_DAYS)
    first = kept.replace(hour=0, minute=0, second=0, microsecond=0)
    AuditEvent.objects.purge(before=first)
    Tally.objects.purge(before=first)
