import datetime as dt
import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apikeys.ledger import Caller
from apikeys.management.users import find_user
from connections.connect import connect_client, connect_grant, connect_key
from connections.models import Connection
from providers.models import Provider, check_canary
from providers.oauth import Account, Grant
from providers.sealed import ensure_keyring
from providers.spec import ProviderSpec
from providers.verify import Verdict

GRANT_NAMES = ("access_token", "refresh_token", "expires_at", "scopes", "account_id")
# Beyond it a number of seconds is one of milliseconds.
LATEST = 10_000_000_000
HEADINGS = ("CONNECTION", "PROVIDER", "ACCOUNT", "USER", "STATUS", "EXPIRES", "DEFAULT")


class Command(BaseCommand):
    help = "Connects a user to a provider with a credential that is there already, and lists what is connected."

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="action", required=True)
        add = commands.add_parser("add", help="keep a credential read from standard input; prints the connection's id")
        add.add_argument("--user", required=True, metavar="E", help="whose connection, by e-mail address")
        add.add_argument("--provider", required=True, metavar="CODE")
        add.add_argument("--way", default="", metavar="CODE", help="how, where the provider has several ways")
        add.add_argument("--account", default="", metavar="LABEL", help="the account's name for people")
        add.add_argument(
            "--fields-stdin",
            action="store_true",
            required=True,
            help="read a JSON object: the provider's key fields, or access_token, refresh_token, expires_at, scopes",
        )
        listing = commands.add_parser("list", help="show what is connected, without its secrets")
        listing.add_argument("--user", metavar="E", help="only what this user connected")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        self.add(**options) if action == "add" else self.list_connections(**options)

    def add(self, *, user: str, provider: str, way: str, account: str, **_: Any) -> None:
        """Keep the credential as if the user had connected it. The provider is not asked here."""
        caller = Caller(user=find_user(user))
        row = Provider.objects.filter(code=provider, enabled=True).first()
        if row is None or not row.is_known():
            raise CommandError(f"there is no provider {provider}, or it is disabled; `provider list` shows them")
        code = way_of(row.spec, way)
        spec = row.spec.by_way(code)
        given = read_object()
        self.prove_keyring()
        adding = self.add_key if not spec.oauth else self.add_client if spec.is_pasted else self.add_grant
        connection = adding(caller, row, code, given, account)
        self.stdout.write(str(connection.pk))

    def prove_keyring(self) -> None:
        """The command may be the first thing that ever runs here, before `up` has made a keyring."""
        try:
            ensure_keyring()
            check_canary()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None

    def add_grant(self, caller: Caller, provider: Provider, way: str, given: dict[str, Any], label: str) -> Connection:
        """A grant that was made elsewhere, with the same OAuth client."""
        spec = provider.spec.by_way(way)
        assert spec.oauth is not None  # noqa: S101
        kept, asked = spec.kept_names, {one.name for one in spec.inputs}
        refuse_unknown(given, {*GRANT_NAMES, *kept, *asked})
        scopes = scopes_of(given.pop("scopes", None))
        expires_at = moment_of(given.pop("expires_at", None))
        texts = texts_of(given)
        inputs = {name: value for name, value in texts.items() if name in asked}
        refuse_faults(spec, inputs)
        extra = {name: value for name, value in texts.items() if name in kept}
        refuse_misfits(spec, extra)
        if not provider.is_ready(spec):
            self.stderr.write(f"{provider.code} has no OAuth client: until it has, nothing can be refreshed")
        grant = Grant(
            access_token=texts.get("access_token", ""),
            refresh_token=texts.get("refresh_token", ""),
            expires_at=expires_at,
            scopes=scopes,
            extra=extra,
        )
        account = Account(id=texts.get("account_id", ""), label=label)
        grant = timed(grant, spec)
        return connect_grant(caller, provider=provider, grant=grant, account=account, inputs=inputs, way=way)

    def add_client(self, caller: Caller, provider: Provider, way: str, given: dict[str, Any], label: str) -> Connection:
        """An OAuth client of the user's own; the next sweep or fetch gets its first token."""
        spec = provider.spec.by_way(way)
        refuse_unknown(given, {field.name for field in spec.fields})
        fields = texts_of(given)
        refuse_faults(spec, fields)
        scopes = list(dict.fromkeys([*spec.scopes_for(), *provider.scopes_beside(spec)]))
        none_yet, whose = Grant(access_token="", expires_at=timezone.now()), Account(label=label)
        return connect_client(
            caller, provider=provider, fields=fields, scopes=scopes, grant=none_yet, account=whose, way=way
        )

    def add_key(self, caller: Caller, provider: Provider, way: str, given: dict[str, Any], label: str) -> Connection:
        """A key; it counts as not verified until the next sweep has asked the provider."""
        spec = provider.spec.by_way(way)
        refuse_unknown(given, {field.name for field in spec.fields} | {one.name for one in spec.inputs})
        fields = texts_of(given)
        refuse_faults(spec, fields)
        can_ask = spec.verify is not None or spec.auth == "mtproto"
        verdict = Verdict("unreachable" if can_ask else "unknown", label=label)
        return connect_key(caller, provider=provider, fields=fields, verdict=verdict, way=way)

    def list_connections(self, *, user: str | None, **_: Any) -> None:
        """One line a connection, its columns parted by tabs."""
        rows = Connection.objects.select_related("user").order_by("user_id", "provider_id", "created_at")
        self.stdout.write("\t".join(HEADINGS))
        for row in rows.filter(user=find_user(user)) if user else rows:
            ends = f"{row.expires_at.astimezone(dt.UTC):%Y-%m-%dT%H:%MZ}" if row.expires_at else "never"
            shown = (row.pk, row.provider_id, row.account, row.user.email, row.status, ends)
            self.stdout.write("\t".join(str(value) for value in (*shown, "yes" if row.is_default else "no")))


def way_of(spec: ProviderSpec, code: str) -> str:
    """What the connection notes of the way that is called `code`: nothing of the default one."""
    if not spec.has_way(code):
        named = [one.way.code for one in spec.every_way().values() if one.way.code]
        raise CommandError(f"{spec.code} has no way {code!r} (known: {', '.join(named) or 'the default one alone'})")
    return "" if code == spec.way.code else code


def read_object() -> dict[str, Any]:
    """The JSON object on standard input. No error repeats any of it."""
    try:
        given = json.load(sys.stdin)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise CommandError("standard input must hold one JSON object")
    return given


def refuse_unknown(given: dict[str, Any], known: set[str]) -> None:
    """A name that means nothing here is a mistake."""
    unknown = sorted(set(given) - known)
    if unknown:
        raise CommandError(f"unknown: {', '.join(unknown)} (known: {', '.join(sorted(known))})")


def refuse_faults(spec: ProviderSpec, values: dict[str, str]) -> None:
    """What the provider's file requires must be there."""
    faults = spec.faults(values)
    if faults:
        raise CommandError("; ".join(f"{name}: {fault}" for name, fault in faults.items()))


def refuse_misfits(spec: ProviderSpec, kept: dict[str, str]) -> None:
    """What came with a grant must be there where addresses are made of it, and fit into them."""
    after = spec.oauth.after if spec.oauth else None
    missing = [name for name in (after.keep if after and after.required else ()) if not kept.get(name)]
    if missing:
        raise CommandError("; ".join(f"{name}: is missing" for name in missing))
    if wrong := spec.misfits(kept):
        raise CommandError("; ".join(f"{name}: is not {said}" for name, said in wrong.items()))


def texts_of(given: dict[str, Any]) -> dict[str, str]:
    """The values, which must be text; null counts as absent."""
    given = {name: value for name, value in given.items() if value is not None}
    wrong = sorted(name for name, value in given.items() if not isinstance(value, str))
    if wrong:
        raise CommandError(f"{', '.join(wrong)}: must be text")
    return given


def scopes_of(value: Any) -> list[str] | None:
    """Scopes as a list, or as one text parted by spaces; None where nothing is known."""
    scopes = value.split() if isinstance(value, str) else value
    if scopes is not None and not (isinstance(scopes, list) and all(isinstance(scope, str) for scope in scopes)):
        raise CommandError("scopes: must be a list of texts, or one text parted by spaces")
    return scopes


def moment_of(value: Any) -> dt.datetime | None:
    """A moment as ISO 8601 (without an offset: UTC) or as seconds since 1970; None where there is none."""
    if value is None:
        return None
    try:
        if isinstance(value, str) and not value.strip().replace(".", "", 1).isdigit():
            moment = dt.datetime.fromisoformat(value.strip())
            return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
        seconds = float(value)
        if isinstance(value, bool) or not 0 <= seconds < LATEST:
            raise ValueError
        return dt.datetime.fromtimestamp(seconds, dt.UTC)
    except (ValueError, TypeError, OverflowError):
        raise CommandError("expires_at: must be ISO 8601, or seconds since 1970") from None


def timed(grant: Grant, spec: ProviderSpec) -> Grant:
    """`grant` with an end, where it must have one: of a token of unknown age the first fetch makes a new one."""
    if not grant.access_token and not grant.refresh_token:
        raise CommandError("access_token: is missing, and so is refresh_token")
    limited = spec.oauth is not None and spec.oauth.lifetime is not None
    unknown = grant.expires_at is None and grant.refresh_token and limited
    if not unknown and grant.access_token:
        return grant
    return Grant(
        access_token=grant.access_token,
        refresh_token=grant.refresh_token,
        expires_at=timezone.now(),
        scopes=grant.scopes,
        extra=grant.extra,
    )
