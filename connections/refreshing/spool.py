"""What a provider issued, kept on disk from its receipt until the database has it.

A refresh token that rotates ends its predecessor, so an answer that is lost is a grant that is lost. Each is sealed
into a file of the data folder before it is committed and removed afterwards: a process that is killed in between, or
a database that stays away, loses nothing. Writing again what was stored already does no harm, for the row's
`generation` is compared.
"""

import base64
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import structlog
from django.conf import settings

from providers.keyring import SealBroken, keyring, unseal
from providers.oauth import Grant

log = structlog.get_logger(__name__)

# Younger ones are most likely on their way into the database this very moment.
UNDER_WAY = 2.0
DRAFTS_KEPT = 3600.0


@dataclass(frozen=True, repr=False)
class Late:
    """What `connection` was issued in exchange for the credential of `generation`, after `took` seconds."""

    connection: UUID
    generation: int
    grant: Grant
    took: float = 0.0

    @property
    def path(self) -> Path:
        """Where it lies while it waits."""
        return _place(self.connection, self.generation)

    @property
    def identity(self) -> str:
        """The place that its seal is bound to."""
        return f"spool:{self.connection}.{self.generation}"


_unwritten: dict[Path, Late] = {}
_lock = threading.Lock()


def folder() -> Path:
    """Where what waits for the database lies, mode 0700."""
    path = Path(settings.AKHROT_DATA_DIR) / "spool"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def _place(connection: UUID, generation: int) -> Path:
    """Without looking whether its folder is there, which every refresh would do several times."""
    return Path(settings.AKHROT_DATA_DIR, "spool", f"{connection}.{generation}")


def put(late: Late) -> None:
    """Keep it until `remove`. On a full disk it is kept in memory, which is all that is left."""
    text = json.dumps({"grant": late.grant.to_json(), "took": late.took})
    sealed = base64.b64encode(keyring().seal(text, late.identity))
    path = late.path
    try:
        draft = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.draft")
        with os.fdopen(_created(draft), "wb") as file:
            file.write(sealed)
        draft.replace(path)
    except OSError as error:
        log.error("spool_not_written", connection=str(late.connection), error=str(error))
        with _lock:
            _unwritten[path] = late


def _created(draft: Path) -> int:
    """The descriptor of a new file, readable by us alone; its folder is made when there is none yet."""
    flags = os.O_CREAT | os.O_TRUNC | os.O_WRONLY
    try:
        return os.open(draft, flags, 0o600)
    except FileNotFoundError:
        folder()
        return os.open(draft, flags, 0o600)


def flush(late: Late) -> None:
    """Have it outlive a power cut: the database did not take it at once, so that it may lie here for a while."""
    with suppress(OSError):
        for path in (late.path, late.path.parent):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def remove(late: Late) -> None:
    """The database has it, or nobody will ever want it."""
    path = late.path
    with _lock:
        _unwritten.pop(path, None)
    path.unlink(missing_ok=True)


def has(connection: UUID, generation: int) -> bool:
    """Whether an answer to the credential of this generation waits here."""
    path = _place(connection, generation)
    return path in _unwritten or path.exists()


def waiting(*, older_than: float = UNDER_WAY) -> Iterator[Late]:
    """What has lain here for so many seconds, the oldest first."""
    before = time.time() - older_than
    aged = sorted((when, path) for path in folder().glob("*.*") if (when := _written_at(path)) and when <= before)
    for _, path in aged:
        if path.suffix != ".draft" and (late := _read(path)):
            yield late
    with _lock:
        held = list(_unwritten.values())
    yield from held


def tidy() -> None:
    """Remove drafts of processes that were killed while they wrote: what they held was never to be replayed."""
    for path in folder().glob("*.draft"):
        if (_written_at(path) or 0) < time.time() - DRAFTS_KEPT:
            path.unlink(missing_ok=True)


def _written_at(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None


def _read(path: Path) -> Late | None:
    """The file at `path`; None if it is gone, or cannot be opened: then it stays for whoever puts the key back."""
    connection, _, generation = path.name.partition(".")
    try:
        late = Late(UUID(connection), int(generation), Grant(access_token=""))
        held = json.loads(unseal(base64.b64decode(path.read_bytes()), late.identity))
        return Late(late.connection, late.generation, Grant.from_json(held["grant"]), held["took"])
    except FileNotFoundError:
        return None
    except (SealBroken, ValueError, OSError) as error:
        log.error("spool_file_unreadable", file=path.name, error=type(error).__name__)
        return None
