"""The link of an invitation: what it does once, and what it does not."""

import io
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from akhrot_site.models import Invitation
from apikeys.models import AuditEvent
from tests.akhrot_site.invited import FORM, PASSWORD, PEOPLE, invite
from tests.akhrot_site.invited import by_invitation as by_invitation
from tests.connections.test_mail import both_forms, sent
from tests.staff import administrator as administrator
from tests.staff import staff as staff

VOID = "This invitation is not valid"


def test_an_invited_person_makes_an_account_that_is_verified_and_signed_in(staff: Client, administrator: User):
    path, bob = invite(staff, "Bob@Example.com"), Client()
    page = bob.get(path).content.decode()
    assert administrator.email in page
    assert 'value="bob@example.com"' in page
    answer = bob.post(path, FORM)
    assert (answer.status_code, answer["Location"]) == (302, "/app/")
    user = User.objects.get(email="bob@example.com")
    assert (user.is_superuser, user.is_staff, user.check_password(PASSWORD)) == (False, False, True)
    address = EmailAddress.objects.get(user=user)
    assert (address.email, address.verified, address.primary) == ("bob@example.com", True, True)
    assert bob.get("/app/").status_code == 200
    row = Invitation.objects.get()
    assert (row.state, row.account, row.invited_by) == ("accepted", user, administrator)
    actions = AuditEvent.objects.filter(action__startswith="invitation.").order_by("pk")
    assert list(actions.values_list("action", "user__email")) == [
        ("invitation.send", administrator.email),
        ("invitation.accept", "bob@example.com"),
    ]


def test_the_mail_holds_the_link_in_both_forms(staff: Client, administrator: User, settings: Any):
    path = invite(staff)
    (letter,) = sent()
    assert (letter.to, letter.subject) == (["bob@example.com"], "Akhrot: You are invited to Akhrot")
    for form in both_forms(letter):
        assert form.count(settings.AKHROT_BASE_URL + path) == 1
        assert administrator.email in form


def test_an_address_that_somebody_else_claims_can_be_invited_and_accepts(staff: Client, other_user: User):
    EmailAddress.objects.create(user=other_user, email="bob@example.com")
    path, bob = invite(staff), Client()
    assert bob.post(path, FORM)["Location"] == "/app/"
    assert EmailAddress.objects.get(email="bob@example.com", verified=True).user.email == "bob@example.com"


def test_looking_changes_nothing(staff: Client):
    path = invite(staff)
    before = Invitation.objects.values().get()
    for _ in range(3):
        assert Client().get(path).status_code == 200
        assert Client().head(path).status_code == 200
    assert Invitation.objects.values().get() == before
    assert not User.objects.filter(email="bob@example.com").exists()


def test_a_link_works_once(staff: Client):
    path = invite(staff)
    Client().post(path, FORM)
    for answer in (Client().get(path), Client().post(path, FORM)):
        assert answer.status_code == 404
        assert VOID in answer.content.decode()
    assert User.objects.filter(email="bob@example.com").count() == 1


def test_whatever_link_is_no_good_is_answered_alike(staff: Client, clock: Any, settings: Any):
    used, revoked, renewed, late = (invite(staff, f"{name}@example.com") for name in ("u", "r", "n", "l"))
    Client().post(used, FORM)
    staff.post(f"{PEOPLE}{Invitation.objects.get(email='r@example.com').pk}/revoke/")
    staff.post(f"{PEOPLE}{Invitation.objects.get(email='n@example.com').pk}/send/")
    clock.forward(days=7, minutes=1)
    made_up = "/accounts/invitation/00000000000040008000000000000000-x/"
    other_secret = late[:-6] + "AAAAA/"
    links = (used, revoked, renewed, late, made_up, other_secret, "/accounts/invitation/nothing/")
    answers = [Client().get(path) for path in links] + [Client().post(path, FORM) for path in links]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert "ask the person who invited you" in answers[0].content.decode()


def test_a_link_ends_after_seven_days(staff: Client, clock: Any):
    path = invite(staff)
    clock.forward(days=6, hours=23)
    assert Client().get(path).status_code == 200
    clock.forward(hours=2)
    assert Client().get(path).status_code == 404
    assert "Expired" in staff.get(PEOPLE).content.decode()


def test_the_database_holds_no_link(staff: Client):
    secret = invite(staff).partition("-")[2].strip("/")
    row = Invitation.objects.get()
    assert secret not in repr(row.__dict__)
    assert len(row.digest) == 64
    assert secret not in staff.get(PEOPLE).content.decode()


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"password2": "another password"}, "differ"),
        ({"password1": "short", "password2": "short"}, "too short"),
        ({"password1": "bob@example.com1", "password2": "bob@example.com1"}, "too similar"),
        ({"password1": ""}, "required"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(staff: Client, form: dict[str, str], words: str):
    path = invite(staff)
    answer = Client().post(path, {**FORM, **form, "email": "eve@example.com"})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not User.objects.filter(email__in=["bob@example.com", "eve@example.com"]).exists()
    assert Client().get(path).status_code == 200


def test_the_address_cannot_be_changed(staff: Client):
    Client().post(invite(staff), {**FORM, "email": "eve@example.com"})
    assert User.objects.filter(email="bob@example.com").exists()
    assert not User.objects.filter(email="eve@example.com").exists()


def test_who_got_an_account_meanwhile_is_told_to_sign_in(staff: Client):
    path = invite(staff)
    User.objects.create_user(username="bob", email="bob@example.com")
    for answer in (Client().get(path), Client().post(path, FORM)):
        assert "You already have an account" in answer.content.decode()
    assert User.objects.filter(email="bob@example.com").count() == 1


def test_who_is_signed_in_as_somebody_else_is_not_signed_out_unasked(staff: Client, other_user: User):
    path, eve = invite(staff), Client()
    eve.force_login(other_user)
    for answer in (eve.get(path), eve.post(path, FORM)):
        assert f'You are <strong class="break">{other_user.email}' in answer.content.decode()
    assert eve.get("/app/").status_code == 200
    assert not User.objects.filter(email="bob@example.com").exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_hold_one_link_one_gets_in(staff: Client):
    def come(_: int) -> int:
        try:
            return Client().post(path, FORM).status_code
        finally:
            connections.close_all()

    path = invite(staff)
    with ThreadPoolExecutor(4) as crowd:
        statuses = list(crowd.map(come, range(4)))
    assert sorted(set(statuses)) in ([200, 302], [302, 404], [200, 302, 404])
    assert statuses.count(302) == 1
    assert User.objects.filter(email="bob@example.com").count() == 1


def test_trying_links_is_limited(staff: Client, settings: Any):
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "signup": "2/m/ip"}
    answers = [Client().post("/accounts/invitation/nothing/", FORM) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [404, 404, 429]
    assert answers[-1]["Retry-After"] == "60"


@pytest.fixture
def spoken() -> Iterator[io.StringIO]:
    """Everything that is logged, as the site formats it."""
    stream, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(root.handlers[0].formatter)
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)


def test_no_log_line_holds_a_link_or_a_password(staff: Client, spoken: io.StringIO):
    path, bob = invite(staff), Client()
    bob.get(path)
    bob.post(path, {**FORM, "password2": "another"})
    bob.post(path, FORM)
    bob.get(path)
    logging.getLogger("somebody").warning("no such page: %s", path)
    said = spoken.getvalue()
    assert "invitation" in said
    assert path.partition("-")[2].strip("/") not in said
    assert PASSWORD not in said
