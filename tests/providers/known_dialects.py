"""What the most used providers want to be sent, written down from their documentation and not from their files.

Each line is compared with what the product sends. What the documentation leaves open is left out here, and is then not
compared. The client is client-1 with secret-1, the tokens are access-1 and refresh-1.
"""

from dataclasses import dataclass, field
from typing import Literal

Auth = Literal["header", "body"]


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request: `body` as form or JSON as `kind` says, `headers` those that must be there with these values."""

    method: str = "GET"
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    kind: Literal["", "form", "json"] = ""
    body: dict[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    """Names of headers that must not be there."""


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """One provider with OAuth. `params` are those of the authorization URL beside the standard's own."""

    docs: str
    authorize: str
    params: dict[str, str] = field(default_factory=dict)
    scopes: str | None
    """What two of its scopes look like in the request; None: it knows none there."""
    asked: tuple[str, ...] = ()
    pkce: bool | None = None
    """Whether it takes S256; None: its documentation does not say."""
    token: str
    auth: Auth
    kind: Literal["form", "json"] = "form"
    token_headers: dict[str, str] = field(default_factory=dict)
    token_params: dict[str, str] = field(default_factory=dict)
    revoked: tuple[str, int] | None = ("invalid_grant", 400)
    """How it says that a grant is over: error and status; None: its documentation does not say."""
    revoke: Call | None = None
    call: Call
    base_url: str = ""
    inputs: dict[str, str] = field(default_factory=dict)
    answer: dict[str, object] = field(default_factory=dict)
    """What its token answer has beside the usual, and a call needs."""


BEARER = {"Authorization": "Bearer access-1"}
BASIC = {"Authorization": "Basic Y2xpZW50LTE6c2VjcmV0LTE="}

SIGN_INS = {
    "google": SignIn(
        docs="https://developers.google.com/identity/protocols/oauth2/web-server",
        authorize="https://accounts.google.com/o/oauth2/v2/auth",
        params={"access_type": "offline", "prompt": "consent", "include_granted_scopes": "true"},
        asked=("openid", "https://www.googleapis.com/auth/drive"),
        scopes="openid https://www.googleapis.com/auth/drive",
        pkce=True,
        token="https://oauth2.googleapis.com/token",
        auth="body",
        revoke=Call(
            method="POST",
            url="https://oauth2.googleapis.com/revoke",
            kind="form",
            body={"token": "refresh-1"},
            without=("authorization",),
        ),
        call=Call(url="https://openidconnect.googleapis.com/v1/userinfo", headers=BEARER),
    ),
    "github": SignIn(
        docs="https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps",
        authorize="https://github.com/login/oauth/authorize",
        asked=("repo", "read:user"),
        scopes="repo read:user",
        pkce=True,
        token="https://github.com/login/oauth/access_token",
        auth="body",
        # Else the answer is form-encoded.
        token_headers={"accept": "application/json"},
        revoked=("bad_refresh_token", 200),
        # https://docs.github.com/en/rest/apps/oauth-applications#delete-an-app-authorization
        revoke=Call(
            method="DELETE",
            url="https://api.github.com/applications/client-1/grant",
            headers=BASIC,
            kind="json",
            body={"access_token": "access-1"},
        ),
        call=Call(url="https://api.github.com/user", headers=BEARER),
    ),
    "slack": SignIn(
        docs="https://docs.slack.dev/authentication/installing-with-oauth",
        authorize="https://slack.com/oauth/v2/authorize",
        asked=("chat:write", "channels:read"),
        scopes="chat:write,channels:read",
        token="https://slack.com/api/oauth.v2.access",
        auth="header",
        revoked=("invalid_refresh_token", 200),
        revoke=Call(method="POST", url="https://slack.com/api/auth.revoke", headers=BEARER),
        call=Call(method="POST", url="https://slack.com/api/auth.test", headers=BEARER),
    ),
    "microsoft": SignIn(
        docs="https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-auth-code-flow",
        authorize="https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
        params={"response_mode": "query"},
        asked=("offline_access", "Mail.Read"),
        scopes="offline_access Mail.Read",
        pkce=True,
        token="https://login.microsoftonline.com/common/oauth2/v2.0/token",
        auth="body",
        inputs={"tenant": "common"},
        call=Call(url="https://graph.microsoft.com/v1.0/me", headers=BEARER),
    ),
    "notion": SignIn(
        docs="https://developers.notion.com/docs/authorization",
        authorize="https://api.notion.com/v1/oauth/authorize",
        params={"owner": "user"},
        scopes=None,
        token="https://api.notion.com/v1/oauth/token",
        auth="header",
        kind="json",
        revoke=Call(
            method="POST",
            url="https://api.notion.com/v1/oauth/revoke",
            headers=BASIC,
            kind="json",
            body={"token": "access-1"},
        ),
        call=Call(url="https://api.notion.com/v1/users/me", headers={**BEARER, "Notion-Version": "2022-06-28"}),
    ),
    "linear": SignIn(
        docs="https://linear.app/developers/oauth-2-0-authentication",
        authorize="https://linear.app/oauth/authorize",
        asked=("read", "write"),
        scopes="read,write",
        pkce=True,
        token="https://api.linear.app/oauth/token",
        auth="body",
        revoked=None,
        call=Call(method="POST", url="https://api.linear.app/graphql", headers=BEARER, kind="json"),
    ),
    "discord": SignIn(
        docs="https://discord.com/.well-known/oauth-authorization-server",
        authorize="https://discord.com/api/oauth2/authorize",
        asked=("identify", "guilds"),
        scopes="identify guilds",
        pkce=True,
        token="https://discord.com/api/oauth2/token",
        auth="body",
        revoke=Call(method="POST", url="https://discord.com/api/oauth2/token/revoke", kind="form"),
        call=Call(url="https://discord.com/api/users/@me", headers=BEARER),
    ),
    "dropbox": SignIn(
        docs="https://developers.dropbox.com/oauth-guide",
        authorize="https://www.dropbox.com/oauth2/authorize",
        params={"token_access_type": "offline"},
        asked=("account_info.read", "files.metadata.read"),
        scopes="account_info.read files.metadata.read",
        pkce=True,
        token="https://api.dropboxapi.com/oauth2/token",
        auth="header",
        revoke=Call(
            method="POST",
            url="https://api.dropboxapi.com/2/auth/token/revoke",
            headers=BEARER,
            # A body, even an empty object, is refused by a call without arguments.
            without=("content-type",),
        ),
        call=Call(
            method="POST",
            url="https://api.dropboxapi.com/2/users/get_current_account",
            headers=BEARER,
            without=("content-type",),
        ),
    ),
    "hubspot": SignIn(
        docs="https://developers.hubspot.com/docs/api-reference/latest/authentication/manage-oauth-tokens",
        authorize="https://app.hubspot.com/oauth/authorize",
        asked=("oauth", "crm.objects.contacts.read"),
        scopes="oauth crm.objects.contacts.read",
        token="https://api.hubapi.com/oauth/2026-03/token",
        auth="body",
        revoked=None,
        call=Call(url="https://api.hubapi.com/account-info/v3/details", headers=BEARER),
    ),
    "salesforce": SignIn(
        docs="https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_web_server_flow.htm",
        authorize="https://login.salesforce.com/services/oauth2/authorize",
        asked=("api", "refresh_token"),
        scopes="api refresh_token",
        pkce=True,
        token="https://login.salesforce.com/services/oauth2/token",
        auth="body",
        inputs={"loginDomain": "login"},
        answer={"instance_url": "https://acme.my.salesforce.com"},
        base_url="https://acme.my.salesforce.com",
        revoke=Call(
            method="POST",
            url="https://login.salesforce.com/services/oauth2/revoke",
            kind="form",
            body={"token": "refresh-1"},
        ),
        call=Call(url="https://login.salesforce.com/services/oauth2/userinfo", headers=BEARER),
    ),
    "shopify": SignIn(
        docs="https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/authorization-code-grant",
        authorize="https://acme.myshopify.com/admin/oauth/authorize",
        asked=("read_products", "read_orders"),
        scopes="read_products,read_orders",
        token="https://acme.myshopify.com/admin/oauth/access_token",
        auth="body",
        # Else the token has no end, which public apps may not have any more.
        token_params={"expiring": "1"},
        revoked=None,
        inputs={"shop": "acme"},
        call=Call(
            url="https://acme.myshopify.com/admin/api/2025-07/shop.json", headers={"X-Shopify-Access-Token": "access-1"}
        ),
    ),
    "airtable": SignIn(
        docs="https://airtable.com/developers/web/api/oauth-reference",
        authorize="https://airtable.com/oauth2/v1/authorize",
        asked=("data.records:read", "schema.bases:read"),
        scopes="data.records:read schema.bases:read",
        pkce=True,
        token="https://airtable.com/oauth2/v1/token",
        auth="header",
        call=Call(url="https://api.airtable.com/v0/meta/whoami", headers=BEARER),
    ),
    "zoom": SignIn(
        docs="https://developers.zoom.us/docs/integrations/oauth/",
        authorize="https://zoom.us/oauth/authorize",
        scopes=None,
        pkce=True,
        token="https://zoom.us/oauth/token",
        auth="header",
        revoked=None,
        revoke=Call(
            method="POST",
            url="https://zoom.us/oauth/revoke",
            headers=BASIC,
            kind="form",
            body={"token": "access-1"},
        ),
        call=Call(url="https://api.zoom.us/v2/users/me", headers=BEARER),
    ),
    "gitlab": SignIn(
        docs="https://docs.gitlab.com/api/oauth2/",
        authorize="https://gitlab.com/oauth/authorize",
        asked=("read_user", "api"),
        scopes="read_user api",
        pkce=True,
        token="https://gitlab.com/oauth/token",
        auth="body",
        revoke=Call(
            method="POST",
            url="https://gitlab.com/oauth/revoke",
            kind="form",
            body={"client_id": "client-1", "client_secret": "secret-1"},
        ),
        call=Call(url="https://gitlab.com/api/v4/user", headers=BEARER),
    ),
    "spotify": SignIn(
        docs="https://developer.spotify.com/documentation/web-api/tutorials/code-flow",
        authorize="https://accounts.spotify.com/authorize",
        asked=("user-read-email", "user-read-private"),
        scopes="user-read-email user-read-private",
        token="https://accounts.spotify.com/api/token",
        auth="header",
        call=Call(url="https://api.spotify.com/v1/me", headers=BEARER),
    ),
}
