"""The OAuth server that other tests rely on does what a strict one does."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge

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
    return httpx.post(f"{server.url}/o/token/", data=sent, auth=(server.client_id, server.client_secret))


def test_consent_may_be_narrower_than_asked_and_says_who_answers(server: OAuthServer):
    back = returned(server.consent(authorize_url(server), scopes=("openid", "files.read")))
    assert (back["iss"], back["state"]) == (server.url, "s")
    token = exchange(server, back["code"]).json()
    assert set(token["scope"].split()) == {"openid", "files.read"}
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    assert httpx.get(f"{server.url}/api/files", headers=headers).json()[0]["owner"] == "ada@example.test"
    server.expire(token["access_token"])
    assert httpx.get(f"{server.url}/api/files", headers=headers).status_code == 401


def test_a_denied_consent_comes_back_as_an_error(server: OAuthServer):
    back = returned(server.consent(authorize_url(server), allow=False))
    assert (back["error"], back["iss"]) == ("access_denied", server.url)


def test_pkce_is_required(server: OAuthServer):
    back = returned(server.consent(authorize_url(server, code_challenge="", code_challenge_method="")))
    assert back["error"] == "invalid_request"


def test_a_used_refresh_token_is_refused_and_ends_its_family(server: OAuthServer):
    first = server.mint()["refresh_token"]
    second = server.refresh(first).json()["refresh_token"]
    assert second != first
    assert server.refresh(first).json()["error"] == "invalid_grant"
    assert server.refresh(second).json()["error"] == "invalid_grant"
    assert (server.counts()["refresh"], server.counts()["refresh_ok"]) == (3, 1)


def test_faults_break_as_often_as_they_are_told(server: OAuthServer):
    token = server.mint()["refresh_token"]
    server.fault("token", "status", status=503, retry_after=7)
    server.fault("token", "close")
    broken = server.refresh(token)
    assert (broken.status_code, broken.headers["Retry-After"]) == (503, "7")
    assert server.refresh(token).status_code == 500
    assert server.refresh(token).status_code == 200


def test_an_answer_may_be_lost_after_the_token_was_rotated(server: OAuthServer):
    token = server.mint()["refresh_token"]
    server.fault("token", "status", after_issue=True)
    assert server.refresh(token).status_code == 503
    assert server.refresh(token).json()["error"] == "invalid_grant"


def test_its_provider_file_is_one_of_ours(server: OAuthServer):
    from providers.registry import parse

    assert parse(provider_toml(server.url), source="sandbox.toml").oauth is not None
