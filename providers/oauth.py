"""OAuth 2.0 as a client: the authorization URL, exchange, refresh, revoke, identity. Authlib builds the requests.

It sees specifications and texts, never a row; what it raises says whom to ask: `GrantRevoked` the user,
`ClientRefused` the operator, `ProviderUnavailable` nobody, for it may pass.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from authlib.common.urls import add_params_to_uri, url_encode
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from django.conf import settings

from providers import http
from providers.accounts import Account as Account
from providers.accounts import identity as identity
from providers.call import basic
from providers.grants import ClientRefused as ClientRefused
from providers.grants import Grant as Grant
from providers.grants import GrantRevoked as GrantRevoked
from providers.grants import grant_in, token_document
from providers.grants import plain as plain
from providers.http import Answer, ProviderUnavailable
from providers.oauth_parts import OAuth
from providers.spec import ProviderSpec
from providers.template import fill
from providers.verify import without_secrets

FORM = "application/x-www-form-urlencoded"
EXCHANGE_TIMEOUT = 20.0
# Giving up too early loses a grant whose provider rotates, so this is long; callers wait for a third of it.
REFRESH_TIMEOUT = 30.0
REVOKE_TIMEOUT = 10.0
CODE_REFUSED = ("invalid_grant", "bad_verification_code", "invalid_code", "code_already_used")


@dataclass(frozen=True, kw_only=True, repr=False)
class Client:
    """An OAuth client at one provider: the operator's, or one that a user pasted."""

    id: str
    secret: str


def redirect_uri(code: str) -> str:
    """The provider's own redirect URI at this instance, to be registered with its OAuth client."""
    return f"{settings.AKHROT_BASE_URL}/oauth/callback/{code}"


def authorize_url(
    spec: ProviderSpec,
    client: Client,
    *,
    scopes: list[str],
    state: str,
    verifier: str,
    inputs: Mapping[str, str],
) -> str:
    """Where to send the user (RFC 6749 section 4.1.1), with PKCE S256 (RFC 7636) unless the provider refuses it."""
    oauth = _of(spec)
    params = dict(oauth.authorize_params)
    if oauth.pkce != "unsupported":
        params |= {"code_challenge": create_s256_code_challenge(verifier), "code_challenge_method": "S256"}
    if scopes:
        params[oauth.scope_param] = oauth.scope_separator.join(scopes)
    params |= {"redirect_uri": redirect_uri(spec.code), "state": state}
    url = fill(oauth.authorize_url, spec.values(dict(inputs)), url=True)
    if oauth.param_names:
        renamed = _renamed(oauth, {"response_type": "code", "client_id": client.id, **params})
        return str(add_params_to_uri(url, list(renamed.items())))
    return str(prepare_grant_uri(url, client.id, "code", **params))


def exchange(spec: ProviderSpec, client: Client, *, code: str, verifier: str, inputs: Mapping[str, str]) -> Grant:
    """Trade the authorization code for tokens (RFC 6749 section 4.1.3).

    Raises GrantRevoked (the code is refused), ClientRefused, ProviderUnavailable.
    """
    oauth = _of(spec)
    known = spec.values(dict(inputs))
    params = {"redirect_uri": redirect_uri(spec.code), "code": code, **_filled(oauth.token_params, known)}
    if oauth.pkce != "unsupported":
        params["code_verifier"] = verifier
    url = fill(oauth.token_url, known, url=True)
    answer = _post(oauth, client, url, "authorization_code", params, EXCHANGE_TIMEOUT)
    return grant_in(oauth, token_document(oauth, answer, CODE_REFUSED))


def refresh(spec: ProviderSpec, client: Client, *, refresh_token: str, inputs: Mapping[str, str]) -> Grant:
    """Ask for a new access token (RFC 6749 section 6).

    Raises GrantRevoked only when the provider says so about this refresh token; else ClientRefused or
    ProviderUnavailable.
    """
    oauth = _of(spec)
    params = {"refresh_token": refresh_token, **oauth.refresh_params}
    url = fill(oauth.refresh_url or oauth.token_url, spec.values(dict(inputs)), url=True)
    answer = _post(oauth, client, url, "refresh_token", params, REFRESH_TIMEOUT)
    return grant_in(oauth, token_document(oauth, answer, oauth.revoked_errors))


def client_grant(
    spec: ProviderSpec, *, fields: Mapping[str, str], inputs: Mapping[str, str], scopes: Sequence[str] = ()
) -> Grant:
    """Ask for an access token as the client that the user pasted (RFC 6749 section 4.4).

    Raises GrantRevoked when the provider refuses that client, which is its user's matter and never the operator's, or
    when `fields` cannot be one; else ProviderUnavailable.
    """
    oauth, given = _of(spec), {**inputs, **fields}
    client, known = _own_client(spec, given), spec.token_values(given)
    params = {oauth.scope_param: oauth.scope_separator.join(scopes), **_filled(oauth.token_params, known)}
    # Zoom calls its grant "account_credentials".
    grant_type = params.pop("grant_type", oauth.grant)
    url = fill(oauth.token_url, known, url=True)
    try:
        answer = _post(oauth, client, url, grant_type, params, REFRESH_TIMEOUT)
        document = token_document(oauth, answer, (*oauth.revoked_errors, *oauth.client_errors))
        grant = grant_in(oauth, document)
    except UnicodeError:
        # A host name that a field fills, such as one with a broken "xn--" part.
        raise GrantRevoked("the values given make no usable address") from None
    except ProviderUnavailable as error:
        # Some servers repeat in their error what they were sent.
        secrets = [
            basic(client.id, client.secret).removeprefix("Basic "),
            *(given.get(one, "") for one in spec.withheld),
        ]
        reason = without_secrets(error.reason, secrets)
        raise ProviderUnavailable(reason, error.retry_after, is_down=error.is_down) from None
    # RFC 6749 section 4.4.3: there should be no refresh token. The client itself is what asks again.
    return replace(grant, refresh_token="", ends_at=None)


def renew(spec: ProviderSpec, client: Client, held: Mapping[str, Any], inputs: Mapping[str, str]) -> Grant:
    """The next grant for what a connection has sealed, whichever grant the file names.

    `held` has ``refresh_token``, or the ``fields`` and ``scopes`` of a client that the user pasted; `client` is the
    operator's. Raises GrantRevoked, ClientRefused, ProviderUnavailable.
    """
    if _of(spec).grant == "client_credentials":
        return client_grant(spec, fields=held.get("fields", {}), inputs=inputs, scopes=held.get("scopes", ()))
    if not held.get("refresh_token"):
        raise GrantRevoked("there is no refresh token")
    grant = refresh(spec, client, refresh_token=held["refresh_token"], inputs=inputs)
    # The tokens must not be lost for a host name that is none; the one known before stays.
    misfits = spec.misfits(grant.extra)
    return replace(grant, extra={name: value for name, value in grant.extra.items() if name not in misfits})


def _own_client(spec: ProviderSpec, given: Mapping[str, str]) -> Client:
    """The client in what the user pasted. Raises GrantRevoked for what is none (RFC 6749, appendix A.1 and A.2)."""
    faults = spec.faults(dict(given))
    if faults:
        raise GrantRevoked("; ".join(faults.values()))
    if not all(value.isascii() and value.isprintable() for value in given.values()):
        raise GrantRevoked("it holds a line break or a letter that no client has")
    known = spec.token_values(dict(given))
    client_id, secret = (fill(template, known) for template in _of(spec).client or ("", ""))
    return Client(id=client_id, secret=secret)


def token_host(spec: ProviderSpec, inputs: Mapping[str, str]) -> str:
    """The host that is asked to refresh, for whoever counts the calls to it and their failures.

    Where a pasted field names it, which is sealed, the provider's code stands for all its hosts.
    """
    oauth = _of(spec)
    try:
        return urlsplit(fill(oauth.refresh_url or oauth.token_url, spec.values(dict(inputs)), url=True)).netloc
    except (KeyError, ValueError):
        return spec.code


def revoke(spec: ProviderSpec, client: Client, *, held: Mapping[str, Any], inputs: Mapping[str, str]) -> bool:
    """Give the grant back (RFC 7009 unless the file says otherwise). True if the provider agreed.

    `held` has ``access_token`` and ``refresh_token``, ``extra``, and ``fields`` where the client is the user's own.
    Raises ProviderUnavailable.
    """
    oauth, fields = _of(spec), held.get("fields", {})
    rule = oauth.revoke
    if oauth.grant == "client_credentials":
        try:
            client = _own_client(spec, {**inputs, **fields})
        except GrantRevoked:
            return False
    access_token, token = (
        held.get("access_token", ""),
        held.get("refresh_token") or held.get("access_token", ""),
    )
    ours = {"token": token, "accessToken": access_token, "clientId": client.id}
    known = spec.values({**inputs, **held.get("extra", {}), **fields, **ours})
    headers, body = {"Accept": "application/json"}, ""
    params = _filled(rule.params, known)
    url = fill(oauth.revoke_url, known, url=True)
    if rule.body == "form":
        headers["Content-Type"], body = FORM, _form(params)
    elif rule.body == "json":
        headers["Content-Type"], body = "application/json", json.dumps(params)
    if rule.client_auth == "bearer":
        headers["Authorization"] = f"Bearer {access_token}"
    elif (rule.client_auth or oauth.client_auth) == "client_secret_basic" or rule.body == "form":
        url, headers, body = ClientAuth(client.id, client.secret, rule.client_auth or oauth.client_auth).prepare(
            rule.method, url, headers, body
        )
    answer = http.request(
        rule.method, url, headers=headers, data=body.encode() if body else None, timeout=REVOKE_TIMEOUT
    )
    document = answer.json()
    refused = isinstance(document, dict) and (document.get("error") or document.get("ok") is False)
    return 200 <= answer.status < 300 and not refused


def _of(spec: ProviderSpec) -> OAuth:
    if spec.oauth is None:
        raise TypeError(f"{spec.code} is not connected by OAuth")
    return spec.oauth


def _filled(templates: Mapping[str, str], known: dict[str, str]) -> dict[str, str]:
    return {name: fill(template, known) for name, template in templates.items()}


def _renamed(oauth: OAuth, params: Mapping[str, str]) -> dict[str, str]:
    return {oauth.param_names.get(name, name): value for name, value in params.items()}


def _form(params: Mapping[str, str]) -> str:
    return str(url_encode(list(params.items())))


def _post(oauth: OAuth, client: Client, url: str, grant_type: str, params: dict[str, str], timeout: float) -> Answer:
    """The token request: parameters by the specification's names, the client authenticated as it says."""
    headers = {"Accept": "application/json", "Content-Type": FORM, **oauth.token_headers}
    body = prepare_token_request(grant_type, redirect_uri=params.pop("redirect_uri", None), **params)
    url, headers, body = ClientAuth(client.id, client.secret, oauth.client_auth).prepare("POST", url, headers, body)
    if oauth.param_names or oauth.body == "json":
        renamed = _renamed(oauth, dict(parse_qsl(body, keep_blank_values=True)))
        body = json.dumps(renamed) if oauth.body == "json" else _form(renamed)
        headers["Content-Type"] = "application/json" if oauth.body == "json" else FORM
    return http.request("POST", url, headers=headers, data=body.encode(), timeout=timeout)
