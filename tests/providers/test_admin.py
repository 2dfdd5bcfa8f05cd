"""Providers in the admin: turned on and off, given an OAuth client, or made from a specification."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apikeys.ledger import Caller
from connections import sessions
from connections.models import OAuthSession
from providers.models import Provider
from tests.staff import administrator as administrator
from tests.staff import staff as staff

LIST = "/admin/providers/provider/"
OWN = {"code": "walnut", "name": "Walnut", "auth": "api_key", "fields": [{"name": "apiKey", "label": "Key"}]}


def save(staff: Client, code: str, **form: str) -> str:
    """Send the form of a provider; the page that comes of it."""
    sent = {"enabled": "on", "client_id": "the-client", "extra_scopes": "", "specification": "", **form}
    return staff.post(f"{LIST}{code}/change/", sent, follow=True).content.decode()


def add(staff: Client, specification: Any) -> str:
    """Add a provider of one's own; the page that comes of it."""
    text = specification if isinstance(specification, str) else json.dumps(specification)
    return staff.post(f"{LIST}add/", {"enabled": "on", "specification": text}, follow=True).content.decode()


def page_of(staff: Client, code: str) -> str:
    return staff.get(f"{LIST}{code}/change/").content.decode()


def shown(staff: Client, **params: str) -> set[str]:
    return {row.code for row in staff.get(LIST, params).context["cl"].result_list}


def test_the_client_secret_goes_in_and_never_comes_out(staff: Client):
    assert "Not set." in page_of(staff, "google")
    assert "the-secret" not in save(staff, "google", new_secret="the-secret")
    assert Provider.objects.get(code="google").client_secret == "the-secret"
    page = page_of(staff, "google")
    assert "the-client" in page
    assert "Set. It is never shown" in page
    assert "the-secret" not in page


def test_an_empty_secret_keeps_the_old_one(staff: Client, configured: Any):
    configured("google", client_secret="the-secret")
    save(staff, "google", client_id="another-client")
    row = Provider.objects.get(code="google")
    assert (row.client_id, row.client_secret) == ("another-client", "the-secret")


def test_a_secret_is_forgotten_only_when_asked(staff: Client, configured: Any):
    configured("google", client_secret="the-secret")
    page = save(staff, "google", forget_secret="on", new_secret="another-secret")
    assert "Either give a new secret or forget the old one" in page
    assert "another-secret" not in page
    assert Provider.objects.get(code="google").client_secret == "the-secret"
    save(staff, "google", forget_secret="on")
    assert Provider.objects.get(code="google").client_secret == ""


def test_another_client_makes_an_earlier_refusal_void(staff: Client, configured: Any):
    configured("google").client_was_refused("invalid_client")
    assert "refuses this OAuth client: invalid_client" in page_of(staff, "google")
    save(staff, "google", client_id="google-client", extra_scopes="a b")
    assert Provider.objects.get(code="google").client_refused_at, "the client is the same"
    save(staff, "google", client_id="google-client", new_secret="the-right-one")
    assert Provider.objects.get(code="google").client_refused_at is None


def test_extra_scopes_are_a_list(staff: Client):
    save(staff, "google", extra_scopes="files.read\n https://a.example/b  files.read")
    assert Provider.objects.get(code="google").extra_scopes == ["files.read", "https://a.example/b"]
    assert "files.read\nhttps://a.example/b" in page_of(staff, "google")
    assert "cannot be a scope" in save(staff, "google", extra_scopes='one"two')


def test_the_operator_reads_what_to_register_and_where(staff: Client):
    page = page_of(staff, "google")
    assert "http://127.0.0.1:8000/oauth/callback/google" in page
    assert "accounts.google.com" in page
    assert "oauth2.googleapis.com" in page
    assert Provider.objects.get(code="google").spec.oauth.registration_url in page  # type: ignore[union-attr]


def test_where_people_sign_in_with_a_phone_an_app_may_be_set(staff: Client):
    page = page_of(staff, "telegram")
    assert all(said in page for said in ("API ID", "API hash", "are handed to its agents"))
    assert "oauth/callback" not in page
    assert "The API ID is a number" in save(staff, "telegram", client_id="my app")
    page = save(staff, "telegram", client_id="1234567", new_secret="the-hash")
    row = Provider.objects.get(code="telegram")
    assert row.app() == {"apiId": "1234567", "apiHash": "the-hash"}
    assert "the-hash" not in page + page_of(staff, "telegram")
    save(staff, "telegram", client_id="1234567", forget_secret="on")
    assert Provider.objects.get(code="telegram").app() == {}


def test_a_provider_of_keys_has_no_oauth_client(staff: Client):
    page = page_of(staff, "twilio")
    assert "client_id" not in page
    assert "new_secret" not in page
    assert "oauth/callback" not in page


def test_a_provider_of_ones_own_is_named_by_its_specification(staff: Client, agent: Any):
    add(staff, OWN)
    assert Provider.objects.get(code="walnut").spec.name == "Walnut"
    assert agent.get("/ai/context/walnut").json()["data"]["name"] == "Walnut"


@pytest.mark.parametrize(
    ("specification", "fault"),
    [
        ("{", "is not JSON"),
        ('{"a":' * 100_000, "is not JSON"),
        ("[" * 100_000, "is not TOML"),
        ('code = "walnut"', "specification: name: Field required"),
        ("[1]", "specification"),
        ({**OWN, "lable": 1}, "specification: lable"),
        ({**OWN, "fields": [{"name": "apiKey"}]}, "specification: fields.0.label"),
        ({**OWN, "code": "Wal nut"}, "specification: code"),
        ({**OWN, "code": "google"}, "“google” is there already"),
        ("", "give its whole specification"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_faulty_specification_is_refused_by_its_key(staff: Client, specification: Any, fault: str):
    number = Provider.objects.count()
    assert fault in add(staff, specification)
    assert Provider.objects.count() == number


def test_a_catalogue_provider_can_be_replaced_and_put_back(staff: Client):
    own = {**OWN, "code": "openai", "name": "Our own gateway"}
    save(staff, "openai", specification=json.dumps(own))
    assert str(Provider.objects.get(code="openai")) == "Our own gateway"
    assert "code: must be" in save(staff, "openai", specification=json.dumps(OWN))
    save(staff, "openai")
    assert str(Provider.objects.get(code="openai")) == "OpenAI"


def test_the_kind_stays_while_somebody_has_it_connected(staff: Client, connect: Any):
    connect("google")
    own = json.dumps({**OWN, "code": "google"})
    assert "auth: stays “oauth2”" in save(staff, "google", specification=own)
    assert Provider.objects.get(code="google").specification is None


def test_a_catalogue_provider_cannot_be_deleted(staff: Client):
    assert staff.post(f"{LIST}google/delete/", {"post": "yes"}).status_code == 403


def delete(staff: Client, code: str) -> str:
    return staff.post(f"{LIST}{code}/delete/", {"post": "yes"}, follow=True).content.decode()


def test_a_provider_with_connections_is_kept_and_says_how_many_and_what_to_do(staff: Client, connect: Any):
    add(staff, OWN)
    rows = [connect("walnut"), connect("walnut")]
    page = delete(staff, "walnut")
    assert "2 connections use Walnut. Turn the provider off, and let their users disconnect them" in page
    assert f"{reverse('admin:connections_connection_changelist')}?provider__code__exact=walnut" in page
    rows.pop().delete()
    assert "1 connection uses Walnut" in delete(staff, "walnut")
    assert Provider.objects.filter(code="walnut").exists()
    rows.pop().delete()
    delete(staff, "walnut")
    assert not Provider.objects.filter(code="walnut").exists()


def test_old_links_go_with_their_provider_and_no_others(staff: Client, administrator: User):
    add(staff, OWN)
    for code in ("walnut", "walnut", "google"):
        OAuthSession.objects.create(user=administrator, provider_id=code, expires_at=timezone.now(), status="failed")
    assert "2 old connect links" in staff.get(f"{LIST}walnut/delete/").content.decode()
    delete(staff, "walnut")
    assert not Provider.objects.filter(code="walnut").exists()
    assert [row.provider_id for row in OAuthSession.objects.all()] == ["google"]


def test_a_provider_stays_while_a_link_holds_a_grant_that_must_be_given_back(staff: Client, administrator: User):
    add(staff, OWN)
    row = sessions.start(Caller(user=administrator), provider="walnut")
    row.start()
    row.refresh_from_db()
    assert row.hold('{"grant": "{}"}')
    for end in (lambda: None, lambda: row.fail("the user began again")):
        end()
        assert "ends by itself within half an hour" in delete(staff, "walnut")
        assert Provider.objects.filter(code="walnut").exists()
    assert OAuthSession.objects.filter(pk=row.pk).update(grant="")
    delete(staff, "walnut")
    assert not Provider.objects.filter(code="walnut").exists()


def test_providers_are_turned_on_and_off_in_the_list(staff: Client):
    for action, enabled in (("disable", False), ("enable", True)):
        staff.post(LIST, {"action": action, "_selected_action": ["google", "slack"]})
        assert list(Provider.objects.filter(code__in=["google", "slack"], enabled=enabled)) != []
    searched = f"{LIST}?q=sla"
    rows = list(staff.get(searched).context["cl"].result_list)
    assert len(rows) > 0
    form = {"form-TOTAL_FORMS": len(rows), "form-INITIAL_FORMS": len(rows), "_save": "Save"}
    for number, row in enumerate(rows):
        form |= {f"form-{number}-code": row.code}
        form |= {} if row.code == "slack" else {f"form-{number}-enabled": "on"}
    staff.post(searched, form)
    assert set(Provider.objects.filter(enabled=False).values_list("code", flat=True)) == {"slack"}


def test_the_list_is_searched_by_code_and_name_and_filtered(staff: Client, configured: Any):
    add(staff, OWN)
    configured("google")
    configured("slack").client_was_refused("invalid_client")
    assert shown(staff, q="WALNUT") == {"walnut"}
    assert "google" in shown(staff, q="gmail")
    rows = Provider.objects.known()
    basic = {row.code for row in rows if any(way.auth == "basic" for way in row.spec.every_way().values())}
    assert shown(staff, kind="basic") == basic
    assert shown(staff, kind="api_key", q="walnut") == {"walnut"}
    assert shown(staff, kind="oauth2", q="walnut") == set()
    assert "google" in shown(staff, client="ready", q="google")
    assert shown(staff, client="ready", q="walnut") == {"walnut"}
    assert "github" in shown(staff, client="missing")
    assert shown(staff, client="refused") == {"slack"}


def test_a_row_whose_file_is_gone_says_so(staff: Client):
    Provider.objects.create(code="bygone")
    assert "file removed" in staff.get(LIST).content.decode()
    assert "Its file was removed" in page_of(staff, "bygone")
