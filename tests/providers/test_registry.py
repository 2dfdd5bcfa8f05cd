"""Reading provider files: the shipped ones, the operator's over them, and look-ups."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from providers import registry
from providers.registry import BadProviderFile
from tests.providers.test_spec import KEY, SANDBOX, TWILIO


@pytest.fixture
def catalog_dir(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    """An operator's folder of provider files."""
    settings.AKHROT_CATALOG_DIR = str(tmp_path)
    registry.catalogue.cache_clear()
    yield tmp_path
    registry.catalogue.cache_clear()


def test_an_operators_file_joins_the_shipped_ones(catalog_dir: Path) -> None:
    (catalog_dir / "sandbox.toml").write_text(SANDBOX)
    known = registry.catalogue()
    assert known["sandbox"].name == "Sandbox"
    assert known["google"].name == "Google"


def test_an_operators_file_replaces_the_shipped_one_of_its_code(catalog_dir: Path) -> None:
    (catalog_dir / "twilio.toml").write_text(TWILIO.replace('name = "Twilio"', 'name = "Our Twilio"'))
    assert registry.catalogue()["twilio"].name == "Our Twilio"


def test_a_file_named_otherwise_than_its_code_is_refused(catalog_dir: Path) -> None:
    (catalog_dir / "box.toml").write_text(SANDBOX)
    with pytest.raises(BadProviderFile, match=r"box\.toml: code: is 'sandbox', but the file is named 'box'"):
        registry.catalogue()


def test_a_folder_that_is_not_there_is_refused(catalog_dir: Path, settings: Settings) -> None:
    settings.AKHROT_CATALOG_DIR = str(catalog_dir / "none")
    with pytest.raises(BadProviderFile, match="AKHROT_CATALOG_DIR: there is no folder"):
        registry.catalogue()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'name = "caf\xe9"')
    with pytest.raises(BadProviderFile, match=r"latin\.toml: cannot be read"):
        registry.read(latin)
    with pytest.raises(BadProviderFile, match=r"gone\.toml: cannot be read"):
        registry.read(tmp_path / "gone.toml")


@pytest.mark.parametrize("text", ["a = ", "a = " + "[" * 5000, "a = " + "9" * 5000, "\ufeff" + KEY])
def test_text_that_is_no_toml_is_refused(text: str) -> None:
    with pytest.raises(BadProviderFile, match=r"x\.toml: is not TOML"):
        registry.parse(text, source="x.toml")


@pytest.mark.parametrize("text", ["{", '{"a":' * 100_000, '{"a": ' + "9" * 5000 + "}"], ids=["{", "deep", "long"])
def test_text_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(BadProviderFile, match="admin: is not JSON"):
        registry.document_of(text, source="admin")


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": "\\ud800"}', '{"a": ["\\u0000"]}', "a = inf", 'a = "\\u0000"'])
def test_what_no_database_keeps_as_json_is_refused(text: str) -> None:
    with pytest.raises(BadProviderFile, match="admin: cannot be kept as JSON"):
        registry.document_of(text, source="admin")


def test_a_backslash_before_u0000_is_only_a_text() -> None:
    assert registry.document_of(r'{"a": "\\u0000"}', source="admin") == {"a": r"\u0000"}


def test_dates_of_toml_become_texts() -> None:
    assert registry.document_of("at = 2026-11-24", source="admin") == {"at": "2026-11-24"}


def test_json_and_toml_are_told_apart_and_say_the_same() -> None:
    spec = registry.parse(TWILIO, source="x")
    for text in (TWILIO, "\n# a comment\n" + TWILIO, "\n " + spec.model_dump_json()):
        assert registry.validate(registry.document_of(text, source="y"), source="y") == spec


@pytest.mark.parametrize("code", sorted(registry.catalogue()))
def test_a_shipped_file_is_told_as_it_stands(code: str) -> None:
    text = registry.file_text(code)
    assert registry.parse(text, source=code) == registry.catalogue()[code]


def test_the_operators_file_is_told_before_the_shipped_one(tmp_path: Path, settings: Settings) -> None:
    settings.AKHROT_CATALOG_DIR = str(tmp_path)
    (tmp_path / "twilio.toml").write_text("# ours")
    assert registry.file_text("twilio") == "# ours"
    with pytest.raises(BadProviderFile, match=r"gone\.toml: cannot be read"):
        registry.file_text("gone")


@given(st.text())
def test_any_text_is_a_provider_or_a_bad_file(text: str) -> None:
    with pytest.raises(BadProviderFile):
        registry.parse(text, source="x.toml")
    with pytest.raises(BadProviderFile):
        registry.validate(registry.document_of(text, source="x"), source="x")


LINES = st.sampled_from([line for line in (SANDBOX + TWILIO).splitlines() if line])
VALUES = st.one_of(st.text(alphabet="{}ab/:?[(*+\\", max_size=6), st.integers(), st.booleans(), st.lists(st.text()))


@given(st.lists(LINES), st.dictionaries(st.sampled_from(list(SANDBOX.split())), VALUES, max_size=4))
def test_shuffled_pieces_of_files_never_crash(lines: list[str], other: dict[str, object]) -> None:
    pieces = [*lines, *(f"{key} = {str(value).lower()}" for key, value in other.items())]
    with contextlib.suppress(BadProviderFile):
        registry.parse("\n".join(pieces), source="x.toml")


@given(
    st.dictionaries(
        st.sampled_from(
            ["code", "name", "auth", "fields", "send", "verify", "maps", "services", "oauth", "popularity", "checked"]
        ),
        st.recursive(
            VALUES,
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
        ),
    )
)
def test_any_document_is_a_provider_or_a_bad_file(document: dict[str, object]) -> None:
    with contextlib.suppress(BadProviderFile):
        registry.validate(document, source="admin")
