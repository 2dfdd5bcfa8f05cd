"""What became of each attempt to refresh a connection: for its user, for the operator, for the figures."""

import datetime as dt
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apikeys.statements import Insert
from connections.refreshing import figures

if TYPE_CHECKING:
    from connections.models import Connection

PURGE_BATCH = 1_000


class RefreshQuerySet(models.QuerySet["Refresh"]):
    def note(
        self,
        connection: "Connection",
        outcome: str,
        *,
        took: float = 0.0,
        reason: str = "",
        at: dt.datetime | None = None,
    ) -> None:
        """Write down one attempt, `took` in seconds. Call it in the transaction that writes the connection."""
        # A commit that fails is tried again, and would count twice.
        transaction.on_commit(lambda: figures.count_refresh(connection.provider_id, outcome, took))
        facts = {"outcome": outcome, "took_ms": round(took * 1000), "reason": reason[:300]}
        _insert().write(Refresh(connection_id=connection.pk, at=at or timezone.now(), **facts))

    def of(self, connection: "Connection") -> "RefreshQuerySet":
        """Those of one connection, the newest first."""
        return self.filter(connection=connection).order_by("-pk")

    def was_interrupted(self, connection: "Connection") -> bool:
        """Whether a flight died since the credential was last renewed: other failures may have come after it."""
        renewed = (Refresh.Outcome.RENEWED, Refresh.Outcome.LATE)
        last = self.of(connection).filter(outcome__in=renewed).values_list("pk", flat=True).first()
        return self.of(connection).filter(outcome=Refresh.Outcome.INTERRUPTED, pk__gt=last or 0).exists()

    def purge(self, *, before: dt.datetime) -> int:
        """Remove what is older than `before`, in short transactions; answers how many."""
        removed = 0
        while True:
            oldest = list(self.order_by("pk").values_list("pk", "at")[:PURGE_BATCH])
            ids = [pk for pk, at in oldest if at < before]
            removed += self.filter(pk__in=ids).delete()[0] if ids else 0
            if len(ids) < PURGE_BATCH:
                return removed


class Refresh(models.Model):
    """One attempt to renew the credential of one connection: when it ended, how long it took, what came of it."""

    class Outcome(models.TextChoices):
        RENEWED = "renewed", _("Renewed")
        LATE = "late", _("renewed late")
        """Issued while the database was away or the process died, kept in the spool and stored afterwards."""
        REVOKED = "revoked", _("refused for good")
        CLIENT_REFUSED = "client_refused", _("OAuth client refused")
        UNAVAILABLE = "unavailable", _("provider unavailable")
        INTERRUPTED = "interrupted", _("Interrupted")
        """The process died while it asked. Nobody can know whether the provider had answered."""

    connection = models.ForeignKey(
        "connections.Connection", on_delete=models.CASCADE, related_name="refreshes", db_index=False
    )
    at = models.DateTimeField(default=timezone.now)
    took_ms = models.PositiveIntegerField(default=0)
    outcome = models.CharField(max_length=16, choices=Outcome.choices)
    reason = models.CharField(max_length=300, blank=True)

    objects: ClassVar[RefreshQuerySet] = RefreshQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name_plural = _("refreshes")
        indexes: ClassVar[list[Any]] = [models.Index(fields=["connection", "-id"], name="refreshes_of_connection")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.outcome}"


@cache
def _insert() -> Insert[Refresh]:
    return Insert(Refresh)


class Sweep(models.Model):
    """When the sweep last ran: one row. It tells a start without a worker, or a queue that nobody empties."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    at = models.DateTimeField(default=timezone.now)
    handed_out = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar[list[Any]] = [models.CheckConstraint(condition=models.Q(id=1), name="one_sweep")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S}"

    @classmethod
    def age(cls) -> float | None:
        """Seconds since it last ran; None where it never has."""
        at = cls.objects.filter(pk=1).values_list("at", flat=True).first()
        return max(0.0, (timezone.now() - at).total_seconds()) if at else None
