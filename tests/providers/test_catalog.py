"""Every shipped provider file, and what the contract promises about all of them together."""

import base64
import itertools
import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest

from connections.skill import LISTED
from providers import oauth as oauth_module
from providers import registry
from providers.call import BEARER, prepare
from providers.oauth import Client
from providers.parts import Request, Send
from providers.spec import ProviderSpec
from providers.template import fill, placeholders

FILES = sorted(registry.SHIPPED.glob("*.toml"))
SPECS = [registry.read(path) for path in FILES]
OAUTH = [spec for spec in SPECS if spec.oauth]
SENT_THERE = [spec for spec in OAUTH if not spec.is_pasted]
BY_CODE = {spec.code: spec for spec in SPECS}
LOGOS = Path("akhrot_site/static/logos")
PROMISED = {
    "google", "github", "slack", "telegram", "mongodb", "supabase", "railway", "elevenlabs", "typefully",
    "openai", "twilio", "stripe", "sendgrid", "anthropic", "replicate", "cloudflare", "cohere",
    "postmark", "mailgun", "pagerduty", "vercel", "paypal", "mongodb-atlas",
}  # fmt: skip
CATEGORIES = {
    "ai", "communication", "content", "data", "database", "developer", "finance", "health", "hosting",
    "operations", "payments", "productivity", "sales", "social",
}  # fmt: skip
# No call without side effects or cost is known that would prove these.
UNPROVEN = {
    "brave-search", "coingecko", "exa", "fal", "google-maps", "jina", "segment", "sentry-token", "virustotal",
    "whatsapp-business",
}  # fmt: skip

every_provider = pytest.mark.parametrize("spec", SPECS, ids=[spec.code for spec in SPECS])
every_oauth_provider = pytest.mark.parametrize("spec", OAUTH, ids=[spec.code for spec in OAUTH])


@pytest.fixture(autouse=True)
def _starts_afresh() -> None:
    """Nothing is counted or kept here, and there are thousands of these tests."""


def values_of(spec: ProviderSpec, **more: str) -> dict[str, str]:
    """One value for everything a template may ask."""
    given = {one.name: one.default or (one.choices or ["abc-def"])[0] for one in spec.asked}
    kept = dict.fromkeys([*spec.oauth.keep, *spec.oauth.callback_keep] if spec.oauth else [], "kept")
    # What stands at the beginning of an address is one itself: an instance's own, or one that came with the token.
    templates = [spec.base_url, *(service.base_url for service in spec.services)]
    whole = {found[1] for template in templates if (found := re.match(r"\{(\w+)\}", template))}
    known = {**given, **kept}
    known |= {name: "https://own.example" for name in whole if name in known and "://" not in known[name]}
    return spec.values({"accessToken": "tok", **known, **more})


def test_the_promised_providers_are_there_and_among_the_most_used() -> None:
    by_use = sorted(SPECS, key=lambda spec: (-spec.popularity, spec.code))
    assert {spec.code for spec in by_use[:LISTED]} >= PROMISED


def test_there_are_as_many_as_the_documentation_says() -> None:
    assert len(SPECS) >= 200


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_file_is_named_after_its_code(path: Path) -> None:
    assert registry.read(path).code == path.stem


@every_provider
def test_it_says_what_it_is_for_and_what_it_was_checked_against(spec: ProviderSpec) -> None:
    assert spec.category in CATEGORIES
    assert 0 < spec.popularity <= 100
    assert spec.uses
    assert len(spec.uses) <= 45
    assert spec.checked.level
    assert spec.checked.against
    assert spec.checked.on
    assert spec.docs_url.startswith("https://")
    assert spec.services
    assert all(note.endswith(".") for note in spec.notes)


def test_no_two_have_one_name() -> None:
    names = [spec.name.lower() for spec in SPECS]
    assert len(set(names)) == len(names)


@every_provider
def test_its_other_names_find_it(spec: ProviderSpec) -> None:
    for alias in spec.aliases:
        assert alias.lower() in spec.searched
        assert alias.lower() not in (spec.code, spec.name.lower())


@every_provider
def test_every_address_is_https_once_it_is_filled(spec: ProviderSpec) -> None:
    templates = [service.base_url for service in spec.services] + [spec.base_url]
    if spec.verify:
        templates.append(spec.verify.url)
    if spec.oauth:
        oauth = spec.oauth
        templates += [oauth.authorize_url, oauth.token_url, oauth.refresh_url, oauth.revoke_url]
        templates += [oauth.identity.url] if oauth.identity else []
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
            if example.body.startswith("{"):
                json.loads(example.body)
            elif example.body:
                assert "(form)" in example.purpose
                assert "=" in example.body


@every_provider
def test_the_credential_reaches_the_call_unless_it_is_no_http(spec: ProviderSpec) -> None:
    call = prepare(spec, values_of(spec))
    sent = [*(call.headers or {}).values(), *(call.query or {}).values()]
    secrets = {"{" + field.name + "}" for field in spec.fields if field.secret}
    if any(secret in example.path for service in spec.services for example in service.examples for secret in secrets):
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
def test_examples_of_fields_are_no_keys(spec: ProviderSpec) -> None:
    for field in spec.fields:
        if field.secret and field.pattern and field.name != "connectionString":
            assert not re.fullmatch(field.pattern, field.example), field.name


@every_provider
def test_patterns_take_the_examples_that_are_whole_values(spec: ProviderSpec) -> None:
    for one in spec.asked:
        assert re.compile(one.pattern)
        if one.pattern and one.example and not re.search(r"[ …]|^\w+ed$", one.example):
            assert re.fullmatch(one.pattern, one.example) or getattr(one, "secret", False), one.name
        if one.default and one.pattern:
            assert re.fullmatch(one.pattern, one.default), one.name


@every_provider
def test_what_is_asked_before_the_redirect_stays_inside_its_place(spec: ProviderSpec) -> None:
    """An input that becomes part of a host is a name of the provider's own, never a host of somebody else's."""
    for one in spec.inputs:
        for stranger in ("evil.example", "evil.example/", "a@evil.example", "a.b#", "a b", "a:1", "..", ""):
            if spec.faults({other.name: other.default or "acme" for other in spec.asked} | {one.name: stranger}):
                continue
            filled = {**values_of(spec), one.name: stranger or one.default}
            url = urlsplit(fill(spec.oauth.authorize_url if spec.oauth else spec.base_url, filled, url=True))
            assert not (url.hostname or "").endswith("evil.example"), stranger


@every_provider
def test_people_are_told_where_to_get_it(spec: ProviderSpec) -> None:
    if spec.is_pasted:
        links = [field.help_url for field in spec.fields if field.help_url]
    else:
        links = [spec.oauth.registration_url] if spec.oauth else []
    assert links
    for link in links:
        url = urlsplit(link)
        assert (url.scheme, bool(url.hostname)) == ("https", True)


@every_provider
def test_field_names_are_written_like_the_contracts(spec: ProviderSpec) -> None:
    for one in spec.asked:
        assert re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", one.name)


@every_provider
def test_a_pasted_credential_has_a_call_that_proves_it(spec: ProviderSpec) -> None:
    if spec.auth in ("api_key", "basic") and spec.base_url:
        assert (spec.verify is None) == (spec.code in UNPROVEN)


@every_provider
def test_no_judged_answer_is_looked_up_at_a_path_that_can_not_be(spec: ProviderSpec) -> None:
    identity = spec.oauth.identity if spec.oauth else None
    for asked in filter(None, (spec.verify, identity)):
        assert isinstance(asked, Request)
        for path in [*asked.expect, *asked.present, *asked.id, *asked.label]:
            assert re.fullmatch(r"\w+(\.\w+)*", path), path


@every_provider
def test_its_logo_is_a_small_drawing_and_nothing_else(spec: ProviderSpec) -> None:
    path = LOGOS / f"{spec.code}.svg"
    if not path.exists():
        return
    root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
    assert root.attrib["viewBox"] == "0 0 24 24"
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {"svg", "title", "path"}
    for element in root.iter():
        assert not [name for name in element.attrib if name.lower().startswith("on") or "href" in name]
    assert path.stat().st_size < 12_000


def test_every_logo_belongs_to_a_provider() -> None:
    assert {path.stem for path in LOGOS.glob("*.svg")} <= BY_CODE.keys()


@every_oauth_provider
def test_scopes_are_asked_once(spec: ProviderSpec) -> None:
    assert spec.oauth is not None
    for scopes in [
        spec.oauth.scopes,
        *(s.scopes for s in spec.services),
        *(s.accepts for s in spec.services),
    ]:
        assert len(set(scopes)) == len(scopes)
    for service in spec.services:
        assert not set(service.scopes) & set(service.accepts)
        assert service.scopes or spec.oauth.scopes == ()
        assert all(spec.oauth.scope_separator not in scope for scope in service.scopes)


@every_oauth_provider
def test_what_is_asked_by_default_makes_the_default_services_ready(spec: ProviderSpec) -> None:
    ready = {service.code for service in spec.ready_services(set(spec.scopes_for()))}
    assert {service.code for service in spec.services if service.default} <= ready


@pytest.mark.parametrize("spec", SENT_THERE, ids=[spec.code for spec in SENT_THERE])
def test_the_authorization_url_asks_for_what_the_file_says(spec: ProviderSpec) -> None:
    assert spec.oauth is not None
    client = Client(id="client", secret="hush")
    inputs = {one.name: one.default or (one.choices or ["acme"])[0] for one in spec.inputs}
    assert spec.faults(inputs) == {}
    scopes = spec.scopes_for()
    address = oauth_module.authorize_url(spec, client, scopes=scopes, state="state-1", verifier="v" * 43, inputs=inputs)
    url = urlsplit(address)
    sent = {name: values[0] for name, values in parse_qs(url.query, strict_parsing=True).items()}
    assert (url.scheme, url.username, url.fragment) == ("https", None, "")
    assert "hush" not in address
    assert sent[spec.oauth.param_names.get("client_id", "client_id")] == "client"
    assert (sent["response_type"], sent["state"]) == ("code", "state-1")
    assert sent["redirect_uri"].endswith(f"/oauth/callback/{spec.code}")
    assert sent.get("scope", "") == spec.oauth.scope_separator.join(scopes)
    assert (sent.get("code_challenge_method") == "S256") == (spec.oauth.pkce != "unsupported")
    assert spec.oauth.authorize_params.items() <= sent.items()


@pytest.mark.parametrize("spec", SENT_THERE, ids=[spec.code for spec in SENT_THERE])
def test_the_account_is_told_where_the_provider_tells_it(spec: ProviderSpec) -> None:
    assert spec.oauth is not None
    identity = spec.oauth.identity
    assert identity is None or identity.id or identity.label
    # It is asked with the word Bearer unless the file says otherwise, and then as agents are told to.
    if identity and spec.send.headers:
        assert spec.send.headers.items() <= identity.headers.items()
    known = {*spec.oauth.keep, *spec.oauth.callback_keep, *(one.name for one in spec.inputs), *spec.maps}
    assert not identity or placeholders(identity.url) <= known
    assert "invalid_grant" in spec.oauth.revoked_errors
    assert not set(spec.oauth.revoked_errors) & set(spec.oauth.client_errors)


def test_google_is_asked_for_a_refresh_token_and_its_revocation_ends_the_grant() -> None:
    oauth = BY_CODE["google"].oauth
    assert oauth is not None
    assert oauth.authorize_params["access_type"] == "offline"
    assert oauth.authorize_params["prompt"] == "consent"
    assert oauth.revoke.ends == "grant"
    assert [s.code for s in BY_CODE["google"].services if s.default] == [
        "gmail",
        "drive",
        "calendar",
        "sheets",
    ]


def test_github_and_slack_are_revoked_in_their_own_ways() -> None:
    github, slack = BY_CODE["github"].oauth, BY_CODE["slack"].oauth
    assert github is not None
    assert slack is not None
    assert (github.revoke.method, github.revoke.client_auth) == ("DELETE", "client_secret_basic")
    assert "bad_refresh_token" in github.revoked_errors
    assert (slack.revoke.client_auth, slack.revoke.body, slack.revoke.ends) == ("bearer", "none", "token")


def test_slack_tells_one_account_by_team_and_user() -> None:
    slack = BY_CODE["slack"].oauth
    assert slack is not None
    assert slack.identity is not None
    answer = {"ok": True, "team": "Nuts", "user": "bot", "team_id": "T1", "user_id": "U1"}
    assert slack.identity.is_met_by(200, answer)
    assert slack.identity.account(answer) == ("T1:U1", "Nuts")
    assert not slack.identity.is_met_by(200, {"ok": False, "error": "invalid_auth"})


def test_any_three_connections_fit_into_the_summary() -> None:
    codes = [spec.code for spec in sorted(SPECS, key=lambda spec: (-spec.popularity, spec.code))]
    services = {spec.code: [s.code for s in spec.services if s.default or not spec.oauth] for spec in SPECS}
    # Only the first 13 can make a difference to what is listed as available; of the others the longest matter.
    others = sorted(codes[13:], key=lambda code: -len(json.dumps({code: services[code]}, separators=(",", ":"))))
    longest = 0
    for three in itertools.combinations([*codes[:13], *others[:3]], 3):
        data = {
            "connected": {code: services[code] for code in three},
            "attention": {},
            "available": [code for code in codes if code not in three][:10],
            "availableTotal": 999,
            "next": "GET /ai/context/{provider}",
        }
        body = json.dumps({"status": "success", "data": data}, separators=(",", ":"))
        longest = max(longest, len(body.encode()))
    assert longest <= 500
