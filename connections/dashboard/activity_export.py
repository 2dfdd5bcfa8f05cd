"""The activity as a CSV file, sent while it is read: so much memory for a hundred thousand events as for a thousand."""

import csv
import datetime as dt
import io
import re
import threading
from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apikeys.finding import Wanted
from apikeys.models import ApiKey
from connections import wording
from connections.databases import give_back

MOST = 100_000
CHUNK = 1_000
# A slow reader keeps a thread of the server. So many of them do at once, in one process.
AT_ONCE = 4
HEADINGS = (
    *("time", "what", "action", "outcome", "key", "key_id", "provider", "account", "connection_id", "address"),
    *("request_id", "purpose", "detail"),
)
# Where a spreadsheet could find a formula, in some locales also of full-width signs: at the beginning of a cell, and
# behind what parts cells where a comma is the decimal point. There quotes that do not open a cell keep nothing
# together.
# https://owasp.org/www-community/attacks/CSV_Injection
BEGINNING = re.compile(r"""(?:^|(?<=[;\t\r\n]))(?=["\s]*[=+@＝＋－＠-]|[\t\r\n])""")

_room = threading.BoundedSemaphore(AT_ONCE)


def answer(wanted: Wanted, user: User) -> HttpResponseBase:
    """The file, or 503 while too many others are being sent."""
    if not _room.acquire(blocking=False):
        text = _("Other exports are under way. Try again in a minute.")
        return HttpResponse(text, status=503, content_type="text/plain; charset=utf-8", headers={"Retry-After": "60"})
    name = f"akhrot-activity-{timezone.now():%Y-%m-%d}.csv"
    sent = Sent(wanted, user)
    file = StreamingHttpResponse(sent, content_type="text/csv; charset=utf-8", headers={"Cache-Control": "no-store"})
    file["Content-Disposition"] = f'attachment; filename="{name}"'
    return file


class Sent:
    """The lines of one file. Its place is given back when it is sent, or when its reader has gone away."""

    def __init__(self, wanted: Wanted, user: User) -> None:
        self._lines = lines(wanted, user)
        self._done = False

    def __iter__(self) -> Iterator[str]:
        return self._lines

    def close(self) -> None:
        """Django calls it in either case."""
        self._lines.close()  # type: ignore[attr-defined]
        if not self._done:
            self._done = True
            _room.release()


def lines(wanted: Wanted, user: User, *, most: int = MOST) -> Iterator[str]:
    """The heading, and the newest `most` events in chunks. A last line says so if there are more.

    Between two chunks it holds no transaction and no connection of the pool, however slowly they are taken.
    """
    yield _written([HEADINGS])
    names = dict(ApiKey.objects.of(user).values_list("pk", "name"))
    before, left = None, most
    while left > 0:
        events = wanted.newest(min(CHUNK, left) + 1, before=before)
        chunk = events[: min(CHUNK, left)]
        text = _written(_cells(line, names) for line in wording.lines(chunk, user))
        give_back()
        yield text
        left -= len(chunk)
        if len(events) == len(chunk):
            return
        before = chunk[-1].pk
    note = ngettext(
        "Only the newest %(number)s event is in this file. Filter by time for older ones.",
        "Only the newest %(number)s events are in this file. Filter by time for older ones.",
        most,
    )
    yield _written([[note % {"number": f"{most:,}"}]])


def _cells(line: wording.Line, names: dict[str, str]) -> list[str]:
    event = line.event
    return [
        iso(event.at),
        line.text,
        event.action,
        event.outcome,
        names.get(event.api_key_id, ""),
        event.api_key_id,
        event.provider,
        event.account,
        str(event.connection_id or ""),
        event.address or "",
        event.request_id,
        event.purpose,
        event.detail,
    ]


def iso(moment: dt.datetime) -> str:
    """ISO 8601 in UTC with ``Z``, to the millisecond."""
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def harmless(cell: str) -> str:
    """`cell` so that no spreadsheet takes it, or a part of it, for a formula."""
    return BEGINNING.sub("'", cell)


def _written(rows: Any) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([harmless(cell) for cell in row] for row in rows)
    return text.getvalue()
