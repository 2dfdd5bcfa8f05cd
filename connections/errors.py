"""The contract's error table: one class a row. `connections.refusals` makes them of what else is raised."""

import json
import math
import shlex
from collections.abc import Iterable
from typing import Any, ClassVar

from django.conf import settings

KEY_PLACEHOLDER = "{Akhrot_API_KEY}"


def call(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """A call of this API as ``{"method", "path", "body"?, "curl"}``, so that an agent can act without documentation."""
    parts = [
        "curl -s",
        f"-X {method}" if method != "GET" else "",
        f'-H "Authorization: Bearer {KEY_PLACEHOLDER}"',
    ]
    if body is not None:
        parts += [
            '-H "Content-Type: application/json"',
            f"-d {shlex.quote(json.dumps(body, ensure_ascii=False))}",
        ]
    curl = " ".join([*filter(None, parts), f'"{settings.AKHROT_BASE_URL}{path}"'])
    return {"method": method, "path": path, **({"body": body} if body is not None else {}), "curl": curl}


def connect_call(provider: str, **body: Any) -> dict[str, Any]:
    """The call that makes a connect link for `provider`."""
    return call("POST", "/oauth/sessions", {"provider": provider, **body})


class ApiError(Exception):
    """An answer of the contract's error table. `message` is one sentence and never repeats a credential."""

    code: ClassVar[str]
    status: ClassVar[int]

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        next: dict[str, Any] | None = None,
        retry_after: float | None = None,
        fields: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.next = next
        self.retry_after = None if retry_after is None else max(1, math.ceil(retry_after))
        self.fields = fields

    def body(self) -> dict[str, Any]:
        """The contract's envelope."""
        optional = {
            "hint": self.hint,
            "retryAfter": self.retry_after,
            "next": self.next,
            "fields": self.fields,
        }
        error = {"code": self.code, "message": self.message, **{name: v for name, v in optional.items() if v}}
        return {"status": "error", "error": error}

    def headers(self) -> dict[str, str]:
        """The HTTP headers that go with it."""
        return {"Retry-After": str(self.retry_after)} if self.retry_after else {}


class Unauthorized(ApiError):
    code, status = "UNAUTHORIZED", 401

    def __init__(self) -> None:
        super().__init__(
            "The API key is missing or not valid.",
            hint="Send Authorization: Bearer followed by a key made in the dashboard of this Akhrot.",
        )

    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": "Bearer"}


class Forbidden(ApiError):
    code, status = "FORBIDDEN", 403


class IntegrationNotFound(ApiError):
    code, status = "INTEGRATION_NOT_FOUND", 404

    def __init__(self, provider: str) -> None:
        super().__init__(
            f"The user has not connected {provider}.",
            hint="Make a connect link with the call in next and give its url to the user.",
            next=connect_call(provider),
        )


class ProviderNotFound(ApiError):
    code, status = "PROVIDER_NOT_FOUND", 404

    def __init__(self, code: str, nearest: Iterable[str]) -> None:
        near = ", ".join(nearest)
        super().__init__(
            f"There is no provider {code[:64]!r} here.",
            hint=f"Did you mean: {near}?" if near else "GET /providers?search= lists what there is.",
            next=call("GET", "/providers"),
        )


class WayNotFound(ApiError):
    """The provider is there, but not any more the way in which this connection was made."""

    code, status = "PROVIDER_NOT_FOUND", 404


class ServiceNotFound(ApiError):
    code, status = "SERVICE_NOT_FOUND", 404

    def __init__(self, provider: str, service: str, services: Iterable[str]) -> None:
        super().__init__(
            f"The provider {provider} has no service {service[:64]!r}.",
            hint=f"Its services: {', '.join(services) or 'none'}.",
            next=call("GET", f"/ai/context/{provider}"),
        )


class SessionNotFound(ApiError):
    code, status = "SESSION_NOT_FOUND", 404

    def __init__(self) -> None:
        super().__init__("There is no such session.", hint="Make one with POST /oauth/sessions.")


class ConnectionNotFound(ApiError):
    code, status = "CONNECTION_NOT_FOUND", 404

    def __init__(self) -> None:
        super().__init__("There is no such connection.", next=call("GET", "/connections"))


class AccountNotFound(ApiError):
    code, status = "ACCOUNT_NOT_FOUND", 404

    def __init__(self, provider: str, labels: Iterable[str]) -> None:
        known = ", ".join(labels)
        super().__init__(
            f"The user has no such account of {provider}.",
            hint=f"There are: {known}." if known else "There is none yet.",
            next=connect_call(provider),
        )


class AccountAmbiguous(ApiError):
    code, status = "ACCOUNT_AMBIGUOUS", 409

    def __init__(self, provider: str, labels: Iterable[str]) -> None:
        super().__init__(
            f"Several accounts of {provider} go by that name.",
            hint=f"Name one by its connection id: {', '.join(labels)}.",
            next=call("GET", "/connections"),
        )


class ProviderNotConfigured(ApiError):
    code, status = "PROVIDER_NOT_CONFIGURED", 409


class MissingScopes(ApiError):
    code, status = "MISSING_SCOPES", 409

    def __init__(self, provider: str, service: str, missing: list[str], connection_id: str) -> None:
        super().__init__(
            f"The user has not granted what {provider}/{service} needs.",
            hint=f"Missing scopes: {', '.join(missing)}.",
            next=connect_call(provider, services=[service], account=connection_id),
        )


class TokenExpired(ApiError):
    code, status = "TOKEN_EXPIRED", 400

    def __init__(self, provider: str, reason: str, connection_id: str) -> None:
        super().__init__(
            f"The token of {provider} is expired and cannot be refreshed: {reason}.",
            hint="Make a connect link with the call in next; the user reconnects with it.",
            next=connect_call(provider, account=connection_id),
        )


class SessionExpired(ApiError):
    code, status = "SESSION_EXPIRED", 400

    def __init__(self, provider: str) -> None:
        super().__init__(
            "The session is older than 10 minutes and was not completed.",
            hint="Make another one.",
            next=connect_call(provider),
        )


class ValidationFailed(ApiError):
    code, status = "VALIDATION_ERROR", 400


class RateLimited(ApiError):
    code, status = "RATE_LIMITED", 429


class ProviderDown(ApiError):
    code, status = "PROVIDER_UNAVAILABLE", 503


class NoRoomToWait(ProviderDown):
    """A refusal by limit: this process has as many callers waiting on providers as it may have."""


class ServiceDown(ApiError):
    code, status = "SERVICE_UNAVAILABLE", 503


class MethodNotAllowed(ApiError):
    code, status = "METHOD_NOT_ALLOWED", 405

    def __init__(self, message: str, allow: str) -> None:
        super().__init__(message, hint=f"This address takes {allow}." if allow else "")
        self.allow = allow

    def headers(self) -> dict[str, str]:
        return {"Allow": self.allow} if self.allow else {}


class NotFound(ApiError):
    code, status = "NOT_FOUND", 404

    def __init__(self) -> None:
        super().__init__(
            "There is nothing at this address.",
            hint="The skill document tells every call there is.",
            next=call("GET", "/ai/skill"),
        )


class UnsupportedMediaType(ApiError):
    code, status = "UNSUPPORTED_MEDIA_TYPE", 415


class InternalError(ApiError):
    code, status = "INTERNAL_ERROR", 500
