"""Forms of the schema that no shipped file has, as files of an operator's."""

from providers import registry
from providers.spec import ProviderSpec

_IDENTITY = """
[oauth.identity]
url = "https://api.forms.example/me"
method = "POST"
json_body = { fields = ["id"] }
status = 201
expect = { ok = true }
present = ["who.name"]
id = ["who.id", "who.team"]
label = "who.name"

[[services]]
code = "things"
name = "Things"
scopes = ["things.read", "things.write"]
"""

ASKED_BY_GET = (
    """
code = "asked-by-get"
name = "Asked by GET"
auth = "oauth2"
base_url = "https://{site}.forms.example/{siteName}"

[oauth]
issuer = "https://forms.example"
iss_required = true
authorize_url = "https://forms.example/authorize?kind=all"
token_url = "https://forms.example/token?version=2"
token_method = "GET"
refresh_method = "POST"
refresh_url = "https://forms.example/refresh"
scope_param = "permissions"
scope_separator = "+"
client_auth = "none"
token_params = { grant_type = "get_code" }
refresh_params = { grant_type = "get_refresh", kind = "long" }
param_names = { client_id = "app_id", code_verifier = "proof", refresh_token = "renewal" }
token_headers = { Accept = "text/json", X-Forms = "1" }
revoked_errors = ["190"]
margin = 60
revoke_url = "https://forms.example/{clientId}/revoke"
revoke = { method = "DELETE", client_auth = "client_secret_post" }

[oauth.answer]
access_token = "data.0.token"
refresh_token = "data.0.renewal"
expires_at = "data.0.ends"
refresh_expires_at = "ends"
scope = "data.0.granted"
error = "error.code"

[oauth.after]
url = "https://forms.example/sites"
list = "sites"
id = "id"
label = "name"
only = { kind = "open" }
keep = { site = "host", siteName = "path" }
noun = "site"
distinct = false
missing = "Ask the owner of a site."
"""
    + _IDENTITY
)

TRADED = (
    """
code = "traded"
name = "Traded"
auth = "oauth2"
base_url = "https://api.forms.example"
headers = { X-Centre = "{dc}" }

[[inputs]]
name = "area"
label = "Area"
choices = ["eu", "us"]

[maps.tokenHost]
source = "area"
values = { eu = "eu-1", us = "us-1" }

[oauth]
authorize_url = "https://forms.example/{area}/authorize"
token_url = "https://{tokenHost}.forms.example/token"
body = "json"
pkce = "required"
refresh_with = "access_token"
refresh_url = "https://forms.example/refresh"
refresh_method = "POST"
refresh_params = { grant_type = "next", access_token = "{accessToken}", secret = "{clientSecret}" }
lifetime = 7200
callback_keep = { realm = "realmId" }

[oauth.exchange]
url = "https://forms.example/{area}/exchange"
method = "POST"
params = { grant_type = "longer", client_id = "{clientId}", client_secret = "{clientSecret}", short = "{accessToken}" }
answer = { access_token = "long.token", expires_in = "long.lives" }

[oauth.after]
url = "https://forms.example/metadata"
headers = { Authorization = "OAuth {accessToken}" }
keep = { dc = "dc" }
required = false
"""
    + _IDENTITY
)

OWN_APP = (
    """
code = "own-app"
name = "Own app"
auth = "oauth2"
base_url = "https://api.forms.example"

[[fields]]
name = "clientId"
label = "Client ID"
secret = false

[[fields]]
name = "clientSecret"
label = "Client secret"

[[fields]]
name = "accountId"
label = "Account ID"
secret = false

[send.headers]
Authorization = "Bearer {accessToken}"
Client-Id = "{clientId}"

[oauth]
grant = "client_credentials"
client = ["{clientId}", "{clientSecret}"]
token_url = "https://forms.example/token"
token_method = "GET"
token_params = { grant_type = "account_credentials", account_id = "{accountId}" }
"""
    + _IDENTITY
)

FORMS: list[ProviderSpec] = [registry.parse(text, source="an example") for text in (ASKED_BY_GET, TRADED, OWN_APP)]
