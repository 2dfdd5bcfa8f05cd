"""Finding a provider in the admin's list, and registering an OAuth client by what its page says."""

from typing import Any

import pytest
from django.test import Client
from django.utils.html import escape

from providers import registry
from tests.providers.test_admin import OWN, add, page_of, shown
from tests.staff import administrator as administrator
from tests.staff import staff as staff


def test_the_list_is_searched_as_users_search(staff: Client) -> None:
    add(staff, {**OWN, "aliases": ["Pecan"]})
    assert shown(staff, q="pecan") == {"walnut"}
    assert shown(staff, q="entra id") == {"microsoft"}
    assert shown(staff, q="gihub") == {"github"}


def test_the_list_is_narrowed_by_category(staff: Client) -> None:
    add(staff, {**OWN, "category": "nuts"})
    assert shown(staff, category="nuts") == {"walnut"}
    health = {code for code, spec in registry.catalogue().items() if spec.category == "health"}
    assert shown(staff, category="health") == health
    assert shown(staff, category="nonsense") == set()
    assert "Files and media" in staff.get("/admin/providers/provider/").content.decode()


def test_a_client_that_is_set_is_told_from_one_that_is_refused(staff: Client, configured: Any) -> None:
    assert shown(staff, client="set") == set()
    configured("google")
    configured("slack").client_was_refused("invalid_client")
    assert shown(staff, client="set") == {"google"}
    assert shown(staff, client="refused") == {"slack"}


@pytest.mark.parametrize("code", [code for code, spec in registry.catalogue().items() if spec.sign_in][:25])
def test_the_steps_lead_from_the_console_to_a_connection(staff: Client, code: str) -> None:
    page = page_of(staff, code)
    spec = registry.catalogue()[code].sign_in
    assert spec is not None
    assert spec.oauth is not None
    place = spec.oauth.registration_url or spec.docs_url
    assert not place or place.replace("&", "&amp;") in page
    assert f"/oauth/callback/{code}" in page
    every = spec.scopes_for(list(spec.services))
    assert (" ".join(every) in page) if every else ("It needs no scopes" in page)
    assert f'href="/app/providers/{code}/"' in page
    assert all(escape(note) in page for note in spec.notes)
    assert ("no secret" in page) is (spec.oauth.client_auth == "none")
