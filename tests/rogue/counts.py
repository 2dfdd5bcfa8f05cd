"""What the provider counts."""

import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

REMEMBERED = 1000


@dataclass(slots=True)
class Counts:
    """Counts of the token endpoint since the last reset.

    `refreshed` refreshes were answered well, oddly or not; `lost` were applied, and their answer never sent;
    `issued` are the access tokens of client credentials. `refused` are errors by the provider's own rules, those
    for a reused token among them. A request that a fault answered alone is only in `by_fault`, and one that was
    under way when the port closed in none. `revoked` grants were given back at the revocation endpoint, and
    `followed` clients went where the fault ``redirect`` sent them.
    """

    requests: int = 0
    refreshed: int = 0
    lost: int = 0
    issued: int = 0
    reused: int = 0
    refused: int = 0
    killed: int = 0
    revoked: int = 0
    followed: int = 0
    max_concurrent: int = 0
    max_concurrent_per_grant: int = 0
    by_fault: Counter[str] = field(default_factory=Counter)
    # Epoch seconds, the grant's id or "", and the outcome.
    last: deque[tuple[float, str, str]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def note(self, grant_id: str, outcome: str) -> None:
        """Remember how one token request ended."""
        self.last.append((time.time(), grant_id, outcome))

    def told(self) -> dict[str, Any]:
        """The numbers, without the last requests."""
        names = [name for name in self.__slots__ if name != "last"]
        return {name: getattr(self, name) for name in names}


class Visits:
    """The token requests that are under way. They outlive a reset of the counts."""

    def __init__(self) -> None:
        self._all = 0
        self._by_grant: Counter[str] = Counter()

    @contextmanager
    def visit(self, counts: Counts, grant_id: str) -> Iterator[None]:
        """One request, from its arrival until nothing more is sent."""
        self._all += 1
        counts.max_concurrent = max(counts.max_concurrent, self._all)
        if grant_id:
            self._by_grant[grant_id] += 1
            counts.max_concurrent_per_grant = max(counts.max_concurrent_per_grant, self._by_grant[grant_id])
        try:
            yield
        finally:
            self._all -= 1
            if grant_id:
                self._by_grant[grant_id] -= 1
