"""The task queue. Tasks are bells: what is due is a fact of a row, so any task may be lost or run twice."""

from __future__ import annotations

import os
import warnings
from typing import Any

from celery import Celery, signals
from celery.beat import EmbeddedService
from celery.platforms import SecurityWarning  # type: ignore[attr-defined]
from django_structlog.celery.steps import DjangoStructLogInitStep
from kombu.transport import TRANSPORT_ALIASES

from akhrot_site import lifeline, queues

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "akhrot_site.settings")

# Celery warns of running as root for the sake of pickle, which is not accepted here.
warnings.filterwarnings("ignore", category=SecurityWarning)

# The address of the queue of files names its transport, and may name no class.
TRANSPORT_ALIASES["filesystem"] = "akhrot_site.file_queue:Transport"

app = Celery("akhrot")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(DjangoStructLogInitStep)


# Django's own logging configuration holds in the worker too, with its redaction.
@signals.setup_logging.connect
def keep_logging(**_: Any) -> None: ...


@signals.worker_init.connect
def follow_supervisor(**_: Any) -> None:
    lifeline.follow_parent()


@signals.before_task_publish.connect
def stamp(headers: dict[str, Any], **_: Any) -> None:
    """Every message says when it was sent."""
    queues.stamp(headers)


@signals.worker_shutting_down.connect
def begin_no_more_flights(**_: Any) -> None:
    """Refreshes wait in line by the hundred. Begun during the stop they would be killed at its end, answers and all."""
    from connections.refreshing import flights

    flights.close()


# `celery worker -B` forks beat, and a killed worker leaves the fork behind; a thread dies with its process.
@signals.worker_ready.connect
def start_beat(**_: Any) -> None:
    """Run beat inside the worker when `up` asks for it."""
    if os.environ.get("AKHROT_BEAT") == "thread":
        beat = EmbeddedService(app, thread=True)
        beat.start()  # type: ignore[union-attr]
        signals.worker_shutting_down.connect(lambda **_: beat.stop(), weak=False)
