"""How long the queues are, and how long their oldest messages have waited."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

PATIENCE = 1.0


class QueuesAway(Exception):
    """Redis does not answer."""


@dataclass(frozen=True)
class Waiting:
    """The messages of one queue. `sent_at` is the oldest one's epoch seconds: None where there is none, or unknown."""

    queue: str
    length: int
    sent_at: float | None

    def age(self) -> float:
        """Seconds that the oldest has waited; 0 where nothing waits."""
        return max(0.0, time.time() - self.sent_at) if self.sent_at else 0.0


def stamp(headers: dict[str, Any]) -> None:
    """Note in a message when it was sent: Redis does not tell."""
    headers["sent_at"] = time.time()


def waiting() -> list[Waiting]:
    """What waits in each queue. Raises QueuesAway."""
    names = [queue.name for queue in settings.CELERY_TASK_QUEUES]
    return list(_in_redis(names) if settings.REDIS_URL else _in_files(names))


def _in_files(names: list[str]) -> Iterator[Waiting]:
    sent: dict[str, list[float]] = {name: [] for name in names}
    for entry in os.scandir(Path(settings.AKHROT_DATA_DIR, "queue", "messages")):
        queue = entry.name.partition(".")[2].removesuffix(".msg")
        # A worker may take it meanwhile.
        with contextlib.suppress(FileNotFoundError):
            if queue in sent:
                sent[queue].append(entry.stat().st_mtime)
    for name, moments in sent.items():
        yield Waiting(name, len(moments), min(moments, default=None))


def _in_redis(names: list[str]) -> Iterator[Waiting]:
    # Here, since sites without Redis should not carry its library.
    from redis import Redis, RedisError

    try:
        with Redis.from_url(settings.REDIS_URL, socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE) as client:
            for name in names:
                # Messages come in at the left and leave at the right.
                length, oldest = client.pipeline().llen(name).lindex(name, -1).execute()
                yield Waiting(name, length, json.loads(oldest)["headers"].get("sent_at") if oldest else None)
    except (RedisError, OSError) as error:
        raise QueuesAway from error
