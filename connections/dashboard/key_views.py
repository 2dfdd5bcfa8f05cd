"""The dashboard's API keys: made for oneself alone, shown once, replaced, revoked, and for a moment brought back.

A key's text is in the answer to the POST that made it and nowhere else.
"""

import secrets
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from apikeys import issuing
from apikeys.authentication import caller_of
from apikeys.finding import Wanted
from apikeys.models import ApiKey, NotRotatable
from connections import wording
from connections.dashboard import key_facts, toasts
from connections.dashboard.activity_charts import fetches
from connections.dashboard.key_forms import KeyForm, RenameForm, RotateForm
from connections.dashboard.snippets import snippets
from connections.posting import posted_from

PAGE, PAGE_OVER = 50, 20
RECENT = 8
# Of the forms that made a key so many are remembered.
MOST_FORMS = 20
MADE = "forms_that_made_keys"


def _own(request: HttpRequest, key_id: str) -> ApiKey:
    rows = ApiKey.objects.select_related("user", "successor", "predecessor")
    return get_object_or_404(rows, pk=key_id, user=caller_of(request).user)


def _page(request: HttpRequest, name: str) -> int:
    given = request.GET.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and 0 < len(given) < 5 and int(given) else 1


@login_required
@require_GET
def keys(request: HttpRequest) -> HttpResponse:
    """The user's keys: those that work, and folded below those that are over."""
    user = caller_of(request).user
    rows = ApiKey.objects.of(user)
    page, over = _page(request, "page"), _page(request, "over")
    alive, ended = key_facts.lines(
        user,
        rows.alive()[(page - 1) * PAGE : page * PAGE + 1],
        rows.over()[(over - 1) * PAGE_OVER : over * PAGE_OVER + 1],
    )
    context = {
        "section": "keys",
        "alive": alive[:PAGE],
        "ended": ended[:PAGE_OVER],
        "next": page + 1 if len(alive) > PAGE else None,
        "next_over": over + 1 if len(ended) > PAGE_OVER else None,
        "is_first": page == over == 1,
        "over": over,
    }
    return render(request, "app/keys.html", context)


@login_required
@never_cache
def new(request: HttpRequest) -> HttpResponse:
    """A form to make a key, and the key in the answer to it. A form that is sent again makes no second one."""
    caller, sent = caller_of(request), request.POST.get("form", "")[:64]
    if made := request.session.get(MADE, {}).get(sent):
        messages.warning(request, _("This key was already created. It was shown then and cannot be shown again."))
        return redirect("key", made)
    form = KeyForm(request.POST or None, connected=key_facts.connected_codes(caller.user))
    if request.method == "POST" and form.is_valid():
        row, text = issuing.issue(
            caller,
            name=form.cleaned_data["name"],
            expires_in=form.lifetime(),
            providers=form.cleaned_data["providers"],
            may_disconnect=form.cleaned_data["may_disconnect"],
        )
        if sent:
            request.session[MADE] = dict([*request.session.get(MADE, {}).items(), (sent, row.pk)][-MOST_FORMS:])
        return _shown_once(request, row, text)
    context = {"section": "keys", "form": form, "form_id": sent or secrets.token_hex(8)}
    return render(request, "app/key_new.html", context, status=422 if form.errors else 200)


def _shown_once(request: HttpRequest, row: ApiKey, text: str, replaced: ApiKey | None = None) -> HttpResponse:
    connected = key_facts.to_try(row.user, row)
    context = {
        "section": "keys",
        "key": row,
        "text": text,
        "replaced": replaced,
        "snippets": snippets(text, connected),
    }
    return render(request, "app/key_made.html", context)


@login_required
@never_cache
@require_GET
def key(request: HttpRequest, key_id: str) -> HttpResponse:
    """One key: facts, what it does and from where, how to use it, and what can be done with it."""
    return _key_page(request, _own(request, key_id))


def _key_page(request: HttpRequest, row: ApiKey, *, rename: RenameForm | None = None) -> HttpResponse:
    user = row.user
    events = Wanted(user_id=user.pk, key_id=row.pk).newest(RECENT)
    ((line,),) = key_facts.lines(user, ApiKey.objects.filter(pk=row.pk))
    context: dict[str, Any] = {
        "section": "keys",
        "key": row,
        "line": line,
        "chart": fetches(user, key_id=row.pk),
        "lines": wording.lines(events, user),
        "places": key_facts.places(row),
        "snippets": snippets(connected=key_facts.to_try(user, row)) if row.state == "active" else [],
        "rename": rename or RenameForm(name=row.name),
        "rotate": RotateForm(),
    }
    return render(request, "app/key.html", context, status=422 if rename else 200)


@posted_from("key")
def rename(request: HttpRequest, key_id: str) -> HttpResponse:
    """Call it something else."""
    row = _own(request, key_id)
    form = RenameForm(request.POST)
    if not form.is_valid():
        return _key_page(request, row, rename=form)
    if form.cleaned_data["name"] != row.name:
        issuing.rename(caller_of(request), row, form.cleaned_data["name"])
        messages.success(request, _("Renamed to “%(name)s”.") % {"name": row.name})
    return redirect("key", row.pk)


@posted_from("key")
@never_cache
def rotate(request: HttpRequest, key_id: str) -> HttpResponse:
    """Make a successor, shown in the answer; the old key goes on for as long as was chosen."""
    row, form = _own(request, key_id), RotateForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose when the old key ends."))
        return redirect("key", row.pk)
    try:
        successor, text = issuing.rotate(caller_of(request), row, overlap=form.length())
    except NotRotatable:
        messages.error(request, _not_rotatable(ApiKey.objects.get(pk=row.pk)))
        return redirect("key", row.pk)
    return _shown_once(request, successor, text, replaced=row)


def _not_rotatable(row: ApiKey) -> str:
    if row.successor_id:
        return _("This key was already replaced. If need be, replace its successor.")
    if row.state == "revoked":
        return _("A revoked key cannot be replaced. Create a new one.")
    return _("This key has expired and can no longer be replaced. Create a new one.")


@posted_from("key")
def revoke(request: HttpRequest, key_id: str) -> HttpResponse:
    """End the key at once, and offer to take that back."""
    row = _own(request, key_id)
    if issuing.revoke(caller_of(request), row):
        assert row.revoked_at  # noqa: S101
        undo = toasts.Action(_("Undo"), reverse("undo-key", args=[row.pk]), row.revoked_at + issuing.UNDO_WITHIN)
        text = _("“%(name)s” is revoked and no longer works.") % {"name": row.name}
        toasts.success(request, text, undo)
    else:
        messages.warning(request, _("“%(name)s” was already revoked.") % {"name": row.name})
    return redirect("keys")


@posted_from("key")
def undo(request: HttpRequest, key_id: str) -> HttpResponse:
    """Take a revocation back, as long as that is possible."""
    row = _own(request, key_id)
    if issuing.restore(caller_of(request), row):
        messages.success(request, _("“%(name)s” works again.") % {"name": row.name})
    elif row.revoked_at is None:
        messages.success(request, _("“%(name)s” is not revoked.") % {"name": row.name})
    else:
        text = _("It is too late: “%(name)s” stays revoked. Create a new key instead.")
        messages.error(request, text % {"name": row.name})
    return redirect("keys")
