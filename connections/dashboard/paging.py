"""Lists that are searched and come in pages: what somebody looks for, and where the pages beside the shown one are."""

from abc import ABC, abstractmethod
from collections.abc import Container
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import urlencode


@dataclass(frozen=True)
class Wish:
    """What somebody looks for. The address of the page that shows it says nothing that is left empty."""

    query: str = ""
    state: str = ""
    page: int = 1

    def address(self, **change: Any) -> str:
        """The query string of this wish with a change, on its first page unless that is the change."""
        wish = replace(self, **{"page": 1, **change})
        common = {field.name for field in fields(Wish)}
        own = {field.name: getattr(wish, field.name) for field in fields(wish) if field.name not in common}
        named = {"q": wish.query, **own, "state": wish.state, "page": wish.page if wish.page > 1 else ""}
        return "?" + urlencode({name: value for name, value in named.items() if value})


def asked(given: Any, states: Container[str]) -> dict[str, Any]:
    """The fields of `Wish` in the query of a request. Nonsense asks for nothing."""
    page, state = given.get("page", ""), given.get("state", "")
    return {
        "query": text(given, "q", 100),
        "state": state if state in states else "",
        "page": int(page) if page.isdecimal() and page.isascii() and 0 < len(page) < 6 else 1,
    }


def text(given: Any, name: str, most: int) -> str:
    """A text in the query of a request, cut to `most` characters and without the one that PostgreSQL takes in none."""
    return str(given.get(name, "")).replace("\0", "").strip()[:most]


W = TypeVar("W", bound=Wish)


class Paged(ABC, Generic[W]):
    """What `wish` finds, `size` of it on each page."""

    wish: W
    size: ClassVar[int]

    @property
    @abstractmethod
    def number(self) -> int:
        """How many are found, on all pages."""

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.number // self.size))

    @property
    def page(self) -> int:
        """The one that is shown."""
        return min(self.wish.page, self.pages)

    @property
    def earlier(self) -> str:
        """The address of the page before; empty on the first."""
        return self.wish.address(page=self.page - 1) if self.page > 1 else ""

    @property
    def later(self) -> str:
        """The address of the page after; empty on the last."""
        return self.wish.address(page=self.page + 1) if self.page < self.pages else ""
