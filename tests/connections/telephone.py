"""The way of somebody who connects Telegram with a phone, through the pages of an agent's link."""

import re
from typing import Any

from django.test import Client

from connections.link.signing_in import HalfOpen
from connections.models import OAuthSession
from tests.agents import Agent
from tests.telegram.stand_in import ADA, API_HASH, API_ID, CODE

APP = {"apiId": str(API_ID), "apiHash": API_HASH}


class Phone:
    """A link for Telegram in a browser, and the steps on its pages. Each gives the answer that they end on."""

    def __init__(self, agent: Agent, browser: Client, **asked: Any) -> None:
        self.agent, self.browser = agent, browser
        self.ask(**asked)

    def ask(self, **asked: Any) -> "Phone":
        """Ask for another link."""
        answer = self.agent.post("/oauth/sessions", {"provider": "telegram", **asked})
        assert answer.status_code == 201, answer.content
        self.id = answer.json()["data"]["sessionId"]
        self.at = f"/connect/{self.id}"
        return self

    def open(self, browser: Client | None = None, **query: str) -> Any:
        """Open the link, perhaps in another browser."""
        return (browser or self.browser).get(self.at, query, follow=True)

    def number(self, number: str = ADA.phone, **fields: str) -> Any:
        """The first step."""
        sent = {"way": "phone", **APP, "phone": f"+{number}", **fields}
        return self.browser.post(f"{self.at}/start", sent, follow=True)

    def code(self, code: str = CODE) -> Any:
        """The second."""
        return self.browser.post(f"{self.at}/code", {"code": code}, follow=True)

    def password(self, password: str) -> Any:
        """The third."""
        return self.browser.post(f"{self.at}/password", {"password": password}, follow=True)

    def press(self, step: str, **fields: str) -> Any:
        """A button that asks for nothing, such as ``resend``."""
        return self.browser.post(f"{self.at}/{step}", fields, follow=True)

    @property
    def session(self) -> OAuthSession:
        """Its row as it is now."""
        return OAuthSession.objects.select_related("provider", "connection", "user").get(pk=self.id)

    @property
    def half(self) -> HalfOpen:
        """What is sealed in it."""
        half = HalfOpen.of(self.session)
        assert half is not None
        return half

    def poll(self) -> dict[str, Any]:
        """What the agent sees of it."""
        answer = self.agent.get(f"/oauth/sessions/{self.id}").json()
        seen: dict[str, Any] = answer.get("data") or answer["error"]
        return seen

    def fetch(self, **body: Any) -> dict[str, Any]:
        """What the agent gets for Telegram."""
        answer = self.agent.post("/tokens/fetch", {"provider": "telegram", **body})
        assert answer.status_code == 200, answer.content
        data: dict[str, Any] = answer.json()["data"]
        return data


def text(answer: Any) -> str:
    """A page's text with the apostrophes as they are read."""
    said: str = answer.content.decode().replace("&#x27;", "'")
    return said


def faulty(page: Any) -> str:
    """The name of the field that is marked as wrong, has the focus, and is tied to what is said about it."""
    marked = re.findall(r"<input[^>]*aria-invalid=\"true\"[^>]*>", page.content.decode())
    assert len(marked) == 1
    assert "autofocus" in marked[0]
    name = re.search(r'name="(\w+)"', marked[0])
    assert name
    assert f"id_{name[1]}_error" in marked[0]
    assert f'id="id_{name[1]}_error" role="alert"' in page.content.decode()
    return name[1]


def alert(page: Any) -> str:
    """What is said above the form."""
    said = re.search(r'<div class="note note-bad mb-3" role="alert">.*?note-main">(.*?)</div>', text(page), re.DOTALL)
    assert said, text(page)
    return said[1]
