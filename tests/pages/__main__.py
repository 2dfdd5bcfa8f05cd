"""Look at every page: pictures, times of the server, Lighthouse."""

import argparse
import json
import sys
from pathlib import Path

from tests.pages import STATES, times


def main() -> None:
    """Do what is asked for and print it."""
    parser = argparse.ArgumentParser(prog="python -m tests.pages", description=__doc__)
    parts = parser.add_subparsers(dest="part", required=True)
    pictures = parts.add_parser("pictures", help="of every page in every state, at two widths, in light and dark")
    pictures.add_argument("folder", type=Path)
    pictures.add_argument("--state", action="append", default=[], choices=STATES)
    pictures.add_argument("--only", action="append", default=[], metavar="PAGE", help="the first word of a page's name")
    timed = parts.add_parser("times", help="of the server, with 1, 200 and 5,000 connections")
    timed.add_argument("--events", type=int, default=times.EVENTS, help="in the ledger, for each user")
    timed.add_argument("--json", type=Path, help="write the figures there as well")
    parts.add_parser("lighthouse", help="the median of five runs; needs npm and its registry")
    asked = parser.parse_args()
    if asked.part == "pictures":
        from tests.pages.screenshots import photograph

        print(photograph(asked.folder, asked.state, asked.only), "pictures")
    elif asked.part == "times":
        rows = times.measure_all(asked.events)
        if asked.json:
            asked.json.write_text(json.dumps(rows, indent=2) + "\n")
        print(times.table(rows))
        sys.exit(any(row["ms"] > times.MOST_MS for row in rows))
    else:
        from tests.pages.lighthouse import judge

        print(json.dumps(judge(), indent=2))


if __name__ == "__main__":
    main()
