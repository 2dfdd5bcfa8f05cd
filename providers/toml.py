"""Writes a specification as a provider file. Python reads TOML, and writes none."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

BARE = re.compile(r"[A-Za-z0-9_-]+")


def dumps(document: Mapping[str, Any]) -> str:
    """`document` as TOML 1.0, values before tables, in the order given.

    Raises ValueError, with the key, for a null, which TOML has no word for.
    """
    return "\n".join(_lines(document, ())).strip("\n") + "\n"


def inline(value: Any) -> str:
    """`value` as it stands behind a key. Raises ValueError for a null."""
    return _value(value, ())


def _lines(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    tables = {name: value for name, value in table.items() if _is_table(value)}
    for name, value in table.items():
        if name not in tables:
            yield f"{_key(name)} = {_value(value, (*path, name))}"
    for name, value in tables.items():
        inner = (*path, name)
        header = ".".join(_key(step) for step in inner)
        for one in value if isinstance(value, list) else [value]:
            yield ""
            yield f"[[{header}]]" if isinstance(value, list) else f"[{header}]"
            yield from _lines(one, inner)


def _is_table(value: Any) -> bool:
    """Whether it gets a header of its own: a table, or a list of nothing but tables."""
    tables = value if isinstance(value, list) else [value]
    return bool(tables) and all(isinstance(one, dict) for one in tables)


def _value(value: Any, path: tuple[str, ...]) -> str:
    if value is None:
        raise ValueError(f"{'.'.join(path)}: is null, for which TOML has no word")
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return f"[{', '.join(_value(one, path) for one in value)}]"
    if isinstance(value, dict):
        pairs = (f"{_key(name)} = {_value(one, (*path, name))}" for name, one in value.items())
        return f"{{ {', '.join(pairs)} }}" if value else "{}"
    # JSON's numbers and booleans are TOML's.
    return json.dumps(value)


def _key(name: str) -> str:
    return name if BARE.fullmatch(name) else _text(name)


def _text(text: str) -> str:
    """A basic string. It escapes as JSON does, and DEL beside."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
