"""A pasted OAuth client asks for its next token: ahead of time, when the last one is over, until it is refused."""

from typing import Any

import pytest
from django.test import Client

from connections import tasks
from connections.models import Connection
from providers.models import Provider
from tests.connections.test_clients import answers as answers
from tests.connections.test_clients import fetch, paste
from tests.connections.test_clients import meetings as meetings
from tests.provider_http import ProviderHttp
from tests.providers.test_client_grant import FIELDS, TOKEN

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_token_that_is_over_is_replaced_before_the_answer(
    agent: Any, browser: Client, answers: ProviderHttp, clock: Any
):
    paste(agent, browser)
    clock.forward(hours=2)
    data = fetch(agent).json()["data"]
    assert data["accessToken"] == "a2"
    row = Connection.objects.get()
    assert (row.generation, row.held()["fields"], row.held()["scopes"]) == (2, FIELDS, ["meetings"])
    assert [b"scope=meetings" in request.content for request in answers.calls("POST", TOKEN)] == [True, True]
    clock.forward(hours=2)
    assert fetch(agent).status_code == 200, "what is sealed serves again and again"


def test_it_is_renewed_ahead_of_time(agent: Any, browser: Client, answers: ProviderHttp, clock: Any):
    paste(agent, browser)
    clock.forward(minutes=56)
    tasks.refresh_many([str(Connection.objects.get().pk)])
    assert Connection.objects.get().held()["access_token"] == "a2"


def test_a_client_that_is_refused_needs_its_user_and_no_operator(
    agent: Any, browser: Client, answers: ProviderHttp, clock: Any
):
    paste(agent, browser)
    answers.reply("POST", TOKEN, status=401, json={"error": "invalid_client"})
    clock.forward(hours=2)
    error = fetch(agent).json()["error"]
    assert (error["code"], "invalid_client" in error["message"]) == ("TOKEN_EXPIRED", True)
    assert Connection.objects.get().status == Connection.Status.NEEDS_REAUTH
    assert Provider.objects.get(code="meetings").client_refused_at is None


def test_a_provider_that_is_away_is_asked_again_later(agent: Any, browser: Client, answers: ProviderHttp, clock: Any):
    paste(agent, browser)
    answers.reply("POST", TOKEN, status=503)
    clock.forward(hours=2)
    assert fetch(agent).json()["error"]["code"] == "PROVIDER_UNAVAILABLE"
    row = Connection.objects.get()
    assert (row.status, row.held()["fields"]) == (Connection.Status.ACTIVE, FIELDS)
