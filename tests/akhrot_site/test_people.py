"""The operator's page of invitations, and what is kept of them."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail as outgoing
from django.test import Client

from akhrot_site import tasks
from akhrot_site.models import Invitation
from apikeys.models import AuditEvent
from tests.akhrot_site.invited import FORM, PEOPLE, invite, link_in
from tests.akhrot_site.invited import by_invitation as by_invitation
from tests.connections.test_mail import AWAY
from tests.staff import administrator as administrator
from tests.staff import staff as staff


def test_inviting_somebody_again_voids_the_link_from_before(staff: Client):
    first, second = invite(staff), invite(staff, "BOB@example.com")
    assert Invitation.objects.count() == 1
    assert [Client().get(path).status_code for path in (first, second)] == [404, 200]


def test_a_new_link_is_sent_and_shown_and_the_old_one_is_void(staff: Client, clock: Any):
    first = invite(staff)
    clock.forward(days=8)
    row = Invitation.objects.get()
    second = link_in(staff.post(f"{PEOPLE}{row.pk}/send/"))
    assert [Client().get(path).status_code for path in (first, second)] == [404, 200]
    assert len(outgoing.outbox) == 2


def test_who_has_an_account_is_not_invited(staff: Client, other_user: User):
    answer = staff.post(PEOPLE, {"email": other_user.email.upper()})
    assert answer.status_code == 422
    assert "There is already an account with this address" in answer.content.decode()
    assert not Invitation.objects.exists()


@pytest.mark.parametrize("path", ["", "{pk}/send/", "{pk}/revoke/"])
def test_only_operators_see_invitations(staff: Client, other_user: User, path: str):
    invite(staff)
    outgoing.outbox.clear()
    before = Invitation.objects.values().get()
    eve, address = Client(), PEOPLE + path.format(pk=before["id"])
    assert Client().post(address, {"email": "x@example.com"})["Location"].startswith("/accounts/login/")
    eve.force_login(other_user)
    nowhere = eve.post("/accounts/people/nothing/")
    answer = eve.post(address, {"email": "x@example.com"})
    assert (answer.status_code, answer.content) == (404, nowhere.content)
    assert eve.get(PEOPLE).status_code == 404
    assert Invitation.objects.values().get() == before
    assert outgoing.outbox == []
    assert PEOPLE not in eve.get("/accounts/email/").content.decode()


def test_a_forged_form_invites_nobody(administrator: User):
    client = Client(enforce_csrf_checks=True)
    client.force_login(administrator)
    assert client.post(PEOPLE, {"email": "x@example.com"}).status_code == 403
    assert not Invitation.objects.exists()


def test_an_accepted_or_withdrawn_invitation_is_closed(staff: Client):
    Client().post(invite(staff), FORM)
    invite(staff, "eve@example.com")
    staff.post(f"{PEOPLE}{Invitation.objects.get(email='eve@example.com').pk}/revoke/")
    for row in Invitation.objects.all():
        assert staff.post(f"{PEOPLE}{row.pk}/send/").status_code == 404
        assert staff.post(f"{PEOPLE}{row.pk}/revoke/").status_code == 404
    assert staff.get(f"{PEOPLE}{Invitation.objects.all()[0].pk}/send/").status_code == 405


def test_while_sign_up_is_closed_nobody_comes_in_and_the_page_says_how(staff: Client, settings: Any):
    path = invite(staff)
    settings.AKHROT_SIGNUP = "closed"
    assert "AKHROT_SIGNUP=invite" in staff.get(PEOPLE).content.decode()
    assert staff.post(PEOPLE, {"email": "x@example.com"}).status_code == 404
    assert staff.post(f"{PEOPLE}{Invitation.objects.get().pk}/send/").status_code == 404
    assert [Client().get(path).status_code, Client().post(path, FORM).status_code] == [404, 404]
    settings.AKHROT_SIGNUP = "open"
    assert Client().get(path).status_code == 200


def test_without_mail_the_link_is_to_be_handed_over(staff: Client, settings: Any):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    answer = staff.post(PEOPLE, {"email": "bob@example.com"}).content.decode()
    assert "This Akhrot cannot send mail" in answer
    assert "/accounts/invitation/" in answer
    assert outgoing.outbox == []


def test_a_mail_server_that_is_away_is_said_and_the_link_is_shown(
    staff: Client, settings: Any, caplog: pytest.LogCaptureFixture
):
    settings.EMAIL_BACKEND = AWAY
    answer = staff.post(PEOPLE, {"email": "bob@example.com"}).content.decode()
    assert "The mail could not be sent" in answer
    assert "/accounts/invitation/" in answer
    assert "invitation_not_sent" in caplog.text
    assert "bob@example.com" not in caplog.text


def test_inviting_is_limited(staff: Client, settings: Any):
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "invite": "2/h/user"}
    statuses = [staff.post(PEOPLE, {"email": f"{number}@example.com"}).status_code for number in range(3)]
    assert statuses == [200, 200, 429]
    assert Invitation.objects.count() == 2
    assert staff.get(PEOPLE).status_code == 200


def test_the_list_takes_as_many_queries_for_many_as_for_few(
    staff: Client, administrator: User, django_assert_num_queries: Any
):
    for number in range(30):
        Invitation.objects.invite(f"{number}@example.com", administrator)
    staff.get(PEOPLE)
    with django_assert_num_queries(5):
        page = staff.get(PEOPLE)
    assert page.content.decode().count("/revoke/") == 25
    assert staff.get(f"{PEOPLE}?page=2").content.decode().count("/revoke/") == 5
    Invitation.objects.exclude(email="3@example.com").delete()
    with django_assert_num_queries(5):
        staff.get(PEOPLE)


def test_who_did_not_come_is_forgotten_after_a_month(staff: Client, clock: Any):
    invite(staff)
    Client().post(invite(staff, "eve@example.com"), FORM)
    clock.forward(days=36)
    tasks.tidy()
    assert Invitation.objects.count() == 2
    clock.forward(days=2)
    tasks.tidy()
    assert Invitation.objects.get().email == "eve@example.com"


def test_in_the_admin_invitations_are_looked_at_and_withdrawn(staff: Client):
    path = invite(staff)
    row = Invitation.objects.get()
    listed = staff.get("/admin/akhrot_site/invitation/").content.decode()
    assert "bob@example.com" in listed
    assert row.digest not in listed
    assert staff.get("/admin/akhrot_site/invitation/add/")["Location"] == PEOPLE
    staff.post(f"/admin/akhrot_site/invitation/{row.pk}/delete/", {"post": "yes"})
    assert not Invitation.objects.exists()
    assert Client().get(path).status_code == 404
    assert AuditEvent.objects.filter(action="invitation.revoke").count() == 1
