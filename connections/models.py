"""What a user has connected. Its fences and leases are explained where they are written: `Connection.store`."""

import datetime as dt
import json
import uuid
from functools import cache
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apikeys.statements import Replace
from connections import credentials
from connections.finding import FETCH_ORDER as FETCH_ORDER
from connections.finding import ConnectionQuerySet as ConnectionQuerySet
from connections.history import Refresh as Refresh
from connections.history import Sweep as Sweep
from connections.notices import MailChoice as MailChoice
from connections.notices import Notice as Notice
from connections.oauth_session import OAuthSession as OAuthSession
from connections.refreshing import margins
from connections.refreshing.refreshable import Refreshable
from connections.welcome import Welcome as Welcome
from providers.grants import lasting, scopes_kept
from providers.models import Provider
from providers.oauth import Grant, can_renew
from providers.sealed import SealedTextField
from providers.spec import ProviderSpec

VERIFY_AGAIN = dt.timedelta(minutes=5)


class Connection(Refreshable):
    """One account of one user at one provider, with what is needed to call it.

    `way` says how it was connected, empty for the provider's default way. `account` is what the provider calls it, and
    `label` what its user does. `account_id` is the provider's own id of the account, empty where it tells none; pasted
    keys are told apart by `fingerprint`.
    """

    class Verification(models.TextChoices):
        VERIFIED = "verified", _("Verified")
        RESTRICTED = "restricted", _("Restricted")
        UNVERIFIED = "unverified", _("Unverified")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="connections", db_index=False
    )
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="connections")
    way = models.CharField(max_length=64, blank=True, default="")
    account = models.CharField(max_length=255, blank=True, help_text=_("The account's name for people"))
    account_id = models.CharField(max_length=255, blank=True)
    label = models.CharField(max_length=80, blank=True, default="", db_default="", help_text=_("Its user's own name"))
    fingerprint = models.CharField(max_length=64, blank=True)
    is_default = models.BooleanField(default=False)
    verification = models.CharField(max_length=16, choices=Verification.choices, default=Verification.VERIFIED)
    verify_at = models.DateTimeField(null=True)
    scopes = models.JSONField(default=list, blank=True)
    inputs = models.JSONField(default=dict, blank=True)
    secrets = SealedTextField()
    token_id = models.CharField(max_length=24, blank=True)
    issued_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    refreshable = models.BooleanField(default=False)
    ends_at = models.DateTimeField(null=True, help_text=_("When only its user can renew it, where that is known"))
    ends_since = models.DateTimeField(null=True)
    reminded_days = models.PositiveSmallIntegerField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[ConnectionQuerySet] = ConnectionQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["user", "provider", "account_id"],
                condition=~Q(account_id=""),
                name="one_connection_per_account",
            ),
            models.UniqueConstraint(
                fields=["user", "provider", "fingerprint"],
                condition=~Q(fingerprint=""),
                name="one_connection_per_key",
            ),
            models.UniqueConstraint(
                fields=["user", "provider"], condition=Q(is_default=True), name="one_default_per_provider"
            ),
            models.UniqueConstraint(
                "user", "provider", Lower("label"), condition=~Q(label=""), name="one_label_per_provider"
            ),
        ]
        indexes: ClassVar[list[Any]] = [
            models.Index(
                fields=["refresh_at"],
                condition=Q(status="active", refresh_at__isnull=False),
                name="due_refreshes",
            ),
            models.Index(fields=["status"], condition=Q(status="needs_reauth"), name="needing_user"),
            models.Index(fields=["ends_at"], condition=Q(ends_at__isnull=False), name="known_ends"),
            models.Index(fields=["verify_at"], condition=Q(verify_at__isnull=False), name="due_verifications"),
            models.Index(fields=["provider", "account_id"], name="same_grant"),
            models.Index(fields=["user", "provider", "-is_default", "created_at"], name="fetch_order"),
        ]

    def __str__(self) -> str:
        return f"{self.provider_id}: {self.account or self.pk}"

    @property
    def called(self) -> str:
        """Its name for people: the user's own, else the provider's."""
        return self.label or self.account

    @property
    def spec(self) -> ProviderSpec:
        """The specification of its provider, as it is for this way to connect. Raises UnknownWay."""
        return self.provider.spec.by_way(self.way)

    def is_known(self) -> bool:
        """Whether there is a specification for it: its provider's file, or its way in it, may have gone."""
        return self.provider.is_known() and self.provider.spec.has_way(self.way)

    def held(self) -> dict[str, Any]:
        """What is sealed: ``access_token``, ``refresh_token``, ``extra`` of a grant, or ``fields`` of a pasted key.

        A pasted OAuth client has both, and the ``scopes`` that its tokens are asked with.
        """
        opened: dict[str, Any] = json.loads(self.secrets)
        return opened

    def values(self, held: dict[str, Any] | None = None) -> dict[str, str]:
        """Everything a template of the provider may name: fields, inputs, kept values, ``accessToken``.

        `held` is what `held()` gives, from a caller that has it already.
        """
        held = self.held() if held is None else held
        given = {**self.inputs, **lasting(self.spec.oauth, held.get("extra", {})), **held.get("fields", {})}
        token = held.get("access_token") or given.get(self.spec.token_field if self.spec.fields else "", "")
        return self.spec.values({**given, "accessToken": token})

    # How much life is left.

    def lifetime_left(self) -> dt.timedelta | None:
        """Time to the access token's end; None where it has none."""
        return self.expires_at - timezone.now() if self.expires_at else None

    def is_expired(self) -> bool:
        """Whether the access token's time is over."""
        left = self.lifetime_left()
        return left is not None and left <= dt.timedelta(0)

    def margin(self) -> dt.timedelta:
        """How long before its end the token is ageing."""
        return margins.margin(self.spec, self.expires_at - self.issued_at if self.expires_at else None)

    def is_ageing(self) -> bool:
        """Whether the token is inside its margin: good, but due for a refresh."""
        left = self.lifetime_left()
        return left is not None and left <= self.margin()

    def has_life_for(self, minimum: dt.timedelta) -> bool:
        """Whether more than `minimum` is left, or the token never ends."""
        left = self.lifetime_left()
        return left is None or left > minimum

    def is_dead(self) -> bool:
        """Whether only the user can bring it back: refused for good, or ended with nothing to refresh it."""
        if self.works_still():
            return False
        return self.status == self.Status.NEEDS_REAUTH or (self.is_expired() and not self.refreshable)

    def needs_user(self) -> bool:
        """Whether its user should act: it is dead, or lives only as long as the token it holds."""
        return self.status == self.Status.NEEDS_REAUTH or self.is_dead()

    def trouble(self) -> str:
        """The error code that a fetch would answer; empty when the connection is usable or can be refreshed."""
        if not self.provider.enabled or not self.is_known():
            return "PROVIDER_NOT_FOUND"
        if self.is_dead():
            return "TOKEN_EXPIRED"
        refused = self.client_is_refused() or not self.provider.is_ready(self.spec)
        return "PROVIDER_NOT_CONFIGURED" if self.is_expired() and refused else ""

    def client_is_refused(self) -> bool:
        """Whether its provider refuses the operator's OAuth client, and it lives from that client."""
        return self.provider.client_refused_at is not None and self.is_known() and not self.spec.is_pasted

    def works_still(self) -> bool:
        """Whether the access token's own time is not over, whatever became of the refresh token."""
        left = self.lifetime_left()
        return left is not None and left > dt.timedelta(0)

    # What is written. Each of these is one compare-and-set UPDATE.

    def credential_columns(self, grant: Grant) -> dict[str, Any]:
        """The columns that `grant` sets, its secrets sealed for this row. A missing refresh token keeps the old one."""
        kept = self.held() if self.secrets else {}
        refresh_token = grant.refresh_token or kept.get("refresh_token", "")
        held: dict[str, Any] = {
            **kept,
            "access_token": grant.access_token,
            "refresh_token": refresh_token,
            "extra": {**kept.get("extra", {}), **grant.extra},
        }
        renewable = can_renew(self.spec, held)
        return {
            "secrets": _sealed_column().seal_for(self, json.dumps(held)),
            "token_id": credentials.new_token_id(),
            "issued_at": timezone.now(),
            "expires_at": grant.expires_at,
            "refreshable": renewable,
            "refresh_at": margins.refresh_at(self.spec, grant) if renewable else None,
            "scopes": scopes_kept(self.spec.oauth, self.scopes, kept.get("extra", {}), grant),
            **self._end_columns(grant.ends_at),
            **credentials.as_new(),
        }

    def _end_columns(self, ends_at: dt.datetime | None) -> dict[str, Any]:
        """Those of another end than the known one; the clocks of two answers may differ by a hundredth of the span."""
        known, since = self.ends_at, self.ends_since
        if ends_at is None or (known and since and abs(ends_at - known) <= (known - since) / 100):
            return {}
        return {"ends_at": ends_at, "ends_since": timezone.now(), "reminded_days": None}

    def store(self, grant: Grant) -> bool:
        """Replace the credential by a refreshed `grant`, provided that it is still the one the flight started from.

        The fence is `generation`, not the lease: a late success is kept even when its lease is over or the row has
        been given up as needs_reauth meanwhile, because the provider has already ended the old refresh token. After
        a reconnect or disconnect the generation differs (or the row is gone) and nothing is written: False.
        """
        columns = self.credential_columns(grant)
        return _replacing(tuple(columns)).write(self.pk, self.generation, list(columns.values()))

    def holds(self, grant: Grant) -> bool:
        """Whether the row, read again, has the credential of `grant`: a commit may succeed and its answer be lost."""
        row = type(self).objects.filter(pk=self.pk).first()
        return row is not None and row.held().get("access_token") == grant.access_token

    def judge(self, outcome: str) -> None:
        """Note what checking a pasted credential gave: works, restricted, unreachable (tried again later), unknown."""
        verdicts = {"works": self.Verification.VERIFIED, "restricted": self.Verification.RESTRICTED}
        self.verification = verdicts.get(outcome, self.Verification.UNVERIFIED)
        self.verify_at = timezone.now() + VERIFY_AGAIN if outcome == "unreachable" else None
        self.save(update_fields=["verification", "verify_at"])

    def make_default(self) -> None:
        """Answer a fetch without ``account`` with this one from now on. Call it in a transaction."""
        others = type(self).objects.filter(user_id=self.user_id, provider_id=self.provider_id, is_default=True)
        others.exclude(pk=self.pk).update(is_default=False)
        type(self).objects.filter(pk=self.pk).update(is_default=True)
        self.is_default = True


@cache
def _replacing(columns: tuple[str, ...]) -> Replace[Connection]:
    """The UPDATE of these columns, fenced by the generation."""
    return Replace(Connection, columns, counted="generation")


def _sealed_column() -> SealedTextField:
    field = Connection._meta.get_field("secrets")
    assert isinstance(field, SealedTextField)  # noqa: S101
    return field
