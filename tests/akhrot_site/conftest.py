"""Fixtures of the account's tests."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apikeys.ledger import Caller
from connections import sessions
from tests.conftest import PASSWORD


@pytest.fixture
def sure(browser: Client) -> Client:
    """A browser whose user has just shown the password again."""
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return browser


@pytest.fixture
def furnished(connect: Any, configured: Any, user: User, agent: Any) -> None:
    """Ada with a grant that can be ended, a pasted key, an API key and a request that waits."""
    configured("google")
    connect("google")
    connect("openai")
    sessions.start(Caller(user=user), provider="google")
