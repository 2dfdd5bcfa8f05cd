"""The first page of the admin: a few numbers, and what waits for the operator or for users."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apikeys.models import ApiKey, AuditEvent
from connections.models import Connection
from providers.models import Provider

# Of the ledger's newest events so many are looked at: the page stays cheap however many there are.
LOOKED_AT = 10_000
DAY = dt.timedelta(days=1)
SHOWN = 10


@dataclass(frozen=True)
class Figure:
    """A number with its name, a remark, and the list that holds what it counts."""

    title: str
    number: str
    remark: str
    url: str


def overview(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's hook for the index: adds `figures`, `refused` (providers) and `waiting` (connections)."""
    providers = Provider.objects.defer("client_secret").filter(enabled=True).known()
    waiting = Connection.objects.filter(status=Connection.Status.NEEDS_REAUTH).select_related("provider", "user")
    figures = [_connections(), _fetches(), _keys(), _providers(providers), _people()]
    return {
        **context,
        "title": _("Overview"),
        "figures": figures,
        "refused": [row for row in providers if row.client_refused_at],
        "waiting": waiting.defer("secrets", "provider__client_secret").order_by("-created_at")[:SHOWN],
    }


def _connections() -> Figure:
    needing, failing = Q(status="needs_reauth"), Q(status="active", failures__gt=0)
    found = Connection.objects.aggregate(
        all=Count("pk"), needing=Count("pk", filter=needing), failing=Count("pk", filter=failing)
    )
    needs = ngettext("%(number)d need their user", "%(number)d need their user", found["needing"])
    fails = ngettext("%(number)d fail to refresh", "%(number)d fail to refresh", found["failing"])
    remark = f"{needs % {'number': found['needing']}}, {fails % {'number': found['failing']}}"
    return Figure(_("Connections"), f"{found['all']:,}", remark, _list("connections_connection"))


def _fetches() -> Figure:
    """The fetches of the last 24 hours; "over" a number where the newest events do not reach back that far."""
    since = timezone.now() - DAY
    newest = AuditEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    fetched = Q(action="token.fetch", at__gte=since)
    found = AuditEvent.objects.filter(pk__gt=newest - LOOKED_AT).aggregate(
        all=Count("pk", filter=fetched), refused=Count("pk", filter=fetched & ~Q(outcome="ok"))
    )
    older = AuditEvent.objects.filter(pk__lte=newest - LOOKED_AT).order_by("-pk").values_list("at", flat=True).first()
    number, remark = f"{found['all']:,}", _("%(number)s refused") % {"number": f"{found['refused']:,}"}
    if older and older >= since:
        said = _("%(refused)s, of the newest %(number)s events")
        number = _("over %(number)s") % {"number": number}
        remark = said % {"refused": remark, "number": f"{LOOKED_AT:,}"}
    url = f"{_list('apikeys_auditevent')}?action=token.fetch&period=day"
    return Figure(_("Fetches in 24 hours"), number, remark, url)


def _keys() -> Figure:
    alive = Q(revoked_at=None) & ~Q(expires_at__lte=timezone.now())
    used = Q(last_used_at__gte=timezone.now() - DAY)
    found = ApiKey.objects.aggregate(alive=Count("pk", filter=alive), used=Count("pk", filter=used))
    remark = _("%(number)s used in 24 hours") % {"number": f"{found['used']:,}"}
    return Figure(_("Active API keys"), f"{found['alive']:,}", remark, f"{_list('apikeys_apikey')}?state=active")


def _providers(known: list[Provider]) -> Figure:
    ready = sum(row.is_configured() for row in known)
    lacking = len(known) - ready
    remark = ngettext("%(number)d lack an OAuth client", "%(number)d lack an OAuth client", lacking)
    remark %= {"number": lacking}
    return Figure(_("Providers ready"), f"{ready}", remark, _list("providers_provider"))


def _people() -> Figure:
    found = User.objects.aggregate(all=Count("pk"), active=Count("pk", filter=Q(is_active=True)))
    remark = _("%(number)s turned off") % {"number": f"{found['all'] - found['active']:,}"}
    return Figure(_("People"), f"{found['active']:,}", remark, _list("auth_user"))


def _list(name: str) -> str:
    return reverse(f"admin:{name}_changelist")
