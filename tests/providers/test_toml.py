"""Specifications written as provider files."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import registry, toml

# No database and no provider file holds a lone surrogate.
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.one_of(TEXT, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_what_is_written_is_read_again(document: dict[str, Any]) -> None:
    assert tomllib.loads(toml.dumps(document)) == document


@given(VALUES)
def test_a_value_alone_is_what_stands_behind_a_key(value: Any) -> None:
    assert tomllib.loads(f"key = {toml.inline(value)}\n") == {"key": value}


@pytest.mark.parametrize("code", sorted(registry.catalogue()))
def test_every_shipped_provider_survives_json_and_toml(code: str) -> None:
    document = registry.document_of(registry.file_text(code), source=code)
    assert registry.parse(toml.dumps(document), source=code) == registry.catalogue()[code]


def test_a_null_is_refused_with_its_key() -> None:
    with pytest.raises(ValueError, match=r"verify\.json_body\.query: is null"):
        toml.dumps({"verify": {"json_body": {"query": None}}})
