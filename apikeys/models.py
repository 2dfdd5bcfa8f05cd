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
from django.db import models, transaction
from django.db.models import Q, Value
from django.db.models.functions import Coalesce, Least
from django.utils import timezone
from django.utils.translation import gettext_lazy

from apikeys.ledger import AuditEvent as AuditEvent
from apikeys.ledger import RollUp as RollUp
from apikeys.statements import FirstJoined
from apikeys.tallies import Tally as Tally

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


class NotRotatable(Exception):
    """Somebody wants a successor for a key that is over, or has one already."""


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

    def alive(self) -> "ApiKeyQuerySet":
        """Those that are neither revoked nor expired."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), revoked_at=None)

    def over(self) -> "ApiKeyQuerySet":
        """Those that are revoked or expired."""
        return self.filter(Q(revoked_at__isnull=False) | Q(expires_at__lte=timezone.now()))


class ApiKey(models.Model):
    """A key that one agent holds for one user. ``id`` is public; ``providers`` empty means all of them.

    ``successor`` is the key that was made to replace it; until ``undo_until`` its revocation can be taken back.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80, help_text=gettext_lazy("Which agent holds it"))
    digest = models.CharField(max_length=64, editable=False)
    providers = models.JSONField(
        default=list, blank=True, help_text=gettext_lazy("Provider codes it may use; empty: all")
    )
    may_disconnect = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    undo_until = models.DateTimeField(null=True, blank=True, editable=False)
    successor = models.OneToOneField(
        "self", null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="predecessor"
    )

    objects: ClassVar[ApiKeyQuerySet] = ApiKeyQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = gettext_lazy("API key")
        verbose_name_plural = gettext_lazy("API keys")

    def __str__(self) -> str:
        return f"{self.name} (akhrot_{self.id}_…)"

    def is_usable(self) -> bool:
        """Whether the key is neither revoked nor expired and its user may still sign in."""
        alive = self.expires_at is None or self.expires_at > timezone.now()
        return alive and self.revoked_at is None and self.user.is_active

    def allows(self, provider: str) -> bool:
        """Whether the key may use the provider of this code."""
        return not self.providers or provider in self.providers

    def revoke(self, *, undo_within: dt.timedelta | None = None) -> bool:
        """End the key now; `restore` brings it back for as long as `undo_within` says. False if it was ended before.

        Without `undo_within` the end is final, also of a key whose revocation could be taken back until then.
        """
        now, rows = timezone.now(), type(self).objects.filter(pk=self.pk)
        if undo_within is None:
            ended = rows.filter(Q(revoked_at=None) | Q(undo_until__gt=now)).update(
                revoked_at=Coalesce("revoked_at", Value(now)), undo_until=None
            )
        else:
            ended = rows.filter(revoked_at=None).update(revoked_at=now, undo_until=now + undo_within)
        self.refresh_from_db(fields=["revoked_at", "undo_until"])
        return bool(ended)

    def restore(self) -> bool:
        """Take the revocation back. False if there is none, or none that still can be."""
        rows = type(self).objects.filter(pk=self.pk, revoked_at__isnull=False, undo_until__gt=timezone.now())
        restored = rows.update(revoked_at=None, undo_until=None)
        self.refresh_from_db(fields=["revoked_at", "undo_until"])
        return bool(restored)

    def lifetime(self) -> dt.timedelta | None:
        """How long it was made to last; None for one that does not end."""
        return self.expires_at - self.created_at if self.expires_at else None

    def rotate(self, *, overlap: dt.timedelta) -> tuple["ApiKey", str]:
        """Make a successor of the same name, rights and lifetime, and end this key after `overlap`, if not before.

        Answers as `issue` does. Raises NotRotatable; of two who rotate a key at once one does.
        """
        rows, ends = type(self).objects, Value(timezone.now() + overlap)
        with transaction.atomic():
            successor, text = rows.issue(
                user=self.user,
                name=self.name,
                expires_in=self.lifetime(),
                providers=self.providers,
                may_disconnect=self.may_disconnect,
            )
            ends_first = Least(Coalesce("expires_at", ends), ends)
            if not rows.alive().filter(pk=self.pk, successor=None).update(successor=successor, expires_at=ends_first):
                raise NotRotatable
        self.refresh_from_db(fields=["expires_at", "successor"])
        return successor, text

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
