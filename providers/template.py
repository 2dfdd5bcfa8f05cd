"""Templates and paths of provider files: ``{name}`` in a text, ``team.id`` in a JSON answer."""

import re
import string
from functools import lru_cache
from typing import Any
from urllib.parse import quote


@lru_cache(maxsize=4096)
def placeholders(template: str) -> frozenset[str]:
    """The names in ``{braces}`` of a template, for instance ``{"accountSid"}``.

    Raises ValueError for anything but plain names: a format such as ``{a:>999999999}`` is not ours to obey.
    """
    names = set()
    for _, name, layout, conversion in string.Formatter().parse(template):
        if name is None:
            continue
        if not name.isidentifier() or layout or conversion:
            raise ValueError(f"braces may only hold a name, not {name!r} or a format")
        names.add(name)
    return frozenset(names)


def fill(template: str, values: dict[str, str], *, url: bool = False) -> str:
    """Put `values` into the ``{names}`` of `template`; an unknown name becomes empty.

    With `url`, each value is percent-encoded so that it stays one segment (RFC 3986 section 2.1), except that
    a template which starts with a placeholder takes that value whole (an address from a map, a tenant's own).
    """
    whole = re.match(r"\{(\w+)\}(?=[/?]|$)", template) if url else None

    def encoded(name: str, value: str) -> str:
        if whole and whole[1] == name:
            return value.rstrip("/")
        return quote(value, safe="") if url else value

    filled = {name: encoded(name, values.get(name, "")) for name in placeholders(template)}
    return template.format_map(filled)


def look_up(document: Any, path: str) -> Any:
    """The value at a dotted `path` of a JSON document (numbers are list places); None where there is none."""
    found = document
    for step in path.split("."):
        if isinstance(found, dict):
            found = found.get(step)
        elif isinstance(found, list) and re.fullmatch(r"[0-9]{1,9}", step) and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return found


def look_up_text(document: Any, paths: tuple[str, ...], *, separator: str) -> str:
    """The values at `paths` as text, joined; empty unless every one of them is there."""
    values = [look_up(document, path) for path in paths]
    if not values or any(value in (None, "") or isinstance(value, dict | list | bool) for value in values):
        return ""
    return separator.join(str(value) for value in values)


def matches(document: Any, expected: dict[str, Any]) -> bool:
    """Whether every path of `expected` holds exactly its value in the JSON `document` (true is not 1)."""
    found = [(look_up(document, path), value) for path, value in expected.items()]
    return all(one == other and isinstance(one, bool) == isinstance(other, bool) for one, other in found)
