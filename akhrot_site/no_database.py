"""What a command says where its database is away, or not prepared."""

from __future__ import annotations

import psycopg
from django.db import DatabaseError, OperationalError, connection


def explain(error: DatabaseError) -> str:
    """One sentence for whoever runs a command; empty where the error is none of the operator's."""
    if isinstance(error.__cause__, psycopg.errors.UndefinedTable) or "no such table" in str(error):
        return "the database is not prepared: `manage.py up` does that, and so does `manage.py migrate`"
    if isinstance(error, OperationalError):
        return f"the database cannot be used: {_reason(error)}"
    return ""


def _reason(error: OperationalError) -> str:
    """What the database said. A pool says that it has no connection, and keeps to itself why."""
    if connection.vendor == "postgresql" and isinstance(error.__cause__, psycopg.OperationalError):
        known = connection.get_connection_params()
        unpooled = {name: value for name, value in known.items() if name not in {"pool", "cursor_factory", "context"}}
        try:
            psycopg.connect(**unpooled).close()
        except psycopg.OperationalError as refused:
            return " ".join(str(refused).split())
    if connection.vendor == "sqlite":
        return f"{error} ({connection.settings_dict['NAME']})"
    return str(error)
