"""The user's own name for a connection, and what agents may mean by it."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from apikeys.ledger import Caller
from apikeys.models import AuditEvent
from connections.models import Connection
from connections.renaming import NameTaken, rename
from tests.agents import Agent


def fetched(agent: Agent, account: str) -> Any:
    return agent.post("/tokens/fetch", {"provider": "google", "account": account}).json()


def test_agents_may_use_the_users_own_name_whatever_its_case(agent: Agent, user: User, connect: Any):
    connect("google")
    second = connect("google")
    assert rename(Caller(user=user), second, "  Work   mail ")
    answer = fetched(agent, "work MAIL")["data"]
    assert (answer["connectionId"], answer["account"]) == (str(second.pk), second.account)
    listed = agent.get("/connections").json()["data"]["connections"]
    assert [one.get("label") for one in listed] == [None, "Work mail"]


def test_an_own_name_never_stands_in_the_way_of_an_account_that_comes_later(agent: Agent, user: User, connect: Any):
    first = connect("google")
    rename(Caller(user=user), first, "ada@work.example")
    assert fetched(agent, "ada@work.example")["data"]["connectionId"] == str(first.pk)
    later = connect("google", account="ada@work.example")
    assert fetched(agent, "ada@work.example")["data"]["connectionId"] == str(later.pk)


def test_an_own_name_counts_for_its_own_provider_and_user_alone(
    agent: Agent, user: User, other_user: User, connect: Any
):
    rename(Caller(user=user), connect("google"), "mail")
    connect("slack", account="mail")
    connect("google", user=other_user, account="mail")
    assert fetched(agent, "mail")["status"] == "success"


@pytest.mark.parametrize("name", ["2-ADA@example.com", "id of the second", "Second", "{pk}", "{hex}"])
def test_what_names_another_connection_is_refused(user: User, connect: Any, name: str):
    first, second = connect("google"), connect("google")
    Connection.objects.filter(pk=second.pk).update(label="second", account_id="id of the second")
    with pytest.raises(NameTaken):
        rename(Caller(user=user), first, name.format(pk=second.pk, hex=second.pk.hex))
    first.refresh_from_db()
    assert (first.label, AuditEvent.objects.count()) == ("", 0)


def test_the_database_holds_that_two_names_differ(user: User, connect: Any):
    connect("google", label="Mail")
    second = connect("google")
    with pytest.raises(IntegrityError), transaction.atomic():
        Connection.objects.filter(pk=second.pk).update(label="mail")
    connect("slack", label="mail")


def test_a_name_is_taken_away_again_and_each_change_stands_in_the_ledger(user: User, connect: Any):
    row = connect("google")
    assert rename(Caller(user=user), row, "Mail")
    assert not rename(Caller(user=user), row, "Mail")
    assert rename(Caller(user=user), row, row.account.upper())
    row.refresh_from_db()
    assert (row.label, row.called) == ("", row.account)
    told = AuditEvent.objects.filter(action="connection.rename").order_by("pk").values_list("detail", flat=True)
    assert list(told) == [f"“{row.account}” → “Mail”", f"“Mail” → “{row.account}”"]
