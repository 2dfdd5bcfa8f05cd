"""The tables of a provider file: credential fields, the OAuth endpoints, the verifying call, the services."""

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    model_validator,
)

from providers.template import look_up, look_up_text, matches, placeholders

Auth = Literal["oauth2", "api_key", "basic", "mtproto"]
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
    pattern: Pattern = r"[A-Za-z0-9][A-Za-z0-9.-]*"
    """The whole value must match, or the form refuses it: an input becomes part of a host name."""
    choices: tuple[str, ...] = ()
    default: str = ""


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


class Revoke(Part):
    """How a grant is given back where the provider does not follow RFC 7009 to the letter."""

    method: Literal["POST", "DELETE"] = "POST"
    body: Literal["form", "json", "none"] = "form"
    params: dict[str, Template] = {"token": "{token}"}
    """Templates over ``{token}`` (the refresh token if there is one), ``{accessToken}``, ``{clientId}``."""
    client_auth: Literal["client_secret_basic", "client_secret_post", "none", "bearer"] | None = None
    """None: as at the token endpoint. ``bearer``: the token itself signs the call."""
    ends: Literal["token", "grant"] = "grant"
    """Whether revoking ends this token alone or everything the user granted to this client."""


class OAuth(Part):
    """The authorization code grant of one provider (RFC 6749 section 4.1), or its client credentials grant (4.4)."""

    grant: Literal["authorization_code", "client_credentials"] = "authorization_code"
    """``client_credentials``: the user pastes an OAuth client of his own, and there is nobody to send anywhere."""
    client: tuple[Template, Template] | None = None
    """Id and secret of that client, as templates over the fields."""
    authorize_url: Url = ""
    """Needed for ``authorization_code`` alone."""
    token_url: Url
    refresh_url: Url = ""
    """The token endpoint for refreshing, where it is another one."""
    revoke_url: Url = ""
    revoke: Revoke = Revoke()
    identity: Request | None = None
    """The call which tells whose grant it is. Without one, renewing a connection always asks the user."""
    issuer: str = ""
    iss_required: bool = False
    """The server's metadata promises ``iss`` in the authorization response (RFC 9207 section 3)."""
    registration_url: Url = ""
    """Where the operator registers the OAuth client."""
    scopes: tuple[str, ...] = ()
    """Asked for always, whatever the services."""
    scope_separator: str = " "
    scope_param: str = "scope"
    pkce: Literal["required", "supported", "unsupported"] = "supported"
    client_auth: Literal["client_secret_basic", "client_secret_post", "none"] = "client_secret_post"
    body: Literal["form", "json"] = "form"
    token_headers: dict[str, str] = {}
    authorize_params: dict[str, str] = {}
    token_params: dict[str, Template] = {}
    """Beside the grant's own; with ``client_credentials`` a ``grant_type`` among them is sent instead."""
    refresh_params: dict[str, str] = {}
    param_names: dict[str, str] = {}
    """Renamed parameters: ``client_id = "client_key"`` (TikTok)."""
    answer: dict[Literal["access_token", "refresh_token", "expires_in", "refresh_expires_in", "scope"], str] = {}
    """Paths in the token answer, where they differ from RFC 6749 section 5.1. It has no name for the seconds until the
    refresh token ends; ``refresh_token_expires_in`` is what most providers call them."""
    keep: dict[str, str] = {}
    """What else of the token answer an agent needs: name in ``extra`` to path in the answer."""
    callback_keep: dict[str, str] = {}
    """The same from the parameters of the callback (QuickBooks' ``realmId``)."""
    lifetime: int | None = Field(default=None, gt=0)
    """Seconds an access token lives when the answer does not say. None: until the provider refuses it."""
    refresh_lifetime: int | None = Field(default=None, gt=0)
    """Seconds after which an unused refresh token lapses."""
    margin: int | None = Field(default=None, ge=0)
    """Seconds before its end at which a token is refreshed; else the smaller of 5 minutes and a tenth."""
    rotates: bool | None = None
    """Whether each refresh ends the refresh token used. For people; the answer's own token always wins."""
    revoked_errors: tuple[str, ...] = ("invalid_grant",)
    """Errors of the token endpoint that mean: the user must consent again (RFC 6749 section 5.2)."""
    client_errors: tuple[str, ...] = ("invalid_client", "unauthorized_client")
    """Errors of the token endpoint that mean: the operator's OAuth client is refused, whoever the user is."""


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
    headers: dict[str, str] = {}
    examples: tuple[Example, ...] = ()

    def missing_scopes(self, granted: set[str]) -> list[str]:
        """The scopes the user has not granted, in the file's order; empty when the service is ready."""
        if granted.intersection(self.accepts):
            return []
        return [scope for scope in self.scopes if scope not in granted]
