"""What docs/providers.md says of each key is what the schema says, and nobody has to remember to."""

import re

import pytest

from providers import schema
from providers.parts import Part
from tests import documents
from tests.documents import PROVIDERS, mark_of, provider_parts
from tests.markdown import anchors, begin, end, line, marks

WRITTEN = PROVIDERS.read_text(encoding="utf-8")


def test_its_tables_are_those_of_the_schema() -> None:
    assert documents.anew(PROVIDERS) == WRITTEN, "run python -m tests.documents"


@pytest.mark.parametrize("kind", schema.tables(), ids=lambda kind: kind.__name__)
def test_each_table_of_a_file_has_its_place(kind: type[Part]) -> None:
    mark = mark_of(kind)
    assert marks(WRITTEN).count(mark) == 1
    assert f"{begin(mark)}\n{provider_parts(WRITTEN)[mark]}\n{end(mark)}" in WRITTEN


def test_it_has_no_place_for_anything_else() -> None:
    assert set(marks(WRITTEN)) == set(provider_parts(WRITTEN))
    assert WRITTEN.count("<!--") == 2 * len(schema.tables())


def test_a_key_that_holds_a_table_leads_to_it() -> None:
    assert "| [`identity`](#oauthidentity-whose-grant-it-is) | none |" in WRITTEN
    assert "| [`fields`](#fields-what-a-user-pastes) | `[]` |" in WRITTEN


@pytest.mark.parametrize("document", sorted(PROVIDERS.parent.glob("*.md")), ids=lambda path: path.stem)
def test_every_link_to_a_heading_leads_somewhere(document) -> None:
    text = document.read_text(encoding="utf-8")
    for name, anchor in re.findall(r"\]\(([\w-]+\.md)?#([^)]*)\)", text):
        there = document.with_name(name).read_text(encoding="utf-8") if name else text
        assert anchors(there).count(anchor) == 1, f"{name}#{anchor}"


def test_headings_in_code_are_none() -> None:
    assert anchors("# One `[[two]]`: three\n```toml\n# a comment\n```\n## Four\n") == ["one-two-three", "four"]


def test_a_pipe_in_a_cell_stays_in_it() -> None:
    assert line(["a|b", "c"]) == r"| a\|b | c |"
