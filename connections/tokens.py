"""``POST /tokens/fetch``: a working credential, refreshed first where it must be, and its ledger event."""

import datetime as dt
import random
import time
from functools import cache
from typing import Any

from django.utils import timezone

from apikeys.ledger import Caller, record
from apikeys.statements import FirstJoined
from connections import errors, tasks
from connections.models import FETCH_ORDER, Connection
from connections.refreshing import flights
from connections.refreshing.asking import CLIENT_REFUSED
from connections.sessions import chosen, offered_provider
from connections.times import iso
from providers import call
from providers.grants import lasting
from providers.http import NoRoom, ProviderUnavailable
from providers.parts import Service

YOUNG = dt.timedelta(seconds=60)
EARLIEST = 2.0


def fetch(
    caller: Caller,
    *,
    provider: str,
    account: str = "",
    service: str = "",
    min_ttl: int = 0,
    rejected: str = "",
    purpose: str = "",
) -> dict[str, Any]:
    """The contract's ``data`` of a fetch. `min_ttl` in seconds, `rejected` a token id that the provider refused.

    A fresh token costs one read here, and one insert into the ledger before the answer: no record, no token. Raises
    the errors of the contract; refusals are recorded as well.
    """
    began, connection = time.monotonic(), None
    try:
        connection = _find(caller, provider, account)
        part = _service(connection, service)
        minimum = dt.timedelta(seconds=min_ttl)
        connection = _usable(connection, minimum=minimum, rejected=rejected, began=began)
    except errors.NoRoomToWait:
        # Refusals by limit are not recorded: a crowd that comes again and again would fill the ledger.
        raise
    except errors.ApiError as error:
        record(
            caller,
            "token.fetch",
            outcome=error.code,
            provider=provider[:64],
            account=connection.account if connection else account,
            connection_id=connection.pk if connection else None,
            purpose=purpose,
        )
        raise
    answer = _answer(connection, part)
    record(
        caller,
        "token.fetch",
        provider=provider,
        account=connection.account,
        connection_id=connection.pk,
        purpose=purpose,
        detail=service,
    )
    return answer


def _find(caller: Caller, provider: str, account: str) -> Connection:
    """The connection that is meant: the named one, or the default. One read unless something is wrong."""
    if not caller.may_use(provider):
        offered_provider(caller, provider)
    found = _named(caller, provider, account) if account else _default().read(provider, caller.user.pk)
    if found and found.provider.enabled and found.is_known():
        return found
    offered_provider(caller, provider)
    if found:
        raise _way_is_gone(found)
    if not Connection.objects.to(provider, caller.user).exists():
        raise errors.IntegrationNotFound(provider)
    return chosen(caller, provider, account)


def _way_is_gone(connection: Connection) -> errors.ApiError:
    code = connection.provider_id
    return errors.WayNotFound(
        f"{code} is not connected by {connection.way!r} here any more; the connection is kept.",
        hint="The operator can bring that way back, or the user connects it anew with the call in next.",
        next=errors.connect_call(code, account=str(connection.pk)),
    )


def _named(caller: Caller, provider: str, account: str) -> Connection | None:
    """The only connection that `account` may mean."""
    found = list(Connection.objects.to(provider, caller.user).named(account)[:2])
    return found[0] if len(found) == 1 else None


@cache
def _default() -> FirstJoined[Connection]:
    """Reads what a fetch without ``account`` answers with: the first of `Connection.objects.to`."""
    return FirstJoined(Connection, "provider", where=["provider", "user"], order=FETCH_ORDER)


def _service(connection: Connection, code: str) -> Service | None:
    """The named service, if the user granted what it needs. Raises ServiceNotFound, MissingScopes."""
    if not code:
        return None
    spec = connection.spec
    service = spec.service(code)
    if service is None:
        raise errors.ServiceNotFound(spec.code, code, [one.code for one in spec.services])
    missing = service.missing_scopes(set(connection.scopes)) if spec.oauth else []
    if missing:
        raise errors.MissingScopes(spec.code, code, missing, str(connection.pk))
    return service


def _usable(connection: Connection, *, minimum: dt.timedelta, rejected: str, began: float) -> Connection:
    """The connection with a token that works: as it is, or after a refresh that the caller waited for."""
    if connection.spec.kind != "oauth2":
        return _key(connection)
    is_rejected = bool(rejected) and rejected == connection.token_id
    short = minimum > dt.timedelta(0) and not connection.has_life_for(minimum)
    young = timezone.now() - connection.issued_at < YOUNG
    if is_rejected:
        return _replaced(connection, began)
    if connection.is_expired() or (short and not young and _can_refresh(connection)):
        return _refreshed(connection, began)
    if connection.is_ageing() and _can_refresh(connection) and connection.claim_bell():
        tasks.ring_for(connection)
    return connection


def _key(connection: Connection) -> Connection:
    """A pasted credential, unless a test of it showed that its provider refuses it."""
    if connection.is_dead():
        raise _dead(connection, "the provider refuses it")
    return connection


def _can_refresh(connection: Connection) -> bool:
    return connection.refreshable and connection.status == Connection.Status.ACTIVE


def _replaced(connection: Connection, began: float) -> Connection:
    """Another token than the rejected one, once a minute at most; within that minute the one that is held."""
    if not _can_refresh(connection):
        raise _dead(connection, "the provider refused it and there is nothing to refresh it with")
    if not connection.claim_rejection():
        return connection
    return _refreshed(connection, began, works=False)


def _refreshed(connection: Connection, began: float, *, works: bool | None = None) -> Connection:
    """The row after a flight. A token that still works is answered even when the flight failed."""
    if not _can_refresh(connection):
        raise _dead(connection, "there is no refresh token")
    still_works = not connection.is_expired() if works is None else works
    if must_wait(connection):
        if still_works:
            return connection
        raise _unavailable(connection, _backing_off(connection))
    landing = _landing(connection, began)
    row = landing.row or Connection.objects.select_related("provider").filter(pk=connection.pk).first()
    if row is None:
        raise errors.IntegrationNotFound(connection.provider_id)
    if row.generation != connection.generation and not row.is_expired():
        return row
    if row.status == Connection.Status.NEEDS_REAUTH and not (still_works and row.works_still()):
        raise _dead(row, row.status_reason)
    if still_works and not row.is_expired():
        return row
    raise _unavailable(row, landing)


def _landing(connection: Connection, began: float) -> flights.Landing:
    """How the flight ended, as far as this caller waits: ten seconds after his call `began` he has an answer.

    Some have it up to two seconds earlier, for a crowd that leaves as one comes back as one.
    """
    patience = flights.CALLER_PATIENCE - random.uniform(0, EARLIEST)  # noqa: S311
    patience = max(0.0, patience - (time.monotonic() - began))
    try:
        return flights.refresh(connection, patience)
    except ProviderUnavailable as busy:
        # No flight set out, so that the row is as it was read.
        return flights.Landing(busy.reason, busy.retry_after, no_room=isinstance(busy, NoRoom), row=connection)


def must_wait(connection: Connection) -> bool:
    """Whether the last failure says to wait; one about the OAuth client does not, once that is set anew."""
    corrected = connection.last_error.startswith(CLIENT_REFUSED) and connection.provider.client_refused_at is None
    return connection.is_backing_off() and not corrected


def _backing_off(connection: Connection) -> flights.Landing:
    """The landing of the last flight, as long as its back-off lasts."""
    refused = connection.client_is_refused()
    return flights.Landing(connection.last_error, connection.seconds_to_wait(), client_refused=refused)


def _dead(connection: Connection, reason: str) -> errors.ApiError:
    return errors.TokenExpired(connection.provider_id, connection.status_reason or reason, str(connection.pk))


def _unavailable(connection: Connection, landing: flights.Landing) -> errors.ApiError:
    code = connection.provider_id
    if landing.database_away:
        return errors.ServiceDown("Akhrot cannot answer for now.", hint="Try again shortly.", retry_after=5)
    if landing.client_refused:
        return errors.ProviderNotConfigured(
            f"{code} refuses the OAuth client of this Akhrot, and the token is expired.",
            hint="The operator must correct the client id and secret; the connection itself is kept.",
        )
    kind = errors.NoRoomToWait if landing.no_room else errors.ProviderDown
    return kind(
        f"The token of {code} is expired and {code} cannot refresh it for now: {landing.error}.",
        hint="Try again after retryAfter seconds; the connection stays.",
        retry_after=landing.retry_after or 5.0,
    )


def _answer(connection: Connection, service: Service | None) -> dict[str, Any]:
    spec, held = connection.spec, connection.held()
    values = connection.values(held)
    ready = call.prepare(spec, values, service=service)
    common = {
        "provider": spec.code,
        "type": spec.kind,
        "connectionId": str(connection.pk),
        "account": connection.account,
        "accessToken": values["accessToken"],
    }
    if spec.kind == "mtproto":
        return {**common, "apiId": int(held["fields"]["apiId"]), "apiHash": held["fields"]["apiHash"]}
    sending = {"baseUrl": ready.base_url, "headers": ready.headers}
    if ready.query:
        sending["query"] = ready.query
    if spec.kind == "api_key":
        return {**common, "credentials": held["fields"], **sending}
    left = connection.lifetime_left()
    return {
        **common,
        "tokenId": connection.token_id,
        "tokenType": "Bearer",
        "expiresAt": iso(connection.expires_at),
        "expiresIn": None if left is None else max(0, int(left.total_seconds())),
        "scopes": connection.scopes,
        **sending,
        "extra": lasting(spec.oauth, held.get("extra", {})),
    }
