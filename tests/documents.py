"""The parts of the documents that a program knows better. ``python -m tests.documents`` writes them anew."""

from collections.abc import Iterable
from pathlib import Path

from providers import schema
from providers.parts import Part
from tests import catalogue
from tests.markdown import anchor_above, line, marks, written

FOLDER = Path(__file__).parents[1] / "docs"
CATALOGUE, PROVIDERS = FOLDER / "catalogue.md", FOLDER / "providers.md"


def catalogue_parts(_: str) -> dict[str, str]:
    """The figures of the shipped files."""
    return {"figures": catalogue.figures()}


def provider_parts(text: str) -> dict[str, str]:
    """A table of the keys of each table that a provider file may have, with links to those that stand in `text`."""
    sections = {
        kind: f"#{anchor_above(text, mark_of(kind))}" for kind in schema.tables() if mark_of(kind) in marks(text)
    }
    return {mark_of(kind): "\n".join([*_table(keys, sections), ""]) for kind, keys in schema.tables().items()}


def mark_of(kind: type[Part]) -> str:
    """What the table of a class is called where it stands."""
    return f"keys of {kind.__name__}"


def _table(keys: list[schema.Key], sections: dict[type[Part], str]) -> Iterable[str]:
    yield line(["key", "default", "meaning"])
    yield line(["---", "---", "---"])
    for key in keys:
        section = sections.get(key.table) if key.table else None
        name = f"[`{key.name}`]({section})" if section else f"`{key.name}`"
        yield line([name, key.default, key.meaning])


PARTS = {CATALOGUE: catalogue_parts, PROVIDERS: provider_parts}


def anew(document: Path) -> str:
    """What the document should say: its text with each part as the program knows it."""
    text = document.read_text(encoding="utf-8")
    for mark, content in PARTS[document](text).items():
        text = written(text, mark, content)
    return text


if __name__ == "__main__":
    for one in PARTS:
        one.write_text(anew(one), encoding="utf-8")
