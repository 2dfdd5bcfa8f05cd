"""Every shipped provider with OAuth: what is asked of the user, where, and whose grant it is."""

from urllib.parse import parse_qs, urlsplit

import pytest

from providers import oauth as oauth_module
from providers.oauth import Client
from providers.spec import ProviderSpec
from providers.template import fill, placeholders
from tests.catalogue import BY_CODE, WAYS, name_of, values_of

pytestmark = pytest.mark.catalogue

OAUTH = [spec for spec in WAYS if spec.oauth]
SENT_THERE = [spec for spec in OAUTH if not spec.is_pasted]

every_oauth_provider = pytest.mark.parametrize("spec", OAUTH, ids=name_of)
everyone_sent_there = pytest.mark.parametrize("spec", SENT_THERE, ids=name_of)


@everyone_sent_there
def test_what_is_asked_before_the_redirect_stays_inside_its_place(spec: ProviderSpec) -> None:
    """An input that becomes part of a host is a name of the provider's own, never a host of somebody else's."""
    for one in spec.inputs:
        for stranger in ("evil.example", "evil.example/", "a@evil.example", "a.b#", "a b", "a:1", "..", ""):
            if spec.faults({other.name: other.default or "acme" for other in spec.asked} | {one.name: stranger}):
                continue
            filled = {**values_of(spec), one.name: stranger or one.default}
            url = urlsplit(fill(spec.oauth.authorize_url if spec.oauth else spec.base_url, filled, url=True))
            assert not (url.hostname or "").endswith("evil.example"), stranger


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


@everyone_sent_there
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


@everyone_sent_there
def test_the_account_is_told_where_the_provider_tells_it(spec: ProviderSpec) -> None:
    assert spec.oauth is not None
    identity = spec.oauth.identity
    assert identity is None or identity.id or identity.label
    # It is asked with the word Bearer unless the file says otherwise, and then as agents are told to.
    if identity and spec.send.headers:
        assert spec.send.headers.items() <= identity.headers.items()
    known = {*spec.kept_names, *(one.name for one in spec.inputs), *spec.maps}
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
