"""Which key last asked for which connection, and when: read from the ledger for a few connections at a time."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import OuterRef, Subquery

from apikeys.models import ApiKey, AuditEvent
from connections.models import Connection

LOOKED_AT = 50


@dataclass(frozen=True)
class Use:
    """The last fetch of a credential, or that it was refused. `key` is the key's name, or what its id begins with."""

    at: dt.datetime
    refused: bool
    key: str


def last_uses(connections: Sequence[Connection], user: User) -> dict[UUID, Use]:
    """The last use of each of `connections` of `user`, as far as it stands among the newest events about it.

    Three reads, however much is used: the index of the ledger gives the newest events of a connection at once, and
    nearly always the very newest is a fetch, for what else is written about a connection are deeds of people. Hence no
    column that every fetch would have to write, nor one that says it a minute late.
    """
    newest = AuditEvent.objects.filter(connection_id=OuterRef(OuterRef("pk"))).order_by("-pk")
    fetches = AuditEvent.objects.filter(pk__in=Subquery(newest.values("pk")[:LOOKED_AT]), action="token.fetch")
    last = Subquery(fetches.order_by("-pk").values("pk")[:1])
    asked = Connection.objects.filter(pk__in=[row.pk for row in connections])
    found = [pk for pk in asked.values_list(last, flat=True) if pk]
    events = list(AuditEvent.objects.filter(pk__in=found).only("at", "outcome", "api_key_id", "connection_id"))
    keys = dict(ApiKey.objects.of(user).filter(pk__in={one.api_key_id for one in events}).values_list("pk", "name"))
    return {
        one.connection_id: Use(one.at, one.outcome != "ok", keys.get(one.api_key_id, one.api_key_id))
        for one in events
        if one.connection_id
    }
