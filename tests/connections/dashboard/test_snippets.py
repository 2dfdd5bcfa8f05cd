"""Every snippet does what it promises: it is run as it stands on the page, against a server that listens."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.test import Client

from apikeys.models import ApiKey, AuditEvent
from connections import skill
from tests.connections.dashboard.test_key_views import FORM, shown

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def base_url(live_server: Any, settings: Any) -> str:
    """A server with the whole product behind it, which takes itself to be this instance."""
    settings.AKHROT_BASE_URL = live_server.url
    return str(live_server.url)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with nothing in it."""
    return tmp_path


@pytest.fixture
def run(home: Path) -> Run:
    """``run("sh", text)`` runs a program on a text in an empty home; `key` is in the environment, if it is given."""

    def run(program: str, text: str, *, key: str = "", name: str = "script") -> subprocess.CompletedProcess[str]:
        script = home / name
        script.write_text(text)
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "no_proxy": "*"}
        environment |= {"AKHROT_KEY": key} if key else {}
        command = [program, str(script)]
        return subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)

    return run


def texts(page: bytes) -> dict[str, str]:
    """The snippets of a page by their codes, as they would be copied."""
    found = re.findall(r'<pre id="snippet-([\w-]+)"[^>]*>(.*?)</pre>', page.decode(), re.DOTALL)
    return {code: unescape(text) for code, text in found}


class Two:
    """The snippets in the answer that made a key, and those on the key's page; whichever is asked for."""

    def __init__(self, browser: Client) -> None:
        made = browser.post("/app/keys/new/", FORM)
        self.key = shown(made)
        page = browser.get(f"/app/keys/{ApiKey.objects.get().pk}/")
        self.with_key, self.without = texts(made.content), texts(page.content)

    def text(self, code: str, held: str) -> tuple[str, str]:
        """The snippet, and the key that the environment has to have for it."""
        return (self.with_key[code], "") if held == "with the key" else (self.without[code], self.key)


@pytest.fixture
def two(browser: Client, base_url: str, connect: Any) -> Two:
    connect("google", expires_in=None, access_token="a-token-of-google")
    return Two(browser)


held = pytest.mark.parametrize("held", ["with the key", "without it"])


def needs(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"there is no {program} here")
    return found


def test_only_those_beside_the_new_key_have_it(two: Two) -> None:
    assert (
        two.with_key.keys() == two.without.keys() == {"curl", "python", "javascript", "claude-code", "cursor", "agent"}
    )
    secret = two.key.rpartition("_")[2]
    for code in two.with_key:
        assert two.with_key[code].count(two.key) >= 1, code
        assert secret not in two.without[code], code
        assert "AKHROT_KEY" in two.without[code], code


@held
def test_curl_tells_what_is_connected_and_fetches(two: Two, run: Run, held: str) -> None:
    needs("curl")
    text, key = two.text("curl", held)
    done = run("sh", text, key=key)
    assert (done.returncode, done.stderr) == (0, "")
    assert '"connected":{"google":' in done.stdout
    assert '"accessToken":"a-token-of-google"' in done.stdout


@held
def test_python_tells_what_is_connected_and_fetches(two: Two, run: Run, held: str) -> None:
    text, key = two.text("python", held)
    done = run(sys.executable, text, key=key, name="akhrot.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert "'google'" in done.stdout
    assert "Got a credential for ada@example.com" in done.stdout
    assert "a-token" not in done.stdout
    assert AuditEvent.objects.filter(action="token.fetch", outcome="ok", purpose="trying it out").count() == 1


def test_python_says_why_it_was_refused(two: Two, run: Run) -> None:
    done = run(sys.executable, two.without["python"], key="no-key", name="akhrot.py")
    assert (done.returncode, done.stderr) == (1, "The API key is missing or not valid.\n")


@held
def test_javascript_tells_what_is_connected_and_fetches(two: Two, run: Run, held: str) -> None:
    text, key = two.text("javascript", held)
    done = run(needs("node"), text, key=key, name="akhrot.mjs")
    assert (done.returncode, done.stderr) == (0, "")
    assert "google" in done.stdout
    assert "Got a credential for ada@example.com" in done.stdout


def test_javascript_says_why_it_was_refused(two: Two, run: Run) -> None:
    done = run(needs("node"), two.without["javascript"], key="no-key", name="akhrot.mjs")
    assert done.returncode != 0
    assert "The API key is missing or not valid." in done.stderr


@held
def test_claude_code_gets_a_skill_and_the_key(two: Two, run: Run, home: Path, base_url: str, held: str) -> None:
    needs("curl")
    text, key = two.text("claude-code", held)
    done = run("sh", text + '\nprintf %s "$AKHROT_KEY"', key=key)
    assert (done.returncode, done.stdout, done.stderr) == (0, two.key, "")
    document = (home / ".claude" / "skills" / "akhrot" / "SKILL.md").read_text()
    # https://code.claude.com/docs/en/skills: the folder is named as the skill, a description of at most 1024 signs.
    assert front(document)["name"] == "akhrot"
    assert 0 < len(front(document)["description"]) <= 1024
    assert document.startswith(skill.markdown())
    assert "environment variable AKHROT_KEY" in document
    assert base_url in document
    assert two.key not in document
    # The document is replaced, not added to, when it is fetched again.
    run("sh", text, key=key)
    assert (home / ".claude" / "skills" / "akhrot" / "SKILL.md").read_text() == document


@held
def test_cursor_gets_a_rule_whose_calls_work(two: Two, run: Run, home: Path, held: str) -> None:
    needs("curl")
    text, key = two.text("cursor", held)
    done = run("sh", text + '\nprintf %s "$AKHROT_KEY"', key=key)
    assert (done.returncode, done.stdout, done.stderr) == (0, two.key, "")
    rule = (home / ".cursor" / "rules" / "akhrot.mdc").read_text()
    # https://cursor.com/docs/rules: with a description alone the agent decides when it reads the rule.
    assert front(rule).keys() == {"description", "alwaysApply"}
    assert front(rule)["alwaysApply"] is False
    assert two.key not in rule
    calls = [line.strip() for line in rule.splitlines() if line.startswith("    curl")]
    document, summary = (run("sh", call, key=two.key).stdout for call in calls)
    assert document == skill.markdown()
    assert '"connected":{"google":' in summary


@held
def test_any_agent_is_told_where_to_read_and_what_its_key_is(two: Two, held: str) -> None:
    text, key = two.text("agent", held)
    found = re.search(r"Read (\S+) to learn", text)
    assert found
    fetched = subprocess.run([needs("curl"), "-fsS", found[1]], capture_output=True, text=True, check=True).stdout
    assert fetched == skill.markdown()
    assert (two.key if not key else "variable AKHROT_KEY") in text


def front(document: str) -> dict[str, Any]:
    """The frontmatter of a Markdown document."""
    found: dict[str, Any] = yaml.safe_load(document.split("---\n")[1])
    return found


def test_with_nothing_connected_they_only_ask(browser: Client, base_url: str, run: Run) -> None:
    pair = Two(browser)
    assert "tokens/fetch" not in "".join(pair.with_key.values())
    done = run(sys.executable, pair.with_key["python"])
    assert "'connected': {}" in done.stdout


def test_a_key_that_may_not_use_it_does_not_try(browser: Client, base_url: str, connect: Any) -> None:
    connect("google")
    connect("stripe")
    made = browser.post("/app/keys/new/", {**FORM, "providers": ["stripe"]})
    assert '"provider": "stripe"' in texts(made.content)["curl"]
    assert '"provider": "google"' not in texts(made.content)["curl"]
