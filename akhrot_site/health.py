from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from providers.models import check_canary


@require_safe
@never_cache
def alive(request: HttpRequest) -> HttpResponse:
    """The process answers. Asks nobody else, so that a database away never restarts a web process."""
    return JsonResponse({"status": "success", "data": {"alive": True}})


@require_safe
@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    """The database answers and the keyring opens what it holds: send requests here."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        check_canary()
    except (DatabaseError, ImproperlyConfigured):
        error = {
            "code": "SERVICE_UNAVAILABLE",
            "message": "The database or the keyring is not available.",
            "retryAfter": 5,
        }
        return JsonResponse({"status": "error", "error": error}, status=503, headers={"Retry-After": "5"})
    return JsonResponse({"status": "success", "data": {"ready": True}})
