"""The connect link as people see it. A GET changes nothing; only a POST from these pages starts or keeps anything."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from apikeys.authentication import caller_of
from connections import sessions
from connections.link import callback, pasting, phone, phone_account, phone_views
from connections.link.forms import BOXES, InputsForm, PasteForm
from connections.link.held import Held
from connections.link.pages import ask, form_of, guarded, opened
from connections.link.phone_account import Visit
from connections.link.signing_in import HalfOpen
from connections.models import OAuthSession
from connections.posting import posted_from
from connections.sessions import Refused
from providers.accounts import Account


@guarded
@login_required
@require_GET
def connect(request: HttpRequest, session_id: str) -> HttpResponse:
    """The page behind the link: who asks for what, or what came of it."""
    session = opened(request, session_id)
    if session.status == OAuthSession.Status.COMPLETED:
        return render(request, "connect/done.html", {"session": session, "connection": session.connection})
    if session.status == OAuthSession.Status.CONFIRMING and not session.is_over():
        return render(request, *_question(session))
    if session.successor_id:
        return redirect("connect", session.successor_id)
    half = phone.current(session, request.session)
    if half and session.is_signing_in() and half.step != "number" and "way" not in request.GET:
        return phone_views.page(request, session, half)
    if not _can_begin(session, half):
        raise Refused(_ending(session) or _("This link is older than 10 minutes."), session)
    sessions.choose(session, request.GET.get("way"))
    waits = phone.held_up(session, half) if half and session.spec.login else None
    return ask(request, session, form_of(session, None, half=half), problem=waits.message if waits else "")


def _ending(session: OAuthSession) -> str:
    """Why it ended without a connection, where that is known."""
    return session.reason and _("Nothing was connected: {why}.").format(why=_(session.reason))


def _can_begin(session: OAuthSession, half: HalfOpen | None) -> bool:
    """Whether the form may be shown: who is signing in may begin that anew until the provider's part is over."""
    return session.can_start() or (half is not None and session.is_signing_in())


def _question(session: OAuthSession) -> tuple[str, dict[str, Any]]:
    if half := HalfOpen.of(session):
        return _decision(session, half.account)
    came = Held.in_session(session)
    return _choice(session, came) if came.items else _decision(session, came.account)


def _choice(session: OAuthSession, came: Held) -> tuple[str, dict[str, Any]]:
    rule = session.spec.oauth
    labels = [one.label for one in came.items]
    alike = {label for label in labels if labels.count(label) > 1}
    context = {"session": session, "came": came.account, "items": came.items, "alike": alike}
    return "connect/choose.html", {**context, "after": rule.after if rule else None}


def _decision(session: OAuthSession, account: Account) -> tuple[str, dict[str, Any]]:
    replaceable = callback.can_replace(session)
    return "connect/decide.html", {"session": session, "came": account, "can_replace": replaceable}


@guarded
@posted_from("connect")
@sensitive_post_parameters()
def start(request: HttpRequest, session_id: str) -> HttpResponse:
    """The user's consent: off to the provider, a code to a phone, or the pasted credential to be checked."""
    caller, session = caller_of(request), opened(request, session_id)
    visit = Visit(caller, session, request.session)
    half = phone.mine(visit)
    if not _can_begin(session, half):
        raise Refused(_ending(session) or _("This link was already used or is older than 10 minutes."), session)
    sessions.choose(session, request.POST.get("way"))
    if session.spec.login:
        return phone_views.begin(request, visit, half)
    phone.leave(visit)
    form = form_of(session, request.POST, boxes=[box for box in BOXES if box in request.POST])
    if not form.is_valid():
        return ask(request, session, form)
    if isinstance(form, InputsForm):
        return _see_other(sessions.begin(caller, session, request.session, form.values()))
    assert isinstance(form, PasteForm)  # noqa: S101 - the only kind that is left
    return _paste(request, session, form)


def _paste(request: HttpRequest, session: OAuthSession, form: PasteForm) -> HttpResponse:
    ticked = {box: bool(form.cleaned_data.get(box)) for box in BOXES}
    verdict = pasting.paste(caller_of(request), session, form.values(), ends_at=form.ends_at(), **ticked)
    if session.status == OAuthSession.Status.COMPLETED:
        return redirect("connect", session.pk)
    name = session.spec.name
    if verdict.outcome == "refused":
        why = verdict.reason or _("it does not work")
        return ask(request, session, form, problem=_("{name} refuses this: {why}.").format(name=name, why=why))
    if verdict.outcome == "unreachable":
        box, problem = "keep_unverified", _("{name} could not be reached: {why}.")
        problem = problem.format(name=name, why=verdict.reason)
    else:
        box, problem = "replace_account", _("This belongs to another account: {account}.")
        problem = problem.format(account=verdict.label or verdict.account_id)
    return ask(request, session, form_of(session, request.POST, boxes=[box]), problem=problem)


def _see_other(url: str) -> HttpResponse:
    """303, so that the browser's POST becomes a GET at the provider (RFC 9700 section 4.12)."""
    return HttpResponse(status=303, headers={"Location": url})


@guarded
@posted_from("connect")
def choose(request: HttpRequest, session_id: str) -> HttpResponse:
    """The user's choice among the sites, tenants or accounts that the grant opens."""
    session, item = opened(request, session_id), request.POST.get("item", "")
    if not item and "none" not in request.POST:
        return redirect("connect", session.pk)
    if "none" in request.POST:
        callback.choose(caller_of(request), session, "")
        return redirect("home")
    return redirect("connect", callback.choose(caller_of(request), session, item).session.pk)


@guarded
@posted_from("connect")
def decide(request: HttpRequest, session_id: str) -> HttpResponse:
    """The user's answer when another account came than the one to renew."""
    caller, session, choice = caller_of(request), opened(request, session_id), request.POST.get("choice", "")
    if HalfOpen.of(session):
        phone_account.decide(caller, session, choice)
    else:
        session = callback.decide(caller, session, choice)
    return redirect("connect", session.pk) if session.status == "completed" else redirect("home")


@guarded
@posted_from("connect")
def again(request: HttpRequest, session_id: str) -> HttpResponse:
    """Try again with a successor, which the agent's poll follows."""
    return redirect("connect", sessions.again(caller_of(request), opened(request, session_id)).pk)


@guarded
@require_http_methods(["GET"])
def come_back(request: HttpRequest, code: str) -> HttpResponse:
    """The provider's redirect. The answer is a redirect in turn, so that code and state leave the address bar."""
    if not request.user.is_authenticated:
        return render(request, "connect/signed_out.html", status=401)
    try:
        session = callback.come_back(caller_of(request), code, request.GET.dict(), request.session).session
    except Refused as refusal:
        if refusal.session is None:
            raise
        # Its page says why, and offers to try again.
        session = refusal.session
    return _see_other(f"/connect/{session.pk}")
