"""Who is told, and when, that a connection ends: by the known end and the span that leads to it."""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone

from connections import reminders
from connections.models import Connection, Notice
from providers import grants, registry
from providers.oauth import Grant

DAY = dt.timedelta(days=1)


@pytest.fixture
def ending(connect: Any) -> Any:
    """``ending(left=5, span=90, told=None)`` connects a key which ends in so many days of so many."""

    def ending(*, left: float, span: float, told: int | None = None, **state: Any) -> Connection:
        ends = timezone.now() + left * DAY
        columns = {"ends_at": ends, "ends_since": ends - span * DAY, "reminded_days": told, **state}
        row: Connection = connect("openai", **columns)
        return row

    return ending


@pytest.mark.parametrize(
    ("left", "span", "told", "days"),
    [
        (31, 90, None, None),
        (29.9, 90, None, 30),
        (29.9, 90, 30, None),
        (6.9, 90, 30, 7),
        (6.9, 90, None, 7),
        (0.9, 90, 7, 1),
        (0.9, 90, 30, 1),
        (0.9, 90, 1, None),
        (-0.1, 90, 7, None),
        (29.9, 30, None, None),
        (6.9, 30, None, 7),
        (6.9, 7, None, None),
        (0.9, 7, None, 1),
        (0.9, 1, None, None),
    ],
)
def test_the_smallest_threshold_that_was_passed_is_told(
    ending: Any, left: float, span: float, told: int | None, days: int | None
):
    row = ending(left=left, span=span, told=told)
    assert reminders.write() == (days is not None)
    row.refresh_from_db()
    assert row.reminded_days == (told if days is None else days)
    assert [notice.cause.rpartition(".")[2] for notice in Notice.objects.all()] == ([str(days)] if days else [])


def test_it_is_told_once(ending: Any):
    row = ending(left=5, span=90)
    assert [reminders.write(), reminders.write()] == [1, 0]
    notice = Notice.objects.get()
    assert (notice.kind, notice.user, notice.connection_id) == ("ending", row.user, row.pk)


def test_what_needs_its_user_already_is_left_out(ending: Any):
    ending(left=5, span=90, status="needs_reauth")
    assert reminders.write() == 0


def test_all_batches_are_gone_through(ending: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reminders, "BATCH", 2)
    for _ in range(5):
        ending(left=5, span=90)
    assert reminders.write() == 5


def test_the_end_of_a_refresh_token_is_kept_and_told_anew_only_when_it_moves(connect: Any):
    row = connect("google")
    now = timezone.now()
    grant = Grant(access_token="a", refresh_token="r", ends_at=now + 100 * DAY)
    assert row.store(grant)
    row.refresh_from_db()
    assert (row.ends_at, row.reminded_days) == (grant.ends_at, None)
    began = row.ends_since
    Connection.objects.filter(pk=row.pk).update(reminded_days=30)
    for ends_at in (None, now + 100.5 * DAY):
        row.refresh_from_db()
        assert row.store(replace(grant, ends_at=ends_at))
    row.refresh_from_db()
    assert (row.ends_at, row.ends_since, row.reminded_days) == (grant.ends_at, began, 30)
    assert row.store(replace(grant, ends_at=now + 110 * DAY))
    row.refresh_from_db()
    assert (row.ends_at, row.reminded_days) == (now + 110 * DAY, None)


def test_connecting_again_forgets_the_old_end(begin: Any, connect: Any, user: Any):
    row = connect("google", account_id="42", ends_at=timezone.now() + DAY, ends_since=timezone.now(), reminded_days=1)
    begin(account=str(row.pk)).come_back()
    row.refresh_from_db()
    assert (row.ends_at, row.ends_since, row.reminded_days) == (None, None, None)


@pytest.mark.parametrize(
    ("answer", "days"),
    [
        ({"refresh_token_expires_in": 7 * 86_400}, 7),
        ({"refresh_token_expires_in": "604800"}, 7),
        *(
            ({"refresh_token_expires_in": absurd}, None)
            for absurd in (0, -5, True, "soon", 1e12, float("nan"), [7], "")
        ),
        ({"refresh_token_expires_in": 10**400}, None),
        ({}, None),
    ],
)
def test_the_token_answer_tells_the_end_of_the_refresh_token(answer: dict[str, Any], days: int | None):
    rule = registry.catalogue()["google"].oauth
    assert rule
    grant = grants.grant_in(rule, {"access_token": "a", "refresh_token": "r", **answer})
    if days is None:
        assert grant.ends_at is None
    else:
        assert grant.ends_at
        assert abs(grant.ends_at - timezone.now() - days * DAY) < dt.timedelta(minutes=1)
    assert Grant.from_json(grant.to_json()) == grant


def test_the_path_can_be_another_one():
    rule = registry.catalogue()["google"].oauth
    assert rule
    other = rule.model_copy(
        update={"answer": rule.answer.model_copy(update={"refresh_expires_in": "data.refresh_life"})}
    )
    assert grants.grant_in(other, {"access_token": "a", "data": {"refresh_life": 60}}).ends_at


def test_a_grant_written_before_it_had_an_end_is_read():
    text = '{"access_token": "a", "refresh_token": "r", "expires_at": null, "scopes": null, "extra": {}}'
    assert Grant.from_json(text) == Grant(access_token="a", refresh_token="r")
