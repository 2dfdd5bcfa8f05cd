"""The grants of the provider: families of tokens, as RFC 9700 section 4.14.2 has them."""

import secrets
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Grant:
    """What one user consented to. `refreshes` are those that were applied, whatever became of the answer."""

    id: str
    refresh_token: str
    alive: bool = True
    # "reuse", "user", "client" (it was given back) or "invalid_grant" (the fault of that name).
    why_dead: str = ""
    refreshes: int = 0
    # When the refresh token was last replaced, in epoch seconds.
    rotated_at: float = 0.0
    used: set[str] = field(default_factory=set)
    # Access tokens and when they end, in epoch seconds.
    access: dict[str, float] = field(default_factory=dict)

    def end(self, why: str) -> bool:
        """The family dies; false if it was dead."""
        if not self.alive:
            return False
        self.alive, self.why_dead = False, why
        return True

    def told(self) -> dict[str, Any]:
        """What the control port says of it."""
        return {
            "alive": self.alive,
            "why_dead": self.why_dead,
            "refresh_token": self.refresh_token,
            "refreshes": self.refreshes,
            "rotated_at": self.rotated_at,
        }


class Grants:
    """All grants, found by their ids and by every token they ever had."""

    def __init__(self) -> None:
        self.by_id: dict[str, Grant] = {}
        self._by_refresh: dict[str, Grant] = {}
        self._by_access: dict[str, Grant] = {}

    def mint(self) -> Grant:
        """Another user consents."""
        grant = self._add(f"g{len(self.by_id) + 1}")
        self._give_refresh_token(grant)
        return grant

    def of_client(self, client_id: str) -> Grant:
        """The grant that the access tokens of client credentials belong to."""
        name = f"client:{client_id}"
        return self.by_id.get(name) or self._add(name)

    def of_refresh_token(self, token: str) -> Grant | None:
        """Whose refresh token this is or was."""
        return self._by_refresh.get(token)

    def of_access_token(self, token: str) -> Grant | None:
        """Whose access token this is, if it is good at this moment."""
        grant = self._by_access.get(token)
        good = grant is not None and grant.alive and grant.access.get(token, 0.0) > time.time()
        return grant if good else None

    def issue(self, grant: Grant, lifetime: float) -> tuple[str, float]:
        """One more access token, and when it ends."""
        token, end = f"rogue-at-{secrets.token_urlsafe(24)}", time.time() + lifetime
        grant.access[token] = end
        self._by_access[token] = grant
        return token, end

    def rotate(self, grant: Grant) -> None:
        """Another refresh token; the one before counts as used."""
        grant.used.add(grant.refresh_token)
        grant.rotated_at = time.time()
        self._give_refresh_token(grant)

    def give_back(self, token: str) -> bool:
        """RFC 7009: a refresh token takes its grant with it, an access token ends alone. Whether a grant ended."""
        if grant := self._by_refresh.get(token):
            return grant.end("client")
        if grant := self._by_access.get(token):
            grant.access.pop(token, None)
        return False

    def _add(self, name: str) -> Grant:
        self.by_id[name] = Grant(name, "")
        return self.by_id[name]

    def _give_refresh_token(self, grant: Grant) -> None:
        grant.refresh_token = f"rogue-rt-{secrets.token_urlsafe(24)}"
        self._by_refresh[grant.refresh_token] = grant
