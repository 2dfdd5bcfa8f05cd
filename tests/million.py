"""Connections in bulk, made by PostgreSQL itself: for plans and times, not for refreshing. Their seals open nothing."""

from typing import Any

import psycopg

# Refreshes spread over the next day, as those of hourly and daily tokens are, and `due` of them a minute ago.
FILL = """
INSERT INTO connections_connection (
    id, user_id, provider_id, way, account, account_id, fingerprint, is_default, verification, scopes, inputs, secrets,
    token_id, issued_at, expires_at, refreshable, created_at, status, status_reason, refresh_at, generation,
    lease_holder, failures, last_error
)
SELECT gen_random_uuid(), %(user)s, %(provider)s, '', 'account ' || n, 'id ' || n, '', false, 'verified', '[]', '{}',
    ''::bytea, 'tok_' || n, now(), now() + interval '1 hour', true, now(), 'active', '',
    now() + CASE WHEN n <= %(due)s THEN interval '-1 minute' ELSE (1 + 24 * random()) * interval '1 hour' END,
    1, '', 0, ''
FROM generate_series(1, %(number)s) AS n
"""


def fill(connection: "psycopg.Connection[Any]", *, user: int, provider: str, number: int, due: int) -> None:
    """Make `number` connections of `user`, of which `due` are due, and let the planner know."""
    connection.execute(FILL, {"user": user, "provider": provider, "number": number, "due": due})
    connection.execute("ANALYZE connections_connection")
