"""What a token endpoint answers: a grant, or the error it means."""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from django.utils import timezone

from providers import moments
from providers.http import Answer, ProviderUnavailable
from providers.oauth_parts import OAuth, Paths
from providers.storable import storable
from providers.template import look_up

SHOWN = 120
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
        document = storable(dict(parse_qsl(answer.body.decode("utf-8", "replace")))) or None
    error = _error_in(document, oauth.answer.error)
    if error and answer.status < 500 and answer.status != 429:
        if error in revoked:
            raise GrantRevoked(plain(error))
        if error in oauth.client_errors:
            raise ClientRefused(plain(error))
    failed = error or (isinstance(document, dict) and document.get("error"))
    if failed or not 200 <= answer.status < 300 or not isinstance(document, dict):
        reason = f"the token endpoint answered {answer.status}: {plain(error) if error else 'no token'}"
        kind = ErrorAnswered if error and answer.status < 500 else ProviderUnavailable
        raise kind(reason, answer.retry_after(), is_down=answer.status >= 500)
    return document


def _error_in(document: Any, path: str) -> str:
    """The provider's error code as a text (Meta's are numbers); empty where there is none."""
    error = look_up(document, path)
    return str(error) if isinstance(error, str | int) and error and not isinstance(error, bool) else ""


def plain(error: str) -> str:
    """The provider's error code for people: letters, digits and a few signs, never a long text of its own."""
    return "".join(sign for sign in error[:SHOWN] if sign.isalnum() or sign in "_-. ")


def grant_in(oauth: OAuth, document: dict[str, Any], paths: Paths | None = None) -> Grant:
    """The grant in a token answer (RFC 6749 section 5.1), by the file's paths or by `paths`.

    Raises ProviderUnavailable where there is none.
    """
    at = oauth.answer if paths is None else paths
    access_token = look_up(document, at.access_token)
    if not isinstance(access_token, str) or not access_token:
        raise ProviderUnavailable("the token endpoint answered no access token")
    refresh_token = look_up(document, at.refresh_token)
    scopes = _scopes(look_up(document, at.scope))
    second, seconds_scopes = _second_in(oauth, document)
    ends_in = look_up(document, at.refresh_expires_in)
    return Grant(
        access_token=access_token,
        refresh_token=refresh_token if isinstance(refresh_token, str) else "",
        expires_at=moments.after(look_up(document, at.expires_in))
        or moments.at(look_up(document, at.expires_at))
        or moments.after(oauth.lifetime),
        scopes=None if scopes is None else [*scopes, *seconds_scopes],
        extra={**kept_in(document, oauth.keep), **second},
        ends_at=moments.after(ends_in) or moments.at(look_up(document, at.refresh_expires_at)),
    )


def _second_in(oauth: OAuth, document: dict[str, Any]) -> tuple[dict[str, str], list[str]]:
    """The second token as ``extra`` has it, and its scopes with their prefix; nothing where none came."""
    rule = oauth.second
    token = look_up(document, rule.access_token) if rule else None
    if rule is None or not isinstance(token, str) or not token:
        return {}, []
    ends = moments.after(look_up(document, rule.expires_in)) if rule.expires_in else None
    held = {rule.name: token, **({f"{rule.name}ExpiresAt": ends.isoformat()} if ends else {})}
    return held, [rule.prefix + scope for scope in _scopes(look_up(document, rule.scope)) or []]


def scopes_kept(oauth: OAuth | None, known: list[str], kept: Mapping[str, str], grant: Grant) -> list[str]:
    """The scopes after `grant` came to what was `kept`: those of a second token stay with it, if no other came."""
    if grant.scopes is None:
        return known
    rule = oauth.second if oauth else None
    if rule is None or rule.name not in kept or rule.name in grant.extra:
        return grant.scopes
    return list(dict.fromkeys([*grant.scopes, *(scope for scope in known if scope.startswith(rule.prefix))]))


def lasting(oauth: OAuth | None, extra: Mapping[str, str]) -> dict[str, str]:
    """`extra` without a second token that is over."""
    rule = oauth.second if oauth else None
    ends = extra.get(f"{rule.name}ExpiresAt") if rule else None
    if rule is None or not ends or dt.datetime.fromisoformat(ends) > timezone.now():
        return dict(extra)
    return {name: value for name, value in extra.items() if name not in (rule.name, f"{rule.name}ExpiresAt")}


def kept_in(document: Any, paths: Mapping[str, str]) -> dict[str, str]:
    """The values at `paths` of a JSON document by their names, as texts; what is not there is left out."""
    found = {name: look_up(document, path) for name, path in paths.items()}
    return {name: str(value) for name, value in found.items() if value not in (None, "")}


def _scopes(scope: Any) -> list[str] | None:
    """The granted scopes. Providers that ask with spaces answer with commas (GitHub), so both part them."""
    if isinstance(scope, list):
        return [str(one) for one in scope]
    return scope.replace(",", " ").split() if isinstance(scope, str) else None
