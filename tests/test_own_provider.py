"""From an issuer's address to a working token, without a file: Akhrot, the issuer and Chromium are all real."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page

from tests.oauth_server.process import OAuthServer
from tests.site import OWNER, PASSWORD, Site
from tests.test_journey import LIFETIME, Caller, allow_at_provider, outlive
from tests.test_journey import chromium as chromium
from tests.test_journey import page as page

pytestmark = [pytest.mark.browser, pytest.mark.oauth_server]
ADD = "/admin/providers/provider/"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OAuthServer]:
    server = OAuthServer.start(tmp_path_factory.mktemp("issuer"), token_lifetime=LIFETIME)
    yield server
    server.stop()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    running = Site(tmp_path)
    try:
        yield running.settled()
    finally:
        running.stop()


def sign_in(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/admin/")
    page.get_by_label("E-mail").fill(OWNER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/admin/")


def with_files(text: str, url: str) -> str:
    """The specification with what no discovery document tells: where the API is, and the scope of its files."""
    service = {"code": "files", "name": "Files", "base_url": url, "scopes": ["files.read"]}
    return json.dumps({**json.loads(text), "services": [service]}, indent=2)


def add_from_issuer(page: Page, site: Site, issuer: OAuthServer) -> None:
    page.goto(f"{site.url}{ADD}from_issuer/")
    page.get_by_label("Issuer").fill(issuer.url)
    page.get_by_label("Name").fill("Orchard")
    page.get_by_label("Code").fill("orchard")
    page.get_by_role("button", name="Read its document").click()
    field = page.get_by_label("Specification")
    text = field.input_value()
    field.fill(text.replace('"token_url"', '"token_uri"'))
    page.get_by_text("oauth.token_url: Field required").wait_for()
    field.fill(with_files(text, issuer.url))
    page.get_by_text("An agent's call to Files").wait_for()
    page.get_by_role("button", name="Check that the endpoints answer").click()
    page.get_by_text("it refuses a made-up code as OAuth has it (invalid_client)").wait_for()
    page.get_by_role("button", name="Save and continue editing").click()
    page.get_by_label("OAuth client id").wait_for()


def set_client(page: Page, site: Site, issuer: OAuthServer) -> None:
    redirect_uri = f"{site.url}/oauth/callback/orchard"
    page.get_by_text(redirect_uri, exact=True).wait_for()
    issuer.allow_redirect(redirect_uri)
    page.get_by_label("OAuth client secret").fill(issuer.client_secret)
    page.get_by_label("OAuth client id").fill(issuer.client_id)
    # Return saves, though the first button that one sees is another.
    page.get_by_label("OAuth client id").press("Enter")
    page.get_by_text("was changed successfully").wait_for()


def test_from_an_issuers_address_to_a_token_that_is_renewed(site: Site, issuer: OAuthServer, page: Page):
    agent = Caller(site, site.make_owner())
    sign_in(page, site)
    add_from_issuer(page, site, issuer)
    set_client(page, site, issuer)
    shown: dict[str, Any] = json.loads(site.manage("provider", "show", "orchard", "--json"))
    assert (shown["client id"], shown["client secret"], shown["source"]) == (issuer.client_id, "set", "the admin")
    session = agent.post("/oauth/sessions", provider="orchard", services=["files"])
    page.goto(session["url"])
    page.get_by_role("button", name="Continue to Orchard").click()
    allow_at_provider(page)
    page.get_by_role("heading", name="Orchard is connected").wait_for()
    assert agent.get(f"/oauth/sessions/{session['sessionId']}")["account"] == "ada@example.test"
    first = agent.post("/tokens/fetch", provider="orchard", service="files")
    assert httpx.get(first["baseUrl"] + "/api/files", headers=first["headers"]).status_code == 200
    outlive(first, issuer, agent, "orchard")


def test_the_command_finds_the_same_and_its_file_is_accepted(tmp_path: Path, site: Site, issuer: OAuthServer):
    path = tmp_path / "orchard.toml"
    path.write_text(site.manage("provider", "discover", issuer.url, "--code", "orchard", "--name", "Orchard"))
    assert ": ok (Orchard, 0 services)" in site.manage("provider", "check", str(path))
    assert "iss_required = true" in path.read_text()
    assert f'revoke_url = "{issuer.url}/o/revoke_token/"' in path.read_text()
