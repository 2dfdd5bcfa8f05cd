"""What the dashboard tells of API keys: how each stands, what it was last used for, and what it did lately."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db.models import Max, OuterRef, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from apikeys.finding import Wanted
from apikeys.models import ApiKey, ApiKeyQuerySet, AuditEvent, Tally
from apikeys.tallies import position
from connections.models import Connection
from providers.offers import Offers
from providers.spec import ProviderSpec

SOON = dt.timedelta(days=7)
# Of a key's newest events so many tell where it is used.
LOOKED_AT = 200
# And so many of the places.
SHOWN = 10


@dataclass(frozen=True)
class KeyLine:
    """A key with the names of the providers that it is limited to, and its newest event, if it is known."""

    key: ApiKey
    providers: Sequence[str]
    event: AuditEvent | None
    provider: str

    @property
    def kind(self) -> str:
        """The colour of its state."""
        if self.key.state != "active":
            return "off"
        if self.key.successor_id:
            return "calm"
        return "warn" if self.key.expires_at and self.key.expires_at - timezone.now() < SOON else "good"

    @property
    def state(self) -> str:
        """Its state in a word or two."""
        if self.key.state == "active":
            return _("Being replaced") if self.key.successor_id else _("Active")
        if self.key.state == "expired":
            return _("Replaced") if self.key.successor_id else _("Expired")
        return _("Revoked")


def lines(user: User, *lists: ApiKeyQuerySet) -> list[list[KeyLine]]:
    """Lists of keys of `user`, each with what it was last used for, in as many reads as one key takes."""
    read = [list(keys.annotate(counted=_last_counted())) for keys in lists]
    rows = [row for keys in read for row in keys]
    newest = {row.pk: vars(row)["counted"] for row in rows} | _last_young(user, [row.pk for row in rows])
    events = AuditEvent.objects.in_bulk([pk for pk in newest.values() if pk])
    specs = Offers.read().specs()
    return [[_line(row, events.get(newest[row.pk]), specs) for row in keys] for keys in read]


def _line(key: ApiKey, event: AuditEvent | None, specs: Mapping[str, ProviderSpec]) -> KeyLine:
    def name(code: str) -> str:
        return specs[code].name if code in specs else code

    return KeyLine(key, [name(code) for code in key.providers], event, name(event.provider) if event else "")


def _last_counted() -> Subquery:
    """The id of a key's newest event, as far as they are counted."""
    days = Tally.objects.filter(user_id=OuterRef("user_id"), span=Tally.Span.DAY, api_key_id=OuterRef("pk"))
    return Subquery(days.order_by("-starts_at", "-last_id").values("last_id")[:1])


def _last_young(user: User, keys: Sequence[str]) -> dict[str, int]:
    """The same of those that are not counted yet."""
    young = AuditEvent.objects.filter(user=user, pk__gt=position(), api_key_id__in=keys).order_by()
    return dict(young.values_list("api_key_id").annotate(Max("pk")))


class Place(NamedTuple):
    """An address that a key was used from, how often, and when last."""

    address: str
    number: int
    last: dt.datetime


class Places(NamedTuple):
    """Where a key is used from: the most frequent addresses first, and whether there may be `more` than these."""

    most: list[Place]
    more: bool
    looked_at: int = LOOKED_AT


def places(key: ApiKey) -> Places:
    """Where the newest events of a key came from."""
    found = Wanted(user_id=key.user_id, key_id=key.pk).newest(LOOKED_AT)
    at = {event.address: event.at for event in reversed(found) if event.address}
    numbers = Counter(event.address for event in found if event.address)
    most = [Place(address, number, at[address]) for address, number in numbers.most_common(SHOWN)]
    return Places(most, more=len(found) == LOOKED_AT or len(numbers) > SHOWN)


def to_try(user: User, key: ApiKey) -> ProviderSpec | None:
    """A provider that the key can fetch a credential of now, if there is one."""
    rows = Connection.objects.of(user).filter(status=Connection.Status.ACTIVE, provider__enabled=True)
    rows = rows.filter(provider__in=key.providers) if key.providers else rows
    return next((row.spec for row in rows.order_by("created_at")[:5] if row.is_known()), None)


def connected_codes(user: User) -> set[str]:
    """The codes of the providers that the user has connected."""
    rows: Iterable[Any] = Connection.objects.filter(user=user).values_list("provider_id", flat=True).distinct()
    return set(rows)
