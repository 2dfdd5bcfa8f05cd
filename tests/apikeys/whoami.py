"""A limited view that says who calls, and a dashboard view that does the same, for the tests of authentication."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from apikeys.authentication import caller_of
from apikeys.ledger import Caller
from apikeys.throttling import LimitedView

PATH = "/ai/whoami"


def described(caller: Any) -> dict[str, Any]:
    """A caller as JSON."""
    assert isinstance(caller, Caller)
    key = caller.key.pk if caller.key else None
    return {"user": caller.user.email, "key": key, "address": caller.address, "requestId": caller.request_id}


class WhoAmI(LimitedView):
    """Answers who calls; a POST must be JSON."""

    def get(self, request: Request) -> Response:
        """The caller."""
        return Response({**described(request.auth), "signedIn": str(request.user)})

    def post(self, request: Request) -> Response:
        """The caller, after the body was read."""
        return Response({**described(request.auth), "body": request.data})


def page(request: HttpRequest) -> HttpResponse:
    """The caller of a dashboard view."""
    return JsonResponse(described(caller_of(request)))


urlpatterns = [path("ai/whoami", WhoAmI.as_view()), path("app/whoami", page)]
