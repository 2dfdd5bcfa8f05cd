"""The control port: JSON in, JSON out, whatever the provider's port does at the moment."""

import json
from typing import Any

from tests.rogue.provider import Provider
from tests.rogue.wire import Answer, Channel, Port, Request


class Control:
    """Each method answers the POST to its name; what it takes and gives is `Rogue`'s business."""

    def __init__(self, provider: Provider, port: Port) -> None:
        self._provider = provider
        self._port = port

    async def handle(self, request: Request, channel: Channel) -> Answer:
        """Answer one command; 400 with the reason where it makes no sense."""
        try:
            sent = json.loads(request.body or b"{}")
            found = self._command(request.path.strip("/"), sent)
            await self._listen()
        except (ValueError, TypeError, KeyError, AttributeError, OSError) as problem:
            return Answer.json({"error": f"{type(problem).__name__}: {problem}"}, 400)
        return Answer.json(found)

    def _command(self, name: str, sent: Any) -> Any:
        match name:
            case "behave":
                self._provider.behaviour.change(sent)
            case "once":
                self._provider.behaviour.queue(sent["faults"])
            case "reset":
                self._provider.reset()
            case "register":
                self._provider.clients[sent["client_id"]] = sent["client_secret"]
            case "revoke":
                self._provider.grants.by_id[sent["id"]].end("user")
            case "mint":
                return self._mint(sent["number"], sent["lifetime"])
            case _:
                return self._look(name, sent)
        return self._provider.behaviour.told()

    def _look(self, name: str, sent: Any) -> Any:
        by_id = self._provider.grants.by_id
        match name:
            case "settings":
                return self._provider.behaviour.told()
            case "counts":
                return self._provider.counts.told()
            case "last":
                return list(self._provider.counts.last)
            case "grants":
                return {grant_id: by_id[grant_id].told() for grant_id in sent["ids"] or by_id}
            case "dead":
                return [grant.id for grant in by_id.values() if not grant.alive]
        raise ValueError(f"there is no command {name!r}")

    def _mint(self, number: int, lifetime: float | None) -> list[dict[str, Any]]:
        seconds = self._provider.behaviour.settings.lifetime if lifetime is None else lifetime
        return [self._minted(seconds) for _ in range(number)]

    def _minted(self, lifetime: float) -> dict[str, Any]:
        grant = self._provider.grants.mint()
        token, end = self._provider.grants.issue(grant, lifetime)
        return {"id": grant.id, "access_token": token, "refresh_token": grant.refresh_token, "expires_at": end}

    async def _listen(self) -> None:
        if self._provider.behaviour.settings.listening:
            await self._port.open()
        else:
            await self._port.close()
