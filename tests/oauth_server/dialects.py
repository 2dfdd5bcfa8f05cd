"""The ways in which real providers differ from RFC 6749, spoken over the same grants: tokens rotate as ever.

``get``: asked by GET, with grants of other names; errors have status 200, scopes are a list. ``absolute-…``: the end as
a moment. ``both``: a second token with the scopes of ``user_scope``. ``short``: a token of a minute without a refresh
token, to be exchanged at ``/long/exchange`` and traded for the next at ``/long/refresh``.
"""

import datetime as dt
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from oauth2_provider.models import AccessToken, Application
from oauth2_provider.views import TokenView

from tests.oauth_server.views import token_of

NAMES = {"get_code": "authorization_code", "get_refresh": "refresh_token"}
FORMS = {
    "absolute-seconds": lambda at: at.timestamp(),
    "absolute-milliseconds": lambda at: str(int(at.timestamp() * 1000)),
    "absolute-iso": lambda at: at.isoformat().replace("+00:00", "Z"),
}
SHORT, LONG = 60, 5_184_000
SITES = {"ada": ("hazel", "wal"), "bob": ("pea",)}

# What was asked for a second token, by the code that the consent gave.
_seconds: dict[str, str] = {}


def note_consent(request: HttpRequest, redirect_to: str) -> None:
    """Remember what the authorization request asked for a second token."""
    code = parse_qs(urlsplit(redirect_to).query).get("code")
    if code and (scope := request.GET.get("user_scope")):
        _seconds[code[0]] = scope


@csrf_exempt
def token(request: HttpRequest, dialect: str) -> HttpResponse:
    """The token endpoint of one dialect."""
    if (request.method == "GET") != (dialect == "get"):
        return HttpResponse(status=405)
    code = request.POST.get("code", "")
    if dialect == "get":
        _as_post(request)
    answer = TokenView.as_view()(request)
    document = json.loads(answer.content)
    if "access_token" not in document:
        return JsonResponse(document, status=200 if dialect == "get" else answer.status_code)
    return JsonResponse(_spoken(dialect, document, code))


def _as_post(request: HttpRequest) -> None:
    sent = request.GET.copy()
    sent["grant_type"] = NAMES.get(sent.get("grant_type", ""), "unsupported")
    request.method, request.POST = "POST", sent  # type: ignore[assignment]
    request.META |= {"QUERY_STRING": "", "CONTENT_TYPE": "application/x-www-form-urlencoded"}


def _spoken(dialect: str, document: dict[str, Any], code: str) -> dict[str, Any]:
    now = timezone.now()
    if dialect == "get":
        return {**document, "scope": document["scope"].split(), "expires_in": str(document["expires_in"])}
    if form := FORMS.get(dialect):
        ends = form(now + dt.timedelta(seconds=document.pop("expires_in")))
        return {**document, "ends": ends, "refresh_ends": form(now + dt.timedelta(days=30))}
    if dialect == "both" and code in _seconds:
        scope = _seconds.pop(code).replace(",", " ")
        user = AccessToken.objects.get(token=document["access_token"]).user
        second = _issue(user, scope, SHORT)
        return {**document, "user": {"access_token": second, "scope": scope.replace(" ", ","), "expires_in": SHORT}}
    if dialect == "short":
        ends_soon = AccessToken.objects.filter(token=document["access_token"])
        ends_soon.update(expires=now + dt.timedelta(seconds=SHORT))
        return {"data": [{"access_token": document["access_token"], "permissions": document["scope"].split()}]}
    return document


@csrf_exempt
def long_token(request: HttpRequest, step: str) -> HttpResponse:
    """Another token for one that lives, which ends with that. Errors have a number, as Meta's have."""
    sent = request.GET
    held = AccessToken.objects.filter(token=sent.get("access_token", ""), expires__gt=timezone.now()).first()
    asked = {"exchange": "x_exchange_token", "refresh": "x_refresh_token"}[step]
    secret_is_right = step == "refresh" or sent.get("client_secret") == "akhrot-test-secret"
    if held is None or sent.get("grant_type") != asked or not secret_is_right:
        return JsonResponse({"error": {"message": "Session has expired", "code": 190}}, status=400)
    issued = _issue(held.user, held.scope, LONG)
    AccessToken.objects.filter(pk=held.pk).update(expires=timezone.now())
    return JsonResponse({"access_token": issued, "token_type": "bearer", "expires_in": LONG})


def _issue(user: Any, scope: str, lifetime: int) -> str:
    ends = timezone.now() + dt.timedelta(seconds=lifetime)
    issued = f"issued-{uuid4().hex}"
    AccessToken.objects.create(
        user=user, application=Application.objects.get(), token=issued, expires=ends, scope=scope
    )
    return issued


def sites(request: HttpRequest) -> HttpResponse:
    """What the holder of the token may use."""
    held = token_of(request)
    if held is None:
        return JsonResponse({"error": "invalid_token"}, status=401)
    names = SITES[held.user.username.partition("@")[0]]
    return JsonResponse({"sites": [{"id": f"id-{name}", "name": name} for name in names]})


def site_files(request: HttpRequest, site: str) -> HttpResponse:
    """The API of one site."""
    held = token_of(request)
    mine = held and site.removeprefix("id-") in SITES[held.user.username.partition("@")[0]]
    return JsonResponse([{"name": f"{site}.txt"}], safe=False) if mine else JsonResponse({}, status=403)
