"""Signing in with a phone on pages of ours: a number, the code sent to it, the second password where there is one.

Each step is a POST of the browser in which the sign-in was begun, by the user whose link it is, and one call to the
provider. Between two of them everything is sealed in the session's row (`signing_in.py`): a closed tab loses nothing.
Each raises Trouble where it may be tried again, Overtaken, and Refused.
"""

import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apikeys.ledger import record
from apikeys.rates import counter
from connections.databases import give_back
from connections.link import callback, signing_in
from connections.link.phone_account import Overtaken, Visit, finish
from connections.link.phone_words import Trouble, clock, span, waiting
from connections.link.signing_in import HalfOpen, Step
from connections.models import OAuthSession
from connections.oauth_session import LIFETIME, token_digest
from connections.sessions import Refused, check_usable, nonce_name
from providers import http, telegram_login
from providers.http import ProviderUnavailable
from providers.telegram import App, SessionRefused
from providers.telegram_login import LoginRefused, PasswordWanted, Sent, SignedIn
from providers.telegram_refusals import known

T = TypeVar("T")
# Telegram decides how many attempts an account has. This is how often one person, and one address, may ask it.
ASKS, ASKS_OF_ADDRESS, WINDOW = 30, 90, 600


class OtherBrowser(Refused):
    """The sign-in was begun in another browser, and only that one may go on with it."""


def current(session: OAuthSession, browser: SessionBase) -> HalfOpen | None:
    """What `session` holds of a sign-in that this browser may go on with. Raises OtherBrowser for another's."""
    half = HalfOpen.of(session)
    if half is None or _is_its_browser(session, browser):
        return half
    if session.is_signing_in():
        raise OtherBrowser(
            _("You started this sign-in in another browser. Continue there, or start again here"), session
        )
    return None


def held_up(session: OAuthSession, half: HalfOpen) -> Trouble | None:
    """Why the next step cannot be tried yet; None if it can."""
    return waiting(half, _sending(half) if half.step == "number" else half.step, session)


def must_wait_for_another(half: HalfOpen) -> bool:
    """Whether it is too early to have the code sent again."""
    return bool(half.next) and half.again_at > time.time()


def mine(visit: Visit) -> HalfOpen | None:
    """As `current`, for a POST: that somebody tried to go on with another browser's sign-in stands in the ledger."""
    try:
        return current(visit.session, visit.browser)
    except OtherBrowser:
        record(visit.caller, "session.login", outcome="OTHER_BROWSER", provider=visit.session.provider_id)
        raise


def draft(visit: Visit, *, values: Mapping[str, str], phone: str) -> None:
    """Keep what was entered so far, so that no secret is typed twice; a code that was sent already stays good."""
    old = mine(visit)
    if old is None or old.step == "number":
        _write(visit, replace(old or HalfOpen(), values=dict(values), phone=phone))


def begin(visit: Visit, *, values: Mapping[str, str], phone: str) -> None:
    """Have a code sent to `phone`, for the app in `values`; also anew, for another number."""
    check_usable(visit.session)
    old = mine(visit)
    if not (visit.session.can_start() or (old and visit.session.is_signing_in())):
        raise Refused(_("This link was already used or is older than 10 minutes."), visit.session)
    draft(visit, values=values, phone=phone)
    half = HalfOpen(values=dict(values), phone=phone, waits=old.waits if old else {})
    # A number that is refused does not end the sign-in with the one before.
    kept = old if old and old.step != "number" else half
    app = _app(visit, kept, half.values)
    _sent(visit, half, _ask(visit, kept, _sending(half), lambda: telegram_login.send_code(app, phone)))
    if old and old.may_be_signed_in:
        signing_in.sign_out(visit.session.provider_id, old.values, old.session)


def resend(visit: Visit) -> None:
    """Have the code sent again by the provider's next way, or a new one in place of one that is over."""
    half = _at(visit, "code")
    if found := _found(visit, half):
        finish(visit, half, found)
    else:
        _sent(visit, half, _sent_again(visit, half))


def _sent_again(visit: Visit, half: HalfOpen) -> Sent | SignedIn:
    app = _app(visit, half, half.values)
    if half.is_over:
        return _ask(visit, half, _sending(half), lambda: telegram_login.send_code(app, half.phone))
    if not half.next:
        raise Trouble(_("Telegram has no other way to send the code to this number."))
    if must_wait_for_another(half):
        raise Trouble(_("Telegram can send the code again from %(time)s.") % {"time": clock(half.again_at)})
    again = (half.session, half.phone, half.code_hash)
    return _ask(visit, half, "resend", lambda: telegram_login.resend(app, *again))


def enter_code(visit: Visit, code: str) -> None:
    """Give back the code that was sent. The password follows, or the question whose account it is, or the end."""
    half = _at(visit, "code")
    if half.is_over:
        raise Trouble(str(known("PHONE_CODE_EXPIRED")), "code")
    _give(visit, half, lambda app: telegram_login.sign_in(app, half.session, half.phone, half.code_hash, code))


def enter_password(visit: Visit, password: str) -> None:
    """Give the second password. The question whose account it is follows, or the end."""
    half = _at(visit, "password")
    _give(visit, half, lambda app: telegram_login.check_password(app, half.session, password))


def cancel(visit: Visit) -> None:
    """End the request at its user's wish."""
    if mine(visit) is None or not visit.session.is_signing_in():
        raise Overtaken
    callback.end(visit.caller, visit.session, gettext_noop("you stopped signing in"), outcome="CANCELLED")
    signing_in.abandon(visit.session)
    visit.browser.pop(nonce_name(visit.session), None)


def leave(visit: Visit) -> None:
    """Another way was chosen: end what may have been signed in."""
    half = HalfOpen.of(visit.session)
    if half and half.may_be_signed_in:
        signing_in.abandon(visit.session)


def _at(visit: Visit, step: Step) -> HalfOpen:
    check_usable(visit.session)
    half = mine(visit)
    if not visit.session.is_signing_in() or half is None or half.step != step:
        raise Overtaken
    return half


def _sending(half: HalfOpen) -> str:
    """What a wait for sending a code is about: another number, or another app, is another matter."""
    return f"send {half.values.get('apiId', '')} {half.phone}"


def _give(visit: Visit, half: HalfOpen, call: Callable[[App], SignedIn | PasswordWanted]) -> None:
    """A step after which somebody may be signed in.

    It is noted before: should its answer be lost on the way, or this process die, the session can still be found.
    """
    if found := _found(visit, half):
        finish(visit, half, found)
        return
    app, trying = _app(visit, half, half.values), replace(half, unsure=True)
    _write(visit, trying)
    done = _ask(visit, trying, half.step, lambda: call(app))
    if isinstance(done, SignedIn):
        finish(visit, trying, done)
    else:
        _write(visit, replace(half, step="password", unsure=False, session=done.session, hint=done.hint))


def _found(visit: Visit, half: HalfOpen) -> SignedIn | None:
    """Who has signed in by a step whose answer was lost, if somebody has."""
    if not half.unsure:
        return None
    app = _app(visit, half, half.values)
    return _ask(visit, half, half.step, lambda: telegram_login.whose(app, half.session))


def _app(visit: Visit, half: HalfOpen, values: Mapping[str, str]) -> App:
    try:
        return App.of(values)
    except SessionRefused as refused:
        refusal = LoginRefused("API_ID_INVALID", f"{refused.reason}.", field="apiId")
    raise _refused(visit, half, _sending(half), refusal)


def _ask(visit: Visit, half: HalfOpen, act: str, call: Callable[[], T]) -> T:
    """One call to the provider. What it refuses is noted beside `half`, and told."""
    if trouble := waiting(half, act, visit.session):
        raise trouble
    _count(visit)
    give_back()
    try:
        with http.waiting_room():
            return call()
    except LoginRefused as refused:
        refusal = refused
    except ProviderUnavailable as error:
        raise Trouble(_("%(reason)s. Nothing is lost: try again.") % {"reason": error.reason}) from None
    raise _refused(visit, half, act, refusal)


def _refused(visit: Visit, half: HalfOpen, act: str, refusal: LoginRefused) -> Trouble:
    """Note a refusal: what it leads back to, and how long to wait."""
    step: Step = "code" if refusal.is_lost and half.step == "password" else half.step
    if refusal.field in ("phone", "apiId") and not act.startswith("send"):
        step = "number"
    waits = {**half.waits, act: time.time() + refusal.wait} if refusal.wait else half.waits
    after = replace(half, step=step, unsure=False, is_over=half.is_over or refusal.is_over, waits=waits)
    with transaction.atomic():
        _write(visit, after)
        record(visit.caller, "session.login", outcome=refusal.code[:40], provider=visit.session.provider_id)
    return waiting(after, act, visit.session) or Trouble(refusal.reason, refusal.field)


def _sent(visit: Visit, half: HalfOpen, came: Sent | SignedIn) -> None:
    """Write down that a code is on its way; or that none is needed, for whom the provider lets in at once."""
    half = replace(half, session=came.session, unsure=isinstance(came, SignedIn))
    if isinstance(came, Sent):
        half = replace(half, step="code", code_hash=came.code_hash, is_over=False, again_at=time.time() + came.wait)
        half = replace(half, how=came.how, detail=came.detail, length=came.length, next=came.next)
    with transaction.atomic():
        _write(visit, half, **_started(visit.session))
        record(visit.caller, "session.start", provider=visit.session.provider_id)
    if isinstance(came, SignedIn):
        finish(visit, half, came)


def _started(session: OAuthSession) -> dict[str, Any]:
    """The columns of a session whose provider's part begins: ten minutes more, as long as it may be begun at all."""
    began: dict[str, Any] = {"status": OAuthSession.Status.STARTED, "inputs": {}, "verifier": ""}
    return {**began, "expires_at": timezone.now() + LIFETIME} if session.can_start() else began


def _write(visit: Visit, half: HalfOpen, **columns: Any) -> None:
    """Seal how far it has come, for this browser. Raises Overtaken."""
    session, name = visit.session, nonce_name(visit.session)
    if not _is_its_browser(session, visit.browser):
        visit.browser[name] = secrets.token_urlsafe(32)
    columns |= {"nonce_digest": token_digest(visit.browser[name]), "way": session.way, "scopes": session.scopes}
    if not session.hold_login(half.to_json(), **columns):
        raise Overtaken


def _is_its_browser(session: OAuthSession, browser: SessionBase) -> bool:
    """Whether the sign-in was begun here: by the nonce in the data of the browser session, as with OAuth."""
    nonce = str(browser.get(nonce_name(session), ""))
    return bool(nonce) and hmac.compare_digest(token_digest(nonce), session.nonce_digest)


def _count(visit: Visit) -> None:
    who = {f"user:{visit.caller.user.pk}": ASKS, f"address:{visit.caller.address}": ASKS_OF_ADDRESS}
    for name, most in who.items():
        count = counter().hit(f"phone:{name}", WINDOW)
        if count.hits > most:
            raise Trouble(_("Too many attempts. Try again in %(span)s.") % {"span": span(count.ends_in)})
