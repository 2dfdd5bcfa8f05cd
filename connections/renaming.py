"""The user's own name for a connection: for people, and for agents where it cannot be mistaken."""

import uuid

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from apikeys.ledger import Caller, record
from connections.models import Connection


class NameTaken(ValueError):
    """An agent that used this name could mean another connection. The text is for people."""


@transaction.atomic
def rename(caller: Caller, connection: Connection, name: str) -> bool:
    """Give `connection` a name of its user's own, or none; whether that changed anything. Raises NameTaken.

    Agents may use it as ``account``, so it may be nothing that names another connection to the same provider.
    """
    label = " ".join(name.split())
    if label.casefold() == connection.account.casefold():
        label = ""
    if label == connection.label:
        return False
    if label and (_is_id(label) or _names_another(connection, label)):
        raise _taken()
    before, connection.label = connection.called, label
    try:
        with transaction.atomic():
            connection.save(update_fields=["label"])
    except IntegrityError:
        # Another one got that name at the same moment.
        raise _taken() from None
    record(
        caller,
        "connection.rename",
        provider=connection.provider_id,
        account=connection.account,
        connection_id=connection.pk,
        detail=f"“{before}” → “{connection.called}”",
    )
    return True


def _taken() -> NameTaken:
    return NameTaken(_("Another account of the same provider has that name, so agents could not tell them apart."))


def _is_id(label: str) -> bool:
    try:
        uuid.UUID(label)
    except ValueError:
        return False
    return True


def _names_another(connection: Connection, label: str) -> bool:
    meant = Q(account__iexact=label) | Q(account_id=label) | Q(label__iexact=label)
    others = Connection.objects.to(connection.provider_id, connection.user).exclude(pk=connection.pk)
    return others.filter(meant).exists()
