"""Ends a process soon after the one that started it, however that one ended.

`up` stops its children itself. This is for when it cannot: killed by the kernel for memory, or with SIGKILL.
Asking for the parent works on every Unix; Linux alone would tell by a signal.
"""

from __future__ import annotations

import os
import signal
import threading
import time

POLL_SECONDS = 0.5
GRACE_SECONDS = 35
# Monotonic seconds: when this process began, nearly.
STARTED = time.monotonic()


def follow_parent() -> None:
    """Does nothing unless `up` started this process, or its parent.

    The parent says its own number: asked for later it might be gone already, and another in its place.
    """
    if parent := os.environ.get("AKHROT_PARENT"):
        threading.Thread(target=watch, args=[int(parent)], name="lifeline", daemon=True).start()


def lead_children() -> None:
    """Processes started from here on follow this one."""
    if "AKHROT_PARENT" in os.environ:
        os.environ["AKHROT_PARENT"] = str(os.getpid())


def watch(parent: int) -> None:
    """Wait for the parent to go, then end this process, by force if it takes too long."""
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)
