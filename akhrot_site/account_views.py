"""The account's pages that allauth has none for: sessions, notifications, and leaving."""

from __future__ import annotations

from typing import Any

import structlog
from allauth.account.adapter import get_adapter
from allauth.account.utils import passthrough_next_redirect_url
from allauth.mfa.webauthn.views import LoginWebAuthnView, ReauthenticateWebAuthnView
from allauth.usersessions.models import UserSession
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST
from kombu.exceptions import OperationalError as QueueAway

from akhrot_site import browsers, departures, tasks
from akhrot_site.guards import asked_again
from akhrot_site.models import Departure
from apikeys.authentication import caller_of
from connections.models import Connection, MailChoice

log = structlog.get_logger(__name__)

DEPARTURE = "akhrot_departure"


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sessions(request: HttpRequest) -> HttpResponse:
    """Where one is signed in; a POST ends all of it but this browser's."""
    if request.method != "POST":
        context = {"sessions": browsers.signed_in(request)}
        return render(request, "usersessions/usersession_list.html", context)
    number = browsers.end_all(caller_of(request).user, but=request.session.session_key)
    said = ngettext("%(number)d other browser is signed out.", "%(number)d other browsers are signed out.", number)
    messages.success(request, said % {"number": number})
    return redirect("usersessions_list")


@login_required
@require_POST
def end_session(request: HttpRequest, session_id: int) -> HttpResponse:
    """End one of one's own sessions; this browser's is signed out of."""
    row = get_object_or_404(UserSession, pk=session_id, user=caller_of(request).user)
    if row.session_key == request.session.session_key:
        get_adapter(request).logout(request)
        return redirect("account_login")
    row.end()
    said = _("%(browser)s is signed out.") % {"browser": browsers.in_words(row.user_agent)}
    messages.success(request, said)
    return redirect("usersessions_list")


class MailForm(forms.ModelForm):  # type: ignore[type-arg]
    """Which mails one gets. What operators are told is for them alone."""

    class Meta:
        model = MailChoice
        fields = ("lost", "ending", "sign_in", "client_refused")
        labels = {
            "lost": gettext_lazy("A connection needs you"),
            "ending": gettext_lazy("A connection ends soon"),
            "sign_in": gettext_lazy("A sign-in from a new browser"),
            "client_refused": gettext_lazy("An OAuth client is refused"),
        }
        help_texts = {
            "lost": gettext_lazy("A provider has ended the access you gave, or no longer accepts a key."),
            "ending": gettext_lazy("30 days, 7 days and 1 day before, where the date is known."),
            "sign_in": gettext_lazy("Names the browser, its address and the time."),
            "client_refused": gettext_lazy("For operators: a provider no longer accepts the client of this Akhrot."),
        }

    def __init__(self, *args: Any, is_operator: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_operator:
            del self.fields["client_refused"]
        for field in self.fields.values():
            field.widget.attrs |= {"class": "form-check-input", "role": "switch"}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def notifications(request: HttpRequest) -> HttpResponse:
    """Which mails one gets."""
    user = caller_of(request).user
    form = MailForm(request.POST or None, instance=MailChoice.of(user), is_operator=user.is_superuser)
    if request.method == "POST" and form.is_valid():
        # Unlike elsewhere the whole row is written: it is one form, and there may be no row yet.
        form.save()
        messages.success(request, _("Your choices are saved."))
        return redirect("account_notifications")
    return render(request, "account/notifications.html", {"form": form})


class DeleteForm(forms.Form):
    """One's own address, typed: nobody deletes an account by a slip of the hand."""

    email = forms.CharField(widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}))

    def __init__(self, address: str, sent: Any = None) -> None:
        super().__init__(sent, label_suffix="")
        self.address = address
        self.fields["email"].label = _("Type %(address)s to confirm") % {"address": address}

    def clean_email(self) -> str:
        """Exactly that address, in whatever case."""
        typed: str = self.cleaned_data["email"].strip()
        if typed.lower() != self.address.lower():
            raise forms.ValidationError(_("This is not the address of this account."))
        return typed


@login_required
@never_cache
@asked_again
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest) -> HttpResponse:
    """Say what deleting the account does (GET), then do it (POST)."""
    caller = caller_of(request)
    form = DeleteForm(caller.user.email, request.POST if request.method == "POST" else None)
    is_last = departures.is_last_operator(caller.user)
    if is_last or not form.is_valid():
        context = {
            "form": form,
            "is_last": is_last,
            "plan": departures.plan(caller.user),
            "ledger_days": settings.AKHROT_LEDGER_DAYS,
        }
        return render(request, "account/delete.html", context, status=422 if form.errors else 200)
    try:
        departure = departures.begin(caller)
    except departures.LastOperator:
        return redirect("account_delete")
    browsers.end_all(caller.user)
    logout(request)
    request.session[DEPARTURE] = str(departure.pk)
    if not departures.go_on(departure.pk, patience=departures.PATIENCE, address=caller.address):
        _ring()
    return redirect("account_goodbye")


def _ring() -> None:
    """Ask the worker to go on. If the bell is not heard, beat rings it again within a minute."""
    try:
        tasks.depart.apply_async(retry=False)
    except (QueueAway, OSError) as error:
        log.warning("bell_not_rung", error=type(error).__name__)


@never_cache
@require_http_methods(["GET", "HEAD"])
def goodbye(request: HttpRequest) -> HttpResponse:
    """What became of an account that was deleted in this browser, and of its connections."""
    known = request.session.get(DEPARTURE)
    departure = Departure.objects.filter(pk=known).first() if known else None
    if departure is None:
        return redirect("account_login")
    left = Connection.objects.filter(user=departure.user).count() if departure.user_id else 0
    context = {
        "departure": departure,
        "ended": departures.ended(departure),
        "left": left,
        "done": departure.connections - min(left, departure.connections),
    }
    return render(request, "account/goodbye.html", context)


class PasskeyLogin(LoginWebAuthnView):  # type: ignore[misc]
    """allauth's, but whoever fails is still led where he wanted to go."""

    def form_invalid(self, form: Any) -> HttpResponse:
        super().form_invalid(form)
        return redirect(passthrough_next_redirect_url(self.request, reverse("account_login"), "next"))


class PasskeyAgain(ReauthenticateWebAuthnView):  # type: ignore[misc]
    """allauth's, but whoever fails is asked again."""

    def form_invalid(self, form: Any) -> HttpResponse:
        super().form_invalid(form)
        return redirect(self.passthrough_next_url(self.request.path))
