"""One child at a time; `tests/test_up.py` runs the whole."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from akhrot_site.supervisor import Child, how

ROOT = Path(__file__).resolve().parents[2]


STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open({said!r}, "w").write(str(started.pid))
time.sleep(60)
"""


def until(met: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def child() -> Iterator[Callable[[str], Child]]:
    """``child("code")`` is a child that runs this Python code, when it is started."""
    made: list[Child] = []

    def child(code: str) -> Child:
        made.append(Child("test", [sys.executable, "-c", code]))
        return made[-1]

    yield child
    for one in made:
        one.stop(0)


def test_a_child_that_dies_again_and_again_is_started_more_and_more_slowly(child, capfd):
    one = child("raise SystemExit(3)")
    pauses = []
    for _ in range(3):
        one.start_at = 0
        one.tick()
        until(lambda: one.process is None or one.process.poll() is not None)
        before = time.monotonic()
        one.tick()
        pauses.append(round(one.start_at - before, 1))
    assert pauses == [0.5, 1.0, 2.0]
    assert capfd.readouterr().err.count("test ended (exit status 3); starting it again") == 3


def test_a_child_that_ran_steadily_is_started_again_at_once(child):
    one = child("pass")
    one.pause = 16.0
    one.tick()
    one.process.wait()
    one.started -= 61
    before = time.monotonic()
    one.tick()
    assert one.start_at - before < 1


def test_a_child_that_does_not_listen_is_killed_with_all_that_it_started(child, tmp_path: Path, capfd):
    said = tmp_path / "pid"
    one = child(STUBBORN.format(said=str(said)))
    one.tick()
    until(lambda: said.exists() and said.read_text())
    one.stop(time.monotonic() + 0.2)
    assert one.process.returncode == -signal.SIGKILL
    assert "did not stop in time" in capfd.readouterr().err
    until(lambda: not runs(int(said.read_text())))


def runs(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


def test_a_process_whose_parent_is_already_gone_ends():
    code = "from akhrot_site import lifeline; import time; lifeline.follow_parent(); time.sleep(60)"
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    orphan = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=os.environ | {"AKHROT_PARENT": str(gone.pid)})
    assert orphan.wait(10) == -signal.SIGTERM


def test_the_end_of_a_process_is_said_in_words():
    assert (how(-9), how(1)) == ("killed by SIGKILL", "exit status 1")
