"""The request to a token endpoint, in whatever form a provider wants it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl

from authlib.common.urls import add_params_to_uri, url_encode
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_token_request

from providers import http
from providers.http import Answer
from providers.oauth_parts import OAuth

FORM = "application/x-www-form-urlencoded"
Method = Literal["GET", "POST"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Client:
    """An OAuth client at one provider: the operator's, or one that a user pasted."""

    id: str
    secret: str


def ask(
    oauth: OAuth,
    client: Client,
    url: str,
    grant_type: str,
    params: dict[str, str],
    timeout: float,
    *,
    method: Method | None = None,
) -> Answer:
    """The token request: parameters by the specification's names, the client authenticated as it says.

    A ``grant_type`` in `params` takes the place of the usual one (Zoom's "account_credentials").
    """
    headers = {"Accept": "application/json", "Content-Type": FORM, **oauth.token_headers}
    sent = {name: value for name, value in params.items() if name not in ("grant_type", "redirect_uri")}
    body = prepare_token_request(params.get("grant_type", grant_type), redirect_uri=params.get("redirect_uri"), **sent)
    url, headers, body = ClientAuth(client.id, client.secret, oauth.client_auth).prepare("POST", url, headers, body)
    method = method or oauth.token_method
    if oauth.param_names or oauth.body == "json" or method == "GET":
        pairs = renamed(oauth, dict(parse_qsl(body, keep_blank_values=True)))
        if method == "GET":
            return _get(url, pairs, headers, timeout)
        body = json.dumps(pairs) if oauth.body == "json" else form(pairs)
        headers["Content-Type"] = "application/json" if oauth.body == "json" else FORM
    return http.request("POST", url, headers=headers, data=body.encode(), timeout=timeout)


def ask_plainly(oauth: OAuth, method: Method, url: str, params: Mapping[str, str], timeout: float) -> Answer:
    """A request for a token with these parameters and nothing else."""
    headers = {"Accept": "application/json", "Content-Type": FORM, **oauth.token_headers}
    if method == "GET":
        return _get(url, params, headers, timeout)
    return http.request("POST", url, headers=headers, data=form(params).encode(), timeout=timeout)


def secrets_for(client: Client, known: dict[str, str], *, access_token: str) -> dict[str, str]:
    """What the templates of a plain request may name."""
    return {**known, "accessToken": access_token, "clientId": client.id, "clientSecret": client.secret}


def renamed(oauth: OAuth, params: Mapping[str, str]) -> dict[str, str]:
    """The parameters by the provider's names for them."""
    return {oauth.param_names.get(name, name): value for name, value in params.items()}


def form(params: Mapping[str, str]) -> str:
    """The parameters as a form's body."""
    return str(url_encode(list(params.items())))


def _get(url: str, params: Mapping[str, str], headers: dict[str, str], timeout: float) -> Answer:
    bare = {name: value for name, value in headers.items() if name != "Content-Type"}
    return http.request("GET", str(add_params_to_uri(url, list(params.items()))), headers=bare, timeout=timeout)
