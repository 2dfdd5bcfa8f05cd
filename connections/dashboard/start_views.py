"""The first minutes: a page that leads to an agent's first fetch, and notices when it arrives."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from apikeys.authentication import caller_of
from connections import wording
from connections.dashboard.first_minutes import ON_THE_PATH, STEPS, Path
from connections.dashboard.live import unchanged
from connections.models import Welcome
from connections.posting import posted_from


@login_required
@require_GET
def start(request: HttpRequest) -> HttpResponse:
    """The path as a page of its own, which can be found again whatever was put away."""
    path = Path(caller_of(request).user)
    if path.is_done:
        request.session.pop(ON_THE_PATH, None)
    else:
        request.session[ON_THE_PATH] = True
    return render(request, "app/start.html", {"section": "start", "at": request.GET.get("at"), **shown(path)})


def shown(path: Path) -> dict[str, Any]:
    """What `app/_steps.html` shows, here and on the connections page."""
    event = path.facts.fetch or path.facts.refusal
    lines = wording.lines([event] if event else [], path.user)
    return {
        "path": path,
        "last": lines[0] if lines else None,
        "base_url": settings.AKHROT_BASE_URL,
        "is_operator": path.user.is_superuser,
    }


@login_required
@require_GET
def steps_now(request: HttpRequest) -> HttpResponse:
    """The steps, for a page that looks again; 204 where they are as it shows them."""
    path = Path(caller_of(request).user)
    if same := unchanged(request, path.version):
        return same
    return render(request, "app/_steps.html", {**shown(path), "partial": True})


@posted_from("start")
def skip(request: HttpRequest) -> HttpResponse:
    """Leave one step out. It can be done later all the same."""
    user, code = caller_of(request).user, request.POST.get("step", "")
    if code not in STEPS:
        raise Http404
    Welcome.objects.skip(user, code)
    after = Path(user).next
    return redirect(f"{reverse('start')}?at={after.code if after else 'end'}")


@posted_from("start")
def hide(request: HttpRequest) -> HttpResponse:
    """Put the path away, or back onto the connections page (``shown``)."""
    hidden = "shown" not in request.POST
    Welcome.objects.hide(caller_of(request).user, hidden=hidden)
    if hidden:
        request.session.pop(ON_THE_PATH, None)
        messages.info(request, _("Hidden. You can find it again under “Getting started” in your account menu."))
    return redirect("home" if hidden else "start")
