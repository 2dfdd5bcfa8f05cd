"""What of the activity somebody wants to see: read from an address, told as chips, and asked of the ledger."""

import datetime as dt
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apikeys.finding import REFUSED, Wanted, hour_of
from apikeys.series import Unit
from apikeys.tallies import DAY, HOUR
from connections.wording import DEEDS

NOUNS = {
    "token": gettext_lazy("Fetches"),
    "session": gettext_lazy("Connect links"),
    "connection": gettext_lazy("Connections"),
    "key": gettext_lazy("API keys"),
    "invitation": gettext_lazy("Invitations"),
}
TIMES = {
    "hour": gettext_lazy("Last hour"),
    "day": gettext_lazy("Last 24 hours"),
    "week": gettext_lazy("Last 7 days"),
    "month": gettext_lazy("Last 30 days"),
}
CODE = re.compile(r"[A-Z0-9_]{1,40}")
KEY_ID = re.compile(r"[0-9A-Za-z]{1,8}")
# A chart of so many hours at most has bars for each; longer ones have bars for days.
MOST_HOURS = 48


class Window(NamedTuple):
    """A stretch of time: `since` belongs to it, `until` does not (None: it goes on). `unit`: what a bar stands for."""

    since: dt.datetime
    until: dt.datetime | None
    unit: Unit


class Chip(NamedTuple):
    """One filter that is set: its words, and the address without it."""

    name: str
    words: str
    address: str


def midnight(moment: dt.datetime) -> dt.datetime:
    """When the day of UTC began that a moment lies in."""
    return hour_of(moment).replace(hour=0)


@dataclass(frozen=True)
class Filter:
    """The filters of the activity page, each empty where it narrows nothing. Nonsense in an address is left out."""

    key: str = ""
    provider: str = ""
    connection: str = ""
    outcome: str = ""
    action: str = ""
    time: str = ""
    since: str = ""
    until: str = ""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Filter":
        """What the query of a request asks for. Days outweigh a span of time."""

        def read(name: str) -> str:
            return str(given.get(name, "")).replace("\0", "").strip()[:64]

        since, until = _day(read("from")), _day(read("to"))
        outcome = read("outcome")
        return cls(
            key=read("key") if KEY_ID.fullmatch(read("key")) else "",
            provider=read("provider"),
            connection=_connection(read("connection")),
            outcome=outcome if outcome in ("ok", REFUSED) or CODE.fullmatch(outcome) else "",
            action=read("action") if read("action") in NOUNS else "",
            time=read("time") if read("time") in TIMES and not (since or until) else "",
            since=since,
            until=until,
        )

    def query(self, *, before: int | None = None) -> str:
        """The query string of this filter: ``?`` and what is not empty. `before` is the cursor of a page."""
        named = {NAMES.get(field.name, field.name): getattr(self, field.name) for field in fields(self)}
        return "?" + urlencode({name: value for name, value in {**named, "before": before}.items() if value})

    def narrows(self) -> bool:
        """Whether any of them is set."""
        return any(getattr(self, field.name) for field in fields(self))

    def window(self) -> Window | None:
        """The time that is chosen, if there is one. It begins with a whole hour or day, as the bars of its chart do."""
        now = timezone.now()
        if self.since or self.until:
            return self._days(now)
        windows = {
            # Five minutes to a bar.
            "hour": Window(_five(now - HOUR), None, "minute"),
            "day": Window(hour_of(now - DAY), None, "hour"),
            "week": Window(midnight(now - 7 * DAY), None, "day"),
            "month": Window(midnight(now - 30 * DAY), None, "day"),
        }
        return windows.get(self.time)

    def _days(self, now: dt.datetime) -> Window:
        until = _moment(self.until) + DAY if self.until else None
        since = _moment(self.since) if self.since else midnight((until or now) - 30 * DAY)
        length = (until or now) - since
        return Window(since, until, "hour" if length <= MOST_HOURS * HOUR else "day")

    def wanted(self, user: User) -> Wanted:
        """The events of `user` that are meant."""
        window = self.window()
        return Wanted(
            user_id=user.pk,
            key_id=self.key,
            provider=self.provider,
            connection_id=uuid.UUID(self.connection) if self.connection else None,
            outcome=self.outcome,
            actions=tuple(deed for deed in DEEDS if deed.startswith(f"{self.action}.")) if self.action else (),
            since=window.since if window and (self.time or self.since) else None,
            until=window.until if window else None,
        )

    def chips(self, key_name: str, provider_name: str, account: str, outcome: str) -> list[Chip]:
        """Each filter that is set, in words, given the names that go with its codes."""
        words = {
            "key": _("Key: %(name)s") % {"name": key_name},
            "provider": provider_name,
            "connection": _("Account: %(name)s") % {"name": account},
            "outcome": outcome,
            "action": str(NOUNS.get(self.action, "")),
            "time": str(TIMES.get(self.time, "")),
            "since": _("From %(day)s") % {"day": _shown(self.since)},
            "until": _("Until %(day)s") % {"day": _shown(self.until)},
        }
        return [Chip(name, text, self.without(name).query()) for name, text in words.items() if getattr(self, name)]

    def without(self, name: str) -> "Filter":
        """The same but for one field."""
        return Filter(**{**vars(self), name: ""})


# What the fields are called in an address, where that differs.
NAMES = {"since": "from", "until": "to"}


def _day(text: str) -> str:
    try:
        day = parse_date(text)
    except ValueError:
        return ""
    # Days at the ends of the calendar have no day before or after them.
    return str(day) if day and 1970 <= day.year < 2200 else ""


def _connection(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return ""


def _moment(day: str) -> dt.datetime:
    return dt.datetime.combine(dt.date.fromisoformat(day), dt.time(), tzinfo=dt.UTC)


def _shown(day: str) -> str:
    return date_format(dt.date.fromisoformat(day), "j M Y") if day else ""


def _five(moment: dt.datetime) -> dt.datetime:
    return moment.replace(minute=moment.minute - moment.minute % 5, second=0, microsecond=0)
