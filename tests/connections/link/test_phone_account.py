"""Whose account signed in with a phone: renewing, another account than expected, and what becomes of old sessions."""

from typing import Any

import pytest
from django.test import Client

from apikeys.ledger import Caller
from apikeys.models import AuditEvent
from connections import connect as connecting
from connections import tasks
from connections.link import callback
from connections.models import Connection, OAuthSession
from tests.connections.telephone import Phone, text
from tests.telegram.stand_in import ADA, BOB, Telegram


@pytest.fixture
def ada(phone: Phone) -> Connection:
    """Ada has connected her account with her phone."""
    phone.number()
    phone.code()
    return Connection.objects.get()


def renew(phone: Phone, row: Connection, number: str, password: str = "") -> Any:
    """A link to renew `row`, and the steps with the account of `number`."""
    phone.ask(account=str(row.pk), method="phone")
    phone.number(number)
    page = phone.code()
    return phone.password(password) if password else page


def test_signing_in_again_renews_the_connection_and_ends_its_old_session(
    phone: Phone, world: Telegram, ada: Connection
):
    old = ada.held()["fields"]["sessionString"]
    assert "is connected" in text(renew(phone, ada, ADA.phone))
    now = Connection.objects.get()
    assert (now.pk, now.generation) == (ada.pk, ada.generation + 1)
    assert now.held()["fields"]["sessionString"] != old
    assert world.signed_in() == ["Ada"], "the old session is ended"
    assert AuditEvent.objects.filter(action="connection.renew").count() == 1


def test_an_account_that_is_connected_already_is_renewed_without_being_named(
    phone: Phone, world: Telegram, ada: Connection
):
    phone.ask()
    phone.number()
    assert "is connected" in text(phone.code())
    assert Connection.objects.get().pk == ada.pk
    assert world.signed_in() == ["Ada"]


def test_another_account_takes_no_place_unasked(phone: Phone, world: Telegram, ada: Connection):
    held = ada.held()
    page = text(renew(phone, ada, BOB.phone, "walnut"))
    assert "That was another account" in page
    assert "@ada" in page
    assert "Bob Babbage" in page
    assert (phone.session.status, phone.poll()["status"]) == ("confirming", "pending")
    assert Connection.objects.get().held() == held
    assert "That was another account" in text(phone.open()), "a closed tab loses nothing"


def test_the_other_account_may_take_its_place(phone: Phone, world: Telegram, ada: Connection):
    renew(phone, ada, BOB.phone, "walnut")
    assert "is connected" in text(phone.press("decide", choice="replace"))
    now = Connection.objects.get()
    assert (now.pk, now.account_id, now.account) == (ada.pk, "4002", "Bob Babbage")
    assert world.signed_in() == ["Bob"], "what had been in its place is signed out"
    assert not OAuthSession.objects.exclude(login="").exists()


def test_or_stand_beside_it(phone: Phone, world: Telegram, ada: Connection):
    renew(phone, ada, BOB.phone, "walnut")
    phone.press("decide", choice="add")
    assert sorted(Connection.objects.values_list("account", flat=True)) == ["@ada", "Bob Babbage"]
    assert sorted(world.signed_in()) == ["Ada", "Bob"]


def test_or_not_be_wanted_and_then_it_is_signed_out(phone: Phone, world: Telegram, ada: Connection):
    renew(phone, ada, BOB.phone, "walnut")
    phone.press("decide", choice="cancel")
    assert Connection.objects.get().account == "@ada"
    assert world.signed_in() == ["Ada"]
    assert (phone.poll()["status"], phone.poll()["reason"]) == ("failed", "you kept the connection as it was")
    assert not OAuthSession.objects.exclude(login="").exists()
    assert phone.press("decide", choice="add").status_code == 409


def test_nobody_decides_and_it_is_signed_out(phone: Phone, world: Telegram, ada: Connection, clock: Any):
    renew(phone, ada, BOB.phone, "walnut")
    clock.forward(minutes=11)
    assert phone.press("decide", choice="add").status_code == 409
    tasks.tidy()
    assert world.signed_in() == ["Ada"]
    assert phone.poll()["reason"] == "nobody decided in time"
    assert not OAuthSession.objects.exclude(login="").exists()


@pytest.mark.parametrize("step", ["lost", "decision"])
def test_who_deletes_his_account_leaves_no_session_behind(
    phone: Phone, world: Telegram, ada: Connection, user: Any, step: str
):
    if step == "lost":
        phone.ask()
        phone.number()
        world.lose("SignInRequest")
        phone.code()
    else:
        renew(phone, ada, BOB.phone, "walnut")
    assert len(world.signed_in()) == 2
    callback.drop(Caller(user=user), phone.session, "its account was deleted")
    connecting.disconnect(Caller(user=user), ada)
    assert world.signed_in() == []
    assert not OAuthSession.objects.exclude(login="").exists()


def test_an_account_with_a_connection_of_its_own_is_renewed_there(phone: Phone, world: Telegram, ada: Connection):
    phone.ask()
    phone.number(BOB.phone)
    phone.code()
    phone.password("walnut")
    bob = Connection.objects.get(account_id="4002")
    page = text(renew(phone, ada, BOB.phone, "walnut"))
    assert 'value="replace"' not in page
    assert phone.press("decide", choice="replace").status_code == 409
    phone.press("decide", choice="add")
    assert Connection.objects.get(account_id="4002").pk == bob.pk
    assert sorted(world.signed_in()) == ["Ada", "Bob"]


def test_who_signs_in_in_place_of_a_pasted_session_is_asked_and_that_session_lives_on(
    phone: Phone, world: Telegram, connect: Any
):
    pasted = connect("telegram")
    assert 'name="sessionString"' in text(phone.ask(account=str(pasted.pk)).open()), "renewing begins with its way"
    page = text(renew(phone, pasted, ADA.phone))
    assert "Is this the same account?" in page
    phone.press("decide", choice="replace")
    now = Connection.objects.get()
    assert (now.pk, now.way, now.account_id) == (pasted.pk, "phone", "4001")
    assert world.count("LogOutRequest") == 0


def test_disconnecting_signs_out_and_says_so(phone: Phone, world: Telegram, ada: Connection):
    question = text(phone.browser.get(f"/app/connections/{ada.pk}/disconnect/"))
    assert "signed out" in question
    page = text(phone.browser.post(f"/app/connections/{ada.pk}/disconnect/", follow=True))
    assert "Telegram (@ada) is disconnected, and its session is signed out there" in page
    assert world.signed_in() == []
    assert AuditEvent.objects.get(action="connection.disconnect").detail == "revocation: revoked"


@pytest.mark.parametrize("ended_before", [True, False])
def test_an_agent_that_disconnects_is_told_what_became_of_the_session(
    agent: Any, phone: Phone, world: Telegram, ada: Connection, ended_before: bool
):
    if ended_before:
        world.sessions.clear()
    else:
        world.fail("connect", OSError("no route"))
    answer = agent.delete(f"/connections/{ada.pk}").json()["data"]
    assert answer["revocation"] == ("revoked" if ended_before else "failed")
    assert not Connection.objects.exists()


def test_a_session_that_could_not_be_signed_out_is_said_to_go_on(phone: Phone, world: Telegram, ada: Connection):
    world.fail("connect", OSError("no route"))
    page = text(phone.browser.post(f"/app/connections/{ada.pk}/disconnect/", follow=True))
    assert "did not confirm that its session is signed out" in page


def test_a_pasted_session_is_left_alone(user: Any, browser: Client, world: Telegram, connect: Any):
    row = connect("telegram")
    assert "not signed out" in text(browser.get(f"/app/connections/{row.pk}/disconnect/"))
    assert connecting.disconnect(Caller(user=user), row) == "unsupported"
    assert world.asked == []


def test_the_page_of_a_connection_offers_to_sign_in_again(phone: Phone, world: Telegram, ada: Connection):
    page = text(phone.browser.get(f"/app/connections/{ada.pk}/"))
    assert "Sign in again" in page
    assert "Sign in with your phone" in page
    onward = phone.browser.post("/app/providers/telegram/connect/", {"account": str(ada.pk)}, follow=True)
    assert "Connect Telegram again" in text(onward)
    assert "Phone number" in text(onward)


def test_two_people_with_one_account_have_a_session_each(
    phone: Phone, world: Telegram, ada: Connection, other_agent: Any, other_user: Any
):
    browser = Client()
    browser.force_login(other_user)
    theirs = Phone(other_agent, browser)
    theirs.number()
    theirs.code()
    assert world.signed_in() == ["Ada", "Ada"]
    connecting.disconnect(Caller(user=other_user), Connection.objects.get(user=other_user))
    assert world.signed_in() == ["Ada"]
