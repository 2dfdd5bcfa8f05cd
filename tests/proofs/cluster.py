"""A PostgreSQL and a Redis of the test's own, to be restarted as it pleases."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import psycopg

from tests.servers import free_port, wait_for_port


class Cluster:
    """A PostgreSQL cluster in a folder. The server refuses root, so root runs it as ``postgres``."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="akhrot-cluster-"))
        self.port = free_port()
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        if os.getuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)

    @classmethod
    def start(cls) -> Self:
        """Make one and wait until it answers."""
        cluster = cls()
        cluster._run("initdb", "-D", str(cluster._data), "-U", "postgres", "-A", "trust", "-E", "UTF8")
        with (cluster.folder / "more.conf").open("w") as file:
            file.write(f"port = {cluster.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n")
        cluster._run("cp", str(cluster.folder / "more.conf"), str(cluster._data / "postgresql.auto.conf"))
        cluster.control("start")
        return cluster

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def control(self, verb: str, mode: str = "fast") -> None:
        """``start``, ``stop`` or ``restart``; returns when it is done. `mode` of a stop: ``fast`` or ``immediate``."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", mode, "-l", str(self.folder / "log"), verb)

    def stop(self) -> None:
        """End it and remove its folder."""
        self.control("stop", "immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def answers(self) -> bool:
        """Whether it takes connections."""
        try:
            psycopg.connect(self.url, connect_timeout=1).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, name: str, *arguments: str) -> None:
        found = shutil.which(name) or next(map(str, sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), name)
        as_postgres = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        done = subprocess.run(
            [*as_postgres, found, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{name} failed: {done.stderr.decode(errors='replace')}")


class Redis:
    """A Redis that keeps nothing on disk, so that a restart forgets the queue."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it and wait until it listens."""
        binary = shutil.which("redis-server") or "redis-server"
        command = [binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_port(self.port, self._process)
        return self

    def stop(self) -> None:
        """Kill it."""
        if self._process:
            self._process.kill()
            self._process.wait()
