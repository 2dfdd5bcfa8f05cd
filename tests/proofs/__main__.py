"""The promises about refreshing, tried at full length: ``python -m tests.proofs race crash faults soak bulkhead``."""

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.__main__ import postgres
from tests.proofs import bulkhead, crash, faults, race, soak
from tests.proofs.house import own_database

Proof = Callable[[str], dict[str, Any]]


def racing(database: str) -> dict[str, Any]:
    """A hundred rounds at a quick provider."""
    return race.race(database, rounds=100, delay=0.2).shown()


def racing_slowly(database: str) -> dict[str, Any]:
    """Three rounds at a provider that takes twenty seconds."""
    return race.race(database, rounds=3, delay=20).shown()


def crashing(database: str) -> dict[str, Any]:
    """Every step of a flight, web and worker: 30 kills on PostgreSQL, 24 on SQLite."""
    return crash.table(crash.crash(database, crash.plan(database, 3)))


def misbehaving(database: str) -> dict[str, Any]:
    """Every fault of the provider, each on a provider of its own."""
    return faults.table(faults.faults(database))


def soaking(database: str) -> dict[str, Any]:
    """Ten minutes."""
    return soak.soak(database, seconds=600)


def deploying(database: str) -> dict[str, Any]:
    """Four minutes in which workers are told to stop, and not killed: no grant may be lost."""
    return soak.soak(database, seconds=240, kill=signal.SIGTERM)


def hanging(database: str) -> dict[str, Any]:
    """Twenty seconds quiet, twenty beside the crowd."""
    return bulkhead.bulkhead(database, seconds=20)


PROOFS: dict[str, Proof] = {
    "race": racing,
    "slow": racing_slowly,
    "crash": crashing,
    "faults": misbehaving,
    "soak": soaking,
    "deploys": deploying,
    "bulkhead": hanging,
}


def main() -> int:
    """Run the named proofs on the named databases; each prints its findings and adds them to a file as JSON lines."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs", description=__doc__)
    parser.add_argument("names", nargs="+", choices=list(PROOFS))
    parser.add_argument("--database", action="append", choices=["sqlite", "postgresql"], default=[])
    parser.add_argument("--json", type=Path, default=Path("proofs.jsonl"), metavar="PATH")
    asked = parser.parse_args()
    for name in asked.names:
        for kind in asked.database or ["sqlite", "postgresql"]:
            began = time.monotonic()
            with own_database(postgres(), kind) as database:
                found = PROOFS[name](database)
            line = {"proof": name, "database": kind, "seconds": round(time.monotonic() - began), **found}
            print(json.dumps(line), flush=True)
            with asked.json.open("a") as file:
                file.write(json.dumps(line) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
