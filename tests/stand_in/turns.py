"""One request after the other: what each must be like to the last sign, and what it is answered."""

import base64
import hashlib
import json
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
# What the HTTP client itself adds.
ITS_OWN = {"host", "user-agent", "accept-encoding", "connection", "content-length"}


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A request that is due, and its answer. `url` may have a query of its own; `headers` are all that we send.

    `challenge`: the parameter named by `verifier` must be what it was made of (RFC 7636 section 4.6).
    """

    what: str
    method: str
    url: str
    headers: dict[str, str]
    query: dict[str, str] = field(default_factory=dict)
    form: dict[str, str] | None = None
    json: Any = None
    challenge: str = ""
    verifier: str = "code_verifier"
    status: int = 200
    answer: Any = None

    def differences(self, request: httpx.Request) -> list[str]:
        """What `request` has otherwise."""
        due = httpx.URL(self.url)
        query, body = _pairs(request.url.query), self._body(request)
        if self.challenge:
            query, body = (self._proven(query), body) if self.method == "GET" else (query, self._proven(body))
        pairs = {
            "method": (request.method, self.method),
            "address": (_bare(request.url), _bare(due)),
            "query": (sorted(query), sorted([*_pairs(due.query), *self.query.items()])),
            "body": (body, self.form if self.form is not None else self.json),
            "headers": (_ours(request), {name.lower(): value for name, value in self._due_headers().items()}),
        }
        return [f"{self.what}: {what} {got!r}, not {due!r}" for what, (got, due) in pairs.items() if got != due]

    def _due_headers(self) -> dict[str, str]:
        kind = FORM if self.form is not None else JSON if self.json is not None else ""
        return {**({"Content-Type": kind} if kind else {}), **self.headers}

    def _body(self, request: httpx.Request) -> Any:
        """What was sent, as a dictionary if it is what was due; else as it came."""
        text = request.content.decode()
        try:
            if self.json is not None and text:
                return json.loads(text)
            pairs = _pairs(request.content)
        except ValueError:
            return text
        return dict(pairs) or None if len(dict(pairs)) == len(pairs) else pairs

    def _proven(self, sent: Any) -> Any:
        """`sent` without the verifier that belongs to the challenge; nothing at all if there is none."""
        if not isinstance(sent, dict | list):
            return []
        pairs = list(sent.items()) if isinstance(sent, dict) else sent
        proofs = [value for name, value in pairs if name == self.verifier]
        if len(proofs) != 1 or challenge_of(proofs[0]) != self.challenge:
            return []
        left = [(name, value) for name, value in pairs if name != self.verifier]
        return dict(left) if isinstance(sent, dict) else left


class StandIn:
    """A transport for `providers.http.use_transport`: the requests that are due, in their order, and no others."""

    def __init__(self) -> None:
        self.due: deque[Turn] = deque()
        self.complaints: list[str] = []
        self.seen: Counter[str] = Counter()
        self.transport = httpx.MockTransport(self._answer)

    def expect(self, *turns: Turn) -> None:
        """Let these be due next."""
        self.due.extend(turns)

    def check(self) -> None:
        """That all came, each as it was due."""
        assert self.complaints == []
        assert [turn.what for turn in self.due] == [], "was not asked"

    def _answer(self, request: httpx.Request) -> httpx.Response:
        request.read()
        if not self.due:
            self.complaints.append(f"{request.method} {request.url} is one too many")
            return httpx.Response(400, json={"error": "invalid_request"})
        turn = self.due.popleft()
        self.seen[turn.what] += 1
        if wrong := turn.differences(request):
            self.complaints += wrong
            return httpx.Response(400, json={"error": "invalid_request"})
        return httpx.Response(turn.status, json=turn.answer)


def challenge_of(verifier: str) -> str:
    """Its S256 challenge (RFC 7636 section 4.2), for a verifier as long as section 4.1 wants it."""
    assert 43 <= len(verifier) <= 128
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _bare(url: httpx.URL) -> tuple[str, str, str]:
    return url.scheme, url.netloc.decode(), url.raw_path.partition(b"?")[0].decode()


def _ours(request: httpx.Request) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name not in ITS_OWN}


def _pairs(text: bytes) -> list[tuple[str, str]]:
    return parse_qsl(text.decode(), keep_blank_values=True, strict_parsing=True) if text else []
