"""Callers in several processes race for one expired token, at a provider that kills a grant whose token is reused."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from tests.proofs.callers import Caller, count, percentile
from tests.proofs.house import House, house
from tests.rogue.process import Rogue

PROCESSES, CALLERS = 4, 50


@dataclass
class Race:
    """What came of all rounds."""

    rounds: int = 0
    refreshes: int = 0
    most_in_a_round: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    slowest: float = 0.0
    p99: float = 0.0
    dead: int = 0
    reused: int = 0
    several_tokens: int = 0

    def shown(self) -> dict[str, Any]:
        """For a table."""
        return dict(self.__dict__)


def race(database: str, *, rounds: int, delay: float, callers: int = PROCESSES * CALLERS) -> Race:
    """`rounds` times: the token is expired and fetched by all `callers` at once; the provider takes `delay` seconds."""
    rogue = Rogue.start()
    try:
        limits = {"AKHROT_WEB_PROCESSES": str(PROCESSES), "AKHROT_WEB_THREADS": "256"}
        with house({"rogue": rogue}, database, **limits) as built:
            grant = rogue.mint()[0]
            built.add([grant], expires_in=3600)
            return asyncio.run(_run(built, rogue, grant.id, rounds, delay, callers))
    finally:
        rogue.stop()


async def _run(built: House, rogue: Rogue, grant: str, rounds: int, delay: float, number: int) -> Race:
    callers = [Caller(built.site.url, built.key) for _ in range(number)]
    # Each has a socket, and each process its database connections, before the first round.
    await asyncio.gather(*(caller.fetch() for caller in callers))
    found, told = Race(rounds=rounds), []
    rogue.behave(delay=delay)
    for _ in range(rounds):
        before = rogue.counts()["requests"]
        expire(built)
        answers = await asyncio.gather(*(caller.fetch() for caller in callers))
        await _landed(rogue)
        asked = rogue.counts()["requests"] - before
        found.most_in_a_round = max(found.most_in_a_round, asked)
        found.refreshes += asked
        found.several_tokens += len({one.token for one in answers if one.status == 200}) > 1
        told += answers
    found.answers, found.dead = count(told), len(rogue.dead())
    found.reused = rogue.counts()["reused"]
    took = [one.took for one in told]
    found.slowest, found.p99 = max(took), percentile(took, 0.99)
    for caller in callers:
        caller.close()
    return found


async def _landed(rogue: Rogue, patience: float = 40.0) -> None:
    """Wait until the provider has nobody's request in hand, and its answer has had time to be stored."""
    for _ in range(int(patience / 0.1)):
        counts: dict[str, Any] = rogue.counts()
        if counts["requests"] == counts["refreshed"] + counts["refused"] + sum(counts["by_fault"].values()):
            return
        await asyncio.sleep(0.1)


def expire(built: House) -> None:
    """Make every token expired; not due for the sweep, which would be there before the callers."""
    past = "strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 seconds')" if built.is_sqlite else "now() - interval '1 second'"
    built.execute(f"UPDATE connections_connection SET expires_at = {past}, refresh_at = NULL, retry_at = NULL")
