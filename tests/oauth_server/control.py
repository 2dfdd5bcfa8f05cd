"""What tests steer and count: requests by endpoint, faults to come, tokens to end or to make."""

import contextlib
import json
import select
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar
from uuid import uuid4

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from oauth2_provider.models import AccessToken, Application, RefreshToken
from oauthlib.common import generate_token

Passed = TypeVar("Passed", HttpRequest, HttpResponse)
ENDPOINTS = {"/o/token/": "token", "/o/revoke_token/": "revoke", "/me": "identity", "/o/authorize/": "authorize"}
# The token endpoints of the dialects, and the names they have for a refresh.
DIALECTS = ("/dialects/", "/long/")
REFRESHES = ("refresh_token", "get_refresh", "x_refresh_token")
NAMES = ("token", "refresh", "refresh_ok", "refresh_refused", "authorize", "revoke", "identity")
BREAKABLE = ("token", "revoke", "identity")
KINDS = ("status", "hang", "garbage", "close", "invalid_grant", "invalid_client", "slow")
HANG_SECONDS = 60.0

_lock = threading.Lock()
_counts: Counter[str] = Counter()
_faults: dict[str, deque[dict[str, Any]]] = {}
_refreshing = 0

# The toolkit checks a refresh token before it locks the row, and gives a second caller that comes in between the
# first one's answer. A strict provider refuses it and ends the family, so tokens are issued one at a time.
_issuing = threading.Lock()


class Faults:
    """Counts each request to an endpoint, and breaks those that a test wants broken."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        endpoint = _endpoint(request)
        if endpoint is None:
            return self.get_response(request)
        grant_type = request.POST.get("grant_type") or request.GET.get("grant_type")
        refreshes = endpoint == "token" and grant_type in REFRESHES
        fault = _enter(endpoint, refreshes)
        try:
            return self.answer(request, fault, refreshes)
        finally:
            _leave(refreshes)

    def answer(self, request: HttpRequest, fault: dict[str, Any] | None, refreshes: bool) -> HttpResponse:
        """The real answer, a broken one in its place, or a broken one after the real one was made."""
        if fault is None:
            return self.real(request, refreshes)
        if fault.get("after_issue"):
            response = self.real(request, refreshes)
            return _slowly(fault, response) if fault["kind"] == "slow" else _broken(request, fault)
        if fault["kind"] == "slow":
            return self.real(_slowly(fault, request), refreshes)
        return _broken(request, fault)

    def real(self, request: HttpRequest, refreshes: bool) -> HttpResponse:
        """What the server does by itself; only this counts as a refresh given or refused."""
        if _endpoint(request) != "token":
            return self.get_response(request)
        with _issuing:
            response = self.get_response(request)
        if refreshes:
            with _lock:
                given = response.status_code == 200 and b'"error"' not in response.content
                _counts["refresh_ok" if given else "refresh_refused"] += 1
        return response


def _endpoint(request: HttpRequest) -> str | None:
    return "token" if request.path_info.startswith(DIALECTS) else ENDPOINTS.get(request.path_info)


def _enter(endpoint: str, refreshes: bool) -> dict[str, Any] | None:
    global _refreshing
    with _lock:
        _counts[endpoint] += 1
        if refreshes:
            _counts["refresh"] += 1
            _refreshing += 1
            _counts["max_concurrent_refresh"] = max(_counts["max_concurrent_refresh"], _refreshing)
        waiting = _faults.get(endpoint)
        return waiting.popleft() if waiting else None


def _leave(refreshes: bool) -> None:
    global _refreshing
    with _lock:
        _refreshing -= refreshes


def _slowly(fault: dict[str, Any], what: Passed) -> Passed:
    time.sleep(fault.get("seconds", 2))
    return what


def _broken(request: HttpRequest, fault: dict[str, Any]) -> HttpResponse:
    kind = fault["kind"]
    if kind == "hang":
        _hold(request, fault.get("seconds", HANG_SECONDS))
    if kind in ("hang", "close"):
        return _dropped(request)
    if kind == "garbage":
        return HttpResponse("<html>not a token</html>")
    if kind in ("invalid_grant", "invalid_client"):
        return JsonResponse({"error": kind}, status=400 if kind == "invalid_grant" else 401)
    headers = {"Retry-After": str(fault["retry_after"])} if fault.get("retry_after") else {}
    return HttpResponse("broken", status=fault.get("status", 503), headers=headers)


def _hold(request: HttpRequest, seconds: float) -> None:
    """Say nothing until the time is up or the caller hangs up, so that a caller who left counts as one no longer."""
    _ = request.body  # What is left unread would look like a caller who hangs up.
    select.select([request.META["oauth_server.connection"]], [], [], seconds)


def _dropped(request: HttpRequest) -> HttpResponse:
    """End the connection; the answer made here meets a closed socket and goes nowhere."""
    # The caller may have ended it first.
    with contextlib.suppress(OSError):
        request.META["oauth_server.connection"].shutdown(socket.SHUT_RDWR)
    return HttpResponse()


def _sent(request: HttpRequest) -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(request.body or b"{}")
    return sent


def counts(_: HttpRequest) -> HttpResponse:
    """How often each endpoint was asked, how many refreshes run now, and how many ran at once at most."""
    with _lock:
        counted = {name: _counts[name] for name in (*NAMES, "max_concurrent_refresh")}
        return JsonResponse({**counted, "refreshing": _refreshing})


@csrf_exempt
def reset(_: HttpRequest) -> HttpResponse:
    """Forget counts and faults."""
    with _lock:
        _counts.clear()
        _faults.clear()
    return JsonResponse({})


@csrf_exempt
def fault(request: HttpRequest) -> HttpResponse:
    """Break the next `times` requests to `endpoint`."""
    sent = _sent(request)
    if sent["endpoint"] not in BREAKABLE or sent["kind"] not in KINDS:
        return JsonResponse({"error": f"breaks {BREAKABLE} by {KINDS}"}, status=400)
    with _lock:
        _faults.setdefault(sent["endpoint"], deque()).extend([sent] * sent.get("times", 1))
    return JsonResponse({})


@csrf_exempt
def expire(request: HttpRequest) -> HttpResponse:
    """End the time of one access token, or of all."""
    tokens = AccessToken.objects.all()
    if token := _sent(request).get("access_token"):
        tokens = tokens.filter(token=token)
    return JsonResponse({"expired": tokens.update(expires=timezone.now() - timedelta(seconds=1))})


@csrf_exempt
def revoke_grants(request: HttpRequest) -> HttpResponse:
    """End every grant of a user, as the user could at the provider."""
    for token in RefreshToken.objects.filter(user__email=_sent(request)["username"], revoked=None):
        token.revoke()
    return JsonResponse({})


@csrf_exempt
def mint(request: HttpRequest) -> HttpResponse:
    """A grant without the consent page, as real as any other."""
    sent = _sent(request)
    user, application = User.objects.get(email=sent["username"]), Application.objects.get()
    ends = timezone.now() + timedelta(seconds=sent.get("lifetime", 3600))
    access = AccessToken.objects.create(
        user=user, application=application, token=generate_token(), expires=ends, scope=" ".join(sent["scopes"])
    )
    refresh = RefreshToken.objects.create(
        user=user, application=application, token=generate_token(), access_token=access, token_family=uuid4()
    )
    return JsonResponse(
        {"access_token": access.token, "refresh_token": refresh.token, "expires_in": sent.get("lifetime", 3600)}
    )


@csrf_exempt
def allow_redirect(request: HttpRequest) -> HttpResponse:
    """Register one more redirect URI with the client."""
    application = Application.objects.get()
    application.redirect_uris = f"{application.redirect_uris} {_sent(request)['uri']}".strip()
    application.save()
    return JsonResponse({})
