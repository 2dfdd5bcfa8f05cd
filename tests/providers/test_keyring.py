"""The keyring file: one key for all who start at once, changed in one step, noticed by those who run."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from providers.keyring import (
    Keyring,
    SealBroken,
    add_key,
    ensure_keyring,
    forget_keyring,
    key_id_of,
    keyring,
    keyring_path,
    new_key_line,
    unseal,
)

ENSURE = """
import os, sys
os.environ["AKHROT_DATA_DIR"], os.environ["DJANGO_SETTINGS_MODULE"] = sys.argv[1], "akhrot_site.settings"
from providers.keyring import ensure_keyring, keyring
sys.stdin.read()
ensure_keyring()
print(keyring().primary)
"""
# Seals a value with whatever it holds each time a line comes, and opens what the line brings.
SERVE = """
import os, sys
os.environ["AKHROT_DATA_DIR"], os.environ["DJANGO_SETTINGS_MODULE"] = sys.argv[1], "akhrot_site.settings"
from providers.keyring import keyring, unseal
print(keyring().primary, flush=True)
for line in sys.stdin:
    print(unseal(bytes.fromhex(line), "place"), keyring().primary, flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    """A data folder without a keyring."""
    settings.AKHROT_DATA_DIR = tmp_path / "data"
    forget_keyring()
    return tmp_path / "data"


def lines() -> list[str]:
    return keyring_path().read_text().split()


def start(script: str, folder: Path) -> subprocess.Popen[str]:
    folder.mkdir(mode=0o700, exist_ok=True)
    command = [sys.executable, "-c", script, str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_the_first_start_makes_a_key_that_only_its_owner_reads(folder: Path) -> None:
    assert ensure_keyring() is True
    assert ensure_keyring() is False
    assert stat.S_IMODE(keyring_path().stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(lines()) == 1
    assert [path.name for path in folder.iterdir()] == ["keyring"]


def test_starts_at_the_same_time_agree_on_one_key(folder: Path) -> None:
    running = [start(ENSURE, folder) for _ in range(3)]
    found = {process.communicate()[0].strip() for process in running}
    assert found == {keyring().primary}


def test_without_a_keyring_nothing_opens(folder: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="no keyring"):
        keyring()


def test_given_keys_need_no_file(folder: Path, settings: Any) -> None:
    settings.AKHROT_KEYS = new_key_line()
    assert ensure_keyring() is False
    assert not keyring_path().exists()
    assert keyring().primary == settings.AKHROT_KEYS.partition(":")[0]
    with pytest.raises(ImproperlyConfigured, match="AKHROT_KEYS"):
        add_key()
    settings.AKHROT_KEYS = ""
    forget_keyring()


def test_a_new_key_stands_first_and_the_old_one_still_opens(folder: Path) -> None:
    ensure_keyring()
    before, old = keyring().seal("text", "place"), lines()
    key_id = add_key()
    assert lines() == [lines()[0], *old]
    assert keyring().primary == key_id == key_id_of(keyring().seal("text", "place"))
    assert unseal(before, "place") == "text"
    assert stat.S_IMODE(keyring_path().stat().st_mode) == 0o600


def test_no_key_is_lost_when_several_are_added_at_once(folder: Path) -> None:
    ensure_keyring()
    adding = ENSURE.replace("ensure_keyring()\n", "").replace("keyring().primary", "add_key()")
    running = [start(adding.replace("import ensure_keyring,", "import add_key,"), folder) for _ in range(3)]
    added = {process.communicate()[0].strip() for process in running}
    assert len(added) == 3
    assert added < set(Keyring.parse(",".join(lines())).keys)


def test_a_running_process_opens_what_is_sealed_under_a_key_added_since(folder: Path) -> None:
    ensure_keyring()
    with start(SERVE, folder) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        old = process.stdout.readline().strip()
        key_id = add_key()
        process.stdin.write(keyring().seal("fresh", "place").hex() + "\n")
        process.stdin.flush()
        assert process.stdout.readline().split() == ["fresh", key_id]
        assert old != key_id


def test_a_running_process_seals_under_the_new_key_within_a_second(folder: Path) -> None:
    ensure_keyring()
    old = keyring().primary
    path, line = keyring_path(), new_key_line()
    draft = folder / "draft"
    draft.write_text(f"{line}\n{path.read_text()}")
    draft.replace(path)
    assert keyring().primary == old
    deadline = time.monotonic() + 3
    while keyring().primary == old and time.monotonic() < deadline:
        time.sleep(0.05)
    assert keyring().primary == line.partition(":")[0]


def test_a_slip_in_the_file_takes_no_keys_from_a_running_process(folder: Path) -> None:
    ensure_keyring()
    sealed = keyring().seal("text", "place")
    for slip in (b"nonsense", b"\xff\xfe", b""):
        keyring_path().write_bytes(slip)
        with pytest.raises(SealBroken):
            unseal(b"\x01\x02zz" + bytes(40), "place")
        assert unseal(sealed, "place") == "text"


def test_a_file_that_was_away_for_a_moment_is_read_when_it_is_back(folder: Path) -> None:
    ensure_keyring()
    sealed, text = keyring().seal("text", "place"), keyring_path().read_text()
    keyring_path().unlink()
    with pytest.raises(SealBroken):
        unseal(b"\x01\x02zz" + bytes(40), "place")
    assert unseal(sealed, "place") == "text"
    line = new_key_line()
    keyring_path().write_text(f"{line}\n{text}")
    assert unseal(Keyring.parse(line).seal("fresh", "place"), "place") == "fresh"


def test_an_operators_own_keyring_is_read_as_it_stands(folder: Path) -> None:
    folder.mkdir()
    keyring_path().write_text(f"\n{new_key_line()}\n\n{new_key_line()},\n")
    os.chmod(keyring_path(), 0o600)  # noqa: PTH101
    assert len(keyring().keys) == 2


GOOD = "A" * 43 + "="


@pytest.mark.parametrize(
    "text",
    [
        "",
        " , ",
        "a",
        "a:",
        f":{GOOD}",
        f"a b:{GOOD}",
        f"{'k' * 33}:{GOOD}",
        "a:AAAA",
        f"a:{GOOD}AAAA",
        "a:é",
        f"a:{GOOD},a:{GOOD}",
    ],
)
def test_a_bad_keyring_is_named_by_place_and_not_by_content(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="AKHROT_KEYS") as caught:
        Keyring.parse(text)
    assert GOOD not in str(caught.value)


def test_both_alphabets_of_base64_are_read() -> None:
    assert list(Keyring.parse(f"a:{'-_' * 21}8=, b:{'+/' * 21}8").keys) == ["a", "b"]


def test_a_keyring_shows_no_key() -> None:
    line = new_key_line()
    ring = Keyring.parse(line)
    assert line.partition(":")[2] not in f"{ring} {ring!r}"


@given(st.text(max_size=60))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        assert Keyring.parse(text).keys
    except ImproperlyConfigured:
        return


@given(st.binary(max_size=80))
def test_any_bytes_give_a_key_id_or_none(blob: bytes) -> None:
    assert isinstance(key_id_of(blob), str)
