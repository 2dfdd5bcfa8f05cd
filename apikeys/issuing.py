"""Making, replacing and ending keys in the dashboard: each with its ledger event in the same transaction."""

import datetime as dt

from django.db import transaction

from apikeys.ledger import Caller, record
from apikeys.models import ApiKey

UNDO_WITHIN = dt.timedelta(seconds=10)
# The button is there for `UNDO_WITHIN`; a click in its last moment may take so long to arrive.
TRAVEL = dt.timedelta(seconds=5)


def _note(caller: Caller, deed: str, key: ApiKey, more: str = "") -> None:
    record(caller, deed, detail=f"{key}{more}")


@transaction.atomic
def issue(
    caller: Caller,
    *,
    name: str,
    expires_in: dt.timedelta | None = None,
    providers: list[str] | None = None,
    may_disconnect: bool = False,
) -> tuple[ApiKey, str]:
    """A key for the caller, as `ApiKey.objects.issue` answers it."""
    row, text = ApiKey.objects.issue(
        user=caller.user, name=name, expires_in=expires_in, providers=providers, may_disconnect=may_disconnect
    )
    _note(caller, "key.issue", row)
    return row, text


@transaction.atomic
def rotate(caller: Caller, key: ApiKey, *, overlap: dt.timedelta) -> tuple[ApiKey, str]:
    """A successor of `key`, which ends after `overlap`. Raises NotRotatable."""
    successor, text = key.rotate(overlap=overlap)
    record(caller, "key.rotate", detail=f"{key} by akhrot_{successor.pk}_…")
    return successor, text


@transaction.atomic
def revoke(caller: Caller, key: ApiKey) -> bool:
    """End `key` now; `restore` takes it back for a moment. False if it was ended before."""
    revoked = key.revoke(undo_within=UNDO_WITHIN + TRAVEL)
    if revoked:
        _note(caller, "key.revoke", key)
    return revoked


@transaction.atomic
def restore(caller: Caller, key: ApiKey) -> bool:
    """Take the revocation back; False when it is too late."""
    restored = key.restore()
    if restored:
        _note(caller, "key.restore", key)
    return restored


@transaction.atomic
def rename(caller: Caller, key: ApiKey, name: str) -> None:
    """Call it `name`, which nothing but people reads."""
    before, key.name = key.name, name
    key.save(update_fields=["name"])
    record(caller, "key.rename", detail=f"“{before}” is “{name}” (akhrot_{key.pk}_…)")
