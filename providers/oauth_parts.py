"""The OAuth tables of a provider file: endpoints, how a grant is traded, kept and given back."""

from typing import Literal

from pydantic import Field, JsonValue

from providers.parts import Name, Part, Places, Request, Template, Url


class Paths(Part):
    """Where things stand in a token answer, by RFC 6749 section 5.1 unless the file says otherwise.

    It has no name for the seconds until the refresh token ends; `refresh_token_expires_in` is what most providers call
    them.
    """

    access_token: str = "access_token"  # noqa: S105
    """The access token."""
    refresh_token: str = "refresh_token"  # noqa: S105
    """The refresh token, if there is one."""
    scope: str = "scope"
    """What was granted: a text with spaces or commas between the scopes, or a JSON list."""
    expires_in: str = "expires_in"
    """Seconds that the access token lives, as a number or its text."""
    expires_at: str = ""
    """The moment at which the access token ends: seconds or milliseconds since 1970, or ISO 8601 (without an offset:
    UTC). Used where `expires_in` says nothing."""
    refresh_expires_in: str = "refresh_token_expires_in"
    """Seconds until the refresh token ends."""
    refresh_expires_at: str = ""
    """The moment at which the refresh token ends, in the forms of `expires_at`."""
    error: str = "error"
    """The error's code, a text or a number (`error.code`). It is compared with `revoked_errors` and `client_errors`,
    whatever the status."""


class Revoke(Part):
    """How a grant is given back where the provider does not follow RFC 7009 to the letter."""

    method: Literal["POST", "DELETE"] = "POST"
    """`"POST"` or `"DELETE"`."""
    body: Literal["form", "json", "none"] = "form"
    """How the parameters are sent: `"form"` or `"json"`; with `"none"` not at all."""
    params: dict[str, Template] = {"token": "{token}"}
    """What is sent: templates over `{token}` (the refresh token if there is one), `{accessToken}` and `{clientId}`."""
    client_auth: Literal["client_secret_basic", "client_secret_post", "none", "bearer"] | None = None
    """Default: as at the token endpoint.
    `"client_secret_basic"`, `"client_secret_post"`, `"none"`, or `"bearer"`: the token itself signs the call."""
    ends: Literal["token", "grant"] = "grant"
    """What revoking ends: `"token"` this token alone, `"grant"` everything that the user granted to this client. Other
    connections of the same user end with it then."""


class After(Request):
    """A call with the fresh token, after the callback, which tells where the API is or what there is to choose from."""

    list: str | None = None
    """Path of the list of items in the answer, `""` for the answer itself. Without it the answer is the one item."""
    id: Places = ()
    """Path in an item that tells it from the others, or several, which are joined by `:`. A list needs it."""
    label: Places = ()
    """Path in an item of its name for people, or several, of which the first that has one wins."""
    only: dict[str, JsonValue] = {}
    """Paths in an item and the values they must have; other items are not offered."""
    keep: dict[Name, str] = {}
    """What of the chosen item stays with the connection, from the name in `extra` and in templates to the path in the
    item. It must name something; an item that lacks one of them is not offered."""
    required: bool = True
    """Whether there is no connection without an item. With `false` it is made without the kept values."""
    distinct: bool = True
    """Whether each item is a connection of its own, whose account is the identity's id, a colon and the item's. With
    `false` another choice replaces the last."""
    noun: str = "account"
    """What the items are called on the page: `site`, `organisation`."""
    missing: str = ""
    """What the user can do where there is none, as a sentence."""


class Exchange(Part):
    """A second request right after the code's, which gives a token that lives longer for the one that just came."""

    url: Url
    """The address that is asked; a template."""
    method: Literal["GET", "POST"] = "GET"
    """`"GET"`, or `"POST"` as a form."""
    params: dict[str, Template]
    """All that is sent: templates over `{accessToken}`, `{clientId}`, `{clientSecret}`, inputs and maps."""
    answer: Paths = Paths()
    """Paths in this answer, and in those by `refresh_with = "access_token"`."""


class Second(Part):
    """A second token that comes with the same consent, with scopes of its own.

    It is answered as it came until its end, and never refreshed: a connection has one refresh token.
    """

    name: Name
    """What it is called in `extra` and in templates. Its end, if it has one, is called the same with `ExpiresAt`."""
    prefix: str = Field(min_length=1)
    """What its scopes begin with here. The provider gets them without."""
    scope_param: str
    """The parameter of `authorize_url` that asks for them."""
    access_token: str
    """Path of the token in the token answer."""
    scope: str
    """Path of its scopes in the token answer."""
    expires_in: str = ""
    """Path of the seconds it lives, in the token answer."""


class OAuth(Part):
    """The authorization code grant of one provider (RFC 6749 section 4.1), or its client credentials grant (4.4)."""

    grant: Literal["authorization_code", "client_credentials"] = "authorization_code"
    """`"authorization_code"`: users are sent to the provider, with the operator's OAuth client. `"client_credentials"`:
    they paste a client of their own, and nobody is sent anywhere."""
    client: tuple[Template, Template] | None = None
    """With `client_credentials`: two templates over the fields, of that client's id and its secret."""
    authorize_url: Url = ""
    """Default: none.
    Where users are sent; a template. Required, but for `client_credentials`."""
    token_url: Url
    """The token endpoint; a template."""
    refresh_url: Url = ""
    """Default: `token_url`.
    The token endpoint for refreshing, where it is another one."""
    token_method: Literal["GET", "POST"] = "POST"  # noqa: S105
    """How the token endpoint is asked: `"POST"`, or `"GET"` with all parameters in the query, which only this provider
    sees. Not with `body = "json"`."""
    refresh_method: Literal["GET", "POST"] | None = None
    """Default: `token_method`.
    How the token endpoint is asked to refresh: `"POST"` or `"GET"`."""
    refresh_with: Literal["refresh_token", "access_token"] = "refresh_token"
    """`"refresh_token"`, or `"access_token"`: there is no refresh token, and a token that lives is traded for the next
    one. `refresh_url` and `refresh_params` are needed then, and are all that is sent."""
    exchange: Exchange | None = None
    """A short token for a long one, right after the callback."""
    second: Second | None = None
    """A second token from one consent."""
    revoke_url: Url = ""
    """Where a grant is given back; a template, also over `{clientId}`. Without one nothing can be given back."""
    revoke: Revoke = Revoke()
    """How a grant is given back, where that differs from RFC 7009."""
    identity: Request | None = None
    """The call that tells whose grant it is. Without one, renewing a connection always asks the user."""
    after: After | None = None
    """The call that tells the tenant, site or host that the API is asked at."""
    issuer: str = ""
    """Compared with `iss` of the callback (RFC 9207)."""
    iss_required: bool = False
    """Whether a callback without `iss` is refused, because the server's metadata promises it (RFC 9207 section 3)."""
    registration_url: Url = ""
    """Where the operator registers the OAuth client."""
    scopes: tuple[str, ...] = ()
    """Asked for always, whatever the services."""
    scope_separator: str = " "
    """What stands between the scopes that are asked for."""
    scope_param: str = "scope"
    """The parameter of `authorize_url` in which the scopes are asked for."""
    pkce: Literal["required", "supported", "unsupported"] = "supported"
    """`"required"`, `"supported"`, or `"unsupported"` where the provider refuses it, so that it is left out."""
    client_auth: Literal["client_secret_basic", "client_secret_post", "none"] = "client_secret_post"
    """How the client is shown at the token endpoint: `"client_secret_post"`, `"client_secret_basic"` or `"none"`."""
    body: Literal["form", "json"] = "form"
    """What the token endpoint is sent: `"form"` or `"json"`."""
    token_headers: dict[str, str] = {}
    """Headers for the token endpoint."""
    authorize_params: dict[str, str] = {}
    """Parameters to send along to `authorize_url`."""
    token_params: dict[str, Template] = {}
    """Parameters to send along for the first token: templates over fields, inputs and maps. A `grant_type` among them
    takes the place of the usual one."""
    refresh_params: dict[str, Template] = {}
    """Parameters to send along when refreshing: templates like those of `token_params`, also with a `grant_type`."""
    param_names: dict[str, str] = {}
    """Renamed parameters, from the usual name to the provider's: `client_id = "client_key"`."""
    answer: Paths = Paths()
    """Paths in the token answer, where things stand elsewhere."""
    keep: dict[Name, str] = {}
    """What else of the token answer an agent needs: from the name in `extra` and in templates to the path."""
    callback_keep: dict[Name, str] = {}
    """What of the callback's parameters an agent needs: from the name in `extra` and in templates to the parameter."""
    lifetime: int | None = Field(default=None, gt=0)
    """Seconds an access token lives when the answer does not say. Without it: until the provider refuses it."""
    refresh_lifetime: int | None = Field(default=None, gt=0)
    """Seconds after which an unused refresh token lapses."""
    margin: int | None = Field(default=None, ge=0)
    """Default: the smaller of 300 and a tenth of the lifetime.
    Seconds before its end at which a token is refreshed."""
    rotates: bool | None = None
    """Whether each refresh ends the refresh token used. For people; the answer's own token always wins."""
    revoked_errors: tuple[str, ...] = ("invalid_grant",)
    """Errors of the token endpoint that mean: the user must consent again (RFC 6749 section 5.2)."""
    client_errors: tuple[str, ...] = ("invalid_client", "unauthorized_client")
    """Errors of the token endpoint that mean: the OAuth client is refused, whoever the user is."""
