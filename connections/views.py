"""The dashboard under ``/app/``: connections and catalogue. Another user's row is one that is not there."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_headers

from apikeys.authentication import caller_of
from apikeys.models import ApiKey, AuditEvent
from connections import connect, sessions, wording
from connections.catalogue import Shelf, Wish
from connections.errors import ApiError
from connections.models import Connection, OAuthSession, Refresh
from connections.oauth_session import MOST_PENDING
from providers.models import Provider
from providers.offers import Offers

RECENT = 6
REVOCATIONS = {
    "revoked": "{} is disconnected, and the provider has ended the grant.",
    "unsupported": "{} is disconnected. The provider has no way to end it from here; you can end it there.",
    "failed": "{} is disconnected here, but the provider did not confirm the end of the grant. End it there too.",
    "shared": "{} is disconnected here. The grant itself lives on, because another connection uses it.",
}
# Where what was connected is a session that was made by signing in here.
SIGN_OUTS = {
    "revoked": "{} is disconnected, and its session is signed out there.",
    "failed": "{} is disconnected here, but it did not confirm that its session is signed out. End it there too.",
}


def _own(request: HttpRequest, connection_id: UUID) -> Connection:
    rows = Connection.objects.filter(user=caller_of(request).user)
    row = get_object_or_404(rows.select_related("provider", "user"), pk=connection_id)
    if not row.is_known():
        raise Http404
    return row


@login_required
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """What is connected, what waits for the user, and what happened lately."""
    user = caller_of(request).user
    mine = list(Connection.objects.of(user))
    # A provider's file may be gone. Nothing can be said about its connections, but they are still there.
    known = [row for row in mine if row.is_known()]
    connections = sorted(known, key=lambda row: (not (row.trouble() or row.needs_user()), row.spec.name.lower()))
    keys = list(ApiKey.objects.of(user))
    context = {
        "section": "home",
        "connections": connections,
        "unknown": len(mine) - len(known),
        "in_need": sum(row.provider.enabled and row.needs_user() for row in connections),
        "fetched": _last_fetches(connections),
        "waiting": _waiting(user),
        "lines": wording.lines(AuditEvent.objects.of(user)[:RECENT], user),
        "has_key": any(key.state == "active" for key in keys),
        "has_used_key": any(key.last_used_at for key in keys),
        "base_url": settings.AKHROT_BASE_URL,
    }
    return render(request, "app/home.html", context)


def _waiting(user: User) -> list[OAuthSession]:
    """The requests that can be begun or decided now."""
    rows = OAuthSession.objects.of(user).waiting()[:MOST_PENDING]
    known = [row for row in rows if row.provider.is_known()]
    return [row for row in known if row.can_start() or row.is_signing_in() or row.status == row.Status.CONFIRMING]


def _last_fetches(connections: list[Connection]) -> dict[UUID, Any]:
    """When each was last fetched, in one read of the ledger."""
    rows = AuditEvent.objects.filter(
        connection_id__in=[row.pk for row in connections], action="token.fetch", outcome="ok"
    )
    return dict(rows.values_list("connection_id").annotate(Max("at")).order_by())


@login_required
@require_GET
@vary_on_headers("HX-Request")
def catalogue(request: HttpRequest) -> HttpResponse:
    """The providers, searched, by category and state; htmx gets what was found alone."""
    user = caller_of(request).user
    connected = set(Connection.objects.filter(user=user).values_list("provider_id", flat=True))
    shelf = Shelf(Wish.of(request.GET), Offers.read(), connected)
    context = {"section": "catalogue", "shelf": shelf, "wish": shelf.wish, "is_operator": user.is_superuser}
    htmx = getattr(request, "htmx", None)
    if not htmx or htmx.history_restore_request:
        return render(request, "app/catalogue.html", context)
    answer = render(request, "app/_found.html", {**context, "partial": True})
    # The address follows what is typed without a step of the browser's history for each letter.
    if htmx.trigger == "finder":
        answer["HX-Replace-Url"] = reverse("catalogue") + shelf.wish.address()
    return answer


def _offered(code: str) -> Provider:
    provider = get_object_or_404(Provider, code=code, enabled=True)
    if not provider.is_known():
        raise Http404
    return provider


@login_required
@require_GET
def provider_page(request: HttpRequest, code: str) -> HttpResponse:
    """One provider: its services, and the accounts connected to it."""
    provider = _offered(code)
    accounts = [row for row in Connection.objects.to(code, caller_of(request).user) if row.is_known()]
    # Of a way that nobody can use yet, its services and notes are told all the same where there is no other.
    ways = provider.ready_ways() or provider.spec.every_way()
    context = {
        "section": "catalogue",
        "provider": provider,
        "spec": provider.spec,
        "ways": list(ways.values()),
        "sign_in": provider.spec.sign_in,
        "asks_scopes": any(one.oauth for one in ways.values()),
        "accounts": accounts,
    }
    return render(request, "app/provider.html", context)


@login_required
@require_POST
def begin(request: HttpRequest, code: str) -> HttpResponse:
    """Make a connect link for oneself and open it; with ``account``, to renew or widen that connection."""
    services = request.POST.getlist("services") or None
    account = request.POST.get("account") or None
    try:
        session = sessions.start(caller_of(request), provider=code, services=services, account=account)
    except ApiError as error:
        messages.error(request, f"{error.message} {error.hint}".strip())
        return redirect("catalogue")
    return redirect("connect", session.pk)


@login_required
@require_GET
def connection_page(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """One connection: account, state, services, what happened to it."""
    row = _own(request, connection_id)
    granted = set(row.scopes)
    ready = row.spec.ready_services(granted)
    context = {
        **_question(row),
        "ready": ready,
        "missing": [one for one in row.spec.services if one not in ready],
        "lines": wording.lines(AuditEvent.objects.about(row.pk).filter(user=row.user)[:RECENT], row.user),
        "refreshes": Refresh.objects.of(row)[:RECENT],
        "last_fetch": _last_fetches([row]).get(row.pk),
        "trouble": row.trouble(),
        "needs_user": row.provider.enabled and row.needs_user(),
        "provider_offered": row.provider.enabled and row.provider.is_configured(),
    }
    return render(request, "app/connection.html", context)


def _question(row: Connection) -> dict[str, Any]:
    """What the question before disconnecting says."""
    shared = Connection.objects.siblings(row).exists()
    return {"section": "home", "connection": row, "spec": row.spec, "shared": shared}


@login_required
@require_POST
def make_default(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Answer fetches without an account with this one."""
    row = _own(request, connection_id)
    with transaction.atomic():
        row.make_default()
    messages.success(request, f"{row.account} is the default account of {row.spec.name}.")
    return redirect("connection", row.pk)


@login_required
def disconnect(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Ask first (GET), then end the connection (POST) and say what became of the grant."""
    row = _own(request, connection_id)
    if request.method != "POST":
        return render(request, "app/disconnect.html", _question(row))
    revocation = connect.disconnect(caller_of(request), row)
    level = messages.WARNING if revocation == "failed" else messages.SUCCESS
    name = row.spec.name if row.account == row.spec.name else f"{row.spec.name} ({row.account})"
    said = {**REVOCATIONS, **(SIGN_OUTS if row.spec.login else {})}
    messages.add_message(request, level, said[revocation].format(name))
    return redirect("home")
