"""Django's SQLite backend, with one writer at a time in each process.

SQLite lets one connection write and has the others ask again after a sleep, so that among a hundred threads some
starve: a p99 of 1.5 s, and errors. Here they stand in line for a lock of the process before they ask SQLite.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from django.db.backends.sqlite3 import base
from django.db.utils import OperationalError

WRITES = frozenset(
    ("BEGIN", "SAVEPOINT", "INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "DROP", "ALTER", "VACUUM", "REINDEX")
)


class WriteLock:
    """A lock that belongs to a connection, not to a thread, and outlives neither.

    Taking it twice for one connection is taking it once. `threading.RLock` would not do: a thread that dies keeps
    it, and a connection may be closed by another thread than the one that began its transaction.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder: DatabaseWrapper | None = None
        self._thread: threading.Thread | None = None
        # Two waiters may find the same dead holder; only one may release for it.
        self._releasing = threading.Lock()

    def acquire(self, connection: DatabaseWrapper, timeout: float) -> None:
        """Wait up to `timeout` seconds for the lock and hold it for `connection`; taken twice it is held once."""
        if self._holder is connection:
            return
        deadline = time.monotonic() + timeout
        while not self._lock.acquire(timeout=max(0.0, min(1.0, deadline - time.monotonic()))):
            self._evict_dead_holder()
            if time.monotonic() >= deadline:
                raise OperationalError("database is locked")
        self._holder, self._thread = connection, threading.current_thread()

    def release(self, connection: DatabaseWrapper) -> None:
        """Give the lock back if `connection` holds it."""
        with self._releasing:
            if self._holder is not connection:
                return
            self._holder = self._thread = None
        self._lock.release()

    def _evict_dead_holder(self) -> None:
        holder, thread = self._holder, self._thread
        if holder is not None and thread is not None and not thread.is_alive():
            holder.abandon()


class WriteLocks:
    """One lock for each database file."""

    def __init__(self) -> None:
        self._locks: dict[str, WriteLock] = {}
        # A forked child has none of the threads that held a lock.
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._locks.clear)

    def of(self, name: str) -> WriteLock:
        """The lock of one database file in this process."""
        # `setdefault` on a dict is atomic, and a lock that loses the race is dropped unused.
        return self._locks.get(name) or self._locks.setdefault(name, WriteLock())


locks = WriteLocks()


class DatabaseWrapper(base.DatabaseWrapper):
    @contextmanager
    def writing(self) -> Iterator[None]:
        """Holds the lock through a statement, and on for as long as the statement leaves a transaction open."""
        lock = locks.of(str(self.settings_dict["NAME"]))
        lock.acquire(self, float(self.settings_dict["OPTIONS"].get("timeout", 5)))
        try:
            yield
        finally:
            self.release_when_done()

    def release_when_done(self) -> None:
        """Give the lock back once no transaction is open."""
        # SQLite itself is asked, since it ends a transaction by itself on some errors (a full disk).
        if self.connection is None or not self.connection.in_transaction:
            locks.of(str(self.settings_dict["NAME"])).release(self)

    def abandon(self) -> None:
        """Rolls back what a dead thread left open, which nobody else could ever end."""
        if self.connection is not None and self.connection.in_transaction:
            self.connection.rollback()
        self.release_when_done()

    def create_cursor(self, name: str | None = None) -> Cursor:
        def cursor(connection: sqlite3.Connection) -> Cursor:
            return Cursor(connection, self)

        return self.connection.cursor(factory=cursor)  # type: ignore[no-any-return]

    def _commit(self) -> None:
        try:
            super()._commit()  # type: ignore[misc]
        finally:
            self.release_when_done()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self.release_when_done()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            locks.of(str(self.settings_dict["NAME"])).release(self)


class Cursor(base.SQLiteCursorWrapper):
    def __init__(self, connection: sqlite3.Connection, wrapper: DatabaseWrapper) -> None:
        super().__init__(connection)
        self._wrapper = wrapper
        self._returned: Iterator[Any] | None = None

    def execute(self, query: str, params: Any = None) -> Cursor:
        self._returned = None
        self._run(query, lambda: super(Cursor, self).execute(query, params))
        return self

    def executemany(self, query: str, param_list: Iterable[Any]) -> Cursor:
        self._returned = None
        self._run(query, lambda: super(Cursor, self).executemany(query, param_list))
        return self

    def _run(self, query: str, statement: Callable[[], object]) -> None:
        if self.connection.in_transaction:
            try:
                statement()
            finally:
                self._wrapper.release_when_done()
        elif query.lstrip("( \n\t")[:9].split(" ", 1)[0].strip().upper() in WRITES:
            with self._wrapper.writing():
                statement()
                # In autocommit mode `INSERT … RETURNING` commits when its last row is read. Reading them here
                # ends it while the lock is held.
                if self.description is not None:
                    self._returned = iter(super().fetchall())
        else:
            statement()

    def fetchone(self) -> Any:
        return super().fetchone() if self._returned is None else next(self._returned, None)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        size = self.arraysize if size is None else size
        if self._returned is None:
            return super().fetchmany(size)
        return list(islice(self._returned, size))

    def fetchall(self) -> list[Any]:
        return super().fetchall() if self._returned is None else list(self._returned)

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        return super().__iter__() if self._returned is None else self._returned
