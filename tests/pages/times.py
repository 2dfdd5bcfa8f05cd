"""How long the server takes for each page, with few and with many rows.

``python -m tests.pages times`` runs it in processes of its own, one for each database.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

import psycopg

from tests.__main__ import postgres
from tests.oauth_server.process import ROOT

SIZES = (1, 200, 5_000)
EVENTS = 1_000_000
RUNS = 7
MOST_MS = 150.0
"""What no page may take."""


@contextmanager
def own_database(url: str) -> Iterator[str]:
    """A new PostgreSQL database on the server of `url`; it is dropped afterwards."""
    name = f"akhrot_pages_{uuid4().hex[:8]}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
    try:
        yield url.rpartition("/")[0] + f"/{name}"
    finally:
        with psycopg.connect(url, autocommit=True) as server:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def measure_all(events: int) -> list[dict[str, Any]]:
    """The figures on SQLite, and on PostgreSQL where there is one."""
    rows = _measured_apart("SQLite", {}, events)
    if url := postgres():
        with own_database(url) as database:
            rows += _measured_apart("PostgreSQL", {"DATABASE_URL": database}, events)
    return rows


def _measured_apart(name: str, environment: dict[str, str], events: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        held = {
            **{key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ},
            "AKHROT_DATA_DIR": str(Path(folder) / "data"),
            "DJANGO_SETTINGS_MODULE": "akhrot_site.settings",
            **environment,
        }
        command = [sys.executable, "-m", "tests.pages.times", str(events)]
        done = subprocess.run(command, cwd=ROOT, env=held, stdout=subprocess.PIPE, text=True, check=True)
    return [{"database": name, **row} for row in json.loads(done.stdout)]


def measure_here(events: int) -> list[dict[str, Any]]:
    """Every page for a user of each size, each with `events` events of his own, in this process and its database."""
    from django.contrib.auth.models import User
    from django.core.management import call_command

    from providers.sealed import ensure_keyring
    from tests.pages import rows

    ensure_keyring()
    call_command("migrate", verbosity=0)
    found = []
    for size in SIZES:
        user = User.objects.create_user(f"user{size}", f"user{size}@example.test")
        for name in ("Claude", "Cursor", "Nightly report"):
            rows.key(user, name)
        rows.bulk(user, size)
        rows.ledger(user, events)
        _roll_up()
        found += [{"connections": size, "events": events, **row} for row in _pages_of(user)]
    return found


def _roll_up() -> None:
    """What beat has done by now."""
    from apikeys.models import AuditEvent, RollUp
    from apikeys.tasks import roll_up

    last = AuditEvent.objects.order_by("-pk").values_list("pk", flat=True)[0]
    # The newest minute is left alone, for its events may not all be there.
    deadline = time.monotonic() + 600
    before = -1
    while (reached := RollUp.objects.get_or_create(pk=1)[0].position) < last and reached != before:
        before = reached
        roll_up()
        if time.monotonic() > deadline:
            raise TimeoutError(f"the roll-up is at {reached} of {last}")


def _pages_of(user: Any) -> Iterator[dict[str, Any]]:
    from django.test import Client

    from tests.pages.every import addresses

    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user)
    for name, path in addresses(user).items():
        # One of each kind is enough.
        kind, _, rest = name.partition("-0")
        if rest or not name[-1].isdigit():
            yield {"page": kind, **_one_page(client, path)}


def _one_page(client: Any, path: str) -> dict[str, Any]:
    """The median of `RUNS` after one that fills what is cached; how many queries; how many bytes."""
    from django.db import connection

    client.get(path)
    took = []
    for _ in range(RUNS):
        began = time.perf_counter()
        answer = client.get(path)
        took.append((time.perf_counter() - began) * 1000)
    connection.force_debug_cursor = True
    connection.queries_log.clear()
    client.get(path)
    connection.force_debug_cursor = False
    queries = len(connection.queries_log)
    return {
        "ms": round(median(took), 1),
        "queries": queries,
        "bytes": len(answer.content),
        "status": answer.status_code,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The figures as Markdown: a line for each page and database, the sizes side by side."""
    lines = [
        "| page | database | " + " | ".join(f"{size:,}" for size in SIZES) + " | queries |",
        "|---|---|" + "--:|" * (len(SIZES) + 1),
    ]
    for page, database in dict.fromkeys((row["page"], row["database"]) for row in rows):
        mine = {row["connections"]: row for row in rows if (row["page"], row["database"]) == (page, database)}
        cells = [f"{mine[size]['ms']:g}{' !' * (mine[size]['ms'] > MOST_MS)}" if size in mine else "" for size in SIZES]
        queries = sorted({row["queries"] for row in mine.values()})
        lines.append(f"| {page} | {database} | {' | '.join(cells)} | {', '.join(map(str, queries))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    import django

    django.setup()
    json.dump(measure_here(int(sys.argv[1])), sys.stdout)
