"""Making, renewing and ending connections: each with its ledger event in the same transaction."""

import datetime as dt
import json
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from apikeys.ledger import Caller, record
from connections import credentials
from connections.link.signing_in import sign_out
from connections.models import Connection, Notice, OAuthSession
from providers import http, oauth
from providers.http import ProviderUnavailable
from providers.models import Provider
from providers.oauth import Account, Client, Grant
from providers.sealed import SealBroken
from providers.spec import ProviderSpec
from providers.verify import Verdict

log = structlog.get_logger(__name__)

P = ParamSpec("P")
ENDS = ("ends_at", "ends_since", "reminded_days")


def client_of(provider: Provider) -> Client:
    """The operator's OAuth client of a provider."""
    return Client(id=provider.client_id, secret=provider.client_secret)


@transaction.atomic
def client_was_refused(provider: Provider, reason: str) -> None:
    """Note that the provider refuses the operator's OAuth client, and tell the operators whenever that begins."""
    if provider.client_was_refused(reason) and provider.client_refused_at:
        cause = f"{provider.code}.{provider.client_refused_at:%Y%m%dT%H%M%S}"
        Notice.objects.tell(Notice.Kind.CLIENT_REFUSED, cause, provider=provider.code, reason=reason[:300])


def or_again(keep: Callable[P, Connection]) -> Callable[P, Connection]:
    """`keep` in a transaction, and once more where that breaks a constraint.

    Two links for one account came back at the same moment, and the other one has made the row: this time it is renewed.
    """
    kept = transaction.atomic(keep)

    @wraps(keep)
    def kept_or_again(*args: P.args, **kwargs: P.kwargs) -> Connection:
        try:
            return kept(*args, **kwargs)
        except IntegrityError:
            return kept(*args, **kwargs)

    return kept_or_again


@or_again
def connect_grant(
    caller: Caller,
    *,
    provider: Provider,
    grant: Grant,
    account: Account,
    inputs: dict[str, str],
    way: str = "",
    renew: Connection | None = None,
) -> Connection:
    """Keep `grant` as the caller's connection to `account`, made in this `way`.

    `renew` names the row to put it into, whoever's account that row held; without it an account connected before is
    renewed, in whichever way that was, and another one added. A provider that tells no account id gives a new row each
    time.
    """
    mine = Connection.objects.select_for_update(of=("self",)).filter(user=caller.user, provider=provider)
    row = mine.filter(pk=renew.pk).first() if renew else None
    if row is None and account.id:
        row = mine.filter(account_id=account.id).first()
    action = "connection.renew" if row else "connection.add"
    row = row or Connection(user=caller.user, provider=provider, secrets="")
    if row.account_id != account.id or not account.id or row.way != way:
        # Another account's refresh token must not live on in this row, nor what was connected in another way.
        row.secrets = ""
    if grant.refresh_token or not row.secrets:
        row.ends_at = row.ends_since = row.reminded_days = None
    row.account_id, row.inputs, row.way, row.fingerprint = account.id, inputs, way, ""
    row.verification, row.verify_at = Connection.Verification.VERIFIED, None
    row.account = account.label or row.account or _numbered(provider, mine.count())
    _write(row, row.credential_columns(grant))
    record(caller, action, provider=provider.code, account=row.account, connection_id=row.pk)
    return row


@or_again
def connect_key(
    caller: Caller,
    *,
    provider: Provider,
    fields: dict[str, str],
    verdict: Verdict,
    ends_at: dt.datetime | None = None,
    way: str = "",
    renew: Connection | None = None,
) -> Connection:
    """Keep a pasted credential. `fields` by name as the specification of this `way` has them.

    `verdict` says how it was checked, and `ends_at` when its user says that it ends. The same credential pasted twice
    is one connection: a keyed fingerprint tells, for the values are sealed. What a sign-in on our own pages gave is
    kept like a pasted one, but its account is known: it takes the place of that account's last one.
    """
    whose = Account(id=verdict.account_id, label=verdict.label)
    row, action = _row_of(caller, provider, fields, whose, way, renew)
    row.secrets = json.dumps({"fields": fields})
    if ends_at:
        row.ends_at, row.ends_since, row.reminded_days = ends_at, timezone.now(), None
    _write(row, credentials.key_columns())
    row.judge(verdict.outcome)
    record(caller, action, provider=provider.code, account=row.account, connection_id=row.pk)
    return row


def _row_of(
    caller: Caller, provider: Provider, fields: dict[str, str], whose: Account, way: str, renew: Connection | None
) -> tuple[Connection, str]:
    """Where a pasted credential goes and what that is called: the row that holds it, the one to renew, or a new one."""
    mine = Connection.objects.select_for_update(of=("self",)).filter(user=caller.user, provider=provider)
    print_of_it = fingerprint(provider.code, fields)
    same = mine.filter(fingerprint=print_of_it).first()
    row = same or (mine.filter(pk=renew.pk).first() if renew else None)
    signed_in = bool(provider.spec.by_way(way).login)
    if row is None and signed_in:
        row = mine.filter(account_id=whose.id).first()
    action = "connection.renew" if row else "connection.add"
    row = row or Connection(user=caller.user, provider=provider)
    row.fingerprint, row.way, row.inputs = print_of_it, way, {}
    if signed_in or row.account_id != whose.id:
        # A pasted credential has none of its own. That of a sign-in stays with what takes its place.
        row.account_id = whose.id if signed_in else ""
    if same is None:
        # The same credential pasted again without a date ends when it did before; another one does not.
        row.ends_at = row.ends_since = row.reminded_days = None
    row.account = whose.label or row.account or _numbered(provider, mine.count())
    return row, action


@or_again
def connect_client(
    caller: Caller,
    *,
    provider: Provider,
    fields: dict[str, str],
    scopes: list[str],
    grant: Grant,
    account: Account | None = None,
    way: str = "",
    renew: Connection | None = None,
) -> Connection:
    """Keep an OAuth client that the user pasted, and the `grant` it got. `scopes` are asked for at each renewal.

    Told apart as keys are. The account that a client tells is its owner's, who may have several of them.
    """
    row, action = _row_of(caller, provider, fields, account or Account(), way, renew)
    row.secrets = json.dumps({"fields": fields, "scopes": scopes})
    row.scopes = scopes
    _write(row, row.credential_columns(grant))
    row.judge("works")
    record(caller, action, provider=provider.code, account=row.account, connection_id=row.pk)
    return row


def fingerprint(provider: str, fields: dict[str, str]) -> str:
    """A keyed digest (HMAC-SHA-256 under SECRET_KEY) which tells equal credentials without keeping them."""
    text = json.dumps(fields, sort_keys=True)
    return salted_hmac(f"akhrot.fingerprint.{provider}", text, algorithm="sha256").hexdigest()


def _numbered(provider: Provider, others: int) -> str:
    return provider.spec.name if not others else f"{provider.spec.name} {others + 1}"


def _write(row: Connection, columns: dict[str, Any]) -> None:
    """Save the row with a generation of its own, so that a flight under way cannot write over it."""
    for name, value in columns.items():
        setattr(row, name, value)
    row.generation += 1
    if row._state.adding:
        others = Connection.objects.filter(user_id=row.user_id, provider_id=row.provider_id, is_default=True)
        row.is_default = not others.exists()
        row.save()
        return
    names = {*columns, "generation", "account", "account_id", "fingerprint", "inputs", "secrets", "way"}
    names |= {*ENDS, "verification", "verify_at"}
    row.save(update_fields=sorted(names))


@transaction.atomic
def prefer(caller: Caller, connection: Connection) -> None:
    """Answer a fetch that names no account with `connection` from now on."""
    connection.make_default()
    record(
        caller,
        "connection.default",
        provider=connection.provider_id,
        account=connection.account,
        connection_id=connection.pk,
    )


def disconnect(caller: Caller, connection: Connection) -> str:
    """End a connection and give its grant back to the provider.

    Answers ``revoked``, ``unsupported`` (the provider has no such call), ``failed`` (it did not agree or could not be
    asked; the user may end it at the provider) or ``shared`` (another connection lives from the same grant). The row
    goes in any case. The provider is asked outside every transaction.
    """
    revocation = _revoke(connection)
    with transaction.atomic():
        Connection.objects.filter(pk=connection.pk).delete()
        heir = Connection.objects.to(connection.provider_id, connection.user).first()
        if heir:
            heir.make_default()
        record(
            caller,
            "connection.disconnect",
            provider=connection.provider_id,
            account=connection.account,
            connection_id=connection.pk,
            detail=f"revocation: {revocation}",
        )
    return revocation


def can_end(spec: ProviderSpec) -> bool:
    """Whether the provider can be asked to end what was connected to it in this way."""
    return bool(spec.login) or (spec.oauth is not None and bool(spec.oauth.revoke_url))


def _revoke(connection: Connection) -> str:
    spec = connection.spec if connection.is_known() else None
    if spec is None or not can_end(spec):
        return "unsupported"
    if spec.oauth and spec.oauth.revoke.ends == "grant" and Connection.objects.siblings(connection).exists():
        return "shared"
    try:
        held = connection.held()
    except SealBroken:
        # The key of its seal is lost, and the user must be able to get rid of it all the same.
        return "failed"
    if spec.login:
        return sign_out(spec.code, held["fields"], held["fields"][spec.token_field])
    return give_back(connection, held)


def give_back(owner: Connection | OAuthSession, held: dict[str, Any]) -> str:
    """Ask the provider to end the tokens in `held`: ``revoked`` or ``failed``.

    `held` has ``access_token``, ``refresh_token`` and ``extra``, where a second token may be.
    """
    try:
        with http.waiting_room():
            client, each = client_of(owner.provider), oauth.each_token(owner.spec, held)
            agreed = [oauth.revoke(owner.spec, client, held=one, inputs=owner.inputs) for one in each]
    except ProviderUnavailable as error:
        log.warning("revocation_failed", provider=owner.provider_id, reason=error.reason)
        return "failed"
    return "revoked" if all(agreed) else "failed"
