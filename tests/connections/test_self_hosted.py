"""A provider that people run themselves: the same account number at another host is another account."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from connections.models import Connection
from providers import registry
from providers.models import Provider
from tests.agents import Agent
from tests.provider_http import ProviderHttp

FILE = """
code = "forge"
name = "Forge"
auth = "oauth2"
base_url = "https://{host}/api"

[[inputs]]
name = "host"
label = "Host"
self_hosted = true

[oauth]
authorize_url = "https://{host}/oauth/authorize"
token_url = "https://{host}/oauth/token"
scopes = ["api"]

[oauth.identity]
url = "https://{host}/api/user"
id = "id"
label = "name"
"""


@pytest.fixture
def forge(configured: Any, provider_http: ProviderHttp) -> ProviderHttp:
    """Two servers of the same software, each with a first user."""
    document = registry.parse(FILE, source="forge.toml").model_dump(mode="json", exclude_unset=True)
    Provider.objects.create(code="forge", specification=document)
    configured("forge")
    for host in ("forge.ours.example", "forge.evil.example"):
        token = {"access_token": f"token-of-{host}", "refresh_token": "r", "expires_in": 3600}
        provider_http.reply("POST", f"https://{host}/oauth/token", json=token)
        provider_http.reply("GET", f"https://{host}/api/user", json={"id": 1, "name": "root"})
    return provider_http


def sign_in(agent: Agent, browser: Client, host: str, *, code: str = "forge", name: str = "host", **body: Any) -> Any:
    """The page on which a link ends whose user names `host`."""
    made = agent.post("/oauth/sessions", {"provider": code, **body}).json()["data"]
    path = f"/connect/{made['sessionId']}"
    away = browser.post(f"{path}/start", {"way": "", name: host})
    state = parse_qs(urlsplit(away["Location"]).query)["state"][0]
    browser.get(f"/oauth/callback/{code}", {"state": state, "code": "c"})
    return browser.get(path)


def fetched(agent: Agent, row: Connection) -> Any:
    return agent.post("/tokens/fetch", {"provider": "forge", "account": str(row.pk)}).json()["data"]


def test_an_account_of_another_host_never_takes_the_place_of_one(forge: ProviderHttp, agent: Agent, browser: Client):
    sign_in(agent, browser, "forge.ours.example")
    ours = Connection.objects.get()
    sign_in(agent, browser, "forge.evil.example")
    assert Connection.objects.count() == 2
    assert fetched(agent, ours)["accessToken"] == "token-of-forge.ours.example"
    assert fetched(agent, ours)["baseUrl"] == "https://forge.ours.example/api"


def test_renewing_at_another_host_asks_first(forge: ProviderHttp, agent: Agent, browser: Client):
    sign_in(agent, browser, "forge.ours.example")
    ours = Connection.objects.get()
    page = sign_in(agent, browser, "forge.evil.example", account=str(ours.pk)).content.decode()
    assert "/decide" in page
    assert fetched(agent, ours)["accessToken"] == "token-of-forge.ours.example"


def test_connecting_the_same_account_again_renews_it(forge: ProviderHttp, agent: Agent, browser: Client):
    for host in ("forge.ours.example", "FORGE.ours.example"):
        sign_in(agent, browser, host)
    assert Connection.objects.get().generation == 2


def test_a_sandbox_of_salesforce_never_takes_the_place_of_its_organization(
    configured: Any, provider_http: ProviderHttp, agent: Agent, browser: Client
):
    configured("salesforce")
    for domain, organization in (("login", "00D1"), ("test", "00D2")):
        host = f"https://{domain}.salesforce.com/services/oauth2"
        whose = {"user_id": "0051", "organization_id": organization, "preferred_username": f"ada@{domain}.example"}
        token = {"access_token": domain, "refresh_token": "r", "instance_url": f"https://{domain}.my.salesforce.com"}
        provider_http.reply("POST", f"{host}/token", json=token)
        provider_http.reply("GET", f"{host}/userinfo", json=whose)
        sign_in(agent, browser, domain, code="salesforce", name="loginDomain")
    accounts = Connection.objects.order_by("created_at").values_list("account", flat=True)
    assert list(accounts) == ["ada@login.example", "ada@test.example"]
