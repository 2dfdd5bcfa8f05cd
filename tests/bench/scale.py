"""A million connections, and refreshes a second."""

import json
import time
from collections.abc import Iterator

import psycopg

from tests.bench.rows import POSTGRESQL, SQLITE, Bench, Row
from tests.million import fill
from tests.proofs import bulkhead as hanging
from tests.proofs.house import House, house
from tests.rogue.process import Rogue
from tests.site import OWNER, Site

MILLION, DUE = 1_000_000, 1_000
FOUND_IN, PER_WORKER, PROVIDER_SECONDS = 50.0, 200.0, 0.1
# Claims what is due, gives it back, and so on; prints milliseconds and the plan.
CLAIM = """
import json, time
from django.db import connection
from connections.models import Connection
took = []
for _ in range(7):
    began = time.perf_counter()
    ids = Connection.objects.claim(1000)
    took.append((time.perf_counter() - began) * 1000)
    assert len(ids) == 1000, len(ids)
    Connection.objects.unclaim(ids)
rows = Connection.objects.due().order_by("refresh_at").values_list("pk", flat=True)[:1000]
began = time.perf_counter()
list(rows)
found = (time.perf_counter() - began) * 1000
print(json.dumps({"claims": sorted(took), "found": found, "plan": rows.explain(analyze=True)}))
"""


def sweep(bench: Bench) -> Iterator[Row]:
    """Finding and claiming a thousand due rows among a million."""
    work = f"sweep: {DUE:,} due among {MILLION:,}"
    if not bench.postgres:
        yield Row(work=work, database=POSTGRESQL, remark="left out: there is no PostgreSQL (TEST_DATABASE_URL)")
        return
    with bench.folder() as folder, bench.database() as url:
        site = Site(folder, DATABASE_URL=url)
        site.manage("migrate", "--verbosity", "0")
        site.manage(
            "shell", "--no-imports", "-c", "from providers.models import Provider; Provider.objects.make_missing()"
        )
        site.make_owner()
        began = time.monotonic()
        with psycopg.connect(url, autocommit=True) as server:
            user = server.execute("SELECT id FROM auth_user WHERE email = %s", [OWNER]).fetchone()
            assert user
            fill(server, user=user[0], provider="google", number=MILLION, due=DUE)
        made_in = time.monotonic() - began
        found = json.loads(site.manage("shell", "--no-imports", "-c", CLAIM).splitlines()[-1])
    plan = " / ".join(line.strip() for line in found["plan"].splitlines() if "Scan" in line)
    took = found["claims"][len(found["claims"]) // 2]
    yield Row(
        work=f"{work}: found",
        database=POSTGRESQL,
        figure=found["found"],
        unit="ms",
        target=f"< {FOUND_IN:g} ms",
        met=found["found"] < FOUND_IN,
        remark=f"{plan}; rows made in {made_in:.0f} s",
    )
    yield Row(
        work=f"{work}: claimed", database=POSTGRESQL, figure=took, unit="ms", remark="median of 7, with the write"
    )


def bulkhead(bench: Bench) -> Iterator[Row]:
    """Fresh fetches beside five hundred callers of a provider that hangs, against the same without them."""
    yield _bulkhead(bench, SQLITE, "sqlite")
    if bench.postgres:
        with bench.database() as url:
            yield _bulkhead(bench, POSTGRESQL, url)


def _bulkhead(bench: Bench, name: str, database: str) -> Row:
    found = hanging.bulkhead(database, seconds=max(5.0, bench.seconds * 2))
    return Row(
        work="fresh fetches beside a provider that hangs: p99",
        database=name,
        figure=found["beside p99 ms"],
        unit="ms",
        floor=found["quiet p99 ms"],
        ratio=found["ratio"],
        target="<= 2, none refused",
        met=found["ratio"] <= 2 and not found["fresh refused"],
        remark=f"{found['fresh refused']} of {found['fresh fetched']} refused; the crowd was told {found['crowd']}",
    )


def sustained(bench: Bench) -> Iterator[Row]:
    """Refreshes a second of one worker process, at a provider that takes 100 ms, from a backlog."""
    yield _sustained(bench, SQLITE, "sqlite")
    if bench.postgres:
        with bench.database() as url:
            yield _sustained(bench, POSTGRESQL, url)


def _sustained(bench: Bench, name: str, database: str) -> Row:
    number = int(bench.seconds * 400)
    rogue = Rogue.start()
    try:
        rogue.behave(delay=PROVIDER_SECONDS, lifetime=86_400.0)
        with house({"rogue": rogue}, database) as built:
            built.add(rogue.mint(number), expires_in=60)
            rate, most = _rate(built, rogue, number)
    finally:
        rogue.stop()
    return Row(
        work="sustained refresh, one worker",
        database=name,
        figure=rate,
        unit="refreshes/s",
        target=f">= {PER_WORKER:g}",
        met=rate >= PER_WORKER,
        remark=f"{number:,} due, provider at {PROVIDER_SECONDS * 1000:g} ms, {most} at once",
    )


def _rate(built: House, rogue: Rogue, number: int) -> tuple[float, int]:
    """Refreshes a second between the first and the last tenth."""
    now = "strftime('%Y-%m-%d %H:%M:%f', 'now')" if built.is_sqlite else "now()"
    built.execute(f"UPDATE connections_connection SET refresh_at = {now}")
    reached: dict[int, float] = {}
    marks, deadline = (number // 10, number * 9 // 10), time.monotonic() + 300
    while len(reached) < len(marks):
        done = rogue.counts()["refreshed"]
        for mark in marks:
            if done >= mark:
                reached.setdefault(mark, time.monotonic())
        if time.monotonic() > deadline:
            raise TimeoutError(f"{done} of {number} were refreshed")
        time.sleep(0.02)
    first, last = (reached[mark] for mark in marks)
    return (marks[1] - marks[0]) / (last - first), rogue.counts()["max_concurrent"]
