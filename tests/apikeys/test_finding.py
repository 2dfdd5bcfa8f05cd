"""What is found through the tallies is what reading the whole ledger would find, page by page, in few reads."""

import datetime as dt
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection as db
from django.db import transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apikeys import tallies
from apikeys.finding import REFUSED, Wanted
from apikeys.models import AuditEvent
from apikeys.tallies import DAY, HOUR
from tests.apikeys.test_tallies import just_before
from tests.conftest import make_user

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2026, 5, 6, 12, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
CONNECTIONS = [uuid.UUID(int=number) for number in (7, 8)]
EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            # Minutes. Ids grow with time, but for clocks that differ.
            "later": st.sampled_from([0, 1, 20, 50, 70]),
            "off": st.integers(-29, 29),
            "mine": st.sampled_from([True, True, True, False]),
            "api_key_id": st.sampled_from(["key00001", "key00002", ""]),
            "provider": st.sampled_from(["google", "slack"]),
            "connection_id": st.sampled_from([None, *CONNECTIONS]),
            "outcome": st.sampled_from(["ok", "ok", "TOKEN_EXPIRED", "FORBIDDEN"]),
            "action": st.sampled_from(["token.fetch", "token.fetch", "key.issue", "session.start"]),
        }
    ),
    max_size=60,
)
TIMES = st.none() | st.integers(-30, 900).map(lambda minutes: NOON + minutes * MINUTE)
WANTED = st.fixed_dictionaries(
    {},
    optional={
        "key_id": st.sampled_from(["key00001", "key00002", "nowhere0"]),
        "provider": st.sampled_from(["google", "slack", "nowhere"]),
        "connection_id": st.sampled_from(CONNECTIONS),
        "outcome": st.sampled_from(["ok", REFUSED, "TOKEN_EXPIRED", "NOWHERE"]),
        "actions": st.sampled_from([("token.fetch",), ("key.issue", "session.start")]),
        "since": TIMES,
        "until": TIMES,
    },
)


def fits(event: AuditEvent, wanted: Wanted) -> bool:
    """The same in plain words."""
    return (
        event.user_id == wanted.user_id
        and wanted.key_id in ("", event.api_key_id)
        and wanted.provider in ("", event.provider)
        and wanted.connection_id in (None, event.connection_id)
        and (wanted.outcome in ("", event.outcome) or (wanted.outcome == REFUSED and event.outcome != "ok"))
        and (not wanted.actions or event.action in wanted.actions)
        and (wanted.since is None or event.at >= wanted.since)
        and (wanted.until is None or event.at < wanted.until)
    )


def make(events: list[dict[str, Any]], user: User, other: User) -> None:
    clock = NOON
    for facts in events:
        columns = dict(facts)
        clock += columns.pop("later") * MINUTE
        at, whose = clock + columns.pop("off") * MINUTE, user if columns.pop("mine") else other
        AuditEvent.objects.create(user=whose, at=at, **columns)


def pages(wanted: Wanted, size: int) -> list[int]:
    """The ids of all pages, one after the other; each but the last one is full."""
    found: list[int] = []
    while page := wanted.newest(size, before=found[-1] if found else None):
        found += [event.pk for event in page]
        if len(page) < size:
            break
    return found


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS, wanted=WANTED, counted=st.integers(0, 60), batch=st.integers(1, 9), size=st.integers(1, 7))
def test_every_page_is_what_reading_everything_would_give(
    db: None, events: list[dict[str, Any]], wanted: dict[str, Any], counted: int, batch: int, size: int
) -> None:
    with transaction.atomic():
        user = make_user("ada@example.com")
        make(events, user, make_user("eve@example.com"))
        while counted > 0 and tallies.count_next(batch=min(batch, counted)):
            counted -= batch
        sought = Wanted(user_id=user.pk, **wanted)
        expected = [event.pk for event in AuditEvent.objects.order_by("-pk") if fits(event, sought)]
        assert pages(sought, size) == expected
        transaction.set_rollback(True)


def test_a_page_that_begins_in_the_middle_of_an_hour_is_full(user: User) -> None:
    """Of the five of that hour one is left, and the others are hours away."""
    times = [NOON - 6 * HOUR, NOON - 4 * HOUR, NOON - 3 * HOUR, *[NOON] * 5]
    events = [AuditEvent.objects.create(user=user, action="token.fetch", at=at) for at in times]
    while tallies.count_next():
        pass
    assert Wanted(user_id=user.pk).newest(4, before=events[4].pk) == events[3::-1]


def test_what_is_counted_while_one_reads_makes_no_page_short(user: User) -> None:
    times = [*[NOON - 6 * HOUR] * 3, *[NOON] * 3]
    events = [AuditEvent.objects.create(user=user, action="token.fetch", at=at) for at in times]
    tallies.count_next(batch=3)
    with just_before('SELECT "apikeys_tally"', tallies.count_next):
        found = Wanted(user_id=user.pk).newest(5)
    assert found == events[:0:-1]


def fill(user: User, number: int, **columns: Any) -> None:
    """Settled events, ten an hour, each later than what is there."""
    last = AuditEvent.objects.order_by("-pk").values_list("at", flat=True).first() or timezone.now() - 300 * DAY
    times = (last + n * HOUR / 10 for n in range(1, number + 1))
    AuditEvent.objects.bulk_create(AuditEvent(user=user, action="token.fetch", at=at, **columns) for at in times)
    while tallies.count_next():
        pass


def test_it_takes_as_many_reads_among_many_as_among_few(user: User) -> None:
    fill(user, 30, provider="google")
    costs = []
    for _ in range(2):
        with CaptureQueriesContext(db) as queries:
            Wanted(user_id=user.pk, provider="google", outcome=REFUSED).newest(51)
            Wanted(user_id=user.pk, provider="google").newest(51, before=25)
        costs.append(len(queries))
        fill(user, 900, provider="google")
    assert costs[0] == costs[1] < 12


def test_what_is_not_there_is_not_looked_for_in_the_ledger(user: User) -> None:
    fill(user, 100, provider="google", api_key_id="key00001")
    fill(user, 100, provider="slack", api_key_id="key00002")
    with CaptureQueriesContext(db) as queries:
        assert Wanted(user_id=user.pk, provider="slack", key_id="key00001").newest(51) == []
    looked = [query["sql"] for query in queries.captured_queries if "apikeys_auditevent" in query["sql"]]
    assert len(looked) == 1, "only those that are not counted yet"
    assert f'"id" > {tallies.position()}' in looked[0]


@pytest.mark.skipif(db.vendor != "sqlite", reason="is about SQLite, which has to be led")
def test_an_index_finds_each_of_the_places_where_the_rare_are(user: User) -> None:
    for _ in range(20):
        fill(user, 60, provider="google")
        fill(user, 3, provider="rare")
        fill(user, 30, provider="google")
        fill(user, 1, provider="rare")
    with CaptureQueriesContext(db) as queries:
        assert len(Wanted(user_id=user.pk, provider="rare").newest(101)) == 80
    with db.cursor() as cursor:
        read = [query["sql"] for query in queries.captured_queries if '"apikeys_auditevent"' in query["sql"]]
        cursor.execute(f"EXPLAIN QUERY PLAN {read[-1]}")
        steps = [row[3] for row in cursor.fetchall()]
    assert steps[0] == "MULTI-INDEX OR"
    assert not [step for step in steps if step.startswith("SCAN") or step.endswith("(user_id=?)")]


@pytest.mark.skipif(db.vendor != "postgresql", reason="is about PostgreSQL, which plans a frequent statement only once")
def test_places_are_planned_for_their_own_values_however_often_they_are_asked(user: User) -> None:
    for _ in range(3):
        fill(user, 60, provider="google")
        fill(user, 3, provider="rare")
    # The sixth time a statement is prepared; after five more PostgreSQL may plan it once for whatever values may come.
    for _ in range(15):
        assert len(Wanted(user_id=user.pk, provider="rare").newest(9)) == 9
    with db.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%purpose%BETWEEN%'")
        prepared = [statement for (statement,) in cursor.fetchall()]
    assert prepared
    assert not [statement for statement in prepared if "BETWEEN $" in statement], "it would be planned without them"
