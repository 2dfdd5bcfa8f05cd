"""The tables of a provider file: credential fields, the verifying call, the services. OAuth: `oauth_parts`.

The text below a key is what it means, in Markdown, and the only place where that is said: `providers.schema` makes the
tables of docs/providers.md and the JSON Schema of it. Where the default is no value that can be written down, a first
line says it: "Default: the last secret field."
"""

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    JsonValue,
    StringConstraints,
)

from providers.hosts import HOST
from providers.template import look_up, look_up_text, matches, placeholders

Auth = Literal["oauth2", "api_key", "basic", "mtproto"]
Login = Literal["", "phone"]
SURE = {"": "", "provider": "its own pages", "agreed": "sources that agree", "single": "one source alone"}
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
ADDRESS = r"(https?://[^\s/]|\{\w+\})\S*"


def _template(value: str) -> str:
    try:
        placeholders(value)
    except ValueError as error:
        raise ValueError(f"is not a template: {error}") from None
    return value


def _url(value: str) -> str:
    if value and not re.fullmatch(ADDRESS, value):
        raise ValueError("must start with https:// (http:// for hosts the operator allows), no spaces")
    urlsplit(value)
    return _template(value)


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    return value


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _against(value: Any) -> Any:
    return {"against": value} if isinstance(value, str) else value


Url = Annotated[str, AfterValidator(_url)]
Template = Annotated[str, AfterValidator(_template)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Places = Annotated[tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...])]


class Part(BaseModel):
    """What every table of a provider file has in common: frozen, and no unknown key."""

    # Files are validated whole. Few tables are ever made alone, and a start need not wait for the others' validators.
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=False, defer_build=True)


class Checked(Part):
    """What a provider file was checked against, and when."""

    level: Literal["", "provider", "agreed", "single"] = ""
    """`"provider"`: the provider's own pages; `"agreed"`: at least two sources that agree; `"single"`: one source."""
    against: str = ""
    """What it was compared with."""
    on: Annotated[str, StringConstraints(pattern=r"^(20\d\d-\d\d(-\d\d)?)?$")] = ""
    """When: a month (`2026-11`) or a day (`2026-11-24`)."""

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.against, self.on, SURE[self.level])))


CheckedOrText = Annotated[Checked, BeforeValidator(_against, json_schema_input_type=str | Checked)]


class Asked(Part):
    """What a person is asked for, in whatever form it is asked."""

    name: Name
    """Its name in templates, and a field's in `credentials`: a letter, then letters, digits and `_`."""
    label: str
    """What stands above it on the page."""
    required: bool = True
    """Whether it must be given. An optional one that is left empty makes no header and no query parameter."""
    example: str = ""
    """Shown in the empty field: a shape, never a key."""
    help: str = ""
    """A line below the field."""
    help_url: Url = ""
    """Where to make it, or to find it."""
    choices: tuple[str, ...] = ()
    """The values there are. Without them every value is one."""
    default: str = ""
    """Used where the value is left empty."""
    self_hosted: bool = False
    """Whether it may name a whole host, for software that people run themselves. Akhrot then asks the host that was
    typed, and with OAuth sends the operator's client secret there."""


class Input(Asked):
    """A value asked from the user before the redirect, which fills `{name}` in URLs: a shop, a tenant, a region."""

    pattern: Pattern = HOST
    """Default: that of a host name.
    Regular expression for the whole value. It refuses what does not match, for an input becomes part of an address."""


class CredentialField(Asked):
    """One field of a pasted credential."""

    secret: bool = True
    """Whether it is sealed and never shown. At least one field is."""
    pattern: Pattern = ""
    """Regular expression for the whole value. It warns and never refuses, for providers change their formats."""


class Map(Part):
    """A value derived from another: from a region to a host. Its name is a placeholder like a field's."""

    source: Name
    """The field, input or kept value to look at."""
    values: dict[str, str] = {}
    """From its value to another one, such as a region to an address."""
    after: str = ""
    """Take what stands after the last occurrence of this text instead: with `-`, `us21` of a key that ends in
    `-us21`."""

    def derive(self, known: dict[str, str]) -> str:
        """The value for the placeholder; empty where the source has none that fits."""
        source = known.get(self.source, "")
        if not self.after:
            return self.values.get(source, "")
        # A key without that sign must not become part of a host name as a whole.
        return source.rpartition(self.after)[2] if self.after in source else ""


class Send(Part):
    """How the credential travels on a call. Templates hold field names, or `{accessToken}`."""

    headers: dict[str, Template] = {}
    """From each header to its template."""
    basic: tuple[Template, Template] | None = None
    """User name and password of HTTP Basic (RFC 7617), two templates. Needed with `auth = "basic"`."""
    query: dict[str, Template] = {}
    """From each parameter of the query to its template."""


class Request(Part):
    """A request of ours to the provider that has no side effect, and how its answer is judged."""

    url: Url
    """The address that is asked; a template."""
    method: Literal["GET", "POST"] = "GET"
    """`"GET"` or `"POST"`."""
    headers: dict[str, Template] = {}
    """Templates, sent beside what carries the credential. One of the same name takes its place."""
    json_body: dict[str, JsonValue] | None = None
    """Sent as JSON."""
    status: int = 200
    """The status of a good answer."""
    expect: dict[str, JsonValue] = {}
    """Paths of the JSON answer and the values they must have, where a provider answers 200 with `ok` false."""
    present: tuple[str, ...] = ()
    """Paths of the JSON answer that must hold something. GraphQL puts its errors into a 200."""
    id: Places = ()
    """Path of the account's stable id, or a list of paths, which are joined by `:`."""
    label: Places = ()
    """Path of the account's name for people, or a list of paths, of which the first that has one wins."""

    @property
    def reads_body(self) -> bool:
        """Whether the answer must be JSON for this table to be applied."""
        return bool(self.expect or self.present or self.id or self.label)

    def is_met_by(self, status: int, document: Any) -> bool:
        """Whether an answer of this status and JSON body is the one expected."""
        there = all(look_up(document, path) is not None for path in self.present)
        return status == self.status and there and matches(document, self.expect)

    def account(self, document: Any) -> tuple[str, str]:
        """The account's ``(id, label)`` in the JSON answer; empty where it has none."""
        labels = (look_up_text(document, (path,), separator="") for path in self.label)
        return look_up_text(document, self.id, separator=":"), next((label for label in labels if label), "")


class Verify(Request):
    """The call that proves a pasted credential, with the outcome "valid but restricted"."""

    restricted_status: tuple[int, ...] = ()
    """Statuses which say: the credential is good, but may not make this very call."""
    restricted_expect: dict[str, JsonValue] = {}
    """Paths of the JSON answer and the values which say that. With both keys both must hold."""

    def is_restricted_by(self, status: int, document: Any) -> bool:
        """Whether the answer means "valid but restricted"."""
        if not self.restricted_status and not self.restricted_expect:
            return False
        fits = not self.restricted_status or status in self.restricted_status
        return fits and matches(document, self.restricted_expect)


class Example(Part):
    """One call worth knowing, relative to the service's base URL."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "CALL"] = "GET"
    """`"GET"`, `"POST"`, `"PUT"`, `"PATCH"` or `"DELETE"`; `"CALL"` for a library's call, which is not HTTP."""
    path: str
    """What follows the base URL, with its query; of a library the call."""
    purpose: str
    """What it is good for, in a few words."""
    body: str = ""
    """The body to send, as it stands."""


class Service(Part):
    """A part of the provider that an agent asks for by name."""

    code: Code
    """What agents send: small letters, digits, `-` and `_`. Short, for the summary lists it."""
    name: str
    """For people."""
    base_url: Url = ""
    """Default: the provider's.
    Where its API is; a template."""
    docs_url: Url = ""
    """Its reference."""
    scopes: tuple[str, ...] = ()
    """Asked for, and needed for the service to be ready. OAuth only."""
    accepts: tuple[str, ...] = ()
    """Any one of these scopes makes it ready as well: a wider one, or one for reading."""
    default: bool = True
    """Whether it is asked for when a session names neither services nor scopes."""
    headers: dict[str, Template] = {}
    """Templates, sent on its calls beside the provider's."""
    examples: tuple[Example, ...] = ()
    """Calls worth knowing; agents see them."""

    def missing_scopes(self, granted: set[str]) -> list[str]:
        """The scopes the user has not granted, in the file's order; empty when the service is ready."""
        if granted.intersection(self.accepts):
            return []
        return [scope for scope in self.scopes if scope not in granted]
