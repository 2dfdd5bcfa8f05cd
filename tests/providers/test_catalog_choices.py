"""The shipped providers that tell after the consent what there is to call: from such an answer to the call."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from providers import accounts, oauth
from providers.call import prepare
from providers.grants import Grant
from providers.oauth import Client
from providers.spec import ProviderSpec
from tests.catalogue import BY_CODE, WAYS, name_of
from tests.provider_http import ProviderHttp

AFTER = [way for way in WAYS if way.oauth and way.oauth.after]
# Of each provider: a service, what is answered, what its item is called, and where its calls go.
ANSWERS: dict[str, tuple[str, Any, str, str]] = {
    "atlassian": (
        "confluence",
        [{"id": "11-22", "name": "acme", "url": "https://acme.atlassian.net", "scopes": []}],
        "acme",
        "https://api.atlassian.com/ex/confluence/11-22",
    ),
    "basecamp": (
        "projects",
        {"accounts": [{"id": 99, "product": "bc3", "href": "https://3.basecampapi.com/99"}]},
        "https://3.basecampapi.com/99",
        "https://3.basecampapi.com/99",
    ),
    "docusign": (
        "envelopes",
        {"sub": "u", "accounts": [{"account_id": "7", "base_uri": "https://na3.docusign.net", "is_default": True}]},
        "7",
        "https://na3.docusign.net/restapi/v2.1/accounts/7",
    ),
    "harvest": ("time", {"accounts": [{"id": 5, "name": "Nuts"}]}, "Nuts", "https://api.harvestapp.com"),
    "mailchimp": ("audiences", {"dc": "us21", "user_id": 1}, "", "https://us21.api.mailchimp.com/3.0"),
    "xero": ("accounting", [{"tenantId": "t1", "tenantName": "Nuts"}], "Nuts", "https://api.xero.com"),
}
HEADERS = {"harvest": ("Harvest-Account-Id", "5"), "xero": ("xero-tenant-id", "t1")}


def test_each_that_asks_has_an_answer_here() -> None:
    assert {spec.code for spec in AFTER} == ANSWERS.keys()


@pytest.mark.parametrize("spec", AFTER, ids=name_of)
def test_what_is_chosen_leads_the_calls(spec: ProviderSpec, provider_http: ProviderHttp) -> None:
    service, answer, label, base_url = ANSWERS[spec.code]
    assert spec.oauth is not None
    assert spec.oauth.after is not None
    provider_http.reply("GET", spec.oauth.after.url, json=answer)
    (item,) = accounts.items(spec, Grant(access_token="tok"), {})
    call = prepare(spec, {**item.kept, "accessToken": "tok"}, service=spec.service(service))
    assert (item.label, call.base_url) == (label, base_url)
    name, value = HEADERS.get(spec.code, ("Authorization", "Bearer tok"))
    assert (call.headers or {})[name] == value


def test_mailchimp_is_asked_with_a_word_of_its_own(provider_http: ProviderHttp) -> None:
    spec = BY_CODE["mailchimp"].by_way("oauth")
    provider_http.reply("GET", "https://login.mailchimp.com/oauth2/metadata", json=ANSWERS["mailchimp"][1])
    accounts.items(spec, Grant(access_token="tok"), {})
    assert provider_http.requests[-1].headers["Authorization"] == "OAuth tok"


def test_harvest_is_connected_even_where_its_accounts_have_other_names(provider_http: ProviderHttp) -> None:
    spec = BY_CODE["harvest"]
    provider_http.reply("GET", "https://id.getharvest.com/api/v2/accounts", json={"accounts": [{"account_id": 5}]})
    assert accounts.items(spec, Grant(access_token="tok"), {}) == []
    assert "Harvest-Account-Id" not in (prepare(spec, {"accessToken": "t"}, service=spec.service("time")).headers or {})


def test_facebooks_token_is_exchanged_for_one_of_sixty_days(provider_http: ProviderHttp) -> None:
    url = "https://graph.facebook.com/v22.0/oauth/access_token"
    provider_http.reply("POST", url, json={"access_token": "short", "expires_in": 3600})
    provider_http.reply("GET", url, json={"access_token": "long"})
    grant = oauth.exchange(BY_CODE["facebook"], Client(id="c", secret="s"), code="1", verifier="v" * 43, inputs={})
    sent = provider_http.requests[-1].url.params
    assert (sent["grant_type"], sent["fb_exchange_token"], sent["client_id"]) == ("fb_exchange_token", "short", "c")
    assert (grant.access_token, grant.refresh_token) == ("long", "")
    assert grant.expires_at is not None
    assert grant.expires_at > timezone.now() + dt.timedelta(days=59)
