"""Sealing everything anew under the first key of the keyring, in batches, while the service runs."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import models, transaction
from django.db.models import BinaryField, F, Func, Value

from providers.keyring import SealBroken, header, key_id_of, keyring
from providers.sealed import Sealed, SealedTextField, sealed_fields

NOT_SEALED = "(not a sealed value)"


@dataclass(frozen=True)
class Column:
    """One sealed column."""

    model: type[models.Model]
    field: SealedTextField

    @property
    def name(self) -> str:
        """For people: ``connections.Connection.secrets``."""
        return f"{self.model._meta.label}.{self.field.name}"

    def filled(self) -> models.QuerySet[models.Model]:
        """The rows that hold something."""
        return self.model._base_manager.exclude(**{self.field.name: ""}).exclude(**{f"{self.field.name}__isnull": True})

    def under(self, key_id: str) -> models.Q:
        """What is sealed under that key, told by the first bytes, so that the database need not send the values."""
        start = header(key_id)
        prefix = Func(F(self.field.name), Value(1), Value(len(start)), function="SUBSTR", output_field=BinaryField())
        return models.Q(models.lookups.Exact(prefix, Value(start, output_field=BinaryField())))


@dataclass
class Tally:
    """What one pass over a column did."""

    sealed: int = 0
    moved_on: int = 0
    broken: int = 0


def columns() -> list[Column]:
    """Every sealed column of the project."""
    return [Column(model, field) for model, field in sealed_fields()]


def count_keys(column: Column) -> Counter[str]:
    """How many values of the column are sealed under each key, by key id."""
    counts: Counter[str] = Counter()
    rest = column.filled()
    for key_id in keyring().keys:
        counts[key_id] = column.filled().filter(column.under(key_id)).count()
        rest = rest.exclude(column.under(key_id))
    # What is left should not be there, and is looked at one by one.
    for stray in rest.values_list(column.field.name, flat=True).iterator():
        counts[key_id_of(stray.blob) or NOT_SEALED] += 1
    return +counts


def waiting(column: Column) -> int:
    """How many values of the column are not under the first key."""
    return column.filled().exclude(column.under(keyring().primary)).count()


def reseal(column: Column, *, batch: int) -> Iterator[Tally]:
    """Go once over the values that are not under the first key, `batch` rows at a time; the tally so far after each.

    It can be stopped at any time: what is done is found done by the next run.
    """
    tally, last = Tally(), None
    while True:
        rows = column.filled().exclude(column.under(keyring().primary)).order_by("pk")
        if last is not None:
            rows = rows.filter(pk__gt=last)
        found = list(rows.only(column.field.name)[:batch])
        if not found:
            return
        with transaction.atomic():
            for row in found:
                _reseal_row(column.field, row, tally)
        last = found[-1].pk
        yield tally


def _reseal_row(field: SealedTextField, row: models.Model, tally: Tally) -> None:
    """Seal one value anew unless somebody wrote another one meanwhile; then that one stays.

    The old blob itself is compared. Its nonce is random, so it says more than a generation could; the generation
    stays as it is, since the credential does, and a refresh under way will find what it started from.
    """
    old: Any = row.__dict__[field.attname]
    try:
        anew = field.seal_for(row, getattr(row, field.attname))
    except SealBroken:
        tally.broken += 1
        return
    same = type(row)._base_manager.filter(pk=row.pk, **{field.name: Sealed(old.blob)})
    if same.update(**{field.name: anew}):
        tally.sealed += 1
    else:
        tally.moved_on += 1
