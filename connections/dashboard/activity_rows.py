"""The lines of the activity page. What repeats in each of them is put together here, for templates are slow at it."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.models import User
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apikeys.models import ApiKey, AuditEvent
from connections import times, wording
from connections.models import Connection
from providers.spec import ProviderSpec

Fact = tuple[str, str | SafeString | None]


@dataclass(frozen=True)
class Row:
    """One event as it is shown: with the day, if it is the first of it."""

    line: wording.Line
    day: dt.date | None
    logo: SafeString
    outcome: str
    facts: SafeString

    @property
    def clock(self) -> SafeString:
        """The time of the day, for the day stands above."""
        return times.element(self.line.event.at, date_format(self.line.event.at, "H:i"))


def rows(events: Sequence[AuditEvent], user: User, *, follows: str = "") -> list[Row]:
    """`events` of `user`. `follows`: the day that the page before ended on, if these are put below it."""
    drawn: dict[str, SafeString] = {}
    telling = _Telling(events, user)
    made = []
    for line in wording.lines(events, user):
        day = None if str(line.day) == follows else line.day
        follows = str(line.day)
        code = line.spec.code if line.spec else ""
        if code not in drawn:
            drawn[code] = _logo(line.spec)
        facts = format_html_join("", "<dt>{}</dt><dd>{}</dd>", telling.facts(line))
        made.append(Row(line, day, drawn[code], line.outcome, facts))
    return made


def _logo(spec: ProviderSpec | None) -> SafeString:
    return render_to_string("app/_activity_logo.html", {"spec": spec, "size": "small", "lazy": True})


def options(choices: Iterable[tuple[str, str]], chosen: str) -> SafeString:
    """The options of a list to choose from."""
    marked = ((value, " selected" if value == chosen else "", words) for value, words in choices)
    return format_html_join("", '<option value="{}"{}>{}</option>', marked)


class _Telling:
    """What an event tells when it is opened. What many of `events` have in common is read and put together once."""

    def __init__(self, events: Sequence[AuditEvent], user: User) -> None:
        keys = ApiKey.objects.filter(user=user, pk__in={one.api_key_id for one in events})
        there = Connection.objects.filter(user=user, pk__in={one.connection_id for one in events if one.connection_id})
        self._keys = dict(keys.values_list("pk", "name"))
        self._there: set[UUID] = set(there.values_list("pk", flat=True))
        self._page = reverse("ledger")
        self._common: dict[tuple[Any, ...], list[Fact]] = {}

    def facts(self, line: wording.Line) -> list[Fact]:
        """By their names, in the order in which they are read."""
        event = line.event
        kind = (event.outcome, event.api_key_id, event.provider, event.account, event.connection_id)
        if kind not in self._common:
            self._common[kind] = list(self._of_kind(line))
        own = [(_("From"), event.address), (_("Purpose"), event.purpose), (_("Detail"), event.detail)]
        if event.request_id:
            own.append((_("Request"), format_html("<span class=mono>{}</span>", event.request_id)))
        return [(_("When"), times.exact(event.at)), *self._common[kind], *((name, text) for name, text in own if text)]

    def _of_kind(self, line: wording.Line) -> Iterator[Fact]:
        event = line.event
        if event.outcome == "ok":
            yield _("Outcome"), _("Done")
        else:
            code = self._link(event.outcome, outcome=event.outcome)
            yield _("Outcome"), format_html("{} <span class=mono>{}</span>", line.outcome.capitalize(), code)
        if event.api_key_id:
            yield _("Key"), self._key(event.api_key_id)
        if event.provider:
            name = line.spec.name if line.spec else event.provider
            yield (
                _("Provider"),
                format_html("{} · {}", name, self._all(_("with this provider"), provider=event.provider)),
            )
        if event.connection_id:
            yield _("Account"), self._account(event)

    def _link(self, words: str, **wanted: str) -> SafeString:
        return format_html('<a href="{}?{}">{}</a>', self._page, urlencode(wanted), words)

    def _all(self, whose: str, **wanted: str) -> SafeString:
        words = format_html('{}<span class="visually-hidden"> {}</span>', _("all of it"), whose)
        return self._link(words, **wanted)

    def _key(self, key_id: str) -> SafeString:
        shown = format_html("<span class=mono>akhrot_{}_…</span>", key_id)
        if name := self._keys.get(key_id):
            shown = format_html('<a href="{}">{}</a> {}', reverse("key", args=[key_id]), name, shown)
        return format_html("{} · {}", shown, self._all(_("by this key"), key=key_id))

    def _account(self, event: AuditEvent) -> SafeString:
        whole = self._all(_("with this account"), provider=event.provider, connection=str(event.connection_id))
        if event.connection_id in self._there:
            page = reverse("connection", args=[event.connection_id])
            return format_html('<a href="{}">{}</a> · {}', page, event.account or _("The connection"), whole)
        gone = _("(disconnected since)")
        return format_html('{} <span class="text-secondary">{}</span> · {}', event.account, gone, whole)
