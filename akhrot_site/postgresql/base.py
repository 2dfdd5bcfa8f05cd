"""Django's PostgreSQL backend, whose pool notices at no cost that the server has closed a connection.

After a restart of the database each pooled connection is broken and would fail one request. Django's own health check
asks the server whenever a connection is taken: a round trip for each request. A closed one shows in its socket.
"""

from __future__ import annotations

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base


def refuse_closed(connection: psycopg.Connection[Any]) -> None:
    """Raises OperationalError if the server has said something to an idle connection: its farewell, or the end."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        raise psycopg.OperationalError("the server has closed this connection")


class DatabaseWrapper(base.DatabaseWrapper):
    @property
    def pool(self) -> Any:
        """Django's pool with our check in place of the one that asks the server."""
        pool = super().pool
        if pool is not None:
            pool._check = refuse_closed
        return pool
