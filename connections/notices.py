"""What people are told by mail, and what of it each wants. A notice is written in the transaction of its cause."""

import datetime as dt
from collections.abc import Iterable
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy

SENDING = dt.timedelta(minutes=2)


class NoticeQuerySet(models.QuerySet["Notice"]):
    def tell(self, kind: str, cause: str, **columns: Any) -> bool:
        """Write a notice, once for each `cause`; False if it was written before. Call it in the cause's transaction."""
        _, made = self.get_or_create(cause=f"{kind}:{cause}", defaults={"kind": kind, **columns})
        return made

    def take_due(self, limit: int) -> "list[Notice]":
        """Up to `limit` unsent ones that nobody is sending; they are this caller's for two minutes."""
        due = self.filter(sent_at=None, try_at__lte=Now()).order_by("try_at").values_list("pk", flat=True)[:limit]
        taken = [pk for pk in due if self.filter(pk=pk, sent_at=None, try_at__lte=Now()).update(try_at=Now() + SENDING)]
        return list(self.filter(pk__in=taken).select_related("user", "connection__provider"))


class Notice(models.Model):
    """One thing to be told to one user, or to the operators where `user` is empty."""

    class Kind(models.TextChoices):
        LOST = "lost", gettext_lazy("a connection needs its user")
        ENDING = "ending", gettext_lazy("a credential ends soon")
        CLIENT_REFUSED = "client_refused", gettext_lazy("an OAuth client is refused")
        SIGN_IN = "sign_in", gettext_lazy("a sign-in from a new browser")

    kind = models.CharField(max_length=16, choices=Kind.choices)
    cause = models.CharField(max_length=120, unique=True)
    """Names what happened, so that it is told once."""
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    connection = models.ForeignKey("connections.Connection", null=True, on_delete=models.CASCADE, related_name="+")
    provider = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    try_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)

    objects: ClassVar[NoticeQuerySet] = NoticeQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes: ClassVar[list[Any]] = [
            models.Index(fields=["try_at"], condition=Q(sent_at__isnull=True), name="unsent_notices")
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.provider}" if self.provider else self.kind


class MailChoice(models.Model):
    """Which kinds of notice a user wants, a column for each. Whoever has no row here wants them all."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="mail_choice"
    )
    lost = models.BooleanField(default=True, db_default=True)
    ending = models.BooleanField(default=True, db_default=True)
    sign_in = models.BooleanField(default=True, db_default=True)
    client_refused = models.BooleanField(default=True, db_default=True)

    def __str__(self) -> str:
        return str(self.user_id)

    @classmethod
    def of(cls, user: User) -> "MailChoice":
        """The row of `user`; one that is not saved yet where there is none."""
        return cls.objects.filter(user=user).first() or cls(user=user)

    @classmethod
    def unwilling(cls, kind: str, people: Iterable[User]) -> set[int]:
        """The primary keys of those among `people` who do not want notices of this kind."""
        rows = cls.objects.filter(user__in=list(people), **{kind: False})
        return set(rows.values_list("pk", flat=True))
