"""The connect link's row: from an agent's wish to a connection, in one use and within ten minutes."""

import datetime as dt
import hashlib
import secrets
import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from apikeys.models import ApiKey
from providers.models import Provider
from providers.sealed import SealedTextField
from providers.spec import ProviderSpec

LIFETIME = dt.timedelta(minutes=10)
MOST_PENDING = 20


def token_digest(token: str) -> str:
    """SHA-256 in hex of a random token (state, nonce): what the database holds of it."""
    return hashlib.sha256(token.encode()).hexdigest()


def go_unless_holding(collector: Any, field: Any, rows: models.QuerySet["OAuthSession"], using: str) -> None:
    """What becomes of the sessions of a provider that is deleted: they go with it.

    One that holds a grant protects the provider: the sweep gives that grant back, and could not any more.
    """
    held = rows.filter(~models.Q(grant="") | models.Q(status=OAuthSession.Status.CONFIRMING))
    if held:
        models.PROTECT(collector, field, held, using)
    models.CASCADE(collector, field, rows, using)


class OAuthSessionQuerySet(models.QuerySet["OAuthSession"]):
    def of(self, user: User) -> "OAuthSessionQuerySet":
        """The sessions of `user` with provider and key, the newest first."""
        return self.filter(user=user).select_related("provider", "key", "connection").order_by("-created_at")

    def waiting(self) -> "OAuthSessionQuerySet":
        """Those that can still be started or ended."""
        return self.filter(status__in=OAuthSession.OPEN, expires_at__gt=timezone.now())

    def not_begun_anew(self) -> "OAuthSessionQuerySet":
        """Without what somebody began in the dashboard, left before it was started, and began once more since."""
        later = OAuthSession.objects.filter(
            user=models.OuterRef("user"),
            provider=models.OuterRef("provider"),
            key=None,
            created_at__gt=models.OuterRef("created_at"),
        )
        return self.exclude(models.Q(models.Exists(later)), key=None, status=OAuthSession.Status.PENDING)

    def forgotten(self) -> "OAuthSessionQuerySet":
        """Those that hold a grant or a sign-in with which nobody can go on."""
        over, ended = models.Q(expires_at__lte=timezone.now()), ~models.Q(status__in=OAuthSession.OPEN)
        holding = ~models.Q(login="") | ~models.Q(grant="")
        waiting = models.Q(status=OAuthSession.Status.CONFIRMING)
        rows = self.filter((waiting & over) | (holding & (over | ended)))
        return rows.select_related("provider", "user", "key")

    def unsettled(self) -> "OAuthSessionQuerySet":
        """Those that are not ended, or that hold what is to be given back."""
        holding = ~models.Q(login="") | ~models.Q(grant="")
        return self.filter(models.Q(status__in=OAuthSession.OPEN) | holding).select_related("provider", "user", "key")

    def make_room(self, user: User) -> int:
        """End the oldest pending sessions of `user` so that one more makes at most twenty."""
        pending = self.filter(user=user).waiting().order_by("-created_at")
        surplus = list(pending.values_list("pk", flat=True)[MOST_PENDING - 1 :])
        reason = gettext_noop("gave way to a later request: only 20 may be pending")
        return self.filter(pk__in=surplus).update(status=OAuthSession.Status.FAILED, reason=reason)


class OAuthSession(models.Model):
    """One request to connect a provider, made by an agent's key or in the dashboard (then `key` is None).

    `way` is how it is to be connected, until the user chooses another, and `scopes` are what is asked for in that way.
    `connection` is the one to renew, later the one that came of it. `state` and `nonce` are stored hashed: the state
    travels through the provider, the nonce lies in the data of the browser session that started. `login` is a sign-in
    on pages of ours between its steps (`link/signing_in.py`); each of its writes has a state of its own, which nobody
    gets.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        STARTED = "started", _("at the provider")
        CONFIRMING = "confirming", _("waiting for your decision")
        COMPLETED = "completed", _("Completed")
        FAILED = "failed", _("Failed")

    OPEN = (Status.PENDING, Status.STARTED, Status.CONFIRMING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="oauth_sessions")
    key = models.ForeignKey(ApiKey, null=True, on_delete=models.SET_NULL, related_name="+")
    provider = models.ForeignKey(Provider, on_delete=go_unless_holding, related_name="+")
    services = models.JSONField(default=list, blank=True)
    asked = models.JSONField("scopes asked for by name", default=list, blank=True)
    way = models.CharField(max_length=64, blank=True, default="")
    scopes = models.JSONField(default=list, blank=True)
    inputs = models.JSONField(default=dict, blank=True)
    connection = models.ForeignKey(
        "connections.Connection", null=True, on_delete=models.SET_NULL, related_name="sessions"
    )
    return_url = models.CharField(max_length=2000, blank=True)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.PENDING)
    reason = models.CharField(max_length=300, blank=True)
    successor = models.OneToOneField("self", null=True, on_delete=models.SET_NULL, related_name="predecessor")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    # Null once used, for only nulls may repeat in a unique column.
    state_digest = models.CharField(max_length=64, null=True, unique=True)  # noqa: DJ001
    nonce_digest = models.CharField(max_length=64, blank=True)
    verifier = SealedTextField("PKCE verifier", blank=True, default="")
    grant = SealedTextField("grant awaiting a decision", blank=True, default="")
    login = SealedTextField("sign-in on its way", blank=True, default="", db_default="")

    objects: ClassVar[OAuthSessionQuerySet] = OAuthSessionQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("OAuth session")
        verbose_name_plural = _("OAuth sessions")
        indexes: ClassVar[list[Any]] = [models.Index(fields=["user", "-created_at"], name="sessions_by_user")]

    def __str__(self) -> str:
        return f"{self.provider_id} ({self.status})"

    @property
    def spec(self) -> ProviderSpec:
        """The specification of its provider, as it is for its way to connect. Raises UnknownWay."""
        return self.provider.spec.by_way(self.way)

    def is_known(self) -> bool:
        """Whether there is a specification for it: its provider's file, or its way in it, may have gone."""
        return self.provider.is_known() and self.provider.spec.has_way(self.way)

    @property
    def public_status(self) -> str:
        """The contract's status: ``pending``, ``completed`` or ``failed``."""
        return self.Status.PENDING.value if self.status in self.OPEN else str(self.status)

    def is_over(self) -> bool:
        """Whether its time is up without a completion."""
        return self.status in self.OPEN and self.expires_at <= timezone.now()

    def can_start(self) -> bool:
        """Whether its link still opens the form: not ended, and not older than ten minutes."""
        young = self.created_at + LIFETIME > timezone.now()
        return young and self.status in (self.Status.PENDING, self.Status.STARTED)

    def is_signing_in(self) -> bool:
        """Whether a sign-in on pages of ours is on its way."""
        started = self.status == self.Status.STARTED and not self.is_over()
        return started and self.is_known() and bool(self.spec.login)

    def start(self) -> tuple[str, str, str]:
        """Begin the provider's part, which gets ten minutes of its own; ``(state, nonce, verifier)``, or ValueError.

        A second start (the user went back) makes the first state worthless, for only the last is stored.
        """
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        startable = type(self).objects.filter(
            pk=self.pk,
            status__in=(self.Status.PENDING, self.Status.STARTED),
            created_at__gt=timezone.now() - LIFETIME,
        )
        self.expires_at = timezone.now() + LIFETIME
        started = startable.update(
            status=self.Status.STARTED,
            state_digest=token_digest(state),
            nonce_digest=token_digest(nonce),
            verifier=_column("verifier").seal_for(self, verifier),
            login="",
            inputs=self.inputs,
            way=self.way,
            scopes=self.scopes,
            expires_at=self.expires_at,
        )
        if not started:
            raise ValueError("the session cannot be started any more")
        return state, nonce, verifier

    def use_state(self) -> bool:
        """Take the state out of use. Only the first of two callbacks gets True."""
        used = type(self).objects.filter(pk=self.pk, state_digest=self.state_digest, status=self.Status.STARTED)
        return bool(used.update(state_digest=None))

    def fail(self, reason: str) -> bool:
        """End it without a connection; `reason` is what the agent's poll reads.

        What it holds, a grant or a sign-in, stays sealed in it until that is given up as well (`link/giving_up.py`).
        """
        open_ones = type(self).objects.filter(pk=self.pk, status__in=self.OPEN)
        ended = open_ones.update(status=self.Status.FAILED, reason=reason[:300], state_digest=None)
        self.refresh_from_db(fields=["status", "reason", "successor"])
        return bool(ended)

    def complete(self, connection_id: uuid.UUID) -> bool:
        """End it with its connection. False if somebody ended it first."""
        open_ones = type(self).objects.filter(pk=self.pk, status__in=self.OPEN)
        return bool(
            open_ones.update(
                status=self.Status.COMPLETED,
                connection_id=connection_id,
                way=self.way,
                scopes=self.scopes,
                state_digest=None,
                reason="",
                grant="",
                verifier="",
                login="",
            )
        )

    def hold(self, grant_text: str) -> bool:
        """Keep what the provider issued until the user has chosen and decided which connection it becomes."""
        undecided = (self.Status.STARTED, self.Status.CONFIRMING)
        started = type(self).objects.filter(pk=self.pk, status__in=undecided)
        sealed = _column("grant").seal_for(self, grant_text)
        return bool(started.update(status=self.Status.CONFIRMING, grant=sealed, verifier=""))

    def hold_login(self, text: str, *, anyway: bool = False, **columns: Any) -> bool:
        """Keep how far a sign-in has come, with other `columns`.

        False if the session ended meanwhile; also, unless it is to be written `anyway`, if another window has gone on
        with it since this row was read.
        """
        undecided = (self.Status.PENDING, self.Status.STARTED)
        rows = type(self).objects.filter(pk=self.pk, status__in=undecided, expires_at__gt=timezone.now())
        unchanged = rows if anyway else rows.filter(state_digest=self.state_digest)
        sealed, state = _column("login").seal_for(self, text), token_digest(secrets.token_urlsafe(32))
        columns = {**columns, "login": sealed, "state_digest": state}
        if not unchanged.update(**columns):
            return False
        for name, value in columns.items():
            setattr(self, name, value)
        return True


def _column(name: str) -> SealedTextField:
    field = OAuthSession._meta.get_field(name)
    assert isinstance(field, SealedTextField)  # noqa: S101
    return field
