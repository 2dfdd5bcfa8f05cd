"""The forms of the dashboard's API keys."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from providers.offers import Offers
from providers.spec import ProviderSpec

LIFETIMES = [
    ("never", _("Never")),
    ("7", _("In 7 days")),
    ("30", _("In 30 days")),
    ("90", _("In 90 days")),
    ("365", _("In a year")),
    ("date", _("On a date")),
]
LONGEST = dt.timedelta(days=3_653)
OVERLAPS = [
    ("0", _("Immediately")),
    ("1", _("In an hour")),
    ("24", _("In a day")),
    ("168", _("In 7 days")),
]


@dataclass(frozen=True)
class ProviderBox:
    """A provider to tick: `connected` says whether the user has an account of it."""

    spec: ProviderSpec
    connected: bool
    ticked: bool


def _name() -> forms.CharField:
    return forms.CharField(
        max_length=80,
        label=_("Name"),
        help_text=_("The agent that uses it. Connect links and the activity show this name."),
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
    )


class KeyForm(forms.Form):
    """What a key may do, and for how long. `connected` are the codes of the user's providers, which come first."""

    name = _name()
    expires = forms.ChoiceField(
        choices=LIFETIMES, label=_("Expires"), initial="never", widget=forms.Select(attrs={"class": "form-select"})
    )
    until = forms.DateField(
        required=False,
        label=_("Last day"),
        help_text=_("It works until the end of that day (UTC)."),
        widget=forms.DateInput(attrs={"class": "form-control", "type": "date"}, format="%Y-%m-%d"),
    )
    providers = forms.MultipleChoiceField(required=False)
    may_disconnect = forms.BooleanField(
        required=False,
        label=_("May disconnect accounts"),
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )

    def __init__(self, sent: Any = None, *, connected: Collection[str] = ()) -> None:
        super().__init__(sent, label_suffix="")
        self._specs, self._connected = Offers.read().specs(), connected
        field = self.fields["providers"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101
        field.choices = [(code, spec.name) for code, spec in self._specs.items()]
        self.fields["name"].widget.attrs["placeholder"] = _("Claude on my laptop")
        wrong = next((name for name in ("name", "expires", "until") if sent and name in self.errors), "name")
        self.fields[wrong].widget.attrs["autofocus"] = True

    def boxes(self) -> list[ProviderBox]:
        """The providers to tick: the connected ones first, then the most used."""
        ticked = set(self["providers"].value() or ())
        boxes = [ProviderBox(spec, code in self._connected, code in ticked) for code, spec in self._specs.items()]
        return sorted(boxes, key=lambda box: not box.connected)

    def clean(self) -> dict[str, Any]:
        """Ask for the day where it is to end on one, and refuse one that is over or far."""
        cleaned = super().clean() or {}
        if cleaned.get("expires") == "date" and "until" not in self.errors:
            self._check_day(cleaned.get("until"))
        return cleaned

    def _check_day(self, day: dt.date | None) -> None:
        today = timezone.now().date()
        if day is None:
            self.add_error("until", ValidationError(_("Choose the last day it should work.")))
        elif day < today:
            self.add_error("until", ValidationError(_("This day is in the past.")))
        elif day > today + LONGEST:
            self.add_error("until", ValidationError(_("Choose a day within ten years, or let it never expire.")))

    def lifetime(self) -> dt.timedelta | None:
        """How long it is to last; None for ever. Of a valid form."""
        chosen, day = self.cleaned_data["expires"], self.cleaned_data["until"]
        if chosen == "date":
            end = dt.datetime.combine(day, dt.time(23, 59, 59), tzinfo=dt.UTC)
            return end - timezone.now()
        return None if chosen == "never" else dt.timedelta(days=int(chosen))


class RenameForm(forms.Form):
    """What a key is called."""

    name = _name()

    def __init__(self, sent: Any = None, *, name: str = "") -> None:
        super().__init__(sent, label_suffix="", initial={"name": name})


class RotateForm(forms.Form):
    """When the old key ends."""

    overlap = forms.ChoiceField(
        choices=OVERLAPS,
        label=_("The old key ends"),
        initial="24",
        widget=forms.Select(attrs={"class": "form-select"}),
    )

    def __init__(self, sent: Any = None) -> None:
        super().__init__(sent, label_suffix="")

    def length(self) -> dt.timedelta:
        """How long both work. Of a valid form."""
        return dt.timedelta(hours=int(self.cleaned_data["overlap"]))
