"""What a caller sends to a provider: the address, the headers and the query that carry the credential."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from providers.parts import Send, Service
from providers.spec import ProviderSpec
from providers.template import fill, placeholders

BEARER, UNSAID = Send(headers={"Authorization": "Bearer {accessToken}"}), Send()


@dataclass(frozen=True, repr=False)
class Call:
    """How to call the provider. Each part is None where the provider has no use for it."""

    base_url: str | None
    headers: dict[str, str] | None
    query: dict[str, str] | None

    def __repr__(self) -> str:
        # Values are credentials, and an address may hold one as well: names alone are shown.
        return f"Call(headers={sorted(self.headers or {})}, query={sorted(self.query or {})})"


def prepare(spec: ProviderSpec, values: Mapping[str, str], *, service: Service | None = None) -> Call:
    """Build the call for `spec`, at `service` if one is given.

    `values` are the fields of a pasted credential, or the inputs and kept values of a grant, and
    ``accessToken``.
    """
    known = spec.values(dict(values))
    if spec.fields and not known.get("accessToken"):
        known["accessToken"] = known.get(spec.token_field, "")
    send = BEARER if spec.auth == "oauth2" and spec.send == UNSAID else spec.send
    more = {**spec.headers, **(service.headers if service else {})}
    headers = {**_credential_headers(send, known), **_filled(more, known)}
    base_url = fill((service.base_url if service else "") or spec.base_url, known, url=True)
    return Call(base_url=base_url or None, headers=headers or None, query=_filled(send.query, known) or None)


def _credential_headers(send: Send, known: dict[str, str]) -> dict[str, str]:
    headers = _filled(send.headers, known)
    if send.basic:
        headers["Authorization"] = basic(*(fill(template, known) for template in send.basic))
    return headers


def basic(user: str, password: str) -> str:
    """The Authorization header of HTTP Basic in UTF-8 (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def _filled(templates: Mapping[str, str], known: dict[str, str]) -> dict[str, str]:
    """The templates filled; one with an empty value in it is left out (an optional field nobody gave)."""
    given = {name: tpl for name, tpl in templates.items() if all(known.get(one) for one in placeholders(tpl))}
    return {name: fill(template, known) for name, template in given.items()}
