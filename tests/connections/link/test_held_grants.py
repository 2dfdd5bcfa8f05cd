"""A grant that waits for its user's decision is given back when nobody decides."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from akhrot_site import departures
from apikeys.ledger import Caller
from apikeys.models import AuditEvent
from connections import tasks
from connections.models import Connection, OAuthSession
from connections.oauth_session import MOST_PENDING
from tests.agents import Agent
from tests.connections.begun import Begun
from tests.provider_http import ProviderHttp

REVOKE = "https://oauth2.googleapis.com/revoke"


@pytest.fixture
def undecided(begin: Any, connect: Any, provider_http: ProviderHttp) -> Begun:
    """Google gave a grant of another account than the one to renew."""
    begun: Begun = begin(account=str(connect("google").pk))
    assert begun.come_back().needs_decision
    provider_http.reply("POST", REVOKE)
    return begun


def given_back(provider_http: ProviderHttp) -> list[str]:
    return [request.content.decode() for request in provider_http.requests if str(request.url) == REVOKE]


def test_it_is_given_back_when_its_time_is_over(undecided: Begun, user: User, provider_http: ProviderHttp, clock: Any):
    clock.forward(minutes=21)
    tasks.tidy()
    session = OAuthSession.objects.get(pk=undecided.session.pk)
    assert (session.status, session.grant, session.reason) == ("failed", "", "nobody decided in time")
    assert len(given_back(provider_http)) == 1
    assert AuditEvent.objects.of(user).filter(action="session.fail", outcome="UNDECIDED").count() == 1


def test_it_is_given_back_when_it_makes_room_for_others(undecided: Begun, agent: Agent, provider_http: ProviderHttp):
    for _ in range(MOST_PENDING):
        assert agent.post("/oauth/sessions", {"provider": "google"}).status_code == 201
    tasks.tidy()
    session = OAuthSession.objects.get(pk=undecided.session.pk)
    assert (session.status, session.grant) == ("failed", "")
    assert "gave way" in session.reason
    assert len(given_back(provider_http)) == 1


def test_it_is_given_back_when_its_user_begins_again(undecided: Begun, browser: Client, provider_http: ProviderHttp):
    browser.post(f"/connect/{undecided.session.pk}/again")
    tasks.tidy()
    session = OAuthSession.objects.get(pk=undecided.session.pk)
    assert (session.status, session.grant, session.reason) == ("failed", "", "the user began again")
    assert len(given_back(provider_http)) == 1


@pytest.mark.parametrize("began_again", [False, True])
def test_it_is_given_back_when_its_user_leaves(
    undecided: Begun, user: User, browser: Client, provider_http: ProviderHttp, began_again: bool
):
    Connection.objects.all().delete()
    if began_again:
        browser.post(f"/connect/{undecided.session.pk}/again")
    departure = departures.begin(Caller(user=user))
    assert departures.go_on(departure.pk, patience=5)
    assert len(given_back(provider_http)) == 1


@pytest.mark.parametrize("began_again", [False, True])
def test_it_is_given_back_when_an_administrator_deletes_its_user(
    undecided: Begun, user: User, browser: Client, other_user: User, provider_http: ProviderHttp, began_again: bool
):
    Connection.objects.all().delete()
    if began_again:
        browser.post(f"/connect/{undecided.session.pk}/again")
    User.objects.filter(pk=other_user.pk).update(is_staff=True, is_superuser=True)
    staff = Client()
    staff.force_login(other_user)
    staff.post(f"/admin/auth/user/{user.pk}/delete/", {"post": "yes"})
    assert not User.objects.filter(pk=user.pk).exists()
    assert len(given_back(provider_http)) == 1


def test_it_is_given_back_once(undecided: Begun, provider_http: ProviderHttp, clock: Any):
    clock.forward(minutes=21)
    tasks.tidy()
    tasks.tidy()
    assert len(given_back(provider_http)) == 1
