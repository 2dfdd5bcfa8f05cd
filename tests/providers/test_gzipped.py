"""A provider's answer that comes packed is no larger than one that does not."""

import gzip
import json
import threading
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.test import Client

from connections.models import Connection
from providers.gzipped import STEP, unpacked
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


def paste(agent: Agent, browser: Client, address: str) -> str:
    made = agent.post("/oauth/sessions", {"provider": "meilisearch"}).json()["data"]
    form = {"way": "", "instanceUrl": address, "apiKey": "k" * 32}
    return browser.post(f"/connect/{made['sessionId']}/start", form, follow=True).content.decode()


def test_an_answer_may_come_packed(host: Any, agent: Agent, browser: Client):
    paste(agent, browser, host(gzip.compress(VERSION), "gzip"))
    assert Connection.objects.get().verification == "verified"


@pytest.mark.parametrize(
    ("times", "coding", "said"),
    [
        (1, "gzip", "answered more than 1,000,000 bytes"),
        (2, "gzip, gzip", "sent an answer that cannot be unpacked"),
        (2, "deflate, gzip", "sent an answer that cannot be unpacked"),
    ],
)
def test_no_answer_swells_beyond_the_limit(
    host: Any, agent: Agent, browser: Client, times: int, coding: str, said: str
):
    body = LARGE
    for _ in range(times):
        body = gzip.compress(body)
    assert said in paste(agent, browser, host(body, coding))
    assert not Connection.objects.exists()


def test_what_lies_beyond_the_limit_is_never_unpacked(host: Any, agent: Agent, browser: Client):
    """Its checksum, which comes last, is wrong: only whoever unpacks more than he may finds that out."""
    broken = gzip.compress(LARGE)[:-8] + bytes(8)
    with pytest.raises(zlib.error):
        zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(broken)
    assert "answered more than 1,000,000 bytes" in paste(agent, browser, host(broken, "gzip"))
    assert not Connection.objects.exists()


def test_what_is_packed_well_is_unpacked_step_by_step():
    """Each step is made when it is taken, so that whoever stops has no more than he took."""
    taken: list[int] = []

    def pieces() -> Iterator[bytes]:
        packed = gzip.compress(LARGE)
        for start in range(0, len(packed), 1_000):
            taken.append(start)
            yield packed[start : start + 1_000]

    steps = unpacked(pieces(), "gzip")
    assert len(next(steps)) == STEP
    assert len(taken) == 1
    rest = [len(step) for step in steps]
    assert max(rest) <= STEP
    assert STEP + sum(rest) == len(LARGE)
