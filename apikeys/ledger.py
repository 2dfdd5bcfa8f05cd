"""The ledger: who asked for what with which key, and what came of it. It is written, read and purged, never changed."""

import datetime as dt
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Max, Min
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apikeys.statements import Insert

if TYPE_CHECKING:
    from apikeys.models import ApiKey

PURGE_BATCH = 1_000
# An id is given before its event is committed, so a lower one may appear after a higher one was read. By this time
# every transaction that writes an event is over.
SETTLED_AFTER = dt.timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks: the user, the key (None in the dashboard), the client's address, the request's id."""

    user: User
    key: "ApiKey | None" = None
    address: str | None = None
    request_id: str = ""

    def may_use(self, provider: str) -> bool:
        """Whether the provider of this code is open to the key; without a key every provider is."""
        return self.key is None or self.key.allows(provider)


class LedgerIsAppendOnly(TypeError):
    """Somebody tried to change or remove what the ledger says."""


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def update(self, **_: Any) -> NoReturn:
        """Refused: the ledger is append-only."""
        raise LedgerIsAppendOnly("a ledger event cannot be changed")

    def delete(self) -> NoReturn:
        """Refused: only `purge` removes events, by age."""
        raise LedgerIsAppendOnly("a ledger event cannot be deleted")

    def purge(self, *, before: dt.datetime) -> int:
        """Remove the events older than `before`, oldest first, in short transactions; answers how many.

        The key grows with time, so the oldest are found by it and need no index of their own.
        """
        removed = 0
        while True:
            oldest = list(self.order_by("pk").values_list("pk", "at")[:PURGE_BATCH])
            ids = [pk for pk, at in oldest if at < before]
            if ids:
                removed += models.QuerySet.delete(self.filter(pk__in=ids))[0]
            if len(ids) < PURGE_BATCH:
                return removed

    def forget(self, user: User) -> None:
        """Take `user` off the events: what deleting the account does as well, but in short transactions."""
        while ids := list(self.filter(user=user).order_by("-pk").values_list("pk", flat=True)[:PURGE_BATCH]):
            models.QuerySet.update(self.filter(pk__in=ids), user=None)

    def last_uses(self) -> dict[str, dt.datetime]:
        """When each API key among these events was last used."""
        keys = self.exclude(api_key_id="").order_by().values("api_key_id")
        return dict(keys.annotate(last=Max("at")).values_list("api_key_id", "last"))

    def settled(self) -> "AuditEventQuerySet":
        """Those below the first one that is too young for every event with a lower id to be sure to be there."""
        young = self.filter(at__gt=timezone.now() - SETTLED_AFTER).order_by().aggregate(first=Min("pk"))["first"]
        return self.filter(pk__lt=young) if young else self

    def between(self, after: int, last: int) -> "AuditEventQuerySet":
        """The events with an id above `after`, up to and including `last`."""
        return self.filter(pk__gt=after, pk__lte=last)

    def of(self, user: User) -> "AuditEventQuerySet":
        """What concerns `user`, the newest first."""
        return self.filter(user=user).order_by("-pk")

    def about(self, connection_id: UUID) -> "AuditEventQuerySet":
        """What happened to one connection, the newest first; also after it is gone."""
        return self.filter(connection_id=connection_id).order_by("-pk")


class AuditEvent(models.Model):
    """One deed or refusal. It outlives the key and the connection it speaks of, hence no foreign key to them."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(default=timezone.now)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    action = models.CharField(max_length=40)
    outcome = models.CharField(max_length=40, default="ok", help_text=_("“ok”, or the code of the error answered"))
    api_key_id = models.CharField(max_length=8, blank=True)
    provider = models.CharField(max_length=64, blank=True)
    account = models.CharField(max_length=255, blank=True)
    connection_id = models.UUIDField(null=True)
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    purpose = models.CharField(max_length=200, blank=True, help_text=_("What the agent said it wanted it for"))
    detail = models.CharField(max_length=300, blank=True)

    objects: ClassVar[AuditEventQuerySet] = AuditEventQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("ledger event")
        indexes = [
            models.Index(fields=["user", "-id"], name="ledger_by_user"),
            models.Index(fields=["connection_id", "-id"], name="ledger_by_connection"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.action} {self.provider} {self.outcome}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert; an event that is there already cannot be saved again."""
        if not self._state.adding:
            raise LedgerIsAppendOnly("a ledger event cannot be changed")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused: the ledger is append-only."""
        raise LedgerIsAppendOnly("a ledger event cannot be deleted")


class RollUp(models.Model):
    """How far the ledger has been read: one row. Every event up to `position` is in the last use of its key, every
    event up to `tallied` in the tallies.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    position = models.BigIntegerField(default=0)
    tallied = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        constraints: ClassVar[list[Any]] = [models.CheckConstraint(condition=models.Q(id=1), name="one_roll_up")]

    def __str__(self) -> str:
        return f"up to event {self.position}"

    def advance(self, last: int) -> None:
        """Move on to the last event, up to `last`, below which every event is sure to be there."""
        settled = AuditEvent.objects.between(self.position, last).settled()
        position = settled.order_by("-pk").values_list("pk", flat=True).first()
        if position is not None:
            type(self).objects.filter(pk=self.pk, position__lt=position).update(position=position)


def record(
    caller: Caller,
    action: str,
    *,
    outcome: str = "ok",
    provider: str = "",
    account: str = "",
    connection_id: UUID | None = None,
    purpose: str = "",
    detail: str = "",
) -> None:
    """Write one event. Call it in the transaction of the deed: no record, no deed.

    `action` is a noun and a verb, for instance ``token.fetch``, ``session.complete``, ``connection.disconnect``.
    """
    event = AuditEvent(
        user=caller.user,
        action=action,
        outcome=outcome,
        api_key_id=caller.key.pk if caller.key else "",
        provider=provider,
        account=account[:255],
        connection_id=connection_id,
        address=caller.address,
        request_id=caller.request_id[:64],
        purpose=purpose[:200],
        detail=detail[:300],
    )
    _insert().write(event)


@cache
def _insert() -> Insert[AuditEvent]:
    return Insert(AuditEvent)
