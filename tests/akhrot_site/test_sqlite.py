from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.db.utils import IntegrityError, OperationalError
from pytest_django import DjangoDbBlocker

from akhrot_site.settings import SQLITE_OPTIONS
from akhrot_site.sqlite.base import DatabaseWrapper, locks

Connect = Callable[..., DatabaseWrapper]


@pytest.fixture
def connect(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Connect]:
    """Opens connections to one database file with one table, `counter`."""
    opened: list[DatabaseWrapper] = []

    def connect(**options: Any) -> DatabaseWrapper:
        wrapper = DatabaseWrapper(
            {
                "NAME": str(tmp_path / "test.sqlite3"),
                "ENGINE": "akhrot_site.sqlite",
                "OPTIONS": SQLITE_OPTIONS | options,
                "ATOMIC_REQUESTS": False,
                "AUTOCOMMIT": True,
                "CONN_MAX_AGE": None,
                "CONN_HEALTH_CHECKS": False,
                "TIME_ZONE": None,
                "TEST": {},
            },
            alias=f"connection {len(opened)}",
        )
        wrapper.inc_thread_sharing()
        opened.append(wrapper)
        return wrapper

    with django_db_blocker.unblock():
        run(connect(), "CREATE TABLE counter (id INTEGER PRIMARY KEY, n INTEGER UNIQUE)")
        run(connect(), "INSERT INTO counter (n) VALUES (0)")
        yield connect
    for wrapper in opened:
        wrapper.close()


def run(wrapper: DatabaseWrapper, sql: str, params: Any = None) -> list[Any]:
    with wrapper.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []


def is_free(wrapper: DatabaseWrapper) -> bool:
    return not locks.of(str(wrapper.settings_dict["NAME"]))._lock.locked()


def in_threads(count: int, work: Callable[[int], None]) -> list[BaseException]:
    errors: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return errors


def begin(wrapper: DatabaseWrapper) -> None:
    wrapper.ensure_connection()
    wrapper._start_transaction_under_autocommit()  # type: ignore[attr-defined]


def test_hundred_threads_lose_no_write(connect: Connect) -> None:
    def count_up(_: int) -> None:
        wrapper = connect()
        for _turn in range(10):
            begin(wrapper)
            (n,) = run(wrapper, "SELECT n FROM counter WHERE id = 1")[0]
            run(wrapper, "UPDATE counter SET n = %s WHERE id = 1", [n + 1])
            wrapper.commit()
            run(wrapper, "UPDATE counter SET n = n + 1 WHERE id = 1")
        wrapper.close()

    assert in_threads(100, count_up) == []
    assert run(connect(), "SELECT n FROM counter WHERE id = 1") == [(2000,)]
    assert is_free(connect())


def test_transaction_holds_the_lock_until_its_end(connect: Connect) -> None:
    writer = connect()
    begin(writer)
    assert not is_free(writer)
    run(writer, "SAVEPOINT inner")
    run(writer, "UPDATE counter SET n = 5")
    run(writer, "RELEASE SAVEPOINT inner")
    assert not is_free(writer)
    writer.commit()
    assert is_free(writer)


@pytest.mark.parametrize("end", ["rollback", "close"])
def test_unfinished_transaction_gives_the_lock_back(connect: Connect, end: str) -> None:
    writer = connect()
    begin(writer)
    run(writer, "UPDATE counter SET n = 5")
    getattr(writer, end)()
    assert is_free(writer)
    assert run(connect(), "SELECT n FROM counter") == [(0,)]


def test_failed_statement_keeps_the_lock_only_inside_a_transaction(connect: Connect) -> None:
    writer = connect()
    with pytest.raises(IntegrityError):
        run(writer, "INSERT INTO counter (n) VALUES (0)")
    assert is_free(writer)
    begin(writer)
    with pytest.raises(IntegrityError):
        run(writer, "INSERT INTO counter (n) VALUES (0)")
    assert not is_free(writer)
    writer.rollback()
    assert is_free(writer)


def test_readers_do_not_wait(connect: Connect) -> None:
    writer, reader = connect(), connect(timeout=0.1)
    begin(writer)
    run(writer, "UPDATE counter SET n = 5")
    assert run(reader, "SELECT n FROM counter") == [(0,)]
    writer.commit()


def test_waiting_writer_gives_up_like_sqlite_itself(connect: Connect) -> None:
    holder, waiter = connect(), connect(timeout=0.1)
    begin(holder)
    with pytest.raises(OperationalError, match="database is locked"):
        run(waiter, "UPDATE counter SET n = 1")
    holder.commit()
    run(waiter, "UPDATE counter SET n = 1")


def test_returned_row_is_read_and_committed_under_the_lock(connect: Connect) -> None:
    writer = connect()
    with writer.cursor() as cursor:
        cursor.execute("INSERT INTO counter (n) VALUES (7), (8), (9) RETURNING n")
        assert is_free(writer)
        assert cursor.fetchone() == (7,)
        assert cursor.fetchmany(1) == [(8,)]
        assert cursor.fetchall() == [(9,)]
        assert cursor.fetchone() is None
    assert len(run(connect(), "SELECT n FROM counter")) == 4


def test_thread_that_dies_in_a_transaction_is_rolled_back_for_the_next(connect: Connect) -> None:
    abandoned = connect()

    def die() -> None:
        begin(abandoned)
        run(abandoned, "UPDATE counter SET n = 5")

    thread = threading.Thread(target=die)
    thread.start()
    thread.join()
    assert not is_free(abandoned)
    run(connect(), "UPDATE counter SET n = n + 1")
    assert run(connect(), "SELECT n FROM counter") == [(1,)]


@pytest.mark.django_db(transaction=True)
def test_atomic_blocks_nest_and_recover() -> None:
    from django.contrib.auth.models import Group
    from django.db import connection

    if connection.vendor != "sqlite":
        pytest.skip("about SQLite alone")
    with transaction.atomic():
        Group.objects.create(name="outer")
        with pytest.raises(IntegrityError), transaction.atomic():
            Group.objects.create(name="outer")
        with transaction.atomic():
            Group.objects.create(name="inner")
    with pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012
        Group.objects.create(name="lost")
        raise ZeroDivisionError
    assert list(Group.objects.order_by("name").values_list("name", flat=True)) == ["inner", "outer"]
    assert not locks.of(str(connection.settings_dict["NAME"]))._lock.locked()
