"""The schema: what it accepts, and what it refuses with the key named."""

from pathlib import Path

import pytest

from providers.registry import BadProviderFile, parse, validate
from providers.spec import ProviderSpec

# Operators' files use these names: both must be accepted exactly as they stand.
SANDBOX = """
code = "sandbox"
name = "Sandbox"
auth = "oauth2"

[oauth]
issuer = "https://id.example"
authorize_url = "https://id.example/auth"
token_url = "https://id.example/token"
revoke_url = "https://id.example/revoke"
scopes = ["openid", "offline_access"]
pkce = "required"
client_auth = "client_secret_basic"

[oauth.identity]
url = "https://id.example/me"
id = "sub"
label = "email"

[[services]]
code = "files"
name = "Files"
base_url = "https://files.example"
scopes = ["files.read"]

[[services.examples]]
method = "GET"
path = "/v1/files"
purpose = "List files"
"""
TWILIO = """
code = "twilio"
name = "Twilio"
auth = "basic"
base_url = "https://api.twilio.com"

[[fields]]
name = "accountSid"
label = "Account SID"
secret = false
pattern = "AC[0-9a-f]{32}"

[[fields]]
name = "authToken"
label = "Auth token"

[send]
basic = ["{accountSid}", "{authToken}"]

[verify]
url = "https://api.twilio.com/2010-04-01/Accounts/{accountSid}.json"
status = 200
label = "friendly_name"
"""
KEY = 'code = "x"\nname = "X"\nauth = "api_key"\n[[fields]]\nname = "key"\nlabel = "Key"\n'
OAUTH = (
    'code = "x"\nname = "X"\nauth = "oauth2"\n[oauth]\n'
    'authorize_url = "https://id.example/a"\ntoken_url = "https://id.example/t"\n'
)


DOCS = Path(__file__).parents[2] / "docs" / "providers.md"


def spec(text: str) -> ProviderSpec:
    return parse(text, source="x.toml")


def faults(text: str) -> list[str]:
    with pytest.raises(BadProviderFile) as caught:
        spec(text)
    return str(caught.value).splitlines()


def test_the_oauth_example_is_accepted_as_it_stands() -> None:
    sandbox = spec(SANDBOX)
    assert sandbox.oauth is not None
    assert sandbox.oauth.identity is not None
    assert sandbox.oauth.identity.account({"sub": "7", "email": "ada@example.com"}) == (
        "7",
        "ada@example.com",
    )
    assert sandbox.kind == "oauth2"
    assert sandbox.scopes_for() == ["openid", "offline_access", "files.read"]
    assert sandbox.scopes_for([]) == ["openid", "offline_access"]
    assert sandbox.services[0].examples[0].path == "/v1/files"


def test_the_basic_example_is_accepted_as_it_stands() -> None:
    twilio = spec(TWILIO)
    assert twilio.kind == "api_key"
    assert twilio.token_field == "authToken"
    assert twilio.verify is not None
    assert twilio.verify.account({"friendly_name": "Ada's"}) == ("", "Ada's")


def test_the_token_is_the_last_secret_field_unless_the_file_says_otherwise() -> None:
    more = '[[fields]]\nname = "b"\nlabel = "B"\n[[fields]]\nname = "open"\nlabel = "O"\nsecret = false\n'
    assert spec(KEY + more).token_field == "b"
    assert spec('access_token = "key"\n' + KEY + more).token_field == "key"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (KEY + "[send]\nheader = {}\n", "x.toml: send.header: Extra inputs are not permitted"),
        (KEY.replace('"x"', '"X Y"'), "x.toml: code:"),
        (KEY + '[send.headers]\nA = "{kye}"\n', "x.toml: send.headers.A: uses {kye}"),
        (KEY + '[send.query]\nA = "{kye}"\n', "x.toml: send.query.A: uses {kye}"),
        (KEY + '[send.headers]\nA = "{key:>99}"\n', "x.toml: send.headers.A: is not a template"),
        (KEY + '[verify]\nurl = "https://a.example/{kye}"\n', "x.toml: verify.url: uses {kye}"),
        (KEY + '[verify]\nurl = "ftp://a.example"\n', "x.toml: verify.url: must start with https://"),
        (KEY + '[verify]\nurl = "https://a.example/ b"\n', "x.toml: verify.url: must start with https://"),
        (KEY + '[verify]\nurl = "https://[a"\n', "x.toml: verify.url: Invalid IPv6 URL"),
        (KEY + '[verify]\nurl = "https://a.example"\nmethod = "PUT"\n', "x.toml: verify.method:"),
        (KEY + '[maps.host]\nsource = "region"\n', "x.toml: maps.host.source: 'region' is no field"),
        (KEY + 'pattern = "("\n', "x.toml: fields.0.pattern: is not a regular expression"),
        (
            KEY + 'pattern = "a{99999999999999999999}"\n',
            "x.toml: fields.0.pattern: is not a regular expression",
        ),
        (KEY + "secret = false\n", 'x.toml: fields: auth = "api_key" needs at least one secret field'),
        (KEY + 'choices = ["a"]\ndefault = "b"\n', "x.toml: fields.key.default: is none of its choices"),
        (KEY + '[[fields]]\nname = "key"\nlabel = "K"\n', "x.toml: fields: 'key' is there twice"),
        (
            KEY + '[[services]]\ncode = "a"\nname = "A"\nscopes = ["s"]\n',
            "x.toml: services.a.scopes: only OAuth",
        ),
        (KEY.replace("api_key", "basic"), "x.toml: send.basic:"),
        (KEY.replace("api_key", "mtproto"), 'x.toml: fields: auth = "mtproto" needs apiId, apiHash'),
        (KEY.replace("api_key", "oauth2"), "x.toml: oauth: an [oauth] table"),
        (KEY.replace("api_key", "oauth3"), "x.toml: auth:"),
        ('access_token = "kye"\n' + KEY, "x.toml: access_token: names no field: 'kye'"),
        (
            OAUTH + '[oauth.revoke.params]\ntoken = "{secret}"\n',
            "x.toml: oauth.revoke.params.token: uses {secret}",
        ),
        (OAUTH + '[oauth.identity]\nurl = "{site}/me"\n', "x.toml: oauth.identity.url: uses {site}"),
        (OAUTH + "lifetime = 0\n", "x.toml: oauth.lifetime:"),
        (OAUTH + '[oauth.answer]\ntoken = "a"\n', "x.toml: oauth.answer.token"),
    ],
)
def test_a_fault_is_named_by_file_and_key(text: str, fault: str) -> None:
    found = faults(text)
    assert any(line.startswith(fault) for line in found), found


def test_every_fault_is_told_not_the_first_alone() -> None:
    text = KEY + '[send.headers]\nA = "{one}"\nB = "{two}"\n[maps.m]\nsource = "three"\n'
    assert len(faults(text)) == 3
    assert len(faults('code = "x"\nname = 3\nauth = "no"\nwhat = 1\n')) == 3


def test_revoking_knows_the_token_and_the_client() -> None:
    text = OAUTH + 'revoke_url = "https://id.example/{clientId}"\n[oauth.revoke.params]\nt = "{token}{accessToken}"\n'
    assert spec(text).oauth is not None
    assert "send.headers.A: uses {clientId}" in faults(OAUTH + '[send.headers]\nA = "{clientId}"\n')[0]


def test_values_have_defaults_and_what_the_maps_derive() -> None:
    region = (
        '[[fields]]\nname = "region"\nlabel = "R"\nsecret = false\nchoices = ["us", "eu"]\ndefault = "us"\n'
        '[maps.host]\nsource = "region"\nvalues = { us = "https://us.example", eu = "https://eu.example" }\n'
        '[maps.dc]\nsource = "key"\nafter = "-"\n'
    )
    provider = spec(KEY + region)
    assert provider.values({"key": "abc-us21"}) == {
        "key": "abc-us21", "region": "us", "host": "https://us.example", "dc": "us21",
    }  # fmt: skip
    assert provider.values({"key": "abc", "region": "eu"})["host"] == "https://eu.example"


def test_a_key_without_the_sign_does_not_end_up_in_a_host_name() -> None:
    assert spec(KEY + '[maps.dc]\nsource = "key"\nafter = "-"\n').values({"key": "secret"})["dc"] == ""


def test_values_are_missing_or_none_of_the_choices() -> None:
    provider = spec(KEY + '[[fields]]\nname = "region"\nlabel = "Region"\nsecret = false\nchoices = ["us", "eu"]\n')
    assert provider.faults({"region": "uk"}) == {
        "key": "Key is missing",
        "region": "Region must be one of us, eu",
    }
    assert provider.faults({"key": "k", "region": "eu"}) == {}


def test_a_pattern_refuses_an_input_and_never_a_field() -> None:
    shop = '[[inputs]]\nname = "shop"\nlabel = "Shop"\npattern = "[a-z]+"\n'
    assert spec(OAUTH + shop).faults({"shop": "a.b"}) == {"shop": "Shop does not look right"}
    assert spec(KEY + 'pattern = "[a-z]+"\n').faults({"key": "123"}) == {}


def test_a_wider_scope_alone_makes_a_service_ready() -> None:
    text = OAUTH + '[[services]]\ncode = "s"\nname = "S"\nscopes = ["a", "b"]\naccepts = ["all"]\n'
    service = spec(text).services[0]
    assert service.missing_scopes({"a"}) == ["b"]
    assert service.missing_scopes({"all"}) == []
    assert service.missing_scopes({"a", "b"}) == []


def test_what_a_file_was_checked_against_is_a_text_or_a_table() -> None:
    table = spec('checked = { level = "single", against = "its documentation", on = "2026-11-24" }\n' + KEY).checked
    assert (table.level, str(table)) == ("single", "its documentation, 2026-11-24, one source alone")
    text = spec('checked = "its documentation, May 2026"\n' + KEY).checked
    assert (text.level, str(text)) == ("", "its documentation, May 2026")
    assert str(spec(KEY).checked) == ""


@pytest.mark.parametrize("wrong", ['level = "sure"', 'on = "last week"', 'by = "me"'])
def test_what_it_was_checked_against_is_checked_itself(wrong: str) -> None:
    with pytest.raises(BadProviderFile, match=r"checked\."):
        spec(f"checked = {{ {wrong} }}\n" + KEY)


def test_other_names_are_among_the_words_that_find_it() -> None:
    found_by = spec('aliases = ["Walnut Cloud"]\n' + KEY).entry
    assert {"walnut", "cloud", "walnutcloud"} <= set(found_by.worth)


def test_a_specification_does_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        spec(KEY).name = "Y"


def test_the_documentation_shows_both_examples() -> None:
    written = DOCS.read_text()
    assert SANDBOX.strip() in written
    assert TWILIO.strip() in written


@pytest.mark.parametrize("document", [None, [], "x", 3, {"code": []}])
def test_a_document_that_is_no_table_is_refused(document: object) -> None:
    with pytest.raises(BadProviderFile):
        validate(document, source="admin")
