"""Django's PostgreSQL backend, whose pool notices at no cost that the server has closed a connection.

After a restart of the database each pooled connection is broken and would fail one request. Django's own health check
asks the server whenever a connection is taken: a round trip for each request. A closed one shows in its socket.
"""

from __future__ import annotations

import select
from functools import partial
from typing import Any

import psycopg
from django.db.backends.postgresql import base


def is_closed(connection: psycopg.Connection[Any]) -> bool:
    """Whether the server has said something to an idle connection: its farewell, or the end."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


class DatabaseWrapper(base.DatabaseWrapper):
    @property
    def pool(self) -> Any:
        """Django's pool with our check in place of the one that asks the server."""
        pool = super().pool
        if pool is not None and pool._check is None:
            pool._check = partial(refuse_closed, pool)
        return pool


def refuse_closed(pool: Any, connection: psycopg.Connection[Any]) -> None:
    """Raises OperationalError for a closed connection, after throwing out all others that are closed as well.

    The pool would find them one by one, with a longer pause before each.
    """
    if is_closed(connection):
        pool.check()
        raise psycopg.OperationalError("the server has closed this connection")
