"""What a collector sees of a whole site: the figures of the worker beside those of the web server."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.site import Site

pytestmark = pytest.mark.site
# A refresh that only the sweep will try, and that ends without asking anybody: there is no OAuth client.
DUE = """
from connections.models import Connection
from django.contrib.auth.models import User
from django.utils import timezone
Connection.objects.create(
    user=User.objects.create(username="ada"),
    provider_id="google",
    account_id="1",
    secrets='{"access_token": "a", "refresh_token": "r"}',
    refreshable=True,
    refresh_at=timezone.now(),
)
"""
COUNTED_BY_THE_WORKER = 'akhrot_refreshes_total{outcome="client_refused",provider="google"} 1.0'
COUNTED_BY_THE_WEB = 'akhrot_request_seconds_count{method="GET",status="200",view="metrics"}'


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    running = Site(tmp_path).settled()
    yield running
    running.stop()


def scrape(site: Site) -> list[str]:
    return httpx.get(f"{site.url}/metrics", trust_env=False).text.splitlines()


def test_what_the_worker_does_is_seen(site: Site):
    site.wait_for(lambda: any(line.startswith("akhrot_sweep_age_seconds") for line in scrape(site)), "first sweep")
    site.tell("shell", "--no-imports", "-c", DUE)
    site.wait_for(lambda: COUNTED_BY_THE_WORKER in scrape(site), "refresh of the worker")
    seen = scrape(site)
    assert {"akhrot_connections_needing_user 0.0", 'akhrot_queue_length{queue="interactive"} 0.0'} <= {*seen}
    assert any(line.startswith(COUNTED_BY_THE_WEB) for line in seen)
