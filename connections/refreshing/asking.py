"""The one who holds the lease asks the provider, and writes down what came of it."""

import time
from dataclasses import dataclass

import structlog
from django.db import Error as DatabaseError
from django.db import transaction

from apikeys.ledger import Caller, record
from connections import connect
from connections.databases import give_back
from connections.models import Connection, Notice, Refresh
from connections.refreshing import spool
from connections.refreshing.keeping import keep, replay
from connections.refreshing.refreshable import Lease
from providers import breaker, oauth
from providers.breaker import HostDown
from providers.http import ProviderUnavailable
from providers.oauth import ClientRefused, Grant, GrantRevoked
from providers.sealed import SealBroken

log = structlog.get_logger(__name__)

# Another machine may hold the answer of an interrupted flight in its spool, waiting for the same database.
GRACE, LOOK_EVERY = 2.0, 0.2
CLIENT_REFUSED = "the provider refuses the OAuth client"


@dataclass(frozen=True)
class Landing:
    """How a flight ended. `error` is empty when the row holds a newer credential than the flight began with.

    `row` is that row, read once for all who wait in this process; they share it and must not change it. `no_room`:
    there was none, because too many wait already.
    """

    error: str = ""
    retry_after: float | None = None
    client_refused: bool = False
    revoked: bool = False
    database_away: bool = False
    no_room: bool = False
    row: Connection | None = None


def ask(row: Connection, lease: Lease) -> Landing:
    """Ask the provider of `row` for a new credential. Raises DatabaseError while that is away; never loses a grant."""
    if lease.interrupted and _was_answered_elsewhere(row):
        row.drop_lease(lease)
        return Landing()
    began = time.monotonic()
    try:
        grant = _asked(row)
    except GrantRevoked as error:
        return _revoked(row, lease, error.reason, took=time.monotonic() - began)
    except ClientRefused as error:
        return _client_refused(row, lease, error, took=time.monotonic() - began)
    except HostDown as error:
        row.wait_for_host(lease, error.reason, error.retry_after or breaker.FIRST_PAUSE)
        return Landing(error.reason, error.retry_after)
    except ProviderUnavailable as error:
        return _unavailable(row, lease, error.reason, error.retry_after, took=time.monotonic() - began)
    except SealBroken as error:
        log.error("refresh_impossible", connection=str(row.pk), reason=str(error))
        return _unavailable(row, lease, "its seal does not open under this keyring")
    except DatabaseError:
        raise
    # The edge of the flight: whatever it was, the row must neither wait for the lease to lapse nor be tried in a loop.
    except Exception as error:
        log.exception("refresh_failed", connection=str(row.pk))
        return _unavailable(row, lease, f"an error inside Akhrot ({type(error).__name__})")
    if keep(row, grant, took=time.monotonic() - began):
        return Landing()
    return Landing("the database is away", 5.0, database_away=True)


def _asked(row: Connection) -> Grant:
    """The provider's answer. No database connection is held meanwhile."""
    if not row.provider.is_known():
        raise ProviderUnavailable(f"there is no provider {row.provider_id} in the catalogue any more")
    if not row.is_known():
        raise ProviderUnavailable(f"{row.provider_id} is not connected by {row.way!r} any more")
    if not row.provider.is_ready(row.spec):
        raise ClientRefused("no OAuth client is set")
    held, client = row.held(), connect.client_of(row.provider)
    give_back()
    with breaker.token_hosts.asking(oauth.token_host(row.spec, row.inputs)):
        return oauth.renew(row.spec, client, held, row.inputs)


def _was_answered_elsewhere(row: Connection) -> bool:
    """Note the flight that died, and wait a moment for what may have been received before it did."""
    began = row.lease_began()
    reason = "the process that asked died; whether the provider had answered is not known"
    Refresh.objects.note(row, Refresh.Outcome.INTERRUPTED, reason=reason, at=began)
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline:
        if spool.has(row.pk, row.generation):
            replay(older_than=0)
        if Connection.objects.filter(pk=row.pk).exclude(generation=row.generation).exists():
            return True
        give_back()
        time.sleep(LOOK_EVERY)
    return False


def _revoked(row: Connection, lease: Lease, reason: str, *, took: float) -> Landing:
    """The provider refused the very refresh token we hold. A newer generation means that it was not the last word."""
    if lease.interrupted or Refresh.objects.was_interrupted(row):
        reason += " (an earlier refresh was interrupted, its answer may have been lost)"
    with transaction.atomic():
        given_up = row.give_up(reason)
        if given_up:
            Refresh.objects.note(row, Refresh.Outcome.REVOKED, took=took, reason=reason)
            tell_lost(row, reason)
    return Landing(reason, revoked=True) if given_up else Landing()


def tell_lost(row: Connection, reason: str) -> None:
    """Tell the user, by the ledger and a mail, that the connection needs him. Call it in the transaction of that."""
    record(
        Caller(user=row.user),
        "connection.lose",
        outcome="TOKEN_EXPIRED",
        provider=row.provider_id,
        account=row.account,
        connection_id=row.pk,
        detail=reason,
    )
    Notice.objects.tell(
        Notice.Kind.LOST,
        f"{row.pk}.{row.generation}",
        user=row.user,
        connection=row,
        provider=row.provider_id,
        reason=reason[:300],
    )


def _client_refused(row: Connection, lease: Lease, error: ClientRefused, *, took: float) -> Landing:
    """The operator's matter: he is told, and the connection stays."""
    connect.client_was_refused(row.provider, error.reason)
    reason = f"{CLIENT_REFUSED}: {error.reason}"
    with transaction.atomic():
        if row.back_off(lease, reason, error.retry_after):
            Refresh.objects.note(row, Refresh.Outcome.CLIENT_REFUSED, took=took, reason=error.reason)
    return Landing(error.reason, client_refused=True)


def _unavailable(
    row: Connection, lease: Lease, reason: str, retry_after: float | None = None, *, took: float = 0.0
) -> Landing:
    with transaction.atomic():
        if row.back_off(lease, reason, retry_after):
            Refresh.objects.note(row, Refresh.Outcome.UNAVAILABLE, took=took, reason=reason)
    return Landing(reason, retry_after)
