"""The provider as tests hold it. Imports no Django, so that it may be started from anywhere."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Minted:
    """A grant as it was made. `expires_at` is when the access token ends, in epoch seconds."""

    id: str
    access_token: str
    refresh_token: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class Visit:
    """A token request that has ended: when (epoch seconds), whose, and how.

    The outcome is ``refreshed``, ``issued``, ``reused`` or an OAuth error, and the name of the fault, if any, after a
    space; the fault alone where it left the grant alone. ``gone`` stands where the port closed before the answer.
    """

    time: float
    grant_id: str
    outcome: str


class Rogue:
    """A running provider. `stop` it; until then it does as it is told."""

    client_id = "rogue-client"
    client_secret = "rogue-secret"

    def __init__(self, process: subprocess.Popen[str], port: int, control_port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.pid = process.pid
        self._process = process
        # Certificates take long to load, and plain HTTP has no use for them.
        self._api = httpx.Client(base_url=self.url, timeout=30, trust_env=False, verify=False)
        self._control = httpx.Client(
            base_url=f"http://127.0.0.1:{control_port}", timeout=30, trust_env=False, verify=False
        )

    @classmethod
    def start(cls) -> Self:
        """Start one and wait until both of its ports listen."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AKHROT_", "DJANGO_"))}
        command = [sys.executable, "-m", "tests.rogue", "0", "0"]
        # A file, since a pipe that nobody reads would fill and stop the server.
        with tempfile.TemporaryFile("w+") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=kept, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
            line = _first_line(process)
            if not line.startswith("READY "):
                _end(process)
                log.seek(0)
                raise RuntimeError(f"the rogue provider did not start:\n{log.read()}")
        return cls(process, *map(int, line.split()[1:]))

    def stop(self) -> None:
        """End it."""
        self.kill()

    def kill(self) -> None:
        """End it at once, as a machine that loses power."""
        self._api.close()
        self._control.close()
        _end(self._process)

    def _command(self, name: str, **sent: Any) -> Any:
        answer = self._control.post(f"/{name}", json=sent)
        if answer.status_code == 400:
            raise ValueError(answer.json()["error"])
        return answer.raise_for_status().json()

    def behave(self, **settings: Any) -> None:
        """Change settings, those of `tests.rogue.behaviour.Settings`; `fault` is for every token request."""
        self._command("behave", **settings)

    def once(self, *faults: str) -> None:
        """Queue faults, one for each of the next token requests; an empty name lets one through."""
        self._command("once", faults=faults)

    def reset(self) -> None:
        """Counts to zero, settings to their defaults, the queue empty; grants and clients stay."""
        self._command("reset")

    def register(self, client_id: str, client_secret: str) -> None:
        """One more client that may use client credentials."""
        self._command("register", client_id=client_id, client_secret=client_secret)

    def mint(self, number: int = 1, lifetime: float | None = None) -> list[Minted]:
        """Grants without a consent page; `lifetime` of their access tokens in seconds, else that of the settings."""
        return [Minted(**one) for one in self._command("mint", number=number, lifetime=lifetime)]

    def revoke(self, grant_id: str) -> None:
        """The user takes a grant back."""
        self._command("revoke", id=grant_id)

    def counts(self) -> dict[str, Any]:
        """The numbers of `tests.rogue.counts.Counts`, by name; ``by_fault`` is a dictionary of numbers."""
        answer: dict[str, Any] = self._command("counts")
        return answer

    def last(self) -> list[Visit]:
        """The last thousand token requests that have ended, the oldest first."""
        return [Visit(*one) for one in self._command("last")]

    def settings(self) -> dict[str, Any]:
        """The settings as they are, and what is left of the queue as ``once``."""
        answer: dict[str, Any] = self._command("settings")
        return answer

    def grants(self, *ids: str) -> dict[str, dict[str, Any]]:
        """``alive``, ``why_dead``, ``refresh_token``, ``refreshes``, ``rotated_at`` by id; of all without ids."""
        answer: dict[str, dict[str, Any]] = self._command("grants", ids=ids)
        return answer

    def dead(self) -> list[str]:
        """The ids of the grants that are not alive."""
        answer: list[str] = self._command("dead")
        return answer

    def works(self, access_token: str) -> bool:
        """Whether the provider's API takes the token. httpx.ConnectError while the provider is away."""
        return self._api.get("/api", headers={"Authorization": f"Bearer {access_token}"}).status_code == 200

    def refresh(self, refresh_token: str, *, timeout: float = 10) -> httpx.Response:
        """What any client would send, on a connection of its own."""
        with httpx.Client(base_url=self.url, timeout=timeout, trust_env=False, verify=False) as client:
            return client.post(
                "/token",
                data={"grant_type": "refresh_token", "refresh_token": refresh_token},
                auth=(self.client_id, self.client_secret),
            )

    def go_away(self) -> None:
        """Drop all connections, and refuse others until `come_back`. Requests under way are not applied any more."""
        self.behave(listening=False)

    def come_back(self) -> None:
        """Listen again on the same port."""
        self.behave(listening=True)


def _first_line(process: subprocess.Popen[str]) -> str:
    killer = threading.Timer(PATIENCE, process.kill)
    killer.start()
    try:
        return process.stdout.readline() if process.stdout else ""
    finally:
        killer.cancel()


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def provider_toml(url: str, code: str = "rogue", **oauth_extra: Any) -> str:
    """A provider file for the provider at `url`; `oauth_extra` are more keys of its [oauth], or others' values."""
    oauth: dict[str, Any] = {
        "authorize_url": f"{url}/authorize",
        "token_url": f"{url}/token",
        "revoke_url": f"{url}/revoke",
        "client_auth": "client_secret_basic",
        **oauth_extra,
    }
    lines = "\n".join(f"{name} = {_toml(value)}" for name, value in oauth.items())
    return f"""
code = "{code}"
name = "Rogue"
auth = "oauth2"

[oauth]
{lines}

[oauth.identity]
url = "{url}/me"
id = "sub"
label = "email"

[[services]]
code = "api"
name = "API"
base_url = "{url}"

[[services.examples]]
method = "GET"
path = "/api"
purpose = "See whether the token works"
"""


def _toml(value: Any) -> str:
    """A value of TOML. Only its tables are not JSON."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(name)} = {_toml(item)}" for name, item in value.items()) + " }"
    return json.dumps(value)
