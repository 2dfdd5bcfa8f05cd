"""Runs the web server and the worker: `python -m akhrot_site.supervisor`, which `manage.py up` becomes.

Only the standard library is loaded here, so that watching costs 10 MB and not a second Django.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType

WEB = (sys.executable, "-m", "akhrot_site.web")
WORKER = (
    *(sys.executable, "-m", "celery", "--app", "akhrot_site.celery", "--quiet", "worker"),
    *("--pool", "threads", "--concurrency", "32", "--loglevel", "WARNING"),
    *("--without-gossip", "--without-mingle", "--without-heartbeat"),
)
TICK_SECONDS = 0.1
# Longer than the provider's part of a refresh may last (30 s): what a provider issued must be stored.
GRACE_SECONDS = 40.0
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 60.0


def say(text: str) -> None:
    """A line for whoever watches the terminal."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


class Child:
    """One process in a group of its own, started again whenever it ends by itself."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        self.command = command
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.start_at = 0.0
        self.pause = 0.5

    def tick(self) -> None:
        """Start it if it is due, notice if it has ended."""
        if self.process is None:
            if time.monotonic() >= self.start_at:
                self.start()
        elif self.process.poll() is not None:
            self.mourn(self.process)

    def start(self) -> None:
        """Start the process."""
        # A group of its own: Ctrl-C in the terminal reaches the supervisor alone, which stops the others in order.
        self.process = subprocess.Popen(self.command, start_new_session=True)  # noqa: S603
        self.started = time.monotonic()

    def mourn(self, process: subprocess.Popen[bytes]) -> None:
        """Note how it ended and when to start it again."""
        if time.monotonic() - self.started > STEADY_SECONDS:
            self.pause = 0.5
        self.signal_group(process, signal.SIGKILL)
        say(f"{self.name} ended ({how(process.returncode)}); starting it again in {self.pause:g} s")
        self.process, self.start_at = None, time.monotonic() + self.pause
        self.pause = min(self.pause * 2, LONGEST_PAUSE)

    def stop(self, deadline: float) -> None:
        """End it: politely until `deadline` (monotonic seconds), by force after."""
        if (process := self.process) is None:
            return
        process.terminate()
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            say(f"{self.name} did not stop in time and is killed")
        self.signal_group(process, signal.SIGKILL)
        process.wait()

    def signal_group(self, process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        """Whatever the process itself started goes with it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)


def how(code: int) -> str:
    """How a process ended, in words."""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


class Supervisor:
    def __init__(self, children: Sequence[Child], announcement: str) -> None:
        self.children = children
        self.announcement = announcement
        self.stopping = False
        self.deadline = 0.0

    def run(self) -> None:
        """Watch until a signal comes, then stop everything in order."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.on_signal)
        while not self.stopping:
            for child in self.children:
                child.tick()
            if self.announcement and web_answers():
                say(self.announcement)
                self.announcement = ""
            time.sleep(TICK_SECONDS)
        say("Stopping")
        for child in self.children:
            child.stop(self.deadline)
        say("Stopped")

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """The second signal is that of somebody who does not want to wait."""
        self.deadline = time.monotonic() + (0.0 if self.stopping else GRACE_SECONDS)
        if self.stopping:
            for child in self.children:
                if child.process is not None:
                    child.signal_group(child.process, signal.SIGKILL)
        self.stopping = True


def web_answers() -> bool:
    """Whether the web server answers its health check."""
    host = os.environ.get("HOST") or "127.0.0.1"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    try:
        with socket.create_connection((host, int(os.environ.get("PORT") or "8000")), timeout=1) as connection:
            connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            return connection.recv(12).endswith(b" 200")
    except OSError:
        return False


def main() -> None:
    """Run web and worker."""
    announcement = os.environ.pop("AKHROT_ANNOUNCEMENT", "")
    os.environ["AKHROT_PARENT"] = str(os.getpid())
    os.environ["AKHROT_BEAT"] = "thread"
    # In this order they stop as well: no request comes in while the worker goes.
    Supervisor([Child("web", WEB), Child("worker", WORKER)], announcement).run()


if __name__ == "__main__":
    main()
