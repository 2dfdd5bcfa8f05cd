"""Deleting an account: what it ends at whom, what it tells, and what it loses to nobody's slowness."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import pytest
from django.contrib.auth.models import User
from django.core import mail as outgoing
from django.db import connections as databases
from django.test import Client

from akhrot_site import departures, tasks
from akhrot_site.models import Departure, Invitation
from apikeys.ledger import Caller
from apikeys.models import ApiKey, AuditEvent
from connections import sessions
from connections.models import Connection, MailChoice, OAuthSession
from tests.akhrot_site.test_leaving import DELETE, GOODBYE, GOOGLE, text_of
from tests.conftest import PASSWORD
from tests.connections.test_mail import AWAY
from tests.provider_http import ProviderHttp


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
    assert "the grant stays, because another connection uses it" in text_of(sure.get(GOODBYE))


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


def test_who_was_killed_after_the_ledger_had_forgotten_still_knows_what_was_done(
    furnished: None, user: User, provider_http: ProviderHttp
):
    provider_http.reply("POST", GOOGLE)
    departure = departures.begin(Caller(user=user))
    assert departures.go_on(departure.pk, patience=5)
    departure.refresh_from_db()
    told = departure.outcomes
    # The last step undone, as if the process had gone before it was committed.
    again = User.objects.create_user(username="ada", email="ada@example.com", is_active=False)
    Departure.objects.filter(pk=departure.pk).update(done_at=None, user=again, claimed_until=departure.began_at)
    tasks.depart()
    departure.refresh_from_db()
    assert (departure.outcomes, departure.done_at is not None) == (told, True)
    assert len(told) == 2


def test_what_somebody_is_at_is_left_to_him(user: User):
    departure = departures.begin(Caller(user=user))
    assert Departure.objects.claim(departure.pk)
    assert not Departure.objects.claim(departure.pk)
    tasks.depart()
    assert User.objects.filter(pk=user.pk).exists()


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
