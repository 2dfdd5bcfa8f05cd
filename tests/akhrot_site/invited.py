"""An invitation as its operator makes it, and the form of whoever accepts it."""

import re
from typing import Any

import pytest
from django.test import Client

PEOPLE = "/accounts/people/"
PASSWORD = "walnuts-are-not-nuts"
FORM = {"password1": PASSWORD, "password2": PASSWORD}


@pytest.fixture(autouse=True)
def by_invitation(settings: Any) -> None:
    """An instance that people come to by invitation."""
    settings.AKHROT_SIGNUP = "invite"


def link_in(answer: Any) -> str:
    """The path of the link that an answer shows."""
    found = re.search(r"http://[^\s<]+(/accounts/invitation/[^\s<]+)", answer.content.decode())
    assert found
    return found[1]


def invite(staff: Client, email: str = "bob@example.com") -> str:
    """Invite someone, and answer the path of the link."""
    answer = staff.post(PEOPLE, {"email": email})
    assert answer.status_code == 200
    return link_in(answer)
