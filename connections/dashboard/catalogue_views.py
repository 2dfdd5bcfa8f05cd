"""The dashboard's catalogue, and the links to connect what stands in it. The rest: `home_views`, `connection_views`."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from apikeys.authentication import caller_of
from connections import sessions
from connections.dashboard.catalogue import Shelf, Wish
from connections.errors import ApiError, ProviderNotConfigured
from connections.models import Connection
from connections.posting import posted_from
from providers.models import Provider
from providers.offers import Offers


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


@posted_from("provider")
def begin(request: HttpRequest, code: str) -> HttpResponse:
    """Make a connect link for oneself and open it; with ``account``, to renew or widen that connection."""
    services = request.POST.getlist("services") or None
    account = request.POST.get("account") or None
    try:
        session = sessions.start(caller_of(request), provider=code, services=services, account=account)
    except ProviderNotConfigured:
        said = _(
            "The operator has not set the OAuth client of {provider}. "
            "An admin sets it in the admin under Providers, or with manage.py provider set."
        )
        messages.error(request, said.format(provider=code))
        return redirect("catalogue")
    except ApiError as error:
        # Whoever gets here has changed the form: what an agent would be told has to do.
        messages.error(request, f"{error.message} {error.hint}".strip())
        return redirect("catalogue")
    return redirect("connect", session.pk)
