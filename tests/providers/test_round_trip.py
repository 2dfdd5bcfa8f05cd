"""Each way of each shipped file, there and back: connected, fetched, renewed and ended as its users would do it.

The provider is a stand-in that takes its dialect from the file, by code of its own, and refuses whatever differs. So
these tests show that the product says what the file says, in every form that the schema has; whether the file is true
they do not show. `test_known_dialects` holds the most used ones against what their documentation says.
"""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings as django_settings
from django.test import Client

from connections.models import Connection
from providers import http
from providers.models import Provider
from providers.oauth_parts import After, Exchange, OAuth, Paths, Revoke, Second
from providers.parts import Part, Request, Send, Verify
from providers.spec import ProviderSpec
from tests.agents import Agent
from tests.catalogue import BY_CODE, WAYS, name_of
from tests.stand_in import keys, reading
from tests.stand_in.forms import FORMS
from tests.stand_in.oauth import CLIENT, LIFETIME, SECRET, OAuthProvider
from tests.stand_in.turns import StandIn

pytestmark = pytest.mark.catalogue

SENT_THERE = [spec for spec in [*WAYS, *FORMS] if not spec.is_pasted]
CLIENTS = [spec for spec in [*WAYS, *FORMS] if spec.is_pasted and spec.oauth]
# Telegram's sessions are no HTTP, and have tests of their own.
KEYS = [spec for spec in WAYS if spec.is_pasted and not spec.oauth and spec.auth != "mtproto"]
PROVEN = [spec for spec in KEYS if spec.verify]
RESTRICTABLE = [
    spec for spec in PROVEN if spec.verify and (spec.verify.restricted_status or spec.verify.restricted_expect)
]


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """The only provider that can be reached; at the end it has been asked all that was due, rightly."""
    one = StandIn()
    http.use_transport(one.transport)
    yield one
    http.use_transport(None)
    one.check()


@pytest.fixture
def added(db: None, spec: ProviderSpec) -> None:
    """The operator has added the file, where it is none of those shipped."""
    if spec in FORMS:
        document = spec.model_dump(mode="json", exclude_unset=True)
        Provider.objects.create(code=spec.code, specification=document)


@pytest.fixture
def owner(issue: Callable[..., Agent]) -> Agent:
    """An agent that may disconnect."""
    return issue(may_disconnect=True)


def way_of(spec: ProviderSpec) -> str:
    """What the page calls it: nothing, if it is the default one."""
    return "" if spec in FORMS or BY_CODE[spec.code].by_way("") is spec else spec.way.code


def link(agent: Agent, spec: ProviderSpec, services: list[str] | None = None) -> str:
    """The page behind a new connect link for this very way."""
    body: dict[str, Any] = {"provider": spec.code, "services": services or []}
    answer = agent.post("/oauth/sessions", body | ({"method": spec.way.code} if spec.way.code else {}))
    assert answer.status_code == 201, answer.content
    return "/connect/" + str(answer.json()["data"]["url"]).rpartition("/")[2]


def fetched(agent: Agent, spec: ProviderSpec, **body: Any) -> dict[str, Any]:
    answer = agent.post("/tokens/fetch", {"provider": spec.code, **body})
    assert answer.status_code == 200, answer.content
    data: dict[str, Any] = answer.json()["data"]
    return data


def assert_callable(data: dict[str, Any], spec: ProviderSpec, values: dict[str, str], service: str = "") -> None:
    """The answer of a fetch says how to call the provider as the file does."""
    part = spec.service(service)
    headers, query = reading.travelling(spec, values)
    headers |= reading.given_filled(part.headers, values) if part else {}
    base_url = reading.filled((part.base_url if part else "") or spec.base_url, values, url=True)
    assert data.get("headers") == (headers or None)
    assert data.get("query") == (query or None)
    assert data["baseUrl"] == (base_url or None)
    assert data["accessToken"] == values["accessToken"]


def apart(spec: ProviderSpec) -> list[str]:
    """The services that are called otherwise than the provider."""
    return [one.code for one in spec.services if one.base_url or one.headers]


def expire() -> None:
    """The token that is held is over."""
    Connection.objects.update(expires_at=Connection.objects.get().issued_at)


def provider_of(spec: ProviderSpec, stand_in: StandIn) -> OAuthProvider:
    redirect_uri = f"{django_settings.AKHROT_BASE_URL}/oauth/callback/{spec.code}"
    return OAuthProvider(spec, stand_in, redirect_uri, reading.typed(spec), scopes=reading.scopes_asked(spec))


def consented(provider: OAuthProvider, agent: Agent, browser: Client) -> Connection:
    """The connection after the way to the provider and back, and a choice if there is one."""
    spec = provider.spec
    page = link(agent, spec, [service.code for service in spec.services])
    started = browser.post(f"{page}/start", provider.typed | {"way": way_of(spec)})
    assert started.status_code == 303, started.content
    back = provider.consent(started["Location"])
    provider.expect_connection()
    answer = browser.get(f"/oauth/callback/{spec.code}?{urlencode(back)}")
    assert (answer.status_code, answer.headers.get("Location")) == (303, page), provider.stand_in.complaints
    rule = provider.oauth.after
    if rule and rule.list is not None:
        kept = {path: provider.extra[name] for name, path in rule.keep.items()}
        browser.post(f"{page}/choose", {"item": ":".join(kept.get(path, f"the {path}") for path in rule.id)})
    assert agent.get(page.replace("/connect/", "/oauth/sessions/")).json()["data"]["status"] == "completed"
    return Connection.objects.get()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("added")
@pytest.mark.parametrize("spec", SENT_THERE, ids=name_of)
def test_a_grant_is_asked_for_kept_renewed_and_given_back(spec, stand_in, owner, browser, configured):
    configured(spec.code, client_id=CLIENT, client_secret=SECRET)
    provider = provider_of(spec, stand_in)
    row = consented(provider, owner, browser)
    assert sorted(row.scopes) == sorted(provider.scopes)
    if provider.oauth.identity:
        account_id, label = reading.account(provider.oauth.identity)
        assert account_id in row.account_id
        assert (label or spec.name) in row.account
    first = fetched(owner, spec)
    assert LIFETIME - 60 < first["expiresIn"] <= LIFETIME
    assert {name: first["extra"].get(name) for name in provider.extra} == provider.extra
    for service in ["", *apart(spec)]:
        data = fetched(owner, spec, **{"service": service} if service else {})
        assert_callable(data, spec, provider.values(accessToken=provider.access_token), service)
    assert_renewed_twice(provider, owner)
    assert_given_back(provider, owner, row)


def assert_renewed_twice(provider: OAuthProvider, agent: Agent) -> None:
    """Once without a word on the end and scopes, once with all of it; what was rotated is what is sent next."""
    rotates = provider.oauth.rotates is not False
    expire()
    provider.expect_refresh(silent=True, rotated=rotates)
    second = fetched(agent, provider.spec)
    lifetime = provider.oauth.lifetime
    assert second["accessToken"] == provider.access_token, provider.stand_in.complaints
    assert lifetime - 60 < second["expiresIn"] <= lifetime if lifetime else second["expiresIn"] is None
    provider.expect_refresh(rotated=rotates)
    third = fetched(agent, provider.spec, rejected=second["tokenId"])
    assert_callable(third, provider.spec, provider.values(accessToken=provider.access_token))
    assert sorted(third["scopes"]) == sorted(provider.scopes)
    assert LIFETIME - 60 < third["expiresIn"] <= LIFETIME


def assert_given_back(provider: OAuthProvider, agent: Agent, row: Connection) -> None:
    """The grant ends at the provider as the file says, if it says how."""
    if provider.oauth.revoke_url:
        provider.expect_revocation()
    ended = agent.delete(f"/connections/{row.pk}").json()["data"]
    assert ended["revocation"] == ("revoked" if provider.oauth.revoke_url else "unsupported")
    assert not Connection.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("added")
@pytest.mark.parametrize("spec", CLIENTS, ids=name_of)
def test_a_pasted_client_gets_its_tokens(spec, stand_in, owner, browser):
    provider = provider_of(spec, stand_in)
    provider.expect_client_grant()
    provider.expect_calls()
    page = link(owner, spec, [service.code for service in spec.services])
    answer = browser.post(f"{page}/start", provider.typed | {"way": way_of(spec)})
    assert answer.status_code == 302, stand_in.complaints
    row = Connection.objects.get()
    assert_callable(fetched(owner, spec), spec, provider.values(accessToken=provider.access_token))
    expire()
    provider.expect_client_grant()
    data = fetched(owner, spec)
    assert_callable(data, spec, provider.values(accessToken=provider.access_token))
    assert_given_back(provider, owner, row)


@pytest.mark.django_db
@pytest.mark.parametrize("spec", KEYS, ids=name_of)
def test_a_credential_is_pasted_checked_and_handed_out(spec, stand_in, agent, browser):
    typed = reading.typed(spec)
    if spec.verify:
        stand_in.expect(keys.asked(spec, typed, **keys.good(spec)))
    answer = browser.post(f"{link(agent, spec)}/start", typed | {"way": way_of(spec)})
    assert answer.status_code == 302, stand_in.complaints
    row = Connection.objects.get()
    assert row.verification == ("verified" if spec.verify else "unverified")
    label = reading.account(spec.verify)[1] if spec.verify else ""
    assert row.account == (label or spec.name)
    for service in ["", *apart(spec)]:
        data = fetched(agent, spec, **{"service": service} if service else {})
        assert_callable(data, spec, keys.values(spec, typed), service)
        assert data["credentials"] == typed


@pytest.mark.django_db
@pytest.mark.parametrize("spec", PROVEN, ids=name_of)
def test_a_refused_credential_is_not_kept(spec, stand_in, agent, browser):
    typed = reading.typed(spec)
    stand_in.expect(keys.asked(spec, typed, **keys.refused(spec)))
    answer = browser.post(f"{link(agent, spec)}/start", typed | {"way": way_of(spec)})
    assert answer.status_code == 422
    assert "refuses this" in answer.content.decode()
    assert not Connection.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("spec", RESTRICTABLE, ids=name_of)
def test_a_restricted_credential_is_kept_as_such(spec, stand_in, agent, browser):
    typed = reading.typed(spec)
    stand_in.expect(keys.asked(spec, typed, **keys.restricted(spec)))
    answer = browser.post(f"{link(agent, spec)}/start", typed | {"way": way_of(spec)})
    assert answer.status_code == 302, answer.content
    assert Connection.objects.get().verification == "restricted"


@pytest.mark.parametrize("table", [OAuth, Paths, Revoke, Exchange, Second, Request, After, Verify, Send])
def test_every_key_is_on_the_way(table):
    """So that a key which no file has yet is tried all the same."""
    tried = {name for one in tables() if isinstance(one, table) for name in one.model_fields_set}
    assert set(table.__annotations__) - tried == set()


def tables() -> Iterator[Part]:
    for spec in [*SENT_THERE, *CLIENTS, *KEYS]:
        yield from (one for one in (spec.send, spec.verify, spec.oauth) if one)
        if oauth := spec.oauth:
            parts = (oauth.answer, oauth.revoke, oauth.exchange, oauth.second, oauth.identity, oauth.after)
            yield from (one for one in parts if one)
            if oauth.exchange:
                yield oauth.exchange.answer
