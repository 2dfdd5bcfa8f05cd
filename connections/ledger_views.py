"""The dashboard's ledger: what concerns the user, in plain words."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from apikeys.authentication import caller_of
from apikeys.ledger import AuditEventQuerySet
from apikeys.models import ApiKey, AuditEvent
from connections import wording
from providers.models import Provider

PAGE = 50
FILTERS = ("key", "provider", "outcome")


@login_required
@require_GET
def ledger(request: HttpRequest) -> HttpResponse:
    """The events, the newest first, filtered and by pages."""
    user = caller_of(request).user
    chosen = {name: request.GET.get(name, "").replace("\0", "")[:64] for name in FILTERS}
    events = list(_before(_filtered(AuditEvent.objects.of(user), chosen), request.GET.get("before", ""))[: PAGE + 1])
    context: dict[str, Any] = {
        "section": "ledger",
        "lines": wording.lines(events[:PAGE], user),
        "older": _older(events, chosen),
        "keys": ApiKey.objects.of(user),
        "providers": Provider.objects.defer("client_secret").offered(),
        "today": timezone.localdate(),
        "filtered": any(chosen.values()),
        **chosen,
    }
    return render(request, "app/ledger.html", context)


def _filtered(events: AuditEventQuerySet, chosen: dict[str, str]) -> AuditEventQuerySet:
    if chosen["key"]:
        events = events.filter(api_key_id=chosen["key"])
    if chosen["provider"]:
        events = events.filter(provider=chosen["provider"])
    if chosen["outcome"]:
        events = events.filter(outcome="ok") if chosen["outcome"] == "ok" else events.exclude(outcome="ok")
    return events


def _before(events: AuditEventQuerySet, cursor: str) -> AuditEventQuerySet:
    """Those older than the event that the page before ended with; a cursor that is none is passed over."""
    return events.filter(pk__lt=int(cursor[:18])) if cursor.isascii() and cursor.isdigit() else events


def _older(events: list[AuditEvent], chosen: dict[str, str]) -> str:
    """The query of the next page; empty on the last."""
    if len(events) <= PAGE:
        return ""
    kept = {name: value for name, value in chosen.items() if value}
    return urlencode({"before": str(events[PAGE - 1].pk), **kept})
