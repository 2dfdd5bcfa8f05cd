"""What the token endpoint does wrong, by name."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from tests.rogue.wire import Answer, Channel

HTML = "text/html; charset=utf-8"
SIGN_IN = b"<!doctype html><title>Sign in</title><h1>Sign in to continue</h1>"
BAD_GATEWAY = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
# Tokens that nobody issued: whoever stores them has believed a broken answer.
STRAY = {"access_token": "rogue-stray-at", "refresh_token": "rogue-stray-rt", "token_type": "Bearer"}
WRONG_TYPES = {"access_token": 12345, "refresh_token": {"value": "rogue"}, "expires_in": [3600], "token_type": "Bearer"}
CHALLENGE = ("WWW-Authenticate", 'Basic realm="rogue"')
ELSEWHERE = "/elsewhere"
DRIP_SECONDS = 1.0
ABSURD_LIFETIMES = (-1, 0, 1e18, "NaN", "soon", True)


def error(code: str, status: int = 400) -> Answer:
    """An OAuth error (RFC 6749 section 5.2)."""
    return Answer.json({"error": code}, status, *([CHALLENGE] if status == 401 else []))


# Answered in place of the endpoint's own answer, to which the grant is a stranger.
PAGES: Mapping[str, Answer] = {
    "html": Answer(200, SIGN_IN, HTML),
    "html_502": Answer(502, BAD_GATEWAY, HTML),
    "empty": Answer(200),
    "bad_json": Answer(200, b'{"access_token": "rogue-stray-at", "expires_in": '),
    "wrong_types": Answer.json(WRONG_TYPES),
    "no_token": Answer.json({}),
    "redirect": Answer(302, headers=(("Location", ELSEWHERE),)),
    "status_429": Answer(429, b"Too many requests", "text/plain"),
    "status_503": Answer(503, b"Service unavailable", "text/plain"),
    "status_500": error("server_error", 500),
    "unknown_400": error("weird_thing"),
    "error_200": error("temporarily_unavailable", 200),
    "invalid_client": error("invalid_client", 401),
    "invalid_grant": error("invalid_grant"),
    "invalid_grant_200": error("invalid_grant", 200),
    "bad_gzip": Answer(200, b"this is not gzip", headers=(("Content-Encoding", "gzip"),)),
}
ENDS_GRANT = frozenset({"invalid_grant", "invalid_grant_200"})
SAYS_WHEN = frozenset({"status_429", "status_503"})


def page(name: str, retry_after: str) -> Answer:
    """The answer of one of `PAGES`, with Retry-After where it belongs."""
    found = PAGES[name]
    if not retry_after or name not in SAYS_WHEN:
        return found
    return Answer(found.status, found.body, found.type, (("Retry-After", retry_after),))


async def _hang(channel: Channel, answer: Answer) -> None:
    await channel.until_closed()


async def _reset(channel: Channel, answer: Answer) -> None:
    channel.reset()


async def _truncated(channel: Channel, answer: Answer) -> None:
    await channel.send(answer.head() + answer.body[: len(answer.body) // 2])


async def _huge(channel: Channel, answer: Answer) -> None:
    await channel.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    await channel.send(b'12\r\n{"access_token": "\r\n')
    chunk = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
    while True:
        await channel.send(chunk)
        # `send` waits only when the buffer is full, and the control port has to answer meanwhile.
        await asyncio.sleep(0)


async def _drip(channel: Channel, answer: Answer) -> None:
    await channel.send(answer.head(length=1_000_000))
    while not await channel.closed_within(DRIP_SECONDS):
        await channel.send(b" ")


async def _http_garbage(channel: Channel, answer: Answer) -> None:
    await channel.send(b"\x15\x03\x01\x00\x02\x02\x16 what is this?\r\n\r\n")


Conduct = Callable[[Channel, Answer], Awaitable[None]]
# Each uses the connection up. What is cut or withheld is a stray answer.
CONDUCT: Mapping[str, Conduct] = {
    "hang": _hang,
    "reset": _reset,
    "truncated": _truncated,
    "huge": _huge,
    "drip": _drip,
    "http_garbage": _http_garbage,
}
# Here it is the true answer: the rotation has happened.
CONDUCT_AFTER: Mapping[str, Conduct] = {"reset_after": _reset, "truncated_after": _truncated}
STRAY_ANSWER = Answer.json({**STRAY, "expires_in": 3600})

Tokens = Mapping[str, Any]
VARIANTS = ("no_expires_in", "absurd_expires_in", "text_expires_in", "form_body")
NAMES = frozenset({*PAGES, *CONDUCT, *CONDUCT_AFTER, *VARIANTS})


class Variants:
    """The answers that are good and odd."""

    def __init__(self) -> None:
        self._lifetimes: Iterator[object] = itertools.cycle(ABSURD_LIFETIMES)

    def answer(self, name: str, tokens: Tokens) -> Answer:
        """The answer with these tokens, as the variant `name` (or none of them) has it."""
        if name == "form_body":
            return Answer(200, urlencode(tokens).encode(), "application/x-www-form-urlencoded")
        return Answer(200, json.dumps(self._told(name, tokens)).encode())

    def _told(self, name: str, tokens: Tokens) -> dict[str, Any]:
        told = dict(tokens)
        if name == "no_expires_in":
            del told["expires_in"]
        elif name == "absurd_expires_in":
            told["expires_in"] = next(self._lifetimes)
        elif name == "text_expires_in":
            told["expires_in"] = str(told["expires_in"])
        return told
