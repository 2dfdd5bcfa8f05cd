"""A load generator in a process of its own: ``python -m tests.bench.load`` with a `Load` as JSON on standard input.

Prepared bytes on keep-alive sockets and nothing else: a real HTTP client would cost more than what it measures.
"""

import asyncio
import json
import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

from tests.oauth_server.process import ROOT

PATIENCE = 120.0
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is sent, and for how long: `seconds`, or a number of `requests`. `bodies` are taken in turn."""

    url: str
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    bodies: list[str] = field(default_factory=lambda: [""])
    connections: int = 16
    seconds: float | None = None
    requests: int | None = None

    def prepared(self) -> list[bytes]:
        """The bytes of one request for each body."""
        parts = urlsplit(self.url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [f"{self.method} {target} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return [self._request(lines, body.encode()) for body in self.bodies]

    def _request(self, lines: list[str], body: bytes) -> bytes:
        more = ["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []
        return "\r\n".join([*lines, *more, "", ""]).encode() + body


@dataclass(frozen=True, kw_only=True)
class Report:
    """What came of a `Load`. Latencies are milliseconds; the status ``lost`` is a connection that broke."""

    requests: int
    per_second: float
    statuses: dict[str, int]
    p50: float
    p95: float
    p99: float
    max: float

    @property
    def flawless(self) -> bool:
        """Whether there were answers, and all of them 200."""
        return set(self.statuses) == {"200"}


class Run:
    """One load while it runs. Its connections ask what comes next and report what came."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.requests = cycle(load.prepared())
        self.left = load.requests
        self.statuses: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.started = 0.0
        self.ended = 0.0
        self.open = load.connections
        self.over = asyncio.Event()

    def take(self) -> bytes | None:
        """The next request; None when all are sent."""
        if self.left is not None:
            if self.left <= 0:
                return None
            self.left -= 1
        return next(self.requests)

    def note(self, status: str, elapsed: float) -> None:
        """An answer came."""
        if self.over.is_set():
            return
        self.statuses[status] += 1
        self.latencies.append(elapsed)

    def leave(self) -> None:
        """A connection has nothing more to do."""
        self.open -= 1
        if not self.open:
            self.over.set()

    def report(self) -> Report:
        """The figures."""
        ordered, elapsed = sorted(self.latencies), self.ended - self.started
        at = {share: ordered[int(share * (len(ordered) - 1))] * 1000 if ordered else 0.0 for share in (0.5, 0.95, 0.99)}
        return Report(
            requests=len(ordered),
            per_second=len(ordered) / elapsed if elapsed else 0.0,
            statuses=dict(self.statuses),
            p50=at[0.5],
            p95=at[0.95],
            p99=at[0.99],
            max=ordered[-1] * 1000 if ordered else 0.0,
        )


class Caller(asyncio.Protocol):
    """A connection: sends a request, waits for its answer, sends the next."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.buffer = b""
        self.sent = 0.0
        self.left = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open; nothing is sent until all of them are."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def send(self) -> None:
        """Send the next request, or leave."""
        request = self.run.take()
        if request is None:
            self.leave()
            return
        self.sent = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """A part of an answer."""
        self.buffer += data
        if is_whole(self.buffer):
            status, self.buffer = self.buffer[9:12].decode("latin-1"), b""
            self.run.note(status, time.perf_counter() - self.sent)
            self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        """The server closed it, or we did."""
        if not self.left:
            self.run.note("lost", time.perf_counter() - self.sent)
            self.leave()

    def leave(self) -> None:
        """Do nothing any more."""
        self.left = True
        self.run.leave()


def is_whole(answer: bytes) -> bool:
    """Whether an HTTP answer has all come in."""
    head, parting, body = answer.partition(b"\r\n\r\n")
    if not parting:
        return False
    if length := LENGTH.search(head):
        return len(body) >= int(length[1])
    return not CHUNKED.search(head) or body.endswith(b"0\r\n\r\n")


async def carry_out(load: Load) -> Report:
    """Open all connections, then send on all of them at once."""
    run, loop, parts = Run(load), asyncio.get_running_loop(), urlsplit(load.url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    opening = [loop.create_connection(lambda: Caller(run), host, port) for _ in range(load.connections)]
    callers = [caller for _, caller in await asyncio.gather(*opening)]
    run.started = time.perf_counter()
    for caller in callers:
        caller.send()
    try:
        await asyncio.wait_for(run.over.wait(), load.seconds or PATIENCE)
    except TimeoutError:
        run.over.set()
    run.ended = time.perf_counter()
    for caller in callers:
        caller.left = True
        caller.transport.abort()
    return run.report()


def load(**wanted: Any) -> Report:
    """Carry out ``Load(**wanted)`` in a process of its own."""
    asked = json.dumps(asdict(Load(**wanted)))
    command = [sys.executable, "-m", "tests.bench.load"]
    done = subprocess.run(command, cwd=ROOT, input=asked, stdout=subprocess.PIPE, text=True, check=True)
    return Report(**json.loads(done.stdout))


if __name__ == "__main__":
    json.dump(asdict(asyncio.run(carry_out(Load(**json.load(sys.stdin))))), sys.stdout)
