"""What a user has in each state that a page is looked at in. Credentials are sealed and belong to nobody."""

import datetime as dt
import itertools
import json
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.db import connection as database
from django.utils import timezone

from apikeys import tallies
from apikeys.models import ApiKey, AuditEvent
from connections.models import Connection, OAuthSession, Refresh
from providers.models import Provider
from tests.pages import STATES

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
LONG = "a-very-long-name-without-a-single-space-" * 3
BATCH = 500
PURPOSES = ("read today's mail", "", "list my repositories", "answer a customer", "check the calendar")


def connect(user: User, code: str, account: str, **columns: Any) -> Connection:
    """A connection of `user`: a grant or a key, as the provider has it."""
    provider = Provider.objects.get(code=code)
    grant = provider.spec.kind == "oauth2"
    ends = timezone.now() + HOUR
    row = Connection(
        user=user,
        provider=provider,
        account=account,
        account_id=account if grant else "",
        fingerprint="" if grant else f"{code}{account}"[:64],
        is_default=not Connection.objects.filter(user=user, provider=provider, is_default=True).exists(),
        scopes=provider.spec.scopes_for() if grant else [],
        expires_at=ends if grant else None,
        refreshable=grant,
        refresh_at=ends - dt.timedelta(minutes=6) if grant else None,
    )
    held = {"access_token": "a" * 40, "refresh_token": "r" * 40} if grant else {"fields": {"apiKey": "k" * 40}}
    row.secrets = json.dumps(held)
    for name, value in columns.items():
        setattr(row, name, value)
    row.save(force_insert=True)
    return row


def key(user: User, name: str, **columns: Any) -> ApiKey:
    """An API key of `user` that nobody holds."""
    row, _ = ApiKey.objects.issue(user=user, name=name)
    ApiKey.objects.filter(pk=row.pk).update(**columns)
    row.refresh_from_db()
    return row


def happen(row: Connection, by: ApiKey, number: int, *, action: str = "token.fetch") -> None:
    """`number` events about a connection in the last fortnight, every seventh a refusal, the newest last."""
    now = timezone.now()
    for back in range(number, 0, -1):
        AuditEvent.objects.create(
            at=now - back * 14 * DAY / (number + 1),
            user=row.user,
            action=action,
            outcome="PROVIDER_UNAVAILABLE" if back % 7 == 0 else "ok",
            api_key_id=by.pk,
            provider=row.provider_id,
            account=row.account,
            connection_id=row.pk,
            address="203.0.113.7",
            request_id=f"req_{back:08d}",
            purpose=PURPOSES[back % len(PURPOSES)],
        )


def in_order(user: User) -> None:
    """Write what happened to several connections anew, by its time: ids grow with it, as pages take for granted."""
    events = AuditEvent.objects.filter(user=user)
    written = list(events.order_by("at"))
    events._raw_delete(events.db)
    for event in written:
        event.pk = None
    AuditEvent.objects.bulk_create(written)


def renewals(row: Connection, number: int) -> None:
    """Its attempts to renew in the last fortnight, every ninth in vain."""
    now = timezone.now()
    for back in range(number, 0, -1):
        failed = back % 9 == 0
        began = now - back * 14 * DAY / (number + 1)
        Refresh.objects.create(
            connection=row,
            at=began,
            took_ms=180 + back * 3,
            outcome=Refresh.Outcome.UNAVAILABLE if failed else Refresh.Outcome.RENEWED,
            reason="HTTP 503" if failed else "",
        )


def empty(user: User) -> None:
    """Nothing at all."""


def one(user: User) -> None:
    """One of everything."""
    row = connect(user, "google", "ada@example.com")
    happen(row, key(user, "Claude on my laptop"), 5)


def failing(user: User) -> None:
    """What needs somebody, in each of its ways."""
    agent = key(user, "Claude on my laptop")
    soon = timezone.now() + dt.timedelta(minutes=3)
    lost = {"status": "needs_reauth", "status_reason": "invalid_grant", "refresh_at": None}
    happen(connect(user, "google", "ada@example.com", **lost), agent, 8)
    held_up = {"failures": 3, "last_error": "Slack answered HTTP 503", "retry_at": soon, "refresh_at": soon}
    renewals(connect(user, "slack", "Walnut Trading", **held_up), 30)
    connect(user, "openai", "OpenAI", verification="unverified", verify_at=soon)
    connect(user, "stripe", "Stripe", ends_at=timezone.now() + 6 * DAY, reminded_days=7)
    connect(user, "sendgrid", "SendGrid", verification="restricted")
    key(user, "An old laptop", revoked_at=timezone.now() - DAY)
    key(user, "Last year's agent", expires_at=timezone.now() - DAY)


def many(user: User) -> None:
    """Twenty providers, two accounts of some, three weeks of use."""
    agents = [key(user, name) for name in ("Claude on my laptop", "Cursor", "Nightly report", "Support desk")]
    codes = Provider.objects.order_by("code").values_list("code", flat=True)
    known = [code for code in codes if code not in ("telegram",)][:20]
    for place, code in enumerate(dict.fromkeys(["google", "github", "slack", "notion", "openai", "stripe", *known])):
        row = connect(user, code, f"ada{place}@example.com")
        happen(row, agents[place % len(agents)], 6 + place)
        if row.refreshable:
            renewals(row, 12)
    in_order(user)
    connect(user, "google", "grace@example.com")
    connect(user, "github", "grace")


def long_names(user: User) -> None:
    """Names that leave no room."""
    agent = key(user, LONG[:80])
    row = connect(user, "google", f"{LONG}@example.com")
    happen(row, agent, 4)
    connect(user, "slack", "Ein ganz besonders langer Name für einen Arbeitsbereich " * 4)


FILLED: dict[str, Callable[[User], None]] = dict(zip(STATES, (empty, one, many, failing, long_names), strict=True))


def waiting(user: User, code: str = "github") -> OAuthSession:
    """A request of an agent that waits for its user."""
    from apikeys.ledger import Caller
    from connections import sessions

    holder = ApiKey.objects.of(user).filter(revoked_at=None, expires_at=None).first()
    return sessions.start(Caller(user=user, key=holder), provider=code)


def bulk(user: User, number: int) -> None:
    """`number` connections of `user`, spread over the providers; many at once."""
    providers = [row for row in Provider.objects.all() if row.is_known()]
    rows = []
    for place, provider in zip(range(number), itertools.cycle(providers), strict=False):
        grant = provider.spec.kind == "oauth2"
        ends = timezone.now() + HOUR
        rows.append(
            Connection(
                user=user,
                provider=provider,
                account=f"account {place}",
                account_id=f"id {place}",
                is_default=place < len(providers),
                scopes=provider.spec.scopes_for() if grant else [],
                expires_at=ends if grant else None,
                refreshable=grant,
                refresh_at=ends if grant else None,
                secrets="{}",
            )
        )
    Connection.objects.bulk_create(rows, batch_size=BATCH)


# One row for each connection in turn, the oldest first: an event's id grows with its time. Both databases call the
# columns of VALUES so.
EVENTS = """
INSERT INTO apikeys_auditevent
    (at, user_id, action, outcome, api_key_id, provider, account, connection_id, address, request_id, purpose, detail)
SELECT {at}, %s, 'token.fetch', CASE WHEN n %% 50 = 0 THEN 'PROVIDER_UNAVAILABLE' ELSE 'ok' END,
    column2, column3, column4, {connection}, '203.0.113.7', 'req', 'reading mail', ''
FROM {numbers} JOIN (VALUES {rows}) AS held ON column1 = n %% %s ORDER BY n
"""
DIALECTS = {
    "sqlite": {
        "at": "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', (-%s * (%s - n) - 120) || ' seconds')",
        "connection": "column5",
        "numbers": "(WITH RECURSIVE c(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c WHERE n < %s) SELECT n FROM c)",
    },
    "postgresql": {
        "at": "now() - (%s::float * (%s - n) + 120) * interval '1 second'",
        "connection": "column5::uuid",
        "numbers": "generate_series(1, %s) AS n",
    },
}
PERIOD = 25 * DAY


def ledger(user: User, number: int, share: int = 100) -> None:
    """`number` events of `user` in 25 days, in turn about each of his first `share` connections.

    The newest is two minutes old: what is younger is not settled, nor is whatever is written after it.
    """
    rows = list(Connection.objects.filter(user=user).order_by("pk")[:share])
    keys = itertools.cycle(ApiKey.objects.of(user))
    lite = database.vendor == "sqlite"
    held: list[Any] = []
    for place, (row, api_key) in enumerate(zip(rows, keys, strict=False)):
        held += [place, api_key.pk, row.provider_id, row.account, row.pk.hex if lite else str(row.pk)]
    statement = EVENTS.format(**DIALECTS[database.vendor], rows=", ".join(["(%s, %s, %s, %s, %s)"] * len(rows)))
    step = PERIOD.total_seconds() / number
    with database.cursor() as cursor:
        cursor.execute(statement, [step, number, user.pk, number, *held, len(rows)])
    while tallies.count_next(batch=20_000):
        pass
    with database.cursor() as cursor:
        cursor.execute("ANALYZE")
