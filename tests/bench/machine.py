"""Where and on what the figures were measured."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from tests.oauth_server.process import ROOT


def describe(postgres: str) -> dict[str, str]:
    """Date, machine, versions and commit, in the order they are shown."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes").replace("+00:00", "Z"),
        "commit": commit(),
        "cpu": processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "postgresql": postgres_version(postgres),
    }


def commit() -> str:
    """The commit that is checked out, with a plus sign where files differ from it."""
    head = told("git", "rev-parse", "--short", "HEAD")
    return (head or "unknown") + ("+" if told("git", "status", "--porcelain", "--untracked-files=no") else "")


def processor() -> str:
    """The model of the CPU."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else told("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()


def postgres_version(url: str) -> str:
    """The server's version; ``none`` where there is none."""
    if not url:
        return "none"
    with psycopg.connect(url) as connection:
        found = connection.execute("SHOW server_version").fetchone()
    return str(found[0]) if found else "unknown"


def told(*command: str) -> str:
    """What a command says; empty when it is not there or fails."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
