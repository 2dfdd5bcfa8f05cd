"""Work behind the scenes. The queue is only a bell: what is due stands in the rows; a task may run twice or never."""

import datetime as dt
from concurrent.futures import wait
from uuid import UUID

import structlog
from celery import shared_task
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop
from kombu.exceptions import OperationalError as QueueAway

from apikeys.ledger import Caller
from connections import mail, reminders
from connections.databases import give_back
from connections.link import callback
from connections.link.giving_up import give_up
from connections.models import Connection, Notice, OAuthSession, Refresh, Sweep
from connections.refreshing import flights, keeping, spool
from connections.refreshing.asking import tell_lost
from providers import verify

log = structlog.get_logger(__name__)

SWEEP_BATCH = 50
SWEEP_BATCHES = 20
VERIFY_BATCH = 50
SESSIONS_KEPT = dt.timedelta(days=7)
REFRESHES_KEPT = dt.timedelta(days=30)
NOTICES_KEPT = dt.timedelta(days=30)
FLIGHT_PATIENCE = 45.0
UNDECIDED = gettext_noop("nobody decided in time")


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
    """Refresh those of a sweep's batch that are still due, side by side, and hand out the next batch if there is one.

    So a backlog is worked off at the pace of the workers and not of the sweep's ticks.
    """
    _refresh_all(connection_ids)
    _hand_out(SWEEP_BATCH)


def _refresh_all(connection_ids: list[str]) -> None:
    rows = Connection.objects.filter(pk__in=[UUID(pk) for pk in connection_ids], refreshable=True)
    ready = [row for row in rows.select_related("provider", "user") if _is_due(row)]
    give_back()
    launched = {row.pk: flights.launch(row) for row in ready}
    wait(launched.values(), timeout=FLIGHT_PATIENCE)
    # A worker that is told to stop begins nothing more; the next one shall not wait until the claims lapse.
    if dropped := [pk for pk, flight in launched.items() if flight.cancelled()]:
        Connection.objects.unclaim(dropped)


def _is_due(row: Connection) -> bool:
    """Whether to refresh it now, even while its provider is switched off: its grants are to be alive afterwards."""
    due = row.is_ageing() or (row.refresh_at is not None and row.refresh_at <= timezone.now())
    return due and not row.is_backing_off() and row.status == Connection.Status.ACTIVE


@shared_task(name="connections.sweep")
def sweep() -> int:
    """Claim what is due and hand it out, as much as may be outstanding at once; answers how many connections."""
    outstanding = Connection.objects.claimed()
    handed_out = _hand_out(SWEEP_BATCH * SWEEP_BATCHES - outstanding)
    Sweep.objects.update_or_create(pk=1, defaults={"at": timezone.now(), "handed_out": handed_out})
    keeping.replay()
    return handed_out


def _hand_out(room: int) -> int:
    """Claim up to `room` due connections and publish them in batches; answers how many."""
    ids = Connection.objects.claim(room) if room > 0 else []
    batches = [ids[start : start + SWEEP_BATCH] for start in range(0, len(ids), SWEEP_BATCH)]
    for number, batch in enumerate(batches):
        try:
            refresh_many.apply_async(([str(pk) for pk in batch],), retry=False)
        except (QueueAway, OSError) as error:
            log.warning("batch_not_handed_out", error=type(error).__name__)
            Connection.objects.unclaim([pk for rest in batches[number:] for pk in rest])
            return number * SWEEP_BATCH
    return len(ids)


@shared_task(name="connections.verify_pending")
def verify_pending() -> None:
    """Try again the pasted credentials that could not be checked when they were pasted."""
    due = Connection.objects.filter(verify_at__lte=timezone.now()).select_related("provider", "user")
    for row in due.order_by("verify_at")[:VERIFY_BATCH]:
        if not row.is_known():
            row.judge("unreachable")
            continue
        values = row.held().get("fields", {})
        give_back()
        verdict = verify.verify(row.spec, values)
        row.judge(verdict.outcome)
        if verdict.outcome == "refused":
            with transaction.atomic():
                reason = f"the provider refuses it: {verdict.reason}"
                if row.give_up(reason):
                    tell_lost(row, reason)


@shared_task(name="connections.tell")
def tell() -> None:
    """Send the mails that are due."""
    mail.send_due()


@shared_task(name="connections.remind")
def remind() -> None:
    """Write the notices of what ends soon."""
    reminders.write()


@shared_task(name="connections.tidy")
def tidy() -> None:
    """Remove what is over: last week's sessions, last month's refreshes and notices, what waited in vain."""
    now = timezone.now()
    for session in OAuthSession.objects.forgotten():
        if session.status == OAuthSession.Status.CONFIRMING:
            callback.drop(Caller(user=session.user), session, UNDECIDED, outcome="UNDECIDED")
        else:
            give_up(session)
    OAuthSession.objects.filter(created_at__lt=now - SESSIONS_KEPT).delete()
    Refresh.objects.purge(before=now - REFRESHES_KEPT)
    Notice.objects.filter(created_at__lt=now - NOTICES_KEPT).delete()
    spool.tidy()
