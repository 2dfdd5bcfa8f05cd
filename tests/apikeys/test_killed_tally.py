"""A process that counts is killed again and again, and every event still counts once."""

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection as db
from django.utils import timezone

from apikeys import tallies
from apikeys.models import AuditEvent
from tests.apikeys.test_tallies import as_tallied, as_the_ledger_has_it, count_all

ROOT = Path(__file__).resolve().parents[2]
COUNT = "import django; django.setup()\nfrom apikeys import tallies\nwhile tallies.count_next(batch=3): pass"
PATIENCE = 60.0


def database_url() -> str:
    """Of the tests' own database."""
    given = db.settings_dict
    if db.vendor == "sqlite":
        return f"sqlite:///{given['NAME']}"
    return f"postgres://{given['USER']}:{given['PASSWORD']}@{given['HOST']}:{given['PORT']}/{given['NAME']}"


def count_and_be_killed(after: int) -> None:
    """Begin to count in another process, and kill it as soon as it has moved on from `after`."""
    environment = {**os.environ, "DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "akhrot_site.settings"}
    process = subprocess.Popen([sys.executable, "-c", COUNT], cwd=ROOT, env=environment)
    deadline = time.monotonic() + PATIENCE
    try:
        while tallies.position() == after and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.001)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.mark.django_db(transaction=True)
def test_every_event_counts_once_however_often_the_counting_is_killed(user: User) -> None:
    start = timezone.now() - dt.timedelta(days=9)
    AuditEvent.objects.bulk_create(
        AuditEvent(user=user, action="token.fetch", provider=f"p{n % 5}", at=start + n * dt.timedelta(seconds=300))
        for n in range(2_000)
    )
    newest = AuditEvent.objects.latest("pk").pk
    seen = [0]
    for _ in range(2):
        count_and_be_killed(seen[-1])
        seen.append(tallies.position())
        assert as_tallied() == as_the_ledger_has_it(seen[-1])
    assert seen == sorted(set(seen))
    assert seen[-1] < newest, "it was never killed on the way"
    count_all()
    assert as_tallied() == as_the_ledger_has_it(newest)
