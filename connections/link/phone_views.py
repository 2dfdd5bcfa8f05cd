"""The steps of signing in with a phone, as pages. Opening the link again, or reloading, shows the step one is at."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters

from apikeys.authentication import caller_of
from connections.link import phone
from connections.link.pages import ask, form_of, guarded, opened
from connections.link.phone_account import Overtaken, Visit
from connections.link.phone_forms import CodeForm, PasswordForm, PhoneForm, focus_first_fault
from connections.link.phone_words import Trouble, clock
from connections.link.signing_in import HalfOpen
from connections.models import OAuthSession
from connections.posting import posted_from

FORMS: dict[str, Any] = {"code": CodeForm, "password": PasswordForm}
# The only page that Telegram has sent people to for a code: https://core.telegram.org/constructor/auth.sentCodeTypeFragmentSms
FRAGMENT = "https://fragment.com/"


def page(
    request: HttpRequest, session: OAuthSession, half: HalfOpen, *, form: Form | None = None, problem: str = ""
) -> HttpResponse:
    """The step at which `half` is, with what is wrong with `form`, or with a `problem` that is no field's."""
    failed = bool(problem or (form and form.errors))
    waits = phone.held_up(session, half)
    context = {
        "session": session,
        "spec": session.spec,
        "half": half,
        "form": form or FORMS[half.step](half=half),
        "problem": problem or (waits.message if waits else ""),
        "again_from": clock(half.again_at) if phone.must_wait_for_another(half) else "",
        "fragment": half.detail if half.detail.startswith(FRAGMENT) else "",
        "ends": session.expires_at,
    }
    return render(request, f"connect/{half.step}.html", context, status=422 if failed else 200)


def begin(request: HttpRequest, visit: Visit, half: HalfOpen | None) -> HttpResponse:
    """The first step: the number is entered, and a code is sent to it."""
    form = form_of(visit.session, request.POST, half=half)
    assert isinstance(form, PhoneForm)  # noqa: S101 - the way's own
    step = phone.begin if form.is_valid() else phone.draft
    try:
        step(visit, values=form.values(), phone=form.phone())
    except Overtaken:
        return redirect("connect", visit.session.pk)
    except Trouble as trouble:
        return _asked_again(request, visit, trouble)
    if not form.is_valid():
        return ask(request, visit.session, form_of(visit.session, request.POST, half=phone.mine(visit)))
    return redirect("connect", visit.session.pk)


def _asked_again(request: HttpRequest, visit: Visit, trouble: Trouble, sent: Any = None) -> HttpResponse:
    """The first step once more, with what was entered and with what is wrong beside the field that it is about."""
    session, half = visit.session, phone.current(visit.session, visit.browser)
    form = form_of(session, request.POST if sent is None else sent, half=half)
    problem = trouble.message
    if trouble.field in form.fields:
        form.add_error(trouble.field, problem)
        focus_first_fault(form)
        problem = ""
    return ask(request, session, form, problem=problem)


@guarded
@posted_from("connect")
@sensitive_post_parameters()
def code(request: HttpRequest, session_id: str) -> HttpResponse:
    """The second step: the code that was sent."""
    return _stepped(request, session_id, phone.enter_code, name="code")


@guarded
@posted_from("connect")
@sensitive_post_parameters()
def password(request: HttpRequest, session_id: str) -> HttpResponse:
    """The third step, where the account has a password."""
    return _stepped(request, session_id, phone.enter_password, name="password")


@guarded
@posted_from("connect")
def resend(request: HttpRequest, session_id: str) -> HttpResponse:
    """Have the code sent again."""
    return _stepped(request, session_id, phone.resend)


@guarded
@posted_from("connect")
def cancel(request: HttpRequest, session_id: str) -> HttpResponse:
    """End the request without a connection."""
    session = opened(request, session_id)
    try:
        phone.cancel(Visit(caller_of(request), session, request.session))
    except Overtaken:
        return redirect("connect", session.pk)
    messages.info(
        request, _("You stopped signing in to %(provider)s. Nothing was connected.") % {"provider": session.provider}
    )
    return redirect("home")


def _stepped(request: HttpRequest, session_id: str, step: Callable[..., None], *, name: str = "") -> HttpResponse:
    """Take a step, with the field of this `name` if it has one, and show where that leads."""
    session = opened(request, session_id)
    visit = Visit(caller_of(request), session, request.session)
    half = phone.mine(visit)
    if half is None or (name and half.step != name):
        return redirect("connect", session.pk)
    form = FORMS[name](request.POST, half=half) if name else None
    if form and not form.is_valid():
        return page(request, session, half, form=form)
    try:
        step(visit, *([form.cleaned_data[name]] if form else []))
    except Overtaken:
        return redirect("connect", session.pk)
    except Trouble as trouble:
        return _shown(request, visit, form, trouble)
    return redirect("connect", session.pk)


def _shown(request: HttpRequest, visit: Visit, form: Form | None, trouble: Trouble) -> HttpResponse:
    """The step that a refusal leads to: mostly the same, with what is wrong beside the field that it is about."""
    half = phone.current(visit.session, visit.browser)
    if half is None:
        return redirect("connect", visit.session.pk)
    if half.step == "number":
        return _asked_again(request, visit, trouble, sent={**half.values, "phone": half.phone})
    if form and trouble.field in form.fields and not half.is_over:
        form.add_error(trouble.field, trouble.message)
        return page(request, visit.session, half, form=form)
    return page(request, visit.session, half, problem=trouble.message)
