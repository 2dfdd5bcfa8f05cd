"""A provider's answer that comes packed is no larger than one that does not."""

import gzip
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.test import Client

from connections.models import Connection
from providers import gzipped, http
from providers.gzipped import STEP
from tests.agents import Agent

VERSION = json.dumps({"pkgVersion": "1.11.0"}).encode()
LARGE = b" " * 50_000_000


@pytest.fixture
def host(settings: Any) -> Iterator[Callable[..., str]]:
    """``host(body, "gzip")`` runs a server that answers whatever is asked with `body`, and gives its address."""
    settings.AKHROT_ALLOW_PRIVATE_HOSTS = ("127.0.0.1",)
    running: list[ThreadingHTTPServer] = []

    def host(body: bytes, coding: str) -> str:
        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                for name, value in {"Content-Type": "application/json", "Content-Encoding": coding}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        running.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield host
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The size of each piece that was unpacked. Asking tracemalloc instead may crash a Python 3.11 that has threads.

    https://github.com/python/cpython/issues/128679
    """
    sizes: list[int] = []

    def noted(pieces: Iterable[bytes], coding: str) -> Iterator[bytes]:
        for piece in gzipped.unpacked(pieces, coding):
            sizes.append(len(piece))
            yield piece

    monkeypatch.setattr(http, "unpacked", noted)
    return sizes


def paste(agent: Agent, browser: Client, address: str) -> str:
    made = agent.post("/oauth/sessions", {"provider": "meilisearch"}).json()["data"]
    form = {"way": "", "instanceUrl": address, "apiKey": "k" * 32}
    return browser.post(f"/connect/{made['sessionId']}/start", form, follow=True).content.decode()


def test_an_answer_may_come_packed(host: Any, agent: Agent, browser: Client):
    paste(agent, browser, host(gzip.compress(VERSION), "gzip"))
    assert Connection.objects.get().verification == "verified"


@pytest.mark.parametrize(
    ("times", "coding", "said", "most"),
    [
        (1, "gzip", "answered more than 1,000,000 bytes", http.LONGEST_ANSWER + STEP),
        (2, "gzip, gzip", "sent an answer that cannot be unpacked", 0),
        (2, "deflate, gzip", "sent an answer that cannot be unpacked", 0),
    ],
)
def test_no_answer_swells_beyond_the_limit(
    host: Any, agent: Agent, browser: Client, unpacked: list[int], times: int, coding: str, said: str, most: int
):
    body = LARGE
    for _ in range(times):
        body = gzip.compress(body)
    page = paste(agent, browser, host(body, coding))
    assert said in page
    assert sum(unpacked) <= most
    assert max(unpacked, default=0) <= STEP
    assert not Connection.objects.exists()
