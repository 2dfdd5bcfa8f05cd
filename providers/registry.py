"""Which providers there are: the shipped catalogue, the operator's files over it."""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from pydantic import ValidationError

from providers.spec import ProviderSpec

SHIPPED = Path(__file__).parent / "catalog"


class BadProviderFile(Exception):
    """A provider file is not usable. The message names the file, the key and what is wrong with it."""


def parse(text: str, *, source: str) -> ProviderSpec:
    """Read one provider file (TOML) named `source`. Raises BadProviderFile."""
    try:
        document = tomllib.loads(text)
    # Beside its own error, the parser raises these for endless digits and for nesting without end.
    except (ValueError, RecursionError) as error:
        raise BadProviderFile(f"{source}: is not TOML: {error}") from None
    return validate(document, source=source)


def document_of(text: str, *, source: str) -> Any:
    """What a specification says that is given as JSON or as TOML, fit to be kept as JSON; not yet validated.

    JSON begins with a brace, and TOML never does. Raises BadProviderFile.
    """
    kind, read = ("JSON", json.loads) if text.lstrip().startswith("{") else ("TOML", tomllib.loads)
    try:
        document = read(text)
    except (ValueError, RecursionError) as error:
        raise BadProviderFile(f"{source}: is not {kind}: {error}") from None
    return _plain(document, source=source)


def _plain(document: Any, *, source: str) -> Any:
    """Without what no database takes as JSON: TOML's dates become texts, and the rest is refused."""
    try:
        text = json.dumps(document, allow_nan=False, default=str, ensure_ascii=False)
        text.encode()
    except (ValueError, RecursionError) as error:
        raise BadProviderFile(f"{source}: cannot be kept as JSON: {error}") from None
    if re.search(r"(?<!\\)(\\\\)*\\u0000", text):
        raise BadProviderFile(f"{source}: cannot be kept as JSON: a text holds a zero byte")
    return json.loads(text)


def validate(document: Any, *, source: str) -> ProviderSpec:
    """Check a document against the schema. Raises BadProviderFile with one line for each fault."""
    try:
        return ProviderSpec.model_validate(document)
    except ValidationError as error:
        raise BadProviderFile("\n".join(_faults(error, source, document))) from None


@lru_cache(maxsize=256)
def own(text: str, *, source: str) -> ProviderSpec:
    """An operator's specification as his row has it, for whoever reads that row again. Raises BadProviderFile."""
    return validate(document_of(text, source=source), source=source)


def _faults(error: ValidationError, source: str, document: Any) -> Iterable[str]:
    for fault in error.errors(include_url=False, include_input=False):
        where = ".".join(str(step) for step in _named(fault["loc"], document))
        message = fault["msg"].removeprefix("Value error, ")
        # What concerns several tables at once is one error of the whole, which names its keys line by line.
        if not where and fault["type"] == "value_error":
            yield from (f"{source}: {line}" for line in message.splitlines())
        else:
            yield f"{source}: {where or 'the file'}: {message}"


def _named(where: tuple[str | int, ...], document: Any) -> tuple[str | int, ...]:
    """The place of a fault, with a way by its code instead of its number."""
    if where[:1] != ("ways",) or len(where) < 2:
        return where
    try:
        code = document["ways"][where[1]]["code"]
    except (LookupError, TypeError):
        return where
    return ("ways", code, *where[2:]) if isinstance(code, str) else where


def read(path: Path) -> ProviderSpec:
    """Read one provider file from disk. Raises BadProviderFile."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadProviderFile(f"{path}: cannot be read: {error}") from None
    return parse(text, source=str(path))


def load(folder: Path) -> dict[str, ProviderSpec]:
    """Every ``*.toml`` of a folder by code. A file is named after its code. Raises BadProviderFile."""
    found = {}
    for path in sorted(folder.glob("*.toml")):
        spec = read(path)
        if spec.code != path.stem:
            raise BadProviderFile(f"{path}: code: is {spec.code!r}, but the file is named {path.stem!r}")
        found[spec.code] = spec
    return found


class Catalogue(Mapping[str, ProviderSpec]):
    """The providers that there are files of, by code, the most used first."""

    def __init__(self, specs: Mapping[str, ProviderSpec]) -> None:
        self._specs = dict(sorted(specs.items(), key=lambda item: (-item[1].popularity, item[0])))

    def __getitem__(self, code: str) -> ProviderSpec:
        return self._specs[code]

    def __contains__(self, code: object) -> bool:
        return code in self._specs

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    @cached_property
    def at_once(self) -> Mapping[str, ProviderSpec]:
        """Those that can be connected before an operator has set anything, in the same order."""
        return {code: spec for code, spec in self._specs.items() if not spec.needs_client}


@cache
def catalogue() -> Catalogue:
    """The shipped providers, with the operator's AKHROT_CATALOG_DIR over them; read once in a process."""
    found = load(SHIPPED)
    if settings.AKHROT_CATALOG_DIR:
        folder = Path(settings.AKHROT_CATALOG_DIR)
        if not folder.is_dir():
            raise BadProviderFile(f"AKHROT_CATALOG_DIR: there is no folder {folder}")
        found |= load(folder)
    return Catalogue(found)


def file_text(code: str) -> str:
    """The file that the catalogue has `code` from, as it stands. Raises BadProviderFile if it is gone meanwhile."""
    own = [Path(settings.AKHROT_CATALOG_DIR)] if settings.AKHROT_CATALOG_DIR else []
    paths = [folder / f"{code}.toml" for folder in (*own, SHIPPED)]
    path = next((path for path in paths if path.is_file()), paths[-1])
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadProviderFile(f"{path}: cannot be read: {error}") from None
