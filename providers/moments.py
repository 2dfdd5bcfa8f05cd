"""When something ends, in every form that providers say it. What cannot be believed counts as not said."""

import datetime as dt
from typing import Any

from django.utils import timezone

LONGEST = 10 * 365 * 86_400
# Seconds since 1970 reach it in the year 5138; milliseconds did in 1973.
MILLISECONDS = 100_000_000_000


def after(seconds: Any) -> dt.datetime | None:
    """The moment in `seconds`, a number or its text, from now. None for anything else, and for more than ten years."""
    lifetime = _number(seconds)
    # No comparison with "NaN", which JSON parsers take for a number, holds.
    if lifetime is None or not 0 < lifetime <= LONGEST:
        return None
    return timezone.now() + dt.timedelta(seconds=lifetime)


def at(moment: Any) -> dt.datetime | None:
    """The moment in seconds or milliseconds since 1970, or in ISO 8601 (without an offset: UTC).

    None for anything else, and for a moment that is past or more than ten years ahead.
    """
    found = _since_1970(moment) if _number(moment) is not None else _iso(moment)
    now = timezone.now()
    return found if found and now < found <= now + dt.timedelta(seconds=LONGEST) else None


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) or value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _since_1970(value: Any) -> dt.datetime | None:
    seconds = _number(value) or 0.0
    try:
        return dt.datetime.fromtimestamp(seconds / 1000 if seconds > MILLISECONDS else seconds, dt.UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _iso(value: Any) -> dt.datetime | None:
    try:
        found = dt.datetime.fromisoformat(value.strip()) if isinstance(value, str) else None
    except ValueError:
        return None
    return found.replace(tzinfo=dt.UTC) if found and found.tzinfo is None else found
