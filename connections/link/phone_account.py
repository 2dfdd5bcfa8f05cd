"""Whose account it is that signed in with a phone, and which connection becomes of it."""

from dataclasses import dataclass, replace

from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apikeys.ledger import Caller
from connections import connect
from connections.link import callback, signing_in
from connections.link.signing_in import HalfOpen
from connections.models import Connection, OAuthSession
from connections.sessions import Refused, nonce_name
from providers.sealed import SealBroken
from providers.telegram_login import SignedIn
from providers.verify import Verdict


@dataclass(frozen=True)
class Visit:
    """Who goes on with which request, in which browser."""

    caller: Caller
    session: OAuthSession
    browser: SessionBase


class Overtaken(Exception):
    """The sign-in went on in another window, or ended, while this step was under way: its page tells how it stands."""


def finish(visit: Visit, half: HalfOpen, done: SignedIn) -> None:
    """Keep what signed in; or hold it and ask, where renewing brought another account than the known one.

    Raises Overtaken.
    """
    session, renewed = visit.session, visit.session.connection
    came = replace(half, step="signed_in", unsure=False, session=done.session, code_hash="", waits={})
    came = replace(came, account_id=done.account_id, label=done.label)
    if renewed is None or renewed.account_id == done.account_id:
        _keep(visit.caller, session, came, renewed, begun=half.session)
    else:
        _hold(session, came, begun=half.session)
    visit.browser.pop(nonce_name(session), None)


def _hold(session: OAuthSession, half: HalfOpen, *, begun: str) -> None:
    with transaction.atomic():
        held = _is_at(session, begun) and session.hold_login(
            half.to_json(), anyway=True, status=OAuthSession.Status.CONFIRMING
        )
    if not held:
        _drop(session, half)
        raise Overtaken


def _is_at(session: OAuthSession, begun: str) -> bool:
    """Whether the row, locked from here on, still holds the sign-in that began as this session.

    Another window may have sent the same code again, which is no other sign-in, or may have begun with another number.
    """
    row = OAuthSession.objects.select_for_update(of=("self",)).get(pk=session.pk)
    held = HalfOpen.of(row)
    return held is not None and held.session == begun


def _drop(session: OAuthSession, half: HalfOpen) -> None:
    """Sign out what came too late, unless somebody keeps this very session: the window that was faster."""
    held = HalfOpen.of(OAuthSession.objects.get(pk=session.pk))
    made = connect.fingerprint(session.provider_id, _fields(session, half))
    if not (held and held.session == half.session) and not Connection.objects.filter(fingerprint=made).exists():
        signing_in.sign_out(session.provider_id, half.values, half.session)


def _fields(session: OAuthSession, half: HalfOpen) -> dict[str, str]:
    return {**half.values, session.spec.token_field: half.session}


def decide(caller: Caller, session: OAuthSession, choice: str) -> None:
    """The user's answer about another account: ``replace`` the known one, ``add`` it beside, or ``cancel``.

    Raises Refused.
    """
    half = HalfOpen.of(session)
    if session.status != OAuthSession.Status.CONFIRMING or session.is_over() or not session.is_known() or not half:
        raise Refused(_("There is nothing left to decide."), session)
    if choice == "cancel":
        callback.end(caller, session, gettext_noop("you kept the connection as it was"), outcome="CANCELLED")
        signing_in.abandon(session)
    elif choice == "add" or (choice == "replace" and callback.can_replace(session)):
        try:
            _keep(caller, session, half, session.connection if choice == "replace" else None, begun=half.session)
        except Overtaken:
            raise Refused(_("This request was ended meanwhile. Nothing was stored."), session) from None
    else:
        raise Refused(_("That cannot be chosen here."), session)


def _keep(caller: Caller, session: OAuthSession, half: HalfOpen, renew: Connection | None, *, begun: str) -> None:
    """Make the connection, or renew the one that this account had, whose own session is ended then."""
    with transaction.atomic():
        # The connection is locked first and the request after it, as whoever pastes a credential does.
        before = _session_before(session, half, renew)
        kept = _is_at(session, begun)
        if kept:
            row = connect.connect_key(
                replace(caller, key=session.key),
                provider=session.provider,
                fields=_fields(session, half),
                verdict=Verdict("works", half.account_id, half.label),
                way=session.way,
                renew=renew,
            )
            kept = session.complete(row.pk)
            transaction.set_rollback(not kept)
    if not kept:
        _drop(session, half)
        raise Overtaken
    session.refresh_from_db()
    if before:
        signing_in.sign_out(session.provider_id, before, before[session.spec.token_field])


def _session_before(session: OAuthSession, half: HalfOpen, renew: Connection | None) -> dict[str, str] | None:
    """The fields of the session that the new one takes the place of, if it was made by signing in here.

    A pasted one may be in use elsewhere.
    """
    mine = Connection.objects.select_for_update(of=("self",)).filter(user=session.user, provider=session.provider)
    row = (mine.filter(pk=renew.pk) if renew else mine.filter(account_id=half.account_id)).first()
    if row is None or not row.is_known() or not row.spec.login:
        return None
    try:
        fields: dict[str, str] = row.held()["fields"]
    except SealBroken:
        return None
    return fields
