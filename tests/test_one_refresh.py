"""Many callers of one expired token in four web processes: the provider is asked once, and all are answered."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest

from tests.__main__ import postgres
from tests.oauth_server.process import OAuthServer
from tests.site import OWNER, Site

pytestmark = pytest.mark.oauth_server
CALLERS = 50
# Expired, and not due for the sweep, which would be there before the callers.
EXPIRE = """
import datetime
from connections.models import Connection
from django.utils import timezone
past = timezone.now() - datetime.timedelta(seconds=1)
Connection.objects.update(expires_at=past, refresh_at=None, retry_at=None)
"""


@pytest.fixture(scope="module")
def oauth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OAuthServer]:
    server = OAuthServer.start(tmp_path_factory.mktemp("oauth"))
    yield server
    server.stop()


@pytest.fixture
def database() -> Iterator[str]:
    """A database of its own on PostgreSQL."""
    url = os.environ.get("TEST_DATABASE_URL") or postgres()
    if not url:
        pytest.skip("there is no PostgreSQL here")
    name = f"akhrot_{uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield f"{url.rpartition('/')[0]}/{name}"
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def fifty_callers_meet_one_refresh(site: Site, oauth: OAuthServer) -> None:
    client = ("--client-id", oauth.client_id, "--client-secret-stdin")
    site.tell("provider", "set", "sandbox", *client, sent=oauth.client_secret)
    key = site.make_owner()
    grant = oauth.mint("openid", "files.read")
    sent = f'{{"access_token": "{grant["access_token"]}", "refresh_token": "{grant["refresh_token"]}"}}'
    site.tell("connection", "add", "--user", OWNER, "--provider", "sandbox", "--fields-stdin", sent=sent)
    site.tell("shell", "--no-imports", "-c", EXPIRE)
    oauth.reset()
    oauth.fault("token", "slow", seconds=0.5)

    def fetch(_: int) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.post(
            f"{site.url}/tokens/fetch", json={"provider": "sandbox"}, headers=headers, timeout=90, trust_env=False
        )

    # Generous time-outs: web processes that are still starting keep their share of the callers waiting.
    with ThreadPoolExecutor(CALLERS) as callers:
        answers = list(callers.map(fetch, range(CALLERS)))
    assert [answer.text for answer in answers if answer.status_code != 200] == []
    tokens = {answer.json()["data"]["accessToken"] for answer in answers}
    assert len(tokens) == 1
    assert (oauth.counts()["refresh"], oauth.counts()["max_concurrent_refresh"]) == (1, 1)
    shown = httpx.get(f"{oauth.url}/api/files", headers={"Authorization": f"Bearer {tokens.pop()}"})
    assert shown.status_code == 200


FOUR = {"AKHROT_WEB_PROCESSES": "4", "AKHROT_RATE_LIMIT": "100000/60"}


def test_fifty_callers_in_four_processes_cause_one_refresh_on_sqlite(tmp_path: Path, oauth: OAuthServer):
    site = Site.with_sandbox(tmp_path, oauth, **FOUR).settled()
    try:
        fifty_callers_meet_one_refresh(site, oauth)
    finally:
        site.stop()


@pytest.mark.postgres
def test_fifty_callers_in_four_processes_cause_one_refresh_on_postgresql(
    tmp_path: Path, oauth: OAuthServer, database: str
):
    site = Site.with_sandbox(tmp_path, oauth, DATABASE_URL=database, **FOUR).up()
    try:
        fifty_callers_meet_one_refresh(site, oauth)
    finally:
        site.stop()
