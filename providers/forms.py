"""What the operator may set of a provider. The client secret goes in and never comes out."""

import json
import re
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from providers import http, registry
from providers.discovery import DiscoveryFailed, discover
from providers.models import Provider
from providers.workbench import trying

CODE = r"^[a-z0-9][a-z0-9_-]*$"
# RFC 6749, appendix A.4.
SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
# What the OAuth client is called where people sign in on Akhrot's own pages.
APP_LABELS = {"client_id": _("API ID"), "new_secret": _("API hash"), "forget_secret": _("Forget the API hash")}


# The panel below the field follows what is typed. Of the form only what is named travels: no secret that stands in it.
LIVE = {
    "hx-post": "",
    "hx-trigger": "input changed delay:600ms",
    "hx-target": "#dry-run",
    "hx-select": "#dry-run",
    "hx-swap": "outerHTML",
    "hx-sync": "this:replace",
    "hx-vals": '{"_check": "1"}',
    "hx-params": "csrfmiddlewaretoken,specification,_check",
}


class SpecificationField(forms.JSONField):
    """A specification as JSON or TOML: checked, and shown again as it was typed, each fault with its key."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 16, "spellcheck": "false", **LIVE})

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        try:
            document = registry.document_of(value, source="specification")
            registry.validate(document, source="specification")
        except registry.BadProviderFile as error:
            raise forms.ValidationError(str(error).splitlines()) from None
        return document

    def bound_data(self, data: Any, initial: Any) -> Any:
        return data

    def prepare_value(self, value: Any) -> str:
        if isinstance(value, str):
            return value
        return json.dumps(value, ensure_ascii=False, indent=2) if value else ""


class IssuerForm(forms.Form):
    """From which issuer a provider is made, and what to call it."""

    issuer = forms.CharField(
        max_length=2000,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "https://login.example.com", "inputmode": "url"}),
        help_text=_("The issuer's address, exactly as its discovery document has it"),
    )
    name = forms.CharField(required=False, max_length=100, widget=UnfoldAdminTextInputWidget())
    code = forms.RegexField(CODE, required=False, max_length=64, widget=UnfoldAdminTextInputWidget())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].help_text = _("For people; empty: from the issuer's host")
        self.fields["code"].help_text = _(
            "Agents send it: small letters, digits, - and _; empty: from the issuer's host"
        )

    def clean(self) -> dict[str, Any]:
        """Ask the issuer. What it says is in ``discovered``; without a code, one that no provider has."""
        data = super().clean() or {}
        if self.errors:
            return data
        try:
            with http.waiting_room():
                found = discover(data["issuer"], code=data["code"], name=data["name"])
        except (DiscoveryFailed, http.ProviderUnavailable) as error:
            self.add_error("issuer", str(error).splitlines())
            return data
        if not data["code"]:
            found.document["code"] = Provider.objects.free_code(found.document["code"])
        return {**data, "discovered": found}


class ScopesField(forms.CharField):
    """A list of scopes, written with spaces or line breaks between them."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 2, "spellcheck": "false"})

    def to_python(self, value: Any) -> Any:
        scopes = list(dict.fromkeys((value or "").split()))
        if unfit := [scope for scope in scopes if not SCOPE.fullmatch(scope)]:
            raise forms.ValidationError(gettext("This cannot be a scope: {scope}").format(scope=unfit[0]))
        return scopes

    def prepare_value(self, value: Any) -> str:
        return "\n".join(value) if isinstance(value, list) else value or ""


class ProviderForm(forms.ModelForm):  # type: ignore[type-arg]
    """The operator's part of a provider, or a whole provider of his own."""

    new_secret = forms.CharField(
        label=_("OAuth client secret"),
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )
    forget_secret = forms.BooleanField(
        label=_("Forget the client secret"), required=False, widget=UnfoldBooleanWidget()
    )
    extra_scopes = ScopesField(
        required=False, help_text=_("Asked for beside the specification's own, one in each line")
    )
    specification = SpecificationField(required=False)

    class Meta:
        model = Provider
        fields = ("enabled", "client_id", "extra_scopes", "specification")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # As the admin's query notes it: opening the secret would fail where its seal is broken.
        held = getattr(self.instance, "has_secret", False)
        self.fields["new_secret"].help_text = (
            _("Set. It is never shown: leave this empty to keep it.")
            if held
            else _("Not set. It is sealed, and never shown again.")
        )
        self.fields["forget_secret"].disabled = not held
        self.fields["specification"].help_text = self._about_specification()
        if self._takes_app():
            for name, label in APP_LABELS.items():
                self.fields[name].label = label

    def _takes_app(self) -> bool:
        """Whether it is an app for signing in on Akhrot's own pages, and no OAuth client, that may be set."""
        known = not self.instance._state.adding and self.instance.is_known()
        return known and self.instance.spec.sign_in is None and self.instance.spec.login_way is not None

    def _about_specification(self) -> str:
        schema = gettext("TOML or JSON in the schema of the catalogue's files (docs/providers.md); kept as JSON.")
        if self.instance._state.adding:
            return schema + " " + gettext("Its code becomes the provider's code.")
        if self.instance.code in registry.catalogue():
            holds = gettext("It takes the place of the catalogue's file; empty: the catalogue's file holds.")
            return schema + " " + holds
        return schema

    def clean_specification(self) -> Any:
        """A provider that the catalogue does not have needs one; its kind stays while somebody has it connected."""
        document = self.cleaned_data["specification"]
        if document is None and self.instance.code not in registry.catalogue():
            raise forms.ValidationError(_("The catalogue has no such provider: give its whole specification."))
        if self.instance._state.adding:
            self._take_code(document["code"])
        elif self.instance.is_known() and self.instance.connections.exists():
            self._keep_kinds(document)
        return document

    def clean_client_id(self) -> str:
        """Where it is the id of an app for MTProto it is a number."""
        given = str(self.cleaned_data["client_id"]).strip()
        if self._takes_app() and given and not (given.isascii() and given.isdigit()):
            raise forms.ValidationError(_("The API ID is a number."))
        return given

    def _keep_kinds(self, document: Any) -> None:
        """A way may be taken away, which its connections outlast; one of another kind could not read what they hold."""
        code = self.instance.code
        spec = registry.validate(document, source="specification") if document else registry.catalogue()[code]
        for way, now in self.instance.spec.every_way().items():
            if spec.has_way(way) and spec.by_way(way).auth != now.auth:
                where = f"ways.{way}.auth" if way else "auth"
                said = gettext("specification: {where}: stays “{auth}” while there are connections.")
                raise forms.ValidationError(said.format(where=where, auth=now.auth))

    def _take_code(self, code: str) -> None:
        if Provider.objects.filter(pk=code).exists():
            said = gettext("specification: code: “{code}” is there already; open it and change it there.")
            raise forms.ValidationError(said.format(code=code))
        self.instance.code = code

    def clean(self) -> dict[str, Any]:
        """One cannot set and forget a secret at once."""
        data = super().clean() or {}
        if data.get("new_secret") and data.get("forget_secret"):
            self.add_error("forget_secret", _("Either give a new secret or forget the old one."))
        return data

    def is_valid(self) -> bool:
        """Whether it may be saved, which a form that is only to be checked may not."""
        return super().is_valid() and not trying(self.data)

    def save(self, commit: bool = True) -> Provider:
        """Take in a new secret; an empty field keeps the old one."""
        if self.cleaned_data.get("forget_secret"):
            self.instance.client_secret = ""
        elif secret := self.cleaned_data.get("new_secret"):
            self.instance.client_secret = secret
        saved: Provider = super().save(commit)
        return saved
