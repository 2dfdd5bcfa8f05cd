"""What an agent may know: what is connected, what each service needs, how to call it. Never a credential.

Every answer costs two reads beside the key's own, however much there is: the connections and the providers. The
summary and the context of one provider look at no more of them however large the catalogue is.
"""

import shlex
from collections.abc import Collection
from itertools import groupby, islice
from typing import Any

from apikeys.ledger import Caller
from connections import errors
from connections.models import Connection
from connections.sessions import offered_provider
from connections.times import iso
from providers import search
from providers.call import BEARER
from providers.offers import Offers
from providers.parts import Example, Send, Service
from providers.spec import ProviderSpec

MOST_AVAILABLE = 10


def _offered(caller: Caller) -> tuple[Offers, dict[str, ProviderSpec]]:
    """What the instance offers, and those of it that the caller may use, the most used first."""
    offers = Offers.read()
    return offers, {code: spec for code, spec in offers.specs().items() if caller.may_use(code)}


def _connected(caller: Caller) -> dict[str, list[Connection]]:
    mine = [row for row in Connection.objects.of(caller.user) if caller.may_use(row.provider_id)]
    return {code: list(rows) for code, rows in groupby(mine, key=lambda row: row.provider_id)}


def summary(caller: Caller) -> dict[str, Any]:
    """``GET /ai/context/summary``: at most 500 bytes with three connections."""
    mine = _connected(caller)
    connected, attention = {}, {}
    for code, rows in mine.items():
        trouble = rows[0].trouble()
        if trouble:
            attention[code] = trouble
        else:
            connected[code] = [service.code for service in rows[0].spec.ready_services(set(rows[0].scopes))]
    available, total = _available(caller, mine)
    return {
        "connected": connected,
        "attention": attention,
        "available": available,
        "availableTotal": total,
        "next": "GET /ai/context/{provider}",
    }


def _available(caller: Caller, mine: Collection[str]) -> tuple[list[str], int]:
    """The most used that could be connected, and how many there are, without looking at each of the catalogue."""
    offers = Offers.read()
    if caller.key and caller.key.providers:
        limited = set(caller.key.providers) - set(mine)
        free = [code for code in offers.by_use(limited) if offers.is_ready(code)]
        return free[:MOST_AVAILABLE], len(free)
    free = list(islice((code for code in offers.ready() if code not in mine), MOST_AVAILABLE))
    return free, offers.count_ready() - sum(offers.is_ready(code) for code in mine)


def overview(caller: Caller) -> list[dict[str, Any]]:
    """``GET /ai/context``: connected providers in full, the others by code, name and kind alone."""
    mine = _connected(caller)
    _, specs = _offered(caller)
    full = [_described(spec, mine[code]) for code, spec in specs.items() if code in mine]
    return [*full, *(_named(spec) for code, spec in specs.items() if code not in mine)]


def _named(spec: ProviderSpec) -> dict[str, Any]:
    return {"provider": spec.code, "name": spec.name, "tokenType": spec.kind, "connected": False}


def provider(caller: Caller, code: str) -> dict[str, Any]:
    """``GET /ai/context/{provider}``. Raises Forbidden, ProviderNotFound."""
    row = offered_provider(caller, code)
    return _described(row.spec, list(Connection.objects.to(code, caller.user).defer("provider__client_secret")))


def service(caller: Caller, code: str, service_code: str) -> dict[str, Any]:
    """``GET /ai/context/{provider}/{service}``. Raises Forbidden, ProviderNotFound, ServiceNotFound."""
    described = provider(caller, code)
    services = {item["service"]: item for item in described.pop("services")}
    if service_code not in services:
        raise errors.ServiceNotFound(code, service_code, services)
    return {**described, "service": services[service_code]}


def _described(offered: ProviderSpec, connections: list[Connection]) -> dict[str, Any]:
    spec = connections[0].spec if connections and connections[0].is_known() else offered.by_way("")
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
    """One connected account as agents see it. Its ``label`` is its user's own name for it, where there is one."""
    return {
        "connectionId": str(row.pk),
        "account": row.account,
        **({"label": row.label} if row.label else {}),
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
    # What a user may leave out has nothing to fill its placeholder with; the headers of a fetch hold what was given.
    left_out = [f"{{{field.name}}}" for field in spec.fields if not field.required and not field.default]
    headers = {name: value for name, value in headers.items() if not any(one in value for one in left_out)}
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


def catalogue(caller: Caller, query: str) -> list[dict[str, Any]]:
    """``GET /providers``: the enabled providers, the most used first; with a query those it finds, the best first."""
    mine = set(Connection.objects.filter(user=caller.user).values_list("provider_id", flat=True))
    offers, specs = _offered(caller)
    return [_listed(specs[code], offers, mine) for code in search.ranked(query, specs)]


def _listed(spec: ProviderSpec, offers: Offers, mine: Collection[str]) -> dict[str, Any]:
    return {
        "code": spec.code,
        "name": spec.name,
        "tokenType": spec.kind,
        "category": spec.category,
        "uses": spec.uses,
        "services": [service.code for service in spec.services],
        "configured": offers.is_ready(spec.code),
        "connected": spec.code in mine,
        "docsUrl": spec.docs_url or None,
    }
