from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import os
from collections.abc import Iterator
from pathlib import Path

import structlog
from django.db import DatabaseError
from django.db.models import Count, Min, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from akhrot_site import queues
from apikeys.addresses import client_address
from connections.models import Connection, Notice, Sweep

log = structlog.get_logger(__name__)

OVERDUE = dt.timedelta(minutes=2)
# What proxies tell of whom they speak for. Some tell it by one of these alone.
BY_PROXY = (
    *("HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_FORWARDED", "HTTP_VIA"),
    *("HTTP_X_FORWARDED_HOST", "HTTP_CF_CONNECTING_IP"),
)


def is_loopback(address: str | None) -> bool:
    """Whether `address` is this machine."""
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False


@require_safe
def export(request: HttpRequest) -> HttpResponse:
    """For a collector on this machine, or staff: to everybody else there is nothing here.

    A request that some proxy passed on is not from this machine, though an untrusted proxy on it makes it look so.
    """
    is_direct = is_loopback(client_address(request)) and not any(name in request.META for name in BY_PROXY)
    if not is_direct and not request.user.is_staff:
        raise Http404
    return HttpResponse(generate_latest(_everything()), content_type=CONTENT_TYPE_LATEST)


def _everything() -> CollectorRegistry:
    """What all processes of this machine have counted, and what the rows and the queues say at this moment."""
    registry = CollectorRegistry()
    if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        forget_the_dead(Path(folder))
        MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
    else:
        registry.register(REGISTRY)
    registry.register(Rows())
    registry.register(Queues())
    return registry


def forget_the_dead(folder: Path) -> None:
    """Drop what processes that have ended were doing at that moment. What they counted stays."""
    for pid in {int(path.stem.rpartition("_")[2]) for path in folder.glob("gauge_live*.db")}:
        # Another scrape may be doing the same.
        with contextlib.suppress(FileNotFoundError):
            if not _is_alive(pid):
                mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Rows(Collector):
    """Facts of the database, the same from whichever machine. While it is away they are left out."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            yield from list(self._read())
        except DatabaseError as error:
            log.warning("figures_without_database", error=type(error).__name__)

    def _read(self) -> Iterator[GaugeMetricFamily]:
        now = timezone.now()
        due = Connection.objects.overdue(dt.timedelta(0)).aggregate(
            number=Count("pk"), late=Count("pk", filter=Q(refresh_at__lte=now - OVERDUE)), oldest=Min("refresh_at")
        )
        oldest = max(0.0, (now - due["oldest"]).total_seconds()) if due["oldest"] else 0.0
        yield _gauge("akhrot_refreshes_due", "Connections whose refresh is due", due["number"])
        yield _gauge("akhrot_refreshes_overdue", "Those that have been due for more than 2 minutes", due["late"])
        yield _gauge("akhrot_refresh_oldest_overdue_seconds", "How long the oldest of them has been due", oldest)
        lost = Connection.objects.filter(status=Connection.Status.NEEDS_REAUTH).count()
        yield _gauge("akhrot_connections_needing_user", "Connections that only their users can renew", lost)
        unsent = Notice.objects.filter(sent_at=None).count()
        yield _gauge("akhrot_notices_unsent", "Notices that no mail has told yet", unsent)
        if (age := Sweep.age()) is not None:
            yield _gauge("akhrot_sweep_age_seconds", "Time since the sweep last ran", age)


class Queues(Collector):
    """What waits for a worker. While Redis is away it is left out."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            waiting = queues.waiting()
        except queues.QueuesAway:
            return
        age = GaugeMetricFamily("akhrot_queue_age_seconds", "How long the oldest message has waited", labels=["queue"])
        length = GaugeMetricFamily("akhrot_queue_length", "Messages that no worker has taken", labels=["queue"])
        for each in waiting:
            age.add_metric([each.queue], each.age())
            length.add_metric([each.queue], each.length)
        yield from (age, length)


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, value=value)
