"""Deleting an account: first everything that it has connected, each at its provider, then the account itself.

The account is turned off at once. Its connections are ended one after the other, by the same code that disconnects one.
What a request does not get done in time the worker goes on with: the row of the departure says what is left to do.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from dataclasses import dataclass
from itertools import takewhile
from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.utils import timezone

from akhrot_site.models import Departure
from akhrot_site.owner import one_at_a_time
from apikeys.ledger import AuditEvent, Caller, record
from apikeys.models import ApiKey
from connections import connect, letters
from connections.link import callback
from connections.mail import FAILURES
from connections.models import Connection, OAuthSession
from providers.models import Provider

log = structlog.get_logger(__name__)

# How long somebody waits for the page. One provider that does not answer may take ten seconds more.
PATIENCE = 5.0
REASON = "its account was deleted"


class LastOperator(Exception):
    """Nobody would be left who can run this instance."""


@dataclass(frozen=True)
class Ended:
    """What becomes of the connections to one provider: how many, and how (`how` as `connect.disconnect` answers)."""

    name: str
    how: str
    count: int


@dataclass(frozen=True)
class Plan:
    """What deleting an account would do. `how` is ``asked``, ``unsupported`` or ``pasted``."""

    connections: list[Ended]
    keys: int
    requests: int

    @property
    def total(self) -> int:
        """How many connections there are."""
        return sum(one.count for one in self.connections)


def is_last_operator(user: User) -> bool:
    """Whether no other superuser could sign in without this one."""
    return user.is_superuser and not _other_operators(user).exists()


def _other_operators(user: User) -> QuerySet[User]:
    return User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)


def plan(user: User) -> Plan:
    """What the page says before somebody deletes an account. Counted in the database, however much it is."""
    counted = Connection.objects.filter(user=user).order_by().values_list("provider_id", "way")
    counts: Counter[tuple[str, str]] = Counter()
    providers = Provider.objects.defer("client_secret").in_bulk({code for code, _ in counted.distinct()})
    for code, way, number in counted.annotate(number=Count("pk")):
        counts[str(providers[code]), _prospect(providers[code], way)] += number
    return Plan(
        connections=[Ended(name, how, count) for (name, how), count in sorted(counts.items())],
        keys=ApiKey.objects.filter(_usable(), user=user).count(),
        requests=OAuthSession.objects.filter(user=user).waiting().count(),
    )


def _usable() -> Q:
    return Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=timezone.now()))


def _prospect(provider: Provider, way: str) -> str:
    known = provider.is_known() and provider.spec.has_way(way)
    spec = provider.spec.by_way(way) if known else None
    if spec is not None and connect.can_end(spec):
        return "asked"
    return "unsupported" if spec is None or not spec.is_pasted else "pasted"


def begin(caller: Caller) -> Departure:
    """Turn the caller's account off, its keys with it, and note that it is to be deleted. Raises LastOperator."""
    user = caller.user
    with one_at_a_time():
        if is_last_operator(user):
            raise LastOperator
        User.objects.filter(pk=user.pk).update(is_active=False)
        ApiKey.objects.filter(user=user, revoked_at=None).update(revoked_at=timezone.now())
        number = Connection.objects.filter(user=user).count()
        departure, _ = Departure.objects.get_or_create(user=user, defaults={"connections": number})
        record(caller, "account.delete")
    return departure


def go_on(departure_id: UUID, *, patience: float, address: str | None = None) -> bool:
    """End connections until `patience` (seconds) is over, and the account after the last; True once it is gone.

    Whoever is killed meanwhile leaves what he had not ended, and the next one goes on with that.
    """
    if not Departure.objects.claim(departure_id):
        return False
    departure = Departure.objects.select_related("user").get(pk=departure_id)
    if departure.user is None:
        return _is_gone(departure)
    caller, deadline = Caller(user=departure.user, address=address), time.monotonic() + patience
    try:
        return _end_connections(caller, deadline) and _leave(departure, caller)
    finally:
        Departure.objects.filter(pk=departure_id, done_at=None).update(claimed_until=Now())


def _end_connections(caller: Caller, deadline: float) -> bool:
    """Whether none is left."""
    mine = Connection.objects.filter(user=caller.user).select_related("provider", "user").order_by("provider_id", "pk")
    while row := mine.first():
        if time.monotonic() >= deadline:
            return False
        connect.disconnect(caller, row)
    for session in OAuthSession.objects.of(caller.user).unsettled():
        callback.drop(caller, session, REASON)
    return True


def _leave(departure: Departure, caller: Caller) -> bool:
    """Delete the account. False if it was connected to something again while the last ones were ended."""
    user, address = caller.user, caller.user.email
    if not departure.outcomes:
        # Before the ledger forgets whose events they are.
        departure.outcomes = [[one.name, one.how, one.count] for one in _ended(departure, user)]
        departure.save(update_fields=["outcomes"])
    AuditEvent.objects.forget(user)
    with transaction.atomic():
        if Connection.objects.filter(user=user).exists():
            return False
        user.delete()
        _is_gone(departure)
    _say_goodbye(address, ended(departure))
    return True


def _is_gone(departure: Departure) -> bool:
    return bool(Departure.objects.filter(pk=departure.pk).update(done_at=timezone.now(), user=None))


def _ended(departure: Departure, user: User) -> list[Ended]:
    """What became of each connection, as the ledger tells it, where nothing gets lost with a process."""
    since = takewhile(lambda event: event.at >= departure.began_at, AuditEvent.objects.of(user).iterator())
    counts = Counter(
        (event.provider, event.detail.removeprefix("revocation: "))
        for event in since
        if event.action == "connection.disconnect"
    )
    providers = Provider.objects.defer("client_secret").in_bulk({code for code, _ in counts})
    named = ((str(providers.get(code, code)), how, count) for (code, how), count in counts.items())
    return [Ended(*one) for one in sorted(named)]


def ended(departure: Departure) -> list[Ended]:
    """What became of each connection of an account that is gone."""
    return [Ended(*one) for one in departure.outcomes]


def _say_goodbye(address: str, ended: list[Ended]) -> None:
    """Tell the address that its account is gone: if somebody else deleted it, its owner must hear of it."""
    text = render_to_string("mail/account_deleted.txt", {"ended": ended, "at": timezone.now()})
    try:
        letters.compose(text, to=[address]).send()
    except FAILURES as error:
        log.warning("goodbye_not_sent", error=type(error).__name__)


def tidy(kept: dt.timedelta) -> None:
    """Remove the rows of accounts that have been gone for longer than `kept`."""
    Departure.objects.filter(done_at__lt=timezone.now() - kept).delete()
