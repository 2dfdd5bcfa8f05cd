"""Messages that carry an action: a button beside the words, for as long as pressing it does something.

    toasts.success(request, _("The key is revoked."), Action(_("Undo"), reverse("undo-key", args=[key.pk]), until))

The button posts to the action's address. ``templates/parts/messages.html`` shows it on the page that comes next.
"""

import datetime as dt
import json
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise

MARK = "action:"


@dataclass(frozen=True)
class Action:
    """A form to be posted: what its button says, where to, and until when it is worth while (None: always)."""

    label: str | Promise
    url: str
    until: dt.datetime | None = None

    def seconds(self) -> float | None:
        """How long it still is."""
        return (self.until - timezone.now()).total_seconds() if self.until else None

    def is_over(self) -> bool:
        """Whether it is too late."""
        return self.until is not None and self.until <= timezone.now()


def success(request: HttpRequest, text: str, action: Action) -> None:
    """Tell on the next page that something is done, and offer `action`. It travels as the message's extra tags do."""
    until = action.until.timestamp() if action.until else None
    packed = json.dumps([str(action.label), action.url, until])
    messages.success(request, text, extra_tags=MARK + packed)


def action_of(message: object) -> Action | None:
    """What `success` packed; None for a message without an action, and for one whose time is over."""
    tags = getattr(message, "extra_tags", None) or ""
    if not tags.startswith(MARK):
        return None
    label, url, until = json.loads(tags.removeprefix(MARK))
    action = Action(label, url, dt.datetime.fromtimestamp(until, dt.UTC) if until else None)
    return None if action.is_over() else action
