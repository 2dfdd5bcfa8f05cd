"""How long a start takes, and what the product holds when nobody asks."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests import large_catalogue
from tests.bench.rows import SQLITE, Bench, Row
from tests.oauth_server.process import ROOT
from tests.site import Site

LONGEST_START = 3.0
LARGEST_IDLE = 250.0
STARTS = 3
SETTLING = 5.0
PAUSE = 0.005


def start(bench: Bench) -> Iterator[Row]:
    """From `manage.py up` on a prepared data folder to the first answer, and the memory some seconds later.

    The same with a thousand provider files of the operator's; its floor is the start without them.
    """
    with bench.folder() as folder:
        seconds, megabytes = starts(Site(folder))
    with bench.folder() as folder:
        catalogue = folder / "catalogue"
        catalogue.mkdir()
        large_catalogue.write_files(catalogue, auth=large_catalogue.SIGNED_IN)
        larger, _ = starts(Site(folder, AKHROT_CATALOG_DIR=str(catalogue)))
    first, idle = median(seconds), median(megabytes)
    yield Row(
        work="start to the first answer",
        database=SQLITE,
        figure=first,
        unit="s",
        target=f"< {LONGEST_START:g} s",
        met=first < LONGEST_START,
        remark=each(seconds),
    )
    yield Row(
        work=f"start with {large_catalogue.MORE:,} more providers",
        database=SQLITE,
        figure=median(larger),
        unit="s",
        floor=first,
        ratio=median(larger) / first,
        remark=each(larger),
    )
    yield Row(
        work="idle memory, all processes",
        database=SQLITE,
        figure=idle,
        unit="MB",
        target=f"< {LARGEST_IDLE:g} MB",
        met=idle < LARGEST_IDLE,
        remark=("PSS" if Path("/proc/self/smaps_rollup").exists() else "RSS") + f" {SETTLING:g} s later",
    )


def starts(site: Site) -> tuple[list[float], list[float]]:
    """The seconds that each of some starts takes, after one that prepares the data folder, and the MB held then."""
    site.up().stop()
    seconds, megabytes = [], []
    for _ in range(STARTS):
        seconds.append(timed_start(site))
        time.sleep(SETTLING)
        megabytes.append(idle_memory(site))
        site.stop()
    return seconds, megabytes


def each(seconds: list[float]) -> str:
    """The figures that one was taken of."""
    return "of " + ", ".join(f"{one:.2f}" for one in seconds)


def timed_start(site: Site) -> float:
    """Start it; the seconds until `/healthz` answers."""
    command = [sys.executable, "manage.py", "up"]
    started = time.perf_counter()
    with site.said.open("ab") as log:
        site.process = subprocess.Popen(command, cwd=ROOT, env=site.environment, stdout=log, stderr=log)
    while not is_alive(site.port):
        if site.process.poll() is not None or time.perf_counter() - started > 60:
            raise RuntimeError(f"it did not start:\n{site.log()}")
        time.sleep(PAUSE)
    return time.perf_counter() - started


def is_alive(port: int) -> bool:
    """Whether `/healthz` is answered 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            return connection.recv(12).endswith(b" 200")
    except OSError:
        return False


def idle_memory(site: Site) -> float:
    """MB of all its processes: shared pages by share where the kernel tells it (Linux), else resident ones."""
    assert site.process
    return sum(proportional(pid) for pid in (site.process.pid, *site.children())) / 1_000_000


def proportional(pid: int) -> int:
    """Bytes of one process; 0 when it is gone."""
    file = Path(f"/proc/{pid}/smaps_rollup")
    try:
        if file.exists():
            lines = file.read_text().splitlines()
            return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
    except ProcessLookupError:
        return 0
    shown = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return int(shown.strip() or 0) * 1024
