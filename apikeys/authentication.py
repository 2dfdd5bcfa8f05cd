"""Who is calling: from ``Authorization: Bearer akhrot_…`` to the key and its user."""

import structlog
from django.contrib.auth.models import User
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request

from apikeys.addresses import client_address, neighbourhood
from apikeys.ledger import Caller
from apikeys.models import ApiKey
from apikeys.rates import counter

FAILURES = 30
FAILURES_WINDOW = 60


class ApiKeyAuthentication(BaseAuthentication):
    """Sets ``request.user`` to the key's user and ``request.auth`` to the `Caller`.

    Only the header counts: a key in a query string would end in logs and histories, and is never read.
    """

    def authenticate(self, request: Request) -> tuple[User, Caller] | None:
        """The caller; None where no key is shown. Raises AuthenticationFailed, the same for every cause."""
        scheme, _, shown = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
        if scheme.lower() != "bearer":
            return None
        address = client_address(request)
        key = ApiKey.objects.authenticate(shown.strip())
        if key is None:
            _count_failure(address)
            raise AuthenticationFailed
        return key.user, Caller(user=key.user, key=key, address=address, request_id=_request_id())

    def authenticate_header(self, request: Request) -> str:
        """What ``WWW-Authenticate`` says beside a 401 (RFC 6750, section 3)."""
        return "Bearer"


def _count_failure(address: str | None) -> None:
    """Note that `address` showed a key that is none; raises Throttled once it did so too often.

    It is asked only after a key was found wanting, so a valid one passes whoever else sits behind its address.
    """
    failures = counter().hit(f"failures:{neighbourhood(address)}", FAILURES_WINDOW)
    if failures.hits > FAILURES:
        raise Throttled(wait=failures.ends_in)


def caller_of(request: HttpRequest) -> Caller:
    """The caller of a dashboard view: the signed-in user, without a key. The view requires the login."""
    if not isinstance(request.user, User):
        raise TypeError("the view must require a login")
    return Caller(user=request.user, address=client_address(request), request_id=_request_id())


def _request_id() -> str:
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))
