"""Keys that are replaced, revoked and brought back on the dashboard."""

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apikeys.models import ApiKey, AuditEvent
from tests.agents import Agent
from tests.connections.dashboard.test_key_views import shown, text_of


def test_a_replaced_key_and_its_successor_lead_to_each_other(browser: Client, agent: Agent) -> None:
    made = browser.post(f"/app/keys/{agent.row.pk}/rotate/", {"overlap": "24"})
    text = shown(made)
    new = ApiKey.objects.authenticate(text)
    assert new
    assert "no-store" in made["Cache-Control"]
    assert "works until" in text_of(made)
    old_page, new_page = (browser.get(f"/app/keys/{pk}/").content.decode() for pk in (agent.row.pk, new.pk))
    assert f'href="/app/keys/{new.pk}/"' in old_page
    assert "is being replaced" in old_page
    assert "Create the new key" not in old_page
    assert f'href="/app/keys/{agent.row.pk}/"' in new_page
    assert agent.get("/connections").status_code == 200
    assert "Being replaced" in text_of(browser.get("/app/keys/"))


def test_a_key_that_was_replaced_at_once_is_refused(browser: Client, agent: Agent) -> None:
    made = browser.post(f"/app/keys/{agent.row.pk}/rotate/", {"overlap": "0"})
    assert "no longer works" in text_of(made)
    assert agent.get("/connections").status_code == 401
    assert "has been replaced" in text_of(browser.get(f"/app/keys/{agent.row.pk}/"))


@pytest.mark.parametrize(
    ("state", "said"),
    [("revoked", "A revoked key cannot"), ("expired", "has expired"), ("replaced", "was already replaced")],
)
def test_what_is_over_cannot_be_replaced(browser: Client, agent: Agent, state: str, said: str) -> None:
    path = f"/app/keys/{agent.row.pk}/rotate/"
    if state == "replaced":
        browser.post(path, {"overlap": "24"})
    ApiKey.objects.filter(pk=agent.row.pk).update(
        **{"revoked": {"revoked_at": timezone.now()}, "expired": {"expires_at": timezone.now()}}.get(state, {})
    )
    there = ApiKey.objects.count()
    assert said in text_of(browser.post(path, {"overlap": "24"}, follow=True))
    assert ApiKey.objects.count() == there


def test_an_overlap_that_is_none_makes_no_key(browser: Client, agent: Agent) -> None:
    for wrong in ({"overlap": "5"}, {}):
        said = text_of(browser.post(f"/app/keys/{agent.row.pk}/rotate/", wrong, follow=True))
        assert "Choose when the old key ends" in said
    assert ApiKey.objects.count() == 1


def test_revoking_works_at_once_and_can_be_undone(browser: Client, agent: Agent) -> None:
    done = browser.post(f"/app/keys/{agent.row.pk}/revoke/", follow=True)
    assert agent.get("/connections").status_code == 401
    page = done.content.decode()
    assert 'role="status"' in page
    undo = re.search(r'action="([^"]+/undo/)" data-expires="([\d.]+)"', page)
    assert undo
    assert 8 < float(undo[2]) <= 10
    assert "works again" in text_of(browser.post(undo[1], follow=True))
    assert agent.get("/connections").status_code == 200
    deeds = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    assert deeds == ["key.revoke", "key.restore"]
    assert "The revocation of an API key was undone: assistant" in text_of(browser.get("/app/ledger/"))


def test_a_click_that_travels_for_four_seconds_still_undoes(browser: Client, agent: Agent, clock: Any) -> None:
    browser.post(f"/app/keys/{agent.row.pk}/revoke/")
    clock.forward(seconds=14)
    page = browser.get("/app/keys/").content.decode()
    assert "is revoked" in page
    assert "/undo/" not in page, "the button is gone after ten seconds"
    browser.post(f"/app/keys/{agent.row.pk}/undo/")
    assert agent.get("/connections").status_code == 200


def test_too_late_is_too_late(browser: Client, agent: Agent, clock: Any) -> None:
    browser.post(f"/app/keys/{agent.row.pk}/revoke/")
    clock.forward(seconds=16)
    assert "It is too late" in text_of(browser.post(f"/app/keys/{agent.row.pk}/undo/", follow=True))
    assert agent.get("/connections").status_code == 401
    assert not AuditEvent.objects.filter(action="key.restore").exists()


def test_what_an_administrator_revoked_its_user_does_not_bring_back(browser: Client, agent: Agent) -> None:
    browser.post(f"/app/keys/{agent.row.pk}/revoke/")
    ApiKey.objects.get(pk=agent.row.pk).revoke()
    assert "It is too late" in text_of(browser.post(f"/app/keys/{agent.row.pk}/undo/", follow=True))
    assert agent.get("/connections").status_code == 401


def test_revoking_or_undoing_twice_does_no_harm(browser: Client, agent: Agent) -> None:
    path = f"/app/keys/{agent.row.pk}/"
    browser.post(f"{path}revoke/")
    assert "was already revoked" in text_of(browser.post(f"{path}revoke/", follow=True))
    browser.post(f"{path}undo/")
    assert "is not revoked" in text_of(browser.post(f"{path}undo/", follow=True))
    assert AuditEvent.objects.count() == 2
