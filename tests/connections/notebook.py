"""A provider that people sign in to or give a token of, and the two ways through the page of its link."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.test import Client

from providers import registry
from tests.providers.test_ways import NOTEBOOK

TOKEN, ME = "https://notebook.example/oauth/token", "https://api.notebook.example/me"
REVOKE = "https://notebook.example/oauth/revoke"
ADA, BOB = {"id": 42, "email": "ada@notebook.example"}, {"id": 43, "email": "bob@notebook.example"}
FILE = NOTEBOOK.replace("[oauth.identity]", f'revoke_url = "{REVOKE}"\n\n[oauth.identity]')
DOCUMENT = registry.parse(FILE, source="notebook.toml").model_dump(mode="json", exclude_unset=True)


def link(agent: Any, **body: Any) -> str:
    """The path of a link that an agent asked for."""
    answer = agent.post("/oauth/sessions", {"provider": "notebook", **body})
    assert answer.status_code == 201, answer.content
    url: str = answer.json()["data"]["url"]
    return "/connect/" + url.rpartition("/")[2]


def sign_in(agent: Any, browser: Client, **body: Any) -> Any:
    """The whole way through the provider; the page that it ends on."""
    away = browser.post(f"{link(agent, **body)}/start", {"way": ""})
    assert away.status_code == 303, away.content
    state = parse_qs(urlsplit(away["Location"]).query)["state"][0]
    back = browser.get("/oauth/callback/notebook", {"state": state, "code": "c"})
    return browser.get(back["Location"])


def paste(agent: Any, browser: Client, token: str = "t1", *, sent: Any = None, **body: Any) -> Any:
    """The same with a token that is pasted."""
    form = {"way": "token", "token": token, **(sent or {})}
    return browser.post(f"{link(agent, **body)}/start", form, follow=True)


def fetch(agent: Any, status: int = 200, **body: Any) -> Any:
    """The data of a fetch, or its error."""
    answer = agent.post("/tokens/fetch", {"provider": "notebook", **body})
    assert answer.status_code == status, answer.content
    return answer.json()["data" if status == 200 else "error"]
