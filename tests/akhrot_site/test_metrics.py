"""The figures: what stands in the rows, what was counted, what waits in the queues."""

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from akhrot_site import metrics, queues
from akhrot_site.celery import app
from akhrot_site.environment import networks
from connections import tasks
from connections.models import Connection, Notice, Refresh, Sweep
from connections.refreshing import flights
from tests.conftest import Clock
from tests.provider_http import ProviderHttp
from tests.servers import free_port

GOOGLE_TOKEN = "https://oauth2.googleapis.com/token"
RENEWED = 'akhrot_refreshes_total{outcome="renewed",provider="google"}'
pytestmark = pytest.mark.django_db


def figures() -> dict[str, float]:
    """What `/metrics` says, by name and labels as a collector would write them."""
    answer = Client().get("/metrics")
    assert answer.status_code == 200
    found = {}
    for family in text_string_to_metric_families(answer.content.decode()):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def test_metrics_count_requests_by_view():
    Client().get("/accounts/login/")
    answer = Client().get("/metrics")
    assert answer.status_code == 200
    assert b'akhrot_request_seconds_count{method="GET",status="200",view="account_login"}' in answer.content


@pytest.mark.parametrize(
    "caller",
    [
        {"REMOTE_ADDR": "192.0.2.7"},
        {"HTTP_X_FORWARDED_FOR": "192.0.2.7"},
        {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
        {"HTTP_X_REAL_IP": "192.0.2.7"},
        {"HTTP_FORWARDED": "for=192.0.2.7;proto=https"},
        {"HTTP_VIA": "1.1 proxy"},
        {"HTTP_X_FORWARDED_HOST": "akhrot.example"},
    ],
)
@pytest.mark.parametrize("proxies", ["", "127.0.0.1"])
def test_metrics_are_not_there_for_others(settings: Any, caller: Any, proxies: str):
    settings.AKHROT_TRUSTED_PROXIES = networks(proxies)
    assert Client().get("/metrics", **caller).status_code == 404


def test_metrics_open_for_staff_from_anywhere(user: Any, browser: Client):
    assert browser.get("/metrics", REMOTE_ADDR="192.0.2.7").status_code == 404
    user.is_staff = True
    user.save()
    assert browser.get("/metrics", REMOTE_ADDR="192.0.2.7").status_code == 200


def test_what_is_due_and_overdue_is_read_from_the_rows(connect: Any):
    for minutes in (-10, 1, 3, 9):
        connect("google", refresh_at=timezone.now() - dt.timedelta(minutes=minutes))
    connect("google", status="needs_reauth", refresh_at=timezone.now() - dt.timedelta(hours=1))
    seen = figures()
    assert (seen["akhrot_refreshes_due"], seen["akhrot_refreshes_overdue"]) == (3, 2)
    assert 539 < seen["akhrot_refresh_oldest_overdue_seconds"] < 545
    assert seen["akhrot_connections_needing_user"] == 1


def test_nothing_due_is_zero_and_no_sweep_is_no_figure(db: None):
    seen = figures()
    assert {seen[f"akhrot_{name}"] for name in ("refreshes_due", "refresh_oldest_overdue_seconds")} == {0}
    assert "akhrot_sweep_age_seconds" not in seen


def test_the_age_of_the_sweep_and_the_notices_that_wait_are_told(user: Any, clock: Clock):
    Sweep.objects.create()
    Notice.objects.tell("lost", "one", user=user, provider="google")
    Notice.objects.tell("lost", "two", user=user, provider="google", sent_at=timezone.now())
    clock.forward(seconds=95)
    seen = figures()
    assert 95 <= seen["akhrot_sweep_age_seconds"] < 97
    assert seen["akhrot_notices_unsent"] == 1


def test_a_database_away_leaves_the_rest(monkeypatch: pytest.MonkeyPatch):
    def away(*_: Any) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(connection, "cursor", away)
    seen = figures()
    assert "akhrot_refreshes_due" not in seen
    assert 'akhrot_queue_length{queue="background"}' in seen


@pytest.mark.django_db(transaction=True)
def test_a_refresh_is_counted_with_its_outcome_and_its_time(connect: Any, configured: Any, provider_http: ProviderHttp):
    configured("google")
    provider_http.reply("POST", GOOGLE_TOKEN, json={"access_token": "new", "expires_in": 3600})
    row = Connection.objects.select_related("provider", "user").get(pk=connect("google", expires_in=-5).pk)
    before = figures()
    assert flights.refresh(row).error == ""
    after = figures()
    for name in (RENEWED, 'akhrot_refresh_seconds_count{provider="google"}'):
        assert after[name] - before.get(name, 0) == 1
    assert after["akhrot_flights"] == 0


@pytest.mark.django_db(transaction=True)
def test_a_refresh_that_was_rolled_back_is_not_counted(connect: Any):
    row, before = connect("google"), figures().get(RENEWED, 0)
    with transaction.atomic():
        Refresh.objects.note(row, "renewed")
        transaction.set_rollback(True)
    assert figures().get(RENEWED, 0) == before


@pytest.fixture
def messages() -> Any:
    """The folder of the file queue, empty."""
    folder = Path(django_settings.AKHROT_DATA_DIR, "queue", "messages")
    for path in folder.iterdir():
        path.unlink()
    yield folder
    for path in folder.iterdir():
        path.unlink()


@pytest.mark.skipif(bool(django_settings.REDIS_URL), reason="the queue is in Redis")
def test_the_file_queue_tells_its_length_and_the_age_of_its_oldest(messages: Path):
    for _ in range(2):
        tasks.refresh.apply_async(("x",))
    oldest = min(messages.iterdir())
    past = timezone.now().timestamp() - 120
    os.utime(oldest, (past, past))
    seen = figures()
    assert seen['akhrot_queue_length{queue="interactive"}'] == 2
    assert 119 < seen['akhrot_queue_age_seconds{queue="interactive"}'] < 130
    assert seen['akhrot_queue_length{queue="background"}'] == 0
    assert seen['akhrot_queue_age_seconds{queue="background"}'] == 0


@pytest.mark.redis
def test_redis_tells_its_length_and_the_age_of_its_oldest(settings: Any, redis_url: str, clock: Clock):
    settings.REDIS_URL = redis_url
    with Redis.from_url(redis_url) as client, app.connection_for_write(redis_url) as broker:
        client.delete("interactive", "background")
        tasks.refresh.apply_async(("x",), connection=broker)  # type: ignore[call-arg]
        clock.forward(seconds=90)
        tasks.refresh.apply_async(("x",), connection=broker)  # type: ignore[call-arg]
        seen = figures()
        client.delete("interactive", "background")
    assert seen['akhrot_queue_length{queue="interactive"}'] == 2
    assert 90 <= seen['akhrot_queue_age_seconds{queue="interactive"}'] < 95
    assert seen['akhrot_queue_length{queue="background"}'] == 0


def test_redis_away_leaves_the_rest(settings: Any):
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    with pytest.raises(queues.QueuesAway):
        queues.waiting()
    seen = figures()
    assert "akhrot_refreshes_due" in seen
    assert not [name for name in seen if name.startswith("akhrot_queue")]


def test_processes_that_died_take_their_live_figures_along(tmp_path: Path):
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    mine, theirs = (tmp_path / f"gauge_livesum_{pid}.db" for pid in (os.getpid(), done.pid))
    counted = tmp_path / f"counter_{done.pid}.db"
    for path in (mine, theirs, counted):
        path.touch()
    metrics.forget_the_dead(tmp_path)
    assert (mine.exists(), theirs.exists(), counted.exists()) == (True, False, True)
