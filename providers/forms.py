"""What the operator may set of a provider. The client secret goes in and never comes out."""

import json
import re
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from providers import registry
from providers.models import Provider

# RFC 6749, appendix A.4.
SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


class SpecificationField(forms.JSONField):
    """A specification as JSON: checked by the registry, shown again as it was typed, each fault with its key."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 16, "spellcheck": "false"})

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        try:
            registry.validate(registry.document_of(value, source="specification"), source="specification")
        except registry.BadProviderFile as error:
            raise forms.ValidationError(str(error).splitlines()) from None
        return json.loads(value)

    def bound_data(self, data: Any, initial: Any) -> Any:
        return data

    def prepare_value(self, value: Any) -> str:
        if isinstance(value, str):
            return value
        return json.dumps(value, ensure_ascii=False, indent=2) if value else ""


class ScopesField(forms.CharField):
    """A list of scopes, written with spaces or line breaks between them."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 2, "spellcheck": "false"})

    def to_python(self, value: Any) -> Any:
        scopes = list(dict.fromkeys((value or "").split()))
        if unfit := [scope for scope in scopes if not SCOPE.fullmatch(scope)]:
            raise forms.ValidationError(f"This cannot be a scope: {unfit[0]}")
        return scopes

    def prepare_value(self, value: Any) -> str:
        return "\n".join(value) if isinstance(value, list) else value or ""


class ProviderForm(forms.ModelForm):  # type: ignore[type-arg]
    """The operator's part of a provider, or a whole provider of his own."""

    new_secret = forms.CharField(
        label="OAuth client secret",
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )
    forget_secret = forms.BooleanField(label="Forget the client secret", required=False, widget=UnfoldBooleanWidget())
    extra_scopes = ScopesField(required=False, help_text="Asked for beside the specification's own, one in each line")
    specification = SpecificationField(required=False)

    class Meta:
        model = Provider
        fields = ("enabled", "client_id", "extra_scopes", "specification")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # As the admin's query notes it: opening the secret would fail where its seal is broken.
        held = getattr(self.instance, "has_secret", False)
        self.fields["new_secret"].help_text = (
            "Set. It is never shown: leave this empty to keep it."
            if held
            else "Not set. It is sealed, and never shown again."
        )
        self.fields["forget_secret"].disabled = not held
        self.fields["specification"].help_text = self._about_specification()

    def _about_specification(self) -> str:
        schema = "JSON in the schema of the catalogue's files (docs/providers.md)."
        if self.instance._state.adding:
            return f"{schema} Its code becomes the provider's code."
        if self.instance.code in registry.catalogue():
            return f"{schema} It takes the place of the catalogue's file; empty: the catalogue's file holds."
        return schema

    def clean_specification(self) -> Any:
        """A provider that the catalogue does not have needs one; its kind stays while somebody has it connected."""
        document = self.cleaned_data["specification"]
        if document is None and self.instance.code not in registry.catalogue():
            raise forms.ValidationError("The catalogue has no such provider: give its whole specification.")
        if self.instance._state.adding:
            self._take_code(document["code"])
        elif self.instance.is_known() and self.instance.connections.exists():
            kept = document["auth"] if document else registry.catalogue()[self.instance.code].auth
            if kept != self.instance.spec.auth:
                raise forms.ValidationError(
                    f"specification: auth: stays “{self.instance.spec.auth}” while there are connections."
                )
        return document

    def _take_code(self, code: str) -> None:
        if Provider.objects.filter(pk=code).exists():
            raise forms.ValidationError(f"specification: code: “{code}” is there already; open it and change it there.")
        self.instance.code = code

    def clean(self) -> dict[str, Any]:
        """One cannot set and forget a secret at once."""
        data = super().clean() or {}
        if data.get("new_secret") and data.get("forget_secret"):
            self.add_error("forget_secret", "Either give a new secret or forget the old one.")
        return data

    def save(self, commit: bool = True) -> Provider:
        """Take in a new secret; an empty field keeps the old one."""
        if self.cleaned_data.get("forget_secret"):
            self.instance.client_secret = ""
        elif secret := self.cleaned_data.get("new_secret"):
            self.instance.client_secret = secret
        saved: Provider = super().save(commit)
        return saved
