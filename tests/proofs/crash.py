"""`kill -9` of a web process or worker at each step of a flight, stalled from outside; what became of the grant?"""

import asyncio
import os
import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.proofs.callers import Caller
from tests.proofs.house import House, house
from tests.proofs.proxy import Proxy
from tests.rogue.process import Minted, Rogue
from tests.site import is_alive

PATIENCE = 60.0
PROVIDER_SECONDS = 3.0
WEB, WORKER = "akhrot_site.web", "celery"
BEFORE = "before the request"
DURING = "while the provider works"
ANSWERED = "answer received, commit held by a lock"
COMMITTING = "COMMIT on its way"
COMMITTED = "committed, the answer to COMMIT on its way"
ANY = "at a moment around the commit"
# The transaction that stores the answer has said all but COMMIT.
WRITTEN = """SELECT 1 FROM pg_stat_activity
    WHERE datname = current_database() AND state = 'idle in transaction'
      AND query LIKE 'INSERT INTO "connections_refresh"%'"""


@dataclass
class Crash:
    """One kill: where, of what, and what came of the connection."""

    step: str
    victim: str
    grant: Minted
    connection: str
    killed_at: float = 0.0
    killed_when: float = 0.0
    """The same in epoch seconds."""
    settled_after: float | None = None
    outcome: str = "stuck"


@dataclass
class Stage:
    """What the steps work with."""

    house: House
    rogue: Rogue
    to_provider: Proxy
    to_database: Proxy | None
    crashes: list[Crash] = field(default_factory=list)


def until(met: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Wait for a condition, looking often."""
    deadline = time.monotonic() + patience
    while not (found := met()):
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.01)
    return found


def crash(database: str, plan: list[tuple[str, str]]) -> list[Crash]:
    """Carry out the kills of `plan`, pairs of step and victim, one after the other."""
    rogue = Rogue.start()
    parts = urlsplit(rogue.url)
    to_provider = Proxy("127.0.0.1", parts.port or 0)
    to_database, through = None, ""
    if database != "sqlite":
        to_database = Proxy("127.0.0.1", urlsplit(database).port or 5432)
        through = database.replace(urlsplit(database).netloc.rpartition("@")[2], f"127.0.0.1:{to_database.port}")
    rogue_url = f"http://127.0.0.1:{to_provider.port}"
    rogue.url = rogue_url
    try:
        with house({"rogue": rogue}, database, through=through) as built:
            stage = Stage(built, rogue, to_provider, to_database)
            grants = rogue.mint(len(plan))
            ids = built.add(grants)
            stage.crashes = [
                Crash(step, victim, grant, pk) for (step, victim), grant, pk in zip(plan, grants, ids, strict=True)
            ]
            watcher = threading.Thread(target=_watch, args=[stage], daemon=True)
            watcher.start()
            for step in dict.fromkeys(one.step for one in stage.crashes):
                group = [one for one in stage.crashes if one.step == step]
                for one in group:
                    _carry_out(stage, one)
                # What heals must not be hit by the kills of another step.
                until(partial(_all_settled, group), step, 150)
            _judge(stage)
            return stage.crashes
    finally:
        to_provider.close()
        if to_database:
            to_database.close()
        rogue.stop()


def _all_settled(group: list[Crash]) -> bool:
    return all(one.settled_after is not None for one in group)


def _carry_out(stage: Stage, one: Crash) -> None:
    """Begin a flight, wait until it is at the step, kill, and let the rest go on."""
    rogue, asked = stage.rogue, stage.rogue.counts()["requests"]
    rogue.behave(delay=PROVIDER_SECONDS if one.step == DURING else 0.0, delay_after=1.0 if one.step in HOLDERS else 0.0)
    victims = until(lambda: stage.house.pids(one.victim), "the victim is up")
    if one.step == BEFORE:
        stage.to_provider.hold("request")
    _begin(stage, one)
    if one.step == BEFORE:
        until(stage.to_provider.held.is_set, "the request is held")
        _kill(one, victims)
        stage.to_provider.release()
    else:
        until(lambda: rogue.counts()["requests"] > asked, f"the provider is asked ({one.step}, {one.victim})")
        with HOLDERS.get(one.step, _nothing)(stage, one):
            _kill(one, victims)
    # The sweep looks at it from now on, whoever was killed.
    _set_due(stage.house, one)
    until(lambda: set(stage.house.pids(one.victim)) - set(victims), "the victim is started again")
    stage.house.site.wait_until_ready()


def _begin(stage: Stage, one: Crash) -> None:
    """An agent's fetch for the web, a due row for the worker."""
    if one.victim == WORKER:
        _set_due(stage.house, one)
        return
    caller = Caller(stage.house.site.url, stage.house.key)
    threading.Thread(target=lambda: asyncio.run(caller.fetch(one.connection)), daemon=True).start()


def _set_due(built: House, one: Crash) -> None:
    now = "strftime('%Y-%m-%d %H:%M:%f', 'now')" if built.is_sqlite else "now()"
    pk = one.connection.replace("-", "") if built.is_sqlite else one.connection
    built.execute(
        f"UPDATE connections_connection SET refresh_at = {now}, claimed_until = NULL"
        f" WHERE id = '{pk}' AND status = 'active' AND generation = 0"
    )


def _kill(one: Crash, victims: list[int]) -> None:
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    # A process of many threads takes its time to die, and its sockets are open until it has.
    until(lambda: not any(is_alive(pid) for pid in victims), "the victims are gone")
    one.killed_at, one.killed_when = time.monotonic(), time.time()


@contextmanager
def _nothing(stage: Stage, one: Crash) -> Iterator[None]:
    """While the provider works: nothing to hold."""
    yield


def _spooled(stage: Stage, one: Crash) -> Path:
    """Where the product keeps an answer between its receipt and its commit."""
    return Path(stage.house.site.environment["AKHROT_DATA_DIR"], "spool", f"{one.connection}.0")


@contextmanager
def _locked(stage: Stage, one: Crash) -> Iterator[None]:
    """The row is locked by somebody else, so that the commit waits; the answer is received."""
    spooled = _spooled(stage, one)
    if stage.house.is_sqlite:
        path = Path(stage.house.site.environment["AKHROT_DATA_DIR"], "akhrot.sqlite3")
        with closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            until(spooled.exists, "the answer is received")
            yield
            holder.execute("ROLLBACK")
        return
    with psycopg.connect(stage.house.database) as holder:
        holder.execute("SELECT 1 FROM connections_connection WHERE id = %s FOR UPDATE", [one.connection])
        until(spooled.exists, "the answer is received")
        yield
        holder.rollback()


@contextmanager
def _commit_held(stage: Stage, one: Crash) -> Iterator[None]:
    """The COMMIT has left the process and not reached the database."""
    assert stage.to_database
    stage.to_database.hold("commit")
    until(_spooled(stage, one).exists, "the answer is received")
    until(lambda: stage.house.execute(WRITTEN), "the rows are written and the COMMIT is held")
    yield
    stage.to_database.release()


@contextmanager
def _reply_held(stage: Stage, one: Crash) -> Iterator[None]:
    """The database has committed, and the process does not know it."""
    assert stage.to_database
    stage.to_database.hold("reply")
    until(_spooled(stage, one).exists, "the answer is received")
    until(lambda: _states(stage.house)[one.connection.replace("-", "")][0] > 0, "it is committed")
    yield
    stage.to_database.release()


@contextmanager
def _soon(stage: Stage, one: Crash) -> Iterator[None]:
    """A random moment in the 30 ms after the provider has answered."""
    counts = stage.rogue.counts
    until(lambda: counts()["refreshed"] + counts()["lost"] + counts()["refused"] >= counts()["requests"], "an answer")
    time.sleep(random.uniform(0, 0.03))
    yield


HOLDERS = {ANSWERED: _locked, COMMITTING: _commit_held, COMMITTED: _reply_held, ANY: _soon}


def _watch(stage: Stage) -> None:
    """Note for each killed flight when its row was settled: renewed, or given up."""
    deadline = time.monotonic() + 60 * len(stage.crashes) + 120
    while time.monotonic() < deadline:
        open_ones = [one for one in stage.crashes if one.settled_after is None]
        if not open_ones:
            return
        rows = _states(stage.house)
        for one in open_ones:
            generation, status = rows[one.connection.replace("-", "")]
            if one.killed_at and (generation > 0 or status != "active"):
                # A later kill may have hit the flight that would have healed it.
                one.settled_after = time.monotonic() - max(other.killed_at for other in stage.crashes)
        time.sleep(0.25)


def _states(built: House) -> dict[str, tuple[int, str]]:
    rows = built.execute("SELECT id, generation, status FROM connections_connection")
    return {str(pk).replace("-", ""): (generation, status) for pk, generation, status in rows}


def _judge(stage: Stage) -> None:
    shown, grants = stage.house.show([one.connection for one in stage.crashes]), stage.rogue.grants()
    for one in stage.crashes:
        row, grant = shown[one.connection], grants[one.grant.id]
        if row["status"] == "active" and row["generation"] > 0:
            alive = grant["alive"] and grant["refresh_token"] == row["refresh_token"]
            one.outcome = "renewed" if alive else "LOST WITHOUT A WORD"
        elif row["status"] == "needs_reauth":
            said = "interrupted" in row["reason"]
            one.outcome = _why_lost(stage, one, grant["rotated_at"]) if said else f"LOST: {row['reason']}"


def _why_lost(stage: Stage, one: Crash, replaced: float) -> str:
    """Whose death took the answer with it: the provider replaced the token while that process was being killed."""
    at_fault = [other for other in stage.crashes if -1.0 <= replaced - other.killed_when <= PROVIDER_SECONDS + 1.0]
    if one in at_fault:
        return "lost with the process, and said so"
    return "lost with a later kill's process, and said so" if at_fault else "LOST, said so, no kill explains it"


def table(crashes: list[Crash]) -> dict[str, Any]:
    """How many of each outcome by step and victim, and the longest time to it."""
    counted = Counter(f"{one.step} · {'worker' if one.victim == WORKER else 'web'}: {one.outcome}" for one in crashes)
    settled = [one.settled_after for one in crashes if one.settled_after is not None]
    return {
        "kills": len(crashes),
        "slowest": round(max(settled, default=0.0), 1),
        "outcomes": dict(sorted(counted.items())),
    }


POSTGRESQL_STEPS = (BEFORE, DURING, ANSWERED, COMMITTING, COMMITTED)
SQLITE_STEPS = (BEFORE, DURING, ANSWERED, ANY)


def plan(database: str, each: int) -> list[tuple[str, str]]:
    """Every step with every victim, `each` times."""
    steps = SQLITE_STEPS if database == "sqlite" else POSTGRESQL_STEPS
    return [(step, victim) for _ in range(each) for step in steps for victim in (WEB, WORKER)]
