"""Refresh flights: however many callers want a new token, on however many machines, the provider is asked once.

In one process the callers of a connection share one `Future`. Between processes the row's lease decides who asks; the
others watch the row. A flight runs in an executor, not in its caller, so that nobody's patience cuts off a refresh
whose answer ends the old refresh token. No database connection is held while the provider is asked.
"""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connections, transaction

from apikeys.ledger import Caller, record
from connections import connect
from connections.models import Connection
from providers import http, oauth
from providers.http import ProviderUnavailable
from providers.oauth import ClientRefused, Grant, GrantRevoked

log = structlog.get_logger(__name__)

CALLER_PATIENCE = 10.0
FIRST_POLL, LAST_POLL = 0.025, 0.1
WATCH = 45.0
STORE_PATIENCE = 20.0


@dataclass(frozen=True)
class Landing:
    """How a flight ended. `error` is empty when the row holds a newer credential than the flight began with."""

    error: str = ""
    retry_after: float | None = None
    client_refused: bool = False
    revoked: bool = False


_executor = ThreadPoolExecutor(max_workers=max(4, settings.AKHROT_WEB_THREADS // 2), thread_name_prefix="flight")
_aloft: dict[UUID, "Future[Landing]"] = {}
_aloft_lock = threading.Lock()


def launch(connection: Connection) -> "Future[Landing]":
    """The flight of this connection in this process: the one under way, or a new one."""
    with _aloft_lock:
        flight = _aloft.get(connection.pk)
        if flight is None:
            flight = _aloft[connection.pk] = _executor.submit(_fly, connection.pk, connection.generation)
            flight.add_done_callback(lambda _: _land(connection.pk))
        return flight


def _land(pk: UUID) -> None:
    with _aloft_lock:
        _aloft.pop(pk, None)


def refresh(connection: Connection, patience: float = CALLER_PATIENCE) -> Landing:
    """Have the connection refreshed and wait up to `patience` seconds; the flight goes on if that is too short.

    Never raises for what the provider does: the `Landing` tells. Raises ProviderUnavailable when half of the
    process's threads are waiting on providers already.
    """
    with http.waiting_room():
        flight = launch(connection)
        give_back_database()
        try:
            return flight.result(timeout=patience)
        except TooLate:
            return Landing(error="the provider is slow to answer", retry_after=2.0)


def give_back_database() -> None:
    """Return this thread's database connection to the pool, unless a transaction needs it."""
    for held in connections.all(initialized_only=True):
        if not held.in_atomic_block:
            held.close()


def _fly(pk: UUID, generation: int) -> Landing:
    """One flight in the executor: take the lease and ask, or watch whoever holds it."""
    try:
        row = Connection.objects.select_related("provider", "user").get(pk=pk)
        if row.generation != generation:
            return Landing()
        interrupted = row.was_interrupted()
        holder = row.take_lease()
        return _ask(row, holder, interrupted) if holder else _watch(pk, generation)
    except Connection.DoesNotExist:
        return Landing(error="it was disconnected", revoked=True)
    except (OperationalError, InterfaceError) as error:
        log.error("flight_without_database", connection=str(pk), error=type(error).__name__)
        return Landing(error="the database is away", retry_after=5.0)
    finally:
        give_back_database()


def _watch(pk: UUID, generation: int) -> Landing:
    """Look at the row until the one who holds its lease is done: 25 ms at first, 100 ms later."""
    pause, deadline = FIRST_POLL, time.monotonic() + WATCH
    while time.monotonic() < deadline:
        give_back_database()
        time.sleep(pause)
        pause = min(LAST_POLL, pause * 1.5)
        row = Connection.objects.select_related("provider").get(pk=pk)
        if row.generation != generation:
            return Landing()
        if row.status == Connection.Status.NEEDS_REAUTH:
            return Landing(error=row.status_reason, revoked=True)
        if not row.lease_holder:
            return Landing(row.last_error, client_refused=row.provider.client_refused_at is not None)
        if row.was_interrupted():
            return _fly(pk, generation)
    return Landing(error="another process is still refreshing it", retry_after=2.0)


def _ask(row: Connection, holder: str, interrupted: bool) -> Landing:
    """Ask the provider with the lease in hand and write down what came of it."""
    refresh_token = row.held().get("refresh_token", "")
    client = connect.client_of(row.provider)
    give_back_database()
    try:
        grant = oauth.refresh(row.spec, client, refresh_token=refresh_token, inputs=row.inputs)
    except GrantRevoked as error:
        return _revoked(row, error.reason, interrupted)
    except ClientRefused as error:
        row.provider.client_was_refused(error.reason)
        row.back_off(holder, f"the provider refuses the OAuth client: {error.reason}", error.retry_after)
        return Landing(error=error.reason, client_refused=True)
    except ProviderUnavailable as error:
        row.back_off(holder, error.reason, error.retry_after)
        return Landing(error=error.reason, retry_after=error.retry_after)
    except Exception:
        # The edge of the flight's thread: whatever it was, others must not wait for the lease to lapse.
        row.drop_lease(holder)
        raise
    return _store(row, grant)


def _revoked(row: Connection, reason: str, interrupted: bool) -> Landing:
    """The provider refused the very refresh token we hold. A newer generation means that it was not the last word."""
    if interrupted:
        reason += " (an earlier refresh was interrupted, its answer may have been lost)"
    with transaction.atomic():
        given_up = row.give_up(reason)
        if given_up:
            _note(row, outcome="TOKEN_EXPIRED", detail=reason)
    return Landing(error=reason, revoked=True) if given_up else Landing()


def _store(row: Connection, grant: Grant) -> Landing:
    """Commit what was issued before anybody gets it, trying again while the database is away."""
    deadline, pause = time.monotonic() + STORE_PATIENCE, 0.05
    while True:
        try:
            stored = _commit(row, grant)
            break
        except (OperationalError, InterfaceError) as error:
            if time.monotonic() > deadline:
                log.critical("refreshed_token_lost", connection=str(row.pk), error=type(error).__name__)
                raise
            give_back_database()
            time.sleep(pause)
            pause = min(1.0, pause * 2)
    if stored:
        row.provider.client_was_accepted()
        return Landing()
    _drop(row, grant)
    return Landing()


def _commit(row: Connection, grant: Grant) -> bool:
    with transaction.atomic():
        stored = row.store(grant)
        if stored:
            _note(row)
    return stored


def _note(row: Connection, *, outcome: str = "ok", detail: str = "") -> None:
    """Tell the ledger of the connection's user."""
    record(
        Caller(user=row.user),
        "token.refresh",
        outcome=outcome,
        provider=row.provider_id,
        account=row.account,
        connection_id=row.pk,
        detail=detail,
    )


def _drop(row: Connection, grant: Grant) -> None:
    """The connection was renewed or ended meanwhile. What came late is given back where that ends it alone."""
    rule = row.spec.oauth
    if rule and rule.revoke_url and rule.revoke.ends == "token":
        give_back_database()
        held = {"access_token": grant.access_token, "refresh_token": grant.refresh_token}
        connect.give_back(row.provider, held, row.inputs)
