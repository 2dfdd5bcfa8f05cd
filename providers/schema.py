"""The schema of provider files for people and their editors: tables of its keys, and JSON Schema.

It is worked out when it is asked for, and nothing that serves requests imports this module: the texts below the keys
are no part of a running program, so they are read from its source.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, get_args

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema, to_jsonable_python

from providers import toml
from providers.parts import ADDRESS, Part, Template, Url
from providers.spec import ProviderSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DEFAULT = "Default: "
# What the validators of texts ask for, as far as a regular expression can say it.
PATTERNS = {
    get_args(Url)[1].func: rf"^({ADDRESS})?$",
    get_args(Template)[1].func: r"^([^{}]|\{\{|\}\}|\{[A-Za-z_]\w*\})*$",
}


@dataclass(frozen=True)
class Key:
    """One key of a table: its default and its meaning in Markdown, each in one line.

    `wording` is the default where it is no value that can be written down, else empty. `table` is what the key holds,
    once or many times, where that is a table of its own.
    """

    name: str
    default: str
    meaning: str
    wording: str = ""
    table: type[Part] | None = None


def tables() -> dict[type[Part], list[Key]]:
    """The keys of every table that a file may have, each table after the one that holds it; the file itself is first.

    Of a key without a text the meaning is empty.
    """
    return {kind: [_key(kind, name) for name in kind.model_fields] for kind in _reached(ProviderSpec, set())}


def json_schema() -> dict[str, Any]:
    """The schema of a whole file as JSON Schema, draft 2020-12. Its descriptions are Markdown.

    It takes what TOML and JSON can say and the model takes, but for texts in the place of numbers. What must hold
    between the keys (`providers.coherence`) it does not say.
    """
    schema = ProviderSpec.model_json_schema(schema_generator=_Generator)
    for kind, keys in tables().items():
        _describe(schema if kind is ProviderSpec else schema["$defs"][kind.__name__], kind, keys)
    return {"$schema": DIALECT, **schema, "title": "Provider file of Akhrot"}


class _Generator(GenerateJsonSchema):
    """Pydantic's, with what our own validators ask for."""

    def function_after_schema(self, schema: core_schema.AfterValidatorFunctionSchema) -> JsonSchemaValue:
        pattern = PATTERNS.get(schema["function"]["function"])
        return super().function_after_schema(schema) | ({"pattern": pattern} if pattern else {})

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        made = super().dict_schema(schema)
        return made | ({"additionalProperties": False} if "patternProperties" in made else {})

    def tuple_schema(self, schema: core_schema.TupleSchema) -> JsonSchemaValue:
        # Editors of TOML know older drafts, which have no prefixItems. Both templates of a pair are alike.
        made = super().tuple_schema(schema)
        places = made.get("prefixItems", [])
        if not places or any(one != places[0] for one in places):
            return made
        return {name: value for name, value in made.items() if name != "prefixItems"} | {"items": places[0]}


def _describe(schema: dict[str, Any], kind: type[Part], keys: list[Key]) -> None:
    schema["description"] = " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())
    for key in keys:
        told = schema["properties"][key.name]
        told["title"] = key.name.replace("_", " ")
        told["description"] = f"{key.meaning} {DEFAULT}{key.wording}." if key.wording else key.meaning
        if key.table and told.get("default"):
            told["default"] = _plain(kind.model_fields[key.name].default)
        # Neither a null nor what stands for a default in words is anything that an editor should propose.
        if told.get("default") is None or (key.wording and not told["default"]):
            told.pop("default", None)


def _reached(kind: type[Part], known: set[type[Part]]) -> Iterator[type[Part]]:
    known.add(kind)
    yield kind
    for field in kind.model_fields.values():
        for inner in _parts_of(field.annotation):
            if inner not in known:
                yield from _reached(inner, known)


def _parts_of(annotation: Any) -> list[type[Part]]:
    """The tables that stand anywhere in a type."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return [annotation]
    return [part for inner in get_args(annotation) for part in _parts_of(inner)]


def _key(kind: type[Part], name: str) -> Key:
    field = kind.model_fields[name]
    wording, meaning = _parted(_text(kind, name))
    part = next(iter(_parts_of(field.annotation)), None)
    if field.is_required():
        return Key(name, "required", meaning, table=part)
    written = "none" if field.default is None else f"`{toml.inline(_plain(field.default))}`"
    return Key(name, wording or written, meaning, wording, part)


def _plain(value: Any) -> Any:
    """A default as JSON has it, of a table only what is not its own default."""
    if isinstance(value, Part):
        return value.model_dump(mode="json", exclude_defaults=True)
    return to_jsonable_python(value)


def _parted(text: str) -> tuple[str, str]:
    """The default in words that may be the first line of a text, and the rest of it."""
    first, _, rest = text.partition("\n")
    if not first.startswith(DEFAULT):
        return "", " ".join(text.split())
    return first.removeprefix(DEFAULT).removesuffix("."), " ".join(rest.split())


def _text(kind: type[Part], name: str) -> str:
    """What stands below the key, in the class or the nearest of its bases that says something."""
    texts = (_texts(base).get(name, "") for base in kind.__mro__ if issubclass(base, Part))
    return next(filter(None, texts), "")


@cache
def _texts(kind: type[Part]) -> dict[str, str]:
    """The text below each key that the class itself declares."""
    declared = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(declared, ast.ClassDef)  # noqa: S101 - what getsource gives of a class
    found = {}
    for key, below in pairwise(declared.body):
        if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name) and isinstance(below, ast.Expr):
            text = ast.literal_eval(below.value) if isinstance(below.value, ast.Constant) else None
            found[key.target.id] = inspect.cleandoc(text) if isinstance(text, str) else ""
    return found
