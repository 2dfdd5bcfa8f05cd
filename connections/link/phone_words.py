"""What is said to whoever signs in with a phone when a step fails or must wait."""

import datetime as dt
import math
import time

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from connections.link.signing_in import HalfOpen
from connections.models import OAuthSession


class Trouble(Exception):
    """A step that did not succeed; nothing that was entered before is lost. `message` says what to do.

    `field` is the form's field that it is about, "" for none of them.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.message, self.field = message, field


def waiting(half: HalfOpen, act: str, session: OAuthSession) -> Trouble | None:
    """Why `act` must not be tried yet; None if it may be."""
    until = half.waits.get(act, 0.0)
    left = until - time.time()
    if left <= 0:
        return None
    said = _("Telegram asks to wait %(span)s. Try again at %(time)s.") % {"span": span(left), "time": clock(until)}
    if until >= session.expires_at.timestamp():
        said = f"{said} {_('This request expires before that; start a new one then.')}"
    return Trouble(said)


def span(seconds: float) -> str:
    """A time to wait, rounded up: "45 seconds", "12 minutes", "3 hours"."""
    if seconds <= 60:
        return ngettext("%(n)d second", "%(n)d seconds", math.ceil(seconds)) % {"n": math.ceil(seconds)}
    minutes = math.ceil(seconds / 60)
    if minutes <= 90:
        return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
    hours = math.ceil(minutes / 60)
    return ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours}


def clock(moment: float) -> str:
    """The time of the day in UTC by which one may try, rounded up to the minute; on another day with the day."""
    at = dt.datetime.fromtimestamp(math.ceil(moment / 60) * 60, dt.UTC)
    return f"{at:%H:%M} UTC" if at.date() == timezone.now().date() else f"{at:%Y-%m-%d %H:%M} UTC"
