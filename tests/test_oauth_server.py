"""The OAuth server that other tests rely on does what a strict one does."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.oauth_server.process import OAuthServer, provider_toml

pytestmark = pytest.mark.oauth_server
CALLBACK = "http://127.0.0.1:8000/oauth/callback/sandbox"
VERIFIER = "v" * 64


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OAuthServer]:
    server = OAuthServer.start(tmp_path_factory.mktemp("oauth"), redirect_uris=(CALLBACK,))
    yield server
    server.stop()


@pytest.fixture
def server(running: OAuthServer) -> OAuthServer:
    running.reset()
    return running


def authorize_url(server: OAuthServer, **changes: str) -> str:
    params = {
        "response_type": "code",
        "client_id": server.client_id,
        "redirect_uri": CALLBACK,
        "scope": "openid files.read calendar.read",
        "state": "s",
        "code_challenge": create_s256_code_challenge(VERIFIER),
        "code_challenge_method": "S256",
        **changes,
    }
    return f"{server.url}/o/authorize/?{urlencode({name: value for name, value in params.items() if value})}"


def returned(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def exchange(server: OAuthServer, code: str) -> httpx.Response:
    sent = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    return server.http.post("/o/token/", data=sent, auth=(server.client_id, server.client_secret))


def ask(server: OAuthServer, path: str, access_token: str) -> httpx.Response:
    return server.http.get(path, headers={"Authorization": f"Bearer {access_token}"})


def test_consent_may_be_narrower_than_asked_and_says_who_answers(server: OAuthServer):
    back = returned(server.consent(authorize_url(server), scopes=("openid", "files.read")))
    assert (back["iss"], back["state"]) == (server.url, "s")
    token = exchange(server, back["code"]).json()
    assert set(token["scope"].split()) == {"openid", "files.read"}
    assert ask(server, "/api/files", token["access_token"]).json()[0]["owner"] == "ada@example.test"
    assert ask(server, "/me", token["access_token"]).json()["email"] == "ada@example.test"
    server.expire(token["access_token"])
    assert ask(server, "/api/files", token["access_token"]).status_code == 401


def test_nobody_can_tick_what_was_not_asked(server: OAuthServer):
    back = returned(server.consent(authorize_url(server), scopes=("files.read", "files.write")))
    assert exchange(server, back["code"]).json()["scope"] == "files.read"


@pytest.mark.parametrize("answer", [{"allow": False}, {"scopes": ()}, {"allow": False, "scopes": ()}])
def test_a_denied_or_empty_consent_comes_back_as_an_error(server: OAuthServer, answer: dict[str, Any]):
    back = returned(server.consent(authorize_url(server), **answer))
    assert (back["error"], back["state"], back["iss"]) == ("access_denied", "s", server.url)


def test_a_wrong_password_gets_no_further_than_the_sign_in_page(server: OAuthServer):
    with pytest.raises(RuntimeError, match="/login"):
        server.consent(authorize_url(server), password="wrong")


def test_nobody_is_signed_in_without_a_page(server: OAuthServer):
    back = returned(server.consent(authorize_url(server, prompt="none")))
    assert (back["error"], back["iss"]) == ("login_required", server.url)


def test_an_unknown_redirect_uri_is_never_followed(server: OAuthServer):
    with pytest.raises(RuntimeError, match=r"^400 at .*/o/authorize/"):
        server.consent(authorize_url(server, redirect_uri="http://evil.example/"))


def test_without_iss_neither_answer_nor_metadata_speak_of_it(tmp_path: Path):
    server = OAuthServer.start(tmp_path, redirect_uris=(CALLBACK,), iss=False)
    try:
        back = returned(server.consent(authorize_url(server)))
        said = server.http.get("/.well-known/oauth-authorization-server").json()
    finally:
        server.stop()
    assert set(back) == {"code", "state"}
    assert said["authorization_response_iss_parameter_supported"] is False


def test_metadata_names_the_issuer_and_promises_iss(server: OAuthServer):
    said = server.http.get("/.well-known/oauth-authorization-server").json()
    assert (said["issuer"], said["authorization_response_iss_parameter_supported"]) == (server.url, True)


def test_the_id_token_is_signed_by_the_published_key(server: OAuthServer):
    code = returned(server.consent(authorize_url(server), username="bob@example.test"))["code"]
    id_token = exchange(server, code).json()["id_token"]
    keys = KeySet.import_key_set(server.http.get("/.well-known/jwks.json").json())
    claims = jwt.decode(id_token, keys, algorithms=["RS256"]).claims
    assert (claims["iss"], claims["aud"]) == (server.url, server.client_id)


def test_pkce_is_required(server: OAuthServer):
    back = returned(server.consent(authorize_url(server, code_challenge="", code_challenge_method="")))
    assert (back["error"], back["iss"]) == ("invalid_request", server.url)


def test_a_wrong_verifier_gets_no_token(server: OAuthServer):
    url = authorize_url(server, code_challenge=create_s256_code_challenge("w" * 64))
    assert exchange(server, returned(server.consent(url))["code"]).json()["error"] == "invalid_grant"


def test_a_used_refresh_token_is_refused_and_ends_its_family(server: OAuthServer):
    first = server.mint()["refresh_token"]
    second = server.refresh(first).json()
    assert second["refresh_token"] != first
    assert ask(server, "/api/files", second["access_token"]).status_code == 200
    assert server.refresh(first).json()["error"] == "invalid_grant"
    assert server.refresh(second["refresh_token"]).json()["error"] == "invalid_grant"
    assert ask(server, "/api/files", second["access_token"]).status_code == 401
    counted = server.counts()
    assert (counted["refresh"], counted["refresh_ok"], counted["refresh_refused"]) == (3, 1, 2)


def test_of_callers_at_once_one_is_given_a_token_and_the_family_ends(server: OAuthServer):
    token = server.mint()["refresh_token"]
    server.fault("token", "slow", seconds=0.3, times=8)
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(server.refresh, [token] * 8))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7
    given = next(answer.json() for answer in answers if answer.status_code == 200)
    assert server.refresh(given["refresh_token"]).status_code == 400
    counted = server.counts()
    assert (counted["refresh"], counted["refresh_ok"], counted["refresh_refused"]) == (9, 1, 8)
    assert counted["max_concurrent_refresh"] == 8


def test_faults_break_as_often_as_they_are_told(server: OAuthServer):
    token = server.mint()["refresh_token"]
    server.fault("token", "status", status=503, retry_after=7, times=2)
    for _ in range(2):
        broken = server.refresh(token)
        assert (broken.status_code, broken.headers["Retry-After"]) == (503, "7")
    server.fault("token", "garbage")
    assert server.refresh(token).text.startswith("<html>")
    for error in ("invalid_grant", "invalid_client"):
        server.fault("token", error)
        assert server.refresh(token).json()["error"] == error
    assert server.refresh(token).status_code == 200
    assert (server.counts()["refresh"], server.counts()["refresh_ok"]) == (6, 1)


@pytest.mark.parametrize("fault", [{"kind": "close"}, {"kind": "hang", "seconds": 0.1}])
def test_a_connection_can_end_without_an_answer(server: OAuthServer, fault: dict[str, Any]):
    token = server.mint()["refresh_token"]
    server.fault("token", **fault)
    with pytest.raises(httpx.RemoteProtocolError):
        server.refresh(token)
    assert server.refresh(token).status_code == 200


def test_a_caller_who_hung_up_is_not_counted_beside_the_next(server: OAuthServer):
    token = server.mint()["refresh_token"]
    server.fault("token", "hang", seconds=60)
    sent = {"grant_type": "refresh_token", "refresh_token": token}
    with pytest.raises(httpx.ReadTimeout):
        server.http.post("/o/token/", data=sent, auth=(server.client_id, server.client_secret), timeout=0.3)
    deadline = time.monotonic() + 20
    while server.counts()["refreshing"] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.refresh(token).status_code == 200
    assert server.counts()["max_concurrent_refresh"] == 1


@pytest.mark.parametrize("fault", [{"kind": "status"}, {"kind": "garbage"}, {"kind": "invalid_client"}])
def test_an_answer_may_be_lost_after_the_token_was_rotated(server: OAuthServer, fault: dict[str, Any]):
    token = server.mint()["refresh_token"]
    server.fault("token", after_issue=True, **fault)
    assert "access_token" not in server.refresh(token).text
    assert server.refresh(token).json()["error"] == "invalid_grant"
    assert (server.counts()["refresh_ok"], server.counts()["refresh_refused"]) == (1, 1)


def test_a_connection_may_end_after_the_token_was_rotated(server: OAuthServer):
    token = server.mint()["refresh_token"]
    server.fault("token", "close", after_issue=True)
    with pytest.raises(httpx.RemoteProtocolError):
        server.refresh(token)
    assert server.refresh(token).json()["error"] == "invalid_grant"


def test_other_endpoints_break_too(server: OAuthServer):
    minted = server.mint()
    server.fault("identity", "status", status=500)
    assert ask(server, "/me", minted["access_token"]).status_code == 500
    assert ask(server, "/me", minted["access_token"]).status_code == 200
    server.fault("revoke", "status", after_issue=True)
    sent = {"token": minted["refresh_token"]}
    lost = server.http.post("/o/revoke_token/", data=sent, auth=(server.client_id, server.client_secret))
    assert lost.status_code == 503
    assert server.refresh(minted["refresh_token"]).status_code == 400
    assert (server.counts()["identity"], server.counts()["revoke"]) == (2, 1)


def test_a_fault_that_does_not_exist_is_refused(server: OAuthServer):
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        server.fault("token", "hnag")


def test_a_minted_grant_has_its_scopes_its_lifetime_and_its_user(server: OAuthServer):
    minted = server.mint("openid", "calendar.read", username="bob@example.test", lifetime=60)
    assert minted["expires_in"] == 60
    assert ask(server, "/me", minted["access_token"]).json()["email"] == "bob@example.test"
    assert ask(server, "/api/files", minted["access_token"]).status_code == 403
    assert ask(server, "/api/files", "unknown").status_code == 401
    server.expire()
    assert ask(server, "/me", minted["access_token"]).status_code == 401
    assert set(server.refresh(minted["refresh_token"]).json()["scope"].split()) == {"openid", "calendar.read"}


def test_a_user_can_end_their_grants(server: OAuthServer):
    hers, his = server.mint(), server.mint(username="bob@example.test")
    server.revoke_grants("ada@example.test")
    assert ask(server, "/me", hers["access_token"]).status_code == 401
    assert server.refresh(hers["refresh_token"]).json()["error"] == "invalid_grant"
    assert server.refresh(his["refresh_token"]).status_code == 200


def test_its_provider_file_is_one_of_ours(server: OAuthServer):
    from providers.registry import parse

    assert parse(provider_toml(server.url), source="sandbox.toml").oauth is not None
