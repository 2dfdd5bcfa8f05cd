from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Callable

import structlog
from csp.utils import build_policy
from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import get_resolver
from django_structlog.middlewares import RequestMiddleware
from prometheus_client import Histogram

from akhrot_site import browsers
from apikeys.addresses import client_address

View = Callable[[HttpRequest], HttpResponseBase]

API_PATH = re.compile(r"^/(ai|tokens|oauth/sessions|providers|connections|openapi\.json|healthz|readyz)(/|$)")
QUIET_PATHS = frozenset(("/healthz", "/readyz", "/metrics"))
PLAIN_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
REQUEST_SECONDS = Histogram("akhrot_request_seconds", "Time to answer a request", ["view", "method", "status"])
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


def is_api_path(path: str) -> bool:
    """Whether agents, load balancers and machines call here: JSON always, cookies never."""
    return API_PATH.match(path) is not None


class TrustedProxies:
    """Drops what only a trusted proxy may say: by which scheme the request came to it."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "HTTP_X_FORWARDED_PROTO" in request.META and not self.is_trusted(request.META.get("REMOTE_ADDR", "")):
            del request.META["HTTP_X_FORWARDED_PROTO"]
        return self.get_response(request)

    def is_trusted(self, address: str) -> bool:
        """Whether `address` is one of AKHROT_TRUSTED_PROXIES."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in settings.AKHROT_TRUSTED_PROXIES)


class RequestLog(RequestMiddleware):
    """One log line and one measurement for each request, and a `Request-Id` that the ledger knows too.

    The line names the route, not the path: a path may hold a one-time key, and a query an OAuth code.
    """

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response: HttpResponse = super().__call__(request)  # type: ignore[assignment]
        REQUEST_SECONDS.labels(
            request.resolver_match.view_name or "unnamed" if request.resolver_match else "none",
            request.method if request.method in METHODS else "other",
            response.status_code,
        ).observe(time.perf_counter() - started)
        return response

    def prepare(self, request: HttpRequest) -> None:
        if not PLAIN_REQUEST_ID.fullmatch(request.META.get("HTTP_X_REQUEST_ID", "-")):
            del request.META["HTTP_X_REQUEST_ID"]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(address=client_address(request))
        super().prepare(request)

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        response["Request-Id"] = structlog.contextvars.get_contextvars()["request_id"]
        if _goes_without_saying(request.path_info, response.status_code):
            structlog.contextvars.clear_contextvars()
        else:
            super().handle_response(request, response)

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        match = request.resolver_match
        return f"{request.method} /{match.route}" if match else f"{request.method} {request.path}"


def _goes_without_saying(path: str, status: int) -> bool:
    """Whether a request is of a kind whose lines would bury the others: a check of health, or a file of a page."""
    return (path in QUIET_PATHS and status == 200) or (path.startswith(settings.STATIC_URL) and status < 400)


class ApiShortcut:
    """Answers API paths right here, past the middleware that serves browsers.

    Sessions, CSRF, messages and the rest cost more than a fetch itself, and could do nothing for a caller that
    shows a key. It is safe because these views know no cookie: a view below that wanted the session or `user` would
    find no such attribute. `tests/akhrot_site/test_middleware.py` proves that each takes the key alone.
    """

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response
        self.answer: View = convert_exception_to_response(self.call_view)  # type: ignore[assignment]

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer: View = self.answer if is_api_path(request.path_info) else self.get_response
        return answer(request)

    def call_view(self, request: HttpRequest) -> HttpResponseBase:
        """Resolve the address and call its view, as the handler itself would."""
        match = get_resolver().resolve(request.path_info)
        request.resolver_match = match
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        render = getattr(response, "render", None)
        if callable(render):
            response = render()
        # CommonMiddleware does this for browsers; without it the server would send the body in chunks.
        if isinstance(response, HttpResponse) and "Content-Length" not in response:
            response["Content-Length"] = str(len(response.content))
        return response


class AdminContentSecurityPolicy:
    """Gives `/admin/` its own policy: Unfold evaluates expressions and sets styles, and nobody else may."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.path_info.startswith("/admin/"):
            response["Content-Security-Policy"] = build_policy(update=settings.ADMIN_CONTENT_SECURITY_POLICY)
        return response


class LastSeen:
    """Notes when a signed-in browser was last here."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        browsers.note_seen(request)
        return self.get_response(request)
