"""The web server's main process: `python -m akhrot_site.web`. It loads no Django; its workers do."""

from __future__ import annotations

import os

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from akhrot_site import lifeline


def main() -> None:
    """Serve until told to stop."""
    lifeline.follow_parent()
    lifeline.lead_children()
    Granian(
        "akhrot_site.wsgi:application",
        address=os.environ.get("HOST") or "127.0.0.1",
        port=int(os.environ.get("PORT") or "8000"),
        interface=Interfaces.WSGI,
        workers=int(os.environ.get("AKHROT_WEB_PROCESSES") or "1"),
        # A fetch that refreshes holds its thread for as long as the provider takes, and an idle one costs little.
        blocking_threads=int(os.environ.get("AKHROT_WEB_THREADS") or "128"),
        # A thread that ends takes its database connection with it.
        blocking_threads_idle_timeout=600,
        websockets=False,
        # Its one warning at start is about the number of threads, which is meant.
        log_level=LogLevels.error,
        workers_kill_timeout=lifeline.GRACE_SECONDS,
    ).serve()


if __name__ == "__main__":
    main()
