"""Another language is a file and no rewriting: no page says a word that a catalogue of translations cannot replace."""

import re
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.agents import Agent
from tests.unmarked import bare, unmarked

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = sorted(path for kind in ("html", "txt") for path in (ROOT / "templates").rglob(f"*.{kind}"))
# What is the same in every language: our name, a time zone's, how a key begins, and what a font draws as a sign.
NAMES = ("Akhrot", "UTC", "akhrot__…", "content_copy")
# Agents are told English whatever people are, and a terminal is the operator's.
NO_PAGES = {"openapi.py", "operations.py", "serializers.py", "migrations", "management"}
APPS = ("akhrot_site", "apikeys", "connections", "providers")
MODULES = sorted(path for app in APPS for path in (ROOT / app).rglob("*.py") if not NO_PAGES & set(path.parts))
SCRIPTS = sorted((ROOT / "akhrot_site" / "static").glob("*.js"))
# A text that is put into the page, or one that begins like a sentence.
SPOKEN = re.compile(r"""(?:textContent|innerText|title|ariaLabel) = .*["'`][A-Za-z]|["'`][A-Z][a-z]+ [a-z]""")
# The name again, and what is said of columns that no page shows.
SHOWN_NOWHERE = {
    *("'Akhrot'", "'tallies'", "'canaries'"),
    *("'Whether the outcome is not “ok”'", "'Sealed text'", "'is no sealed value'"),
}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_every_word_of_a_template_can_be_translated(path: Path):
    found = unmarked(path.read_text(), NAMES)
    assert not found, f"{name_of(path)}: outside of every translate tag: {'; '.join(found)}"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("<p>Hello {{ name }}</p>", ["Hello"]),
        ('<a title="Leave it" href="/Leave">{% translate "Leave" %}</a>', ["Leave it"]),
        ('<p {% if late %}aria-label="Too late"{% endif %}>1</p>', ["Too late"]),
        ('<input placeholder="Words"><img alt="A nut">', ["Words", "A nut"]),
        ('<body data-copied="Copied" data-soon="in a moment" data-copy="text">', ["Copied", "in a moment"]),
        ('<input type="submit" value="Send"><input type="radio" value="yes">', ["Send"]),
        ('{% include "a/b.html" with text="The keys" %}', ["The keys"]),
        ('{{ name|default:"Nobody" }} nut{{ number|pluralize:"s,y" }}', ["nut", "Nobody", "s,y"]),
        ("{% blocktranslate %}a{% endblocktranslate %} b", ["b"]),
    ],
)
def test_a_word_outside_of_every_tag_is_found(template: str, words: list[str]):
    assert unmarked(template) == words


@pytest.mark.parametrize(
    "template",
    [
        '{% translate "Hello" %}{% blocktranslate count n=n %}one{% plural %}{{ n }}{% endblocktranslate %}',
        '{% include "a/b.html" with text=_("The keys") look="btn-primary" %}{{ at|date:"j M Y, H:i" }}',
        "{# a remark #}{% comment %}another{% endcomment %}<script>run()</script><pre>curl</pre>",
        '{% if state == "ready" %}{{ number }} · {{ total }}{% endif %}<p class="Note" id="x">1</p>',
        'hx-boost="true" hx-target="#found"',
    ],
)
def test_what_is_marked_or_is_no_word_is_left_alone(template: str):
    assert unmarked(template) == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_form_message_or_column_takes_a_text_that_cannot_be_translated(path: Path):
    found = set(bare(path.read_text())) - SHOWN_NOWHERE
    assert not found, f"{name_of(path)}: not marked for translation: {'; '.join(sorted(found))}"


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ('messages.success(request, "It is done.")', ["'It is done.'"]),
        ('raise forms.ValidationError(f"{name} is taken")', ["f'{name} is taken'"]),
        ('forms.CharField(label="Name", help_text=_("Yours"))', ["'Name'"]),
        (
            'raise Refused("Not you." if known else _("Not here."), session)',
            ["'Not you.' if known else _('Not here.')"],
        ),
        ('log.info("done", label=label); messages.info(request, _("Done")); self.add_error("name", said)', []),
    ],
)
def test_a_plain_text_for_people_is_found(source: str, texts: list[str]):
    assert bare(source) == texts


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_a_script_says_what_the_page_gave_it(path: Path):
    assert not SPOKEN.findall(path.read_text())


def compiled(texts: Mapping[str, str]) -> bytes:
    """A catalogue as gettext reads it (GNU gettext manual, "The Format of GNU MO Files"). A plural follows a NUL."""
    header = "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=n != 1;\n"
    entries = sorted((key.encode(), value.encode()) for key, value in {"": header, **texts}.items())
    number, start = len(entries), 28 + 16 * len(entries)
    tables, data = [b"", b""], b""
    for column in (0, 1):
        for entry in entries:
            tables[column] += struct.pack("<II", len(entry[column]), start + len(data))
            data += entry[column] + b"\0"
    return struct.pack("<7I", 0x950412DE, 0, number, 28, 28 + 8 * number, 0, start) + b"".join(tables) + data


@pytest.fixture
def speak(settings: Any, tmp_path: Path) -> Callable[[Mapping[str, str]], None]:
    """``speak({"Ready": "Bereit"})`` makes German, with these texts, the language of the instance."""

    def speak(texts: Mapping[str, str]) -> None:
        folder = tmp_path / "de" / "LC_MESSAGES"
        folder.mkdir(parents=True)
        (folder / "django.mo").write_bytes(compiled(texts))
        settings.LOCALE_PATHS = [tmp_path]
        settings.LANGUAGES = [("en", "English"), ("de", "German")]
        settings.LANGUAGE_CODE = "de"

    return speak


def test_the_catalogue_answers_in_the_language_of_the_instance(browser: Client, speak: Any):
    speak(
        {
            "Catalogue": "Nußverzeichnis",
            "Payments and shops": "Zahlungen und Läden",
            "Ready": "Bereit dazu",
            "Search by name or by what it does": "Nach Namen oder Zweck",
            "%(shown)s provider for %(words)s\0%(shown)s providers for %(words)s": (
                "%(shown)s Anbieter zu %(words)s\0Zu %(words)s gibt es %(shown)s"
            ),
        }
    )
    page = browser.get("/app/providers/?q=stripe").content.decode()
    assert '<html lang="de">' in page
    assert "<h1>Nußverzeichnis</h1>" in page
    assert "Zahlungen und Läden<span" in page
    assert '<span class="state">Bereit dazu</span>' in page
    assert 'placeholder="Nach Namen oder Zweck"' in page
    found = browser.get("/app/providers/", {"q": "stripe"}, headers={"HX-Request": "true"}).content.decode()
    assert "Zu stripe gibt es 2<" in found


def test_the_link_and_what_was_done_with_it_are_told_in_that_language(browser: Client, agent: Agent, speak: Any):
    speak(
        {
            "Connect %(name)s": "%(name)s verbinden",
            "Check and save": "Prüfen und behalten",
            "Expires on": "Endet am",
            "{key} asked for a link to connect {provider}": "Für {provider} wollte {key} einen Link",
        }
    )
    link = agent.post("/oauth/sessions", {"provider": "openai"}).json()["data"]["sessionId"]
    page = browser.get(f"/connect/{link}").content.decode()
    assert '<h1 class="text-center">OpenAI verbinden</h1>' in page
    assert "Prüfen und behalten</button>" in page
    assert "Endet am" in page
    assert "Für OpenAI wollte assistant einen Link" in browser.get("/app/ledger/").content.decode()


def test_agents_are_answered_in_english_whatever_people_are(browser: Client, agent: Agent, speak: Any):
    nothing, late = "There is nothing at this address.", "gave way to a later request: only 20 may be pending"
    speak({nothing: "Hier ist nichts.", late: "kam zu spät dran"})
    first, *_ = [agent.post("/oauth/sessions", {"provider": "openai"}).json()["data"]["sessionId"] for _ in range(21)]
    assert "Hier ist nichts." in browser.get("/app/nowhere/").content.decode()
    assert agent.get("/tokens/nowhere").json()["error"]["message"] == nothing
    assert "kam zu spät dran." in browser.get(f"/connect/{first}").content.decode()
    assert agent.get(f"/oauth/sessions/{first}").json()["data"]["reason"] == late
