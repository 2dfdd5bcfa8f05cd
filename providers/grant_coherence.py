"""What is wrong with a provider file beyond what each of its tables says by itself: what keys mean to each other."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from providers import hosts
from providers.oauth_parts import After, OAuth, Second
from providers.places import templates
from providers.template import placeholders

if TYPE_CHECKING:
    from providers.spec import ProviderSpec

# Keys of [oauth.after] that speak of a list.
OF_A_LIST = ("distinct", "missing", "noun", "only")
# Filled before anything was answered, or with nothing that was.
BEFORE_ANSWERS = (
    *("oauth.authorize_url", "oauth.token_url", "oauth.refresh_url", "oauth.token_params.", "oauth.refresh_params."),
    "oauth.exchange.",
)
# Keys that speak of a refresh token.
OF_REFRESH_TOKENS = ("refresh_lifetime", "rotates")
PLAIN_REQUEST = {"accessToken", "clientId", "clientSecret"}
BEFORE_CHOICES = (*BEFORE_ANSWERS, "oauth.identity.", "oauth.after.")


def faults(spec: "ProviderSpec") -> Iterator[str]:
    """Each fault as "key: what is wrong with it"."""
    yield from _of_kept_names(spec)
    yield from _of_addresses(spec)
    if spec.oauth:
        yield from _of_requests(spec.oauth)
        yield from _of_refreshing(spec.oauth)
    if spec.oauth and spec.oauth.after:
        yield from _of_after(spec, spec.oauth.after)
    if spec.oauth and spec.oauth.second:
        yield from _of_second(spec, spec.oauth, spec.oauth.second)


def _of_kept_names(spec: "ProviderSpec") -> Iterator[str]:
    """No two values may have one name, and none may be used before it is known."""
    if spec.oauth is None:
        return
    tables = _kept_tables(spec.oauth)
    taken = {one.name: "fields or inputs" for one in spec.asked} | dict.fromkeys(spec.maps, "maps")
    for where, names in tables.items():
        for name in names:
            if name in taken:
                yield f"{where}.{name}: has the name of another value, in {taken[name]}"
            taken[name] = where
    chosen = set(tables["oauth.after.keep"])
    for where, template in templates(spec):
        if where.startswith(BEFORE_CHOICES):
            early = _with_maps(spec, set(spec.kept_names) if where.startswith(BEFORE_ANSWERS) else chosen)
            for name in sorted(placeholders(template) & early):
                yield f"{where}: uses {{{name}}}, which is not known yet at that time"


def _kept_tables(rule: OAuth) -> dict[str, tuple[str, ...]]:
    after = tuple(rule.after.keep) if rule.after else ()
    return {
        "oauth.keep": tuple(rule.keep),
        "oauth.callback_keep": tuple(rule.callback_keep),
        "oauth.after.keep": after,
        "oauth.second": (rule.second.name, f"{rule.second.name}ExpiresAt") if rule.second else (),
    }


def _with_maps(spec: "ProviderSpec", names: set[str]) -> set[str]:
    return names | {name for name, rule in spec.maps.items() if rule.source in names}


def _of_addresses(spec: "ProviderSpec") -> Iterator[str]:
    """A host is the file's to name. What people type decides parts of it, or the whole where the file says so."""
    for where, template in templates(spec):
        if where.endswith("url") and "@" in template.partition("//")[2].partition("/")[0]:
            yield f"{where}: no user name stands in an address"
    for name, found in spec.in_hosts.items():
        for use in sorted(found):
            yield from _of_host(spec, name, use)


def _of_host(spec: "ProviderSpec", name: str, use: hosts.Use) -> Iterator[str]:
    rule = spec.maps.get(name)
    if rule:
        for one in rule.values.values():
            if not hosts.fits(one, use):
                yield f"maps.{name}.values: {one!r} is not {hosts.SAID[use]}"
        if rule.after and use != "part":
            yield f"maps.{name}: what it cuts out of a value must not decide which host is asked"
    elif spec.oauth and name in spec.oauth.callback_keep and use != "part":
        yield f"oauth.callback_keep.{name}: comes through the browser, and must not decide which host is asked"
    else:
        yield from _of_typed(spec, name, use)


def _of_typed(spec: "ProviderSpec", name: str, use: hosts.Use) -> Iterator[str]:
    place = "inputs" if any(one.name == name for one in spec.inputs) else "fields"
    for one in (one for one in spec.asked if one.name == name):
        if one.choices:
            for choice in one.choices:
                if not hosts.fits(choice, use):
                    yield f"{place}.{name}.choices: {choice!r} is not {hosts.SAID[use]}"
        elif use != "part" and not one.self_hosted:
            yield f"{place}.{name}: would decide which host is asked: give choices, or self_hosted = true"
        elif one.pattern and (wide := hosts.too_wide(one.pattern, use, one.example)):
            yield f"{place}.{name}.pattern: lets {wide!r} pass, which is not {hosts.SAID[use]}"


def _of_requests(rule: OAuth) -> Iterator[str]:
    if rule.body == "json" and "GET" in (rule.token_method, rule.refresh_method):
        yield 'oauth.body: "json" has no meaning for a request by GET'
    if rule.exchange and not any("accessToken" in placeholders(one) for one in rule.exchange.params.values()):
        yield "oauth.exchange.params: must send {accessToken}, the token to exchange"
    shown = rule.revoke.client_auth or rule.client_auth
    if rule.revoke_url and rule.revoke.body != "form" and shown == "client_secret_post":
        yield 'oauth.revoke.client_auth: "client_secret_post" needs body = "form" to stand in'


def _of_refreshing(rule: OAuth) -> Iterator[str]:
    used = {name for one in rule.refresh_params.values() for name in placeholders(one)}
    if rule.refresh_with == "refresh_token":
        for name in sorted(used & PLAIN_REQUEST):
            yield f'oauth.refresh_params: uses {{{name}}}, which it may with refresh_with = "access_token" alone'
        return
    if not rule.refresh_url:
        yield 'oauth.refresh_url: refresh_with = "access_token" needs it'
    if "accessToken" not in used:
        yield 'oauth.refresh_params: refresh_with = "access_token" must send {accessToken}'
    for key in sorted(rule.model_fields_set.intersection(OF_REFRESH_TOKENS)):
        yield f'oauth.{key}: has no meaning with refresh_with = "access_token"'
    for key in sorted(key for key in rule.answer.model_fields_set if key.startswith("refresh_")):
        yield f'oauth.answer.{key}: has no meaning with refresh_with = "access_token"'


def _of_second(spec: "ProviderSpec", rule: OAuth, second: Second) -> Iterator[str]:
    if second.scope_param == rule.scope_param:
        yield "oauth.second.scope_param: is that of the first token"
    if second.scope_param in rule.authorize_params:
        yield f"oauth.authorize_params.{second.scope_param}: is what oauth.second sends"
    scopes = [*rule.scopes, *(scope for service in spec.services for scope in service.scopes)]
    if not any(scope.startswith(second.prefix) for scope in scopes):
        yield "oauth.second.prefix: no scope of the file begins with it"


def _of_after(spec: "ProviderSpec", rule: After) -> Iterator[str]:
    if not rule.keep:
        yield "oauth.after.keep: names nothing to keep"
    if rule.list is None:
        for key in sorted(rule.model_fields_set.intersection(OF_A_LIST)):
            yield f"oauth.after.{key}: has no meaning without oauth.after.list"
    elif not rule.id:
        yield "oauth.after.id: is needed to tell the items of a list apart"
    used = {name for where, url in templates(spec) if where.endswith("url") for name in placeholders(url)}
    if not rule.required and used & _with_maps(spec, set(rule.keep)):
        yield "oauth.after.required: must stay true where an address is made of what is kept"
