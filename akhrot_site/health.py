from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from functools import wraps

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from akhrot_site import lifeline
from connections.errors import MethodNotAllowed
from connections.models import Connection, Sweep
from providers.models import check_canary

CHECKS = ("database", "keyring", "sweep", "backlog")
LONGEST_SILENCE = 60.0
LONGEST_BACKLOG = dt.timedelta(minutes=5)
# Before the first sweep of a new site, and while the first sweeps work off what became due while it was down.
GRACE = 60.0


def to_be_read(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Answers GET and HEAD with `view`, and everything else as the rest of the API does."""

    @wraps(view)
    def read(request: HttpRequest) -> HttpResponse:
        if request.method in {"GET", "HEAD"}:
            return view(request)
        error = MethodNotAllowed(f'Method "{request.method}" not allowed.', "GET, HEAD")
        return JsonResponse(error.body(), status=error.status, headers=error.headers())

    return read


@to_be_read
@never_cache
def alive(request: HttpRequest) -> HttpResponse:
    """The process answers. Asks nobody else, so that a database away never restarts a web process."""
    return JsonResponse({"status": "success", "data": {"alive": True}})


@to_be_read
@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    """The site does its work: the database answers, the keyring opens what it holds, refreshes are made in time."""
    found = troubles()
    if not found:
        return JsonResponse({"status": "success", "data": {"ready": True, "checks": dict.fromkeys(CHECKS, "ok")}})
    # Without the database nothing is known of the others.
    other = "unknown" if "database" in found else "ok"
    error = {
        "code": "SERVICE_UNAVAILABLE",
        "message": " ".join(found.values()),
        "retryAfter": 5,
        "checks": {name: "trouble" if name in found else other for name in CHECKS},
    }
    return JsonResponse({"status": "error", "error": error}, status=503, headers={"Retry-After": "5"})


def troubles() -> dict[str, str]:
    """What is wrong by the name of its check, each in a sentence that says where to look."""
    try:
        found = {"sweep": _sweep(), "backlog": _backlog(), "keyring": _keyring()}
    except DatabaseError:
        return {"database": "The database does not answer: is it running, and DATABASE_URL right?"}
    return {name: said for name, said in found.items() if said}


def _keyring() -> str:
    try:
        check_canary()
    except ImproperlyConfigured:
        return "The keyring does not open this database: are AKHROT_KEYS or the keyring file those of this site?"
    return ""


def _sweep() -> str:
    age = Sweep.age()
    if _is_young() or (age is not None and age <= LONGEST_SILENCE):
        return ""
    since = "never run" if age is None else f"not run for {age:.0f} s"
    return f"The sweep has {since}: is a worker running?"


def _backlog() -> str:
    overdue = Connection.objects.overdue(LONGEST_BACKLOG).order_by("refresh_at")
    oldest = overdue.values_list("refresh_at", flat=True).first()
    if oldest is None or _is_young():
        return ""
    waited = (timezone.now() - oldest).total_seconds()
    return f"A refresh has been due for {waited:.0f} s: are the workers stuck, or too few?"


def _is_young() -> bool:
    return time.monotonic() - lifeline.STARTED < GRACE
