"""The dashboard's catalogue: what was found, how much of it is where, and one page of it."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from connections.dashboard import paging
from providers import categories, search
from providers.offers import Offers
from providers.spec import ProviderSpec

PAGE = 24
STATES = {
    "": _("All"),
    "ready": _("Ready"),
    "waiting": _("Needs an OAuth client"),
    "connected": _("Connected"),
}


@dataclass(frozen=True)
class Wish(paging.Wish):
    """What somebody looks for in the catalogue."""

    category: str = ""

    @classmethod
    def of(cls, given: Any) -> "Wish":
        """What the query of a request asks for; nonsense asks for nothing."""
        return cls(**paging.asked(given, STATES), category=paging.text(given, "category", 40))


@dataclass(frozen=True)
class Choice:
    """A category or a state to choose: its words, how many providers it has, and where it leads."""

    value: str
    title: str
    number: int
    address: str


class Said(NamedTuple):
    """What tiles say, looked up once for all of them: a look-up for each would be a tenth of the page."""

    states: dict[str, str]
    set_it_up: str
    set_up: str
    by_operator: str

    @classmethod
    def now(cls) -> "Said":
        """In the language of the page."""
        return cls(
            states={state: str(title) for state, title in STATES.items()},
            set_it_up=gettext("Set it up"),
            set_up=gettext("Set up {name}"),
            by_operator=gettext("Needs an OAuth client from your operator"),
        )


@dataclass(frozen=True)
class Tile:
    """One provider as the catalogue shows it, with its state: one of `STATES`."""

    spec: ProviderSpec
    state: str
    said: Said

    @property
    def title(self) -> str:
        """The state in words."""
        return self.said.states[self.state]

    @property
    def set_up(self) -> str:
        """What an operator may do about it."""
        return self.said.set_up.format(name=self.spec.name)


class Shelf(paging.Paged[Wish]):
    """What of `offers` a wish finds. `connected` are the codes that the user has connected."""

    size = PAGE

    def __init__(self, wish: Wish, offers: Offers, connected: Collection[str]) -> None:
        self.wish = wish
        self._offers = offers
        self._connected = connected
        self._specs = offers.specs()
        self._found = search.ranked(wish.query, self._specs)
        in_category = [code for code in self._found if wish.category in ("", self._specs[code].category)]
        self._states = {code: self._state(code) for code in self._found}
        self._shown = [code for code in in_category if self._is_chosen(code)]
        self._in_category = in_category
        self._said = Said.now()

    def _state(self, code: str) -> str:
        if code in self._connected:
            return "connected"
        return "ready" if self._offers.is_ready(code) else "waiting"

    def _is_chosen(self, code: str) -> bool:
        return self.wish.state in ("", self._states[code])

    @property
    def number(self) -> int:
        """How many providers there are on all pages."""
        return len(self._shown)

    @property
    def elsewhere(self) -> int:
        """How many the words alone find."""
        return len(self._found)

    def tiles(self) -> list[Tile]:
        """The providers of this page."""
        shown = self._shown[(self.page - 1) * PAGE : self.page * PAGE]
        return [Tile(self._specs[code], self._states[code], self._said) for code in shown]

    def near(self) -> list[Tile]:
        """Where the words find nothing: what may have been meant."""
        codes = [] if self._found else search.nearest(self.wish.query, self._specs)
        return [Tile(self._specs[code], self._state(code), self._said) for code in codes]

    def categories(self) -> list[Choice]:
        """Every category that the instance has, with how many of the found ones it has in the chosen state."""
        numbers = Counter(self._specs[code].category for code in self._found if self._is_chosen(code))
        named = sorted({spec.category for spec in self._specs.values()} - {""}, key=categories.place)
        every = Choice("", gettext("All categories"), numbers.total(), self.wish.address(category=""))
        return [every, *(self._category(name, numbers[name]) for name in named)]

    def _category(self, name: str, number: int) -> Choice:
        return Choice(name, categories.title(name), number, self.wish.address(category=name))

    def states(self) -> list[Choice]:
        """Every state, with how many of the chosen category are in it."""
        numbers = Counter(self._states[code] for code in self._in_category)
        numbers[""] = numbers.total()
        titles = self._said.states.items()
        return [Choice(state, title, numbers[state], self.wish.address(state=state)) for state, title in titles]

    @property
    def everywhere(self) -> str:
        """The address of the same words in all categories and states."""
        return self.wish.address(category="", state="")
