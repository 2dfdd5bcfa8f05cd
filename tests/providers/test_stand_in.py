"""The stand-in of the round trips refuses a client that differs from the file in one key."""

from typing import Any

import pytest

from providers import http, oauth, registry, verify
from providers.http import ProviderUnavailable
from providers.oauth import Client, GrantRevoked
from providers.spec import ProviderSpec
from tests.stand_in import keys, reading
from tests.stand_in.forms import ASKED_BY_GET
from tests.stand_in.oauth import CLIENT, CODE, SECRET, OAuthProvider
from tests.stand_in.turns import StandIn, challenge_of

VERIFIER = "v" * 43
REDIRECT = "http://127.0.0.1:8000/oauth/callback/plain"
OURS = Client(id=CLIENT, secret=SECRET)
PLAIN = """
code = "plain"
name = "Plain"
auth = "oauth2"
base_url = "https://plain.example"

[oauth]
authorize_url = "https://plain.example/authorize"
token_url = "https://plain.example/token"
revoke_url = "https://plain.example/revoke"

[oauth.identity]
url = "https://plain.example/me"
id = "id"

[[services]]
code = "all"
name = "All"
scopes = ["one", "two"]
"""
PASTED = """
code = "pasted"
name = "Pasted"
auth = "api_key"
base_url = "https://plain.example"

[[fields]]
name = "key"
label = "Key"

[send.headers]
X-Key = "{key}"

[verify]
url = "https://plain.example/me"
"""


@pytest.fixture
def stand_in() -> Any:
    one = StandIn()
    http.use_transport(one.transport)
    yield one
    http.use_transport(None)


def changed(text: str, table: str, **keys: Any) -> ProviderSpec:
    """The file `text` with `keys` in one of its tables."""
    document = registry.parse(text, source="an example").model_dump(mode="json", exclude_unset=True)
    place = document
    for step in table.split("."):
        place = place.setdefault(step, {})
    place.update(keys)
    return registry.validate(document, source="an example")


def provider(stand_in: StandIn, text: str = PLAIN) -> OAuthProvider:
    spec = registry.parse(text, source="an example")
    return OAuthProvider(spec, stand_in, REDIRECT, {}, scopes=["one", "two"], challenge=challenge_of(VERIFIER))


@pytest.mark.parametrize(
    "keys",
    [
        {"authorize_url": "https://plain.example/authorise"},
        {"authorize_params": {"prompt": "consent"}},
        {"scope_separator": ","},
        {"scope_param": "scopes"},
        {"pkce": "unsupported"},
        {"param_names": {"client_id": "client_key"}},
    ],
    ids=str,
)
def test_another_authorization_request(keys, stand_in):
    spec = changed(PLAIN, "oauth", **keys)
    url = oauth.authorize_url(spec, OURS, scopes=["one", "two"], state="s" * 22, verifier=VERIFIER, inputs={})
    with pytest.raises((AssertionError, KeyError)):
        provider(stand_in).consent(url)


@pytest.mark.parametrize(
    "keys",
    [
        {"token_url": "https://plain.example/token/"},
        {"token_method": "GET"},
        {"client_auth": "client_secret_basic"},
        {"client_auth": "none"},
        {"body": "json"},
        {"pkce": "unsupported"},
        {"token_params": {"expiring": "1"}},
        {"token_headers": {"Accept": "text/plain"}},
        {"param_names": {"code": "auth_code"}},
    ],
    ids=str,
)
def test_another_token_request(keys, stand_in):
    provider(stand_in).expect_connection()
    with pytest.raises(ProviderUnavailable):
        oauth.exchange(changed(PLAIN, "oauth", **keys), OURS, code=CODE, verifier=VERIFIER, inputs={})
    assert all(complaint.startswith("the code: ") for complaint in stand_in.complaints)


def test_another_verifier_or_code(stand_in):
    spec = registry.parse(PLAIN, source="an example")
    for sent in ({"verifier": "w" * 43, "code": CODE}, {"verifier": VERIFIER, "code": "another"}):
        provider(stand_in).expect_connection()
        with pytest.raises(ProviderUnavailable):
            oauth.exchange(spec, OURS, inputs={}, **sent)
        stand_in.due.clear()
    assert len(stand_in.complaints) == 2


@pytest.mark.parametrize(
    "keys", [{"refresh_url": "https://plain.example/refresh"}, {"refresh_params": {"scope": "one"}}], ids=str
)
def test_another_refresh(keys, stand_in):
    one = provider(stand_in)
    one.refresh_token = "held"
    one.expect_refresh()
    with pytest.raises(ProviderUnavailable):
        oauth.refresh(changed(PLAIN, "oauth", **keys), OURS, refresh_token="held", inputs={})
    assert len(stand_in.complaints) == 1


@pytest.mark.parametrize(
    ("table", "keys"),
    [
        ("oauth", {"revoke_url": "https://plain.example/{clientId}/revoke"}),
        ("oauth.revoke", {"method": "DELETE"}),
        ("oauth.revoke", {"body": "json", "client_auth": "none"}),
        ("oauth.revoke", {"params": {"token": "{accessToken}"}}),
        ("oauth.revoke", {"client_auth": "bearer"}),
        ("oauth.revoke", {"client_auth": "client_secret_basic"}),
    ],
    ids=str,
)
def test_another_revocation(table, keys, stand_in):
    one = provider(stand_in)
    one.refresh_token = "held"
    one.expect_revocation()
    held = {"access_token": "access", "refresh_token": "held"}
    assert not oauth.revoke(changed(PLAIN, table, **keys), OURS, held=held, inputs={})
    assert stand_in.complaints


@pytest.mark.parametrize(
    "keys",
    [{"url": "https://plain.example/you"}, {"method": "POST"}, {"headers": {"Authorization": "token {accessToken}"}}],
    ids=str,
)
def test_another_identity_call(keys, stand_in):
    one = provider(stand_in)
    one.expect_calls()
    with pytest.raises(ProviderUnavailable):
        oauth.identity(changed(PLAIN, "oauth.identity", **keys), oauth.Grant(access_token=one.access_token), {})
    assert stand_in.complaints


@pytest.mark.parametrize(
    ("table", "keys"),
    [
        ("send", {"headers": {"X-Key": "Bearer {key}"}}),
        ("send", {"query": {"key": "{key}"}}),
        ("verify", {"method": "POST"}),
        ("verify", {"json_body": {"query": "me"}}),
        ("verify", {"headers": {"X-Version": "1"}}),
    ],
    ids=str,
)
def test_another_check_of_a_key(table, keys, stand_in):
    spec = registry.parse(PASTED, source="an example")
    stand_in.expect(keys_of(spec))
    assert verify.verify(changed(PASTED, table, **keys), {"key": "k1"}).outcome == "refused"
    assert stand_in.complaints


def keys_of(spec: ProviderSpec) -> Any:
    return keys.asked(spec, {"key": "k1"}, **keys.good(spec))


def test_its_refusal_is_the_files(stand_in):
    one = OAuthProvider(registry.parse(ASKED_BY_GET, source="an example"), stand_in, REDIRECT, {})
    one.refresh_token = "held"
    one.expect_refresh(error="190")
    with pytest.raises(GrantRevoked, match="190"):
        oauth.refresh(one.spec, OURS, refresh_token="held", inputs={})
    stand_in.check()


def test_templates_are_read_as_documented():
    assert reading.filled("{{a}} {b}", {"b": "c/d"}) == "{a} c/d"
    assert reading.filled("https://{a}.example/{b}", {"a": "x", "b": "c/d"}, url=True) == "https://x.example/c%2Fd"
    assert reading.filled("{a}/v3", {"a": "https://x.example/"}, url=True) == "https://x.example/v3"
