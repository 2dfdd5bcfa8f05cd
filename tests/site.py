"""The whole product in processes of its own, as `make run` starts it."""

import atexit
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import httpx

from tests.desk import Desk
from tests.oauth_server.process import ROOT, OAuthServer, provider_toml
from tests.servers import free_port

PATIENCE = 150.0
DATABASE = "akhrot.sqlite3"
OWNER = "ada@example.test"
PASSWORD = "walnuts-are-not-nuts-7"


class Site:
    """A running Akhrot with its own data folder; `tell` and `manage` run commands on it."""

    command = ("manage.py", "up")
    # A data folder after a first start, kept for the others of this process.
    first: Path | None = None

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = {
            **kept,
            "PORT": str(self.port),
            "AKHROT_DATA_DIR": str(folder / "data"),
            "AKHROT_ALLOW_PRIVATE_HOSTS": "127.0.0.1",
            **environment,
        }
        self.said = folder / "up.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.desk = Desk(self.environment)

    @classmethod
    def with_sandbox(cls, folder: Path, oauth: OAuthServer, **environment: str) -> Self:
        """A site whose catalogue holds the OAuth server as ``sandbox``."""
        catalogue = folder / "catalogue"
        catalogue.mkdir()
        (catalogue / "sandbox.toml").write_text(provider_toml(oauth.url))
        return cls(folder, AKHROT_CATALOG_DIR=str(catalogue), **environment)

    def settled(self) -> Self:
        """Let it begin as after its first start, which every site but the first of this process is spared."""
        data = Path(self.environment["AKHROT_DATA_DIR"])
        if Site.first is None:
            self.up()
            Site.first = Path(tempfile.mkdtemp(prefix="akhrot-first-"))
            atexit.register(shutil.rmtree, Site.first, ignore_errors=True)
            keep(data, Site.first)
            return self
        shutil.copytree(Site.first, data)
        return self.up()

    def up(self) -> Self:
        """Start it and wait for the first page."""
        with self.said.open("ab") as log:
            command = [sys.executable, *self.command]
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        try:
            self.wait_until_ready()
        except TimeoutError:
            self.stop()
            raise
        return self

    def wait_until_ready(self) -> None:
        """Return when it answers; with what it said, if it does not."""
        self.wait_for(self.is_ready, "the first page")

    def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def wait_for(self, met: Any, what: str) -> None:
        """Return when `met()` is true."""
        deadline = time.monotonic() + PATIENCE
        while not met():
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {what}:\n{self.log()}")
            time.sleep(0.05)

    def log(self) -> str:
        """What it has said so far."""
        return self.said.read_text(errors="replace") if self.said.exists() else ""

    def owner_link(self) -> str:
        """The one-time link that it printed."""
        self.wait_for(lambda: "/owner/" in self.log(), "owner's link")
        found = re.search(r"http://\S+/owner/\S+", self.log())
        assert found
        return found[0]

    def tell(self, *arguments: str, sent: str = "") -> str:
        """Run a command beside it, in one process with all others; its standard output."""
        return self.desk.ask(*arguments, sent=sent)

    def manage(self, *arguments: str, sent: str = "") -> str:
        """Run a command beside it, in a process of its own; its standard output."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, input=sent, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def make_owner(self) -> str:
        """An owner and a key of his; the key."""
        self.tell("owner", "--email", OWNER, "--password-stdin", sent=PASSWORD)
        return self.tell("apikey", "create", "--user", OWNER, "--name", "assistant")

    def children(self) -> list[int]:
        """The processes that it runs."""
        assert self.process
        return _descendants(self.process.pid)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it and wait until it is gone."""
        self.desk.close()
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(PATIENCE)


def keep(data: Path, copy: Path) -> None:
    """Copy what a first start makes: keys, and the database while it runs, without providers of this site alone."""
    for name in ("keyring", "secret_key"):
        shutil.copy2(data / name, copy)
    shipped = [(path.stem,) for path in (ROOT / "providers" / "catalog").glob("*.toml")]
    with closing(sqlite3.connect(data / DATABASE)) as source, closing(sqlite3.connect(copy / DATABASE)) as there:
        source.backup(there)
        there.execute("CREATE TEMP TABLE shipped (code TEXT)")
        there.executemany("INSERT INTO shipped VALUES (?)", shipped)
        there.execute("DELETE FROM providers_provider WHERE code NOT IN (SELECT code FROM shipped)")
        there.commit()


def _descendants(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = [tuple(map(int, line.split())) for line in listed.splitlines()]
    found, new = [], [pid]
    while new:
        new = [child for child, parent in parents if parent in new]
        found += new
    return found


def is_alive(pid: int) -> bool:
    """Whether a process is there and not a mere entry that waits for its parent."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")
