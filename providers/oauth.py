"""OAuth 2.0 as a client: the authorization URL, exchange, refresh, revoke, identity. Authlib builds the requests.

It sees specifications and texts, never a row; what it raises says whom to ask: `GrantRevoked` the user,
`ClientRefused` the operator, `ProviderUnavailable` nobody, for it may pass.
"""

import contextlib
import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from authlib.common.urls import add_params_to_uri, url_encode
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from django.conf import settings
from django.utils import timezone

from providers import http
from providers.http import Answer, ProviderUnavailable
from providers.parts import OAuth, Request
from providers.spec import ProviderSpec
from providers.template import fill, look_up

FORM = "application/x-www-form-urlencoded"
EXCHANGE_TIMEOUT = 20.0
# Giving up too early loses a grant whose provider rotates, so this is long; callers wait for a third of it.
REFRESH_TIMEOUT = 30.0
REVOKE_TIMEOUT = 10.0
CODE_REFUSED = ("invalid_grant", "bad_verification_code", "invalid_code", "code_already_used")
SHOWN = 120
LONGEST_LIFE = 10 * 365 * 86_400


class GrantRevoked(Exception):
    """The provider refuses this grant for good: the user must consent again. `reason` is fit to be shown."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ClientRefused(ProviderUnavailable):
    """The provider refuses our OAuth client: a matter for the operator. The grant is not to blame and stays."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Client:
    """The operator's OAuth client at one provider."""

    id: str
    secret: str


@dataclass(frozen=True, kw_only=True, repr=False)
class Grant:
    """What a token endpoint issued. `scopes` is None where it did not say, `refresh_token` empty where none came.

    `expires_at` is the access token's end, `ends_at` the refresh token's, where they are known.
    """

    access_token: str
    refresh_token: str = ""
    expires_at: dt.datetime | None = None
    ends_at: dt.datetime | None = None
    scopes: list[str] | None = None
    extra: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """As text, to be sealed."""
        return json.dumps(self.__dict__, default=dt.datetime.isoformat)

    @classmethod
    def from_json(cls, text: str) -> "Grant":
        """What `to_json` wrote."""
        held = json.loads(text)
        ends = {name: dt.datetime.fromisoformat(held[name]) for name in ("expires_at", "ends_at") if held.get(name)}
        return cls(**{**held, **ends})


@dataclass(frozen=True, kw_only=True)
class Account:
    """Whose grant it is: the provider's stable id and a label for people, both empty where it does not tell."""

    id: str = ""
    label: str = ""


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
    params = {"redirect_uri": redirect_uri(spec.code), "code": code, **oauth.token_params}
    if oauth.pkce != "unsupported":
        params["code_verifier"] = verifier
    url = fill(oauth.token_url, spec.values(dict(inputs)), url=True)
    answer = _post(oauth, client, url, "authorization_code", params, EXCHANGE_TIMEOUT)
    return _grant(oauth, _token_document(oauth, answer, CODE_REFUSED))


def refresh(spec: ProviderSpec, client: Client, *, refresh_token: str, inputs: Mapping[str, str]) -> Grant:
    """Ask for a new access token (RFC 6749 section 6).

    Raises GrantRevoked only when the provider says so about this refresh token; else ClientRefused or
    ProviderUnavailable.
    """
    oauth = _of(spec)
    params = {"refresh_token": refresh_token, **oauth.refresh_params}
    url = fill(oauth.refresh_url or oauth.token_url, spec.values(dict(inputs)), url=True)
    answer = _post(oauth, client, url, "refresh_token", params, REFRESH_TIMEOUT)
    return _grant(oauth, _token_document(oauth, answer, oauth.revoked_errors))


def token_host(spec: ProviderSpec, inputs: Mapping[str, str]) -> str:
    """The host that is asked to refresh, for whoever counts the calls to it and their failures."""
    oauth = _of(spec)
    return urlsplit(fill(oauth.refresh_url or oauth.token_url, spec.values(dict(inputs)), url=True)).netloc


def revoke(spec: ProviderSpec, client: Client, *, held: Mapping[str, Any], inputs: Mapping[str, str]) -> bool:
    """Give the grant back (RFC 7009 unless the file says otherwise). True if the provider agreed.

    `held` has ``access_token`` and ``refresh_token``. Raises ProviderUnavailable.
    """
    oauth = _of(spec)
    rule = oauth.revoke
    access_token, token = (
        held.get("access_token", ""),
        held.get("refresh_token") or held.get("access_token", ""),
    )
    known = spec.values({**inputs, "token": token, "accessToken": access_token, "clientId": client.id})
    headers, body = {"Accept": "application/json"}, ""
    params = {name: fill(template, known) for name, template in rule.params.items()}
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


def identity(spec: ProviderSpec, grant: Grant, inputs: Mapping[str, str]) -> Account:
    """Whose grant it is, by the provider's identity call; an empty Account where it has none.

    Raises ProviderUnavailable when the call does not succeed: a connection without its owner's id would defeat the
    check that renewing does not swap accounts.
    """
    asked = _of(spec).identity
    if asked is None:
        return Account()
    values = spec.values({**inputs, **grant.extra, "accessToken": grant.access_token})
    answer = _ask(asked, values, f"Bearer {grant.access_token}")
    document = answer.json()
    if not asked.is_met_by(answer.status, document):
        raise ProviderUnavailable(f"{spec.name} did not say whose account it is (status {answer.status})")
    account_id, label = asked.account(document)
    if asked.id and not account_id:
        raise ProviderUnavailable(f"{spec.name} did not say whose account it is (no id in its answer)")
    return Account(id=account_id[:255], label=label[:255])


def _ask(asked: Request, values: dict[str, str], authorization: str) -> Answer:
    headers = {"Accept": "application/json", "Authorization": authorization}
    headers |= {name: fill(template, values) for name, template in asked.headers.items()}
    body = None
    if asked.json_body is not None:
        headers["Content-Type"], body = "application/json", json.dumps(asked.json_body).encode()
    return http.request(asked.method, fill(asked.url, values, url=True), headers=headers, data=body)


def _of(spec: ProviderSpec) -> OAuth:
    if spec.oauth is None:
        raise TypeError(f"{spec.code} is not connected by OAuth")
    return spec.oauth


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


def _token_document(oauth: OAuth, answer: Answer, revoked: tuple[str, ...]) -> dict[str, Any]:
    """The token answer, or the error it means: by its ``error`` field first and the status second."""
    document = answer.json()
    if document is None:
        document = dict(parse_qsl(answer.body.decode("utf-8", "replace"))) or None
    error = document.get("error") if isinstance(document, dict) else None
    if isinstance(error, str) and answer.status < 500 and answer.status != 429:
        if error in revoked:
            raise GrantRevoked(plain(error))
        if error in oauth.client_errors:
            raise ClientRefused(plain(error))
    if error or not 200 <= answer.status < 300 or not isinstance(document, dict):
        said = plain(error) if isinstance(error, str) else "no token"
        reason = f"the token endpoint answered {answer.status}: {said}"
        raise ProviderUnavailable(reason, answer.retry_after(), is_down=answer.status >= 500)
    return document


def plain(error: str) -> str:
    """The provider's error code for people: letters, digits and a few signs, never a long text of its own."""
    return "".join(sign for sign in error[:SHOWN] if sign.isalnum() or sign in "_-. ")


def _grant(oauth: OAuth, document: dict[str, Any]) -> Grant:
    access_token = look_up(document, oauth.answer.get("access_token", "access_token"))
    if not isinstance(access_token, str) or not access_token:
        raise ProviderUnavailable("the token endpoint answered no access token")
    refresh_token = look_up(document, oauth.answer.get("refresh_token", "refresh_token"))
    scope = look_up(document, oauth.answer.get("scope", "scope"))
    kept = {name: look_up(document, path) for name, path in oauth.keep.items()}
    return Grant(
        access_token=access_token,
        refresh_token=refresh_token if isinstance(refresh_token, str) else "",
        expires_at=_ends(document, oauth.answer.get("expires_in", "expires_in"), oauth.lifetime),
        ends_at=_ends(document, oauth.answer.get("refresh_expires_in", "refresh_token_expires_in")),
        scopes=_scopes(scope),
        extra={name: str(value) for name, value in kept.items() if value not in (None, "")},
    )


def _scopes(scope: Any) -> list[str] | None:
    """The granted scopes. Providers that ask with spaces answer with commas (GitHub), so both part them."""
    if isinstance(scope, list):
        return [str(one) for one in scope]
    return scope.replace(",", " ").split() if isinstance(scope, str) else None


def _ends(document: dict[str, Any], path: str, lifetime: float | None = None) -> dt.datetime | None:
    """When a token ends: the answer's seconds at `path`, else the file's `lifetime`, else never."""
    seconds = look_up(document, path)
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        lifetime = float(seconds) if seconds not in (None, "") and not isinstance(seconds, bool) else lifetime
    # What is not a number at all (JSON's NaN, as Python reads it) fails both comparisons.
    if lifetime is None or not 0 < lifetime <= LONGEST_LIFE:
        return None
    return timezone.now() + dt.timedelta(seconds=lifetime)
