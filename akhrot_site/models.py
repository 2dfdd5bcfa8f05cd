"""People on their way in and out: invitations, and accounts that are being deleted."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from akhrot_site.factors import FactorKey as FactorKey

LIFETIME = dt.timedelta(days=7)
# Stands in for the digest of an invitation that does not exist, so that an unknown one costs the same comparison.
NO_DIGEST = hashlib.sha256(b"").hexdigest()
CLAIM = dt.timedelta(minutes=5)


def digest(secret: str) -> str:
    """SHA-256 of a link's secret in hex. The secret is random, so a slow hash would protect nothing more."""
    return hashlib.sha256(secret.encode()).hexdigest()


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> InvitationQuerySet:
        """Those that were neither accepted nor revoked, lapsed ones among them."""
        return self.filter(accepted_at=None, revoked_at=None)

    def invite(self, email: str, by: User) -> tuple[Invitation, str]:
        """Invite whoever has this address, or do so again; the row, and the link's token, which is not to be had again.

        The token that an open invitation of this address had is void from now on.
        """
        email = email.lower()
        try:
            with transaction.atomic():
                row, _ = self.get_or_create(email=email, accepted_at=None, revoked_at=None, defaults={"invited_by": by})
        except IntegrityError:
            # Another operator has invited the same person at the same moment.
            row = self.open().get(email=email)
        return row, row.renew(by)

    def by_token(self, token: str) -> Invitation | None:
        """The invitation whose link may be used with this token: open and young. None for whatever else it is."""
        pk, _, secret = token.partition("-")
        row = self.open().select_related("invited_by").filter(pk=_uuid(pk) or uuid.UUID(int=0)).first()
        right = hmac.compare_digest(row.digest if row else NO_DIGEST, digest(secret))
        return row if row and right and not row.is_over() else None


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(hex=text)
    except ValueError:
        return None


class Invitation(models.Model):
    """A way in for whoever has one address. Its link works once and for seven days, and is stored as a digest."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # An account's user name holds 150 characters.
    email = models.EmailField(max_length=150)
    digest = models.CharField(max_length=64, editable=False)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    # Who came by it. With the account goes what its invitation tells of it.
    account = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="invitation"
    )
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(default=timezone.now)
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects: ClassVar[InvitationQuerySet] = InvitationQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["email"],
                condition=Q(accepted_at__isnull=True, revoked_at__isnull=True),
                name="one_open_invitation_per_address",
            )
        ]
        indexes: ClassVar[list[Any]] = [models.Index(fields=["-created_at"], name="newest_invitations")]

    def __str__(self) -> str:
        return self.email

    @property
    def state(self) -> str:
        """``waiting``, ``accepted``, ``expired`` or ``revoked``."""
        if self.accepted_at:
            return "accepted"
        if self.revoked_at:
            return "revoked"
        return "expired" if self.is_over() else "waiting"

    def is_over(self) -> bool:
        """Whether its time is up."""
        return self.expires_at <= timezone.now()

    def renew(self, by: User) -> str:
        """Give it another link and another seven days; the link's token. Raises DoesNotExist if it was closed."""
        secret = secrets.token_urlsafe(32)
        columns = {"digest": digest(secret), "invited_by": by, "expires_at": timezone.now() + LIFETIME}
        if not type(self).objects.open().filter(pk=self.pk).update(**columns):
            raise Invitation.DoesNotExist
        self.refresh_from_db()
        return f"{self.pk.hex}-{secret}"

    def revoke(self) -> bool:
        """Void its link. False if it was accepted or revoked before."""
        return bool(type(self).objects.open().filter(pk=self.pk).update(revoked_at=timezone.now()))

    def accept(self, account: User) -> bool:
        """Use it up for `account`. Only the first of two who hold its link gets True."""
        mine = type(self).objects.open().filter(pk=self.pk, digest=self.digest, expires_at__gt=timezone.now())
        return bool(mine.update(accepted_at=timezone.now(), account=account))


class DepartureQuerySet(models.QuerySet["Departure"]):
    def claim(self, pk: uuid.UUID) -> bool:
        """Take an unfinished one for five minutes; False if somebody else is at it, or it is done."""
        free = self.filter(pk=pk, done_at=None, claimed_until__lte=Now())
        return bool(free.update(claimed_until=Now() + CLAIM))

    def unfinished(self) -> DepartureQuerySet:
        """Those that nobody is at."""
        return self.filter(done_at=None, claimed_until__lte=Now()).order_by("began_at")


class Departure(models.Model):
    """An account that is being deleted. Its user is there, but turned off, until everything that he connected is ended.

    `outcomes` says then what became of it: a list of ``[provider's name, revocation, how many]``.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="departure"
    )
    began_at = models.DateTimeField(default=timezone.now)
    claimed_until = models.DateTimeField(db_default=Now())
    connections = models.PositiveIntegerField(default=0)
    outcomes = models.JSONField(default=list)
    done_at = models.DateTimeField(null=True)

    objects: ClassVar[DepartureQuerySet] = DepartureQuerySet.as_manager()  # type: ignore[assignment]

    def __str__(self) -> str:
        return str(self.pk)
