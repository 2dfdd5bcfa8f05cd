"""One connection's page, and what its user does to it. Another user's row is one that is not there."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from apikeys.authentication import caller_of
from apikeys.models import AuditEvent
from connections import connect, trying, wording
from connections.dashboard import activity_charts
from connections.dashboard.last_uses import last_uses
from connections.dashboard.standing import needs_its_user
from connections.models import Connection, Refresh
from connections.posting import posted_from
from connections.renaming import NameTaken, rename
from connections.trying import Told

View = Callable[[HttpRequest, UUID], HttpResponse]
RECENT = 6
REVOCATIONS = {
    "revoked": gettext_lazy("{} is disconnected, and the provider has ended the grant."),
    "unsupported": gettext_lazy(
        "{} is disconnected. The provider has no way to end it from here; you can end it there."
    ),
    "failed": gettext_lazy(
        "{} is disconnected here, but the provider did not confirm the end of the grant. End it there too."
    ),
    "shared": gettext_lazy("{} is disconnected here. The grant itself stays, because another connection uses it."),
}
# Where it is a session that was made by signing in here.
SIGN_OUTS = {
    "revoked": gettext_lazy("{} is disconnected, and its session is signed out there."),
    "failed": gettext_lazy(
        "{} is disconnected here, but it did not confirm that its session is signed out. End it there too."
    ),
}


class NameForm(forms.Form):
    """The user's own name for a connection; empty for none."""

    label = forms.CharField(
        max_length=80,
        required=False,
        label=gettext_lazy("Your name for it"),
        help_text=gettext_lazy(
            "For you, and for agents that ask for this account by name. Empty: as the provider does."
        ),
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
    )


def _own(request: HttpRequest, connection_id: UUID) -> Connection:
    rows = Connection.objects.filter(user=caller_of(request).user)
    return get_object_or_404(rows.select_related("provider", "user"), pk=connection_id)


def _known(request: HttpRequest, connection_id: UUID) -> Connection:
    """The same, where its provider and its way have a specification: without one there is nothing to be done."""
    row = _own(request, connection_id)
    if not row.is_known():
        raise Http404
    return row


def _told(request: HttpRequest, row: Connection, told: Told) -> HttpResponse:
    levels = {
        "success": messages.SUCCESS,
        "info": messages.INFO,
        "warning": messages.WARNING,
        "error": messages.ERROR,
    }
    messages.add_message(request, levels[told.level], told.text)
    return redirect("connection", row.pk)


@login_required
@require_GET
def connection_page(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """One connection: how it stands, what agents can use, how it was used and renewed."""
    row = _own(request, connection_id)
    return render(request, "app/connection.html", _page(row, NameForm({"label": row.label})))


def _page(row: Connection, form: NameForm) -> dict[str, Any]:
    events = AuditEvent.objects.about(row.pk).filter(user=row.user)[:RECENT]
    others = Connection.objects.to(row.provider_id, row.user).exclude(pk=row.pk)
    return {
        **_question(row),
        **(_services(row) if row.is_known() else {}),
        "form": form,
        "lines": wording.lines(events, row.user),
        "refreshes": Refresh.objects.of(row)[:RECENT],
        "renewals": activity_charts.renewals(row),
        "fetches": activity_charts.fetches(row.user, connection_id=row.pk),
        "use": last_uses([row], row.user).get(row.pk),
        "needs_user": needs_its_user(row),
        "provider_offered": row.provider.is_known() and row.provider.enabled and row.provider.is_configured(),
        "can_test": trying.can_test(row),
        "can_renew": trying.can_renew(row),
        "has_siblings": others.exists(),
    }


def _services(row: Connection) -> dict[str, Any]:
    ready = row.spec.ready_services(set(row.scopes))
    return {"ready": ready, "missing": [one for one in row.spec.services if one not in ready]}


def _question(row: Connection) -> dict[str, Any]:
    """What the question before disconnecting says; without a specification, under the provider's code."""
    known = row.is_known()
    spec = row.spec if known else row.provider.spec if row.provider.is_known() else None
    return {
        "section": "home",
        "connection": row,
        "known": known,
        "spec": spec,
        "name": spec.name if spec else row.provider_id,
        "shared": Connection.objects.siblings(row).exists(),
    }


@posted_from("connection")
def make_default(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Answer fetches without an account with this one."""
    row = _known(request, connection_id)
    connect.prefer(caller_of(request), row)
    text = _("{account} is the default account of {name}.").format(account=row.called, name=row.spec.name)
    return _told(request, row, Told("success", text))


@posted_from("connection")
def rename_it(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Give it a name of the user's own, or take that away."""
    row = _known(request, connection_id)
    form = NameForm(request.POST)
    if form.is_valid():
        try:
            changed = rename(caller_of(request), row, form.cleaned_data["label"])
        except NameTaken as taken:
            form.add_error("label", str(taken))
        else:
            said = _("Renamed to {name}.") if changed else _("It is still called {name}.")
            return _told(request, row, Told("success" if changed else "info", said.format(name=row.called)))
    # htmx shows nothing of an answer that says that it is an error.
    status = 200 if getattr(request, "htmx", None) else 422
    return render(request, "app/connection.html", _page(_own(request, connection_id), form), status=status)


@posted_from("connection")
def test_it(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Ask the provider now whether the credential works."""
    row = _known(request, connection_id)
    return _told(request, row, trying.try_now(caller_of(request), row))


@posted_from("connection")
def refresh_it(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Have the token renewed now."""
    row = _known(request, connection_id)
    return _told(request, row, trying.renew_now(row))


@login_required
def disconnect(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Ask first (GET), then end the connection (POST) and say what became of the grant."""
    row = _own(request, connection_id)
    question = _question(row)
    if request.method != "POST":
        return render(request, "app/disconnect.html", question)
    revocation = connect.disconnect(caller_of(request), row)
    level = messages.WARNING if revocation == "failed" else messages.SUCCESS
    name = question["name"] if row.account == question["name"] else f"{question['name']} ({row.called})"
    said = {**REVOCATIONS, **(SIGN_OUTS if question["known"] and question["spec"].login else {})}
    messages.add_message(request, level, said[revocation].format(name))
    return redirect("home")
