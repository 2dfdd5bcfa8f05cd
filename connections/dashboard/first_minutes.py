"""The path from an empty instance to an agent's first fetch: four steps, each done as soon as the facts say so."""

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apikeys.models import ApiKey, AuditEvent
from connections.dashboard.live import version
from connections.models import Connection, Welcome
from providers.offers import Offers
from providers.spec import ProviderSpec

# Whoever has so many events is long past the first fetch, wherever in the ledger that stands.
LOOKED_AT = 100
SUGGESTED = 6
# That the path is done interests only people who have just walked it.
NEWCOMER = dt.timedelta(days=7)
# In the data of the browser session of somebody who is on the path: other pages then lead back to it.
ON_THE_PATH = "first_minutes"
STEPS = {
    "connect": (_("Connect something"), "catalogue"),
    "key": (_("Create a key"), "new-key"),
    "give": (_("Give it to your agent"), "start"),
    "fetch": (_("See the first fetch arrive"), "start"),
}


@dataclass(frozen=True)
class Facts:
    """What there is: a connection, an active key, a call with a key, and the last fetch that was granted or refused."""

    connected: bool
    has_key: bool
    has_asked: bool
    has_fetched: bool
    fetch: AuditEvent | None
    refusal: AuditEvent | None

    @classmethod
    def of(cls, user: User) -> "Facts":
        """In three reads, however much there is."""
        alive = Q(revoked_at=None) & ~Q(expires_at__lte=timezone.now())
        keys = ApiKey.objects.filter(user=user).aggregate(
            alive=Count("pk", filter=alive), used=Count("pk", filter=Q(last_used_at__isnull=False))
        )
        events = [one for one in AuditEvent.objects.of(user)[:LOOKED_AT] if one.api_key_id]
        fetches = [one for one in events if one.action == "token.fetch"]
        granted = next((one for one in fetches if one.outcome == "ok"), None)
        return cls(
            connected=Connection.objects.filter(user=user).exists(),
            has_key=bool(keys["alive"]),
            has_asked=bool(keys["used"] or events),
            has_fetched=granted is not None or len(events) == LOOKED_AT,
            fetch=granted,
            refusal=fetches[0] if fetches and granted is None else None,
        )


@dataclass(frozen=True)
class Step:
    """One of `STEPS`: `number` from 1 on, and whether it is done, left out, or what comes next."""

    code: str
    number: int
    done: bool
    skipped: bool
    is_next: bool

    @property
    def title(self) -> Any:
        """What to do."""
        return STEPS[self.code][0]

    @property
    def page(self) -> str:
        """The name of the page where it is done."""
        return STEPS[self.code][1]

    @property
    def is_elsewhere(self) -> bool:
        """Whether that is another page, which can be gone to whatever comes next."""
        return self.page != "start"

    @property
    def template(self) -> str:
        """What helps to do it."""
        return f"app/_step_{self.code}.html"


class Path:
    """How far `user` has come."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.welcome = Welcome.objects.of(user)

    @cached_property
    def facts(self) -> Facts:
        """What there is."""
        return Facts.of(self.user)

    @cached_property
    def steps(self) -> list[Step]:
        """The steps in order. A key that has fetched was made and given, whatever became of it."""
        has = self.facts
        done = {
            "connect": has.connected or has.has_fetched,
            "key": has.has_key or has.has_asked,
            "give": has.has_asked,
            "fetch": has.has_fetched,
        }
        open_ones = [code for code in STEPS if not done[code] and code not in self.welcome.skipped]
        return [
            Step(code, number, done[code], not done[code] and code in self.welcome.skipped, code in open_ones[:1])
            for number, code in enumerate(STEPS, 1)
        ]

    @property
    def next(self) -> Step | None:
        """The first step that is neither done nor left out."""
        return next((one for one in self.steps if one.is_next), None)

    @property
    def is_done(self) -> bool:
        """Whether every step is done."""
        return all(one.done for one in self.steps)

    @property
    def number_done(self) -> int:
        """How many steps are done."""
        return sum(one.done for one in self.steps)

    @property
    def version(self) -> str:
        """Changes whenever the page about it would."""
        refusal = self.facts.refusal.pk if self.facts.refusal else 0
        return version([self.steps, refusal])

    @property
    def is_for_home(self) -> bool:
        """Whether it stands on the connections page: until it is put away, and its end for newcomers alone."""
        if self.welcome.hidden_at:
            return False
        return not self.is_done or self.user.date_joined > timezone.now() - NEWCOMER

    @cached_property
    def _offers(self) -> Offers:
        return Offers.read()

    def suggestions(self) -> list[ProviderSpec]:
        """What can be connected at once, the most used first."""
        specs = self._offers.specs()
        return [specs[code] for code in islice(self._offers.ready(), SUGGESTED)]

    def example(self) -> str:
        """The code of a provider that the agent could ask for."""
        newest = Connection.objects.filter(user=self.user).order_by("-created_at").values_list("provider_id", flat=True)
        return newest.first() or next(self._offers.ready(), "")

    def lacks_client(self) -> ProviderSpec | None:
        """The most used provider that waits for an OAuth client, where the operator has set none at all."""
        specs = self._offers.specs()
        if any(row.client_id for row in self._offers.by_hand.values()):
            return None
        return next((spec for code, spec in specs.items() if spec.needs_client), None)
