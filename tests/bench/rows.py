"""What a row of the table is, and what every measurement is given."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line: a figure in its unit, beside its floor and its target. `met` is None where there is no target."""

    work: str
    database: str = ""
    figure: float | None = None
    unit: str = ""
    floor: float | None = None
    ratio: float | None = None
    target: str = ""
    met: bool | None = None
    remark: str = ""


@dataclass(frozen=True)
class Bench:
    """How to measure: `seconds` of one load, and a PostgreSQL where databases may be made, or empty."""

    seconds: float
    postgres: str

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A folder that goes when the measurement is over."""
        with tempfile.TemporaryDirectory(prefix="akhrot-bench-") as name:
            yield Path(name)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a new database on PostgreSQL, which goes when the measurement is over."""
        name = f"akhrot_bench_{uuid4().hex[:12]}"
        with psycopg.connect(self.postgres, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
            try:
                yield f"{self.postgres.rpartition('/')[0]}/{name}"
            finally:
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def on_both(self, work: str, measure: Callable[[Path, str, dict[str, str]], list[Row]]) -> Iterator[Row]:
        """The rows of ``measure(folder, name of the database, environment)`` on SQLite and on PostgreSQL."""
        with self.folder() as folder:
            yield from measure(folder, SQLITE, {})
        if not self.postgres:
            yield Row(work=work, database=POSTGRESQL, remark="left out: there is no PostgreSQL (TEST_DATABASE_URL)")
            return
        with self.folder() as folder, self.database() as url:
            yield from measure(folder, POSTGRESQL, {"DATABASE_URL": url})


Measurement = Callable[[Bench], Iterator[Row]]
