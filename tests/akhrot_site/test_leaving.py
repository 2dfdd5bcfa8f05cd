"""The page that deletes an account: what it says beforehand, what it asks for, and whom it keeps."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext

from akhrot_site import departures, tasks
from akhrot_site.models import Departure
from apikeys.ledger import Caller
from tests.conftest import PASSWORD
from tests.provider_http import ProviderHttp

DELETE = "/accounts/delete/"
GOODBYE = "/accounts/goodbye/"
GOOGLE = "https://oauth2.googleapis.com/revoke"


def text_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def test_the_page_says_what_goes_and_what_stays(furnished: None, browser: Client, connect: Any, configured: Any):
    configured("slack")
    connect("google")
    page = text_of(browser.get(DELETE))
    assert "3 connections. Your agents can no longer use them." in page
    assert "<strong>Google</strong> (2): Akhrot asks the provider to end the grant" in page
    assert "<strong>OpenAI</strong>: the key stays valid there" in page
    assert "1 API key, which stops working immediately. 1 request from an agent, waiting for you, is cancelled." in page
    assert "The activity log: what was done with your connections" in page
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


def test_the_page_tells_how_far_it_is(furnished: None, sure: Client, user: User, provider_http: ProviderHttp):
    provider_http.reply("POST", GOOGLE)
    departure = departures.begin(Caller(user=user))
    session = Client().session
    session["akhrot_departure"] = str(departure.pk)
    session.save()
    leaving = Client(headers={"Cookie": f"akhrot_session={session.session_key}"})
    assert "0 of 2 connections have ended" in text_of(leaving.get(GOODBYE))
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
