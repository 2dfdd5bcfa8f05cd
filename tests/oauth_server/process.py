"""The OAuth server as tests hold it. Imports no Django, so that it may be started from anywhere."""

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
    """A running server. `stop` it; until then it counts, breaks and issues as it is told."""

    client_id = "akhrot-test"
    client_secret = "akhrot-test-secret"

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.url = url
        self._process = process
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False)

    @classmethod
    def start(
        cls, data_dir: Path, *, token_lifetime: int = 3600, redirect_uris: tuple[str, ...] = (), iss: bool = True
    ) -> Self:
        """Start one with its data in `data_dir` and wait until it accepts connections."""
        command = [sys.executable, "-m", "tests.oauth_server", "--data", str(data_dir)]
        command += ["--token-lifetime", str(token_lifetime), *([] if iss else ["--no-iss"])]
        command += [part for uri in redirect_uris for part in ("--redirect-uri", uri)]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AKHROT_", "DJANGO_"))}
        process = subprocess.Popen(
            command, cwd=ROOT, env=kept, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        killer = threading.Timer(PATIENCE, process.kill)
        killer.start()
        line = process.stdout.readline() if process.stdout else ""
        killer.cancel()
        if not line.startswith("READY "):
            _, said = process.communicate()
            raise RuntimeError(f"the OAuth server did not start:\n{said}")
        return cls(process, line.split()[1])

    def stop(self) -> None:
        """End it."""
        self._http.close()
        self._process.terminate()
        self._process.communicate()

    def _control(self, name: str, **sent: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._http.post(f"/_control/{name}", json=sent).raise_for_status().json()
        return answer

    def counts(self) -> dict[str, int]:
        """Requests by endpoint since the last reset, and ``max_concurrent_refresh``."""
        answer: dict[str, int] = self._http.get("/_control/counts").json()
        return answer

    def reset(self) -> None:
        """Forget counts and faults."""
        self._control("reset")

    def fault(self, endpoint: str, kind: str, **options: Any) -> None:
        """Break the next `times` requests to ``token``, ``revoke`` or ``identity``; see `control.py` for the kinds."""
        self._control("fault", endpoint=endpoint, kind=kind, **options)

    def expire(self, access_token: str = "") -> None:
        """End the time of one access token, or of all."""
        self._control("expire", **({"access_token": access_token} if access_token else {}))

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
        return self._http.post(
            "/o/token/",
            data={"grant_type": "refresh_token", "refresh_token": refresh_token},
            auth=(self.client_id, self.client_secret),
        )

    def consent(
        self,
        authorize_url: str,
        *,
        username: str = "ada@example.test",
        allow: bool = True,
        scopes: tuple[str, ...] | None = None,
    ) -> str:
        """Sign in and answer the consent page as a browser would; the redirect to the client, not followed."""
        with httpx.Client(timeout=30, trust_env=False) as browser:
            page = browser.get(authorize_url, follow_redirects=True)
            if "/login" in page.url.path:
                password = f"{username.partition('@')[0]}-password"
                form = {**_hidden(page.text), "username": username, "password": password}
                page = browser.get(urljoin(self.url, browser.post(page.url, data=form).headers["Location"]))
            if page.is_redirect:
                return page.headers["Location"]
            form = {**_hidden(page.text), "granted": scopes or re.findall(r'name="granted" value="([^"]*)"', page.text)}
            answer = browser.post(page.url, data={**form, **({"allow": "Authorize"} if allow else {})})
            return str(answer.headers["Location"])


def _hidden(page: str) -> dict[str, Any]:
    fields = re.findall(r'<input type="hidden"([^>]*)>', page)
    pairs = [(re.search(r'name="([^"]*)"', one), re.search(r'value="([^"]*)"', one)) for one in fields]
    return {name[1]: (value[1] if value else "").replace("&amp;", "&") for name, value in pairs if name}


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
