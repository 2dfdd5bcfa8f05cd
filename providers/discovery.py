"""From the address of an issuer to a provider file: OpenID Connect Discovery 1.0 and RFC 8414."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from providers import http

WELL_KNOWN = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
ENDPOINTS = {
    "authorization_endpoint": "authorize_url",
    "token_endpoint": "token_url",
    "revocation_endpoint": "revoke_url",
}
REQUIRED = ("authorization_endpoint", "token_endpoint")
LISTS = (
    *("scopes_supported", "response_types_supported", "grant_types_supported", "prompt_values_supported"),
    *("token_endpoint_auth_methods_supported", "code_challenge_methods_supported"),
)
SCOPES = ("openid", "email", "profile", "offline_access")
CLIENT_AUTH = ("client_secret_basic", "client_secret_post", "none")
# What a host is called for its task, and not for whom it works.
TASKS = {"accounts", "auth", "connect", "id", "identity", "idp", "login", "oauth", "oidc", "signin", "sso", "www"}


class DiscoveryFailed(Exception):
    """No provider can be made of this issuer. The message has one line for each fault."""


@dataclass(frozen=True)
class Discovered:
    """A specification, and what its reader should know that no document says."""

    document: dict[str, Any]
    remarks: list[str]


def discover(text: str, *, code: str = "", name: str = "") -> Discovered:
    """Ask the issuer at the address `text` what it supports, and make a specification of it.

    `code` and `name` are proposed from the host where they are empty. Raises DiscoveryFailed.
    """
    issuer = checked_issuer(text)
    metadata, is_openid = _metadata(issuer)
    if faults := list(_faults(metadata, issuer)):
        raise DiscoveryFailed("\n".join(faults))
    label = proposed_name(issuer)
    head = {"code": code or proposed_code(issuer), "name": name or label, "auth": "oauth2"}
    if _is_usable(documentation := metadata.get("service_documentation")):
        head["docs_url"] = documentation
    is_openid = is_openid or "userinfo_endpoint" in metadata
    return Discovered({**head, "oauth": _oauth(metadata, is_openid)}, list(_remarks(metadata, is_openid)))


def checked_issuer(text: str) -> str:
    """The issuer that somebody typed, or pasted with its well-known path. Raises DiscoveryFailed."""
    issuer = text.strip()
    for ending in WELL_KNOWN:
        issuer = issuer.removesuffix(ending)
    if not _is_usable(issuer) or "?" in issuer:
        raise DiscoveryFailed(
            "An issuer is an address that begins with https:// and has no query (http:// only for hosts in "
            "AKHROT_ALLOW_PRIVATE_HOSTS)."
        )
    return issuer


def proposed_name(issuer: str) -> str:
    """What the issuer may be called, from its host: ``Example`` of ``https://login.example.com``."""
    host = urlsplit(issuer).hostname or ""
    if ":" in host or re.fullmatch(r"[0-9.]+", host):
        return host
    labels = host.split(".")
    while len(labels) > 2 and labels[0] in TASKS:
        labels = labels[1:]
    return labels[0].replace("-", " ").title()


def proposed_code(issuer: str) -> str:
    """The same as a code: ``example``."""
    return re.sub(r"[^a-z0-9]+", "-", proposed_name(issuer).lower()).strip("-")[:60] or "issuer"


def addresses(issuer: str) -> list[str]:
    """Where its document may be: OpenID Connect Discovery 1.0 section 4.1, then RFC 8414 sections 3.1 and 5.

    The first puts the well-known path behind that of the issuer, the second between the host and it.
    """
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    host = f"{parts.scheme}://{parts.netloc}"
    found = [f"{host}{path}{WELL_KNOWN[0]}", f"{host}{WELL_KNOWN[1]}{path}", f"{host}{WELL_KNOWN[0]}{path}"]
    return list(dict.fromkeys(found))


def _metadata(issuer: str) -> tuple[dict[str, Any], bool]:
    """The first document there is, and whether it stood where OpenID Connect has it."""
    said = []
    for url in addresses(issuer):
        try:
            answer = http.request("GET", url, headers={"Accept": "application/json"})
        except http.ProviderUnavailable as failure:
            raise DiscoveryFailed(f"{url}: {failure.reason}") from None
        document = answer.json()
        if answer.status == 200 and isinstance(document, dict):
            return document, WELL_KNOWN[0] in url
        what = f"answered {answer.status}" if answer.status != 200 else "answered something that is no JSON object"
        said.append(f"{url}: {what}")
    raise DiscoveryFailed("\n".join(["There is no discovery document:", *said]))


def _faults(metadata: Mapping[str, Any], issuer: str) -> Iterator[str]:
    # Equal sign by sign (OpenID Connect Discovery 1.0 section 4.3, RFC 8414 section 3.3): else a server could speak
    # for another one.
    if metadata.get("issuer") != issuer:
        named = _shown(metadata.get("issuer"))
        yield f"issuer: is {named} in its document, and you gave “{issuer}”. Both must be equal in every sign."
    for name in (*ENDPOINTS, "userinfo_endpoint"):
        if name not in metadata:
            if name in REQUIRED:
                yield f"{name}: is missing"
        elif not _is_usable(metadata[name]):
            yield f"{name}: must be an https address (http:// only for allowed hosts), and is {_shown(metadata[name])}"
    wrong = [name for name in LISTS if not _is_list_of_texts(metadata.get(name, []))]
    yield from (f"{name}: is no list of texts" for name in wrong)
    if not wrong:
        yield from _lacks(metadata)


def _lacks(metadata: Mapping[str, Any]) -> Iterator[str]:
    """What Akhrot needs and the issuer says it has not; what it is silent about has the standard's default."""
    if "code" not in metadata.get("response_types_supported", ["code"]):
        yield "response_types_supported: lacks “code”, the only one that Akhrot uses"
    if "authorization_code" not in metadata.get("grant_types_supported", ["authorization_code"]):
        yield "grant_types_supported: lacks “authorization_code”"
    if not _client_auth(metadata):
        offered = ", ".join(metadata["token_endpoint_auth_methods_supported"])
        yield f"token_endpoint_auth_methods_supported: has only {offered or 'nothing'}; Akhrot needs a client secret"


def _oauth(metadata: Mapping[str, Any], is_openid: bool) -> dict[str, Any]:
    table: dict[str, Any] = {"issuer": metadata["issuer"]}
    if metadata.get("authorization_response_iss_parameter_supported") is True:
        table["iss_required"] = True
    table |= {key: metadata[name] for name, key in ENDPOINTS.items() if name in metadata}
    scopes = _scopes(metadata, is_openid)
    table |= {"scopes": scopes, "pkce": _pkce(metadata), "client_auth": _client_auth(metadata)}
    # OpenID Connect Core 1.0 section 11: without this prompt a server must ignore offline_access.
    if "offline_access" in scopes and "consent" in metadata.get("prompt_values_supported", ["consent"]):
        table["authorize_params"] = {"prompt": "consent"}
    if "userinfo_endpoint" in metadata:
        table["identity"] = {"url": metadata["userinfo_endpoint"], "id": "sub", "label": "email"}
    return table


def _scopes(metadata: Mapping[str, Any], is_openid: bool) -> list[str]:
    """Those of ours that it supports. A server ignores what it does not know (OpenID Connect Core 1.0, 3.1.2.1)."""
    default = SCOPES if is_openid else ()
    return [scope for scope in SCOPES if scope in metadata.get("scopes_supported", default)]


def _pkce(metadata: Mapping[str, Any]) -> str:
    """Whoever says nothing is asked with PKCE: a server ignores parameters it does not know (RFC 6749 section 3.1)."""
    return "supported" if "S256" in metadata.get("code_challenge_methods_supported", ["S256"]) else "unsupported"


def _client_auth(metadata: Mapping[str, Any]) -> str:
    """How the client authenticates; RFC 8414 section 2 has the default."""
    offered = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    return next((method for method in CLIENT_AUTH if method in offered), "")


def _remarks(metadata: Mapping[str, Any], is_openid: bool) -> Iterator[str]:
    yield "No discovery document says where the API is: add base_url, or services with their scopes."
    if "scopes_supported" not in metadata:
        yield "It does not say which scopes it supports; look them up and correct scopes."
    elif "offline_access" not in _scopes(metadata, is_openid):
        yield "It has no scope offline_access: how it gives refresh tokens, if it does, stands in its documentation."
    if "refresh_token" not in metadata.get("grant_types_supported", ["refresh_token"]):
        yield "It does not list the grant refresh_token: users may have to connect it again whenever a token ends."
    if "userinfo_endpoint" not in metadata:
        yield "It has no userinfo endpoint: without oauth.identity, renewing a connection always asks the user."
    if "code_challenge_methods_supported" not in metadata:
        yield 'It does not speak of PKCE. If it refuses it, set pkce = "unsupported".'
    elif _pkce(metadata) == "unsupported":
        yield "It has no PKCE with S256, so that it is asked without."
    if "revocation_endpoint" not in metadata:
        yield "It has no revocation endpoint: disconnecting cannot end a grant there."


def _is_usable(value: Any) -> TypeGuard[str]:
    """Whether this is an address that Akhrot may ask, and a template without placeholders."""
    if not isinstance(value, str) or not re.fullmatch(r"https?://[^\s{}#@\\]{1,2000}", value):
        return False
    try:
        host = urlsplit(value).hostname
    except ValueError:
        return False
    return bool(host) and (value.startswith("https://") or http.is_allowed_privately(host or ""))


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _shown(value: Any) -> str:
    if isinstance(value, str) and value:
        return f"“{value[:200]}”"
    return "missing" if not value else "no text"
