"""Signing in with a phone when answers are lost, windows overtake each other, or somebody else tries to go on."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from telethon.sessions import StringSession

from apikeys.models import AuditEvent
from apikeys.rates import forget_counts
from connections import tasks
from connections.link import phone as phone_steps
from connections.models import Connection, OAuthSession
from providers import http
from tests.connections.telephone import APP, Phone, alert, faulty, text
from tests.telegram.stand_in import ADA, BOB, CODE, Telegram


@pytest.mark.parametrize("kind", ["SignInRequest", "CheckPasswordRequest"])
def test_an_answer_that_was_lost_is_found(phone: Phone, world: Telegram, kind: str):
    account = ADA if kind == "SignInRequest" else BOB
    phone.number(account.phone)
    world.lose(kind)
    page = phone.code()
    if account is BOB:
        page = phone.password("walnut")
    assert "Nothing is lost: try again" in alert(page)
    assert world.signed_in() == [account.first_name]
    assert not Connection.objects.exists()
    again = phone.code() if account is ADA else phone.password("walnut")
    assert "is connected" in text(again)
    assert world.count(kind) == 1


@pytest.mark.parametrize("ending", ["cancel", "again", "expiry", "number", "bot"])
def test_who_may_be_signed_in_is_signed_out_when_it_is_given_up(phone: Phone, world: Telegram, clock: Any, ending: str):
    phone.number()
    world.lose("SignInRequest")
    phone.code()
    assert world.signed_in() == ["Ada"]
    if ending == "expiry":
        clock.forward(minutes=11)
        tasks.tidy()
    elif ending == "number":
        phone.number(BOB.phone)
    elif ending == "bot":
        phone.browser.post(f"{phone.at}/start", {"way": "bot", "botToken": ""})
    else:
        phone.press(ending)
    assert world.signed_in() == []


def test_giving_up_does_not_depend_on_telegram(phone: Phone, world: Telegram):
    phone.number()
    world.lose("SignInRequest")
    phone.code()
    world.fail("connect", OSError())
    assert "You stopped" in text(phone.press("cancel"))
    assert not OAuthSession.objects.exclude(login="").exists()


def test_a_step_that_another_window_overtook_shows_how_it_stands(phone: Phone, world: Telegram):
    phone.number(BOB.phone)
    phone.code()
    page = phone.code()
    assert (page.status_code, "Step 3 of 3" in text(page)) == (200, True)
    assert world.count("SignInRequest") == 1
    phone.password("walnut")
    assert "is connected" in text(phone.password("walnut"))
    assert Connection.objects.count() == 1


def test_who_tries_too_often_is_stopped_here(phone: Phone, world: Telegram, clock: Any):
    phone.number()
    for _ in range(phone_steps.ASKS - 1):
        phone.code("13579")
    asked = len(world.asked)
    assert "Too many attempts. Try again in" in alert(phone.code())
    assert len(world.asked) == asked
    forget_counts()
    assert "is connected" in text(phone.code())


def test_a_full_waiting_room_is_said_and_loses_nothing(phone: Phone, world: Telegram):
    phone.number()
    places = http._waiters()
    taken = 0
    while places.acquire(blocking=False):
        taken += 1
    try:
        assert "too many calls are waiting" in alert(phone.code())
    finally:
        places.release(taken)
    assert "is connected" in text(phone.code())


def test_another_browser_of_the_same_user_cannot_go_on(phone: Phone, world: Telegram, user: Any):
    phone.number()
    other = Client()
    other.force_login(user)
    page = phone.open(other)
    assert page.status_code == 403
    assert "Started in another browser" in text(page)
    assert not AuditEvent.objects.filter(action="session.login").exists(), "looking is no attempt"
    tries = {"code": {"code": CODE}, "password": {"password": "x"}, "resend": {}, "cancel": {}}
    tries["start"] = {"way": "phone", **APP, "phone": f"+{BOB.phone}"}
    for step, fields in tries.items():
        assert other.post(f"{phone.at}/{step}", fields).status_code == 403
    told = AuditEvent.objects.filter(action="session.login", outcome="OTHER_BROWSER")
    assert told.count() == len(tries)
    assert world.count("SignInRequest") == 0
    assert "is connected" in text(phone.code()), "the first is not disturbed"


def test_another_browser_may_begin_again(phone: Phone, world: Telegram, user: Any):
    phone.number()
    other = Client()
    other.force_login(user)
    page = other.post(f"{phone.at}/again", follow=True)
    assert "Step 1 of 3" in text(page)
    assert f"+{ADA.phone}" not in text(page)
    assert phone.session.status == "failed"
    assert "Step 1 of 3" in text(phone.code()), "the first browser is led to the successor"


def test_a_draft_of_another_browser_is_not_shown(phone: Phone, world: Telegram, user: Any):
    phone.number(phone="nonsense-that-was-typed")
    other = Client()
    other.force_login(user)
    page = phone.open(other)
    assert page.status_code == 200
    assert "nonsense-that-was-typed" not in text(page)
    sent = {"way": "phone", "apiId": APP["apiId"], "apiHash": "", "phone": f"+{ADA.phone}"}
    assert faulty(other.post(f"{phone.at}/start", sent)) == "apiHash"


def test_another_user_cannot_go_on_and_the_owner_reads_of_it(phone: Phone, world: Telegram, other_user: Any):
    phone.number()
    thief = Client()
    thief.force_login(other_user)
    steps = ("start", "code", "password", "resend", "cancel")
    for step in steps:
        answer = thief.post(f"{phone.at}/{step}", {"code": CODE})
        assert answer.status_code == 403
        assert ADA.phone not in text(answer)
    told = AuditEvent.objects.filter(user=phone.agent.user, action="session.open", outcome="OTHER_USER")
    assert told.count() == len(steps)
    assert "is connected" in text(phone.code())


def test_every_step_needs_the_pages_own_form(phone: Phone, world: Telegram, user: Any):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user)
    for step in ("start", "code", "password", "resend", "cancel"):
        assert strict.post(f"{phone.at}/{step}", {"code": CODE}).status_code == 403
    assert world.asked == []


@pytest.fixture
def second(phone: Phone) -> Callable[..., None]:
    """``second("code", code="24680")`` posts from another window of the same browser; to be done in a thread."""
    window = Client()
    window.cookies = phone.browser.cookies

    def post(step: str, **fields: str) -> None:
        try:
            window.post(f"{phone.at}/{step}", fields)
        finally:
            connections.close_all()

    return post


def lives(row: Connection, world: Telegram) -> bool:
    """Whether the session of a connection is signed in at Telegram."""
    return StringSession(row.held()["fields"]["sessionString"]).auth_key.key in world.sessions


@pytest.mark.django_db(transaction=True)
def test_a_code_that_is_sent_twice_at_once_makes_one_connection_that_works(
    phone: Phone, world: Telegram, second: Callable[..., None]
):
    phone.number()
    world.meanwhile("SignInRequest", lambda: second("code", code=CODE))
    assert "is connected" in text(phone.code())
    assert lives(Connection.objects.get(), world)
    assert world.signed_in() == ["Ada"]
    assert phone.poll()["status"] == "completed"


@pytest.mark.django_db(transaction=True)
def test_the_same_while_another_account_is_asked_about(phone: Phone, world: Telegram, second: Callable[..., None]):
    phone.number()
    phone.code()
    known = Connection.objects.get()
    world.accounts[BOB.phone] = type(BOB)(BOB.phone, BOB.id, "Bob")
    phone.ask(account=str(known.pk), method="phone")
    phone.number(BOB.phone)
    world.meanwhile("SignInRequest", lambda: second("code", code=CODE))
    assert "That was another account" in text(phone.code())
    assert sorted(world.signed_in()) == ["Ada", "Bob"]
    world.meanwhile("LogOutRequest", lambda: second("decide", choice="replace"))
    assert "is connected" in text(phone.press("decide", choice="replace"))
    assert lives(Connection.objects.get(), world)
    assert world.signed_in() == ["Bob"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("step", ["cancel", "again"])
def test_a_request_that_is_ended_while_somebody_signs_in_keeps_nothing(
    phone: Phone, world: Telegram, second: Callable[..., None], step: str, first: bool
):
    phone.number()
    world.meanwhile("SignInRequest", lambda: second(step), first=first)
    phone.code()
    assert not Connection.objects.exists()
    assert world.signed_in() == []
    assert phone.session.status == "failed"


@pytest.mark.django_db(transaction=True)
def test_who_begins_with_another_number_meanwhile_is_not_connected_with_the_first(
    phone: Phone, world: Telegram, second: Callable[..., None]
):
    phone.number()
    again = {"way": "phone", **APP, "phone": f"+{BOB.phone}"}
    world.meanwhile("SignInRequest", lambda: second("start", **again))
    page = text(phone.code())
    assert "Step 2 of 3" in page
    assert f"+{BOB.phone}" in page
    assert not Connection.objects.exists()
    assert world.signed_in() == []
