"""Who may use the admin."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client


@pytest.fixture
def administrator(user: Any) -> User:
    """Ada, who is an administrator here."""
    user.is_staff = user.is_superuser = True
    user.save()
    return user  # type: ignore[no-any-return]


@pytest.fixture
def staff(administrator: User, browser: Client) -> Client:
    """A browser in which she is signed in."""
    return browser
