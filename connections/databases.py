"""The database connection of a thread that waits on a provider, and the commit that must outlive a power cut."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, connections


def give_back() -> None:
    """Return this thread's database connection to the pool, unless a transaction needs it.

    SQLite's are no shared good: they stay open, for opening one costs more than a statement.
    """
    for held in connections.all(initialized_only=True):
        if not held.in_atomic_block and held.vendor != "sqlite":
            held.close()


@contextmanager
def durably() -> Iterator[None]:
    """Around a transaction whose loss would be a lost grant: on SQLite its commit waits for the disk.

    PostgreSQL's do so anyway. SQLite's setting is the connection's and cannot change inside a transaction.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous=FULL")
        try:
            yield
        finally:
            cursor.execute("PRAGMA synchronous=NORMAL")
