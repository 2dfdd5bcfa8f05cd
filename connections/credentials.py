"""What the row of a connection begins with whenever it is given another credential."""

import secrets
from typing import Any

from django.utils import timezone

from connections.refreshing.refreshable import Refreshable


def new_token_id() -> str:
    """A name for one access token that says nothing about it."""
    return f"tok_{secrets.token_urlsafe(12)}"


def key_columns() -> dict[str, Any]:
    """The columns beside its secrets of a credential that nobody renews, whatever the row held before."""
    return {
        "token_id": new_token_id(),
        "issued_at": timezone.now(),
        "expires_at": None,
        "refreshable": False,
        "refresh_at": None,
        "scopes": [],
        **as_new(),
    }


def as_new() -> dict[str, Any]:
    """What an earlier credential of the row went through is no matter of the next one's."""
    return {
        "status": Refreshable.Status.ACTIVE,
        "status_reason": "",
        "failures": 0,
        "retry_at": None,
        "last_error": "",
        "claimed_until": None,
        "lease_holder": "",
        "lease_until": None,
    }
