"""What an agent may know: what is connected, what each service needs, how to call it. Never a credential.

Every answer costs two reads beside the key's own, however much there is: the connections and the providers.
"""

import shlex
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from apikeys.ledger import Caller
from connections import errors
from connections.models import Connection
from connections.tokens import iso
from providers import registry
from providers.call import BEARER
from providers.models import Provider
from providers.parts import Example, Send, Service
from providers.spec import ProviderSpec

MOST_AVAILABLE = 10


@dataclass(frozen=True)
class View:
    """What one caller may see: the offered providers, the most used first, and his connections by provider."""

    providers: list[Provider]
    connections: dict[str, list[Connection]]


def _view(caller: Caller) -> View:
    def allowed(code: str) -> bool:
        return caller.key is None or caller.key.allows(code)

    providers = [row for row in Provider.objects.defer("client_secret").offered() if allowed(row.code)]
    mine = [row for row in Connection.objects.of(caller.user) if allowed(row.provider_id)]
    return View(providers, {code: list(rows) for code, rows in groupby(mine, key=lambda row: row.provider_id)})


def summary(caller: Caller) -> dict[str, Any]:
    """``GET /ai/context/summary``: at most 500 bytes with three connections."""
    view = _view(caller)
    connected, attention = {}, {}
    for code, rows in view.connections.items():
        trouble = rows[0].trouble()
        if trouble:
            attention[code] = trouble
        else:
            connected[code] = [service.code for service in rows[0].spec.ready_services(set(rows[0].scopes))]
    free = [row.code for row in view.providers if row.is_configured() and row.code not in view.connections]
    return {
        "connected": connected,
        "attention": attention,
        "available": free[:MOST_AVAILABLE],
        "availableTotal": len(free),
        "next": "GET /ai/context/{provider}",
    }


def overview(caller: Caller) -> list[dict[str, Any]]:
    """``GET /ai/context``: connected providers in full, the others by code, name and kind alone."""
    view = _view(caller)
    full = [_described(row, view.connections[row.code]) for row in view.providers if row.code in view.connections]
    rest = [_named(row) for row in view.providers if row.code not in view.connections]
    return [*full, *rest]


def _named(provider: Provider) -> dict[str, Any]:
    spec = provider.spec
    return {"provider": spec.code, "name": spec.name, "tokenType": spec.kind, "connected": False}


def provider(caller: Caller, code: str) -> dict[str, Any]:
    """``GET /ai/context/{provider}``. Raises Forbidden, ProviderNotFound."""
    view = _view(caller)
    found = next((row for row in view.providers if row.code == code), None)
    if found is None:
        raise _not_offered(caller, code, view)
    return _described(found, view.connections.get(code, []))


def _not_offered(caller: Caller, code: str, view: View) -> errors.ApiError:
    if caller.key and not caller.key.allows(code) and code in registry.catalogue():
        return errors.Forbidden(f"This key may not use {code}.", hint="Its user can allow it in the dashboard.")
    return errors.ProviderNotFound(code, registry.nearest(code, [row.code for row in view.providers]))


def service(caller: Caller, code: str, service_code: str) -> dict[str, Any]:
    """``GET /ai/context/{provider}/{service}``. Raises Forbidden, ProviderNotFound, ServiceNotFound."""
    described = provider(caller, code)
    services = {item["service"]: item for item in described.pop("services")}
    if service_code not in services:
        raise errors.ServiceNotFound(code, service_code, services)
    return {**described, "service": services[service_code]}


def _described(row: Provider, connections: list[Connection]) -> dict[str, Any]:
    spec = connections[0].spec if connections and connections[0].is_known() else row.spec.by_way("")
    granted = set(connections[0].scopes) if connections else set()
    body = {"provider": spec.code}
    optional = {"docsUrl": spec.docs_url, "notes": list(spec.notes)}
    return {
        "provider": spec.code,
        "name": spec.name,
        "tokenType": spec.kind,
        "connected": bool(connections),
        "accounts": [account(connection) for connection in connections],
        "services": [_service(spec, one, granted, connected=bool(connections)) for one in spec.services],
        "getToken": errors.call("POST", "/tokens/fetch", body),
        "connect": errors.call("POST", "/oauth/sessions", body),
        **{name: value for name, value in optional.items() if value},
    }


def account(row: Connection) -> dict[str, Any]:
    """One connected account as agents see it."""
    return {
        "connectionId": str(row.pk),
        "account": row.account,
        "default": row.is_default,
        "status": str(row.status),
        "verification": str(row.verification),
        "scopes": row.scopes,
        "expiresAt": iso(row.expires_at),
    }


def _service(spec: ProviderSpec, service: Service, granted: set[str], *, connected: bool) -> dict[str, Any]:
    missing = service.missing_scopes(granted) if spec.oauth else []
    base_url = service.base_url or spec.base_url
    return {
        "service": service.code,
        "name": service.name,
        "baseUrl": base_url or None,
        "docsUrl": service.docs_url or spec.docs_url or None,
        "ready": connected and not missing,
        "missingScopes": missing,
        "examples": [_example(spec, service, example, base_url) for example in service.examples],
    }


def _example(spec: ProviderSpec, service: Service, example: Example, base_url: str) -> dict[str, Any]:
    shown = {"purpose": example.purpose, "method": example.method, "path": example.path}
    if example.method == "CALL" or not base_url:
        return shown
    return {**shown, "curl": _curl(spec, service, example, base_url)}


def _curl(spec: ProviderSpec, service: Service, example: Example, base_url: str) -> str:
    """The example as a curl line. Placeholders stay in braces; double quotes let the shell fill them."""
    send = BEARER if spec.oauth and spec.send == Send() else spec.send
    parts = ["curl -s", f"-X {example.method}" if example.method != "GET" else ""]
    if send.basic:
        parts.append(f"-u {_quoted(':'.join(send.basic))}")
    headers = {**send.headers, **spec.headers, **service.headers}
    parts += [f"-H {_quoted(f'{name}: {value}')}" for name, value in headers.items()]
    if example.body.startswith(("{", "[")) and "Content-Type" not in headers:
        parts.append('-H "Content-Type: application/json"')
    if example.body:
        parts.append(f"-d {shlex.quote(example.body)}")
    query = "&".join(f"{name}={value}" for name, value in send.query.items())
    joint = "&" if "?" in example.path else "?"
    url = base_url + example.path + (joint + query if query else "")
    return " ".join([*filter(None, parts), _globless(url)])


def _quoted(text: str) -> str:
    """In double quotes, with what the shell would expand in them escaped."""
    for sign in ("\\", '"', "$", "`"):
        text = text.replace(sign, "\\" + sign)
    return f'"{text}"'


def _globless(url: str) -> str:
    """curl expands braces and brackets in URLs itself unless told not to."""
    return f"-g {_quoted(url)}" if set(url) & set("{}[]") else _quoted(url)


def catalogue(caller: Caller, search: str) -> list[dict[str, Any]]:
    """``GET /providers``: the enabled providers, the most used first; every word of `search` must be found."""
    view = _view(caller)
    words = search.lower().split()
    return [_listed(row, view) for row in view.providers if all(word in row.spec.searched for word in words)]


def _listed(row: Provider, view: View) -> dict[str, Any]:
    spec = row.spec
    return {
        "code": spec.code,
        "name": spec.name,
        "tokenType": spec.kind,
        "category": spec.category,
        "uses": spec.uses,
        "services": [service.code for service in spec.services],
        "configured": row.is_configured(),
        "connected": spec.code in view.connections,
        "docsUrl": spec.docs_url or None,
    }
