"""Issuers that become providers, and those that do not."""

import io
import tomllib
from typing import Any

import httpx
import pytest
from django.core.management import CommandError, call_command

from providers import registry
from providers.discovery import DiscoveryFailed, addresses, discover, proposed_code, proposed_name
from tests.provider_http import ProviderHttp

ISSUER = "https://login.walnut.example"
PLACE = f"{ISSUER}/.well-known/openid-configuration"
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "revocation_endpoint": f"{ISSUER}/revoke",
    "userinfo_endpoint": f"{ISSUER}/userinfo",
    "response_types_supported": ["code", "id_token"],
    "scopes_supported": ["openid", "email", "profile", "offline_access", "walnuts"],
    "code_challenge_methods_supported": ["plain", "S256"],
    "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post", "client_secret_basic"],
    "authorization_response_iss_parameter_supported": True,
}


def metadata(**changed: Any) -> dict[str, Any]:
    """The document with other values; None takes a key out."""
    return {name: value for name, value in {**METADATA, **changed}.items() if value is not None}


def found(provider_http: ProviderHttp, **changed: Any) -> Any:
    provider_http.reply("GET", PLACE, json=metadata(**changed))
    return discover(ISSUER)


def oauth(provider_http: ProviderHttp, **changed: Any) -> Any:
    return found(provider_http, **changed).document["oauth"]


def refused(provider_http: ProviderHttp, **changed: Any) -> str:
    with pytest.raises(DiscoveryFailed) as caught:
        found(provider_http, **changed)
    return str(caught.value)


def test_a_document_fills_a_whole_specification(provider_http: ProviderHttp) -> None:
    document = found(provider_http).document
    assert document == {
        "code": "walnut",
        "name": "Walnut",
        "auth": "oauth2",
        "oauth": {
            "issuer": ISSUER,
            "iss_required": True,
            "authorize_url": f"{ISSUER}/authorize",
            "token_url": f"{ISSUER}/token",
            "revoke_url": f"{ISSUER}/revoke",
            "scopes": ["openid", "email", "profile", "offline_access"],
            "pkce": "supported",
            "client_auth": "client_secret_basic",
            "authorize_params": {"prompt": "consent"},
            "identity": {"url": f"{ISSUER}/userinfo", "id": "sub", "label": "email"},
        },
    }
    assert registry.validate(document, source="x").oauth


def test_what_the_document_leaves_open_has_the_standards_default(provider_http: ProviderHttp) -> None:
    silent = dict.fromkeys(METADATA) | {name: METADATA[name] for name in ("issuer", "authorization_endpoint")}
    table = oauth(provider_http, **{**silent, "token_endpoint": f"{ISSUER}/token"})
    assert (table["client_auth"], table["pkce"]) == ("client_secret_basic", "supported")
    assert table["scopes"] == ["openid", "email", "profile", "offline_access"]
    assert not {"iss_required", "revoke_url", "identity"} & table.keys()


@pytest.mark.parametrize(
    ("changed", "key", "value"),
    [
        ({"code_challenge_methods_supported": ["plain"]}, "pkce", "unsupported"),
        ({"token_endpoint_auth_methods_supported": ["client_secret_post"]}, "client_auth", "client_secret_post"),
        ({"token_endpoint_auth_methods_supported": ["none"]}, "client_auth", "none"),
        ({"scopes_supported": ["openid", "walnuts"]}, "scopes", ["openid"]),
        ({"prompt_values_supported": ["none", "login"]}, "authorize_params", None),
        ({"authorization_response_iss_parameter_supported": "true"}, "iss_required", None),
        ({"authorization_response_iss_parameter_supported": False}, "iss_required", None),
    ],
    ids=str,
)
def test_each_announcement_becomes_its_key(provider_http: ProviderHttp, changed: Any, key: str, value: Any) -> None:
    assert oauth(provider_http, **changed).get(key) == value


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"issuer": f"{ISSUER}/"}, f"issuer: is “{ISSUER}/” in its document, and you gave “{ISSUER}”"),
        ({"issuer": "https://evil.example"}, "issuer: is “https://evil.example”"),
        ({"issuer": None}, "issuer: is missing in its document"),
        ({"authorization_endpoint": None}, "authorization_endpoint: is missing"),
        ({"token_endpoint": None}, "token_endpoint: is missing"),
        (
            {"token_endpoint": "http://login.walnut.example/token"},
            "token_endpoint: must be an https address (http:// only for allowed hosts), and is “http://login",
        ),
        (
            {"userinfo_endpoint": "http://10.0.0.1/me"},
            "userinfo_endpoint: must be an https address (http:// only for allowed hosts), and is “http://10.0.0.1/me”",
        ),
        ({"revocation_endpoint": "javascript:alert(1)"}, "revocation_endpoint: "),
        ({"authorization_endpoint": "https://a.example/{apiKey}"}, "authorization_endpoint: "),
        ({"authorization_endpoint": ["https://a.example"]}, "and is no text"),
        ({"response_types_supported": ["id_token"]}, "response_types_supported: lacks “code”"),
        ({"grant_types_supported": ["implicit"]}, "grant_types_supported: lacks"),
        ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, "has only private_key_jwt"),
        ({"token_endpoint_auth_methods_supported": []}, "has only nothing"),
        ({"scopes_supported": "openid email"}, "scopes_supported: is no list of texts"),
    ],
    ids=str,
)
def test_each_fault_is_named_with_its_key(provider_http: ProviderHttp, changed: Any, fault: str) -> None:
    assert fault in refused(provider_http, **changed)


def test_all_faults_are_told_at_once(provider_http: ProviderHttp) -> None:
    said = refused(provider_http, issuer="https://evil.example", token_endpoint=None)
    assert [line.partition(":")[0] for line in said.splitlines()] == ["issuer", "token_endpoint"]


@pytest.mark.parametrize(
    "text",
    [
        *("", "walnut", "ftp://walnut.example", "http://walnut.example", "https://a@walnut.example"),
        *("https://w.example/#a", "https://walnut.example?tenant=1", "https://walnut .example"),
        *("https://[", "https://", "https://{host}"),
    ],
)
def test_what_is_no_issuer_is_refused_before_anybody_is_asked(provider_http: ProviderHttp, text: str) -> None:
    with pytest.raises(DiscoveryFailed, match="An issuer is an address that begins with https://"):
        discover(text)
    assert provider_http.requests == []


def test_an_issuer_with_a_path_is_looked_for_in_each_standards_place() -> None:
    host = "https://id.example"
    assert addresses(f"{host}/realms/a") == [
        f"{host}/realms/a/.well-known/openid-configuration",
        f"{host}/.well-known/oauth-authorization-server/realms/a",
        f"{host}/.well-known/openid-configuration/realms/a",
    ]
    assert addresses(f"{host}/") == [
        f"{host}/.well-known/openid-configuration",
        f"{host}/.well-known/oauth-authorization-server",
    ]


def test_the_document_of_rfc_8414_does_as_well(provider_http: ProviderHttp) -> None:
    issuer = "https://id.walnut.example/tenant"
    first, second, _ = addresses(issuer)
    plain = metadata(issuer=issuer, userinfo_endpoint=None, scopes_supported=None)
    provider_http.reply("GET", first, status=404, text="<html>")
    provider_http.reply("GET", second, json=plain)
    result = discover(f"  {issuer}/.well-known/openid-configuration ")
    assert result.document["oauth"]["scopes"] == []
    assert "identity" not in result.document["oauth"]
    assert any("renewing a connection always asks" in remark for remark in result.remarks)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ({"status": 302, "headers": {"Location": "https://evil.example"}}, f"{PLACE}: answered 302"),
        ({"text": "<html>Sign in</html>"}, f"{PLACE}: answered something that is no JSON object"),
        ({"json": [1]}, f"{PLACE}: answered something that is no JSON object"),
        ({"text": "x" * 1_000_001}, f"{PLACE}: login.walnut.example answered more than 1,000,000 bytes"),
        ({"error": httpx.ConnectError("no")}, f"{PLACE}: login.walnut.example could not be reached"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_document_is_said_with_its_address(provider_http: ProviderHttp, reply: Any, said: str) -> None:
    provider_http.reply("GET", PLACE, **reply)
    provider_http.reply("GET", f"{ISSUER}/.well-known/oauth-authorization-server", status=404)
    with pytest.raises(DiscoveryFailed) as caught:
        discover(ISSUER)
    assert said in str(caught.value)
    assert not [request for request in provider_http.requests if request.url.host != "login.walnut.example"]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.2",
        "169.254.169.254",
        "[::1]",
        "[::ffff:127.0.0.2]",
        "[64:ff9b::127.0.0.2]",
        "[64:ff9b::169.254.169.254]",
        "[64:ff9b:1::a00:1]",
        "[2002:7f00:2::1]",
        "[::127.0.0.2]",
        "[fec0::1]",
        "[fd00::1]",
    ],
)
def test_a_private_address_is_refused_by_the_guard_however_it_is_written(host: str) -> None:
    with pytest.raises(DiscoveryFailed, match="private address; AKHROT_ALLOW_PRIVATE_HOSTS may allow it"):
        discover(f"https://{host}")


@pytest.mark.parametrize(
    ("issuer", "name", "code"),
    [
        ("https://accounts.example.com", "Example", "example"),
        ("https://sso.walnut-trees.co.uk/realms/a", "Walnut Trees", "walnut-trees"),
        ("https://example.com", "Example", "example"),
        ("http://127.0.0.1:8080", "127.0.0.1", "127-0-0-1"),
        ("http://localhost:9000/o", "Localhost", "localhost"),
        ("https://[::1]:9000", "::1", "1"),
    ],
)
def test_name_and_code_are_proposed_from_the_host(issuer: str, name: str, code: str) -> None:
    assert (proposed_name(issuer), proposed_code(issuer)) == (name, code)


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("provider", "discover", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_the_command_prints_a_file_that_the_check_accepts(provider_http: ProviderHttp, tmp_path: Any) -> None:
    provider_http.reply("GET", PLACE, json=metadata(revocation_endpoint=None))
    text = run(ISSUER, "--code", "nuts", "--name", "Nuts & “Co”")
    assert "# It has no revocation endpoint" in text
    path = tmp_path / "nuts.toml"
    path.write_text(text)
    call_command("provider", "check", str(path))
    assert tomllib.loads(text)["name"] == "Nuts & “Co”"


def test_the_command_prints_json_too(provider_http: ProviderHttp) -> None:
    provider_http.reply("GET", PLACE, json=metadata())
    text = run(ISSUER, "--json")
    assert registry.validate(registry.document_of(text[text.index("{") :], source="x"), source="x").code == "walnut"


def test_the_command_names_what_is_wrong(provider_http: ProviderHttp) -> None:
    provider_http.reply("GET", PLACE, json=metadata(token_endpoint=None))
    with pytest.raises(CommandError, match="token_endpoint: is missing"):
        run(ISSUER)
    provider_http.reply("GET", PLACE, json=metadata())
    with pytest.raises(CommandError, match="code: String should match"):
        run(ISSUER, "--code", "No Code")
