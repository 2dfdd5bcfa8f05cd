"""Many agents at once: prepared requests on keep-alive sockets, and every answer kept."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Told:
    """One answer: when the call began (epoch seconds), how long it took, its status (0: none came) and body."""

    began: float
    took: float
    status: int
    body: dict[str, Any]
    account: str = ""

    @property
    def code(self) -> str:
        """The error's code; ``ok`` for a success, ``no answer`` where none came."""
        return str(self.body.get("error", {}).get("code", "ok" if self.status == 200 else "no answer"))

    @property
    def token(self) -> str:
        """The access token that was answered."""
        return str(self.body.get("data", {}).get("accessToken", ""))


@dataclass
class Caller:
    """One agent with one socket, which it opens anew when it must."""

    url: str
    key: str
    patience: float = 60.0
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(default=None, repr=False)

    async def fetch(self, account: str = "", provider: str = "rogue", **more: Any) -> Told:
        """Fetch a token, for `account` or the default connection."""
        body = json.dumps({"provider": provider, **({"account": account} if account else {}), **more}).encode()
        began = time.time()
        # A socket that the server closed while it was idle says nothing about the server: it is tried once more.
        for fresh in (False, True):
            had = self._streams is not None
            try:
                status, told = await asyncio.wait_for(self._ask(body), self.patience)
                return Told(began, time.time() - began, status, told, account)
            except (OSError, asyncio.IncompleteReadError, ValueError, IndexError):
                self.close()
                if fresh or not had:
                    break
            except TimeoutError:
                self.close()
                break
        return Told(began, time.time() - began, 0, {}, account)

    async def _ask(self, body: bytes) -> tuple[int, dict[str, Any]]:
        parts = urlsplit(self.url)
        if self._streams is None:
            self._streams = await asyncio.open_connection(parts.hostname, parts.port)
        reader, writer = self._streams
        head = (
            f"POST /tokens/fetch HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {self.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status = int(answer.split(" ", 2)[1])
        length = next(int(line[15:]) for line in answer.lower().split("\r\n") if line.startswith("content-length:"))
        return status, json.loads(await reader.readexactly(length))

    def close(self) -> None:
        """Drop the socket."""
        if self._streams:
            self._streams[1].close()
        self._streams = None


def count(answers: Iterable[Told]) -> dict[str, int]:
    """How many answers of each code."""
    return dict(Counter(told.code for told in answers))


def percentile(values: list[float], share: float) -> float:
    """The value that `share` of all are not above; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0
