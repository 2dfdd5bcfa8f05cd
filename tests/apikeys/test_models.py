"""API keys: what they look like, what is kept of them, when they end."""

import datetime as dt
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection as db
from hypothesis import given
from hypothesis import strategies as st

from apikeys.models import ALPHABET, ApiKey, digest, split_key
from tests.agents import Agent, Key

pytestmark = pytest.mark.django_db


def test_a_key_has_a_public_id_and_a_long_secret(key: Key) -> None:
    found = re.fullmatch(r"akhrot_([0-9A-Za-z]{8})_([0-9A-Za-z]{38})", key.text)
    assert found
    assert found[1] == key.row.pk
    assert key.row.digest == digest(found[2])


def test_no_two_keys_are_alike(user: User) -> None:
    keys = {ApiKey.objects.issue(user=user, name="n")[1] for _ in range(50)}
    assert len(keys) == 50


@given(place=st.integers(0, 45), letter=st.sampled_from(ALPHABET))
def test_a_typing_error_is_found_without_the_database(place: int, letter: str) -> None:
    text = "akhrot_0iZ5AoAf_kuMrb3P1yJ7mPAkW9mCwqs3pR0dVnT2x"
    good = text + checksum(text)
    assert split_key(good)
    place += len("akhrot_")
    typed = good[:place] + letter + good[place + 1 :]
    assert (split_key(typed) is None) == (typed != good)


def checksum(text: str) -> str:
    from apikeys.models import _checksum

    return _checksum(text.removeprefix("akhrot_"))


def test_a_key_ends_when_it_should(issue: Callable[..., Agent], clock: Any) -> None:
    agent = issue(expires_in=dt.timedelta(days=30))
    assert ApiKey.objects.authenticate(agent.key) == agent.row
    clock.forward(days=29, hours=23)
    assert ApiKey.objects.authenticate(agent.key)
    clock.forward(hours=1)
    assert ApiKey.objects.authenticate(agent.key) is None
    assert agent.row.state == "expired"


def test_a_key_is_revoked_once(key: Key) -> None:
    other = ApiKey.objects.get(pk=key.row.pk)
    assert key.row.revoke() is True
    at = key.row.revoked_at
    assert other.revoke() is False
    assert (other.state, other.revoked_at) == ("revoked", at)
    assert ApiKey.objects.authenticate(key.text) is None


def test_a_key_may_be_limited_to_some_providers(issue: Callable[..., Agent]) -> None:
    limited, free = issue(providers=["slack", "google"]).row, issue().row
    assert limited.providers == ["google", "slack"]
    assert limited.allows("google")
    assert not limited.allows("github")
    assert free.allows("github")


def test_saving_a_key_brings_none_back_to_life(key: Key) -> None:
    stale = ApiKey.objects.get(pk=key.row.pk)
    key.row.revoke()
    stale.name = "renamed"
    stale.save()
    found = ApiKey.objects.get(pk=key.row.pk)
    assert (found.name, found.state) == ("renamed", "revoked")


def test_a_user_sees_their_own_keys_the_newest_first(user: User, agent: Agent, other_agent: Agent) -> None:
    newer, _ = ApiKey.objects.issue(user=user, name="newer")
    assert list(ApiKey.objects.of(user)) == [newer, agent.row]


def test_a_last_use_only_moves_forward(key: Key) -> None:
    early, late = (dt.datetime(2026, 1, day, tzinfo=dt.UTC) for day in (1, 2))
    for at in (late, early):
        ApiKey.objects.note_uses({key.row.pk: at, "gone0000": at})
    assert ApiKey.objects.get(pk=key.row.pk).last_used_at == late


@pytest.mark.django_db(transaction=True)
def test_of_two_who_revoke_at_once_one_did_it(key: Key) -> None:
    done: list[bool] = []

    def revoke() -> None:
        done.append(ApiKey.objects.get(pk=key.row.pk).revoke())
        db.close()

    threads = [threading.Thread(target=revoke) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False, False, False, True]
