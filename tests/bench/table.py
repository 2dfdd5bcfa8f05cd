"""The rows as people read them: aligned in a terminal, or as Markdown."""

from collections.abc import Sequence

from tests.bench.rows import Row

HEADINGS = ("work", "database", "figure", "floor", "ratio", "target", "met", "remark")
MET = {True: "yes", False: "NO", None: ""}


def aligned(machine: dict[str, str], rows: Sequence[Row]) -> str:
    """A heading, and columns as wide as their widest cell."""
    lines = [HEADINGS, *map(cells, rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(HEADINGS))]
    shown = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    heading = [f"{name:>10}: {value}" for name, value in machine.items()]
    return "\n".join([*heading, "", shown[0], "  ".join("-" * width for width in widths), *shown[1:]])


def markdown(machine: dict[str, str], rows: Sequence[Row]) -> str:
    """A sentence about the machine, and a table."""
    lines = [HEADINGS, tuple("---" for _ in HEADINGS), *map(cells, rows)]
    about = ", ".join(f"{name} {value}" for name, value in machine.items())
    return "\n".join([f"Measured with `make bench`: {about}.", "", *("| " + " | ".join(line) + " |" for line in lines)])


def cells(row: Row) -> tuple[str, ...]:
    """A row as text."""
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    shown = (number(row.figure, row.unit), number(row.floor, row.unit))
    return (row.work, row.database, *shown, ratio, row.target, MET[row.met], row.remark)


def number(value: float | None, unit: str) -> str:
    """A figure with its unit, to three digits or so."""
    if value is None:
        return ""
    return (f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.2f}") + f" {unit}"
