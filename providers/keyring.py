"""The keys that seal secrets at rest: from AKHROT_KEYS, or from the data folder's ``keyring`` file.

A sealed value is ``version (1) | key id length (1) | key id | nonce (12) | ciphertext and tag``, AES-256-GCM with the
value's place as associated data.
"""

import base64
import fcntl
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

log = structlog.get_logger(__name__)

VERSION = 1
NONCE_BYTES = 12
KEY_BYTES = 32
KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
LOOK_EVERY = 1.0


class SealBroken(Exception):
    """A sealed value does not open: its key is not loaded, or it was changed or moved. It carries no ciphertext."""


@dataclass(frozen=True, repr=False)
class Keyring:
    """The loaded keys by id. The first encrypts, all of them decrypt."""

    keys: dict[str, AESGCM]

    @classmethod
    def parse(cls, text: str) -> "Keyring":
        """Read ``id:base64,id:base64`` (32 bytes each, standard or URL-safe alphabet).

        Raises ImproperlyConfigured, naming the key's place and never the key.
        """
        keys: dict[str, AESGCM] = {}
        for place, entry in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
            key_id, _, encoded = entry.partition(":")
            if not KEY_ID.fullmatch(key_id) or key_id in keys:
                raise ImproperlyConfigured(f"AKHROT_KEYS: key {place} has no usable id of its own before the colon")
            keys[key_id] = AESGCM(_decode(encoded, place))
        if not keys:
            raise ImproperlyConfigured("AKHROT_KEYS: holds no key (expected id:base64 of 32 bytes)")
        return cls(keys)

    @property
    def primary(self) -> str:
        """The id of the key that encrypts."""
        return next(iter(self.keys))

    def seal(self, value: str, identity: str) -> bytes:
        """Encrypt `value` for the place named `identity`."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        clear = value.encode("utf-8", "surrogatepass")
        return header(self.primary) + nonce + self.keys[self.primary].encrypt(nonce, clear, identity.encode())

    def open(self, blob: bytes, identity: str) -> str:
        """Decrypt `blob`, which must have been sealed for `identity`. Raises SealBroken."""
        key_id = key_id_of(blob)
        if key_id not in self.keys:
            raise SealBroken(f"{identity} is sealed under key {key_id!r}, which is not loaded (AKHROT_KEYS)")
        body = blob[2 + len(key_id) :]
        try:
            clear = self.keys[key_id].decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], identity.encode())
        except (InvalidTag, ValueError):
            raise SealBroken(f"{identity} does not open under key {key_id!r}: wrong key, or a moved value") from None
        return clear.decode("utf-8", "surrogatepass")


def _decode(encoded: str, place: int) -> bytes:
    try:
        key = base64.b64decode(encoded.replace("-", "+").replace("_", "/") + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ImproperlyConfigured(f"AKHROT_KEYS: key {place} is not the base64 of {KEY_BYTES} bytes")
    return key


def header(key_id: str) -> bytes:
    """What every value sealed under this key begins with."""
    return bytes([VERSION, len(key_id)]) + key_id.encode()


def key_id_of(blob: bytes) -> str:
    """The id of the key that `blob` is sealed under; empty where it is no sealed value."""
    if len(blob) < 2 or blob[0] != VERSION or len(blob) < 2 + blob[1] + NONCE_BYTES:
        return ""
    return blob[2 : 2 + blob[1]].decode("ascii", "replace")


@dataclass(frozen=True, repr=False)
class _Loaded:
    """A keyring and the file it came from: inode and time of change, None where AKHROT_KEYS gave it."""

    ring: Keyring
    stamp: tuple[int, int] | None
    look_again_at: float


_loaded: _Loaded | None = None
_loading = threading.Lock()


def keyring() -> Keyring:
    """The process's keyring. A changed file is noticed within a second, so that keys rotate while we run.

    All processes must seal under the first key before the operator may take an old one away.
    """
    held = _loaded
    if held is None or (held.stamp and time.monotonic() >= held.look_again_at):
        held = _look()
    return held.ring


def unseal(blob: bytes, identity: str) -> str:
    """Decrypt `blob`, sealed for `identity`. Raises SealBroken.

    A key id that is not known may have been added this very second: then the file is looked at again at once.
    """
    ring = keyring() if key_id_of(blob) in keyring().keys else _look().ring
    return ring.open(blob, identity)


def _look() -> _Loaded:
    """Read the keyring if it is another file than the one that was read."""
    global _loaded
    with _loading:
        held, stamp = _loaded, _stamp()
        unchanged = held is not None and (stamp is None or stamp == held.stamp)
        ring = held.ring if held and unchanged else _read(held)
        # A file that is away for a moment is looked for again.
        _loaded = _Loaded(ring, stamp or (held.stamp if held else None), time.monotonic() + LOOK_EVERY)
        return _loaded


def _read(held: _Loaded | None) -> Keyring:
    try:
        return Keyring.parse(_keyring_text())
    except ImproperlyConfigured as error:
        if held is None:
            raise
        # An operator's slip in the file must not take a running service's keys from it.
        log.error("keyring_not_reloaded", reason=str(error))
        return held.ring


def _stamp() -> tuple[int, int] | None:
    if settings.AKHROT_KEYS:
        return None
    try:
        found = keyring_path().stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def forget_keyring() -> None:
    """Read the keyring again at its next use (after the settings changed)."""
    global _loaded
    _loaded = None


def keyring_path() -> Path:
    """Where the keyring stands when AKHROT_KEYS does not give it."""
    return Path(settings.AKHROT_DATA_DIR) / "keyring"


def _keyring_text() -> str:
    if settings.AKHROT_KEYS:
        return str(settings.AKHROT_KEYS)
    try:
        return keyring_path().read_text().replace("\n", ",")
    except FileNotFoundError:
        raise ImproperlyConfigured(
            f"there is no keyring: set AKHROT_KEYS, or let `manage.py up` make {keyring_path()}"
        ) from None
    except UnicodeDecodeError:
        raise ImproperlyConfigured(f"{keyring_path()} is damaged: it is no text") from None


def new_key_line() -> str:
    """A fresh key as ``id:base64``."""
    return f"k{secrets.token_hex(4)}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"


def ensure_keyring() -> bool:
    """Make the keyring file at first start (mode 0600); True if it was made.

    Two starts at once agree on one key. With rows already sealed, a missing keyring is not replaced: `check_canary`
    refuses right after.
    """
    path = keyring_path()
    if settings.AKHROT_KEYS or path.exists():
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(path.parent):
        if path.exists():
            return False
        _write(path, new_key_line() + "\n")
    forget_keyring()
    return True


def add_key() -> str:
    """Put a new key first in the keyring file and answer its id. It seals from now on; the older ones still open.

    Running processes notice. Raises ImproperlyConfigured where the keys are not in the file.
    """
    if settings.AKHROT_KEYS:
        raise ImproperlyConfigured("AKHROT_KEYS gives the keys: put a new one first there and restart")
    path, line = keyring_path(), new_key_line()
    with _alone(path.parent):
        text = path.read_text()
        Keyring.parse(text.replace("\n", ","))
        _write(path, f"{line}\n{text}")
    forget_keyring()
    return line.partition(":")[0]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: two writers at once would lose one's key, and with it what was sealed under it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        # The name of the file must outlive a crash as surely as its content.
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, text: str) -> None:
    """Replace the file in one step, with mode 0600, after its content has reached the disk."""
    draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
