"""Statements whose SQL is written once, and not by Django for each request.

Django compiles a query anew whenever it runs, which takes several times as long as the database needs for it. That
matters in two places, the fetch of a fresh token and a refresh. `Accumulate` is here because Django has no such
statement. Everything else goes through QuerySets.
Columns, their order and their conversion come from the models, so that a migration changes them here as well.

The classes are thread-local: what `__init__` makes is made anew in each thread, from the same arguments. Django's
converters belong to a thread's connection, and one held by other threads would keep that connection open.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from django.db import connection, models
from django.db.models.sql import UpdateQuery

M = TypeVar("M", bound=models.Model)


class FirstJoined(threading.local, Generic[M]):
    """Reads the first row of `model` with the one that its foreign key `joined` names, as ``select_related`` would.

    `where` names the columns that must equal what `read` is given, `order` sorts as in ``order_by``.
    """

    def __init__(self, model: type[M], joined: str, *, where: Sequence[str], order: Sequence[str] = ()) -> None:
        key = model._meta.get_field(joined)
        assert isinstance(key, models.ForeignKey)  # noqa: S101
        self.key, self.model, self.other = key, model, key.related_model
        self.own_names = [field.attname for field in model._meta.concrete_fields]
        self.other_names = [field.attname for field in self.other._meta.concrete_fields]
        fields = [*model._meta.concrete_fields, *self.other._meta.concrete_fields]
        self.converters = [(place, *found) for place, field in enumerate(fields) for found in _converters(field)]
        conditions = [f"{_column(model._meta.get_field(name))} = %s" for name in where]
        sorting = [
            f"{_column(model._meta.get_field(name.lstrip('-')))} {'DESC' if name.startswith('-') else 'ASC'}"
            for name in order
        ]
        self.sql = (
            f"SELECT {', '.join(map(_column, fields))} FROM {_quoted(model._meta.db_table)}"  # noqa: S608
            f" INNER JOIN {_quoted(self.other._meta.db_table)} ON {_column(key)} = {_column(key.target_field)}"
            f" WHERE {' AND '.join(conditions)}{' ORDER BY ' if sorting else ''}{', '.join(sorting)} LIMIT 1"
        )

    def read(self, *given: str | int) -> M | None:
        """The row, or None. One statement."""
        with connection.cursor() as cursor:
            cursor.execute(self.sql, given)
            found = cursor.fetchone()
        if found is None:
            return None
        values = list(found)
        for place, convert, column in self.converters:
            values[place] = convert(values[place], column, connection)
        own = len(self.own_names)
        row = self.model.from_db(connection.alias, self.own_names, values[:own])
        self.key.set_cached_value(row, self.other.from_db(connection.alias, self.other_names, values[own:]))
        return row


class Insert(threading.local, Generic[M]):
    """Inserts rows of `model`, whose primary key the database makes; the row in memory does not learn it."""

    def __init__(self, model: type[M]) -> None:
        self.fields = [field for field in model._meta.concrete_fields if not field.primary_key]
        names = ", ".join(_quoted(field.column) for field in self.fields)
        marks = ", ".join("%s" for _ in self.fields)
        self.sql = f"INSERT INTO {_quoted(model._meta.db_table)} ({names}) VALUES ({marks})"  # noqa: S608

    def write(self, row: M) -> None:
        """Insert `row`. One statement."""
        values = [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in self.fields]
        with connection.cursor() as cursor:
            cursor.execute(self.sql, values)


class Accumulate(threading.local, Generic[M]):
    """Inserts rows of `model`. Where one is there that the unique constraint holds to be the same, it takes them in.

    `add` names the columns that it adds theirs to, `replace` those that it takes over.
    """

    def __init__(self, model: type[M], *, constraint: str, add: Sequence[str], replace: Sequence[str]) -> None:
        self.fields = [field for field in model._meta.concrete_fields if not field.primary_key]
        (unique,) = [one for one in model._meta.total_unique_constraints if one.name == constraint]
        by_name = {name: field for field in self.fields for name in (field.name, field.attname)}
        table, columns = _quoted(model._meta.db_table), [_quoted(field.column) for field in self.fields]
        same = ", ".join(_quoted(by_name[name].column) for name in unique.fields)
        changes = [f"{_quoted(name)} = {table}.{_quoted(name)} + EXCLUDED.{_quoted(name)}" for name in add]
        changes += [f"{_quoted(name)} = EXCLUDED.{_quoted(name)}" for name in replace]
        self.sql = (
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('%s' for _ in columns)})"  # noqa: S608
            f" ON CONFLICT ({same}) DO UPDATE SET {', '.join(changes)}"
        )

    def write(self, rows: Sequence[M]) -> None:
        """Take in `rows`."""
        values = [
            [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in self.fields] for row in rows
        ]
        with connection.cursor() as cursor:
            cursor.executemany(self.sql, values)


class Replace(threading.local, Generic[M]):
    """Sets `columns` of the one row that still has the expected number in `counted`, which grows by one."""

    def __init__(self, model: type[M], columns: Sequence[str], *, counted: str) -> None:
        by_name = {field.name: field for field in model._meta.concrete_fields}
        self.fields = [by_name[name] for name in columns]
        self.key, counter = model._meta.pk, _quoted(by_name[counted].column)
        changes = ", ".join(f"{_quoted(field.column)} = %s" for field in self.fields)
        self.sql = (
            f"UPDATE {_quoted(model._meta.db_table)} SET {changes}, {counter} = {counter} + 1"  # noqa: S608
            f" WHERE {_quoted(self.key.column)} = %s AND {counter} = %s"
        )

    def write(self, key: Any, expected: int, values: Sequence[Any]) -> bool:
        """Whether there was such a row. One statement."""
        given = [field.get_db_prep_save(value, connection) for field, value in zip(self.fields, values, strict=True)]
        with connection.cursor() as cursor:
            cursor.execute(self.sql, [*given, self.key.get_db_prep_value(key, connection), expected])
            return bool(cursor.rowcount == 1)


class Mark(models.Expression):
    """Stands for a value of `name` that each run of an `Update` gives anew."""

    def __init__(self, name: str, field: Any) -> None:
        super().__init__(output_field=field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """A place, with this mark in it instead of a value."""
        return "%s", (self,)

    def prepared(self, given: Mapping[str, Any]) -> Any:
        """What the database takes for it."""
        return self.output_field.get_db_prep_value(given[self.name], connection)


class Update(threading.local):
    """An UPDATE of `rows`, a QuerySet with a `Mark` for whatever differs between runs."""

    def __init__(self, rows: models.QuerySet[Any], **changes: Any) -> None:
        query: Any = rows.query.chain(UpdateQuery)
        query.add_update_values(changes)
        self.sql, self.parameters = query.get_compiler(connection=connection).as_sql()

    def write(self, **given: Any) -> int:
        """How many rows it changed. One statement."""
        values = [one.prepared(given) if isinstance(one, Mark) else one for one in self.parameters]
        with connection.cursor() as cursor:
            cursor.execute(self.sql, values)
            return int(cursor.rowcount)


def _converters(field: Any) -> list[tuple[Any, Any]]:
    """What makes Python's value of the database's, in Django's order: the backend's converters, then the field's."""
    column = field.get_col(field.model._meta.db_table)
    found = [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
    return [(convert, column) for convert in found]


def _column(field: Any) -> str:
    return f"{_quoted(field.model._meta.db_table)}.{_quoted(field.column)}"


def _quoted(name: Any) -> str:
    return str(connection.ops.quote_name(name))
