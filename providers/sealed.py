"""Secrets at rest: text columns that are AES-256-GCM in the database. Nothing else in the project encrypts.

The model, column and primary key are part of the seal, so a ciphertext copied to another row or column does not open.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from django.core.exceptions import ValidationError
from django.db import models
from django_cryptography.fields import encrypt

from providers.keyring import SealBroken as SealBroken
from providers.keyring import ensure_keyring as ensure_keyring
from providers.keyring import forget_keyring as forget_keyring
from providers.keyring import keyring, unseal

if TYPE_CHECKING:
    EncryptedText = models.TextField[Any, Any]
else:
    EncryptedText = encrypt(models.TextField)

DUMPED = "sealed:"


@dataclass(frozen=True, repr=False)
class Sealed:
    """A value as the database holds it. `from_fixture` marks one that goes back there as it came from a dump."""

    blob: bytes
    from_fixture: bool = False


class Clear:
    """A secret in memory, on its way into a row. It shows itself to nobody: not in a repr, a pickle or a dump."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret that was not saved cannot be pickled")

    def __copy__(self) -> "Clear":
        return self

    def __deepcopy__(self, memo: Any) -> "Clear":
        return self


class _Unsealing:
    """The attribute of a sealed column: decrypts when it is read, so that loading a row opens nothing."""

    def __init__(self, field: "SealedTextField") -> None:
        self.field = field

    def __get__(self, row: models.Model | None, owner: type | None = None) -> Any:
        if row is None:
            return self
        name = self.field.attname
        if name not in row.__dict__:
            row.refresh_from_db(fields=[name])
        value = row.__dict__[name]
        if isinstance(value, Sealed) and not value.from_fixture:
            return unseal(value.blob, self.field.identity(row))
        return value.text if isinstance(value, Clear) else value

    def __set__(self, row: models.Model, value: Any) -> None:
        row.__dict__[self.field.attname] = Clear(value) if isinstance(value, str) and value else value


class SealedTextField(EncryptedText):
    """Text which the database only ever sees sealed.

    The primary key must be known before the save (UUIDs): it is part of the seal. ``update()`` and ``bulk_update()``
    know no row and are refused, with expressions too, except ``update()`` with a `Sealed` value made by `seal_for`.
    No form shows it: a form that sets a secret declares a field of its own, and begins empty.
    """

    description = "Sealed text"
    supported_lookups = ("exact", "isnull")

    def identity(self, row: models.Model) -> str:
        """What a value of `row` is bound to: ``app.model.column:primary key``."""
        if row.pk is None:
            raise ValueError(f"{self.model._meta.label}.{self.name}: the primary key must exist before sealing")
        return f"{self.model._meta.label_lower}.{self.column}:{row.pk}"

    def seal_for(self, row: models.Model, value: str) -> Sealed:
        """`value` sealed for `row`, fit for ``update()``."""
        return Sealed(keyring().seal(value, self.identity(row)))

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only=private_only)
        setattr(cls, self.attname, _Unsealing(self))

    def deconstruct(self) -> Any:
        name, _, args, kwargs = models.Field.deconstruct(self)
        return name, "providers.sealed.SealedTextField", args, kwargs

    def clone(self) -> "SealedTextField":
        _, _, args, kwargs = self.deconstruct()
        return type(self)(*args, **kwargs)

    def pre_save(self, row: models.Model, add: bool) -> Any:
        """The row's value sealed, which the row keeps from then on; an untouched one goes back as it came."""
        value = self._held(row)
        if value is not None and value != "" and not isinstance(value, Sealed):
            self._refuse()
        row.__dict__[self.attname] = value
        return value

    def _held(self, row: models.Model) -> Any:
        """What the row holds, sealed if it is a secret; a deferred one is loaded."""
        if self.attname not in row.__dict__:
            row.refresh_from_db(fields=[self.attname])
        value = row.__dict__[self.attname]
        return self.seal_for(row, value.text) if isinstance(value, Clear) else value

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is None:
            return None
        if value == "":
            return connection.Database.Binary(b"")
        if not isinstance(value, Sealed):
            self._refuse()
        return connection.Database.Binary(value.blob)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        return self.get_db_prep_value(value, connection)

    def _refuse(self) -> NoReturn:
        raise TypeError(f"{self.model._meta.label}.{self.name} is sealed: save the row, or pass seal_for(row, value)")

    def get_prep_value(self, value: Any) -> Any:
        return value

    def from_db_value(self, value: Any, *_: Any) -> Any:
        if value is None:
            return None
        return Sealed(bytes(value)) if len(value) else ""

    def to_python(self, value: Any) -> Any:
        """Fixtures hold the sealed value, so that a dump shows no secret; it opens in the same row alone."""
        if not isinstance(value, str) or not value.startswith(DUMPED):
            return value
        try:
            return Sealed(base64.b64decode(value.removeprefix(DUMPED), validate=True), from_fixture=True)
        except binascii.Error:
            raise ValidationError("is no sealed value") from None

    def formfield(self, **_: Any) -> None:
        """None: a form made from the model leaves the column out."""

    def value_from_object(self, obj: models.Model) -> str:
        """Empty, for this is what forms begin with. Serializers ask on, see `value_to_string`."""
        return ""

    def value_to_string(self, obj: models.Model) -> str:
        value = self._held(obj)
        return DUMPED + base64.b64encode(value.blob).decode() if isinstance(value, Sealed) else value or ""


def sealed_fields() -> Iterator[tuple[type[models.Model], SealedTextField]]:
    """Every sealed column of the project with its model."""
    from django.apps import apps

    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, SealedTextField) and not model._meta.proxy:
                yield model, field
