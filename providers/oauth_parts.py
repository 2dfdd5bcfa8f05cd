"""The OAuth tables of a provider file: endpoints, how a grant is traded, kept and given back."""

from typing import Literal

from pydantic import Field, JsonValue

from providers.parts import Name, Part, Request, Template, Url


class Paths(Part):
    """Where things stand in a token answer, by RFC 6749 section 5.1 unless the file says otherwise.

    It has no name for the seconds until the refresh token ends; ``refresh_token_expires_in`` is what most providers
    call them.
    """

    access_token: str = "access_token"  # noqa: S105
    refresh_token: str = "refresh_token"  # noqa: S105
    scope: str = "scope"
    """A text with spaces or commas between the scopes, or a JSON list."""
    expires_in: str = "expires_in"
    """Seconds, as a number or its text."""
    expires_at: str = ""
    """The same as a moment: seconds or milliseconds since 1970, or ISO 8601 (without an offset: UTC)."""
    refresh_expires_in: str = "refresh_token_expires_in"
    """Seconds until the refresh token ends."""
    refresh_expires_at: str = ""
    """The same as a moment."""
    error: str = "error"
    """The error's code, a text or a number."""


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


class After(Request):
    """A call with the fresh token, after the callback, which tells where the API is or what there is to choose from.

    ``status``, ``expect`` and ``present`` judge the answer; ``id``, ``label`` and ``keep`` are paths in each item.
    """

    list: str | None = None
    """Path of the list of items in the answer, "" for the answer itself. None: the answer is the one item."""
    only: dict[str, JsonValue] = {}
    """Paths in an item and the values they must have; other items are not offered (Basecamp's older products)."""
    keep: dict[Name, str] = {}
    """What of the chosen item stays with the connection: name, also of a placeholder, to path in the item."""
    required: bool = True
    """Whether there is no connection without an item."""
    distinct: bool = True
    """Whether each item is a connection of its own, told apart by ``id``; else another choice replaces the last."""
    noun: str = "account"
    """What the items are called on the page: "site", "organisation"."""
    missing: str = ""
    """What the user can do where there is none, as a sentence."""


class Exchange(Part):
    """A second request right after the code's, which gives a token that lives longer for the one that just came."""

    url: Url
    method: Literal["GET", "POST"] = "GET"
    params: dict[str, Template]
    """All that is sent, over ``{accessToken}``, ``{clientId}``, ``{clientSecret}``, inputs and maps."""
    answer: Paths = Paths()
    """As in ``[oauth]``, for the answer to this request and to those by ``refresh_with = "access_token"``."""


class Second(Part):
    """A second token that comes with the same consent, with scopes of its own (Slack's user token).

    It is answered as it came until its end, and never refreshed: a connection has one refresh token.
    """

    name: Name
    """What it is called in ``extra``; its end, if it has one, is called the same with ``ExpiresAt``."""
    prefix: str = Field(min_length=1)
    """Scopes which begin so are this token's; they are asked for without it."""
    scope_param: str
    """The parameter of the authorization URL that asks for them."""
    access_token: str
    """Path of the token in the token answer."""
    scope: str
    """Path of its scopes."""
    expires_in: str = ""
    """Path of the seconds it lives."""


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
    token_method: Literal["GET", "POST"] = "POST"  # noqa: S105
    refresh_method: Literal["GET", "POST"] | None = None
    """None: as at the token endpoint."""
    refresh_with: Literal["refresh_token", "access_token"] = "refresh_token"
    """``access_token``: there is no refresh token, and a token that lives is traded for the next one (Instagram). Then
    ``refresh_params`` is all that is sent."""
    exchange: Exchange | None = None
    second: Second | None = None
    revoke_url: Url = ""
    revoke: Revoke = Revoke()
    identity: Request | None = None
    """The call which tells whose grant it is. Without one, renewing a connection always asks the user."""
    after: After | None = None
    """The call which tells the tenant, site or host that the API is asked at."""
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
    """Beside the grant's own; a ``grant_type`` among them is sent instead."""
    refresh_params: dict[str, Template] = {}
    """The same to refresh."""
    param_names: dict[str, str] = {}
    """Renamed parameters: ``client_id = "client_key"`` (TikTok)."""
    answer: Paths = Paths()
    """Paths in the token answer, where things stand elsewhere."""
    keep: dict[Name, str] = {}
    """What else of the token answer an agent needs: name in ``extra`` to path in the answer."""
    callback_keep: dict[Name, str] = {}
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
