"""Replacing a key, and taking its revocation back: who may what until when, and who wins a race."""

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.db import connection as db

from apikeys import issuing
from apikeys.issuing import TRAVEL, UNDO_WITHIN
from apikeys.ledger import Caller
from apikeys.models import ApiKey, AuditEvent, NotRotatable
from tests.agents import Agent, Key

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def works(text: str) -> bool:
    return ApiKey.objects.authenticate(text) is not None


def deeds() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))


def at_once(deed: Callable[[], Any], number: int = 4) -> list[Any]:
    """What `number` threads get that do the same."""
    got: list[Any] = []

    def run() -> None:
        try:
            got.append(deed())
        finally:
            db.close()

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


@pytest.fixture
def caller(user: User) -> Caller:
    return Caller(user=user)


def test_a_successor_has_the_same_name_rights_and_lifetime(issue: Callable[..., Agent], caller: Caller) -> None:
    old = issue(name="Claude", providers=["slack", "google"], may_disconnect=False, expires_in=30 * DAY).row
    new, text = issuing.rotate(caller, old, overlap=DAY)
    assert (new.name, new.providers, new.may_disconnect) == ("Claude", ["google", "slack"], False)
    lived = new.lifetime()
    assert lived
    assert abs(lived - 30 * DAY) < dt.timedelta(seconds=1)
    assert (old.successor, new.predecessor) == (new, old)
    assert works(text)
    assert deeds() == ["key.rotate"]
    assert new.pk in AuditEvent.objects.get().detail


def test_a_successor_of_a_key_without_end_has_none(key: Key, caller: Caller) -> None:
    new, _ = issuing.rotate(caller, key.row, overlap=DAY)
    assert new.expires_at is None


def test_the_old_key_works_for_as_long_as_was_chosen(key: Key, caller: Caller, clock: Any) -> None:
    _, text = issuing.rotate(caller, key.row, overlap=dt.timedelta(hours=1))
    clock.forward(minutes=59)
    assert [works(key.text), works(text)] == [True, True]
    clock.forward(minutes=1)
    assert [works(key.text), works(text)] == [False, True]


def test_without_overlap_the_old_key_ends_at_once(key: Key, caller: Caller) -> None:
    issuing.rotate(caller, key.row, overlap=dt.timedelta(0))
    assert not works(key.text)
    assert key.row.state == "expired"


def test_an_overlap_makes_no_key_last_longer(issue: Callable[..., Agent], caller: Caller) -> None:
    old = issue(expires_in=dt.timedelta(hours=2)).row
    ends = old.expires_at
    issuing.rotate(caller, old, overlap=7 * DAY)
    assert ApiKey.objects.get(pk=old.pk).expires_at == ends


def test_what_is_over_or_replaced_gets_no_successor(issue: Callable[..., Agent], caller: Caller, clock: Any) -> None:
    revoked, expired, replaced = issue().row, issue(expires_in=DAY).row, issue().row
    revoked.revoke()
    clock.forward(days=2)
    issuing.rotate(caller, replaced, overlap=DAY)
    there = ApiKey.objects.count()
    for row in (revoked, expired, replaced):
        with pytest.raises(NotRotatable):
            issuing.rotate(caller, row, overlap=DAY)
    assert ApiKey.objects.count() == there
    assert deeds() == ["key.rotate"]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_rotate_at_once_one_does(key: Key, caller: Caller) -> None:
    def rotate() -> bool:
        try:
            issuing.rotate(caller, ApiKey.objects.get(pk=key.row.pk), overlap=DAY)
        except NotRotatable:
            return False
        return True

    assert sorted(at_once(rotate)) == [False, False, False, True]
    assert ApiKey.objects.count() == 2


def test_a_revocation_is_taken_back_for_ten_seconds_and_the_way(key: Key, caller: Caller, clock: Any) -> None:
    for seconds, restored in ((9, True), (14, True), (16, False)):
        assert issuing.revoke(caller, key.row)
        assert not works(key.text)
        clock.forward(seconds=seconds)
        assert issuing.restore(caller, key.row) is restored
        assert works(key.text) is restored
    assert (UNDO_WITHIN.seconds, TRAVEL.seconds) == (10, 5)
    assert deeds() == ["key.revoke", "key.restore", "key.revoke", "key.restore", "key.revoke"]


def test_a_final_end_cannot_be_taken_back(key: Key, caller: Caller) -> None:
    key.row.revoke()
    assert not issuing.restore(caller, key.row)
    assert not works(key.text)
    assert deeds() == []


def test_an_administrator_makes_final_what_its_user_could_still_undo(key: Key, caller: Caller) -> None:
    issuing.revoke(caller, key.row)
    at = key.row.revoked_at
    assert key.row.revoke() is True
    assert key.row.revoked_at == at
    assert key.row.revoke() is False
    assert not issuing.restore(caller, key.row)


def test_nobody_restores_what_works(key: Key, caller: Caller) -> None:
    assert not issuing.restore(caller, key.row)
    assert works(key.text)
    assert deeds() == []


@pytest.mark.django_db(transaction=True)
def test_however_an_undo_meets_an_administrator_the_key_stays_revoked(key: Key, caller: Caller) -> None:
    issuing.revoke(caller, key.row)
    ways = [lambda row: issuing.restore(caller, row), lambda row: row.revoke()]
    turns = iter(ways * 4)

    def one() -> bool:
        return bool(next(turns)(ApiKey.objects.get(pk=key.row.pk)))

    assert at_once(one, 8).count(True) >= 1
    assert not works(key.text)


def test_a_new_name_is_noted_with_the_old_one(key: Key, caller: Caller) -> None:
    issuing.rename(caller, key.row, "Claude at home")
    assert ApiKey.objects.get(pk=key.row.pk).name == "Claude at home"
    assert AuditEvent.objects.get().detail == f"“assistant” is “Claude at home” (akhrot_{key.row.pk}_…)"


def test_no_record_no_deed(key: Key, user: User) -> None:
    """An event that cannot be written stops the deed: here no database knows what the address is."""
    broken = Caller(user=user, address=object())  # type: ignore[arg-type]
    for deed in (
        lambda: issuing.issue(broken, name="x"),
        lambda: issuing.rotate(broken, key.row, overlap=DAY),
        lambda: issuing.revoke(broken, key.row),
        lambda: issuing.rename(broken, ApiKey.objects.get(), "x"),
    ):
        with pytest.raises((DatabaseError, TypeError, ValueError)):
            deed()
    assert ApiKey.objects.get().name == "assistant"
    assert works(key.text)
