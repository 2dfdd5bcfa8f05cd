"""The part of a connection that refresh flights race over: the lease, the fence, the back-off."""

import datetime as dt
import random
import secrets
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

LEASE = dt.timedelta(seconds=45)
BELL_PAUSE = dt.timedelta(seconds=30)
REJECTION_PAUSE = dt.timedelta(minutes=1)
FIRST_BACK_OFF = dt.timedelta(seconds=5)
LONGEST_BACK_OFF = dt.timedelta(minutes=5)


class Refreshable(models.Model):
    """What several processes may write at once. Every write here is one compare-and-set UPDATE.

    `generation` counts the credentials the row has held: whoever writes one says which he replaces. `lease_*` names
    the one flight that may be asking the provider, by the database's clock, so that machines need not agree on the
    time. `claimed_until` keeps other sweeps away from work that is queued.
    """

    class Status(models.TextChoices):
        ACTIVE = "active"
        NEEDS_REAUTH = "needs_reauth", "needs you"

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

    def take_lease(self) -> str:
        """Become the one who may ask the provider; the holder's name, or empty when somebody else holds it."""
        holder = secrets.token_hex(16)
        free = Q(lease_until=None) | Q(lease_until__lt=Now())
        return holder if self._fenced().filter(free).update(lease_holder=holder, lease_until=Now() + LEASE) else ""

    def drop_lease(self, holder: str) -> None:
        """Give the lease back after a flight that stored nothing."""
        held = type(self)._default_manager.filter(pk=self.pk, lease_holder=holder)
        held.update(lease_holder="", lease_until=None)

    def claim_bell(self) -> bool:
        """Whether the caller may ask for a refresh behind: once in 30 s, and never during a back-off."""
        now = timezone.now()
        if (self.claimed_until and self.claimed_until > now) or (self.retry_at and self.retry_at > now):
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
            self._fenced().update(
                status=self.Status.NEEDS_REAUTH,
                status_reason=reason[:300],
                last_error=reason[:300],
                refresh_at=None,
                lease_holder="",
                lease_until=None,
            )
        )

    def back_off(self, holder: str, reason: str, retry_after: float | None) -> None:
        """A failure that may pass: exponential back-off with jitter from 5 s to 5 min, `retry_after` (s) obeyed."""
        pause = min(LONGEST_BACK_OFF, FIRST_BACK_OFF * 2 ** min(self.failures, 20))
        pause = max(pause * random.uniform(0.75, 1.25), dt.timedelta(seconds=retry_after or 0))  # noqa: S311
        self._fenced().update(
            failures=F("failures") + 1,
            retry_at=Now() + pause,
            refresh_at=Now() + pause,
            last_error=reason[:300],
            claimed_until=None,
        )
        self.drop_lease(holder)

    def was_interrupted(self) -> bool:
        """Whether an earlier flight took the lease and never gave it back: a process died while asking."""
        return bool(self.lease_holder) and self.lease_until is not None and self.lease_until < timezone.now()
