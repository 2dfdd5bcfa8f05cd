"""The dashboard's list of connections: what was found, how much of it is in which state, and one page of it.

However many there are, they are counted once by provider and one page of them is read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import and_
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db.models import Case, Count, Q, Value, When
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from connections.dashboard import paging
from connections.dashboard.last_uses import Use, last_uses
from connections.dashboard.standing import Finder, needs_its_user
from connections.models import FETCH_ORDER, Connection, ConnectionQuerySet
from providers import registry, search
from providers.models import Provider
from providers.spec import ProviderSpec

PAGE = 20
# So many are seen at a glance.
FEW = 5
STATES = {
    "": _("All"),
    "needs": _("Needs you"),
    "ending": _("Ending"),
    "failing": _("Failing"),
}
NAMED_SERVICES = 3


@dataclass(frozen=True)
class Wish(paging.Wish):
    """What somebody looks for in the list of connections."""

    provider: str = ""

    @classmethod
    def of(cls, given: Any) -> "Wish":
        """What the query of a request asks for; nonsense asks for nothing."""
        return cls(**paging.asked(given, STATES), provider=paging.text(given, "provider", 64))

    @property
    def is_empty(self) -> bool:
        """Whether it asks for everything."""
        return not (self.query or self.provider or self.state)


class Numbers(NamedTuple):
    """How many connections there are, and how many of them are in each of `STATES`."""

    all: int
    needs: int
    ending: int
    failing: int

    def of(self, state: str) -> int:
        """Those in one of `STATES`."""
        return int(getattr(self, state or "all"))


class Choice(NamedTuple):
    """A state or a provider to choose, with how many it has."""

    value: str
    title: Any
    number: int


@dataclass(frozen=True)
class Row:
    """One connection as the list shows it."""

    connection: Connection
    needs_user: bool
    marks_default: bool
    use: Use | None

    @property
    def spec(self) -> ProviderSpec | None:
        """Its specification; None where the provider is not known any more."""
        row = self.connection
        return row.spec if row.is_known() else row.provider.spec if row.provider.is_known() else None

    @property
    def services(self) -> list[str]:
        """The names of the first services that agents can use with it."""
        return self._ready[:NAMED_SERVICES]

    @property
    def more_services(self) -> int:
        """How many there are beyond these."""
        return max(0, len(self._ready) - NAMED_SERVICES)

    @cached_property
    def _ready(self) -> list[str]:
        row = self.connection
        return [one.name for one in row.spec.ready_services(set(row.scopes))] if row.is_known() else []


class Listing(paging.Paged[Wish]):
    """What a wish finds among the connections of `user`."""

    size = PAGE

    def __init__(self, wish: Wish, user: User) -> None:
        self.wish = wish
        self._user = user
        self._mine: ConnectionQuerySet = Connection.objects.filter(user=user)
        codes = list(self._mine.order_by().values_list("provider_id", flat=True).distinct())
        self._specs = _specs(codes)
        self._finder = Finder(frozenset(self._specs), timezone.now())
        self._every = self._numbers(Q())
        self._found = self._numbers(_matching(wish.query, self._every, self._specs)) if wish.query else self._every

    def _numbers(self, condition: Q) -> dict[str, Numbers]:
        """Of the user's connections that meet `condition`, by provider."""
        finder = self._finder
        counted = (
            self._mine.filter(condition)
            .order_by()
            .values("provider_id")
            .annotate(
                number=Count("pk"),
                needs=Count("pk", filter=finder.needing),
                ending=Count("pk", filter=finder.ending),
                failing=Count("pk", filter=finder.failing),
            )
        )
        return {
            one["provider_id"]: Numbers(one["number"], one["needs"], one["ending"], one["failing"]) for one in counted
        }

    @cached_property
    def total(self) -> Numbers:
        """Of all connections, whatever is looked for."""
        return _sum(self._every.values())

    @cached_property
    def number(self) -> int:
        """How many are found, on all pages."""
        return self._chosen.of(self.wish.state)

    @cached_property
    def _chosen(self) -> Numbers:
        chosen = self.wish.provider
        return _sum(one for code, one in self._found.items() if chosen in ("", code))

    @property
    def elsewhere(self) -> int:
        """How many the words alone find."""
        return _sum(self._found.values()).all

    def states(self) -> list[Choice]:
        """Every state, with how many of the chosen provider's are in it."""
        return [Choice(state, title, self._chosen.of(state)) for state, title in STATES.items()]

    def providers(self) -> list[Choice]:
        """Every provider that is connected, by name, with how many of its are in the chosen state."""
        named = {code: self._specs[code].name if code in self._specs else code for code in self._every}
        codes = sorted(named, key=lambda code: (named[code].lower(), code))
        state, none = self.wish.state, Numbers(0, 0, 0, 0)
        return [Choice(code, named[code], self._found.get(code, none).of(state)) for code in codes]

    def options(self) -> SafeString:
        """The providers as options to choose from. There may be hundreds, and a template is slow at them."""
        chosen = self.wish.provider
        rows = (
            (one.value, " selected" if one.value == chosen else "", one.title, f"{one.number:,}")
            for one in self.providers()
        )
        return format_html_join("", '<option value="{}"{}>{} ({})</option>', rows)

    @property
    def is_searchable(self) -> bool:
        """Whether there is so much that one would search it, or somebody does."""
        return self.total.all > FEW or not self.wish.is_empty

    @property
    def has_providers(self) -> bool:
        """Whether there is more than one provider to choose from."""
        return len(self._every) > 1

    @cached_property
    def rows(self) -> list[Row]:
        """Those of this page: who needs their user first, then by provider, the default account before the others."""
        shown = list(self._page())
        uses = last_uses(shown, self._user)
        return [self._row(one, uses.get(one.pk)) for one in shown]

    def _row(self, one: Connection, use: Use | None) -> Row:
        has_siblings = self._every[one.provider_id].all > 1
        return Row(one, needs_its_user(one), one.is_default and has_siblings, use)

    def _page(self) -> ConnectionQuerySet:
        wish, finder = self.wish, self._finder
        condition = _matching(wish.query, self._every, self._specs) if wish.query else Q()
        if wish.provider:
            condition &= Q(provider=wish.provider)
        states = {"": Q(), "needs": finder.needing, "ending": finder.ending, "failing": finder.failing}
        rows = self._mine.filter(condition, states[wish.state]).select_related("provider")
        rows = rows.defer("secrets", "inputs", "provider__client_secret")
        last = Case(When(finder.needing, then=Value(0)), default=Value(1))
        start = (self.page - 1) * PAGE
        return rows.order_by(last, "provider_id", *FETCH_ORDER, "pk")[start : start + PAGE]

    @property
    def needing(self) -> list[Row]:
        """Those of this page that need their user."""
        return [row for row in self.rows if row.needs_user]

    @property
    def others(self) -> list[Row]:
        """The rest of this page."""
        return [row for row in self.rows if not row.needs_user]

    @property
    def here(self) -> str:
        """The address of this page."""
        return self.wish.address(page=self.page)

    @property
    def everywhere(self) -> str:
        """The address of the same words in all states and with all providers."""
        return self.wish.address(provider="", state="")


def _specs(codes: list[str]) -> dict[str, ProviderSpec]:
    """The specifications of those of `codes` that have one. Only what the operator wrote himself has to be read."""
    own = Provider.objects.filter(code__in=codes, specification__isnull=False).defer("client_secret")
    shipped = registry.catalogue()
    return {
        **{code: shipped[code] for code in codes if code in shipped},
        **{row.code: row.spec for row in own if row.is_known()},
    }


def _sum(numbers: Iterable[Numbers]) -> Numbers:
    """All of `numbers` together."""
    return Numbers(*map(sum, zip(*numbers, strict=True))) if (numbers := list(numbers)) else Numbers(0, 0, 0, 0)


def _matching(query: str, codes: Iterable[str], specs: Mapping[str, ProviderSpec]) -> Q:
    """The connections that have every word of `query`: in what is said of their provider, or in their names."""
    return reduce(and_, (_has(word, codes, specs) for word in query.split()[: search.MOST_WORDS]), Q())


def _has(word: str, codes: Iterable[str], specs: Mapping[str, ProviderSpec]) -> Q:
    plain = search.words(word)
    fitting = [
        code
        for code in codes
        if word.lower() in code or (code in specs and plain and all(specs[code].entry.score(one, {}) for one in plain))
    ]
    return Q(provider__in=fitting) | Q(account__icontains=word) | Q(label__icontains=word)
