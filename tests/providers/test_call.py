"""What an agent sends: ready headers, the query, the address."""

import base64

from hypothesis import given
from hypothesis import strategies as st

from providers import registry
from providers.call import prepare
from tests.providers.test_spec import KEY, OAUTH, SANDBOX, TWILIO

catalogue = registry.load(registry.SHIPPED)


def test_an_oauth_token_travels_as_a_bearer() -> None:
    spec = registry.parse(SANDBOX, source="x")
    call = prepare(spec, {"accessToken": "tok"}, service=spec.service("files"))
    assert call.headers == {"Authorization": "Bearer tok"}
    assert call.base_url == "https://files.example"
    assert call.query is None
    assert prepare(spec, {"accessToken": "tok"}).base_url is None


def test_an_oauth_provider_may_send_its_token_otherwise() -> None:
    spec = registry.parse(OAUTH + '[send.headers]\nX-Token = "{accessToken}"\n', source="x")
    assert prepare(spec, {"accessToken": "tok"}).headers == {"X-Token": "tok"}


def test_basic_is_encoded_in_utf_8() -> None:
    spec = registry.parse(TWILIO, source="x")
    call = prepare(spec, {"accountSid": "test", "authToken": "123£"})
    # The example of RFC 7617 section 2.1.
    assert call.headers == {"Authorization": "Basic dGVzdDoxMjPCow=="}
    assert call.base_url == "https://api.twilio.com"


@given(st.text().filter(lambda user: ":" not in user), st.text())
def test_basic_decodes_to_what_was_given(user: str, password: str) -> None:
    headers = prepare(registry.parse(TWILIO, source="x"), {"accountSid": user, "authToken": password}).headers
    assert headers is not None
    decoded = base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode()
    assert decoded == f"{user}:{password}"


def test_optional_fields_nobody_gave_make_no_header() -> None:
    spec = catalogue["openai"]
    assert prepare(spec, {"apiKey": "sk"}).headers == {"Authorization": "Bearer sk"}
    assert prepare(spec, {"apiKey": "sk", "organization": "org-1", "project": ""}).headers == {
        "Authorization": "Bearer sk",
        "OpenAI-Organization": "org-1",
    }


def test_static_headers_of_provider_and_service_come_along() -> None:
    assert prepare(catalogue["anthropic"], {"apiKey": "sk"}).headers == {
        "x-api-key": "sk",
        "anthropic-version": "2023-06-01",
    }
    text = KEY + '[send.headers]\nA = "{key}"\n[headers]\nB = "1"\n[[services]]\ncode = "s"\nname = "S"\n'
    spec = registry.parse(text + '[services.headers]\nB = "2"\n', source="x")
    assert prepare(spec, {"key": "k"}, service=spec.service("s")).headers == {"A": "k", "B": "2"}


def test_a_key_in_the_query_makes_no_headers() -> None:
    spec = registry.parse('base_url = "https://a.example"\n' + KEY + '[send.query]\nappid = "{key}"\n', source="x")
    call = prepare(spec, {"key": "k"})
    assert call.headers is None
    assert call.query == {"appid": "k"}


def test_a_template_may_name_the_token_instead_of_the_field() -> None:
    spec = registry.parse(KEY + '[send.headers]\nA = "{accessToken}"\n', source="x")
    assert prepare(spec, {"key": "k"}).headers == {"A": "k"}


def test_what_is_no_http_has_neither_headers_nor_address() -> None:
    call = prepare(catalogue["mongodb"], {"connectionString": "mongodb://u:p@db.example"})
    assert (call.base_url, call.headers, call.query) == (None, None, None)


def test_the_region_chooses_the_address() -> None:
    assert prepare(catalogue["mailgun"], {"apiKey": "k"}).base_url == "https://api.mailgun.net"
    assert prepare(catalogue["mailgun"], {"apiKey": "k", "region": "eu"}).base_url == "https://api.eu.mailgun.net"


def test_a_kept_value_chooses_the_address() -> None:
    text = 'base_url = "{instanceUrl}"\n' + OAUTH + '[oauth.keep]\ninstanceUrl = "instance_url"\n'
    call = prepare(registry.parse(text, source="x"), {"accessToken": "t", "instanceUrl": "https://na1.example/"})
    assert call.base_url == "https://na1.example"


def test_the_repr_shows_no_value() -> None:
    shown = repr(prepare(catalogue["anthropic"], {"apiKey": "sk-secret"}))
    assert shown == "Call(headers=['anthropic-version', 'x-api-key'], query=[])"
