"""The queue: what beat asks for exists, and a queue that is away holds nobody up."""

import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings

from akhrot_site.celery import app
from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
RING = """
import django; django.setup()
from uuid import uuid4
from connections.models import Connection
from connections import tasks
for _ in range(5):
    tasks.ring_for(Connection(pk=uuid4()))
print("rang")
"""


def test_every_entry_of_the_schedule_names_a_task_that_exists():
    app.loader.import_default_modules()
    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} <= set(app.tasks)


def test_tasks_carry_json_alone_and_keep_no_result():
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_serializer == "json"
    assert app.conf.task_ignore_result


def test_a_queue_that_is_away_is_said_and_holds_nobody_up(tmp_path: Path):
    environment = {
        "PATH": os.environ["PATH"],
        "AKHROT_DATA_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "akhrot_site.settings",
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
    }
    done = subprocess.run(
        [sys.executable, "-c", RING], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout == "rang\n", done.stderr
    assert done.stderr.count("bell_not_rung") == 5
