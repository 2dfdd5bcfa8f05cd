"""Every place of a provider file where a template stands."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from providers.spec import ProviderSpec


def templates(spec: "ProviderSpec") -> Iterator[tuple[str, str]]:
    """Every template of the file by its key; addresses are those whose key ends with "url"."""
    yield "base_url", spec.base_url
    for service in spec.services:
        yield f"services.{service.code}.base_url", service.base_url
        yield from _each(f"services.{service.code}.headers", service.headers)
    yield from _each("headers", spec.headers)
    yield from _each("send.headers", spec.send.headers)
    yield from _each("send.query", spec.send.query)
    for part in spec.send.basic or ():
        yield "send.basic", part
    if spec.verify:
        yield "verify.url", spec.verify.url
        yield from _each("verify.headers", spec.verify.headers)
    if spec.oauth:
        for name in ("authorize_url", "token_url", "refresh_url", "revoke_url"):
            yield f"oauth.{name}", getattr(spec.oauth, name)
        for part in spec.oauth.client or ():
            yield "oauth.client", part
        yield from _each("oauth.token_params", spec.oauth.token_params)
        yield from _each("oauth.refresh_params", spec.oauth.refresh_params)
        if spec.oauth.exchange:
            yield "oauth.exchange.url", spec.oauth.exchange.url
            yield from _each("oauth.exchange.params", spec.oauth.exchange.params)
        yield from _each("oauth.revoke.params", spec.oauth.revoke.params)
        for name, asked in (("identity", spec.oauth.identity), ("after", spec.oauth.after)):
            if asked:
                yield f"oauth.{name}.url", asked.url
                yield from _each(f"oauth.{name}.headers", asked.headers)


def _each(where: str, templates: dict[str, str]) -> Iterator[tuple[str, str]]:
    return ((f"{where}.{name}", template) for name, template in templates.items())
