"""Times in ISO 8601 for agents and in words for people, and the element that shows words and tells the exact time."""

import datetime as dt

from django.utils import dateformat, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

SHORTEST = dt.timedelta(minutes=1)
# Up to so many days ahead an end is told to the day.
DAYS_AHEAD = 60


def iso(moment: dt.datetime | None) -> str | None:
    """ISO 8601 in UTC with ``Z``, to the second; None stays None."""
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if moment else None


def ago(moment: dt.datetime | None) -> str:
    """A time in words, past or to come: "5 minutes ago", "in 2 hours", "just now", "in a moment", "never"."""
    if moment is None:
        return _("never")
    distance = moment - timezone.now()
    if abs(distance) < SHORTEST:
        return _("in a moment") if distance > dt.timedelta(0) else _("just now")
    if distance < dt.timedelta(0):
        return _("%(time)s ago") % {"time": _plain(timesince(moment, depth=1))}
    return _("in %(time)s") % {"time": _plain(timeuntil(moment, depth=1))}


def _plain(words: str) -> str:
    """Django joins a number and its unit by a space that does not break, which nobody can search for."""
    return words.replace("\xa0", " ")


def days(moment: dt.datetime) -> str:
    """The same, but what is less than two months ahead to the day: "in 12 days"."""
    ahead = (moment - timezone.now()).days
    if 2 <= ahead < DAYS_AHEAD:
        return ngettext("in %(number)d day", "in %(number)d days", ahead) % {"number": ahead}
    return ago(moment)


def exact(moment: dt.datetime) -> str:
    """To the second: "24 Nov 2026, 18:42:10 UTC"."""
    return f"{dateformat.format(moment.astimezone(dt.UTC), 'j M Y, H:i:s')} UTC"


def element(moment: dt.datetime | None, words: str = "") -> SafeString:
    """A ``<time>`` with `words`, else those of `ago`; plain words where there is no time.

    The page's script (``static/live.js``) tells the exact time in the reader's zone, and keeps the words of `ago` in
    step with the clock.
    """
    if moment is None:
        return format_html("{}", words or ago(None))
    return format_html(
        '<time datetime="{}" title="{}" data-moment="{}">{}</time>',
        iso(moment),
        exact(moment),
        "fixed" if words else "ago",
        words or ago(moment),
    )
