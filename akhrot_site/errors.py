"""Errors that no view of ours answered: the envelope for agents, a page for people."""

from __future__ import annotations

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader

from akhrot_site.middleware import is_api_path


def answer(request: HttpRequest, *, status: int, code: str, message: str) -> HttpResponse:
    """The envelope at an API path, a page elsewhere."""
    if is_api_path(request.path_info):
        return JsonResponse({"status": "error", "error": {"code": code, "message": message}}, status=status)
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    context = {"status": status, "message": message, "request_id": request_id}
    # Rendered without the request: context processors may be what failed.
    return HttpResponse(loader.render_to_string("error.html", context), status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler of 400."""
    return answer(request, status=400, code="VALIDATION_ERROR", message="This request could not be understood.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler of 403."""
    return answer(request, status=403, code="FORBIDDEN", message="You may not do this.")


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler of 404."""
    return answer(request, status=404, code="NOT_FOUND", message="There is nothing at this address.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler of 500."""
    return answer(request, status=500, code="INTERNAL_ERROR", message="Something went wrong on our side.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """What a form without its CSRF token is answered."""
    return answer(
        request, status=403, code="FORBIDDEN", message="This form is too old. Reload the page and send it again."
    )
