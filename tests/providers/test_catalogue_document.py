"""What docs/catalogue.md says of the files is counted, and nobody has to remember to."""

import re

from tests import catalogue
from tests.catalogue import WAYS, said, tells_account
from tests.documents import CATALOGUE, PROVIDERS, anew

WRITTEN = CATALOGUE.read_text(encoding="utf-8")


def test_its_figures_are_those_of_the_files() -> None:
    assert anew(CATALOGUE) == WRITTEN, "run python -m tests.documents"
    assert catalogue.figures() in WRITTEN


def test_every_way_is_of_one_kind_and_one_category() -> None:
    for spec in WAYS:
        assert sum(is_one(spec) for is_one in catalogue.KINDS.values()) == 1, spec.code
        assert spec.category in catalogue.CATEGORIES, spec.code


def test_what_cannot_be_proven_or_told_is_named() -> None:
    text = " ".join(WRITTEN.split())
    unproven = [said(way) for way in WAYS if way.is_pasted and way.base_url and not (way.verify or way.oauth)]
    untold = [said(way) for way in WAYS if not way.is_pasted and not tells_account(way)]
    for names in (unproven, untold):
        assert ", ".join(sorted(names, key=str.lower)) in text


def test_the_readers_of_the_schema_find_it() -> None:
    assert re.search(r"\(catalogue\.md\)", PROVIDERS.read_text(encoding="utf-8"))
