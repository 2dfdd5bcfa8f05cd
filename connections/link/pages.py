"""What the pages of the connect link have in common: whose link it is, refusals as plain pages, the question itself."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from apikeys.authentication import caller_of
from connections import sessions
from connections.link.forms import InputsForm, PasteForm
from connections.link.phone import OtherBrowser
from connections.link.phone_forms import PhoneForm
from connections.link.signing_in import HalfOpen
from connections.models import OAuthSession
from connections.oauth_session import LIFETIME
from connections.sessions import NotYours, Refused
from providers.template import fill

View = Callable[..., HttpResponse]


def guarded(view: View) -> View:
    """No page of the link is stored, and every refusal is a plain page.

    The site's Referrer-Policy stays "same-origin": a stricter one makes browsers send "Origin: null" with the forms,
    which the CSRF check refuses.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except (NotYours, OtherBrowser) as refusal:
            return _refusal(request, refusal, status=403)
        except Refused as refusal:
            return _refusal(request, refusal, status=409 if refusal.session else 404)

    return never_cache(guarded)


def _refusal(request: HttpRequest, refusal: Refused, *, status: int) -> HttpResponse:
    session = refusal.session
    restartable = session and session.status != OAuthSession.Status.COMPLETED and not session.successor_id
    context = {"message": refusal.message.rstrip("."), "session": session, "status": status, "restartable": restartable}
    return render(request, "connect/refused.html", context, status=status)


def opened(request: HttpRequest, session_id: str) -> OAuthSession:
    """The session behind the link, which is the signed-in user's. Raises Refused."""
    session = sessions.open_link(caller_of(request), UUID(session_id))
    if not session.provider.is_known():
        raise Refused(_("This Akhrot no longer knows {provider}.").format(provider=session.provider))
    return session


def form_of(
    session: OAuthSession, sent: Any, *, boxes: Iterable[str] = (), half: HalfOpen | None = None
) -> PasteForm | InputsForm | PhoneForm:
    """The form for the session's way, with `boxes` (some of `BOXES`) to tick. `half` is what was entered before."""
    spec = session.spec
    if not spec.is_pasted:
        return InputsForm(spec, sent)
    if spec.login:
        return PhoneForm(spec, sent, half=half, app=session.provider.app())
    # An OAuth client that could not be checked has no token that could be kept.
    fitting = [box for box in boxes if box != "keep_unverified" or spec.oauth is None]
    return PasteForm(spec, sent, boxes=fitting)


def ask(
    request: HttpRequest, session: OAuthSession, form: PasteForm | InputsForm | PhoneForm, *, problem: str = ""
) -> HttpResponse:
    """The page that asks for consent and for what the way needs, with what is wrong: in `form`, or a `problem`."""
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
        "ends": session.expires_at if session.is_signing_in() else session.created_at + LIFETIME,
    }
    failed = request.method == "POST" and (problem or form.errors)
    response = render(request, "connect/ask.html", context, status=422 if failed else 200)
    # Chromium applies form-action to every redirect that follows a POST, and a provider sends its users on to hosts
    # that no specification names: a workspace's own, a company's single sign-on.
    if spec.oauth and not spec.is_pasted:
        csp_update({"form-action": ["https:", *_plain_origin(spec.oauth.authorize_url)]})(lambda _: response)(request)
    return response


def _plain_origin(url: str) -> list[str]:
    """The origin of an address without TLS, which only the operator's private hosts may have."""
    parts = urlsplit(fill(url, {}))
    return [f"{parts.scheme}://{parts.netloc}"] if parts.scheme == "http" else []
