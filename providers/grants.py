"""What a token endpoint answers: a grant, or the error it means."""

import datetime as dt
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from django.utils import timezone

from providers.http import Answer, ProviderUnavailable
from providers.parts import OAuth
from providers.template import look_up

SHOWN = 120
LONGEST = 10 * 365 * 86_400
MOMENTS = ("expires_at", "ends_at")


class GrantRevoked(Exception):
    """The provider refuses this grant for good: the user must consent again. `reason` is fit to be shown."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ClientRefused(ProviderUnavailable):
    """The provider refuses our OAuth client: a matter for the operator. The grant is not to blame and stays."""


class ErrorAnswered(ProviderUnavailable):
    """The token endpoint answered an error of OAuth that blames neither the grant nor the client."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Grant:
    """What a token endpoint issued. `scopes` is None where it did not say, `refresh_token` empty where none came.

    `expires_at` is the end of the access token, `ends_at` that of the refresh token; None where it did not say.
    """

    access_token: str
    refresh_token: str = ""
    expires_at: dt.datetime | None = None
    scopes: list[str] | None = None
    extra: dict[str, str] = field(default_factory=dict)
    ends_at: dt.datetime | None = None

    def to_json(self) -> str:
        """As text, to be sealed."""
        moments = {name: getattr(self, name) for name in MOMENTS}
        return json.dumps({**self.__dict__, **{name: at and at.isoformat() for name, at in moments.items()}})

    @classmethod
    def from_json(cls, text: str) -> "Grant":
        """What `to_json` wrote, also before there was an `ends_at`."""
        held = json.loads(text)
        moments = {name: held.get(name) for name in MOMENTS}
        return cls(**{**held, **{name: at and dt.datetime.fromisoformat(at) for name, at in moments.items()}})


def token_document(oauth: OAuth, answer: Answer, revoked: tuple[str, ...]) -> dict[str, Any]:
    """The token answer, or the error it means: by its ``error`` field first and the status second.

    Raises GrantRevoked for the errors in `revoked`, ClientRefused for the file's `client_errors`, and for everything
    else that is no answer ProviderUnavailable.
    """
    document = answer.json()
    if document is None:
        document = dict(parse_qsl(answer.body.decode("utf-8", "replace"))) or None
    error = document.get("error") if isinstance(document, dict) else None
    if isinstance(error, str) and answer.status < 500 and answer.status != 429:
        if error in revoked:
            raise GrantRevoked(plain(error))
        if error in oauth.client_errors:
            raise ClientRefused(plain(error))
    if error or not 200 <= answer.status < 300 or not isinstance(document, dict):
        said = plain(error) if isinstance(error, str) else "no token"
        reason = f"the token endpoint answered {answer.status}: {said}"
        kind = ErrorAnswered if isinstance(error, str) and answer.status < 500 else ProviderUnavailable
        raise kind(reason, answer.retry_after(), is_down=answer.status >= 500)
    return document


def plain(error: str) -> str:
    """The provider's error code for people: letters, digits and a few signs, never a long text of its own."""
    return "".join(sign for sign in error[:SHOWN] if sign.isalnum() or sign in "_-. ")


def grant_in(oauth: OAuth, document: dict[str, Any]) -> Grant:
    """The grant in a token answer (RFC 6749 section 5.1). Raises ProviderUnavailable where there is none."""
    access_token = look_up(document, oauth.answer.get("access_token", "access_token"))
    if not isinstance(access_token, str) or not access_token:
        raise ProviderUnavailable("the token endpoint answered no access token")
    refresh_token = look_up(document, oauth.answer.get("refresh_token", "refresh_token"))
    scope = look_up(document, oauth.answer.get("scope", "scope"))
    kept = {name: look_up(document, path) for name, path in oauth.keep.items()}
    lifetime = look_up(document, oauth.answer.get("expires_in", "expires_in"))
    ends_in = look_up(document, oauth.answer.get("refresh_expires_in", "refresh_token_expires_in"))
    return Grant(
        access_token=access_token,
        refresh_token=refresh_token if isinstance(refresh_token, str) else "",
        expires_at=_moment(lifetime, otherwise=oauth.lifetime),
        scopes=_scopes(scope),
        extra={name: str(value) for name, value in kept.items() if value not in (None, "")},
        ends_at=_moment(ends_in),
    )


def _scopes(scope: Any) -> list[str] | None:
    """The granted scopes. Providers that ask with spaces answer with commas (GitHub), so both part them."""
    if isinstance(scope, list):
        return [str(one) for one in scope]
    return scope.replace(",", " ").split() if isinstance(scope, str) else None


def _moment(seconds: Any, *, otherwise: int | None = None) -> dt.datetime | None:
    """In so many seconds, or in `otherwise` where the answer holds no number to believe; None: not known."""
    try:
        lifetime = 0.0 if isinstance(seconds, bool) else float(seconds or 0)
    except (TypeError, ValueError, OverflowError):
        lifetime = 0.0
    # No comparison with "NaN", which JSON parsers take for a number, holds.
    if not 0 < lifetime <= LONGEST:
        lifetime = float(otherwise or 0)
    return timezone.now() + dt.timedelta(seconds=lifetime) if lifetime else None
