"""The schema of a provider: what a TOML file in ``providers/catalog`` (or an operator's own file) may say.

A provider is data. Every oddity of a real provider is a field here, or in the tables of `providers.parts`,
with a default, so that a plain provider is ten lines and no code ever asks which provider it is dealing with.
Unknown keys are errors: a typing error in an operator's file must not be a silently ignored setting.
"""

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Literal, Self

from django.utils.translation import gettext_noop
from pydantic import PrivateAttr, model_validator

from providers import coherence, hosts, search
from providers.oauth_parts import OAuth
from providers.parts import (
    Auth,
    Checked,
    CheckedOrText,
    Code,
    CredentialField,
    Input,
    Login,
    Map,
    Name,
    Part,
    Send,
    Service,
    Template,
    Url,
    Verify,
)
from providers.places import templates
from providers.ways import Way, WayName, faults_of_ways, other_way, top_way

WAY_NAMES = {
    "oauth2": gettext_noop("Sign in"),
    "api_key": gettext_noop("API key"),
    "basic": gettext_noop("API key"),
    "mtproto": gettext_noop("Session"),
}
OWN_APP = gettext_noop("Own app")


class UnknownWay(LookupError):
    """The provider is not connected in this way, or not any more."""


class ProviderSpec(Part, defer_build=False):
    """One provider: who it is, how one connects to it and how one calls it afterwards.

    With several `ways` to connect it, what stands beside them is the default way. `by_way` gives each as if it were
    the only one, and that is what everything about one connection looks at.
    """

    code: Code
    """What agents send: small letters, digits, `-` and `_`. The file is named after it."""
    name: str
    """For people."""
    auth: Auth
    """`"oauth2"`, `"api_key"`, `"basic"`, or `"mtproto"` (a Telegram account)."""
    login: Login = ""
    """`"phone"`, with `auth = "mtproto"`: people sign in on Akhrot's own pages, with a phone number, the code sent to
    it and, where there is one, the account's second password. That makes the session string, so that only the other
    fields are asked for."""
    category: str = ""
    """One word, for the dashboard and the admin. One that no shipped file has stands behind theirs."""
    docs_url: Url = ""
    """The provider's documentation."""
    uses: str = ""
    """A few words for the skill document: `Mail, files, calendars`."""
    aliases: tuple[str, ...] = ()
    """Other names by which people and agents look for it. They count as much as its name, and lead from a wrong code to
    the right one."""
    popularity: int = 0
    """How much it is used, compared with the others. The highest comes first, and those alike by code."""
    base_url: Url = ""
    """Where its API is; a template."""
    checked: CheckedOrText = Checked()
    """What the file was checked against, and when: a table, or the text of its `against` alone."""
    oauth: OAuth | None = None
    """Needed with `auth = "oauth2"`, and only there."""
    inputs: tuple[Input, ...] = ()
    """What is asked before the redirect."""
    fields: tuple[CredentialField, ...] = ()
    """What a user pastes."""
    maps: dict[Name, Map] = {}
    """Values derived from others, by name."""
    access_token: str = ""
    """Default: the last secret field.
    Name of the field that is answered as `accessToken`."""
    send: Send = Send()
    """Default: OAuth tokens as `Authorization: Bearer …`, pasted credentials not at all.
    How the credential travels on a call."""
    headers: dict[str, Template] = {}
    """Sent on every call beside the credential; templates. One with an empty value in it is left out."""
    verify: Verify | None = None
    """The call that proves a pasted credential."""
    services: tuple[Service, ...] = ()
    """What an agent asks for by name."""
    notes: tuple[str, ...] = ()
    """Sentences on what surprises a caller; agents see them."""
    way: WayName = WayName()
    """What the way at the top of the file is called, where there are others."""
    ways: tuple[Way, ...] = ()
    """The other ways to connect it."""
    first_way: Code | Literal[""] = ""
    """The code of the way that people are offered first; empty: the one at the top. For a way that came later, since
    the top stays what the connections made by it note."""

    # Made once, for fetches look here. A specification that is alone in its file is its own default way.
    _top: "ProviderSpec | None" = PrivateAttr(default=None)
    _others: "dict[str, ProviderSpec]" = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        top = top_way(self)
        others = {way.code: other_way(self, way) for way in self.ways}
        faults = [*faults_of_ways(self), *coherence.faults(top)]
        faults += [f"ways.{code}.{fault}" for code, spec in others.items() for fault in coherence.faults(spec)]
        if faults:
            raise ValueError("\n".join(faults))
        if self.ways:
            self._top, self._others = top, others
        return self

    def by_way(self, code: str) -> "ProviderSpec":
        """The specification of one way to connect; the default one for "". Raises UnknownWay."""
        if not code or code == self.way.code:
            return self._top or self
        try:
            return self._others[code]
        except KeyError:
            raise UnknownWay(f"{self.code} is not connected by {code!r}") from None

    def has_way(self, code: str) -> bool:
        """Whether `by_way` knows it."""
        return not code or code == self.way.code or code in self._others

    def every_way(self) -> "dict[str, ProviderSpec]":
        """The specification of each way, by what a connection notes of it: "" for the default one.

        That is first, unless `first_way` names another.
        """
        every = {"": self._top or self, **self._others}
        first = self.first_way if self.first_way in every else ""
        return {first: every[first], **every}

    @property
    def way_name(self) -> str:
        """What this way to connect is called."""
        return self.way.name or (OWN_APP if self.oauth and self.is_pasted else WAY_NAMES[self.auth])

    @property
    def sign_in(self) -> "ProviderSpec | None":
        """The way that sends people to the provider, with the operator's OAuth client, if there is one."""
        return next((spec for spec in self.every_way().values() if not spec.is_pasted), None)

    @property
    def login_way(self) -> "ProviderSpec | None":
        """The way to sign in on Akhrot's own pages, if there is one."""
        return next((spec for spec in self.every_way().values() if spec.login), None)

    @property
    def asked(self) -> tuple[CredentialField | Input, ...]:
        """Every value a person is asked for: the fields of a credential and the inputs before a redirect."""
        return (*self.fields, *self.inputs)

    @property
    def kept_names(self) -> frozenset[str]:
        """The names of what answers and the callback leave with a connection."""
        if self.oauth is None:
            return frozenset()
        after = self.oauth.after.keep if self.oauth.after else ()
        second = (self.oauth.second.name,) if self.oauth.second else ()
        return frozenset((*self.oauth.keep, *self.oauth.callback_keep, *after, *second))

    @cached_property
    def in_hosts(self) -> dict[str, set[hosts.Use]]:
        """The names that stand in the host of an address, with what each decides there."""
        found: dict[str, set[hosts.Use]] = {}
        for where, template in templates(self):
            if where.endswith("url"):
                for name, use in hosts.uses(template):
                    found.setdefault(name, set()).add(use)
        return found

    @cached_property
    def entry(self) -> search.Entry:
        """By what people and agents find it."""
        return search.Entry.of(self)

    @property
    def needs_client(self) -> bool:
        """Whether nobody can connect it, in any way, before the operator has set an OAuth client."""
        return all(not spec.is_pasted for spec in self.every_way().values())

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
        return [service for service in self.services if not (self.oauth and service.missing_scopes(granted))]

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

    def faults(self, given: dict[str, str], say: Callable[[str], str] = str) -> dict[str, str]:
        """What is wrong with the values a person gave, by name; empty when they can be used.

        `say` puts what people are told into their language. What is kept, or answered to agents, stays English.
        The patterns of fields are not checked here, since they only warn; those of inputs are.
        """
        known = self.token_values(given)
        found = {}
        for one in self.asked:
            value = known.get(one.name, "")
            if not value:
                if one.required:
                    found[one.name] = say(gettext_noop("{label} is missing")).format(label=one.label)
            elif one.choices and value not in one.choices:
                found[one.name] = say(gettext_noop("{label} must be one of {choices}")).format(
                    label=one.label, choices=", ".join(one.choices)
                )
            elif isinstance(one, Input) and not re.fullmatch(one.pattern, value):
                found[one.name] = say(gettext_noop("{label} does not look right")).format(label=one.label)
        labels, misfits = {one.name: one.label for one in self.asked}, self.misfits(known)
        must = say(gettext_noop("{label} must be {what}"))
        wrong = {
            name: must.format(label=labels[name], what=say(said)) for name, said in misfits.items() if name in labels
        }
        return {**wrong, **found}

    def misfits(self, given: Mapping[str, str]) -> dict[str, str]:
        """Those of `given` that must not become part of an address, with what they should be.

        What a map makes of a value is the value's own fault.
        """
        known = self.token_values(dict(given))
        wrong = {name: hosts.SAID[use] for name, use in hosts.misfits(known, self.in_hosts).items()}
        return {self.maps[name].source if name in self.maps else name: said for name, said in wrong.items()}
