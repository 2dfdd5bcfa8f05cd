"""Finding providers by what people type: their other names, their services, with typing errors."""

import pytest

from providers import categories, registry, search
from providers.spec import ProviderSpec
from tests.providers.test_spec import KEY, spec

KNOWN = registry.catalogue()


def provider(code: str, more: str = "") -> ProviderSpec:
    """A provider of that code and name."""
    text = KEY.replace('code = "x"', f'code = "{code}"').replace('name = "X"', f'name = "{code.title()}"')
    return spec(f"{more}\n{text}")


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("gmail", "google"),
        ("GMAIL", "google"),
        ("gihub", "github"),
        ("git hub", "github"),
        ("githbu", "github"),
        ("postgres", "neon"),
        ("Nótion", "notion"),
        ("outlook", "microsoft"),
        ("stirpe", "stripe"),
        ("gogle drive", "google"),
        ("jira", "atlassian"),
        ("x", "x"),
    ],
)
def test_the_best_match_comes_first(typed: str, code: str) -> None:
    assert search.ranked(typed, KNOWN)[0] == code


def test_no_query_leaves_all_as_they_are_and_a_sign_finds_nothing() -> None:
    assert search.ranked("", KNOWN) == search.ranked("  ", KNOWN) == list(KNOWN)
    assert search.ranked("?!", KNOWN) == []


def test_every_word_must_be_there() -> None:
    assert search.ranked("outlook 365", KNOWN) == ["microsoft"]
    assert search.ranked("outlook stripe", KNOWN) == []


def test_a_typing_error_is_thought_of_only_where_nothing_has_the_word() -> None:
    specs = {code: provider(code) for code in ("marble", "marbles", "garble")}
    assert search.ranked("marble", specs) == ["marble", "marbles"]
    assert search.ranked("marbel", specs) == ["marble", "marbles"]


@pytest.mark.parametrize(
    ("word", "term", "slip"),
    [
        ("gihub", "github", True),
        ("githbu", "github", True),
        ("goggle", "google", True),
        ("stirp", "stripe", True),
        ("posgresq", "postgresql", True),
        ("gthb", "github", False),
        ("box", "fox", False),
        ("nothing", "notion", False),
        ("githubs", "git", False),
    ],
)
def test_short_words_are_taken_more_literally(word: str, term: str, slip: bool) -> None:
    assert search.is_slip(word, term) is slip


def test_a_name_counts_for_more_than_a_service_and_a_service_for_more_than_a_use() -> None:
    service = '\n[[services]]\ncode = "pecan"\nname = "Pecan"\n'
    specs = {
        "useful": provider("useful", 'uses = "Pecan"'),
        "serving": provider("serving").model_copy(update={"services": spec(KEY + service).services}),
        "pecan": provider("pecan"),
    }
    assert search.ranked("pecan", specs) == ["pecan", "serving", "useful"]


def test_of_those_that_fit_alike_the_most_used_comes_first_then_the_code() -> None:
    specs = {code: provider(code, 'uses = "Nuts"') for code in ("b", "a")}
    specs["c"] = provider("c", 'uses = "Nuts"\npopularity = 1')
    assert search.ranked("nuts", specs) == ["c", "a", "b"]


def test_the_nearest_codes_are_the_likeliest() -> None:
    assert search.nearest("GitHb", KNOWN)[0] == "github"
    assert search.nearest("gmail-api", KNOWN)[0] == "google"
    assert "google" in search.nearest("connect my gmail", KNOWN)
    assert search.nearest("zzz", KNOWN) == search.nearest("", KNOWN) == search.nearest("--", KNOWN) == []
    assert len(search.nearest("mail", KNOWN)) == 3


def test_every_category_of_the_catalogue_has_its_words() -> None:
    assert {one.category for one in KNOWN.values()} <= set(categories.CATEGORIES)
    assert categories.title("walnuts") == "Walnuts"
    assert sorted(["", "walnuts", "health", "ai"], key=categories.place) == ["ai", "health", "walnuts", ""]


def test_a_long_query_is_cut_and_does_no_harm() -> None:
    assert search.ranked("google " + "google " * 50 + "qwertyuiop", KNOWN)[0] == "google"
    assert search.ranked("\0 [a-z]+ " + "a" * 100, KNOWN) == []
