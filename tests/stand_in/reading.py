"""What the keys of a provider file come to, worked out here once more and not by the code under test."""

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from providers.oauth_parts import Paths
from providers.parts import CredentialField, Input, Request
from providers.spec import ProviderSpec

# Signs that mean something in an address or a form, for values that may stand anywhere but in a host.
AWKWARD = "-v/1+2=%&?"


def filled(template: str, values: Mapping[str, str], *, url: bool = False) -> str:
    """`template` with its names replaced; in a URL each value is one segment, or the whole beginning."""

    def value(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0][0]
        given = values.get(found[1], "")
        if not url:
            return given
        is_whole = found.start() == 0 and template[found.end() : found.end() + 1] in ("", "/", "?")
        return given.rstrip("/") if is_whole else quote(given, safe="")

    return re.sub(r"\{\{|\}\}|\{(\w+)\}", value, template)


def all_filled(templates: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """Each of `templates` filled."""
    return {name: filled(template, values) for name, template in templates.items()}


def given_filled(templates: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """Those of `templates` filled that lack no value."""
    whole = {name: one for name, one in templates.items() if all(values.get(n) for n in re.findall(r"\{(\w+)\}", one))}
    return all_filled(whole, values)


def known(spec: ProviderSpec, given: Mapping[str, str]) -> dict[str, str]:
    """`given`, the defaults of what is empty, and what the maps make of them."""
    values = {**{one.name: one.default for one in spec.asked if one.default}, **{n: v for n, v in given.items() if v}}
    for name, rule in spec.maps.items():
        source = values.get(rule.source, "")
        after = source[source.rindex(rule.after) + len(rule.after) :] if rule.after and rule.after in source else ""
        values[name] = after if rule.after else rule.values.get(source, "")
    return values


def typed(spec: ProviderSpec) -> dict[str, str]:
    """A value for everything that a person is asked: an awkward one wherever the file lets it pass."""
    values: dict[str, str] = {}
    for one in spec.asked:
        values[one.name] = next(value for value in _candidates(one) if not _faulty(spec, one.name, value))
    return values


def _candidates(one: CredentialField | Input) -> Iterable[str]:
    if one.choices:
        return one.choices
    plain = one.name.lower()
    return [plain + AWKWARD, f"{plain}-v1", one.default, f"https://{plain}.example", one.example, "acme", "12345"]


def _faulty(spec: ProviderSpec, name: str, value: str) -> bool:
    return not value or name in spec.faults({name: value})


def kept(spec: ProviderSpec, names: Iterable[str]) -> dict[str, str]:
    """A value for each of `names` that may stand where the file uses it."""
    usable: dict[str, str] = {}
    for name in names:
        tried = [f"{name}{AWKWARD}", f"{name.lower()}-kept", f"https://{name.lower()}.example"]
        usable[name] = next(value for value in tried if not spec.misfits({name: value}))
    return usable


def paths(named: Paths) -> dict[str, str]:
    """The paths of a token answer that the file names. What it leaves out has the standard's name, not the code's."""
    said: dict[str, str] = named.model_dump(exclude_unset=True)
    return said


def scopes_asked(spec: ProviderSpec) -> list[str]:
    """All that the file's services need beside its own scopes, each once."""
    own = spec.oauth.scopes if spec.oauth else ()
    return list(dict.fromkeys([*own, *(scope for service in spec.services for scope in service.scopes)]))


def travelling(spec: ProviderSpec, values: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The headers and the query of every call."""
    send = spec.send
    headers = given_filled(send.headers, values)
    if send.basic:
        user, password = (filled(part, values) for part in send.basic)
        headers["Authorization"] = basic(user, password)
    if spec.auth == "oauth2" and not (send.headers or send.basic or send.query):
        headers["Authorization"] = f"Bearer {values['accessToken']}"
    return headers | given_filled(spec.headers, values), given_filled(send.query, values)


def basic(user: str, password: str) -> str:
    """The header of HTTP Basic."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def document(leaves: Mapping[str, Any]) -> Any:
    """The JSON document with these values at these paths."""
    made: dict[str, Any] = {}
    for path, value in leaves.items():
        *steps, last = path.split(".")
        place = made
        for step in steps:
            place = place.setdefault(step, {})
        place[last] = value
    return _with_lists(made)


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {step: _with_lists(one) for step, one in value.items()}
    if not inner or not all(step.isdigit() for step in inner):
        return inner
    return [inner.get(str(place), {}) for place in range(max(map(int, inner)) + 1)]


def account_leaves(asked: Request) -> dict[str, Any]:
    """An answer that `asked` is met by, as values by path."""
    paths = [*asked.present, *asked.id, *asked.label]
    named = {path: f"the {path}" for path in paths if not any(other.startswith(f"{path}.") for other in paths)}
    return {**named, **asked.expect}


def account(asked: Request) -> tuple[str, str]:
    """Id and label of the account in that answer."""
    leaves = account_leaves(asked)
    return ":".join(str(leaves[path]) for path in asked.id), str(leaves[asked.label[0]]) if asked.label else ""
