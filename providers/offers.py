"""What this instance offers: the catalogue, with what its operator has set over it.

Most rows are as they were made and say nothing that the files do not. One read finds the others, so that what an
agent is told costs the same however large the catalogue is.
"""

from collections.abc import Collection, Iterator, Mapping
from heapq import merge
from typing import Self

from django.db.models import Q

from providers import registry
from providers.models import Provider
from providers.spec import ProviderSpec

SET_BY_HAND = Q(enabled=False) | ~Q(client_id="") | Q(specification__isnull=False)


def _most_used(spec: ProviderSpec) -> tuple[int, str]:
    return -spec.popularity, spec.code


class Offers:
    """The enabled providers of this instance, as they are at this moment.

    Every file has its row, which `Provider.objects.make_missing` gives it at each start.
    """

    def __init__(self, catalogue: registry.Catalogue, by_hand: Mapping[str, Provider]) -> None:
        self.catalogue = catalogue
        self.by_hand = by_hand

    @classmethod
    def read(cls) -> Self:
        """In one read of the rows that somebody has set something in."""
        rows = Provider.objects.defer("client_secret").filter(SET_BY_HAND)
        return cls(registry.catalogue(), {row.code: row for row in rows if row.is_known()})

    def has(self, code: str) -> bool:
        """Whether there is such a provider, and it is enabled."""
        row = self.by_hand.get(code)
        return row.enabled if row else code in self.catalogue

    def is_ready(self, code: str) -> bool:
        """Whether users can connect it now."""
        row = self.by_hand.get(code)
        return row.enabled and row.is_configured() if row else code in self.catalogue.at_once

    def specs(self) -> dict[str, ProviderSpec]:
        """All of them by code, the most used first."""
        own = sorted((row.spec for row in self.by_hand.values() if row.enabled), key=_most_used)
        rest = (spec for code, spec in self.catalogue.items() if code not in self.by_hand)
        return {spec.code: spec for spec in merge(own, rest, key=_most_used)}

    def by_use(self, codes: Collection[str]) -> list[str]:
        """Those of `codes` that there are, the most used first."""
        own = {code: self.by_hand[code].spec for code in codes if code in self.by_hand and self.has(code)}
        known = own | {code: self.catalogue[code] for code in codes if code not in self.by_hand and self.has(code)}
        return sorted(known, key=lambda code: _most_used(known[code]))

    def ready(self) -> Iterator[str]:
        """The codes of those that users can connect now, the most used first, each found when it is asked for."""
        own = sorted((row.spec for code, row in self.by_hand.items() if self.is_ready(code)), key=_most_used)
        rest = (spec for code, spec in self.catalogue.at_once.items() if code not in self.by_hand)
        return (spec.code for spec in merge(own, rest, key=_most_used))

    def count_ready(self) -> int:
        """How many `ready` gives."""
        own = sum(map(self.is_ready, self.by_hand))
        return own + len(self.catalogue.at_once) - sum(code in self.catalogue.at_once for code in self.by_hand)
