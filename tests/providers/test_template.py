"""Templates and paths: ``{name}`` in a text, ``team.id`` in a JSON answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.template import fill, look_up, look_up_text, matches, placeholders

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


def test_a_placeholder_takes_its_value_and_an_unknown_one_becomes_empty() -> None:
    assert fill("Token token={key}{other}", {"key": "abc"}) == "Token token=abc"


def test_doubled_braces_are_braces() -> None:
    assert fill("{{{key}}}", {"key": "abc"}) == "{abc}"


def test_a_value_in_an_address_stays_one_segment() -> None:
    filled = fill("https://api.example/{sid}.json", {"sid": "../a?b#c@d"}, url=True)
    assert filled == "https://api.example/..%2Fa%3Fb%23c%40d.json"


def test_a_value_cannot_leave_its_place_in_a_host_name() -> None:
    assert fill("https://{shop}.example", {"shop": "evil.test/"}, url=True) == "https://evil.test%2F.example"


def test_an_address_that_is_one_value_is_taken_whole_without_its_last_slash() -> None:
    assert fill("{host}/v3/{id}", {"host": "https://a.example/", "id": "/"}, url=True) == "https://a.example/v3/%2F"


@pytest.mark.parametrize("template", ["{", "}", "{}", "{0}", "{a.b}", "{a[0]}", "{a!r}", "{a:>9}", "{a:{b}}"])
def test_braces_hold_nothing_but_a_name(template: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        placeholders(template)


@given(st.text(alphabet="{}ab!:[].>9 /"), st.dictionaries(st.sampled_from("ab"), st.text()), st.booleans())
def test_a_template_is_filled_or_refused_and_nothing_else(template: str, values: dict[str, str], url: bool) -> None:
    try:
        names = placeholders(template)
    except ValueError:
        return
    filled = fill(template, values, url=url)
    longest = max((len(value) for value in values.values()), default=0)
    assert names <= {"a", "b", "ab", "ba"} | names
    assert len(filled) <= len(template) * (1 + 12 * longest)


@given(st.text(min_size=1))
def test_a_filled_segment_holds_no_delimiter(value: str) -> None:
    filled = fill("https://h.example/{v}/end", {"v": value}, url=True)
    assert filled.count("/") == 4
    assert not set("?#@\\ \n") & set(filled)


def test_numbers_in_a_path_are_places_of_a_list() -> None:
    document = {"sites": [{"id": 7}, {"id": 8}]}
    assert look_up(document, "sites.1.id") == 8
    assert look_up(document, "sites.2.id") is None
    assert look_up(document, "sites.id") is None


@given(JSON, st.text(alphabet="a.0²٣-", max_size=8))
def test_looking_up_never_fails(document: object, path: str) -> None:
    look_up(document, path)
    look_up_text(document, (path, path), separator=":")


def test_a_place_of_many_digits_is_nothing() -> None:
    assert look_up([1], "9" * 5000) is None


def test_joined_paths_are_empty_unless_all_are_there() -> None:
    document = {"team": "T1", "user": "U1", "none": None}
    assert look_up_text(document, ("team", "user"), separator=":") == "T1:U1"
    assert look_up_text(document, ("team", "none"), separator=":") == ""
    assert look_up_text(document, (), separator=":") == ""


def test_true_is_not_one() -> None:
    assert matches({"ok": True}, {"ok": True})
    assert not matches({"ok": 1}, {"ok": True})
    assert not matches({"ok": True}, {"ok": 1})
    assert matches({"a": {"b": 1}}, {"a.b": 1})
    assert not matches(None, {"ok": True})
