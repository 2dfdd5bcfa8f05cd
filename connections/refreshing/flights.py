"""Refresh flights: however many callers want a new token, on however many machines, the provider is asked once.

In one process the callers of a connection share one `Future`. Between processes the row's lease decides who asks; the
others watch the row. A flight runs in an executor, not in its caller, so that nobody's patience cuts off a refresh
whose answer ends the old refresh token. No database connection is held while the provider is asked.
"""

import threading
import time
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as TooLate
from dataclasses import replace
from uuid import UUID

import structlog
from django.conf import settings
from django.db import Error as DatabaseError

from connections.databases import give_back
from connections.models import Connection
from connections.refreshing import asking, figures, keeping, spool
from connections.refreshing.asking import Landing as Landing
from connections.refreshing.lanes import Lanes
from providers import breaker, http, oauth

log = structlog.get_logger(__name__)

CALLER_PATIENCE = 10.0
FIRST_POLL, LAST_POLL = 0.025, 0.1
WATCH = 50.0
AWAY = Landing("the database is away", 5.0, database_away=True)

_WORKERS = max(4, settings.AKHROT_WEB_THREADS // 2)
# One token host that hangs leaves room for the flights to all others.
_lanes: Lanes[Landing] = Lanes(workers=_WORKERS, width=max(2, _WORKERS // 2), name="flight")
_aloft: dict[UUID, "Future[Landing]"] = {}
# A flight may be over before its callback is attached, which then runs right here, under the lock.
_aloft_lock = threading.RLock()


def launch(connection: Connection, *, shared: bool = False) -> "Future[Landing]":
    """The flight of this connection in this process: the one under way, or a new one.

    `shared`: callers wait for its row, which is read once for all of them.
    """
    with _aloft_lock:
        flight = _aloft.get(connection.pk)
        if flight is None:
            flight = _aloft[connection.pk] = _lanes.submit(_lane(connection), _fly, connection, shared)
            figures.show_flights(len(_aloft))
            flight.add_done_callback(lambda _: _land(connection.pk))
        return flight


def _lane(connection: Connection) -> str:
    known = connection.is_known() and connection.spec.oauth
    return oauth.token_host(connection.spec, connection.inputs) if known else connection.provider_id


def _land(pk: UUID) -> None:
    with _aloft_lock:
        _aloft.pop(pk, None)
        figures.show_flights(len(_aloft))


def close() -> None:
    """Before the process ends: no flight sets out any more. Those under way land, for an answer may be on its way."""
    _lanes.close()


def refresh(connection: Connection, patience: float = CALLER_PATIENCE) -> Landing:
    """Have the connection refreshed and wait up to `patience` seconds; the flight goes on if that is too short.

    Never raises for what the provider does: the `Landing` tells. Raises ProviderUnavailable when half of the
    process's threads are waiting on providers already, and HostDown while the token host is not asked.
    """
    breaker.token_hosts.check(_lane(connection))
    with http.waiting_room():
        flight = launch(connection, shared=True)
        give_back()
        try:
            return flight.result(timeout=patience)
        except (TooLate, CancelledError):
            return Landing("the provider is slow to answer", 5.0)


def _fly(row: Connection, shared: bool) -> Landing:
    """One flight in the executor: take the lease and ask, or watch whoever holds it."""
    try:
        if spool.has(row.pk, row.generation):
            keeping.replay(older_than=0)
        lease = row.take_lease()
        landing = asking.ask(row, lease) if lease else _watch(row)
        return replace(landing, row=_read(row.pk)) if shared and not landing.error else landing
    except DatabaseError as error:
        log.error("flight_without_database", connection=str(row.pk), error=type(error).__name__)
        return AWAY
    finally:
        give_back()


def _read(pk: UUID) -> Connection | None:
    return Connection.objects.select_related("provider", "user").filter(pk=pk).first()


def _watch(sent: Connection) -> Landing:
    """Look at the row until the one who holds its lease is done: 25 ms at first, 100 ms later."""
    pause, deadline = FIRST_POLL, time.monotonic() + WATCH
    while time.monotonic() < deadline:
        row = _read(sent.pk)
        if row is None:
            return Landing("it was disconnected", revoked=True)
        if row.generation != sent.generation:
            return Landing()
        if row.status == Connection.Status.NEEDS_REAUTH:
            return Landing(row.status_reason, revoked=True)
        if not row.lease_holder and row.retry_at != sent.retry_at:
            return Landing(row.last_error, row.seconds_to_wait(), client_refused=row.client_is_refused())
        if lease := row.take_lease():
            return asking.ask(row, lease)
        give_back()
        time.sleep(pause)
        pause = min(LAST_POLL, pause * 1.5)
    return Landing("another process is still refreshing it", 2.0)
