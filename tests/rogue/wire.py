"""As much HTTP/1.1 as a token endpoint needs, and a port that can go away and come back."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

HOST = "127.0.0.1"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """A request that has been read to its end. Names of headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    keeps_alive: bool

    def form(self) -> dict[str, str]:
        """The body as form fields; of a repeated one the last."""
        return dict(parse_qsl(self.body.decode("latin-1"), keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Answer:
    """A well-formed answer."""

    status: int
    body: bytes = b""
    type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def json(cls, content: Any, status: int = 200, *headers: tuple[str, str]) -> "Answer":
        """An answer of JSON."""
        return cls(status, json.dumps(content).encode(), JSON, headers)

    def head(self, *, length: int | None = None) -> bytes:
        """The status line and the headers; `length` in place of the true one."""
        told = len(self.body) if length is None else length
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}", f"Content-Type: {self.type}"]
        lines += [f"Content-Length: {told}", "Cache-Control: no-store"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


@dataclass(frozen=True, slots=True)
class Channel:
    """The connection that a request came on, for what no well-formed answer can do."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send bytes as they are. ConnectionError where the client has gone."""
        self.writer.write(data)
        await self.writer.drain()

    async def until_closed(self) -> None:
        """Return when the client has gone, and answer nothing."""
        while await self.reader.read(65536):
            pass

    async def closed_within(self, seconds: float) -> bool:
        """Wait so long, or until the client has gone."""
        try:
            await asyncio.wait_for(self.until_closed(), seconds)
        except TimeoutError:
            return False
        return True

    def reset(self) -> None:
        """End the connection with RST in place of FIN, unless the client has ended it."""
        connection = self.writer.get_extra_info("socket")
        if connection.fileno() >= 0:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


# No answer means that the handler has used the connection up.
Handler = Callable[[Request, Channel], Awaitable[Answer | None]]


async def read_request(reader: asyncio.StreamReader) -> Request:
    """The next request. EOFError, ValueError or ConnectionError where there is none."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    method, path, version = first.split(" ")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if "transfer-encoding" in headers:
        raise ValueError("a body without a length")
    length = int(headers.get("content-length", "0"))
    body = await reader.readexactly(length) if length else b""
    keeps_alive = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    return Request(method, path.partition("?")[0], headers, body, keeps_alive)


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((HOST, port))
    bound.setblocking(False)
    return bound


class Port:
    """A port of this machine. While it is closed connections are refused, and nobody else can take it."""

    def __init__(self, port: int, handler: Handler) -> None:
        self._handler = handler
        self._socket = _bound(port)
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[Any], Channel] = {}
        self.number: int = self._socket.getsockname()[1]

    async def open(self) -> None:
        """Listen."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, sock=self._socket, backlog=2048)

    async def close(self) -> None:
        """Stop listening and drop every connection, with the requests that are under way. All is done on return."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        # Bound without listening: otherwise the port could become the near end of somebody's connection.
        self._socket = _bound(self.number)
        dropped = dict(self._connections)
        for task, channel in dropped.items():
            task.cancel()
            channel.reset()
        if dropped:
            await asyncio.wait(dropped)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        channel, task = Channel(reader, writer), asyncio.current_task()
        if self._server is None or task is None:
            channel.reset()
            return
        self._connections[task] = channel
        try:
            await self._converse(channel)
        # The last one comes from `close`.
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass
        finally:
            del self._connections[task]
            writer.close()

    async def _converse(self, channel: Channel) -> None:
        while True:
            request = await read_request(channel.reader)
            answer = await self._handler(request, channel)
            if answer is None:
                return
            await channel.send(answer.head() + answer.body)
            if not request.keeps_alive:
                return
