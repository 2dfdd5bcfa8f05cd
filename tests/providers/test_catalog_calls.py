"""Every shipped provider as it is called: addresses, headers, examples, and what its answers are judged by."""

import base64
import json
import re
from urllib.parse import urlsplit

import pytest

from providers.call import BEARER, prepare
from providers.parts import Request, Send
from providers.spec import ProviderSpec
from providers.template import fill
from tests.catalogue import every_provider, values_of

pytestmark = pytest.mark.catalogue


@every_provider
def test_every_address_is_https_once_it_is_filled(spec: ProviderSpec) -> None:
    templates = [service.base_url for service in spec.services] + [spec.base_url]
    if spec.verify:
        templates.append(spec.verify.url)
    if spec.oauth:
        oauth = spec.oauth
        templates += [oauth.authorize_url, oauth.token_url, oauth.refresh_url, oauth.revoke_url]
        templates += [asked.url for asked in (oauth.identity, oauth.after, oauth.exchange) if asked]
    for template in filter(None, templates):
        url = urlsplit(fill(template, values_of(spec, clientId="client"), url=True))
        assert (url.scheme, bool(url.hostname), url.username) == ("https", True, None), template


@every_provider
def test_every_choice_leads_to_an_address(spec: ProviderSpec) -> None:
    for one in spec.asked:
        for choice in one.choices if spec.base_url else ():
            base_url = prepare(spec, values_of(spec, **{one.name: choice})).base_url
            assert base_url is not None
            assert base_url.startswith("https://"), choice


@every_provider
def test_every_service_can_be_called(spec: ProviderSpec) -> None:
    for service in spec.services:
        base_url = prepare(spec, values_of(spec), service=service).base_url
        assert service.examples, service.code
        for example in service.examples:
            if example.method == "CALL":
                assert base_url is None
                continue
            assert base_url, service.code
            assert not base_url.endswith("/")
            assert example.path.startswith("/")
            assert " " not in example.path


@every_provider
def test_bodies_of_examples_are_json_or_a_form(spec: ProviderSpec) -> None:
    for service in spec.services:
        for example in service.examples:
            if example.body.startswith(("{", "[")):
                json.loads(example.body)
            elif example.body:
                assert "(form)" in example.purpose
                assert "=" in example.body


@every_provider
def test_the_credential_reaches_the_call_unless_it_is_no_http(spec: ProviderSpec) -> None:
    call = prepare(spec, values_of(spec))
    sent = [*(call.headers or {}).values(), *(call.query or {}).values()]
    secrets = {"{" + field.name + "}" for field in spec.fields if field.secret}
    if any(secret in spec.base_url for secret in secrets):
        assert (spec.send, "abc-def" in (call.base_url or "")) == (Send(), True)
    elif any(secret in example.path for service in spec.services for example in service.examples for secret in secrets):
        assert spec.send == Send()
    elif spec.base_url:
        assert any("tok" in value or "abc" in value or value.startswith("Basic ") for value in sent)
    else:
        assert sent == []


@every_provider
def test_the_credential_travels_as_the_file_says(spec: ProviderSpec) -> None:
    values = {one.name: f"{one.name}-value" for one in spec.fields} | values_of(spec)
    values |= {field.name: f"{field.name}-secret" for field in spec.fields if field.secret}
    call = prepare(spec, values)
    headers, query = call.headers or {}, call.query or {}
    send = BEARER if spec.oauth and spec.send == Send() else spec.send
    filled = {"accessToken": "tok", **spec.values(values)}
    for name, template in send.headers.items():
        assert headers[name] == fill(template, filled)
    for name, template in send.query.items():
        assert query[name] == fill(template, filled)
    if send.basic:
        user, password = (fill(template, filled) for template in send.basic)
        assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode() == f"{user}:{password}"
    for value in [*headers.values(), *query.values()]:
        assert value.isascii()
        assert value.isprintable()
        assert "{" not in value


@every_provider
def test_every_example_names_only_what_is_known_or_the_callers(spec: ProviderSpec) -> None:
    """An example may hold names of the caller's own, but a field's must be written as the field is."""
    known = {one.name.lower().replace("_", ""): one.name for one in spec.asked}
    for service in spec.services:
        for example in service.examples:
            for name in re.findall(r"\{(\w+)\}", example.path):
                assert known.get(name.lower().replace("_", ""), name) == name


@every_provider
def test_static_headers_do_not_fight_over_a_name(spec: ProviderSpec) -> None:
    for service in [None, *spec.services]:
        headers = prepare(spec, values_of(spec), service=service).headers or {}
        assert len({name.lower() for name in headers}) == len(headers)


@every_provider
def test_no_judged_answer_is_looked_up_at_a_path_that_can_not_be(spec: ProviderSpec) -> None:
    identity = spec.oauth.identity if spec.oauth else None
    after = spec.oauth.after if spec.oauth else None
    for asked in filter(None, (spec.verify, identity, after)):
        assert isinstance(asked, Request)
        for path in [*asked.expect, *asked.present, *asked.id, *asked.label, *(after.keep.values() if after else ())]:
            assert re.fullmatch(r"\w+(\.\w+)*", path), path
