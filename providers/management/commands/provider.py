"""``manage.py provider``: the catalogue from the operator's side."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from providers import registry, search, toml
from providers.discovery import DiscoveryFailed, discover
from providers.models import Provider
from providers.oauth import redirect_uri
from providers.spec import ProviderSpec

COLUMNS = ("code", "name", "kind", "enabled", "configured")


class Command(BaseCommand):
    help = "List and show providers, check provider files, enable providers and set their OAuth clients"

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(
            dest="action", required=True, metavar="list | show | check | schema | discover | set"
        )
        listing = actions.add_parser("list", help="all providers, the most used first")
        listing.add_argument("--json", action="store_true", dest="as_json")
        showing = actions.add_parser("show", help="one provider with everything but its secret")
        showing.add_argument("code")
        shape = showing.add_mutually_exclusive_group()
        shape.add_argument("--json", action="store_true", dest="as_json")
        shape.add_argument("--toml", action="store_true", dest="as_toml", help="its provider file, to be changed")
        checking = actions.add_parser("check", help="validate provider files (TOML)")
        checking.add_argument("files", nargs="+", type=Path, metavar="FILE")
        actions.add_parser("schema", help="print the JSON Schema of provider files, for editors")
        finding = actions.add_parser("discover", help="make a provider file of an OpenID Connect issuer's address")
        finding.add_argument("issuer", metavar="ISSUER")
        finding.add_argument("--code", default="", help="the provider's code; else one from the issuer's host")
        finding.add_argument("--name", default="", help="the provider's name; else one from the issuer's host")
        finding.add_argument("--json", action="store_true", dest="as_json")
        _add_set_arguments(actions.add_parser("set", help="enable or disable one, set its OAuth client"))

    def handle(self, *, action: str, **options: Any) -> None:
        actions: dict[str, Callable[..., None]] = {
            "list": self.list_all,
            "show": self.show,
            "check": self.check_files,
            "schema": self.print_schema,
            "discover": self.discover,
            "set": self.set_up,
        }
        actions[action](**options)

    def list_all(self, *, as_json: bool, **_: Any) -> None:
        Provider.objects.make_missing()
        rows = [_row(provider) for provider in Provider.objects.known()]
        if as_json:
            self.stdout.write(json.dumps(rows, indent=2))
            return
        table = [COLUMNS, *(tuple(_word(row[column]) for column in COLUMNS) for row in rows)]
        widths = [max(len(line[place]) for line in table) for place in range(len(COLUMNS))]
        for line in table:
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())

    def show(self, *, code: str, as_json: bool, as_toml: bool, **_: Any) -> None:
        provider = _find(code)
        if as_toml:
            self.stdout.write(_file_of(provider), ending="")
            return
        shown = _details(provider)
        if as_json:
            self.stdout.write(json.dumps(shown, indent=2))
            return
        for name, value in shown.items():
            lines = [_word(one) for one in value] if isinstance(value, list) else [_word(value)]
            self.stdout.write(f"{name}: {lines[0] if lines else '-'}")
            for line in lines[1:]:
                self.stdout.write(" " * (len(name) + 2) + line)

    def check_files(self, *, files: list[Path], **_: Any) -> None:
        bad = 0
        for path in files:
            try:
                spec = registry.read(path)
            except registry.BadProviderFile as faults:
                bad += 1
                self.stderr.write(str(faults))
            else:
                self.stdout.write(f"{path}: ok ({spec.name}, {len(spec.services)} services)")
        if bad:
            raise CommandError(f"{bad} of {len(files)} files cannot be used")

    def print_schema(self, **_: Any) -> None:
        # The other actions need not wait for it.
        from providers import schema

        self.stdout.write(json.dumps(schema.json_schema(), indent=2))

    def discover(self, *, issuer: str, code: str, name: str, as_json: bool, **_: Any) -> None:
        try:
            found = discover(issuer, code=code, name=name)
            registry.validate(found.document, source=issuer)
        except (DiscoveryFailed, registry.BadProviderFile) as faults:
            raise CommandError(str(faults)) from None
        for remark in found.remarks:
            self.stderr.write(f"# {remark}") if as_json else self.stdout.write(f"# {remark}")
        text = json.dumps(found.document, indent=2, ensure_ascii=False) if as_json else toml.dumps(found.document)
        self.stdout.write(text)

    def set_up(
        self, *, code: str, enabled: bool | None, client_id: str | None, client_secret_stdin: bool, **_: Any
    ) -> None:
        provider = _find(code)
        changed = {} if enabled is None else {"enabled": enabled}
        changed |= _client(provider, client_id, sys.stdin.read().strip() if client_secret_stdin else None)
        if not changed:
            raise CommandError("Nothing to set: see `manage.py provider set --help`")
        for name, value in changed.items():
            setattr(provider, name, value)
        provider.save(update_fields=[*changed, "updated_at"])
        self.stdout.write(f"{code}: {_deeds(changed)}")


def _deeds(changed: dict[str, Any]) -> str:
    """What was done, in words: a client that was taken away, or a provider switched off, was not "set"."""
    words = {
        "enabled": "enabled" if changed.get("enabled") else "disabled",
        "client_id": "client id set" if changed.get("client_id") else "client id taken away",
        "client_secret": "client secret set",
    }
    return ", ".join(said for name, said in words.items() if name in changed)


def _add_set_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("code")
    switch = parser.add_mutually_exclusive_group()
    switch.add_argument("--enable", action="store_true", dest="enabled", default=None)
    switch.add_argument("--disable", action="store_false", dest="enabled")
    parser.add_argument("--client-id", help="of the OAuth client; empty takes it away")
    parser.add_argument(
        "--client-secret-stdin", action="store_true", help="read the client's secret from standard input"
    )


def _file_of(provider: Provider) -> str:
    """The file as it stands, with its comments; of a specification of the admin's, one that says the same."""
    try:
        if provider.specification:
            return toml.dumps(provider.specification)
        return registry.file_text(provider.code)
    except (ValueError, registry.BadProviderFile) as error:
        raise CommandError(f"{provider.code} cannot be shown as TOML: {error}") from None


def _find(code: str) -> Provider:
    Provider.objects.make_missing()
    known = {provider.code: provider for provider in Provider.objects.known()}
    if code not in known:
        near = search.nearest(code, {code: row.spec for code, row in known.items()})
        meant = f" Did you mean {' or '.join(near)}?" if near else " `provider list` shows all."
        raise CommandError(f"There is no provider {code!r}.{meant}")
    return known[code]


def _client(provider: Provider, client_id: str | None, secret: str | None) -> dict[str, Any]:
    """The columns to change for a new OAuth client; that the provider refused the old one is forgotten."""
    if client_id is None and secret is None:
        return {}
    if provider.spec.sign_in is None and provider.spec.login_way is None:
        raise CommandError(f"{provider.code} has no OAuth client: users paste its credential")
    if secret == "":
        raise CommandError("The client secret on standard input is empty")
    client = {"client_id": None if client_id is None else client_id.strip(), "client_secret": secret}
    given = {name: value for name, value in client.items() if value is not None}
    return {**given, "client_refused_at": None, "client_refusal": ""}


def _row(provider: Provider) -> dict[str, Any]:
    spec = provider.spec
    return {
        "code": provider.code,
        "name": spec.name,
        "kind": spec.kind,
        "enabled": provider.enabled,
        "configured": provider.is_configured(),
    }


def _details(provider: Provider) -> dict[str, Any]:
    spec = provider.spec
    shown = {
        **_row(provider),
        "uses": spec.uses,
        "documentation": spec.docs_url,
        "base URL": spec.base_url,
        "checked": str(spec.checked),
        "source": "the admin" if provider.specification else "a provider file",
    }
    if spec.ways:
        shown["ways"] = [_way(code, one) for code, one in spec.every_way().items()]
    if spec.sign_in:
        shown |= _oauth_details(provider, spec.sign_in)
    elif spec.login_way:
        shown |= {"app": "set" if provider.app() else "not set: people give their own"}
    for one in spec.every_way().values():
        shown |= _pasting_details(one, f" ({one.way.code or 'default'})" if spec.ways else "")
    shown["services"] = [f"{one.code} ({one.name}{'' if one.default else ', on request'})" for one in spec.services]
    return {**shown, "notes": list(spec.notes)}


def _way(code: str, spec: ProviderSpec) -> str:
    called = f"{spec.way.code} ({spec.way_name})" if spec.way.code else spec.way_name
    return called if code else f"{called}, the default"


def _pasting_details(spec: ProviderSpec, where: str) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if spec.fields:
        names = [f"{one.name} ({one.label}{'' if one.required else ', optional'})" for one in spec.fields]
        shown[f"fields{where}"] = names
    if spec.is_pasted:
        shown[f"verified by{where}"] = _verified_by(spec)
    return shown


def _oauth_details(provider: Provider, spec: ProviderSpec) -> dict[str, Any]:
    oauth = spec.oauth
    assert oauth is not None  # noqa: S101 - the caller asked
    return {
        "redirect URI": redirect_uri(provider.code),
        "register at": oauth.registration_url,
        "client id": provider.client_id or "not set",
        "client secret": "set" if provider.client_secret else "not set",
        "client refused": provider.client_refusal,
        "authorize URL": oauth.authorize_url,
        "token URL": oauth.token_url,
        "revoke URL": oauth.revoke_url,
        "PKCE": oauth.pkce,
        "scopes": spec.scopes_for(),
        "extra scopes": list(provider.extra_scopes),
    }


def _verified_by(spec: ProviderSpec) -> str:
    if spec.oauth:
        return f"a token of {spec.oauth.token_url}"
    unasked = "signing in to Telegram" if spec.auth == "mtproto" else "nothing: kept as it is"
    return spec.verify.url if spec.verify else unasked


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) or "-"
