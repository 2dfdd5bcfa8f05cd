"""Minutes of steady use while workers are killed, database and queue restarted, and the provider goes away."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.proofs.callers import Caller, Told
from tests.proofs.cluster import Cluster, Redis
from tests.proofs.house import House, house
from tests.rogue.process import Rogue

CONNECTIONS, LIFETIME = 300, 30.0
AGENTS, PAUSE = 10, 0.35
# As shares of the whole: when workers are killed, the database and the queue restarted, the provider away.
KILLS = (0.08, 0.18, 0.36, 0.52, 0.66, 0.9)
RESTARTS = ((0.25, "fast"), (0.58, "immediate"))
QUEUE_RESTARTS = (0.42, 0.84)
AWAY = (0.7, 0.8)
# How far from a kill (s) a token may have been replaced whose answer died with the process.
ON_ITS_WAY = 1.0


@dataclass
class Soak:
    """What is watched meanwhile. Moments are epoch seconds."""

    house: House
    rogue: Rogue
    seconds: float
    kill: signal.Signals
    cluster: Cluster | None
    redis: Redis | None
    began: float = 0.0
    told: list[Told] = field(default_factory=list)
    valid_until: dict[str, float] = field(default_factory=dict)
    refused_while_valid: list[tuple[Told, float]] = field(default_factory=list)
    outages: list[tuple[float, float]] = field(default_factory=list)
    kills: list[float] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    def note(self, what: str) -> None:
        """For whoever reads the findings."""
        self.events.append(f"{time.time() - self.began:.1f} s: {what}")


def soak(database: str, *, seconds: float, kill: signal.Signals = signal.SIGKILL) -> dict[str, Any]:
    """`database`: ``sqlite`` for the embedded default, else PostgreSQL and Redis of the test's own.

    `kill` ends workers: SIGKILL as a machine does that fails, SIGTERM as one that brings another version.
    """
    with ExitStack() as stack:
        rogue = Rogue.start()
        stack.callback(rogue.stop)
        rogue.behave(lifetime=LIFETIME, delay=0.05)
        cluster, redis, more = None, None, {}
        if database != "sqlite":
            cluster, redis = Cluster.start(), Redis().start()
            stack.callback(cluster.stop)
            stack.callback(redis.stop)
            database, more = cluster.url, {"REDIS_URL": redis.url}
        built = stack.enter_context(house({"rogue": rogue}, database, **more))
        grants = rogue.mint(CONNECTIONS, lifetime=LIFETIME)
        ids = built.add(grants, lived=0, expires_in=LIFETIME - 3, due_in=LIFETIME / 2)
        return asyncio.run(_run(Soak(built, rogue, seconds, kill, cluster, redis), ids))


async def _run(soak: Soak, ids: list[str]) -> dict[str, Any]:
    soak.began = time.time()
    agents = [asyncio.create_task(_agent(soak, ids)) for _ in range(AGENTS)]
    await asyncio.gather(*(_at(soak, share, deed) for share, deed in _plan(soak)))
    await asyncio.gather(*agents)
    return await _found(soak, ids)


async def _agent(soak: Soak, ids: list[str]) -> None:
    caller = Caller(soak.house.site.url, soak.house.key)
    while time.time() - soak.began < soak.seconds:
        told = await caller.fetch(random.choice(ids))
        soak.told.append(told)
        known = soak.valid_until.get(told.account, 0.0)
        if told.status == 200:
            ends = datetime.fromisoformat(told.body["data"]["expiresAt"]).timestamp()
            soak.valid_until[told.account] = max(known, ends)
        elif known > told.began + told.took:
            soak.refused_while_valid.append((told, known))
        await asyncio.sleep(random.uniform(0.5, 1.5) * PAUSE)
    caller.close()


Deed = Callable[[Soak], Awaitable[None]]


async def _at(soak: Soak, share: float, deed: Deed) -> None:
    await asyncio.sleep(share * soak.seconds)
    await deed(soak)


def _plan(soak: Soak) -> list[tuple[float, Deed]]:
    plan: list[tuple[float, Deed]] = [(share, _kill_worker) for share in KILLS]
    if soak.cluster:
        plan += [(share, _restarting(mode)) for share, mode in RESTARTS]
    if soak.redis:
        plan += [(share, _restart_queue) for share in QUEUE_RESTARTS]
    return [*plan, (AWAY[0], _go_away), (AWAY[1], _come_back)]


async def _kill_worker(soak: Soak) -> None:
    pids = await asyncio.to_thread(soak.house.pids, "celery")
    for pid in pids:
        os.kill(pid, soak.kill)
    soak.kills.append(time.time())
    soak.note(f"{soak.kill.name} to the worker ({len(pids)} process)")


def _restarting(mode: str) -> Deed:
    async def restart(soak: Soak) -> None:
        assert soak.cluster
        began = time.time()
        await asyncio.to_thread(soak.cluster.control, "stop", mode)
        await asyncio.sleep(3)
        await asyncio.to_thread(soak.cluster.control, "start")
        soak.outages.append((began, time.time()))
        soak.note(f"restarted PostgreSQL ({mode}), away for {time.time() - began:.1f} s")

    return restart


async def _restart_queue(soak: Soak) -> None:
    assert soak.redis
    await asyncio.to_thread(soak.redis.stop)
    await asyncio.sleep(3)
    await asyncio.to_thread(soak.redis.start)
    soak.note("restarted Redis, away for 3 s, its queue forgotten")


async def _go_away(soak: Soak) -> None:
    await asyncio.to_thread(soak.rogue.go_away)
    soak.note("the provider is away")


async def _come_back(soak: Soak) -> None:
    await asyncio.to_thread(soak.rogue.come_back)
    soak.note("the provider is back")


async def _found(soak: Soak, ids: list[str]) -> dict[str, Any]:
    overdue = await _overdue_at_the_end(soak)
    rows = (await asyncio.to_thread(soak.house.show, ids)).values()
    statuses = Counter(row["status"] for row in rows)
    reasons = Counter(row["reason"] for row in rows if row["reason"])
    lost = [_lost(soak, row) for row in rows if row["status"] != "active"]
    in_outage = [one for one in soak.told if _is_in(one, soak.outages)]
    refused = [(one, known) for one, known in soak.refused_while_valid if not _is_in(one, soak.outages)]
    return {
        "fetches": len(soak.told),
        "answers": dict(Counter(one.code for one in soak.told)),
        "answers in the database's outages": dict(Counter(one.code for one in in_outage)),
        "refused while valid and the database up": len(refused),
        "of these": [(round(one.began - soak.began, 1), one.code, round(one.took, 2)) for one, _ in refused][:20],
        "slowest": round(max(one.took for one in soak.told), 2),
        "refreshes": soak.rogue.counts()["refreshed"],
        "reused": soak.rogue.counts()["reused"],
        "grants lost": len(soak.rogue.dead()),
        "of these while the answer was on its way to a killed process": sum(one["answer died"] for one in lost),
        "connections": dict(statuses),
        "reasons": dict(reasons),
        "lost": lost,
        "overdue after the end": overdue,
        "events": soak.events,
    }


def _lost(soak: Soak, row: dict[str, Any]) -> dict[str, Any]:
    """What is known of a lost grant. Its token was replaced for nobody if that was just before a kill."""
    replaced = float(soak.rogue.grants(row["account"])[row["account"]]["rotated_at"])
    return {
        "replaced after s": round(replaced - soak.began, 2),
        "answer died": any(abs(kill - replaced) <= ON_ITS_WAY for kill in soak.kills),
        "past": row["past"][:6],
    }


def _is_in(told: Told, outages: list[tuple[float, float]]) -> bool:
    return any(told.began <= end and told.began + told.took >= begin for begin, end in outages)


async def _overdue_at_the_end(soak: Soak, patience: float = 90.0) -> int:
    """How many rows are due for more than ten seconds, when that has had time to become none."""
    late = "strftime('%Y-%m-%d %H:%M:%f', 'now', '-10 seconds')"
    late = late if soak.house.is_sqlite else "now() - interval '10 seconds'"
    statement = f"SELECT count(*) FROM connections_connection WHERE status = 'active' AND refresh_at < {late}"
    deadline = time.monotonic() + patience
    while True:
        count = int((await asyncio.to_thread(soak.house.execute, statement))[0][0])
        if not count or time.monotonic() > deadline:
            return count
        await asyncio.sleep(1)
