"""The schema of a provider: what a TOML file in ``providers/catalog`` (or an operator's own file) may say.

A provider is data. Every oddity of a real provider is a field here, or in the tables of `providers.parts`,
with a default, so that a plain provider is ten lines and no code ever asks which provider it is dealing with.
Unknown keys are errors: a typing error in an operator's file must not be a silently ignored setting.
"""

import re
from collections.abc import Iterator
from typing import Literal, Self

from pydantic import model_validator

from providers.parts import (
    Auth,
    Checked,
    Code,
    CredentialField,
    Input,
    Map,
    Name,
    OAuth,
    Part,
    Send,
    Service,
    Url,
    Verify,
)
from providers.template import placeholders

MTPROTO_FIELDS = ("apiId", "apiHash", "sessionString")
# What has no meaning where nobody is sent to the provider, and no refresh token comes.
CONSENT_KEYS = (
    *("authorize_url", "authorize_params", "callback_keep", "iss_required", "pkce", "registration_url"),
    *("refresh_url", "refresh_params", "refresh_lifetime", "rotates"),
)
TOKEN_REQUEST = ("oauth.client", "oauth.token_params.")


class ProviderSpec(Part):
    """One provider: who it is, how one connects to it and how one calls it afterwards."""

    code: Code
    name: str
    auth: Auth
    category: str = ""
    docs_url: Url = ""
    uses: str = ""
    """A few words for the skill document: "Mail, files, calendars"."""
    aliases: tuple[str, ...] = ()
    """Other names by which people look for it."""
    popularity: int = 0
    """The more used, the higher; the highest comes first."""
    base_url: Url = ""
    checked: Checked = Checked()
    oauth: OAuth | None = None
    inputs: tuple[Input, ...] = ()
    fields: tuple[CredentialField, ...] = ()
    maps: dict[Name, Map] = {}
    access_token: str = ""
    """The field answered as ``accessToken``; else the last secret one."""
    send: Send = Send()
    headers: dict[str, str] = {}
    """Sent on every call beside the credential (``anthropic-version``)."""
    verify: Verify | None = None
    services: tuple[Service, ...] = ()
    notes: tuple[str, ...] = ()
    """What surprises a caller of this provider; shown to agents."""

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        faults = [*self._faults_of_auth(), *self._faults_of_grant(), *self._faults_of_fields()]
        faults += self._faults_of_placeholders()
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _faults_of_auth(self) -> Iterator[str]:
        names = {field.name for field in self.fields}
        if (self.auth == "oauth2") != (self.oauth is not None):
            yield 'oauth: an [oauth] table and auth = "oauth2" belong together'
        if self.auth != "oauth2" and not any(field.secret for field in self.fields):
            yield f'fields: auth = "{self.auth}" needs at least one secret field'
        if self.auth == "basic" and not self.send.basic:
            yield 'send.basic: auth = "basic" needs it'
        if self.auth == "mtproto" and not names.issuperset(MTPROTO_FIELDS):
            yield f'fields: auth = "mtproto" needs {", ".join(MTPROTO_FIELDS)}'
        if self.fields and self.access_token not in ("", *names):
            yield f"access_token: names no field: {self.access_token!r}"
        for service in self.services:
            if not self.oauth and (service.scopes or service.accepts):
                yield f"services.{service.code}.scopes: only OAuth has scopes"

    def _faults_of_grant(self) -> Iterator[str]:
        rule, secret = self.oauth, {field.name for field in self.fields if field.secret}
        if rule is None:
            return
        if rule.grant == "authorization_code":
            if not rule.authorize_url:
                yield "oauth.authorize_url: is required"
            if rule.client:
                yield 'oauth.client: only grant = "client_credentials" has it'
            return
        if not secret:
            yield 'fields: grant = "client_credentials" needs at least one secret field'
        if not rule.client or not secret & placeholders(rule.client[1]):
            yield "oauth.client: must be two templates, of the client's id and secret, the second with a secret field"
        if rule.client_auth == "none":
            yield "oauth.client_auth: the client has a secret to show"
        if "accessToken" in secret:
            yield "fields.accessToken: is the name of the token that the client gets"
        for name in ("inputs", "verify", "access_token"):
            if getattr(self, name):
                yield f'{name}: has no meaning with grant = "client_credentials"'
        for name in sorted(rule.model_fields_set.intersection(CONSENT_KEYS)):
            yield f'oauth.{name}: has no meaning with grant = "client_credentials"'

    def _faults_of_fields(self) -> Iterator[str]:
        yield from _twice("services", [service.code for service in self.services])
        yield from _twice("fields", [one.name for one in self.asked])
        for one in self.asked:
            if one.default and one.choices and one.default not in one.choices:
                yield f"fields.{one.name}.default: is none of its choices"

    def _faults_of_placeholders(self) -> Iterator[str]:
        known = {one.name for one in self.asked} - self.withheld
        if self.oauth:
            known |= {*self.oauth.keep, *self.oauth.callback_keep}
        for name, rule in self.maps.items():
            if rule.source in self.withheld:
                yield f"maps.{name}.source: {rule.source!r} is a secret for the token endpoint alone"
            elif rule.source not in known:
                yield f"maps.{name}.source: {rule.source!r} is no field, input or kept value"
        known |= {"accessToken", *self.maps}
        for where, template in self._templates():
            also = self.withheld if where.startswith(TOKEN_REQUEST) else _known_to(where)
            for unknown in sorted(placeholders(template) - known - also):
                what = "a secret for the token endpoint alone" if unknown in self.withheld else "no field, input or map"
                yield f"{where}: uses {{{unknown}}}, which is {what}"

    def _templates(self) -> Iterator[tuple[str, str]]:
        yield "base_url", self.base_url
        for service in self.services:
            yield f"services.{service.code}.base_url", service.base_url
        yield from _each("send.headers", self.send.headers)
        yield from _each("send.query", self.send.query)
        for part in self.send.basic or ():
            yield "send.basic", part
        if self.verify:
            yield "verify.url", self.verify.url
            yield from _each("verify.headers", self.verify.headers)
        if self.oauth:
            for name in ("authorize_url", "token_url", "refresh_url", "revoke_url"):
                yield f"oauth.{name}", getattr(self.oauth, name)
            for part in self.oauth.client or ():
                yield "oauth.client", part
            yield from _each("oauth.token_params", self.oauth.token_params)
            yield from _each("oauth.revoke.params", self.oauth.revoke.params)
            if self.oauth.identity:
                yield "oauth.identity.url", self.oauth.identity.url
                yield from _each("oauth.identity.headers", self.oauth.identity.headers)

    @property
    def asked(self) -> tuple[CredentialField | Input, ...]:
        """Every value a person is asked for: the fields of a credential and the inputs before a redirect."""
        return (*self.fields, *self.inputs)

    @property
    def searched(self) -> str:
        """The words by which people and agents find it, in lower case."""
        services = " ".join(f"{service.code} {service.name}" for service in self.services)
        return f"{self.code} {self.name} {' '.join(self.aliases)} {self.category} {self.uses} {services}".lower()

    @property
    def kind(self) -> Literal["oauth2", "api_key", "mtproto"]:
        """The kind of answer a fetch gives: the contract's ``type``."""
        return "api_key" if self.auth == "basic" else self.auth

    @property
    def is_pasted(self) -> bool:
        """Whether people connect it by pasting its fields here; else they are sent to the provider."""
        return self.oauth is None or self.oauth.grant == "client_credentials"

    @property
    def withheld(self) -> frozenset[str]:
        """The fields that go to the token endpoint and nowhere else: the secrets of a pasted OAuth client."""
        if self.oauth is None or not self.is_pasted:
            return frozenset()
        return frozenset(field.name for field in self.fields if field.secret)

    @property
    def token_field(self) -> str:
        """The name of the field that is answered as ``accessToken``."""
        return self.access_token or [field.name for field in self.fields if field.secret][-1]

    def service(self, code: str) -> Service | None:
        """The service of that code, or None."""
        return next((service for service in self.services if service.code == code), None)

    def ready_services(self, granted: set[str]) -> list[Service]:
        """The services that the granted scopes allow; all of them where there are no scopes at all."""
        return [service for service in self.services if not service.missing_scopes(granted)]

    def scopes_for(self, services: list[Service] | None = None) -> list[str]:
        """The scopes to ask for: the provider's own and those of `services` (else of the default ones)."""
        if not self.oauth:
            return []
        chosen = [service for service in self.services if service.default] if services is None else services
        scopes = [*self.oauth.scopes, *(scope for service in chosen for scope in service.scopes)]
        return list(dict.fromkeys(scopes))

    def values(self, given: dict[str, str]) -> dict[str, str]:
        """`given` (fields, inputs, kept values), the defaults of what is empty, and what the maps derive.

        What a call may carry, and so without what is `withheld`.
        """
        withheld = self.withheld
        return {name: value for name, value in self.token_values(given).items() if name not in withheld}

    def token_values(self, given: dict[str, str]) -> dict[str, str]:
        """The same with everything, for the token endpoint."""
        defaults = {one.name: one.default for one in self.asked if one.default}
        known = {**given, **{name: value for name, value in defaults.items() if not given.get(name)}}
        return {**known, **{name: rule.derive(known) for name, rule in self.maps.items()}}

    def faults(self, given: dict[str, str]) -> dict[str, str]:
        """What is wrong with the values a person gave, by name; empty when they can be used.

        The patterns of fields are not among it, since they only warn; those of inputs are.
        """
        known = self.token_values(given)
        found = {}
        for one in self.asked:
            value = known.get(one.name, "")
            if not value:
                if one.required:
                    found[one.name] = f"{one.label} is missing"
            elif one.choices and value not in one.choices:
                found[one.name] = f"{one.label} must be one of {', '.join(one.choices)}"
            elif isinstance(one, Input) and not re.fullmatch(one.pattern, value):
                found[one.name] = f"{one.label} does not look right"
        return found


def _known_to(where: str) -> set[str]:
    """What else the templates of revoking may use."""
    return {"token", "clientId"} if where.startswith("oauth.revoke") else set()


def _each(where: str, templates: dict[str, str]) -> Iterator[tuple[str, str]]:
    return ((f"{where}.{name}", template) for name, template in templates.items())


def _twice(where: str, names: list[str]) -> list[str]:
    return [f"{where}: {name!r} is there twice" for name in sorted({n for n in names if names.count(n) > 1})]
