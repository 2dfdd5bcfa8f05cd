"""What ``make test`` runs: the suite on SQLite, and again on PostgreSQL where one answers. Pytest has the last word."""

import os
import shutil
import subprocess
import sys

import psycopg

DEFAULT_DATABASE = "postgres://postgres@127.0.0.1:5432/postgres"
# These bring processes with databases of their own, and would do the same again.
ELSEWHERE = "not site and not browser and not oauth_server and not catalogue"
# One more than there are cores: a third of the time goes by waiting for processes that tests have started.
WORKERS = str((os.cpu_count() or 1) + 1)
# A worker that crashed ends the suite by naming its test: with a new one in its place, xdist 3.8 waits for ever
# (https://github.com/pytest-dev/pytest-xdist/issues/1378).
PYTEST = [sys.executable, "-m", "pytest", "-q", "-n", WORKERS, "--dist", "loadfile", "--max-worker-restart=0"]


def say(text: str) -> None:
    """A line between the suites."""
    print(f"\n== {text}", flush=True)


def postgres() -> str:
    """The URL of a PostgreSQL where tests may make databases: TEST_DATABASE_URL, or this machine's; else empty."""
    url = os.environ.get("TEST_DATABASE_URL", DEFAULT_DATABASE)
    try:
        psycopg.connect(url, connect_timeout=3).close()
    except psycopg.OperationalError:
        return ""
    return url


def lacking(database: str) -> list[str]:
    """What this machine does not have, and what is left out for it."""
    found = {
        "PostgreSQL (the whole suite on it; set TEST_DATABASE_URL)": bool(database),
        "redis-server (tests marked redis)": bool(os.environ.get("TEST_REDIS_URL") or shutil.which("redis-server")),
        "chromium (tests marked browser)": bool(shutil.which("chromium")),
    }
    return [name for name, there in found.items() if not there]


def main() -> int:
    """Run what can be run; the exit status of the first suite that fails."""
    database, arguments = postgres(), sys.argv[1:]
    for name in lacking(database):
        say(f"not here, left out: {name}")
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "PYTHONPATH")}
    suites: list[tuple[str, dict[str, str], list[str]]] = [("SQLite", {}, [])]
    if database:
        suites.append(("PostgreSQL", {"TEST_DATABASE_URL": database}, ["-m", ELSEWHERE]))
    environment.pop("TEST_DATABASE_URL", None)
    for name, more, chosen in suites:
        say(f"The suite on {name}")
        status = subprocess.run([*PYTEST, *chosen, *arguments], env=environment | more, check=False).returncode
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
