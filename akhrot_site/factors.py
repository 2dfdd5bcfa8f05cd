"""Seeds of second factors at rest: of authenticator apps and recovery codes. allauth keeps them in a column of JSON.

They are sealed under a key of their own, and that key stands sealed in one row. So `keyring rotate` has one value to
seal anew, and allauth, which does not tell whose seed it is, needs no more than two functions.
"""

from __future__ import annotations

import base64
import uuid
from typing import ClassVar

from django.db import models

from providers.keyring import Keyring, new_key_line
from providers.sealed import SealedTextField

# There is one row. Two processes that want to make it meet at its primary key.
ONLY = uuid.UUID("5ea1ed00-0000-4000-8000-000000000001")
SEALED = "sealed:"
PLACE = "mfa.authenticator.data"


class FactorKeyManager(models.Manager["FactorKey"]):
    def ring(self) -> Keyring:
        """The key that seals seeds, made when it is first needed. Raises SealBroken if the keyring does not open it."""
        row, _ = self.get_or_create(pk=ONLY, defaults={"key": new_key_line()})
        return Keyring.parse(row.key)


class FactorKey(models.Model):
    """The key that the seeds of second factors are sealed under, sealed itself by the keyring."""

    id = models.UUIDField(primary_key=True, default=ONLY, editable=False)
    key = SealedTextField()

    objects: ClassVar[FactorKeyManager] = FactorKeyManager()

    def __str__(self) -> str:
        return "key of the second factors"


def seal(seed: str) -> str:
    """`seed` as ``sealed:`` and base64, fit for JSON."""
    return SEALED + base64.b64encode(FactorKey.objects.ring().seal(seed, PLACE)).decode()


def unseal(stored: str) -> str:
    """The seed that `seal` sealed. Raises SealBroken. What was stored before seeds were sealed is answered as it is."""
    if not stored.startswith(SEALED):
        return stored
    return FactorKey.objects.ring().open(base64.b64decode(stored.removeprefix(SEALED)), PLACE)
