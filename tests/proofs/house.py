"""A running Akhrot with a provider that misbehaves beside it, and connections to it made in bulk."""

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.bench.rows import Bench
from tests.rogue.process import Minted, Rogue, provider_toml
from tests.site import OWNER, Site

# Reads a JSON file of grants and makes their connections at once; prints the ids in the same order.
ADD = """
import datetime, json, sys
from django.contrib.auth.models import User
from django.utils import timezone
from connections.credentials import new_token_id
from connections.models import Connection
given = json.load(open({path!r}))
user, now, rows = User.objects.get(email={owner!r}), timezone.now(), []
second = datetime.timedelta(seconds=1)
for one in given:
    rows.append(Connection(
        user=user, provider_id=one["provider"], account=one["id"], account_id=one["id"], token_id=new_token_id(),
        secrets=json.dumps({{name: one[name] for name in ("access_token", "refresh_token")}}),
        issued_at=now - one["lived"] * second, expires_at=now + one["expires_in"] * second, refreshable=True, scopes=[],
        refresh_at=None if one["due_in"] is None else now + one["due_in"] * second,
    ))
Connection.objects.bulk_create(rows, batch_size=1000)
print(json.dumps([str(row.pk) for row in rows]))
"""
CONFIGURE = """
import json
from providers.models import Provider
for code in json.load(open({path!r})):
    row = Provider.objects.get(code=code)
    row.client_id, row.client_secret = "rogue-client", "rogue-secret"
    row.save()
print("[]")
"""
SHOW = """
import json
from connections.models import Connection, Refresh
given = json.load(open({path!r}))
rows = Connection.objects.in_bulk(given)
def shown(row):
    past = list(Refresh.objects.of(row).values_list("outcome", "reason")[:20])
    held = row.held()
    return dict(account=row.account, status=row.status, reason=row.status_reason, error=row.last_error,
                generation=row.generation, failures=row.failures, lease=row.lease_holder, past=past,
                access_token=held["access_token"], refresh_token=held["refresh_token"], expired=row.is_expired())
print(json.dumps({{str(pk): shown(row) for pk, row in rows.items()}}))
"""


@dataclass
class House:
    """What a proof is given: the site, a key of its owner, and a folder."""

    site: Site
    folder: Path
    database: str
    """Where tests look, past any proxy: ``sqlite``, or the URL of a PostgreSQL."""
    key: str = ""

    def add(
        self,
        grants: list[Minted],
        *,
        provider: str = "rogue",
        lived: float = 1,
        expires_in: float = -1,
        due_in: float | None = None,
    ) -> list[str]:
        """Connections with these grants; their ids. All in seconds; without `due_in` the sweep leaves them alone."""
        facts = {"provider": provider, "lived": lived, "expires_in": expires_in, "due_in": due_in}
        return self.add_all([(one, facts) for one in grants])

    def add_all(self, given: list[tuple[Minted, dict[str, Any]]]) -> list[str]:
        """Connections with grants and facts of their own, `add`'s arguments by name; their ids."""
        listed = [
            {"id": one.id, "access_token": one.access_token, "refresh_token": one.refresh_token, **facts}
            for one, facts in given
        ]
        ids: list[str] = json.loads(self._script(ADD, listed))
        return ids

    def show(self, ids: list[str]) -> dict[str, dict[str, Any]]:
        """The rows as they stand, opened, with what their history says (the newest first)."""
        shown: dict[str, dict[str, Any]] = json.loads(self._script(SHOW, ids))
        return shown

    def _script(self, text: str, given: Any) -> str:
        path = self.folder / "given.json"
        path.write_text(json.dumps(given))
        said = self.site.tell("shell", "--no-imports", "-c", text.format(path=str(path), owner=OWNER))
        return said.splitlines()[-1]

    @property
    def is_sqlite(self) -> bool:
        """Whether it runs on the embedded database."""
        return self.database == "sqlite"

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """One statement on the database, past the product; its rows."""
        if self.is_sqlite:
            path = f"{self.site.environment['AKHROT_DATA_DIR']}/akhrot.sqlite3"
            with closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as connection:
                return connection.execute(statement).fetchall()
        with psycopg.connect(self.database, autocommit=True) as server:
            done = server.execute(statement.encode())
            return done.fetchall() if done.description else []

    def pids(self, what: str) -> list[int]:
        """The processes of the site whose command line has `what` in it."""
        return [pid for pid in self.site.children() if what in command_line(pid)]


def command_line(pid: int) -> str:
    """How a process was started; empty if it is gone."""
    shown = subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return shown.stdout


@contextmanager
def house(rogues: dict[str, Rogue], database: str, *, through: str = "", **environment: str) -> Iterator[House]:
    """A site whose catalogue has each rogue under its code. `database` is ``sqlite`` or the URL of a PostgreSQL.

    `through` is the URL that the site itself uses, where that is another one.
    """
    with Bench(0, database).folder() as folder:
        catalogue = folder / "catalogue"
        catalogue.mkdir()
        for code, rogue in rogues.items():
            (catalogue / f"{code}.toml").write_text(provider_toml(rogue.url, code=code))
        more = {} if database == "sqlite" else {"DATABASE_URL": through or database}
        limits = {"AKHROT_RATE_LIMIT": "1000000/60", "AKHROT_CATALOG_DIR": str(catalogue)}
        site = Site(folder, **limits, **more, **environment)
        site.settled() if database == "sqlite" else site.up()
        try:
            built = House(site, folder, database, site.make_owner())
            built._script(CONFIGURE, list(rogues))
            yield built
        finally:
            site.stop()


@contextmanager
def own_database(postgres: str, kind: str) -> Iterator[str]:
    """``sqlite`` as it is, or the URL of a new database on PostgreSQL."""
    if kind == "sqlite":
        yield "sqlite"
        return
    with Bench(0, postgres).database() as url:
        yield url
