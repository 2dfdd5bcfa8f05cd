"""What the tests of connections share."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.test import Client

from apikeys.ledger import Caller
from connections import sessions
from providers import telegram
from providers.models import Provider
from tests.agents import Agent
from tests.connections.begun import IDENTITY_URL, TOKEN_URL, Begun
from tests.connections.notebook import ADA, DOCUMENT, ME, TOKEN
from tests.connections.telephone import Phone
from tests.provider_http import ProviderHttp
from tests.telegram.stand_in import Telegram


@pytest.fixture
def begin(user: User, configured: Any, provider_http: ProviderHttp) -> Any:
    """``begin(account=…)`` starts a session for `user` in a browser of its own; Google issues a grant for it."""
    configured("google")
    provider_http.reply(
        "POST",
        TOKEN_URL,
        json={"access_token": "a1", "refresh_token": "r1", "expires_in": 3600, "scope": "openid"},
    )
    provider_http.reply("GET", IDENTITY_URL, json={"sub": "42", "email": "ada@gmail.example"})

    def begin(**options: Any) -> Begun:
        caller, browser = Caller(user=user), SessionStore()
        session = sessions.start(caller, provider="google", **options)
        url = sessions.begin(caller, session, browser, {})
        params = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        return Begun(session, caller, browser, params)

    return begin


@pytest.fixture
def world() -> Iterator[Telegram]:
    """A Telegram with Ada, Bob who has a password, and a number without an account."""
    world = Telegram()
    telegram.use_client(world.client)
    yield world
    telegram.use_client(None)


@pytest.fixture
def phone(agent: Agent, browser: Client, world: Telegram) -> Phone:
    """An agent of `user` asked for Telegram, and `user` has the link open in `browser`."""
    return Phone(agent, browser)


@pytest.fixture
def notebook(db: None) -> Provider:
    """The operator has added a provider with two ways, and has set no OAuth client for it yet."""
    return Provider.objects.create(code="notebook", specification=DOCUMENT)


@pytest.fixture
def client_set(notebook: Provider, configured: Any) -> Provider:
    """And now he has."""
    row: Provider = configured("notebook")
    return row


@pytest.fixture
def answers(provider_http: ProviderHttp) -> ProviderHttp:
    """The notebook issues a1 and r1, and says that it is Ada, whoever asks."""
    provider_http.reply("POST", TOKEN, json={"access_token": "a1", "refresh_token": "r1", "expires_in": 3600})
    provider_http.reply("GET", ME, json=ADA)
    return provider_http
