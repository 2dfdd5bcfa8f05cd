"""The dashboard's activity: what concerns the user, in plain words, filtered, charted and to be taken along."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET
from django.views.decorators.vary import vary_on_headers

from apikeys.authentication import caller_of
from apikeys.finding import Wanted
from apikeys.models import ApiKey
from connections import wording
from connections.dashboard import activity_export, activity_rows
from connections.dashboard.activity_charts import chart_of
from connections.dashboard.activity_filter import NOUNS, TIMES, Filter
from connections.models import Connection
from providers.offers import Offers
from providers.spec import ProviderSpec

PAGE = 40
# A list to choose from is no use beyond so many.
MOST_KEYS, MOST_ACCOUNTS = 100, 100
# What a refused fetch ends with; whatever else there is can be chosen from an event.
OUTCOMES = (
    *("TOKEN_EXPIRED", "MISSING_SCOPES", "INTEGRATION_NOT_FOUND", "PROVIDER_NOT_FOUND", "PROVIDER_UNAVAILABLE"),
    *("PROVIDER_NOT_CONFIGURED", "FORBIDDEN", "ACCOUNT_NOT_FOUND", "ACCOUNT_AMBIGUOUS", "SERVICE_NOT_FOUND"),
)


@dataclass(frozen=True)
class Choices:
    """What the filters offer, by the codes in an address: providers with the connected ones first."""

    chosen: Filter
    keys: Mapping[str, str]
    connected: Mapping[str, str]
    others: Mapping[str, str]
    accounts: Mapping[str, str]

    def options(self) -> dict[str, SafeString]:
        """Their options, as a page has them."""
        return {
            "keys": activity_rows.options(self.keys.items(), self.chosen.key),
            "connected": activity_rows.options(self.connected.items(), self.chosen.provider),
            "others": activity_rows.options(self.others.items(), self.chosen.provider),
            "accounts": activity_rows.options(self.accounts.items(), self.chosen.connection),
        }


@login_required
@require_GET
@vary_on_headers("HX-Request")
def ledger(request: HttpRequest) -> HttpResponse:
    """The events, the newest first, by pages; htmx gets what changed alone: all of it, or the page that follows."""
    user, chosen, before = caller_of(request).user, Filter.of(request.GET), _cursor(request.GET.get("before", ""))
    events = chosen.wanted(user).newest(PAGE + 1, before=before)
    context: dict[str, Any] = {
        "section": "ledger",
        "rows": activity_rows.rows(events[:PAGE], user, follows=request.GET.get("day", "")),
        "older": chosen.query(before=events[PAGE - 1].pk) if len(events) > PAGE else "",
        "chosen": chosen,
        "today": timezone.localdate(),
        "before": before,
        "done": _("done"),
    }
    htmx: Any = getattr(request, "htmx", None)
    if htmx and htmx.target == "older":
        return render(request, "app/_activity_rows.html", {**context, "below": True})
    context |= _around(chosen, user)
    if not htmx or htmx.history_restore_request:
        return render(request, "app/activity.html", context)
    unset = (htmx.trigger or "").startswith("chip-")
    answer = render(request, "app/_activity.html", {**context, "partial": True, "unset": unset})
    answer["HX-Push-Url"] = reverse("ledger") + (chosen.query() if chosen.narrows() else "")
    return answer


@login_required
@require_GET
def export(request: HttpRequest) -> HttpResponseBase:
    """The same as a CSV file, sent while it is read."""
    user, chosen = caller_of(request).user, Filter.of(request.GET)
    return activity_export.answer(chosen.wanted(user), user)


def _cursor(text: str) -> int | None:
    """The id of the event that the page before ended with; a cursor that is none is passed over."""
    return int(text[:18]) if text.isascii() and text.isdigit() and int(text[:18]) else None


def _around(chosen: Filter, user: User) -> dict[str, Any]:
    """What stands around the list: the filters, the chips of those that are set, the chart."""
    specs = Offers.read().specs()
    choices = _choices(chosen, user, specs)
    chart, behind = chart_of(chosen, user)
    provider = specs[chosen.provider].name if chosen.provider in specs else chosen.provider
    return {
        "options": choices.options(),
        "nouns": NOUNS,
        "times": TIMES,
        "outcomes": [(code, wording.OUTCOMES[code]) for code in OUTCOMES],
        "chips": chosen.chips(
            key_name=choices.keys.get(chosen.key, chosen.key),
            provider_name=provider,
            account=choices.accounts.get(chosen.connection, chosen.connection),
            outcome=_outcome(chosen.outcome),
        ),
        "chart": chart,
        "behind": behind,
    }


def _outcome(chosen: str) -> str:
    words = {"ok": _("Done"), "refused": _("Refused")}
    return words.get(chosen) or _("Refused: %(why)s") % {"why": wording.OUTCOMES.get(chosen, chosen)}


def _choices(chosen: Filter, user: User, specs: Mapping[str, ProviderSpec]) -> Choices:
    keys = {pk: f"{name} ({pk})" for pk, name in ApiKey.objects.of(user).values_list("pk", "name")[:MOST_KEYS]}
    codes = set(Connection.objects.filter(user=user).values_list("provider_id", flat=True).distinct())
    return Choices(
        chosen=chosen,
        keys=_with_the_chosen_key(keys, chosen, user),
        connected={code: spec.name for code, spec in specs.items() if code in codes},
        others={code: spec.name for code, spec in specs.items() if code not in codes},
        accounts=_accounts(chosen, user),
    )


def _with_the_chosen_key(keys: dict[str, str], chosen: Filter, user: User) -> dict[str, str]:
    if chosen.key in keys or not chosen.key:
        return keys
    row = ApiKey.objects.filter(user=user, pk=chosen.key).first()
    return {**keys, chosen.key: f"{row.name} ({row.pk})" if row else chosen.key}


def _accounts(chosen: Filter, user: User) -> dict[str, str]:
    """The accounts of the chosen provider, and the chosen one, which may have been disconnected."""
    if not chosen.provider and not chosen.connection:
        return {}
    rows = Connection.objects.filter(user=user, provider=chosen.provider).order_by("created_at")
    found = {str(pk): account for pk, account in rows.values_list("pk", "account")[:MOST_ACCOUNTS]}
    if not chosen.connection or chosen.connection in found:
        return found
    newest = Wanted(user_id=user.pk, connection_id=UUID(chosen.connection)).newest(1)
    return {**found, chosen.connection: newest[0].account if newest else chosen.connection}
