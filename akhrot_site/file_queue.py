"""The queue of files: kombu's, whose messages are there whole or not at all."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    """kombu makes a file, then writes into it, and whoever reads in between finds no JSON.

    A worker ends at that, and takes along every refresh that is under way, with what its provider answers.
    """

    def _put(self, queue: str, payload: Any, **_: Any) -> None:  # type: ignore[override]
        """Write the message beside, under a name that belongs to no queue, then give it its own."""
        folder = Path(self.data_folder_out)
        name = f"{round(time.monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        draft = folder / f".{name}"
        try:
            draft.write_text(dumps(payload))
            draft.replace(folder / name)
        finally:
            draft.unlink(missing_ok=True)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """The next message. One that a full disk or a power cut left broken is lost, as any may be."""
        try:
            return super()._get(queue)
        except ValueError:
            raise Empty from None

    def _queue_bind(self, exchange: str, *names: str) -> None:  # type: ignore[override]
        """Note the queue. A table of queues that a full disk left empty is made anew: no worker starts with it."""
        try:
            super()._queue_bind(exchange, *names)
        except ValueError:
            Path(self.control_folder, f"{exchange}.exchange").unlink(missing_ok=True)
            super()._queue_bind(exchange, *names)


class Transport(filesystem.Transport):
    Channel = Channel
