"""The forms of signing in with a phone: whose number, the code, the second password."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connections.link.forms import SpecForm, credential_field
from connections.link.signing_in import HalfOpen
from providers.spec import ProviderSpec

# E.164: at most fifteen digits; the shortest in use have seven.
INTERNATIONAL = re.compile(r"\+[1-9][0-9]{6,14}")


class PhoneForm(SpecForm):
    """The first step: the provider's fields but the one that signing in makes, and the number.

    What `half` knows stands in it again, except for secrets: they are kept, and typed anew only to be changed. Nothing
    is asked that the operator's `app` has.
    """

    def __init__(
        self,
        spec: ProviderSpec,
        *args: Any,
        half: HalfOpen | None = None,
        app: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(spec, *args, **kwargs)
        self.app, self.kept = app or {}, half.values if half else {}
        for field in spec.fields:
            if field.name not in (spec.token_field, *self.app):
                self.fields[field.name] = self._field(field)
        self.fields["phone"] = forms.CharField(
            label=_("Phone number"),
            help_text=_("In international format: + and the country code first."),
            max_length=32,
            initial=half.phone if half else "",
            error_messages={"required": _("Enter the number of your Telegram account.")},
            widget=forms.TextInput(
                attrs={
                    "class": "form-control",
                    "type": "tel",
                    "inputmode": "tel",
                    "autocomplete": "tel",
                    "placeholder": "+49 151 23456789",
                }
            ),
        )
        focus_first_fault(self)

    def _field(self, field: Any) -> forms.Field:
        made = credential_field(field)
        if field.name in self.kept:
            made.initial = self.kept[field.name]
        if field.secret and field.name in self.kept:
            made.required, made.initial = False, ""
            made.is_kept = True  # type: ignore[attr-defined]
            made.help_text = _("Saved from before. Type it again only to change it.")
            made.widget.attrs["placeholder"] = "••••••••"
        return made

    def values(self) -> dict[str, str]:
        """What was entered of them, the secrets kept from before, and the operator's app."""
        secret = {field.name for field in self.spec.fields if field.secret}
        kept = {name: value for name, value in self.kept.items() if name in secret and name in self.fields}
        return {**kept, **super().values(), **self.app}

    def phone(self) -> str:
        """The number as it was entered, or as it travels if it is one."""
        return str(self.cleaned_data.get("phone") or self.data.get("phone", ""))[:32]

    def clean_phone(self) -> str:
        """The number as it travels: + and digits. Also as people write it, with blanks, hyphens and a 00 in front."""
        number = re.sub(r"[\s().\u2010-\u2015/-]", "", self.cleaned_data["phone"])
        number = re.sub(r"^00", "+", number)
        if not INTERNATIONAL.fullmatch(number):
            raise forms.ValidationError(_("Write the number with + and the country code, such as +49 151 23456789."))
        return number


class CodeForm(forms.Form):
    """The second step. A code is digits, except where Telegram sends a word or a phrase."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=100,
        error_messages={"required": gettext_lazy("Enter the code that Telegram sent.")},
        # Its value is never sent back: after a fault that is not its own, a code may still be good.
        widget=forms.PasswordInput(
            attrs={
                "type": "text",
                "class": "form-control",
                "inputmode": "numeric",
                "autocomplete": "one-time-code",
                "spellcheck": "false",
                "autofocus": True,
            }
        ),
    )

    def __init__(self, *args: Any, half: HalfOpen, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        self.is_text = half.how in ("word", "phrase")
        if self.is_text:
            self.fields["code"].widget.attrs["inputmode"] = "text"

    def clean_code(self) -> str:
        """Without the blanks and hyphens that a code of digits is written with."""
        given: str = self.cleaned_data["code"]
        return given if self.is_text else re.sub(r"[\s\u2010-\u2015-]", "", given)


class PasswordForm(forms.Form):
    """The third step, for accounts with a password. It is Telegram's: no password of this site belongs here."""

    password = forms.CharField(
        label=gettext_lazy("Two-step password"),
        strip=False,
        max_length=1000,
        error_messages={"required": gettext_lazy("Enter the password of the two-step verification.")},
        widget=forms.PasswordInput(attrs={"class": "form-control", "autocomplete": "off", "autofocus": True}),
    )

    def __init__(self, *args: Any, half: HalfOpen, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        field = self.fields["password"]
        if half.hint:
            field.help_text = _("Your hint: %(hint)s") % {"hint": half.hint}
        field.is_secret = True  # type: ignore[attr-defined]


def focus_first_fault(form: forms.Form) -> None:
    """Have the browser begin at the first field that is wrong, if one is."""
    for name in form.errors if form.is_bound else ():
        if name in form.fields:
            form.fields[name].widget.attrs["autofocus"] = True
            return
