"""The admin: what staff sees and may do, and what nobody does."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from apikeys.models import ApiKey, AuditEvent
from connections.models import Connection
from providers.models import Provider
from tests.provider_http import ProviderHttp


@pytest.fixture
def staff(user: Any, browser: Client) -> Client:
    """A browser in which an admin is signed in."""
    user.is_staff = user.is_superuser = True
    user.save()
    return browser


def lists() -> list[str]:
    """The change list of every registered model."""
    return [f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist" for model in admin.site._registry]


@pytest.mark.parametrize("name", lists())
def test_every_list_opens(staff: Client, agent: Any, connect: Any, name: str):
    connect("google")
    agent.post("/tokens/fetch", {"provider": "google"})
    assert staff.get(reverse(name)).status_code == 200


def test_the_way_in_is_the_dashboards_login():
    answer = Client().get("/admin/", follow=True)
    assert "/accounts/login/" in answer.redirect_chain[-1][0]


def test_people_without_staff_rights_get_nothing(browser: Client):
    assert browser.get("/admin/connections/connection/").status_code in (302, 403)


def save_provider(staff: Client, code: str, **form: str) -> Any:
    sent = {"enabled": "on", "client_id": "", "extra_scopes": "[]", "specification": "", **form}
    return staff.post(f"/admin/providers/provider/{code}/change/", sent)


def test_the_client_secret_goes_in_and_never_comes_out(staff: Client):
    save_provider(staff, "google", client_id="the-client", new_secret="the-secret")
    assert Provider.objects.get(code="google").client_secret == "the-secret"
    page = staff.get("/admin/providers/provider/google/change/").content.decode()
    assert "the-client" in page
    assert "the-secret" not in page
    assert "/oauth/callback/google" in page
    save_provider(staff, "google", client_id="the-client")
    assert Provider.objects.get(code="google").client_secret == "the-secret", "an empty field keeps it"
    save_provider(staff, "google", client_id="the-client", forget_secret="on")
    assert Provider.objects.get(code="google").client_secret == ""


OWN = '{"code": "walnut", "name": "Walnut", "auth": "api_key", "fields": [{"name": "apiKey", "label": "Key"}]}'


def test_a_provider_of_ones_own_is_checked_and_can_be_fetched(staff: Client, agent: Any):
    form = {"code": "walnut", "enabled": "on", "extra_scopes": "[]"}
    wrong = staff.post("/admin/providers/provider/add/", {**form, "specification": OWN.replace("label", "lable")})
    assert "fields.0.label" in wrong.content.decode()
    assert not Provider.objects.filter(code="walnut").exists()
    staff.post("/admin/providers/provider/add/", {**form, "specification": OWN})
    assert agent.get("/ai/context/walnut").json()["data"]["name"] == "Walnut"


def test_a_catalogue_provider_cannot_be_deleted(staff: Client):
    assert staff.post("/admin/providers/provider/google/delete/", {"post": "yes"}).status_code == 403


def test_deleting_a_connection_revokes_its_grant(
    staff: Client, connect: Any, configured: Any, provider_http: ProviderHttp
):
    configured("google")
    row = connect("google")
    provider_http.reply("POST", "https://oauth2.googleapis.com/revoke")
    page = staff.post(f"/admin/connections/connection/{row.pk}/delete/", {"post": "yes"}, follow=True)
    assert "the provider has ended the grant" in page.content.decode()
    assert not Connection.objects.exists()
    assert AuditEvent.objects.get(action="connection.disconnect").detail == "revocation: revoked"


def test_deleting_many_revokes_each(staff: Client, connect: Any, configured: Any, provider_http: ProviderHttp):
    configured("google")
    rows = [connect("google"), connect("google")]
    provider_http.reply("POST", "https://oauth2.googleapis.com/revoke")
    form = {"action": "delete_selected", "_selected_action": [str(row.pk) for row in rows], "post": "yes"}
    staff.post("/admin/connections/connection/", form)
    assert len(provider_http.requests) == 2
    assert not Connection.objects.exists()


def test_nobody_makes_a_key_for_somebody_else(staff: Client, agent: Any):
    assert staff.get("/admin/apikeys/apikey/add/").status_code == 403
    page = staff.get(f"/admin/apikeys/apikey/{agent.row.pk}/change/").content.decode()
    assert agent.row.digest not in page
    staff.post("/admin/apikeys/apikey/", {"action": "revoke", "_selected_action": [agent.row.pk]})
    assert ApiKey.objects.get(pk=agent.row.pk).state == "revoked"


def test_the_ledger_cannot_be_changed(staff: Client, agent: Any):
    agent.post("/tokens/fetch", {"provider": "google"})
    event = AuditEvent.objects.get()
    assert staff.get("/admin/apikeys/auditevent/add/").status_code == 403
    assert staff.post(f"/admin/apikeys/auditevent/{event.pk}/change/", {"outcome": "ok"}).status_code == 403
    assert staff.post(f"/admin/apikeys/auditevent/{event.pk}/delete/", {"post": "yes"}).status_code == 403


def test_whom_the_operator_adds_can_sign_in(staff: Client):
    form = {"username": "bob@example.com", "email": "bob@example.com"}
    staff.post("/admin/auth/user/add/", {**form, "password1": "walnuts-and-7", "password2": "walnuts-and-7"})
    bob = Client()
    bob.post("/accounts/login/", {"login": "bob@example.com", "password": "walnuts-and-7"})
    assert bob.get("/app/").status_code == 200
