"""What the operator sets for a provider, and the keyring's canary."""

import itertools
import json
import uuid
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from providers import registry
from providers.sealed import SealBroken, SealedTextField
from providers.spec import ProviderSpec

# What says something about the original, and nothing about a copy that is about to be changed.
OF_THE_ORIGINAL = ("aliases", "checked", "popularity", "rank")
CANARY = "the keyring opens this"


def _check_specification(value: Any) -> None:
    if value is None:
        return
    try:
        registry.validate(value, source="specification")
    except registry.BadProviderFile as error:
        raise ValidationError(str(error).splitlines()) from None


class ProviderQuerySet(models.QuerySet["Provider"]):
    def make_missing(self) -> int:
        """Give every provider of the catalogue its row; answers how many were made."""
        there = set(self.values_list("code", flat=True))
        missing = [Provider(code=code) for code in registry.catalogue() if code not in there]
        return len(self.bulk_create(missing, ignore_conflicts=True))

    def known(self) -> list["Provider"]:
        """The rows that have a specification, the most used first. Rows of files since removed are left out."""
        return sorted((row for row in self.all() if row.is_known()), key=lambda row: (-row.spec.popularity, row.code))

    def free_code(self, code: str) -> str:
        """`code`, or the first of ``code-2``, ``code-3`` and so on that no provider has."""
        taken = {*self.values_list("code", flat=True), *registry.catalogue()}
        numbered = (f"{code[:59]}-{number}" for number in itertools.count(2))
        return next(one for one in itertools.chain([code], numbered) if one not in taken)

    def offered(self) -> list["Provider"]:
        """The enabled ones of `known`."""
        return self.filter(enabled=True).known()


class Provider(models.Model):
    """One provider as this instance's operator set it. The rest stands in its specification."""

    code = models.CharField(primary_key=True, max_length=64)
    enabled = models.BooleanField(default=True, help_text=_("Users may connect it and agents may fetch from it"))
    client_id = models.CharField("OAuth client id", max_length=255, blank=True)
    # The seal is bound to the primary key, which for a provider is its code.
    client_secret = SealedTextField("OAuth client secret", blank=True, default="")
    extra_scopes = models.JSONField(default=list, blank=True, help_text=_("Asked for beside the file's own"))
    specification = models.JSONField(
        null=True,
        blank=True,
        validators=[_check_specification],
        help_text=_("A whole provider of your own as JSON, in the schema of the catalogue's files"),
    )
    client_refused_at = models.DateTimeField(null=True, blank=True, editable=False)
    client_refusal = models.CharField(max_length=200, blank=True, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[ProviderQuerySet] = ProviderQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering: ClassVar[list[str]] = ["code"]

    def __str__(self) -> str:
        return self.spec.name if self.is_known() else self.code

    def clean(self) -> None:
        """A custom specification is filed under its own code."""
        if self.specification and self.specification.get("code") != self.code:
            raise ValidationError({"specification": f"code: must be {self.code!r}, the provider's own"})

    def is_known(self) -> bool:
        """Whether there is a specification for this row."""
        return bool(self.specification) or self.code in registry.catalogue()

    @property
    def spec(self) -> ProviderSpec:
        """The specification: the operator's own if there is one, else the catalogue's."""
        if not self.specification:
            return registry.catalogue()[self.code]
        held: ProviderSpec | None = self.__dict__.get("_spec")
        if held is None:
            text = json.dumps(self.specification, sort_keys=True)
            held = self.__dict__["_spec"] = registry.own(text, source=f"provider {self.code}")
        return held

    def is_ready(self, spec: ProviderSpec) -> bool:
        """Whether users can connect it in this way: to send them there takes the operator's OAuth client."""
        return spec.is_pasted or bool(self.client_id)

    def app(self) -> dict[str, str]:
        """The operator's app for signing in on Akhrot's pages, by field; empty where he has set none.

        It is his OAuth client's id and secret, under the names that MTProto has for them.
        """
        is_set = self.spec.login_way and self.client_id and self.client_secret
        return {"apiId": self.client_id, "apiHash": self.client_secret} if is_set else {}

    def ready_ways(self) -> dict[str, ProviderSpec]:
        """The ways in which users can connect it, as `ProviderSpec.every_way` has them."""
        return {code: spec for code, spec in self.spec.every_way().items() if self.is_ready(spec)}

    def document(self) -> dict[str, Any]:
        """The specification as it was written, without defaults. Raises BadProviderFile if its file is gone."""
        if self.specification:
            return dict(self.specification)
        return dict(registry.document_of(registry.file_text(self.code), source=self.code))

    def copy_of(self) -> dict[str, Any]:
        """Its specification as a provider of the operator's own: under a free code and another name."""
        code = type(self).objects.free_code(self.code)
        number = code.rpartition("-")[2]
        kept = {name: value for name, value in self.document().items() if name not in OF_THE_ORIGINAL}
        return {**kept, "code": code, "name": f"{self.spec.name} {number}"}

    def is_configured(self) -> bool:
        """Whether users can connect it in any way."""
        return bool(self.ready_ways())

    def scopes_beside(self, spec: ProviderSpec) -> list[str]:
        """What the operator wants asked beside the file's own scopes: of the way with his client, if there is one."""
        return [] if spec.is_pasted and self.spec.sign_in else list(self.extra_scopes)

    def client_was_refused(self, reason: str) -> bool:
        """Note that the provider refuses our OAuth client, for the admin to show; whether that is news."""
        rows = type(self).objects.filter(pk=self.pk)
        began = timezone.now()
        is_news = bool(rows.filter(client_refused_at=None).update(client_refused_at=began, client_refusal=reason[:200]))
        if is_news:
            self.client_refused_at, self.client_refusal = began, reason[:200]
        else:
            rows.exclude(client_refusal=reason[:200]).update(client_refusal=reason[:200])
        return is_news

    def client_was_accepted(self) -> None:
        """Forget an earlier refusal."""
        if self.client_refused_at:
            self.client_refused_at, self.client_refusal = None, ""
            self.save(update_fields=["client_refused_at", "client_refusal", "updated_at"])


class Canary(models.Model):
    """One sealed row whose text is known. If it does not open, the keyring is not this database's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    text = SealedTextField()

    class Meta:
        verbose_name_plural = "canaries"

    def __str__(self) -> str:
        return "canary"


def check_canary() -> None:
    """Prove the keyring at start, making the canary in a new database. Raises ImproperlyConfigured."""
    canaries = list(Canary.objects.all())
    if not canaries:
        canaries = [Canary.objects.create(text=CANARY)]
    try:
        # All of them: two machines that started at once on an empty database made one each.
        if any(canary.text != CANARY for canary in canaries):
            raise SealBroken("the canary opens, but says something else")
    except SealBroken as broken:
        raise ImproperlyConfigured(
            f"AKHROT_KEYS: this keyring does not open this database ({broken}). Put the right key back; "
            "nothing was changed."
        ) from None
