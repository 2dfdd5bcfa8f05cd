"""The connect link as people see it. A GET changes nothing; only a POST from these pages starts or keeps anything."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from csp.decorators import csp_update
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apikeys.authentication import caller_of
from connections import callback, pasting, sessions
from connections.forms import BOXES, InputsForm, PasteForm
from connections.held import Held
from connections.models import OAuthSession
from connections.oauth_session import LIFETIME
from connections.sessions import NotYours, Refused
from providers.template import fill

View = Callable[..., HttpResponse]


def _guarded(view: View) -> View:
    """No page of the link is stored, and every refusal is a plain page.

    The site's Referrer-Policy stays "same-origin": a stricter one makes browsers send "Origin: null" with the forms,
    which the CSRF check refuses.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except NotYours as refusal:
            return _refusal(request, refusal, status=403)
        except Refused as refusal:
            return _refusal(request, refusal, status=409 if refusal.session else 404)

    return never_cache(guarded)


def _refusal(request: HttpRequest, refusal: Refused, *, status: int) -> HttpResponse:
    session = refusal.session
    restartable = session and session.status != OAuthSession.Status.COMPLETED and not session.successor_id
    context = {"message": refusal.message.rstrip("."), "session": session, "status": status, "restartable": restartable}
    return render(request, "connect/refused.html", context, status=status)


def _opened(request: HttpRequest, session_id: str) -> OAuthSession:
    session = sessions.open_link(caller_of(request), UUID(session_id))
    if not session.provider.is_known():
        raise Refused(f"This Akhrot does not know {session.provider} any more.")
    return session


@_guarded
@login_required
@require_GET
def connect(request: HttpRequest, session_id: str) -> HttpResponse:
    """The page behind the link: who asks for what, or what came of it."""
    session = _opened(request, session_id)
    if session.status == OAuthSession.Status.COMPLETED:
        return render(request, "connect/done.html", {"session": session, "connection": session.connection})
    if session.status == OAuthSession.Status.CONFIRMING and not session.is_over():
        came = Held.in_session(session)
        return render(request, *(_choice(session, came) if came.items else _decision(session, came)))
    if session.successor_id:
        return redirect("connect", session.successor_id)
    if not session.can_start():
        raise Refused(session.reason or "This link is older than 10 minutes.", session)
    sessions.choose(session, request.GET.get("way"))
    return _ask(request, session, _form(session, None))


def _choice(session: OAuthSession, came: Held) -> tuple[str, dict[str, Any]]:
    rule = session.spec.oauth
    labels = [one.label for one in came.items]
    alike = {label for label in labels if labels.count(label) > 1}
    context = {"session": session, "came": came.account, "items": came.items, "alike": alike}
    return "connect/choose.html", {**context, "after": rule.after if rule else None}


def _decision(session: OAuthSession, came: Held) -> tuple[str, dict[str, Any]]:
    replaceable = callback.can_replace(session)
    return "connect/decide.html", {"session": session, "came": came.account, "can_replace": replaceable}


def _form(session: OAuthSession, sent: Any, *, boxes: Iterable[str] = ()) -> PasteForm | InputsForm:
    """The form of the session's way, with those of `BOXES` to tick that are in `boxes`."""
    spec = session.spec
    if not spec.is_pasted:
        return InputsForm(spec, sent)
    # An OAuth client that could not be checked has no token that could be kept.
    fitting = [box for box in boxes if box != "keep_unverified" or spec.oauth is None]
    return PasteForm(spec, sent, boxes=fitting)


def _ask(
    request: HttpRequest, session: OAuthSession, form: PasteForm | InputsForm, *, problem: str = ""
) -> HttpResponse:
    spec = session.spec
    services = [one for one in spec.services if set(one.scopes) and set(one.scopes) <= set(session.scopes)]
    named = {scope for one in services for scope in one.scopes}
    context = {
        "session": session,
        "spec": spec,
        "ways": session.provider.ready_ways(),
        "services": services,
        "other_scopes": [scope for scope in session.scopes if scope not in named],
        "form": form,
        "problem": problem,
        "ends": session.created_at + LIFETIME,
    }
    response = render(request, "connect/ask.html", context, status=422 if problem or form.errors else 200)
    # Chromium applies form-action to every redirect that follows a POST, and a provider sends its users on to hosts
    # that no specification names: a workspace's own, a company's single sign-on.
    if spec.oauth and not spec.is_pasted:
        csp_update({"form-action": ["https:", *_plain_origin(spec.oauth.authorize_url)]})(lambda _: response)(request)
    return response


def _plain_origin(url: str) -> list[str]:
    """The origin of an address without TLS, which only the operator's private hosts may have."""
    parts = urlsplit(fill(url, {}))
    return [f"{parts.scheme}://{parts.netloc}"] if parts.scheme == "http" else []


@_guarded
@login_required
@require_POST
@sensitive_post_parameters()
def start(request: HttpRequest, session_id: str) -> HttpResponse:
    """The user's consent: off to the provider, or the pasted credential to be checked."""
    caller, session = caller_of(request), _opened(request, session_id)
    if not session.can_start():
        raise Refused(session.reason or "This link was used already or is older than 10 minutes.", session)
    sessions.choose(session, request.POST.get("way"))
    form = _form(session, request.POST, boxes=[box for box in BOXES if box in request.POST])
    if not form.is_valid():
        return _ask(request, session, form)
    if isinstance(form, InputsForm):
        return _see_other(sessions.begin(caller, session, request.session, form.values()))
    return _paste(request, session, form)


def _paste(request: HttpRequest, session: OAuthSession, form: PasteForm) -> HttpResponse:
    ticked = {box: bool(form.cleaned_data.get(box)) for box in BOXES}
    verdict = pasting.paste(caller_of(request), session, form.values(), ends_at=form.ends_at(), **ticked)
    if session.status == OAuthSession.Status.COMPLETED:
        return redirect("connect", session.pk)
    name = session.spec.name
    if verdict.outcome == "refused":
        return _ask(request, session, form, problem=f"{name} refuses this: {verdict.reason or 'it does not work'}.")
    if verdict.outcome == "unreachable":
        box, problem = "keep_unverified", f"{name} could not be asked now: {verdict.reason}."
    else:
        box, problem = "replace_account", f"This is of another account: {verdict.label or verdict.account_id}."
    return _ask(request, session, _form(session, request.POST, boxes=[box]), problem=problem)


def _see_other(url: str) -> HttpResponse:
    """303, so that the browser's POST becomes a GET at the provider (RFC 9700 section 4.12)."""
    return HttpResponse(status=303, headers={"Location": url})


@_guarded
@login_required
@require_POST
def choose(request: HttpRequest, session_id: str) -> HttpResponse:
    """The user's choice among the sites, tenants or accounts that the grant opens."""
    session, item = _opened(request, session_id), request.POST.get("item", "")
    if not item and "none" not in request.POST:
        return redirect("connect", session.pk)
    if "none" in request.POST:
        callback.choose(caller_of(request), session, "")
        return redirect("home")
    return redirect("connect", callback.choose(caller_of(request), session, item).session.pk)


@_guarded
@login_required
@require_POST
def decide(request: HttpRequest, session_id: str) -> HttpResponse:
    """The user's answer when another account came than the one to renew."""
    session = callback.decide(caller_of(request), _opened(request, session_id), request.POST.get("choice", ""))
    return redirect("connect", session.pk) if session.status == "completed" else redirect("home")


@_guarded
@login_required
@require_POST
def again(request: HttpRequest, session_id: str) -> HttpResponse:
    """Try again with a successor, which the agent's poll follows."""
    return redirect("connect", sessions.again(caller_of(request), _opened(request, session_id)).pk)


@_guarded
@require_http_methods(["GET"])
def come_back(request: HttpRequest, code: str) -> HttpResponse:
    """The provider's redirect. The answer is a redirect in turn, so that code and state leave the address bar."""
    if not request.user.is_authenticated:
        return render(request, "connect/signed_out.html", status=401)
    outcome = callback.come_back(caller_of(request), code, request.GET.dict(), request.session)
    return _see_other(f"/connect/{outcome.session.pk}")
