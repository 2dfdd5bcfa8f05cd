"""How a connection stands, in words for its user; and the same as conditions of the database, to find them by.

The two must agree on who needs their user, what ends and what fails: a test compares them.
"""

import datetime as dt
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import Q
from django.utils import timezone
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from connections.models import Connection
from connections.refreshing.asking import CLIENT_REFUSED
from connections.times import days, element
from connections.wording import reason_in_words

# What ends within this time is told before anything else that is well.
SOON = dt.timedelta(days=30)


class Words(NamedTuple):
    """A state: the kind that gives its colour (good, calm, warn, bad, off), its name, and what it means."""

    kind: str
    name: str
    text: SafeString


@dataclass(frozen=True)
class Finder:
    """The rows of each state, among connections whose providers have a specification (`known`, by code)."""

    known: frozenset[str]
    now: dt.datetime

    @property
    def needing(self) -> Q:
        """Those that only their user can bring back."""
        return self._usable & (Q(status=Connection.Status.NEEDS_REAUTH) | self._over)

    @property
    def failing(self) -> Q:
        """Those whose last renewal failed, and is tried again."""
        return self._usable & self._active & ~Q(last_error="")

    @property
    def ending(self) -> Q:
        """Those that end within `SOON`, and nobody but their user can renew."""
        last = self.now + SOON
        told = Q(ends_at__lte=last) & (Q(expires_at=None) | Q(reminded_days__isnull=False))
        return self._usable & self._active & (told | Q(expires_at__lte=last, refreshable=False))

    @property
    def _usable(self) -> Q:
        return Q(provider__enabled=True, provider__in=self.known)

    @property
    def _over(self) -> Q:
        return Q(expires_at__lte=self.now, refreshable=False)

    @property
    def _active(self) -> Q:
        return Q(status=Connection.Status.ACTIVE) & ~self._over


def needs_its_user(row: Connection) -> bool:
    """Whether its user should act, and can: not where the operator has taken the provider away."""
    return row.provider.enabled and row.provider.is_known() and row.needs_user()


def is_ending(row: Connection) -> bool:
    """Whether it ends within `SOON`, and nobody but its user can renew it."""
    last = timezone.now() + SOON
    told = row.ends_at is not None and row.ends_at <= last and (not row.expires_at or row.reminded_days is not None)
    lapses = row.expires_at is not None and row.expires_at <= last and not row.refreshable
    return told or lapses


def standing(row: Connection) -> Words:
    """The state of `row`, the most pressing first."""
    if not row.provider.is_known():
        text = _("This Akhrot no longer knows {name}. The connection is kept; the operator can bring it back.")
        return Words("off", _("No longer known"), format_html(text, name=row.provider_id))
    name = row.provider.spec.name
    if not row.provider.enabled:
        text = _("The operator has turned {name} off. The connection is kept.")
        return Words("off", _("Turned off"), format_html(text, name=name))
    if row.needs_user():
        return Words("bad", _("Needs you"), _needing(row, name))
    if not row.is_known():
        text = _("{name} can no longer be connected this way. Connect it again in another way.")
        return Words("warn", _("No longer offered"), format_html(text, name=name))
    if row.last_error:
        return _failing(row, name)
    return _ending(row) if is_ending(row) else _well(row, name)


def _needing(row: Connection, name: str) -> SafeString:
    why = sentence(
        reason_in_words(name, row.status_reason) or _("Its token has ended, and there is no way to renew it")
    )
    return joined(why, _held(row)) if row.works_still() else why


def _failing(row: Connection, name: str) -> Words:
    by_operator = row.last_error.startswith(CLIENT_REFUSED)
    if by_operator:
        said = row.last_error.removeprefix(CLIENT_REFUSED).removeprefix(": ")
        why = sentence(_("The operator has to see to it: ") + (reason_in_words(name, said) or said))
    else:
        why = sentence(reason_in_words(name, row.last_error))
    again = format_html(_("Next try {when}."), when=element(row.retry_at)) if row.is_backing_off() else ""
    kept = conditional_escape(_("Until then, agents are told to try again later.")) if row.is_expired() else _held(row)
    return Words("warn", _("Needs the operator") if by_operator else _("Failing"), joined(why, again, kept))


def _held(row: Connection) -> SafeString:
    """What is left of the token in hand; nothing is said of one without an end."""
    return (
        format_html(_("The current token ends {when}."), when=element(row.expires_at))
        if row.expires_at
        else mark_safe("")
    )


def _ending(row: Connection) -> Words:
    end = row.ends_at if row.ends_at and (row.reminded_days is not None or not row.expires_at) else row.expires_at
    assert end is not None  # noqa: S101
    over = end <= timezone.now()
    name = _("Ended {when}") if over else _("Ends {when}")
    if row.spec.is_pasted and not row.spec.oauth:
        text = _("You set this date when you pasted it. Replace it to keep it working.")
    else:
        text = _("Only you can renew it, by connecting it again.")
    return Words("warn", name.format(when=days(end)), format_html("{}", text))


def _well(row: Connection, name: str) -> Words:
    if row.spec.kind != "oauth2":
        return _pasted(row, name)
    if row.expires_at is None:
        return Words(
            "good", _("Does not expire"), format_html(_("{name} has set no expiry for this token."), name=name)
        )
    if not row.refreshable:
        text = _("Then only you can renew it, by connecting it again.")
        return Words("good", _("Ends {when}").format(when=days(row.expires_at)), format_html("{}", text))
    if row.is_expired():
        text = _("Its token has ended. It is renewed with the next fetch, or before.")
        return Words("calm", _("Due"), format_html("{}", text))
    due = row.refresh_at or row.expires_at
    text = _("Renews by itself {when}.") if due > timezone.now() else _("It is being renewed.")
    return Words("good", _("Fresh"), format_html(text, when=element(due)))


def _pasted(row: Connection, name: str) -> Words:
    lasts = format_html(_("Ends {when}."), when=days(row.ends_at)) if row.ends_at else ""
    if row.verification == Connection.Verification.UNVERIFIED and row.verify_at:
        text = _("{name} has not confirmed it yet. Next try {when}. Agents can use it meanwhile.")
        if row.verify_at <= timezone.now():
            text = _("{name} has not confirmed it yet. Next try shortly. Agents can use it meanwhile.")
        asked = format_html(text, name=name, when=element(row.verify_at))
        return Words("calm", _("Not checked yet"), joined(asked, lasts))
    if row.verification == Connection.Verification.UNVERIFIED:
        text = _("{name} offers no way to check it. Agents can use it anyway.")
        return Words("calm", _("Not checked"), joined(format_html(text, name=name), lasts))
    if row.verification == Connection.Verification.RESTRICTED:
        text = _("{name} accepts it, but it may not do everything.")
        return Words("calm", _("Restricted"), joined(format_html(text, name=name), lasts))
    return Words("good", _("Works"), joined(lasts or format_html(_("Until you revoke it at {name}."), name=name)))


def sentence(clause: str) -> SafeString:
    """`clause` as a sentence: a capital, unless it begins with the name of a host, and a full stop at its end."""
    first = clause.partition(" ")[0]
    text = clause if "." in first else clause[:1].upper() + clause[1:]
    return conditional_escape(text if text.endswith((".", "!", "?", "…")) else f"{text}.")


def joined(*sentences: SafeString | str) -> SafeString:
    """Those of `sentences` that say something, in a row."""
    kept = [conditional_escape(one) for one in sentences if one]
    return mark_safe(" ".join(kept))  # noqa: S308
