"""The dashboard's first page: what is connected, what waits for the user, what happened lately."""

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from apikeys.authentication import caller_of
from apikeys.models import AuditEvent
from connections import wording
from connections.dashboard.first_minutes import Path
from connections.dashboard.listing import Listing, Wish
from connections.dashboard.live import unchanged, version
from connections.dashboard.start_views import shown
from connections.models import OAuthSession
from connections.oauth_session import MOST_PENDING

RECENT = 6


@login_required
@require_GET
@vary_on_headers("HX-Request")
def home(request: HttpRequest) -> HttpResponse:
    """The connections, searched and by state; htmx gets what was found alone."""
    user = caller_of(request).user
    listing = Listing(Wish.of(request.GET), user)
    context: dict[str, object] = {"section": "home", "listing": listing, "wish": listing.wish}
    htmx = getattr(request, "htmx", None)
    if htmx and not htmx.history_restore_request:
        answer = render(request, "app/_connections.html", {**context, "partial": True})
        # The address follows what is typed without a step of the browser's history for each letter.
        if htmx.trigger == "finder":
            answer["HX-Replace-Url"] = reverse("home") + listing.wish.address()
        return answer
    path = Path(user)
    context |= {**_waits(waiting(user)), "lines": wording.lines(AuditEvent.objects.of(user)[:RECENT], user)}
    context |= shown(path) if path.is_for_home else {}
    return render(request, "app/home.html", context)


@login_required
@require_GET
def waiting_now(request: HttpRequest) -> HttpResponse:
    """The requests that wait, for a page that looks again; 204 where they are the ones it shows."""
    context = _waits(waiting(caller_of(request).user))
    if same := unchanged(request, str(context["waiting_version"])):
        return same
    answer = render(request, "app/_waiting.html", {**context, "partial": True})
    # What was asked for may be connected by now.
    answer["HX-Trigger"] = "connections-changed"
    return answer


def waiting(user: User) -> list[OAuthSession]:
    """The requests to connect something that can be begun or decided now, the newest first."""
    rows = OAuthSession.objects.of(user).waiting().not_begun_anew()[:MOST_PENDING]
    known = [row for row in rows if row.provider.is_known()]
    return [row for row in known if row.can_start() or row.is_signing_in() or row.status == row.Status.CONFIRMING]


def _waits(rows: list[OAuthSession]) -> dict[str, object]:
    return {"waiting": rows, "waiting_version": version((row.pk, row.status) for row in rows)}
