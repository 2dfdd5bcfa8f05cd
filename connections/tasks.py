"""Work behind the scenes. The queue is only a bell: what is due stands in the rows; a task may run twice or never."""

import datetime as dt
from uuid import UUID

import structlog
from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError as QueueAway

from connections import flights
from connections.models import Connection, OAuthSession
from providers import verify

log = structlog.get_logger(__name__)

SWEEP_BATCH = 50
SWEEP_BATCHES = 20
VERIFY_BATCH = 50
SESSIONS_KEPT = dt.timedelta(days=7)
FLIGHT_PATIENCE = 45.0


def ring_for(connection: Connection) -> None:
    """Ask for a refresh behind. No retry: a queue that is away must not slow the fetch, and the sweep comes anyway."""
    try:
        refresh.apply_async((str(connection.pk),), retry=False)
    except (QueueAway, OSError) as error:
        log.warning("bell_not_rung", error=type(error).__name__)


@shared_task(name="connections.refresh")
def refresh(connection_id: str) -> None:
    """Refresh one connection if it is still due."""
    _refresh_all([connection_id])


@shared_task(name="connections.refresh_many")
def refresh_many(connection_ids: list[str]) -> None:
    """Refresh those of a sweep's batch that are still due, side by side."""
    _refresh_all(connection_ids)


def _refresh_all(connection_ids: list[str]) -> None:
    rows = Connection.objects.filter(pk__in=[UUID(pk) for pk in connection_ids], refreshable=True)
    ready = [row for row in rows.select_related("provider") if _is_due(row)]
    flights.give_back_database()
    for flight in [flights.launch(row) for row in ready]:
        flight.result(timeout=FLIGHT_PATIENCE)


def _is_due(row: Connection) -> bool:
    backing_off = row.retry_at is not None and row.retry_at > timezone.now()
    due = row.is_ageing() or (row.refresh_at is not None and row.refresh_at <= timezone.now())
    return due and not backing_off and row.status == Connection.Status.ACTIVE and row.provider.enabled


@shared_task(name="connections.sweep")
def sweep() -> int:
    """Claim what is due and hand it out in batches; answers how many connections."""
    claimed = 0
    for _ in range(SWEEP_BATCHES):
        ids = Connection.objects.claim(SWEEP_BATCH)
        if ids:
            refresh_many.apply_async(([str(pk) for pk in ids],), retry=False)
        claimed += len(ids)
        if len(ids) < SWEEP_BATCH:
            break
    return claimed


@shared_task(name="connections.verify_pending")
def verify_pending() -> None:
    """Try again the pasted credentials that could not be checked when they were pasted."""
    due = Connection.objects.filter(verify_at__lte=timezone.now()).select_related("provider")
    for row in due.order_by("verify_at")[:VERIFY_BATCH]:
        values = row.held().get("fields", {})
        flights.give_back_database()
        verdict = verify.verify(row.spec, values)
        row.judge(verdict.outcome)
        if verdict.outcome == "refused":
            row.give_up(f"the provider refuses it: {verdict.reason}")


@shared_task(name="connections.tidy")
def tidy() -> None:
    """Remove what is over: sessions of last week, and grants that waited for a decision in vain."""
    now = timezone.now()
    for session in OAuthSession.objects.filter(status=OAuthSession.Status.CONFIRMING, expires_at__lte=now):
        session.fail("nobody decided in time")
    OAuthSession.objects.filter(created_at__lt=now - SESSIONS_KEPT).delete()
