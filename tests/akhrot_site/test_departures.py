"""Deleting an account: what it says beforehand, what it ends, and what it loses to nobody's slowness."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import pytest
from django.contrib.auth.models import User
from django.core import mail as outgoing
from django.db import connection as database
from django.db import connections as databases
from django.test import Client
from django.test.utils import CaptureQueriesContext

from akhrot_site import departures, tasks
from akhrot_site.models import Departure, Invitation
from apikeys.ledger import Caller
from apikeys.models import ApiKey, AuditEvent
from connections import sessions
from connections.models import Connection, MailChoice, OAuthSession
from tests.conftest import PASSWORD
from tests.connections.test_mail import AWAY
from tests.provider_http import ProviderHttp

DELETE = "/accounts/delete/"
GOODBYE = "/accounts/goodbye/"
GOOGLE = "https://oauth2.googleapis.com/revoke"


def text_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


@pytest.fixture
def sure(browser: Client) -> Client:
    """A browser whose user has just shown the password again."""
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return browser


@pytest.fixture
def furnished(connect: Any, configured: Any, user: User, agent: Any) -> None:
    """Ada with a grant that can be ended, a pasted key, an API key and a request that waits."""
    configured("google")
    connect("google")
    connect("openai")
    sessions.start(Caller(user=user), provider="google")


def test_the_page_says_what_goes_and_what_stays(furnished: None, browser: Client, connect: Any, configured: Any):
    configured("slack")
    connect("google")
    page = text_of(browser.get(DELETE))
    assert "3 connections. Your agents get no credential of them any more." in page
    assert "<strong>Google</strong> (2): the provider is asked to end the grant" in page
    assert "<strong>OpenAI</strong>: the key stays valid there" in page
    assert "1 API key, which is refused at once. 1 request of an agent that waits for you is ended." in page
    assert "The ledger: what was done with your connections" in page
    assert "Type ada@example.com to confirm" in page


def test_it_waits_until_the_password_was_given_again_and_goes_on_then(browser: Client, user: User):
    answer = browser.post(DELETE, {"email": user.email})
    assert answer["Location"] == f"/accounts/reauthenticate/?next={DELETE.replace('/', '%2F')}"
    user.refresh_from_db()
    assert user.is_active
    wrong = browser.post("/accounts/reauthenticate/", {"password": "not it", "next": DELETE})
    assert "This is not your password." in wrong.content.decode()
    answer = browser.post("/accounts/reauthenticate/", {"password": PASSWORD, "next": DELETE})
    assert answer["Location"] == GOODBYE
    assert not User.objects.exists()


@pytest.mark.parametrize("typed", ["", "eve@example.com", "ada"])
def test_it_needs_the_address(sure: Client, typed: str):
    answer = sure.post(DELETE, {"email": typed})
    assert answer.status_code == 422
    assert User.objects.get().is_active
    assert not Departure.objects.exists()


def test_everything_goes_and_the_provider_is_asked(
    furnished: None, sure: Client, user: User, agent: Any, provider_http: ProviderHttp
):
    MailChoice.objects.create(user=user)
    agent.post("/tokens/fetch", {"provider": "google"})
    elsewhere = Client()
    elsewhere.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    provider_http.reply("POST", GOOGLE)
    answer = sure.post(DELETE, {"email": "Ada@Example.com "})
    assert answer["Location"] == GOODBYE
    assert len(provider_http.requests) == 1
    assert [model.objects.exists() for model in (User, Connection, ApiKey, OAuthSession)] == [False] * 4
    assert agent.get("/connections").status_code == 401
    assert elsewhere.get("/app/").status_code == 302
    assert sure.get("/app/").status_code == 302
    page = text_of(sure.get(GOODBYE))
    assert "Your account is deleted" in page
    assert "Google: the grant is ended there as well." in page
    assert "OpenAI cannot be asked to end it." in page


def test_the_ledger_stays_without_the_name(furnished: None, sure: Client, user: User, provider_http: ProviderHttp):
    provider_http.reply("POST", GOOGLE)
    sure.post(DELETE, {"email": user.email})
    events = AuditEvent.objects.order_by("pk")
    assert [event.action for event in events] == [
        *("session.create", "account.delete", "connection.disconnect", "connection.disconnect", "session.fail"),
    ]
    assert {event.user for event in events} == {None}


def test_the_address_is_told_what_became_of_each(
    furnished: None, sure: Client, user: User, provider_http: ProviderHttp
):
    provider_http.reply("POST", GOOGLE, status=500)
    sure.post(DELETE, {"email": user.email})
    (letter,) = outgoing.outbox
    assert (letter.to, letter.subject) == ([user.email], "Akhrot: Your account is deleted")
    assert "Google did not confirm the end. End it in your account there." in letter.body
    assert "access-" not in letter.body
    assert "Google did not confirm the end" in text_of(sure.get(GOODBYE))


def test_a_mail_server_that_is_away_keeps_nobody(sure: Client, user: User, settings: Any):
    settings.EMAIL_BACKEND = AWAY
    assert sure.post(DELETE, {"email": user.email})["Location"] == GOODBYE
    assert not User.objects.exists()


def test_others_keep_what_is_theirs(
    furnished: None, sure: Client, user: User, other_user: User, connect: Any, provider_http: ProviderHttp
):
    theirs = connect("google", user=other_user, account_id="the same")
    Connection.objects.filter(user=user, provider="google").update(account_id="the same")
    sure.post(DELETE, {"email": user.email})
    assert provider_http.requests == [], "the grant of another connection is not ended"
    assert Connection.objects.get() == theirs
    assert "the grant lives on, for another connection uses it" in text_of(sure.get(GOODBYE))


def test_what_waits_for_a_decision_is_given_back(
    browser: Client, user: User, configured: Any, provider_http: ProviderHttp
):
    configured("google")
    session = sessions.start(Caller(user=user), provider="google")
    session.start()
    session.refresh_from_db()
    grant: dict[str, Any] = {
        "access_token": "held",
        "refresh_token": "held-too",
        "extra": {},
        "scopes": [],
        "expires_at": None,
    }
    session.hold(json.dumps({"grant": json.dumps(grant), "id": "7", "label": "x", "items": []}))
    provider_http.reply("POST", GOOGLE)
    departure = departures.begin(Caller(user=user))
    assert departures.go_on(departure.pk, patience=5)
    assert b"held-too" in provider_http.requests[0].content


def test_what_is_not_done_in_time_the_worker_goes_on_with(
    furnished: None, browser: Client, user: User, agent: Any, provider_http: ProviderHttp
):
    provider_http.reply("POST", GOOGLE)
    departure = departures.begin(Caller(user=user))
    assert not departures.go_on(departure.pk, patience=0)
    user.refresh_from_db()
    assert (user.is_active, Connection.objects.count()) == (False, 2)
    assert agent.get("/connections").status_code == 401
    assert (
        Client()
        .post("/accounts/login/", {"login": user.email, "password": PASSWORD})["Location"]
        .endswith("/inactive/")
    )
    tasks.depart()
    departure.refresh_from_db()
    assert not User.objects.exists()
    assert departure.done_at is not None
    assert [(one.name, one.how, one.count) for one in departures.ended(departure)] == [
        ("Google", "revoked", 1),
        ("OpenAI", "unsupported", 1),
    ]


def killed(request: Any) -> NoReturn:
    """What no code of ours expects: it ends the work there, as a signal would."""
    raise KeyboardInterrupt


def test_who_was_killed_in_between_loses_nothing_of_what_was_done(
    furnished: None, user: User, provider_http: ProviderHttp
):
    departure = departures.begin(Caller(user=user))
    provider_http.reply("POST", GOOGLE, answer=killed, times=1)
    provider_http.reply("POST", GOOGLE)
    with pytest.raises(KeyboardInterrupt):
        departures.go_on(departure.pk, patience=5)
    assert Connection.objects.count() == 2
    tasks.depart()
    departure.refresh_from_db()
    assert len(departures.ended(departure)) == 2


def test_what_somebody_is_at_is_left_to_him(user: User):
    departure = departures.begin(Caller(user=user))
    assert Departure.objects.claim(departure.pk)
    assert not Departure.objects.claim(departure.pk)
    tasks.depart()
    assert User.objects.filter(pk=user.pk).exists()


def test_the_page_tells_how_far_it_is(furnished: None, sure: Client, user: User, provider_http: ProviderHttp):
    provider_http.reply("POST", GOOGLE)
    departure = departures.begin(Caller(user=user))
    session = Client().session
    session["akhrot_departure"] = str(departure.pk)
    session.save()
    leaving = Client(headers={"Cookie": f"akhrot_session={session.session_key}"})
    assert "0 of 2 connections are ended" in text_of(leaving.get(GOODBYE))
    tasks.depart()
    assert "Your account is deleted" in text_of(leaving.get(GOODBYE))
    assert Client().get(GOODBYE)["Location"] == "/accounts/login/"


def test_the_last_operator_stays(sure: Client, user: User):
    User.objects.update(is_superuser=True, is_staff=True)
    page = text_of(sure.get(DELETE))
    assert "You are the only operator" in page
    assert "Delete my account" not in page
    sure.post(DELETE, {"email": user.email})
    assert User.objects.get().is_active
    with pytest.raises(departures.LastOperator):
        departures.begin(Caller(user=User.objects.get()))


def test_an_operator_who_is_turned_off_is_none(sure: Client, user: User, other_user: User):
    User.objects.update(is_superuser=True)
    User.objects.filter(pk=other_user.pk).update(is_active=False)
    sure.post(DELETE, {"email": user.email})
    assert User.objects.filter(pk=user.pk, is_active=True).exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_operators_who_go_at_once_one_stays(user: User, other_user: User):
    def go(pk: int) -> bool:
        try:
            departures.begin(Caller(user=User.objects.get(pk=pk)))
        except departures.LastOperator:
            return False
        finally:
            databases.close_all()
        return True

    User.objects.update(is_superuser=True)
    with ThreadPoolExecutor(2) as both:
        assert sorted(both.map(go, [user.pk, other_user.pk])) == [False, True]
    assert User.objects.filter(is_active=True).count() == 1


def test_a_forged_form_deletes_nothing(user: User):
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    assert client.post(DELETE, {"email": user.email}).status_code == 403
    assert User.objects.filter(pk=user.pk, is_active=True).exists()


def test_the_plan_takes_as_many_queries_for_many_as_for_few(connect: Any, configured: Any, user: User):
    def count() -> int:
        with CaptureQueriesContext(database) as queries:
            departures.plan(user)
        return len(queries)

    configured("google")
    connect("google")
    few = count()
    for _ in range(8):
        connect("google")
        connect("openai")
    assert count() == few


def test_with_the_account_goes_its_invitation_and_after_a_day_the_rest(user: User, clock: Any):
    row, _ = Invitation.objects.invite("ada@example.com", user)
    row.accept(user)
    departure = departures.begin(Caller(user=user))
    departures.go_on(departure.pk, patience=5)
    assert not Invitation.objects.exists()
    tasks.tidy()
    assert Departure.objects.exists()
    clock.forward(hours=25)
    tasks.tidy()
    assert not Departure.objects.exists()
