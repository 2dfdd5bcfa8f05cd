"""Commands where the database is away or not prepared: one line that says what is the matter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[2]


def said(folder: Path, *arguments: str, **variables: str) -> str:
    """What a command that must fail says on its standard error."""
    environment = {"PATH": os.environ["PATH"], "AKHROT_DATA_DIR": str(folder), **variables}
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    return done.stderr


@pytest.mark.parametrize("command", [("apikey", "list"), ("provider", "list"), ("keyring", "status")])
def test_a_command_before_the_first_start_says_what_comes_first(tmp_path: Path, command: tuple[str, str]):
    message = said(tmp_path, *command)
    assert message.startswith("OperationalError: the database is not prepared: `manage.py up`")
    assert message.count("\n") == 1


def test_a_start_names_the_file_that_it_cannot_open(tmp_path: Path):
    message = said(tmp_path, "up", PORT=str(free_port()), DATABASE_URL=f"sqlite:///{tmp_path}/nowhere/akhrot.sqlite3")
    assert "unable to open database file" in message
    assert f"{tmp_path}/nowhere/akhrot.sqlite3" in message
    assert "Traceback" not in message


def test_a_start_tells_why_postgresql_is_not_reached(tmp_path: Path):
    port = free_port()
    url = f"postgres://akhrot:hunter2@127.0.0.1:{port}/akhrot"
    message = said(tmp_path, "up", PORT=str(free_port()), DATABASE_URL=url)
    last = message.splitlines()[-1]
    assert last.startswith("OperationalError: the database cannot be used: connection failed:")
    assert str(port) in last
    assert "Connection refused" in last
    assert "Traceback" not in message
    assert "hunter2" not in message
