"""The client credentials grant in a file and on the wire, and what an answer of the token endpoint becomes."""

import base64
import datetime as dt
import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.utils import timezone

from providers import oauth, registry
from providers.call import prepare
from providers.grants import Grant, grant_in
from providers.http import ProviderUnavailable
from providers.oauth import Client, ClientRefused, GrantRevoked
from providers.oauth_parts import OAuth, Paths
from providers.spec import ProviderSpec
from tests.provider_http import ProviderHttp
from tests.providers.test_spec import DOCS, faults

# A client of the user's own, at a server that has another name for the grant.
MEETINGS = """
code = "meetings"
name = "Meetings"
auth = "oauth2"
base_url = "https://api.meetings.example"

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

[oauth]
grant = "client_credentials"
client = ["{clientId}", "{clientSecret}"]
token_url = "https://meetings.example/token"
client_auth = "client_secret_basic"
token_params = { grant_type = "account_credentials", account_id = "{accountId}" }
"""
TOKEN = "https://meetings.example/token"
REVOKE = "https://meetings.example/revoke"
FIELDS = {"clientId": "the-id", "clientSecret": "s3cret-of-ada", "accountId": "acc/7"}
NOBODY = Client(id="", secret="")


def spec(more: str = "") -> ProviderSpec:
    return registry.parse(MEETINGS + more, source="meetings.toml")


def ask(one: ProviderSpec | None = None, **held: Any) -> Grant:
    return oauth.renew(one or spec(), NOBODY, {"fields": FIELDS, **held}, {})


def sent(provider_http: ProviderHttp) -> dict[str, str]:
    body = provider_http.requests[-1].content.decode()
    return {name: values[0] for name, values in parse_qs(body).items()}


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ('authorize_url = "https://meetings.example/auth"\n', "oauth.authorize_url: has no meaning"),
        ("refresh_lifetime = 60\n", "oauth.refresh_lifetime: has no meaning"),
        ('[[inputs]]\nname = "shop"\nlabel = "Shop"\n', "inputs: has no meaning"),
        ('[verify]\nurl = "https://meetings.example/me"\n', "verify: has no meaning"),
        ('[send.headers]\nX = "{clientSecret}"\n', "send.headers.X: uses {clientSecret}, which is a secret for the"),
        ('[oauth.identity]\nurl = "https://a.example/{clientSecret}"\n', "oauth.identity.url: uses {clientSecret}"),
        ('[maps.dc]\nsource = "clientSecret"\nafter = "-"\n', "maps.dc.source: 'clientSecret' is a secret"),
        ('[[fields]]\nname = "accessToken"\nlabel = "T"\n', "fields.accessToken: is the name of the token"),
    ],
)
def test_a_client_of_the_users_own_needs_no_redirect_and_keeps_its_secret(more: str, fault: str) -> None:
    assert spec().is_pasted
    assert [line for line in faults(MEETINGS + more) if line.startswith(f"x.toml: {fault}")]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('client = ["{clientId}", "{clientSecret}"]', "", "oauth.client: must be two templates"),
        ('"{clientSecret}"]', '"{accountId}"]', "oauth.client: must be two templates"),
        ('"{clientSecret}"]', '"{clientSecrets}"]', "oauth.client: uses {clientSecrets}, which is no field"),
        ('"{accountId}" }', '"{account}" }', "oauth.token_params.account_id: uses {account}, which is no field"),
        ("client_secret_basic", "none", "oauth.client_auth: the client has a secret"),
        ('grant = "client_credentials"\n', "", "oauth.authorize_url: is required"),
        ('grant = "client_credentials"\n', "", "oauth.client: only grant"),
        ('label = "Client secret"', 'label = "Client secret"\nsecret = false', "fields: grant ="),
    ],
)
def test_a_file_with_a_client_of_the_users_own_names_its_faults(old: str, new: str, fault: str) -> None:
    assert [line for line in faults(MEETINGS.replace(old, new)) if line.startswith(f"x.toml: {fault}")]


def test_what_a_call_may_carry_lacks_the_secret_of_the_users_client() -> None:
    given = {"clientId": "i", "clientSecret": "s3cret", "accountId": "a"}
    assert spec().values(given) == {"clientId": "i", "accountId": "a"}
    assert prepare(spec(), given).headers is None


def test_the_documentation_shows_such_a_file() -> None:
    assert MEETINGS.strip() in DOCS.read_text()


def test_the_request_authenticates_the_users_client_and_carries_the_files_parameters(provider_http: ProviderHttp):
    provider_http.reply("POST", TOKEN, json={"access_token": "a1", "refresh_token": "r1", "expires_in": 3600})
    grant = ask()
    basic = base64.b64encode(b"the-id:s3cret-of-ada").decode()
    assert provider_http.requests[0].headers["Authorization"] == f"Basic {basic}"
    assert sent(provider_http) == {"grant_type": "account_credentials", "account_id": "acc/7"}
    assert (grant.access_token, grant.refresh_token) == ("a1", "")
    assert grant.expires_at is not None


def test_scopes_are_asked_for_and_the_usual_name_of_the_grant_is_sent(provider_http: ProviderHttp):
    provider_http.reply("POST", TOKEN, json={"access_token": "a1"})
    plain = registry.parse(MEETINGS.replace('grant_type = "account_credentials", ', ""), source="x.toml")
    ask(plain, scopes=["read", "write"])
    assert sent(provider_http) == {"grant_type": "client_credentials", "scope": "read write", "account_id": "acc/7"}


def test_other_grants_are_renewed_by_their_refresh_token(provider_http: ProviderHttp):
    provider_http.reply("POST", "https://oauth2.googleapis.com/token", json={"access_token": "a2"})
    google, client = registry.catalogue()["google"], Client(id="i", secret="s")
    assert oauth.renew(google, client, {"refresh_token": "r1"}, {}).access_token == "a2"
    assert sent(provider_http)["refresh_token"] == "r1"
    with pytest.raises(GrantRevoked):
        oauth.renew(google, client, {"refresh_token": ""}, {})


@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", "invalid_grant"])
def test_a_refused_client_is_its_users_matter(provider_http: ProviderHttp, error: str):
    provider_http.reply("POST", TOKEN, status=401, json={"error": error})
    with pytest.raises(GrantRevoked, match=error):
        ask()


@pytest.mark.parametrize(
    "reply", [{"status": 503}, {"status": 429, "json": {"error": "invalid_client"}}, {"text": "?"}]
)
def test_what_may_pass_is_nobodys_fault(provider_http: ProviderHttp, reply: dict[str, Any]):
    provider_http.reply("POST", TOKEN, **reply)
    with pytest.raises(ProviderUnavailable) as caught:
        ask()
    assert not isinstance(caught.value, ClientRefused)


def test_an_error_that_repeats_the_secret_is_cut(provider_http: ProviderHttp):
    provider_http.reply("POST", TOKEN, status=400, json={"error": "bad client s3cret-of-ada"})
    with pytest.raises(ProviderUnavailable) as caught:
        ask()
    assert caught.value.reason == "the token endpoint answered 400: bad client …"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"clientSecret": ""}, "Client secret is missing"),
        ({"clientSecret": "ключ"}, "no client has"),
        ({"clientId": "a\r\nb"}, "no client has"),
    ],
)
def test_what_no_client_can_be_is_not_sent(provider_http: ProviderHttp, changed: dict[str, str], said: str):
    with pytest.raises(GrantRevoked, match=said):
        ask(fields={**FIELDS, **changed})
    assert provider_http.requests == []


@pytest.mark.usefixtures("provider_http")
def test_a_value_that_makes_no_address_is_refused():
    text = MEETINGS.replace("https://meetings.example/token", "https://{accountId}.meetings.example/token")
    with pytest.raises(GrantRevoked, match="no usable address"):
        ask(registry.parse(text, source="x.toml"), fields={**FIELDS, "accountId": "xn--zzzzzz99999"})


def test_the_token_is_revoked_by_the_users_client(provider_http: ProviderHttp):
    provider_http.reply("POST", REVOKE)
    one = spec(f'revoke_url = "{REVOKE}"\n')
    held = {"access_token": "a1", "refresh_token": "", "fields": FIELDS}
    assert oauth.revoke(one, NOBODY, held=held, inputs={})
    assert sent(provider_http) == {"token": "a1"}
    assert provider_http.requests[0].headers["Authorization"].startswith("Basic ")
    assert not oauth.revoke(one, NOBODY, held={"access_token": "a1"}, inputs={}), "no client, nothing to ask with"


@pytest.mark.parametrize(
    ("answer", "days"),
    [
        ({"refresh_token_expires_in": 864_000}, 10),
        ({"refresh_token_expires_in": "864000"}, 10),
        ({}, None),
        ({"refresh_token_expires_in": 0}, None),
        ({"refresh_token_expires_in": -5}, None),
        ({"refresh_token_expires_in": 1e12}, None),
        ({"refresh_token_expires_in": float("nan")}, None),
        ({"refresh_token_expires_in": True}, None),
        ({"refresh_token_expires_in": "soon"}, None),
    ],
)
def test_the_end_of_a_refresh_token_is_read_unless_it_is_beyond_belief(answer: dict[str, Any], days: int | None):
    rule = registry.catalogue()["github"].oauth
    assert rule is not None
    grant = grant_in(rule, {"access_token": "a", "refresh_token": "r", **answer})
    assert Grant.from_json(grant.to_json()) == grant
    left = grant.ends_at and round((grant.ends_at - timezone.now()) / dt.timedelta(days=1))
    assert left == days


def test_the_end_of_a_refresh_token_may_stand_elsewhere():
    rule = OAuth(token_url=TOKEN, answer=Paths(refresh_expires_in="refresh.ttl"))
    assert grant_in(rule, {"access_token": "a", "refresh": {"ttl": 60}}).ends_at is not None


def test_a_grant_sealed_before_there_was_such_an_end_is_read():
    old = json.dumps({"access_token": "a", "refresh_token": "", "expires_at": None, "scopes": None, "extra": {}})
    assert Grant.from_json(old) == Grant(access_token="a")
