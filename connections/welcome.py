"""What a user has said about the path through the first minutes."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone


class WelcomeQuerySet(models.QuerySet["Welcome"]):
    def of(self, user: User) -> "Welcome":
        """The row of `user`, or an unsaved one of somebody who has said nothing yet."""
        return self.filter(user=user).first() or Welcome(user=user)

    def skip(self, user: User, step: str) -> None:
        """Note that `user` leaves `step` out."""
        row, _ = self.get_or_create(user=user)
        if step not in row.skipped:
            row.skipped = [*row.skipped, step]
            row.save(update_fields=["skipped"])

    def hide(self, user: User, *, hidden: bool) -> None:
        """Take the path off the connections page, or put it there again with nothing left out."""
        said: dict[str, Any] = {"hidden_at": timezone.now()} if hidden else {"hidden_at": None, "skipped": []}
        self.update_or_create(user=user, defaults=said)


class Welcome(models.Model):
    """Which steps of the path a user has left out, and whether it was put away. A user who has said nothing has no row.

    What is done is no matter of this row: it is read from what there is.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="welcome"
    )
    skipped = models.JSONField(default=list, blank=True)
    hidden_at = models.DateTimeField(null=True)

    objects: ClassVar[WelcomeQuerySet] = WelcomeQuerySet.as_manager()  # type: ignore[assignment]

    def __str__(self) -> str:
        return f"first minutes of {self.user_id}"
