"""The OAuth server as tests hold it. Imports no Django, so that it may be started from anywhere."""

import html
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self
from urllib.parse import urljoin

import httpx

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 120.0


class OAuthServer:
    """A running server. `stop` it; until then it counts, breaks and issues as it is told.

    `http` is a client with the server's URL as its base, for a test's own requests.
    """

    client_id = "akhrot-test"
    client_secret = "akhrot-test-secret"

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.url = url
        self._process = process
        self.http = httpx.Client(base_url=url, timeout=30, trust_env=False)

    @classmethod
    def start(
        cls, data_dir: Path, *, token_lifetime: int = 3600, redirect_uris: tuple[str, ...] = (), iss: bool = True
    ) -> Self:
        """Start one with its data in `data_dir` and wait until it accepts connections."""
        data_dir.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tests.oauth_server", "--data", str(data_dir)]
        command += ["--token-lifetime", str(token_lifetime), *([] if iss else ["--no-iss"])]
        command += [part for uri in redirect_uris for part in ("--redirect-uri", uri)]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AKHROT_", "DJANGO_"))}
        # A file, since a pipe that nobody reads would fill and stop the server.
        log = data_dir / "stderr.log"
        with log.open("w") as stderr:
            process = subprocess.Popen(command, cwd=ROOT, env=kept, stdout=subprocess.PIPE, stderr=stderr, text=True)
        line = _first_line(process)
        if not line.startswith("READY "):
            _end(process)
            raise RuntimeError(f"the OAuth server did not start:\n{log.read_text()}")
        return cls(process, line.split()[1])

    def stop(self) -> None:
        """End it."""
        self.http.close()
        _end(self._process)

    def _control(self, name: str, **sent: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.http.post(f"/_control/{name}", json=sent).raise_for_status().json()
        return answer

    def counts(self) -> dict[str, int]:
        """Requests by endpoint since the last reset, ``max_concurrent_refresh``, and ``refreshing`` for now.

        ``refresh_ok`` and ``refresh_refused`` are what the server did by itself, whatever a fault made of the answer;
        a refresh that a fault answered alone is neither.
        """
        answer: dict[str, int] = self.http.get("/_control/").raise_for_status().json()
        return answer

    def reset(self) -> None:
        """Forget counts and faults."""
        self._control("reset")

    def fault(self, endpoint: str, kind: str, **options: Any) -> None:
        """Break the next `times` requests to ``token``, ``revoke`` or ``identity``.

        `kind` is ``status`` (with `status`, `retry_after`), ``hang`` and ``slow`` (with `seconds`), ``garbage``,
        ``close``, ``invalid_grant`` or ``invalid_client``. With `after_issue` the request is done first: tokens
        rotate, and only the answer is lost.
        """
        self._control("fault", endpoint=endpoint, kind=kind, **options)

    def expire(self, token: str | None = None) -> None:
        """End the time of one access token, or of all."""
        self._control("expire", **({"access_token": token} if token else {}))

    def revoke_grants(self, username: str = "ada@example.test") -> None:
        """End every grant of a user."""
        self._control("revoke-grants", username=username)

    def mint(self, *scopes: str, username: str = "ada@example.test", lifetime: int = 3600) -> dict[str, Any]:
        """A grant without the consent page: ``access_token``, ``refresh_token``, ``expires_in``."""
        return self._control("mint", username=username, scopes=scopes or ("openid", "files.read"), lifetime=lifetime)

    def allow_redirect(self, uri: str) -> None:
        """Register one more redirect URI."""
        self._control("allow-redirect", uri=uri)

    def refresh(self, refresh_token: str) -> httpx.Response:
        """What any client would send."""
        return self.http.post(
            "/o/token/",
            data={"grant_type": "refresh_token", "refresh_token": refresh_token},
            auth=(self.client_id, self.client_secret),
        )

    def consent(
        self,
        authorize_url: str,
        *,
        username: str = "ada@example.test",
        password: str | None = None,
        allow: bool = True,
        scopes: tuple[str, ...] | None = None,
    ) -> str:
        """Sign in and answer the consent page as a browser would; the redirect to the client, not followed.

        The users' own passwords are known. With `scopes`, only these stay ticked. RuntimeError where a page is wrong.
        """
        secret = password if password is not None else f"{username.partition('@')[0]}-password"
        # Certificates take long to load, and plain HTTP has no use for them.
        with httpx.Client(timeout=30, trust_env=False, verify=False) as browser:
            page = self._walk(browser, browser.get(authorize_url))
            if page.url.path == "/login":
                form = {**_hidden(page.text), "username": username, "password": secret}
                page = self._walk(browser, browser.post(page.url, data=form))
            if 'name="granted"' in page.text:
                form = {**_hidden(page.text), "granted": _ticked(page.text, scopes)}
                page = browser.post(page.url, data={**form, **({"allow": "Authorize"} if allow else {})})
        if not page.is_redirect:
            raise RuntimeError(f"{page.status_code} at {page.url}:\n{page.text}")
        return page.headers["Location"]

    def _walk(self, browser: httpx.Client, page: httpx.Response) -> httpx.Response:
        """Follow redirects as long as they stay on this server."""
        while page.is_redirect and (target := urljoin(str(page.url), page.headers["Location"])).startswith(self.url):
            page = browser.get(target)
        return page


def _first_line(process: subprocess.Popen[str]) -> str:
    killer = threading.Timer(PATIENCE, process.kill)
    killer.start()
    try:
        return process.stdout.readline() if process.stdout else ""
    finally:
        killer.cancel()


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _hidden(page: str) -> dict[str, Any]:
    fields = re.findall(r'<input type="hidden"([^>]*)>', page)
    pairs = [(re.search(r'name="([^"]*)"', one), re.search(r'value="([^"]*)"', one)) for one in fields]
    return {name[1]: html.unescape(value[1]) if value else "" for name, value in pairs if name}


def _ticked(page: str, scopes: tuple[str, ...] | None) -> list[str]:
    offered = re.findall(r'name="granted" value="([^"]*)"', page)
    return offered if scopes is None else list(scopes)


def provider_toml(server_url: str, code: str = "sandbox") -> str:
    """A provider file for the server at `server_url`."""
    return f"""
code = "{code}"
name = "Sandbox"
auth = "oauth2"
docs_url = "{server_url}"
uses = "Files and a calendar"

[oauth]
issuer = "{server_url}"
iss_required = true
authorize_url = "{server_url}/o/authorize/"
token_url = "{server_url}/o/token/"
revoke_url = "{server_url}/o/revoke_token/"
scopes = ["openid", "email", "offline_access"]
pkce = "required"
client_auth = "client_secret_basic"

[oauth.identity]
url = "{server_url}/me"
id = "sub"
label = "email"

[[services]]
code = "files"
name = "Files"
base_url = "{server_url}"
scopes = ["files.read"]

[[services.examples]]
method = "GET"
path = "/api/files"
purpose = "List files"

[[services]]
code = "calendar"
name = "Calendar"
base_url = "{server_url}"
scopes = ["calendar.read"]
"""
