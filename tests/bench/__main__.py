"""What ``make bench`` runs: every measurement, one after the other. It prints a table and writes it as JSON."""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from tests.__main__ import postgres
from tests.bench import fetching, refreshing, scale, starting
from tests.bench.machine import describe
from tests.bench.rows import Bench, Measurement, Row
from tests.bench.table import aligned, cells, markdown

ROWS: list[tuple[str, Measurement]] = [
    ("fetch", fetching.fetch),
    ("context", fetching.context),
    ("start", starting.start),
    ("callers", refreshing.callers),
    ("bulkhead", scale.bulkhead),
    ("sweep", scale.sweep),
    ("sustained", scale.sustained),
]
SECONDS, QUICK_SECONDS = 10.0, 2.0


def measured(bench: Bench, only: list[str]) -> Iterator[Row]:
    """The rows as they come, each said at once for whoever watches."""
    for name, measure in ROWS:
        if only and name not in only:
            continue
        for row in measure(bench):
            print(f"{name}: {' '.join(filter(None, cells(row)))}", file=sys.stderr, flush=True)
            yield row


def main() -> None:
    """Measure what is asked for. A missed target is told, not punished: the machine may have been busy."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="NAME", choices=[name for name, _ in ROWS])
    parser.add_argument("--quick", action="store_true", help=f"loads of {QUICK_SECONDS:g} s, not {SECONDS:g} s")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), metavar="PATH", help="default: bench.json")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    asked = parser.parse_args()
    bench = Bench(QUICK_SECONDS if asked.quick else SECONDS, postgres())
    machine = describe(bench.postgres)
    rows = list(measured(bench, asked.only))
    asked.json.write_text(json.dumps({**machine, "rows": [asdict(row) for row in rows]}, indent=2) + "\n")
    print((markdown if asked.markdown else aligned)(machine, rows))


if __name__ == "__main__":
    main()
