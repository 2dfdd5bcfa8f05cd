"""The tables of a provider file: credential fields, the verifying call, the services. OAuth: `oauth_parts`."""

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    JsonValue,
    StringConstraints,
    model_validator,
)

from providers.hosts import HOST
from providers.template import look_up, look_up_text, matches, placeholders

Auth = Literal["oauth2", "api_key", "basic", "mtproto"]
Login = Literal["", "phone"]
SURE = {"": "", "provider": "its own pages", "agreed": "sources that agree", "single": "one source alone"}
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]


def _template(value: str) -> str:
    try:
        placeholders(value)
    except ValueError as error:
        raise ValueError(f"is not a template: {error}") from None
    return value


def _url(value: str) -> str:
    if value and not re.fullmatch(r"(https?://[^\s/]|\{\w+\})\S*", value):
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


Url = Annotated[str, AfterValidator(_url)]
Template = Annotated[str, AfterValidator(_template)]
Pattern = Annotated[str, AfterValidator(_pattern)]


class Part(BaseModel):
    """What every table of a provider file has in common: frozen, and no unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=False)


class Checked(Part):
    """What a provider file was checked against, and when. A plain text is what it was checked against alone."""

    level: Literal["", "provider", "agreed", "single"] = ""
    """``provider``: its own pages; ``agreed``: at least two sources that agree; ``single``: one source."""
    against: str = ""
    on: Annotated[str, StringConstraints(pattern=r"^(20\d\d-\d\d(-\d\d)?)?$")] = ""
    """A month or a day."""

    @model_validator(mode="before")
    @classmethod
    def _a_text_says_against_what(cls, given: Any) -> Any:
        return {"against": given} if isinstance(given, str) else given

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.against, self.on, SURE[self.level])))


class Input(Part):
    """A value asked from the user before the redirect, which fills ``{name}`` in URLs (a shop, a tenant)."""

    name: Name
    label: str
    required: bool = True
    help: str = ""
    help_url: Url = ""
    example: str = ""
    pattern: Pattern = HOST
    """The whole value must match, or the form refuses it: an input becomes part of an address."""
    choices: tuple[str, ...] = ()
    default: str = ""
    self_hosted: bool = False
    """It may name a whole host, for software that people run themselves. Akhrot asks whatever is typed there."""


class CredentialField(Part):
    """One field of a pasted credential."""

    name: Name
    label: str
    secret: bool = True
    required: bool = True
    pattern: Pattern = ""
    """What the whole value usually looks like. It warns and never refuses: providers change their formats."""
    example: str = ""
    help: str = ""
    help_url: Url = ""
    """Where to make the key."""
    choices: tuple[str, ...] = ()
    default: str = ""
    self_hosted: bool = False
    """As with an input."""


class Map(Part):
    """A value derived from another: ``{region}`` "eu" to a host. Its name is a placeholder like a field's."""

    source: Name
    values: dict[str, str] = {}
    after: str = ""
    """Take what stands after the last of these characters instead (Mailchimp's ``-us21``)."""

    def derive(self, known: dict[str, str]) -> str:
        """The value for the placeholder; empty where the source has none that fits."""
        source = known.get(self.source, "")
        if not self.after:
            return self.values.get(source, "")
        # A key without that sign must not become part of a host name as a whole.
        return source.rpartition(self.after)[2] if self.after in source else ""


class Send(Part):
    """How the credential travels on a call. Templates hold field names, or ``{accessToken}``."""

    headers: dict[str, Template] = {}
    basic: tuple[Template, Template] | None = None
    """User name and password of HTTP Basic (RFC 7617)."""
    query: dict[str, Template] = {}


class Request(Part):
    """A request of ours to the provider that has no side effect, and how its answer is judged."""

    url: Url
    method: Literal["GET", "POST"] = "GET"
    headers: dict[str, Template] = {}
    json_body: dict[str, JsonValue] | None = None
    status: int = 200
    expect: dict[str, JsonValue] = {}
    """Paths of the JSON answer and the values they must have (Slack answers 200 with ``ok`` false)."""
    present: tuple[str, ...] = ()
    """Paths of the JSON answer which must hold something (GraphQL puts its errors into a 200)."""
    id: tuple[str, ...] = ()
    """Where the account's stable id stands; several paths are joined."""
    label: tuple[str, ...] = ()
    """Where the account's name for people stands; the first path that has one wins."""

    @model_validator(mode="before")
    @classmethod
    def _one_path_is_a_list_of_one(cls, values: Any) -> Any:
        if isinstance(values, dict):
            return {key: _listed(value) if key in ("id", "label") else value for key, value in values.items()}
        return values

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
    """Statuses that say: the credential is good, but may not make this very call."""
    restricted_expect: dict[str, JsonValue] = {}
    """The same by paths of the JSON answer. With both keys both must hold (ElevenLabs' 401)."""

    def is_restricted_by(self, status: int, document: Any) -> bool:
        """Whether the answer means "valid but restricted"."""
        if not self.restricted_status and not self.restricted_expect:
            return False
        fits = not self.restricted_status or status in self.restricted_status
        return fits and matches(document, self.restricted_expect)


class Example(Part):
    """One call worth knowing, relative to the service's base URL. ``CALL`` is a library's, not HTTP."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "CALL"] = "GET"
    path: str
    purpose: str
    body: str = ""


class Service(Part):
    """A part of the provider that an agent asks for by name."""

    code: Code
    name: str
    base_url: Url = ""
    docs_url: Url = ""
    scopes: tuple[str, ...] = ()
    """What is asked for, and what the service needs to be ready."""
    accepts: tuple[str, ...] = ()
    """Granted alone, any one of these makes the service ready as well (a wider or read-only scope)."""
    default: bool = True
    """Asked for when a session names neither services nor scopes."""
    headers: dict[str, Template] = {}
    examples: tuple[Example, ...] = ()

    def missing_scopes(self, granted: set[str]) -> list[str]:
        """The scopes the user has not granted, in the file's order; empty when the service is ready."""
        if granted.intersection(self.accepts):
            return []
        return [scope for scope in self.scopes if scope not in granted]
