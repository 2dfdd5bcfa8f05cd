"""Every shipped provider file, and what the contract promises about all of them together."""

import itertools
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from providers import registry
from providers.call import prepare
from providers.spec import ProviderSpec
from providers.template import fill

FILES = sorted(registry.SHIPPED.glob("*.toml"))
SPECS = [registry.read(path) for path in FILES]
OAUTH = [spec for spec in SPECS if spec.oauth]
SENT_THERE = [spec for spec in OAUTH if not spec.is_pasted]
BY_CODE = {spec.code: spec for spec in SPECS}

every_provider = pytest.mark.parametrize("spec", SPECS, ids=[spec.code for spec in SPECS])
every_oauth_provider = pytest.mark.parametrize("spec", OAUTH, ids=[spec.code for spec in OAUTH])


def values_of(spec: ProviderSpec, **more: str) -> dict[str, str]:
    """One value for everything a template may ask."""
    given = {one.name: one.default or "abc" for one in spec.asked}
    kept = dict.fromkeys(spec.oauth.keep if spec.oauth else {}, "kept")
    return spec.values({"accessToken": "tok", **given, **kept, **more})


def test_the_promised_providers_are_there() -> None:
    assert BY_CODE.keys() == {
        "google", "github", "slack", "telegram", "mongodb", "supabase", "railway", "elevenlabs", "typefully",
        "openai", "twilio", "stripe", "sendgrid", "anthropic", "replicate", "cloudflare", "cohere",
        "postmark", "mailgun", "pagerduty", "vercel", "paypal", "mongodb-atlas",
    }  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_file_is_named_after_its_code(path: Path) -> None:
    assert registry.read(path).code == path.stem


@every_provider
def test_it_says_what_it_is_for_and_what_it_was_checked_against(spec: ProviderSpec) -> None:
    assert spec.category
    assert spec.uses
    assert spec.checked.level
    assert spec.checked.against
    assert spec.checked.on
    assert spec.docs_url.startswith("https://")
    assert spec.services


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
        for choice in one.choices:
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
    if spec.base_url:
        assert any("tok" in value or "abc" in value or value.startswith("Basic ") for value in sent)
    else:
        assert sent == []


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
def test_field_names_are_written_like_the_contracts(spec: ProviderSpec) -> None:
    for one in spec.asked:
        assert re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", one.name)


@every_provider
def test_a_pasted_credential_has_a_call_that_proves_it(spec: ProviderSpec) -> None:
    if spec.auth in ("api_key", "basic") and spec.base_url:
        assert spec.verify is not None


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
def test_the_account_is_told_by_an_id_and_a_label(spec: ProviderSpec) -> None:
    assert spec.oauth is not None
    assert spec.oauth.identity is not None
    assert spec.oauth.identity.id
    assert spec.oauth.identity.label
    assert spec.oauth.registration_url
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
    longest = 0
    for three in itertools.combinations(codes, 3):
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
