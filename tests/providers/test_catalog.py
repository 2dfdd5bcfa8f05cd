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
READ = [registry.read(path) for path in FILES]
# Each way to connect is tried as if it were a provider of its own.
SPECS = [way for spec in READ for way in spec.every_way().values()]
OAUTH = [spec for spec in SPECS if spec.oauth]
SENT_THERE = [spec for spec in OAUTH if not spec.is_pasted]
BY_CODE = {spec.code: spec for spec in READ}


def name_of(spec: ProviderSpec) -> str:
    return f"{spec.code}:{spec.way.code}" if spec.way.code else spec.code


every_provider = pytest.mark.parametrize("spec", SPECS, ids=name_of)
every_oauth_provider = pytest.mark.parametrize("spec", OAUTH, ids=name_of)


def values_of(spec: ProviderSpec, **more: str) -> dict[str, str]:
    """One value for everything a template may ask."""
    given = {one.name: one.default or "abc" for one in spec.asked}
    kept = dict.fromkeys(spec.kept_names, "kept")
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


def test_no_two_share_a_place_among_the_most_used() -> None:
    ranks = [spec.rank for spec in READ]
    assert len(set(ranks)) == len(ranks)


@every_provider
def test_it_says_what_it_is_for_and_what_it_was_checked_against(spec: ProviderSpec) -> None:
    assert spec.category
    assert spec.uses
    assert re.search(r"20\d\d", spec.checked)
    assert "no call was made" in spec.checked
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
    if "{" in spec.base_url.partition("//")[2]:
        sent.append(call.base_url or "")
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


@pytest.mark.parametrize("spec", SENT_THERE, ids=name_of)
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


def _services_by_way(spec: ProviderSpec) -> list[list[str]]:
    ways = spec.every_way().values()
    return [[one.code for one in way.services if one.default or not way.oauth] for way in ways]


WAYS = {
    "github": ["oauth", "pat"],
    "slack": ["oauth", "token"],
    "telegram": ["session", "bot"],
    "twilio": ["auth_token", "api_key"],
    "cloudflare": ["user_token", "account_token", "global_key"],
    "postmark": ["server_token", "account_token"],
    "railway": ["account_token", "workspace_token", "project_token"],
}


def test_these_can_be_connected_in_several_ways() -> None:
    assert {spec.code: [way.way.code for way in spec.every_way().values()] for spec in READ if spec.ways} == WAYS


def test_two_ways_of_one_provider_read_the_same_account_id() -> None:
    for spec in READ:
        sign_in = spec.sign_in
        for way in spec.every_way().values():
            if sign_in and sign_in.oauth and sign_in.oauth.identity and way.verify:
                assert way.verify.id == sign_in.oauth.identity.id, name_of(way)


def test_a_telegram_bot_has_its_token_in_the_address() -> None:
    bot = BY_CODE["telegram"].by_way("bot")
    call = prepare(bot, {"botToken": "123456:AAA"}, service=bot.service("bot"))
    assert (call.base_url, call.headers) == ("https://api.telegram.org/bot123456%3AAAA", None)


def test_any_three_connections_fit_into_the_summary() -> None:
    codes = [spec.code for spec in sorted(READ, key=lambda spec: spec.rank)]
    services = {spec.code: max(_services_by_way(spec), key=lambda held: len(str(held))) for spec in READ}
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
