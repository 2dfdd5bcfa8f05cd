"""Stands in for every provider: answers what a test registered, records what was asked, refuses the rest."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

Answer = Callable[[httpx.Request], httpx.Response]


@dataclass
class Reply:
    """One registered answer; `left` counts how often it is still given, None without end."""

    answer: Answer
    left: int | None


class ProviderHttp:
    """A transport for `providers.http.use_transport`. Answers are found by method and URL without its query."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.unexpected: list[str] = []
        self.transport = httpx.MockTransport(self._answer)
        self._replies: dict[tuple[str, str], list[Reply]] = {}
        self._lock = threading.Lock()

    def reply(
        self,
        method: str,
        url: str,
        *,
        status: int = 200,
        json: Any = None,
        text: str | None = None,
        headers: dict[str, str] | None = None,
        error: Exception | None = None,
        answer: Answer | None = None,
        times: int | None = None,
    ) -> None:
        """Answer calls of `method` and `url` so; `error` is raised instead, `answer` makes the response itself.

        Replies with `times` are used up first, in the order given; of those without, the last one holds.
        """

        def given(request: httpx.Request) -> httpx.Response:
            if error is not None:
                raise error
            body = {"text": text} if text is not None else {} if json is None else {"json": json}
            return httpx.Response(status, headers=headers, request=request, **body)

        with self._lock:
            replies = self._replies.setdefault((method.upper(), _plain(httpx.URL(url))), [])
            if times is None:
                replies[:] = [reply for reply in replies if reply.left is not None]
            replies.append(Reply(answer or given, times))
            replies.sort(key=lambda reply: reply.left is None)

    def calls(self, method: str, url: str) -> list[httpx.Request]:
        """The recorded requests of one method and URL, whatever their query."""
        wanted = (method.upper(), _plain(httpx.URL(url)))
        return [request for request in self.requests if (request.method, _plain(request.url)) == wanted]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        request.read()
        with self._lock:
            self.requests.append(request)
            reply = self._next((request.method, _plain(request.url)))
        if reply is None:
            self.unexpected.append(f"{request.method} {_plain(request.url)}")
            raise AssertionError(f"no reply registered for {self.unexpected[-1]}")
        return reply.answer(request)

    def _next(self, call: tuple[str, str]) -> Reply | None:
        for reply in self._replies.get(call, []):
            if reply.left is None:
                return reply
            if reply.left > 0:
                reply.left -= 1
                return reply
        return None


def _plain(url: httpx.URL) -> str:
    return str(url.copy_with(query=None, fragment=None))
