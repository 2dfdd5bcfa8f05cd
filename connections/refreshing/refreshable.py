"""The part of a connection that refresh flights race over: the lease, the fence, the back-off."""

import datetime as dt
import random
import secrets
from dataclasses import dataclass
from functools import cache
from typing import Self, TypeVar
from uuid import UUID

from django.db import connection, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy

from apikeys.statements import Mark, Update

LEASE = dt.timedelta(seconds=45)
CLAIM = dt.timedelta(minutes=2)
BELL_PAUSE = dt.timedelta(seconds=30)
REJECTION_PAUSE = dt.timedelta(minutes=1)
FIRST_BACK_OFF = dt.timedelta(seconds=5)
LONGEST_BACK_OFF = dt.timedelta(minutes=5)


M = TypeVar("M", bound="Refreshable")


class RefreshableQuerySet(models.QuerySet[M]):
    """The rows whose refresh is due, and the claims of sweeps on them."""

    def due(self) -> Self:
        """The active grants whose next refresh is due and which no sweep has claimed.

        A lease that lapsed belonged to a process that died: the claim it may have had died with it.
        """
        free = Q(claimed_until=None) | Q(claimed_until__lt=Now()) | Q(lease_until__lt=Now())
        return self.filter(free, status=Refreshable.Status.ACTIVE, refresh_at__lte=Now())

    def overdue(self, by: dt.timedelta) -> Self:
        """The active grants whose refresh has been due for `by` or longer, claimed or not."""
        return self.filter(status=Refreshable.Status.ACTIVE, refresh_at__lte=timezone.now() - by)

    def claim(self, limit: int) -> list[UUID]:
        """Take up to `limit` due rows, the most overdue first, so that no other sweep finds them for two minutes."""
        with transaction.atomic(using=self.db):
            rows = self.due().order_by("refresh_at")
            if connection.features.has_select_for_update_skip_locked:
                rows = rows.select_for_update(skip_locked=True)
            ids = list(rows.values_list("pk", flat=True)[:limit])
            if ids:
                self.filter(pk__in=ids).update(claimed_until=Now() + CLAIM)
        return ids

    def unclaim(self, ids: list[UUID]) -> None:
        """Let the next sweep find them: they could not be handed out."""
        self.filter(pk__in=ids).update(claimed_until=None)

    def claimed(self) -> int:
        """How many due rows somebody has claimed and not come back with."""
        active = self.filter(status=Refreshable.Status.ACTIVE, refresh_at__lte=Now())
        return active.filter(claimed_until__gte=Now()).count()


@dataclass(frozen=True)
class Lease:
    """The right to ask the provider. `interrupted`: who had it before never gave it back, so his process died."""

    holder: str
    interrupted: bool


class Refreshable(models.Model):
    """What several processes may write at once. Every write here is one compare-and-set UPDATE.

    `generation` counts the credentials the row has held: whoever writes one says which he replaces. `lease_*` names
    the one flight that may be asking the provider, by the database's clock, so that machines need not agree on the
    time. `claimed_until` keeps other sweeps away from work that is queued.
    """

    class Status(models.TextChoices):
        ACTIVE = "active", gettext_lazy("Active")
        NEEDS_REAUTH = "needs_reauth", gettext_lazy("needs you")

    status = models.CharField(max_length=16, choices=Status.choices, default=Status.ACTIVE)
    status_reason = models.CharField(max_length=300, blank=True)
    refresh_at = models.DateTimeField(null=True)
    claimed_until = models.DateTimeField(null=True)
    generation = models.PositiveIntegerField(default=0)
    lease_holder = models.CharField(max_length=40, blank=True)
    lease_until = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    retry_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)
    rejected_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    def _fenced(self) -> models.QuerySet[Self]:
        """This row, as long as it holds the credential that `self` was read with."""
        return type(self)._default_manager.filter(pk=self.pk, generation=self.generation)

    def take_lease(self) -> Lease | None:
        """Become the one who may ask the provider; None while somebody else is, or when the credential is another."""
        holder, kind = secrets.token_hex(16), type(self)
        for interrupted in (False, True):
            if _leasing(kind, interrupted).write(pk=self.pk, generation=self.generation, holder=holder):
                return Lease(holder, interrupted)
        return None

    def drop_lease(self, lease: Lease) -> None:
        """Give the lease back after a flight that stored nothing."""
        held = type(self)._default_manager.filter(pk=self.pk, lease_holder=lease.holder)
        held.update(lease_holder="", lease_until=None)

    def claim_bell(self) -> bool:
        """Whether the caller may ask for a refresh behind: once in 30 s, and never during a back-off."""
        now = timezone.now()
        if (self.claimed_until and self.claimed_until > now) or self.is_backing_off():
            return False
        free = Q(claimed_until=None) | Q(claimed_until__lt=Now())
        rows = self._fenced().filter(free, status=self.Status.ACTIVE)
        return bool(rows.update(claimed_until=Now() + BELL_PAUSE))

    def claim_rejection(self) -> bool:
        """Whether a rejected token may be refreshed now: once a minute at most."""
        pause_over = Q(rejected_at=None) | Q(rejected_at__lt=Now() - REJECTION_PAUSE)
        rows = type(self)._default_manager.filter(pause_over, pk=self.pk)
        return bool(rows.update(rejected_at=Now()))

    def give_up(self, reason: str) -> bool:
        """The provider refused this very refresh token: only the user can help. False if the row moved on."""
        return bool(
            self._fenced()
            .filter(status=self.Status.ACTIVE)
            .update(
                status=self.Status.NEEDS_REAUTH,
                status_reason=reason[:300],
                last_error=reason[:300],
                refresh_at=None,
                claimed_until=None,
                lease_holder="",
                lease_until=None,
            )
        )

    def back_off(self, lease: Lease, reason: str, retry_after: float | None) -> bool:
        """A failure that may pass: exponential back-off with jitter from 5 s to 5 min, `retry_after` (s) obeyed.

        False if the row holds another credential meanwhile, which has no failure to its name.
        """
        pause = min(LONGEST_BACK_OFF, FIRST_BACK_OFF * 2 ** min(self.failures, 20))
        pause = max(pause * random.uniform(0.75, 1.25), dt.timedelta(seconds=retry_after or 0))  # noqa: S311
        return self._put_off(lease, reason, pause, failures=F("failures") + 1)

    def wait_for_host(self, lease: Lease, reason: str, seconds: float) -> bool:
        """Nobody was asked, because the provider's host is down: look again when the breaker does."""
        pause = dt.timedelta(seconds=seconds * random.uniform(1.0, 1.5))  # noqa: S311
        return self._put_off(lease, reason, pause)

    def _put_off(self, lease: Lease, reason: str, pause: dt.timedelta, **columns: object) -> bool:
        later = {"retry_at": Now() + pause, "refresh_at": Now() + pause, "claimed_until": None}
        active = self._fenced().filter(status=self.Status.ACTIVE)
        done = active.update(last_error=reason[:300], **later, **columns)
        self.drop_lease(lease)
        return bool(done)

    def is_backing_off(self) -> bool:
        """Whether the last failure says to wait."""
        return self.retry_at is not None and self.retry_at > timezone.now()

    def seconds_to_wait(self) -> float | None:
        """Until the back-off is over; None where there is none."""
        return max(0.0, (self.retry_at - timezone.now()).total_seconds()) if self.retry_at else None

    def lease_began(self) -> dt.datetime | None:
        """When the flight that holds the lease set out, as it stood when the row was read."""
        return self.lease_until - LEASE if self.lease_until else None


@cache
def _leasing(model: type[Refreshable], interrupted: bool) -> Update:
    """The UPDATE that takes a lease: one that nobody has, or one that lapsed."""
    column, free = model._meta.get_field, Q(lease_until__lt=Now()) if interrupted else Q(lease_until=None)
    rows = model._default_manager.filter(
        free,
        pk=Mark("pk", model._meta.pk),
        generation=Mark("generation", column("generation")),
        status=Refreshable.Status.ACTIVE,
    )
    return Update(rows, lease_holder=Mark("holder", column("lease_holder")), lease_until=Now() + LEASE)
