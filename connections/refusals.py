"""From whatever a view raises to an answer of the contract."""

from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from connections import errors

log = structlog.get_logger(__name__)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's hook: every exception of a view becomes the envelope. What is no error of the contract is logged."""
    answer = translated(error, context)
    return Response(answer.body(), status=answer.status, headers=answer.headers())


def translated(error: Exception, context: dict[str, Any]) -> errors.ApiError:
    """The contract's error for an exception of a view."""
    if isinstance(error, errors.ApiError):
        return error
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        return errors.Unauthorized()
    if isinstance(error, exceptions.ValidationError):
        return errors.ValidationFailed("The request is not valid.", fields=_fields(error.detail))
    if isinstance(error, RequestDataTooBig):
        return errors.ValidationFailed("The body is too large.", hint="Send a JSON object of a few lines.")
    if isinstance(error, exceptions.ParseError):
        return errors.ValidationFailed("The body is not valid JSON.", hint="Send a JSON object in UTF-8.")
    if isinstance(error, exceptions.UnsupportedMediaType):
        return errors.UnsupportedMediaType("The body must be JSON.", hint="Send Content-Type: application/json.")
    if isinstance(error, exceptions.MethodNotAllowed):
        view = context.get("view")
        return errors.MethodNotAllowed(str(error.detail), ", ".join(view.allowed_methods) if view else "")
    if isinstance(error, exceptions.Throttled):
        return errors.RateLimited(
            "There were too many requests.",
            hint="Wait for as many seconds as retryAfter says; RateLimit tells beforehand how many are left.",
            retry_after=getattr(error, "wait", None) or 1,
        )
    if isinstance(error, exceptions.PermissionDenied | PermissionDenied):
        return errors.Forbidden("This key may not do that.")
    if isinstance(error, exceptions.NotFound | Http404 | exceptions.NotAcceptable):
        return errors.NotFound()
    if isinstance(error, OperationalError | InterfaceError):
        log.error("database_unavailable", error=type(error).__name__)
        return errors.ServiceDown("Akhrot cannot answer for now.", hint="Try again shortly.", retry_after=5)
    log.exception("unexpected_error", error=type(error).__name__)
    return errors.InternalError("Something went wrong inside Akhrot; the Request-Id names it for the operator.")


def _fields(detail: Any) -> dict[str, str]:
    """DRF's nested details as field → one message."""
    if not isinstance(detail, dict):
        return {"body": _first(detail)}
    return {("body" if name == "non_field_errors" else str(name)): _said(value) for name, value in detail.items()}


def _said(detail: Any) -> str:
    """The message of a field; of a list that of its first item at fault, as in ``item 2: must be a string``."""
    if isinstance(detail, dict) and detail:
        place, first = next(iter(detail.items()))
        return f"item {int(place) + 1}: {_first(first)}"
    return _first(detail)


def _first(detail: Any) -> str:
    while isinstance(detail, list | dict) and detail:
        detail = next(iter(detail.values())) if isinstance(detail, dict) else detail[0]
    return str(detail) if detail else "is not valid"
