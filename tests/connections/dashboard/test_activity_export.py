"""The activity as a file: all of what is filtered, in chunks, harmless in a spreadsheet, and never too many at once."""

import csv
import datetime as dt
import gc
import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import signals
from django.db import close_old_connections
from django.db import connection as db
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from apikeys import tallies
from apikeys.finding import Wanted
from apikeys.models import AuditEvent
from connections.dashboard import activity_export
from connections.dashboard.activity_export import AT_ONCE, CHUNK, HEADINGS, harmless, lines
from tests.connections.dashboard.test_activity_views import event

PATH = "/app/ledger/export/"
# What spreadsheets take for a formula: https://owasp.org/www-community/attacks/CSV_Injection
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def table(answer: Any) -> list[dict[str, str]]:
    """The rows of a file, by their headings."""
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_it_has_every_column_of_what_is_filtered(browser: Client, agent: Any, connect: Any) -> None:
    row = connect("google", account="ada@gmail.example")
    agent.post("/tokens/fetch", {"provider": "google", "purpose": "read, “all” of it", "service": "gmail"})
    agent.post("/tokens/fetch", {"provider": "slack"})
    answer = browser.get(PATH, {"outcome": "ok"})
    (found,) = table(answer)
    written = AuditEvent.objects.get(outcome="ok")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="akhrot-activity-{timezone.now():%Y-%m-%d}.csv"'
    assert answer["Cache-Control"] == "no-store"
    assert found == {
        "time": written.at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "what": "assistant fetched a credential for Google (ada@gmail.example)",
        "action": "token.fetch",
        "outcome": "ok",
        "key": "assistant",
        "key_id": agent.row.pk,
        "provider": "google",
        "account": "ada@gmail.example",
        "connection_id": str(row.pk),
        "address": "127.0.0.1",
        "request_id": written.request_id,
        "purpose": "read, “all” of it",
        "detail": "gmail",
    }


def test_another_users_events_are_not_in_it(browser: Client, other_user: User) -> None:
    event(other_user, 1)
    assert table(browser.get(PATH)) == []


@pytest.mark.parametrize("begins", FORMULA)
def test_no_cell_is_a_formula(browser: Client, user: User, begins: str) -> None:
    bad = f'{begins}HYPERLINK("http://walnut.example")'
    event(user, 1, purpose=bad, account=bad, detail=bad, provider="", api_key_id="")
    (found,) = table(browser.get(PATH))
    for name in ("purpose", "account", "detail"):
        assert found[name] == f"'{bad}"


@pytest.mark.parametrize("hidden", ["x;=1+1", 'x;"=1+1"', "x; @SUM(1)", "x\n=1+1", 'x";=1+1', ";=1+1;-1", "x\t=1+1"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_no_cell_is_a_formula_whatever_parts_cells_where_it_is_read(
    browser: Client, user: User, hidden: str, separator: str
) -> None:
    event(user, 1, purpose=hidden, account=hidden, detail=hidden, provider="", api_key_id="")
    answer: Any = browser.get(PATH)
    text = b"".join(answer.streaming_content).decode()
    # As a cell begins with its text, and as it begins with the quotes that were written around it.
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
        for row in csv.reader(io.StringIO(text), delimiter=separator, quoting=quoting):
            assert not [cell for cell in row if cell.lstrip(' "').startswith(FORMULA)]


@given(st.text())
def test_a_harmless_cell_is_left_alone_and_no_other(cell: str) -> None:
    assert not harmless(cell).startswith(FORMULA)
    assert harmless(cell).replace("'", "") == cell.replace("'", "")
    assert harmless(cell) == cell or any(sign in cell for sign in FORMULA)


def fill(user: User, number: int) -> None:
    start = timezone.now() - dt.timedelta(days=20)
    times = (start + n * dt.timedelta(minutes=1) for n in range(number))
    AuditEvent.objects.bulk_create(
        AuditEvent(user=user, action="token.fetch", at=at, purpose=f"p{n}", provider="google")
        for n, at in enumerate(times)
    )
    while tallies.count_next():
        pass


def test_a_long_one_comes_in_chunks_and_has_each_event_once(browser: Client, user: User) -> None:
    fill(user, 2 * CHUNK + 7)
    answer: Any = browser.get(PATH)
    chunks = list(answer.streaming_content)
    answer.close()
    found = list(csv.DictReader(io.StringIO(b"".join(chunks).decode())))
    assert [row["purpose"] for row in found] == [f"p{n}" for n in range(2 * CHUNK + 6, -1, -1)]
    assert len(chunks) == 4


def test_what_is_left_out_is_said_in_the_last_line(user: User) -> None:
    fill(user, 25)
    for most, said in ((25, False), (24, True), (10, True)):
        found = list(csv.reader(io.StringIO("".join(lines(Wanted(user_id=user.pk), user, most=most)))))
        assert found[0] == list(HEADINGS)
        assert len(found) == 1 + min(most, 25) + said
        assert found[-1][0].startswith(f"Only the newest {most} events") is said


def test_each_chunk_costs_the_same_and_is_read_when_it_is_taken(user: User) -> None:
    fill(user, 4 * CHUNK)
    sent, costs = lines(Wanted(user_id=user.pk), user), []
    next(sent)
    for _ in range(3):
        with CaptureQueriesContext(db) as queries:
            next(sent)
        costs.append(len(queries))
        assert {query["sql"].split()[0] for query in queries.captured_queries} == {"SELECT"}
    assert costs[1] == costs[2] <= 8


def test_of_all_events_it_holds_those_of_one_chunk(user: User) -> None:
    fill(user, 6 * CHUNK)
    others, held = _alive(), []
    for piece in lines(Wanted(user_id=user.pk), user, most=6 * CHUNK):
        assert piece.count("\n") <= CHUNK
        held.append(_alive() - others)
    assert len(held) >= 6
    assert 0 < max(held) <= CHUNK + 1


def _alive() -> int:
    """How many events this process holds."""
    gc.collect()
    # Not isinstance, which asks lazy objects for their class and so makes them.
    return sum(type(one) is AuditEvent for one in gc.get_objects())


@pytest.mark.django_db(transaction=True)
def test_between_two_chunks_nobody_is_kept_waiting(user: User) -> None:
    """Neither a transaction nor, on PostgreSQL, a connection of the pool is held."""
    fill(user, CHUNK + 1)
    sent = lines(Wanted(user_id=user.pk), user)
    next(sent)
    next(sent)
    if db.vendor == "sqlite":
        assert not db.connection.in_transaction
    else:
        assert db.connection is None
    sent.close()  # type: ignore[attr-defined]


@pytest.fixture
def _stays_connected() -> Iterator[None]:
    """An answer that is closed ends its request, and with it, but for this, the connection of the test."""
    signals.request_finished.disconnect(close_old_connections)
    yield
    signals.request_finished.connect(close_old_connections)


@pytest.mark.usefixtures("_stays_connected")
def test_too_many_at_once_are_told_to_come_back(user: User) -> None:
    event(user, 1)

    def asked() -> Any:
        return activity_export.answer(Wanted(user_id=user.pk), user)

    under_way = [asked() for _ in range(AT_ONCE)]
    refused = asked()
    assert (refused.status_code, refused["Retry-After"]) == (503, "60")
    assert b"Try again in a minute" in refused.content
    # One is taken to its end, one reader goes away.
    list(under_way[0].streaming_content)
    under_way[0].close()
    under_way[1].close()
    again = [asked(), asked()]
    assert [answer.status_code for answer in again] == [200, 200]
    assert asked().status_code == 503
    for answer in (*under_way[2:], *again):
        answer.close()
        answer.close()
    last = [asked() for _ in range(AT_ONCE)]
    assert {answer.status_code for answer in last} == {200}
    for answer in last:
        answer.close()
