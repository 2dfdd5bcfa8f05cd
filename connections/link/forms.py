"""Forms made from a provider's specification: the credential to paste, and what a URL needs before the redirect."""

import datetime as dt
import re
from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from providers.parts import CredentialField, Input
from providers.spec import ProviderSpec

# What a form may ask beside the credential, once an answer calls for it.
BOXES = {
    "keep_unverified": _("Save it anyway; Akhrot will check it again later"),
    "replace_account": _("Use it anyway, in place of the account that is connected"),
}


class SpecForm(forms.Form):
    """A form whose fields a specification names; `spec.faults` has the last word on them."""

    def __init__(self, spec: ProviderSpec, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        self.spec = spec

    def values(self) -> dict[str, str]:
        """What was entered of what the specification asks for, without blanks around it and what was left empty."""
        asked = {one.name for one in self.spec.asked}
        given = {name: str(self.cleaned_data.get(name) or "").strip() for name in self.fields if name in asked}
        return {name: value for name, value in given.items() if value}

    def clean(self) -> dict[str, Any]:
        """Refuse what the specification refuses, field by field."""
        cleaned = super().clean() or {}
        for name, fault in self.spec.faults(self.values(), say=gettext).items():
            if name in self.fields and name not in self.errors:
                self.add_error(name, fault)
        return cleaned


class PasteForm(SpecForm):
    """A credential, field by field. Whitespace is trimmed; a strange pattern warns and never refuses."""

    def __init__(self, spec: ProviderSpec, *args: Any, boxes: Iterable[str] = (), **kwargs: Any) -> None:
        super().__init__(spec, *args, **kwargs)
        for field in spec.fields:
            self.fields[field.name] = credential_field(field)
        if spec.kind == "api_key":
            self.fields["ends_on"] = _last_day()
        for name in boxes:
            self.fields[name] = forms.BooleanField(
                required=False,
                label=BOXES[name],
                widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
            )

    def clean_ends_on(self) -> dt.date | None:
        """Refuse a day that is over."""
        day: dt.date | None = self.cleaned_data["ends_on"]
        if day and day < timezone.now().date():
            raise forms.ValidationError(_("This day is in the past."))
        return day

    def ends_at(self) -> dt.datetime | None:
        """The end of the last day in UTC, if one was entered."""
        day = self.cleaned_data.get("ends_on")
        return dt.datetime.combine(day, dt.time(23, 59, 59), tzinfo=dt.UTC) if day else None


class InputsForm(SpecForm):
    """What an OAuth provider's addresses need: a shop, a tenant."""

    def __init__(self, spec: ProviderSpec, *args: Any, **kwargs: Any) -> None:
        super().__init__(spec, *args, **kwargs)
        for field in spec.inputs:
            self.fields[field.name] = _input_field(field)


def credential_field(field: CredentialField) -> forms.Field:
    """The form's field for one of a credential's: secrets are hidden as they are typed, and never sent back."""
    attrs = {"class": "form-control", "autocomplete": "off", "spellcheck": "false", "placeholder": field.example}
    if field.pattern:
        attrs["data-looks"] = _for_browsers(field.pattern)
    made = _choice(field) or forms.CharField(
        widget=forms.PasswordInput(attrs=attrs | {"autocomplete": "new-password"})
        if field.secret
        else forms.TextInput(attrs=attrs),
        max_length=10_000,
    )
    return _described(made, field)


def _last_day() -> forms.Field:
    return forms.DateField(
        required=False,
        label=_("Expires on"),
        help_text=_("The last day the key works, if it has one. You will get a mail before."),
        widget=forms.DateInput(attrs={"class": "form-control", "type": "date"}, format="%Y-%m-%d"),
    )


def _input_field(field: Input) -> forms.Field:
    attrs = {"class": "form-control", "autocomplete": "off", "placeholder": field.example}
    return _described(_choice(field) or forms.CharField(widget=forms.TextInput(attrs=attrs), max_length=255), field)


def _choice(field: CredentialField | Input) -> forms.Field | None:
    if not field.choices:
        return None
    blank = [] if field.required and field.default else [("", "—")]
    choices = [*blank, *((one, one) for one in field.choices)]
    return forms.ChoiceField(choices=choices, widget=forms.Select(attrs={"class": "form-select"}))


def _described(made: forms.Field, field: CredentialField | Input) -> forms.Field:
    made.label, made.required, made.help_text, made.initial = field.label, field.required, field.help, field.default
    # The template shows where to make the key, and a button to see what was typed.
    made.help_url = field.help_url  # type: ignore[attr-defined]
    made.is_secret = bool(getattr(field, "secret", False)) and not field.choices  # type: ignore[attr-defined]
    return made


def _for_browsers(pattern: str) -> str:
    """The pattern as JavaScript reads it: without Python's named groups and inline flags."""
    return re.sub(r"\(\?P<\w+>", "(", re.sub(r"^\(\?[a-z]+\)", "", pattern))
