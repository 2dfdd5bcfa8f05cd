"""Answers that ask no provider: a fetch of a fresh token, the summary, the context of a provider."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from tests.bench.load import Report, load
from tests.bench.rows import SQLITE, Bench, Row
from tests.oauth_server.process import ROOT
from tests.servers import free_port, wait_for_port
from tests.site import OWNER, Site

LEAST_RATIO = 0.6
LARGEST_SUMMARY = 500
CONNECTIONS = 16
ROUNDS = 2
UNLIMITED = {"AKHROT_RATE_LIMIT": "1000000/60"}
# A grant for two, a key for the third: what a user is likely to have.
CODES = ("google", "github", "stripe")


def given(code: str) -> dict[str, Any]:
    """What `connection add` is told about one of the three."""
    if code == "stripe":
        return {"apiKey": "sk_test_" + "4eC39HqLyjWDarjtT1zdp7dc" * 4}
    scopes = {
        "google": "openid email https://www.googleapis.com/auth/gmail.modify https://www.googleapis.com/auth/calendar",
        "github": "read:user user:email repo gist",
    }
    return {
        "access_token": f"{code}-" + "a1b2c3d4" * 24,
        "refresh_token": f"{code}-refresh-" + "d4c3b2a1" * 12,
        "expires_at": (datetime.now(UTC) + timedelta(hours=8)).isoformat(),
        "scopes": scopes[code],
        "account_id": f"{code}-1",
    }


def connect_three(site: Site) -> str:
    """An owner with three connections; his key."""
    key = site.make_owner()
    for code in CODES:
        command = ["connection", "add", "--user", OWNER, "--provider", code, "--account", OWNER, "--fields-stdin"]
        site.manage(*command, sent=json.dumps(given(code)))
    return key


@contextmanager
def running(site: Site) -> Iterator[Site]:
    """The site, up."""
    try:
        yield site.up()
    finally:
        site.stop()


@contextmanager
def floor_of(site: Site) -> Iterator[str]:
    """The URL of a bare view beside `site`: on its database, with its number of threads and processes."""
    port = free_port()
    environment = {
        **site.environment,
        "PORT": str(port),
        "DJANGO_SETTINGS_MODULE": "tests.bench.floor_settings",
        # What `up` sets for its own server.
        "MALLOC_ARENA_MAX": "2",
    }
    process = subprocess.Popen([sys.executable, "-m", "akhrot_site.web"], cwd=ROOT, env=environment)
    try:
        wait_for_port(port, process, patience=60)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def fetch_load(site: Site, key: str, seconds: float) -> Report:
    """Fetches of the three connections in turn."""
    return load(
        url=f"{site.url}/tokens/fetch",
        headers={"Authorization": f"Bearer {key}"},
        bodies=[json.dumps({"provider": code, "purpose": "measuring"}) for code in CODES],
        connections=CONNECTIONS,
        seconds=seconds,
    )


def floor_load(url: str, key: str, seconds: float) -> Report:
    """The same bytes to the floor, but for the address."""
    return load(
        url=f"{url}/floor/{key.split('_')[1]}",
        headers={"Authorization": f"Bearer {key}"},
        bodies=[json.dumps({"provider": code, "purpose": "measuring"}) for code in CODES],
        connections=CONNECTIONS,
        seconds=seconds,
    )


def measure_fetch(seconds: float, folder: Path, database: str, environment: dict[str, str]) -> list[Row]:
    """Floor and product in turn, so that a busy machine slows both; the median of each."""
    with running(Site(folder, **UNLIMITED, **environment)) as site:
        key = connect_three(site)
        with floor_of(site) as floor_url:
            # The first requests open the connections to the database and fill what is cached.
            floor_load(floor_url, key, 1)
            fetch_load(site, key, 1)
            reports = [(floor_load(floor_url, key, seconds), fetch_load(site, key, seconds)) for _ in range(ROUNDS)]
    floor = median(bare.per_second for bare, _ in reports)
    figure = median(product.per_second for _, product in reports)
    flawless = all(bare.flawless and product.flawless for bare, product in reports)
    bare, product = reports[-1]
    quiet = f"p50/p95/p99 {product.p50:.1f}/{product.p95:.1f}/{product.p99:.1f} ms; floor's p99 {bare.p99:.1f} ms"
    return [
        Row(
            work="fetch of a fresh token",
            database=database,
            figure=figure,
            unit="requests/s",
            floor=floor,
            ratio=figure / floor,
            target=f">= {LEAST_RATIO} of the floor",
            met=flawless and figure / floor >= LEAST_RATIO,
            remark=quiet if flawless else f"not all answered 200: {product.statuses}, floor {bare.statuses}",
        )
    ]


def fetch(bench: Bench) -> Iterator[Row]:
    """Requests a second of `POST /tokens/fetch`, against the floor."""
    return bench.on_both("fetch of a fresh token", partial(measure_fetch, bench.seconds))


def context(bench: Bench) -> Iterator[Row]:
    """How large the summary is, and how often it and the context of a provider are answered."""
    with bench.folder() as folder, running(Site(folder, **UNLIMITED)) as site:
        headers = {"Authorization": f"Bearer {connect_three(site)}"}
        summary = f"{site.url}/ai/context/summary"
        answer = httpx.get(summary, headers=headers, timeout=30, trust_env=False)
        size = len(answer.raise_for_status().content)
        yield Row(
            work="size of the summary",
            database=SQLITE,
            figure=size,
            unit="bytes",
            target=f"<= {LARGEST_SUMMARY}",
            met=size <= LARGEST_SUMMARY,
            remark="three connections",
        )
        for work, url in (("summary", summary), ("context of a provider", f"{site.url}/ai/context/google")):
            yield reading(work, url, headers, bench.seconds)


def reading(work: str, url: str, headers: dict[str, str], seconds: float) -> Row:
    """How often one address is answered."""
    asked: dict[str, Any] = {"url": url, "method": "GET", "headers": headers, "connections": CONNECTIONS}
    load(**asked, seconds=1)
    report = load(**asked, seconds=seconds)
    return Row(
        work=work,
        database=SQLITE,
        figure=report.per_second,
        unit="requests/s",
        met=None if report.flawless else False,
        remark=f"p99 {report.p99:.1f} ms" if report.flawless else f"not all answered 200: {report.statuses}",
    )
