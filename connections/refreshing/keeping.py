"""From the provider's answer into the row: nothing that was issued is lost once it was received.

It is put into the spool, committed, and taken out of the spool. While the database is away the commit is tried again,
by the flight at first and then by a thread of the process, by the next sweep and by the next start.
"""

import threading
import time

import structlog
from django.db import DataError, transaction
from django.db import Error as DatabaseError

from connections import connect
from connections.databases import durably, give_back
from connections.models import Connection, Refresh
from connections.refreshing import spool
from connections.refreshing.spool import Late
from providers.oauth import Grant
from providers.sealed import SealBroken

log = structlog.get_logger(__name__)

STORE_PATIENCE = 8.0
REPLAY_EVERY = 1.0
LONGEST_PAUSE = 1.0

_replaying = threading.Lock()


def keep(row: Connection, grant: Grant, *, took: float, patience: float = STORE_PATIENCE) -> bool:
    """Commit what was issued before anybody gets it; False if the database was away and it waits in the spool.

    `took` and `patience` in seconds. `patience` is how long this thread itself tries again.
    """
    late = Late(row.pk, row.generation, grant, took)
    spool.put(late)
    deadline, pause = time.monotonic() + patience, 0.05
    while True:
        try:
            _settle(row, late, Refresh.Outcome.RENEWED)
            return True
        except DatabaseError as error:
            log.error("refreshed_token_not_stored", connection=str(row.pk), error=type(error).__name__)
            spool.flush(late)
            give_back()
        if time.monotonic() > deadline:
            _replay_until_empty()
            return False
        time.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 2)


def _settle(row: Connection, late: Late, outcome: str) -> None:
    """Store it, or give it back where the row has moved on; either way it is settled and leaves the spool."""
    stored = _commit(row, late, outcome)
    # The spool goes first: what follows must not be done twice.
    spool.remove(late)
    if stored and not row.spec.is_pasted:
        row.provider.client_was_accepted()
    elif not stored:
        _drop(row, late.grant)


def _commit(row: Connection, late: Late, outcome: str) -> bool:
    """Whether the row has the grant now, be it from an earlier commit whose answer was lost."""
    with durably(), transaction.atomic():
        stored = row.store(late.grant)
        if stored:
            Refresh.objects.note(row, outcome, took=late.took)
    return stored or row.holds(late.grant)


def _drop(row: Connection, grant: Grant) -> None:
    """The connection was renewed or ended meanwhile. What came late is given back where that ends it alone."""
    log.info("late_grant_dropped", connection=str(row.pk))
    rule = row.spec.oauth
    if rule and rule.revoke_url and rule.revoke.ends == "token":
        give_back()
        late = {"access_token": grant.access_token, "refresh_token": grant.refresh_token}
        connect.give_back(row, {**row.held(), **late})


def replay(*, older_than: float = spool.UNDER_WAY) -> int:
    """Store what waits in this machine's spool; answers how many were settled. Raises DatabaseError if that is away."""
    settled = 0
    for late in spool.waiting(older_than=older_than):
        settled += 1
        row = Connection.objects.select_related("provider", "user").filter(pk=late.connection).first()
        if row is None:
            # Disconnected: its user wanted the grant ended, and the provider was told then.
            spool.remove(late)
            continue
        if not row.is_known():
            # It waits for its file, or the way in it, to come back.
            continue
        row.generation = late.generation
        try:
            _settle(row, late, Refresh.Outcome.LATE)
        except (SealBroken, DataError) as error:
            # It waits for its key, or for whoever knows what the database has against it; the others do not.
            reason = str(error) if isinstance(error, SealBroken) else type(error).__name__
            log.error("late_grant_not_stored", connection=str(row.pk), reason=reason)
    return settled


def _replay_until_empty() -> None:
    """Try again every second in a thread of this process, which may be on a machine without a worker."""
    if _replaying.acquire(blocking=False):
        threading.Thread(target=_replay_in_thread, name="replay", daemon=True).start()


def _replay_in_thread() -> None:
    try:
        while any(True for _ in spool.waiting(older_than=0)):
            time.sleep(REPLAY_EVERY)
            try:
                replay(older_than=0)
            except DatabaseError as error:
                log.warning("replay_waits_for_database", error=type(error).__name__)
            finally:
                give_back()
    finally:
        _replaying.release()
