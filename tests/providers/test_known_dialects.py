"""The most used providers as they are spoken to, against tables that were not read from their files."""

import json
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from providers import oauth, verify
from providers.call import prepare
from providers.http import ProviderUnavailable
from providers.oauth import Client, Grant, GrantRevoked
from providers.spec import ProviderSpec
from tests.catalogue import BY_CODE
from tests.provider_http import ProviderHttp
from tests.providers.known_dialects import BASIC, SIGN_INS, Call, SignIn
from tests.providers.known_keys import PASTED, Pasted

pytestmark = pytest.mark.catalogue

OURS = Client(id="client-1", secret="secret-1")
HELD = {"access_token": "access-1", "refresh_token": "refresh-1"}
ISSUED = {"access_token": "access-1", "refresh_token": "refresh-1", "expires_in": 3600}
VERIFIER = "v" * 43

each_sign_in = pytest.mark.parametrize(("code", "known"), SIGN_INS.items(), ids=list(SIGN_INS))
each_key = pytest.mark.parametrize(("code", "known"), PASTED.items(), ids=list(PASTED))
each_end = pytest.mark.parametrize(
    ("code", "known"),
    [(code, known) for code, known in SIGN_INS.items() if known.revoked],
    ids=[code for code, known in SIGN_INS.items() if known.revoked],
)
each_revocation = pytest.mark.parametrize(
    ("code", "known"),
    [(code, known) for code, known in SIGN_INS.items() if known.revoke],
    ids=[code for code, known in SIGN_INS.items() if known.revoke],
)


def spec_of(name: str) -> ProviderSpec:
    """By the provider's code, with that of a way behind a colon."""
    code, _, way = name.partition(":")
    return BY_CODE[code].by_way(way)


def sent_in(request: httpx.Request, kind: str) -> dict[str, Any]:
    """The parameters in a request's body, which is of this kind."""
    assert request.headers["content-type"].startswith(
        {"form": "application/x-www-form-urlencoded"}.get(kind, f"application/{kind}")
    )
    return dict(json.loads(request.content) if kind == "json" else parse_qsl(request.content.decode()))


def assert_is(request: httpx.Request, due: Call) -> None:
    assert (request.method, str(request.url)) == (due.method, due.url)
    assert {name: request.headers.get(name) for name in due.headers} == due.headers
    assert not [name for name in due.without if name in request.headers]
    if due.kind:
        assert sent_in(request, due.kind).items() >= due.body.items()
    else:
        assert request.content == b""


def assert_is_token_request(request: httpx.Request, known: SignIn, params: dict[str, str]) -> None:
    """Exactly these parameters, with the client where this provider wants it."""
    assert (request.method, str(request.url)) == ("POST", known.token)
    sent = sent_in(request, known.kind)
    if known.auth == "header":
        assert request.headers["authorization"] == BASIC["Authorization"]
    else:
        assert "authorization" not in request.headers
        params = params | {"client_id": "client-1", "client_secret": "secret-1"}
    assert sent == params
    assert {name: request.headers.get(name) for name in known.token_headers} == known.token_headers


@each_sign_in
def test_where_people_are_sent(code: str, known: SignIn):
    url = oauth.authorize_url(
        spec_of(code), OURS, scopes=list(known.asked), state="state-1", verifier=VERIFIER, inputs=known.inputs
    )
    address, _, query = url.partition("?")
    sent = dict(parse_qsl(query, strict_parsing=True))
    assert address == known.authorize
    standard = {"response_type": "code", "client_id": "client-1", "state": "state-1"}
    assert sent.items() >= {**standard, "redirect_uri": oauth.redirect_uri(code), **known.params}.items()
    assert sent.get("scope") == known.scopes
    if known.pkce is not None:
        assert (sent.get("code_challenge_method") == "S256") == known.pkce


@each_sign_in
def test_how_the_code_is_traded(code: str, known: SignIn, provider_http: ProviderHttp):
    provider_http.reply("POST", known.token, json=ISSUED | known.answer)
    grant = oauth.exchange(spec_of(code), OURS, code="code-1", verifier=VERIFIER, inputs=known.inputs)
    assert (grant.access_token, grant.refresh_token) == ("access-1", "refresh-1")
    params = {"grant_type": "authorization_code", "code": "code-1", "redirect_uri": oauth.redirect_uri(code)}
    request = provider_http.requests[0]
    sends_proof = "code_verifier" in sent_in(request, known.kind)
    assert known.pkce in (None, sends_proof)
    if sends_proof:
        params["code_verifier"] = VERIFIER
    assert_is_token_request(request, known, params | known.token_params)


@each_sign_in
def test_how_it_is_refreshed(code: str, known: SignIn, provider_http: ProviderHttp):
    provider_http.reply("POST", known.token, json=ISSUED)
    oauth.renew(spec_of(code), OURS, HELD, known.inputs)
    params = {"grant_type": "refresh_token", "refresh_token": "refresh-1"}
    assert_is_token_request(provider_http.requests[0], known, params)


@each_end
def test_how_it_says_that_a_grant_is_over(code: str, known: SignIn, provider_http: ProviderHttp):
    error, status = known.revoked or ("", 0)
    provider_http.reply("POST", known.token, status=status, json={"error": error})
    with pytest.raises(GrantRevoked, match=error):
        oauth.renew(spec_of(code), OURS, HELD, known.inputs)


@each_revocation
def test_how_a_grant_is_given_back(code: str, known: SignIn, provider_http: ProviderHttp):
    due = known.revoke
    assert due is not None
    provider_http.reply(due.method, due.url, json={})
    assert oauth.revoke(spec_of(code), OURS, held=HELD, inputs=known.inputs)
    assert_is(provider_http.requests[0], due)


@each_sign_in
def test_how_it_is_called(code: str, known: SignIn, provider_http: ProviderHttp):
    spec = spec_of(code)
    grant = Grant(access_token="access-1", extra={"instanceUrl": "https://acme.my.salesforce.com"})
    provider_http.reply(known.call.method, known.call.url, status=404)
    with pytest.raises(ProviderUnavailable):
        oauth.identity(spec, grant, known.inputs)
    assert_is(provider_http.requests[0], known.call)
    call = prepare(spec, {**known.inputs, **grant.extra, "accessToken": "access-1"})
    assert (call.headers or {}).items() >= known.call.headers.items()
    assert known.base_url in ("", call.base_url)


@each_key
def test_how_a_key_is_proven_and_sent(code: str, known: Pasted, provider_http: ProviderHttp):
    spec = spec_of(code)
    provider_http.reply(known.check.method, known.check.url, json=known.answer)
    assert verify.verify(spec, known.fields).outcome == "works"
    assert_is(provider_http.requests[0], known.check)
    call = prepare(spec, known.fields)
    assert call.headers == known.headers
    assert call.query is None
    assert known.base_url in ("", call.base_url)


@each_key
def test_how_a_key_is_refused(code: str, known: Pasted, provider_http: ProviderHttp):
    provider_http.reply(known.check.method, known.check.url, status=known.refused, json={})
    assert verify.verify(spec_of(code), known.fields).outcome == "refused"


def test_each_names_the_page_that_it_was_written_from():
    pages = [known.docs for known in SIGN_INS.values()] + [known.docs for known in PASTED.values()]
    assert all(page.startswith("https://") for page in pages)
