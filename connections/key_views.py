"""The dashboard's API keys: made for oneself alone, shown once, revoked."""

import datetime as dt
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache

from apikeys.authentication import caller_of
from apikeys.ledger import record
from apikeys.models import ApiKey
from providers.models import Provider

LIFETIMES = [("never", "Never"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year")]


class KeyForm(forms.Form):
    """What a key may do, and for how long."""

    name = forms.CharField(
        max_length=80,
        label="Name",
        help_text="Which agent holds it. The connect page and the ledger show it.",
        widget=forms.TextInput(attrs={"class": "form-control", "placeholder": "Claude on my laptop"}),
    )
    expires = forms.ChoiceField(choices=LIFETIMES, label="Expires", widget=forms.Select(attrs={"class": "form-select"}))
    providers = forms.MultipleChoiceField(
        required=False,
        label="Limited to",
        help_text="Nothing chosen: every provider, also ones connected later.",
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )
    may_disconnect = forms.BooleanField(
        required=False,
        initial=False,
        label="May disconnect providers",
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )

    def __init__(self, sent: Any = None) -> None:
        super().__init__(sent, label_suffix="")
        offered = Provider.objects.defer("client_secret").offered()
        field = self.fields["providers"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101
        field.choices = [(row.code, row.spec.name) for row in offered]


@login_required
@never_cache
def keys(request: HttpRequest) -> HttpResponse:
    """The user's keys, and a form to make one. The new key is in the answer to its POST and nowhere else."""
    caller = caller_of(request)
    form = KeyForm(request.POST or None)
    made = text = None
    if request.method == "POST" and form.is_valid():
        made, text = _issue(request, form)
        form = KeyForm()
    context = {
        "section": "keys",
        "keys": ApiKey.objects.of(caller.user),
        "form": form,
        "made": made,
        "text": text,
        "base_url": settings.AKHROT_BASE_URL,
    }
    return render(request, "app/keys.html", context, status=422 if form.errors else 200)


def _issue(request: HttpRequest, form: KeyForm) -> tuple[ApiKey, str]:
    caller, chosen = caller_of(request), form.cleaned_data
    row, text = ApiKey.objects.issue(
        user=caller.user,
        name=chosen["name"],
        expires_in=dt.timedelta(days=int(chosen["expires"])) if chosen["expires"] != "never" else None,
        providers=chosen["providers"],
        may_disconnect=chosen["may_disconnect"],
    )
    record(caller, "key.issue", detail=f"{row.name} (akhrot_{row.pk}_…)")
    return row, text


@login_required
def revoke(request: HttpRequest, key_id: str) -> HttpResponse:
    """Ask first (GET), then end the key (POST)."""
    row = get_object_or_404(ApiKey, pk=key_id, user=caller_of(request).user)
    if request.method != "POST":
        return render(request, "app/revoke.html", {"section": "keys", "key": row})
    row.revoke()
    record(caller_of(request), "key.revoke", detail=f"{row.name} (akhrot_{row.pk}_…)")
    messages.success(request, f"“{row.name}” is revoked. Whoever holds it is refused from now on.")
    return redirect("keys")
