"""The promises about refreshing, each tried briefly; ``python -m tests.proofs`` tries them at full length."""

from collections.abc import Iterator

import pytest

from tests.__main__ import postgres
from tests.proofs import crash, faults, race
from tests.proofs.house import own_database

pytestmark = [pytest.mark.site, pytest.mark.oauth_server]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each of the two: ``sqlite``, or the URL of a new database on PostgreSQL."""
    if request.param == "postgresql" and not postgres():
        pytest.skip("there is no PostgreSQL here")
    with own_database(postgres(), request.param) as database:
        yield database


def test_racing_callers_cause_one_refresh_and_the_grant_survives(database: str):
    found = race.race(database, rounds=3, delay=0.2)
    assert found.answers == {"ok": 600}
    assert (found.refreshes, found.most_in_a_round) == (3, 1)
    assert (found.dead, found.reused, found.several_tokens) == (0, 0, 0)


def test_what_was_received_outlives_the_process_that_received_it(database: str):
    """Killed while its commit waits for a lock: the answer is in the spool, and the next process stores it."""
    found = crash.crash(database, [(crash.ANSWERED, crash.WEB), (crash.ANSWERED, crash.WORKER)])
    assert [one.outcome for one in found] == ["renewed", "renewed"]


@pytest.mark.postgres
def test_a_commit_whose_answer_never_came_is_neither_lost_nor_repeated():
    if not postgres():
        pytest.skip("there is no PostgreSQL here")
    with own_database(postgres(), "postgresql") as database:
        found = crash.crash(database, [(crash.COMMITTING, crash.WORKER), (crash.COMMITTED, crash.WEB)])
    assert [one.outcome for one in found] == ["renewed", "renewed"]


def test_no_misbehaviour_but_a_true_refusal_ends_a_grant():
    names = ["html_502", "truncated", "wrong_types", "invalid_client", "absurd_expires_in", "invalid_grant"]
    found = {one.fault: one for one in faults.faults("sqlite", names)}
    assert {name: one.ageing_got for name, one in found.items()} == dict.fromkeys(names, "ok")
    after = {name: one.after for name, one in found.items()}
    assert after == {**dict.fromkeys(names, "active"), "invalid_grant": "needs_reauth"}
    assert found["invalid_client"].expired_got == "PROVIDER_NOT_CONFIGURED"
    assert found["html_502"].expired_got.startswith("PROVIDER_UNAVAILABLE")
