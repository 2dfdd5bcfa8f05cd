"""A sign-in on pages of ours, between its steps: sealed in the session's row, and given up with it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

import structlog

from connections.databases import give_back
from connections.models import OAuthSession
from providers import http, telegram_login
from providers.accounts import Account
from providers.http import ProviderUnavailable
from providers.sealed import SealBroken
from providers.telegram import App, SessionRefused

log = structlog.get_logger(__name__)

Step = Literal["number", "code", "password", "signed_in"]


@dataclass(frozen=True, kw_only=True, repr=False)
class HalfOpen:
    """How far it has come, with all that the next step needs.

    `values` are the provider's fields that people type. A code was sent by `how`, and can be sent again by `next` from
    `again_at` on; with `is_over` it is worth nothing any more. `waits` says until when a step must not be tried, and
    `unsure` that one was tried whose answer never came. Moments are seconds since 1970.
    """

    step: Step = "number"
    values: dict[str, str] = field(default_factory=dict)
    phone: str = ""
    session: str = ""
    code_hash: str = ""
    how: str = ""
    detail: str = ""
    length: int = 0
    next: str = ""
    again_at: float = 0.0
    is_over: bool = False
    hint: str = ""
    waits: dict[str, float] = field(default_factory=dict)
    unsure: bool = False
    account_id: str = ""
    label: str = ""

    def to_json(self) -> str:
        """As text, to be sealed."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, session: OAuthSession) -> "HalfOpen | None":
        """What `session` holds; None where that is nothing, or the key of its seal is lost."""
        try:
            return cls(**json.loads(session.login)) if session.login else None
        except SealBroken:
            return None

    @property
    def account(self) -> Account:
        """Who has signed in."""
        return Account(id=self.account_id, label=self.label)

    @property
    def may_be_signed_in(self) -> bool:
        """Whether there may be a session at the provider that has to be ended."""
        return bool(self.session) and (self.unsure or self.step == "signed_in")


def abandon(session: OAuthSession) -> None:
    """Give up what the row of `session` holds of a sign-in: end it if the provider lets us, and erase it.

    The row is read again, for a step that was under way may have completed it.
    """
    row = OAuthSession.objects.exclude(login="").filter(pk=session.pk).first()
    if row is None:
        return
    held = HalfOpen.of(row)
    if held and held.may_be_signed_in:
        sign_out(row.provider_id, held.values, held.session)
    OAuthSession.objects.filter(pk=row.pk).update(login="")


def sign_out(provider: str, values: Mapping[str, str], session: str) -> str:
    """End a session that was made by signing in here: ``revoked``, or ``failed``."""
    give_back()
    try:
        with http.waiting_room():
            ended = telegram_login.log_out(App.of(values), session)
    except (ProviderUnavailable, SessionRefused) as error:
        log.warning("sign_out_failed", provider=provider, reason=error.reason)
        return "failed"
    return "revoked" if ended else "failed"
