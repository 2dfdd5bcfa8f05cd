"""The provider's port: the token endpoint with its rules and faults, revocation, and an API to use tokens at."""

import asyncio
import base64
import binascii
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from tests.rogue.behaviour import Behaviour
from tests.rogue.counts import Counts, Visits
from tests.rogue.faults import (
    CONDUCT,
    CONDUCT_AFTER,
    ELSEWHERE,
    ENDS_GRANT,
    PAGES,
    STRAY_ANSWER,
    VARIANTS,
    Variants,
    error,
    page,
)
from tests.rogue.grants import Grant, Grants
from tests.rogue.wire import Answer, Channel, Request

CLIENT_ID = "rogue-client"
CLIENT_SECRET = "rogue-secret"
NOT_FOUND = Answer.json({"error": "not_found"}, 404)
NO_TOKEN = Answer.json({"error": "invalid_token"}, 401, ("WWW-Authenticate", 'Bearer error="invalid_token"'))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a token request ends by the provider's own rules: with tokens, or with the answer that refuses them."""

    name: str
    tokens: dict[str, Any] | None = None
    refusal: Answer = NOT_FOUND


class Provider:
    """Everything the provider knows. It lasts as long as the process."""

    def __init__(self) -> None:
        self.behaviour = Behaviour()
        self.counts = Counts()
        self.grants = Grants()
        self.clients = {CLIENT_ID: CLIENT_SECRET}
        self._visits = Visits()
        self._variants = Variants()

    def reset(self) -> None:
        """Counts to zero, settings to their defaults; the grants and clients stay."""
        self.behaviour.reset()
        self.counts = Counts()
        self._variants = Variants()

    async def handle(self, request: Request, channel: Channel) -> Answer | None:
        """Answer one request; None where a fault has used the connection up."""
        match request.method, request.path:
            case "POST", "/token":
                return await self._token(request, channel)
            case "POST", "/revoke":
                return self._revoke(request)
            case "GET", "/me" | "/api":
                return self._use(request)
            case _, path if path == ELSEWHERE:
                self.counts.followed += 1
                return STRAY_ANSWER
        return NOT_FOUND

    async def _token(self, request: Request, channel: Channel) -> Answer | None:
        form, fault = request.form(), self.behaviour.next_fault()
        grant = self.grants.of_refresh_token(form.get("refresh_token", ""))
        self.counts.requests += 1
        with self._visits.visit(self.counts, grant.id if grant else ""):
            return await self._answer(request, form, grant, fault, channel)

    async def _answer(
        self, request: Request, form: dict[str, str], grant: Grant | None, fault: str, channel: Channel
    ) -> Answer | None:
        settings, outcome, name = self.behaviour.settings, None, grant.id if grant else ""
        alone = fault in PAGES or fault in CONDUCT
        try:
            if settings.delay:
                await asyncio.sleep(settings.delay)
            if not alone:
                outcome = self._decide(request, form)
            elif grant and fault in ENDS_GRANT:
                grant.end("invalid_grant")
            if settings.delay_after:
                await asyncio.sleep(settings.delay_after)
        except asyncio.CancelledError:
            self._count(name, "gone", outcome, lost=True)
            raise
        if fault:
            self.counts.by_fault[fault] += 1
        self._count(name, fault, outcome, lost=fault in CONDUCT_AFTER)
        answer = self._variant(fault, outcome) if outcome else STRAY_ANSWER
        if conduct := CONDUCT.get(fault) or CONDUCT_AFTER.get(fault):
            await conduct(channel, answer)
            return None
        return answer if outcome else page(fault, settings.retry_after)

    def _count(self, grant_id: str, fault: str, outcome: Outcome | None, *, lost: bool) -> None:
        counts = self.counts
        if outcome:
            counts.refused += outcome.tokens is None
            counts.lost += outcome.tokens is not None and lost
            counts.issued += outcome.name == "issued" and not lost
            counts.refreshed += outcome.name == "refreshed" and not lost
        counts.note(grant_id, " ".join(part for part in (outcome.name if outcome else "", fault) if part))

    def _variant(self, fault: str, outcome: Outcome) -> Answer:
        if outcome.tokens is None:
            return outcome.refusal
        return self._variants.answer(fault if fault in VARIANTS else "", outcome.tokens)

    def _decide(self, request: Request, form: dict[str, str]) -> Outcome:
        """Apply the request. Nothing here waits, so that no two requests meet in it."""
        client_id = self._client(request, form)
        if client_id is None:
            return _refused("invalid_client", 401)
        match form.get("grant_type"):
            case "client_credentials":
                return self._client_credentials(client_id)
            case "refresh_token" if client_id == CLIENT_ID:
                return self._refresh(form.get("refresh_token", ""))
            case "refresh_token":
                return _refused("unauthorized_client")
        return _refused("unsupported_grant_type")

    def _refresh(self, token: str) -> Outcome:
        settings, grant = self.behaviour.settings, self.grants.of_refresh_token(token)
        if grant is None:
            return _refused("invalid_grant")
        if token in grant.used:
            self.counts.reused += 1
            if settings.on_reuse == "kill":
                self.counts.killed += grant.end("reuse")
            if settings.on_reuse != "accept":
                return Outcome("reused", refusal=error("invalid_grant"))
        if not grant.alive:
            return _refused("invalid_grant")
        grant.refreshes += 1
        if settings.rotate == "always" or (settings.rotate == "sometimes" and grant.refreshes % 3 == 0):
            self.grants.rotate(grant)
        if settings.ends_old_access:
            grant.access.clear()
        tokens = self._issue(grant)
        if settings.rotate == "same" or grant.refresh_token != token:
            tokens["refresh_token"] = grant.refresh_token
        return Outcome("refreshed", tokens)

    def _client_credentials(self, client_id: str) -> Outcome:
        grant = self.grants.of_client(client_id)
        return Outcome("issued", self._issue(grant)) if grant.alive else _refused("invalid_client", 401)

    def _issue(self, grant: Grant) -> dict[str, Any]:
        lifetime = self.behaviour.settings.lifetime
        token, _ = self.grants.issue(grant, lifetime)
        told = int(lifetime) if lifetime == int(lifetime) else lifetime
        return {"access_token": token, "token_type": "Bearer", "expires_in": told}

    def _client(self, request: Request, form: dict[str, str]) -> str | None:
        """The id of the client that has proved itself, by RFC 6749 section 2.3.1."""
        name, secret = _basic(request) or (form.get("client_id", ""), form.get("client_secret", ""))
        return name if name in self.clients and self.clients[name] == secret else None

    def _revoke(self, request: Request) -> Answer:
        form = request.form()
        if self._client(request, form) is None:
            return error("invalid_client", 401)
        self.counts.revoked += self.grants.give_back(form.get("token", ""))
        return Answer.json({})

    def _use(self, request: Request) -> Answer:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        grant = self.grants.of_access_token(token) if scheme.lower() == "bearer" else None
        if grant is None:
            return NO_TOKEN
        return Answer.json({"sub": f"user-{grant.id}", "email": f"{grant.id}@rogue.test"})


def _refused(code: str, status: int = 400) -> Outcome:
    return Outcome(code, refusal=error(code, status))


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(value).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote_plus(name), unquote_plus(secret)
