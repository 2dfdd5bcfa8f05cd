"""API keys: what an agent holds. The key is the user; the secret is stored as a digest and shown once."""

import datetime as dt
import hashlib
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q
from django.utils import timezone

from apikeys.ledger import AuditEvent as AuditEvent
from apikeys.ledger import RollUp as RollUp
from apikeys.statements import FirstJoined

ALPHABET = string.digits + string.ascii_letters
ID_LENGTH = 8
RANDOM_LENGTH = 32
CHECKSUM_LENGTH = 6
PATTERN = re.compile(
    rf"akhrot_([0-9A-Za-z]{{{ID_LENGTH}}})_([0-9A-Za-z]{{{RANDOM_LENGTH}}})([0-9A-Za-z]{{{CHECKSUM_LENGTH}}})"
)
# Stands in for the digest of a key that does not exist, so that an unknown id costs the same comparison.
NO_DIGEST = hashlib.sha256(b"").hexdigest()


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _checksum(text: str) -> str:
    """CRC-32 of `text` as 6 base62 characters: it catches typing errors and lets scanners know a key by sight."""
    number = zlib.crc32(text.encode())
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        number, place = divmod(number, len(ALPHABET))
        digits = ALPHABET[place] + digits
    return digits


def split_key(key: str) -> tuple[str, str] | None:
    """The ``(id, secret)`` of a well-formed key with a right checksum, else None. Touches no database."""
    parts = PATTERN.fullmatch(key)
    if parts is None or not hmac.compare_digest(_checksum(f"{parts[1]}_{parts[2]}"), parts[3]):
        return None
    return parts[1], parts[2] + parts[3]


def digest(secret: str) -> str:
    """SHA-256 of a key's secret in hex. The secret is random, so a slow hash would protect nothing more."""
    return hashlib.sha256(secret.encode()).hexdigest()


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def issue(
        self,
        *,
        user: User,
        name: str,
        expires_in: dt.timedelta | None = None,
        providers: list[str] | None = None,
        may_disconnect: bool = True,
    ) -> tuple["ApiKey", str]:
        """Make a key for `user`; answers the row and the whole key, which is not to be had again."""
        key_id, random = _random(ID_LENGTH), _random(RANDOM_LENGTH)
        secret = random + _checksum(f"{key_id}_{random}")
        row = self.create(
            id=key_id,
            user=user,
            name=name,
            digest=digest(secret),
            expires_at=timezone.now() + expires_in if expires_in else None,
            providers=sorted(providers or []),
            may_disconnect=may_disconnect,
        )
        return row, f"akhrot_{key_id}_{secret}"

    def authenticate(self, key: str) -> "ApiKey | None":
        """The usable key with its user in one read, or None: malformed, unknown, revoked, expired, inactive user.

        It looks among all keys, whatever this QuerySet is filtered by.
        """
        parts = split_key(key)
        if parts is None:
            return None
        row = _by_id().read(parts[0])
        right = hmac.compare_digest(row.digest if row else NO_DIGEST, digest(parts[1]))
        return row if row and right and row.is_usable() else None

    def note_uses(self, uses: Mapping[str, dt.datetime]) -> None:
        """Note when keys were last used, by id. An older moment than the one known changes nothing."""
        for key_id, at in uses.items():
            earlier = Q(last_used_at=None) | Q(last_used_at__lt=at)
            self.filter(earlier, pk=key_id).update(last_used_at=at)

    def of(self, user: User) -> "ApiKeyQuerySet":
        """The keys of `user`, the newest first."""
        return self.filter(user=user).order_by("-created_at")


class ApiKey(models.Model):
    """A key that one agent holds for one user. ``id`` is public; ``providers`` empty means all of them."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80, help_text="Which agent holds it")
    digest = models.CharField(max_length=64, editable=False)
    providers = models.JSONField(default=list, blank=True, help_text="Provider codes it may use; empty: all")
    may_disconnect = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar[ApiKeyQuerySet] = ApiKeyQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = "API key"
        verbose_name_plural = "API keys"

    def __str__(self) -> str:
        return f"{self.name} (akhrot_{self.id}_…)"

    def is_usable(self) -> bool:
        """Whether the key is neither revoked nor expired and its user may still sign in."""
        alive = self.expires_at is None or self.expires_at > timezone.now()
        return alive and self.revoked_at is None and self.user.is_active

    def allows(self, provider: str) -> bool:
        """Whether the key may use the provider of this code."""
        return not self.providers or provider in self.providers

    def revoke(self) -> bool:
        """End the key now. False if it was revoked before."""
        changed = type(self).objects.filter(pk=self.pk, revoked_at=None).update(revoked_at=timezone.now())
        self.refresh_from_db(fields=["revoked_at"])
        return bool(changed)

    @property
    def state(self) -> str:
        """``active``, ``expired`` or ``revoked``."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= timezone.now() else "active"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """As Django's; an existing row is saved by named fields only."""
        if not self._state.adding and kwargs.get("update_fields") is None:
            kwargs["update_fields"] = ["name", "providers", "may_disconnect", "expires_at"]
        super().save(*args, **kwargs)


@cache
def _by_id() -> FirstJoined[ApiKey]:
    return FirstJoined(ApiKey, "user", where=["id"])
