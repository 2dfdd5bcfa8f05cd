"""The pool notices by itself, at no cost, that the server has closed its connections."""

import threading

import psycopg
import pytest
from django.db import connection

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="is about PostgreSQL"),
]


def use() -> int:
    """A statement on a pooled connection of this thread; the server's process that served it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def test_no_request_fails_after_the_server_has_closed_all_connections():
    gate, pids = threading.Barrier(4, timeout=10), []

    def work() -> None:
        pids.append(use())
        gate.wait()
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    connection.close()
    settings = connection.settings_dict
    where = {"host": settings["HOST"], "port": settings["PORT"], "user": settings["USER"], "dbname": settings["NAME"]}
    with psycopg.connect(**{name: value for name, value in where.items() if value}, autocommit=True) as server:
        # With a time-out in milliseconds it answers when the process is gone, and its sockets are closed.
        server.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    for _ in range(6):
        assert use() not in pids
        connection.close()
