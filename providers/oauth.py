"""OAuth 2.0 as a client: the authorization URL, exchange, refresh, revoke, identity. Authlib builds the requests.

It sees specifications and texts, never a row; what it raises says whom to ask: `GrantRevoked` the user,
`ClientRefused` the operator, `ProviderUnavailable` nobody, for it may pass.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from django.conf import settings

from providers import http, token_request
from providers.accounts import Account as Account
from providers.accounts import identity as identity
from providers.call import basic
from providers.grants import ClientRefused as ClientRefused
from providers.grants import Grant as Grant
from providers.grants import GrantRevoked as GrantRevoked
from providers.grants import grant_in, token_document
from providers.grants import plain as plain
from providers.http import ProviderUnavailable
from providers.oauth_parts import OAuth
from providers.spec import ProviderSpec
from providers.template import fill
from providers.token_request import FORM, form, renamed
from providers.token_request import Client as Client
from providers.verify import without_secrets

EXCHANGE_TIMEOUT = 20.0
# Giving up too early loses a grant whose provider rotates, so this is long; callers wait for a third of it.
REFRESH_TIMEOUT = 30.0
REVOKE_TIMEOUT = 10.0
CODE_REFUSED = ("invalid_grant", "bad_verification_code", "invalid_code", "code_already_used")


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
    params |= _scope_params(oauth, scopes)
    params |= {"redirect_uri": redirect_uri(spec.code), "state": state}
    url = fill(oauth.authorize_url, spec.values(dict(inputs)), url=True)
    if oauth.param_names:
        sent = renamed(oauth, {"response_type": "code", "client_id": client.id, **params})
        return str(add_params_to_uri(url, list(sent.items())))
    return str(prepare_grant_uri(url, client.id, "code", **params))


def _scope_params(oauth: OAuth, scopes: list[str]) -> dict[str, str]:
    """The scopes by the parameters that ask for them: those of a second token have one of their own."""
    rule = oauth.second
    seconds = [scope for scope in scopes if rule and scope.startswith(rule.prefix)]
    firsts = [scope for scope in scopes if scope not in seconds]
    params = {oauth.scope_param: oauth.scope_separator.join(firsts)} if firsts else {}
    if rule and seconds:
        params[rule.scope_param] = oauth.scope_separator.join(scope.removeprefix(rule.prefix) for scope in seconds)
    return params


def exchange(spec: ProviderSpec, client: Client, *, code: str, verifier: str, inputs: Mapping[str, str]) -> Grant:
    """Trade the authorization code for tokens (RFC 6749 section 4.1.3), and those for longer ones where there are.

    Raises GrantRevoked (the code is refused), ClientRefused, ProviderUnavailable.
    """
    oauth = _of(spec)
    known = spec.values(dict(inputs))
    params = {"redirect_uri": redirect_uri(spec.code), "code": code, **_filled(oauth.token_params, known)}
    if oauth.pkce != "unsupported":
        params["code_verifier"] = verifier
    url = fill(oauth.token_url, known, url=True)
    answer = token_request.ask(oauth, client, url, "authorization_code", params, EXCHANGE_TIMEOUT)
    grant = grant_in(oauth, token_document(oauth, answer, CODE_REFUSED))
    return _lengthened(oauth, client, grant, known) if oauth.exchange else grant


def _lengthened(oauth: OAuth, client: Client, short: Grant, known: dict[str, str]) -> Grant:
    """The grant that the exchange gives for a short one; what it does not say again stays."""
    rule = oauth.exchange
    assert rule is not None  # noqa: S101
    values = token_request.secrets_for(client, known, access_token=short.access_token)
    url = fill(rule.url, known, url=True)
    answer = token_request.ask_plainly(oauth, rule.method, url, _filled(rule.params, values), EXCHANGE_TIMEOUT)
    long = grant_in(oauth, token_document(oauth, answer, oauth.revoked_errors), rule.answer)
    return replace(
        long,
        refresh_token=long.refresh_token or short.refresh_token,
        scopes=short.scopes if long.scopes is None else long.scopes,
        extra={**short.extra, **long.extra},
        ends_at=long.ends_at or short.ends_at,
    )


def refresh(spec: ProviderSpec, client: Client, *, refresh_token: str, inputs: Mapping[str, str]) -> Grant:
    """Ask for a new access token (RFC 6749 section 6).

    Raises GrantRevoked only when the provider says so about this refresh token; else ClientRefused or
    ProviderUnavailable.
    """
    oauth, known = _of(spec), spec.values(dict(inputs))
    params = {"refresh_token": refresh_token, **_filled(oauth.refresh_params, known)}
    url, method = fill(oauth.refresh_url or oauth.token_url, known, url=True), oauth.refresh_method
    answer = token_request.ask(oauth, client, url, "refresh_token", params, REFRESH_TIMEOUT, method=method)
    return grant_in(oauth, token_document(oauth, answer, oauth.revoked_errors))


def refresh_by_access_token(
    spec: ProviderSpec, client: Client, *, access_token: str, inputs: Mapping[str, str]
) -> Grant:
    """Trade an access token that lives for the next one, where there is no refresh token. Raises as `refresh` does."""
    oauth, known = _of(spec), spec.values(dict(inputs))
    values = token_request.secrets_for(client, known, access_token=access_token)
    method, url = oauth.refresh_method or oauth.token_method, fill(oauth.refresh_url, known, url=True)
    answer = token_request.ask_plainly(oauth, method, url, _filled(oauth.refresh_params, values), REFRESH_TIMEOUT)
    document = token_document(oauth, answer, oauth.revoked_errors)
    paths = oauth.exchange.answer if oauth.exchange else None
    return replace(grant_in(oauth, document, paths), refresh_token="", ends_at=None)


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
    url = fill(oauth.token_url, known, url=True)
    try:
        answer = token_request.ask(oauth, client, url, oauth.grant, params, REFRESH_TIMEOUT)
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

    `held` has ``refresh_token``, or ``access_token`` where that is traded, or the ``fields`` and ``scopes`` of a client
    that the user pasted; `client` is the operator's. Raises GrantRevoked, ClientRefused, ProviderUnavailable.
    """
    if _of(spec).grant == "client_credentials":
        return client_grant(spec, fields=held.get("fields", {}), inputs=inputs, scopes=held.get("scopes", ()))
    if not can_renew(spec, held):
        raise GrantRevoked("there is no refresh token")
    if _of(spec).refresh_with == "access_token":
        grant = refresh_by_access_token(spec, client, access_token=held["access_token"], inputs=inputs)
    else:
        grant = refresh(spec, client, refresh_token=held["refresh_token"], inputs=inputs)
    # The tokens must not be lost for a host name that is none; the one known before stays.
    misfits = spec.misfits(grant.extra)
    return replace(grant, extra={name: value for name, value in grant.extra.items() if name not in misfits})


def can_renew(spec: ProviderSpec, held: Mapping[str, Any]) -> bool:
    """Whether there is something in `held` that `renew` can ask with."""
    by_token = spec.oauth is not None and spec.oauth.refresh_with == "access_token"
    return bool(held.get("access_token" if by_token else "refresh_token")) or "fields" in held


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


def each_token(spec: ProviderSpec, held: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What has to be revoked by itself: `held`, and a second token in it where revoking ends one alone."""
    rule = _of(spec)
    second = held.get("extra", {}).get(rule.second.name) if rule.second else None
    return [held, {"access_token": second}] if second and rule.revoke.ends == "token" else [held]


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
        headers["Content-Type"], body = FORM, form(params)
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
