"""Many callers of one expired token, in several web processes, at a provider that takes its time."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median

from tests.bench.fetching import UNLIMITED, running
from tests.bench.load import Report, load
from tests.bench.rows import Bench, Row
from tests.oauth_server.process import OAuthServer
from tests.site import OWNER, Site
from tests.test_one_refresh import EXPIRE

CALLERS = 200
PROVIDER_SECONDS = 0.5
MOST_ADDED = 500.0
ROUNDS = 3
PROCESSES = 4
MANY = {"AKHROT_WEB_PROCESSES": str(PROCESSES), "AKHROT_WEB_THREADS": "256", **UNLIMITED}


def call(site: Site, key: str, requests: int) -> Report:
    """That many fetches from `CALLERS` at once."""
    return load(
        url=f"{site.url}/tokens/fetch",
        headers={"Authorization": f"Bearer {key}"},
        bodies=['{"provider": "sandbox"}'],
        connections=CALLERS,
        requests=requests,
    )


def connect_sandbox(site: Site, oauth: OAuthServer) -> str:
    """A connection with a grant of the OAuth server; its user's key."""
    site.manage("provider", "set", "sandbox", "--client-id", oauth.client_id)
    site.manage("provider", "set", "sandbox", "--client-secret-stdin", sent=oauth.client_secret)
    key, grant = site.make_owner(), oauth.mint("openid", "files.read")
    given = {
        "access_token": grant["access_token"],
        "refresh_token": grant["refresh_token"],
        "expires_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
    }
    command = ["connection", "add", "--user", OWNER, "--provider", "sandbox", "--fields-stdin"]
    site.manage(*command, sent=json.dumps(given))
    return key


def storm(site: Site, oauth: OAuthServer, key: str) -> tuple[Report, int]:
    """What the callers of an expired token were answered, and how often the provider was asked."""
    site.manage("shell", "--no-imports", "-c", EXPIRE)
    # Processes and connections awake, as they are where agents ask all day; a fetch of a fresh token is no help,
    # since it is expired by now.
    load(url=f"{site.url}/readyz", method="GET", connections=CALLERS, requests=CALLERS * 5)
    oauth.reset()
    oauth.fault("token", "slow", seconds=PROVIDER_SECONDS)
    return call(site, key, CALLERS), oauth.counts()["refresh"]


def measure_storm(oauth: OAuthServer, folder: Path, database: str, environment: dict[str, str]) -> list[Row]:
    """Several rounds: the worst count, the median of the p99."""
    with running(Site.with_sandbox(folder, oauth, **MANY, **environment)) as site:
        key = connect_sandbox(site, oauth)
        # All four are up, with their connections to the database, when these are answered.
        call(site, key, CALLERS * 10)
        rounds = [storm(site, oauth, key) for _ in range(ROUNDS)]
    calls = max(count for _, count in rounds)
    added = median(report.p99 for report, _ in rounds) - PROVIDER_SECONDS * 1000
    answered = all(report.flawless and report.requests == CALLERS for report, _ in rounds)
    work = f"{CALLERS} callers of an expired token"
    slowest = max(report.max for report, _ in rounds)
    return [
        Row(
            work=f"{work}: calls to the provider",
            database=database,
            figure=calls,
            unit="calls",
            target="1, all answered",
            met=calls == 1 and answered,
            remark=f"{PROCESSES} processes, worst of {ROUNDS} rounds; "
            + ("all answered 200" if answered else f"answered {[report.statuses for report, _ in rounds]}"),
        ),
        Row(
            work=f"{work}: p99 over the provider's",
            database=database,
            figure=added,
            unit="ms",
            target=f"< {MOST_ADDED:g} ms",
            met=added < MOST_ADDED,
            remark=f"provider takes {PROVIDER_SECONDS:g} s; slowest answer {slowest:.0f} ms",
        ),
    ]


def callers(bench: Bench) -> Iterator[Row]:
    """One call to the provider for all of them, and no long wait."""
    with bench.folder() as folder:
        oauth = OAuthServer.start(folder)
        try:
            yield from bench.on_both(f"{CALLERS} callers of an expired token", partial(measure_storm, oauth))
        finally:
            oauth.stop()
