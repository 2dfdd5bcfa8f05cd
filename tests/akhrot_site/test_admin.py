"""People in the admin: added, turned off, deleted; and nobody locks himself out."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.test import Client

from apikeys.models import ApiKey, AuditEvent
from connections.models import Connection
from tests.provider_http import ProviderHttp
from tests.staff import administrator as administrator
from tests.staff import staff as staff

PASSWORD = "walnuts-and-7"


def add(staff: Client, email: str) -> Any:
    form = {"email": email, "password1": PASSWORD, "password2": PASSWORD}
    return staff.post("/admin/auth/user/add/", form)


def test_whom_an_administrator_adds_can_sign_in(staff: Client):
    add(staff, "Bob@Example.com")
    assert EmailAddress.objects.get(email="bob@example.com").verified
    bob = Client()
    bob.post("/accounts/login/", {"login": "bob@example.com", "password": PASSWORD})
    assert bob.get("/app/").status_code == 200
    assert bob.get("/admin/").status_code in (302, 403)


def test_an_address_has_one_account(staff: Client, other_user: User):
    assert "There is already an account with this address" in add(staff, other_user.email.upper()).content.decode()
    assert User.objects.filter(email__iexact=other_user.email).count() == 1


def test_an_address_that_somebody_only_claims_has_no_account(staff: Client, other_user: User):
    EmailAddress.objects.create(user=other_user, email="bob@example.com")
    add(staff, "bob@example.com")
    assert User.objects.filter(email="bob@example.com").exists()


def test_who_is_turned_off_is_out_at_once(staff: Client, other_user: User, other_agent: Any):
    theirs = Client()
    theirs.force_login(other_user)
    assert theirs.get("/app/").status_code == 200
    staff.post(f"/admin/auth/user/{other_user.pk}/change/", {})
    assert theirs.get("/app/").status_code == 302
    assert other_agent.get("/connections").status_code == 401


def test_an_administrator_is_made_and_unmade_by_one_switch(staff: Client, other_user: User):
    for form, is_one in (({"is_active": "on", "is_superuser": "on"}, True), ({"is_active": "on"}, False)):
        staff.post(f"/admin/auth/user/{other_user.pk}/change/", form)
        other_user.refresh_from_db()
        assert (other_user.is_staff, other_user.is_superuser) == (is_one, is_one)


def test_nobody_locks_himself_out(staff: Client, administrator: User):
    staff.post(f"/admin/auth/user/{administrator.pk}/change/", {})
    assert staff.post(f"/admin/auth/user/{administrator.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [administrator.pk], "post": "yes"}
    staff.post("/admin/auth/user/", chosen)
    administrator.refresh_from_db()
    assert (administrator.is_active, administrator.is_staff, administrator.is_superuser) == (True, True, True)


def test_deleting_somebody_ends_his_grants_and_keeps_the_ledger(
    staff: Client, connect: Any, configured: Any, other_user: User, other_agent: Any, provider_http: ProviderHttp
):
    configured("google")
    connect("google", user=other_user)
    other_agent.post("/tokens/fetch", {"provider": "google"})
    provider_http.reply("POST", "https://oauth2.googleapis.com/revoke")
    staff.post(f"/admin/auth/user/{other_user.pk}/delete/", {"post": "yes"})
    assert len(provider_http.requests) == 1
    assert not User.objects.filter(pk=other_user.pk).exists()
    assert not Connection.objects.exists()
    assert not ApiKey.objects.exists()
    assert AuditEvent.objects.get(action="token.fetch").user is None


def test_a_second_factor_can_be_taken_away_but_not_read(staff: Client, other_user: User):
    row = Authenticator.objects.create(user=other_user, type="totp", data={"secret": "TOPSECRET"})
    path = f"/admin/mfa/authenticator/{row.pk}"
    assert "TOPSECRET" not in staff.get(f"{path}/change/").content.decode()
    assert staff.post(f"{path}/change/", {"type": "webauthn"}).status_code == 403
    staff.post(f"{path}/delete/", {"post": "yes"})
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize(
    "filter", ["data__secret__startswith", "data__icontains", "data__has_key", "user__password__startswith"]
)
def test_a_second_factor_cannot_be_read_by_filtering_either(staff: Client, other_user: User, filter: str):
    Authenticator.objects.create(user=other_user, type="totp", data={"secret": "TOPSECRET"})
    answers = [staff.get("/admin/mfa/authenticator/", {filter: guess}) for guess in ("T", "secret", "X")]
    assert {answer.status_code for answer in answers} == {400}
    assert staff.get("/admin/mfa/authenticator/", {"type__exact": "totp"}).status_code == 200
