"""Several ways to connect one provider: what a file says of each, and the specification that comes of it."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal

from providers.oauth_parts import OAuth
from providers.parts import (
    Auth,
    Code,
    CredentialField,
    Input,
    Login,
    Map,
    Name,
    Part,
    Send,
    Service,
    Template,
    Url,
    Verify,
)

if TYPE_CHECKING:
    from providers.spec import ProviderSpec

# What a way leaves as the top of the file has it, unless it says something else. Everything else starts from nothing.
INHERITED = ("base_url", "headers", "maps")
REPLACED = ("auth", "login", "oauth", "inputs", "fields", "access_token", "send", "verify", "notes")


class WayName(Part):
    """What a way is called, and what it is good for."""

    code: Code | Literal[""] = ""
    """Unique in the file, of small letters, digits, `-` and `_`. Agents may send it as `method`, `connection add` takes
    it as `--way`, and connections note it."""
    name: str = ""
    """Default: that of its kind.
    What the user reads when choosing."""
    help: str = ""
    """One line below the name."""
    services: tuple[Code, ...] | None = None
    """Default: all.
    Codes of the services that this way is good for."""


class Way(WayName):
    """Another way to connect the provider than the one at the top of its file, by its own keys of the same names."""

    code: Code
    name: str
    auth: Auth
    """As at the top: `"oauth2"`, `"api_key"`, `"basic"` or `"mtproto"`."""
    login: Login = ""
    """As at the top: `"phone"`, with `auth = "mtproto"`."""
    base_url: Url = ""
    """Default: the top's.
    Where the API is by this way; a template."""
    oauth: OAuth | None = None
    """Its OAuth, as at the top; nothing of the top's holds."""
    inputs: tuple[Input, ...] = ()
    """What is asked before the redirect; nothing of the top's is."""
    fields: tuple[CredentialField, ...] = ()
    """What a user pastes; nothing of the top's is."""
    maps: dict[Name, Map] = {}
    """Default: the top's.
    Values derived from others. Given ones replace the top's as a whole."""
    access_token: str = ""
    """Default: the last secret field.
    Name of the field that is answered as `accessToken`."""
    send: Send = Send()
    """Default: OAuth tokens as `Authorization: Bearer …`, pasted credentials not at all.
    How the credential of this way travels; nothing of the top's holds."""
    headers: dict[str, Template] = {}
    """Default: the top's.
    Sent on every call beside the credential. Given ones replace the top's as a whole."""
    verify: Verify | None = None
    """The call that proves the credential of this way; the top's does not."""
    notes: tuple[str, ...] = ()
    """What surprises a caller by this way; the top's are not shown."""


def top_way(spec: "ProviderSpec") -> "ProviderSpec":
    """The way at the top of the file, by itself."""
    services = served(spec.services, spec.way.services, has_scopes=spec.oauth is not None)
    return spec.model_copy(update={"ways": (), "services": services})


def other_way(spec: "ProviderSpec", way: Way) -> "ProviderSpec":
    """One of `spec.ways` as if the file held it alone."""
    given = {name: getattr(way, name) for name in REPLACED}
    given |= {name: getattr(way, name) for name in INHERITED if name in way.model_fields_set}
    called = WayName(code=way.code, name=way.name, help=way.help, services=way.services)
    services = served(spec.services, way.services, has_scopes=way.oauth is not None)
    return spec.model_copy(update={**given, "way": called, "ways": (), "services": services})


def served(services: Iterable[Service], codes: Iterable[str] | None, *, has_scopes: bool) -> tuple[Service, ...]:
    """Those of `services` that a way is good for. Without OAuth nobody can tell what a credential may do."""
    chosen = tuple(one for one in services if codes is None or one.code in codes)
    if has_scopes:
        return chosen
    # A service without scopes stays the object it is, so that a file with one way keeps its own.
    bare = {"scopes": (), "accepts": ()}
    return tuple(one.model_copy(update=bare) if one.scopes or one.accepts else one for one in chosen)


def faults_of_ways(spec: "ProviderSpec") -> Iterator[str]:
    """What is wrong between the ways of a file; what is wrong within one is found as for a file of its own."""
    codes = [spec.way.code, *(way.code for way in spec.ways)]
    for code in sorted({code for code in codes if code and codes.count(code) > 1}):
        yield f"ways.{code}.code: is there twice"
    known = {service.code for service in spec.services}
    named = {"way": spec.way, **{f"ways.{way.code}": way for way in spec.ways}}
    for where, way in named.items():
        for code in way.services or ():
            if code not in known:
                yield f"{where}.services: there is no service {code!r}"
    if spec.first_way not in ("", *codes):
        yield f"first_way: there is no way {spec.first_way!r}"
    yield from _faults_of_services(spec)
    yield from _faults_of_sign_in(spec)


def _faults_of_services(spec: "ProviderSpec") -> Iterator[str]:
    every_way = [spec.way, *spec.ways]
    has_oauth = spec.oauth is not None or any(way.oauth for way in spec.ways)
    for service in spec.services:
        if not any(way.services is None or service.code in way.services for way in every_way):
            yield f"services.{service.code}: no way is good for it"
        if not has_oauth and (service.scopes or service.accepts):
            yield f"services.{service.code}.scopes: only OAuth has scopes"


def _faults_of_sign_in(spec: "ProviderSpec") -> Iterator[str]:
    """The operator's OAuth client and the redirect URI are the provider's, so that one way alone can use them."""
    sent = [spec.way.code] if spec.oauth and spec.oauth.grant == "authorization_code" else []
    sent += [way.code for way in spec.ways if way.oauth and way.oauth.grant == "authorization_code"]
    for code in sent[1:]:
        yield f"ways.{code}.oauth: only one way can send people to the provider"
