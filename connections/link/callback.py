"""What the provider sends back to the browser. Everything is checked before the token request."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace

from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.utils.translation import gettext, gettext_noop

from apikeys.ledger import Caller, record
from connections import connect
from connections.link.giving_up import give_back, give_up
from connections.link.held import Held
from connections.link.signing_in import HalfOpen
from connections.models import Connection, OAuthSession
from connections.oauth_session import token_digest
from connections.sessions import Refused, nonce_name
from providers import accounts, http, oauth
from providers.accounts import Account, Item
from providers.http import ProviderUnavailable
from providers.oauth import Grant, GrantRevoked
from providers.oauth_parts import After
from providers.sealed import SealBroken

# What ended a request is kept in English, since agents are told it, and is told to people in their language.
REFUSAL_REASONS = {"access_denied": gettext_noop("you did not agree at the provider")}
ANSWERED = gettext_noop("the provider answered: {said}")
NOTHING = gettext_noop("{provider} has no {noun} that this account may use. {missing}")


@dataclass(frozen=True)
class Outcome:
    """What a callback led to, or the user's choice after it.

    `needs_choice`: there are several sites, tenants or accounts; `needs_decision`: the account is not the expected one.
    """

    session: OAuthSession
    connection: Connection | None = None
    needs_choice: bool = False
    needs_decision: bool = False


def come_back(caller: Caller, code: str, params: Mapping[str, str], browser: SessionBase) -> Outcome:
    """The redirect to ``/oauth/callback/<code>`` with `params` of its query, in the signed-in user's browser.

    The state is used up first, whatever comes of it; then user, provider, browser, time and issuer are checked, and
    only then the code is exchanged (RFC 6749 section 4.1.2, RFC 9207, RFC 9700 section 4.7). Raises Refused.
    """
    session = _take_session(caller, code, params.get("state", ""))
    trouble = _mismatch(session, caller, code, params, browser)
    if trouble:
        end(caller, session, trouble, outcome="REFUSED")
        raise Refused(gettext("This could not be accepted: {why}. Nothing was stored.").format(why=gettext(trouble)))
    browser.pop(nonce_name(session), None)
    if "error" in params or not params.get("code"):
        said = oauth.plain(params.get("error", "no code"))
        reason = REFUSAL_REASONS.get(said, ANSWERED)
        end(caller, session, reason.format(said=said), outcome="PROVIDER_REFUSED")
        raise Refused(gettext("Nothing was connected: {why}.").format(why=gettext(reason).format(said=said)), session)
    return _choose(caller, session, _exchanged(caller, session, params))


def _take_session(caller: Caller, code: str, state: str) -> OAuthSession:
    rows = OAuthSession.objects.select_related("provider", "key", "connection", "user")
    session = rows.filter(state_digest=token_digest(state)).first() if state else None
    if session is None or not session.use_state():
        record(caller, "session.callback", outcome="STATE_UNKNOWN", provider=code[:64])
        raise Refused(gettext("This answer was used already, or belongs to no request of ours. Nothing was stored."))
    return session


def _mismatch(session: OAuthSession, caller: Caller, code: str, params: Mapping[str, str], browser: SessionBase) -> str:
    """Why this callback must not be believed; empty when all is as it was begun."""
    if session.user_id != caller.user.pk:
        return gettext_noop("another person began it")
    if session.provider_id != code:
        return gettext_noop("it was begun with another provider")
    nonce = token_digest(str(browser.get(nonce_name(session), "")))
    if not hmac.compare_digest(nonce, session.nonce_digest):
        return gettext_noop("it was started in another browser")
    if session.is_over():
        return gettext_noop("it took longer than 10 minutes")
    if not session.is_known():
        return gettext_noop("the provider can no longer be connected this way")
    return _issuer_mismatch(session, params)


def _issuer_mismatch(session: OAuthSession, params: Mapping[str, str]) -> str:
    """RFC 9207 section 2.4: compared exactly where present, demanded where the server's metadata promises it."""
    rule, issuer = session.spec.oauth, params.get("iss")
    if rule is None:
        return gettext_noop("the provider is not connected by OAuth")
    if issuer is None:
        return gettext_noop("the provider did not say who it is") if rule.iss_required else ""
    return gettext_noop("another server answered") if rule.issuer and issuer != rule.issuer else ""


def end(caller: Caller, session: OAuthSession, reason: str, *, outcome: str) -> None:
    """End a session without a connection and tell its owner's ledger."""
    owner = replace(caller, user=session.user, key=session.key)
    with transaction.atomic():
        session.fail(reason)
        record(owner, "session.fail", outcome=outcome, provider=session.provider_id, detail=reason)


def _exchanged(caller: Caller, session: OAuthSession, params: Mapping[str, str]) -> Held:
    """Trade the code for a grant and learn whose it is and what it opens. No transaction is open meanwhile."""
    spec, client = session.spec, connect.client_of(session.provider)
    try:
        with http.waiting_room():
            grant = oauth.exchange(spec, client, code=params["code"], verifier=session.verifier, inputs=session.inputs)
            grant = _with_callback(session, grant, params)
            account = oauth.identity(spec, grant, session.inputs)
            came = Held(grant=grant, account=account, items=accounts.items(spec, grant, session.inputs))
    except (GrantRevoked, ProviderUnavailable) as error:
        if isinstance(error, oauth.ClientRefused):
            connect.client_was_refused(session.provider, error.reason)
        end(caller, session, error.reason, outcome="EXCHANGE_FAILED")
        said = gettext("{provider} did not complete it: {why}.").format(provider=session.provider, why=error.reason)
        raise Refused(said, session) from None
    session.provider.client_was_accepted()
    return came


def _with_callback(session: OAuthSession, grant: Grant, params: Mapping[str, str]) -> Grant:
    """The grant with what the callback told. Raises ProviderUnavailable for what no address may be made of."""
    rule = session.spec.oauth
    named = rule.callback_keep if rule else {}
    kept = {name: params[path] for name, path in named.items() if path in params}
    extra = {**grant.extra, **kept}
    if wrong := session.spec.misfits(extra):
        name, said = next(iter(wrong.items()))
        raise ProviderUnavailable(f"it answered a {name} that is not {said}")
    return replace(grant, scopes=session.scopes if grant.scopes is None else grant.scopes, extra=extra)


def _choose(caller: Caller, session: OAuthSession, came: Held) -> Outcome:
    """Take the only item there is, or the one that is renewed; with several, hold the grant and ask."""
    rule = _after(session)
    if rule is None or not (came.items or rule.required):
        return _settle(caller, session, came)
    if not came.items:
        give_back(session, came)
        facts = {"provider": session.provider, "noun": rule.noun, "missing": rule.missing}
        end(caller, session, NOTHING.format(**facts).rstrip(), outcome="NOTHING_THERE")
        raise Refused(gettext(NOTHING).format(**facts).rstrip(), session)
    if taken := _evident(session, came):
        return _take(caller, session, came, taken)
    _hold(session, came)
    return Outcome(session, needs_choice=True)


def _after(session: OAuthSession) -> After | None:
    return session.spec.oauth.after if session.spec.oauth else None


def _evident(session: OAuthSession, came: Held) -> Item | None:
    """The item that nobody need be asked about."""
    if len(came.items) == 1:
        return came.items[0]
    renewed, rule = session.connection, _after(session)
    if renewed is None or rule is None:
        return None
    if rule.distinct:
        named = {accounts.item_part(came.account, one.id): one for one in came.items}
        return named.get(renewed.account_id)
    kept = _kept_before(renewed)
    return next((one for one in came.items if one.kept.items() <= kept.items()), None)


def _kept_before(connection: Connection) -> dict[str, str]:
    try:
        kept: dict[str, str] = connection.held().get("extra", {})
    except SealBroken:
        # The key of its seal is lost, and connecting again is what mends that.
        return {}
    return kept


def _take(caller: Caller, session: OAuthSession, came: Held, item: Item) -> Outcome:
    try:
        chosen = came.at(session.spec, item)
    except ProviderUnavailable as error:
        end(caller, session, error.reason, outcome="EXCHANGE_FAILED")
        said = gettext("{provider} was not connected: {why}.").format(provider=session.provider, why=error.reason)
        raise Refused(said, session) from None
    return _settle(caller, session, chosen)


def _hold(session: OAuthSession, came: Held) -> None:
    if not session.hold(came.to_json()):
        raise Refused(gettext("This request was ended meanwhile. Nothing was stored."), session)
    session.refresh_from_db()


def _settle(caller: Caller, session: OAuthSession, came: Held) -> Outcome:
    """Keep the grant; or hold it and ask, when renewing brought another account or nobody can tell whose it is."""
    renewed, account = session.connection, came.account
    if renewed and (not account.id or account.id != renewed.account_id):
        _hold(session, came)
        return Outcome(session, needs_decision=True)
    return Outcome(session, _keep(caller, session, came.grant, account, renewed))


def _keep(
    caller: Caller, session: OAuthSession, grant: Grant, account: Account, renew: Connection | None
) -> Connection:
    with transaction.atomic():
        row = connect.connect_grant(
            replace(caller, key=session.key),
            provider=session.provider,
            grant=grant,
            account=account,
            inputs=session.inputs,
            way=session.way,
            renew=renew,
        )
        if not session.complete(row.pk):
            raise Refused(gettext("This request was ended meanwhile. Nothing was stored."), session)
    session.refresh_from_db()
    return row


def held_account(session: OAuthSession) -> Account:
    """The account that waits for the user's decision."""
    signed_in = HalfOpen.of(session)
    return signed_in.account if signed_in else Held.in_session(session).account


def can_replace(session: OAuthSession) -> bool:
    """Whether the account that came may take the old connection's place: not if it has a connection of its own."""
    account = held_account(session)
    others = Connection.objects.filter(user=session.user, provider=session.provider, account_id=account.id)
    return not account.id or not others.exists()


def choose(caller: Caller, session: OAuthSession, item_id: str) -> Outcome:
    """The user's choice among the items of a grant; empty for none of them, which ends the session.

    Raises Refused.
    """
    came = _waiting(session)
    if not came.items:
        raise Refused(gettext("There is nothing to choose any more."), session)
    if not item_id:
        end(caller, session, gettext_noop("you chose none of what there was"), outcome="CANCELLED")
        give_up(session)
        return Outcome(session)
    item = next((one for one in came.items if one.id == item_id), None)
    if item is None:
        raise Refused(gettext("That cannot be chosen here."), session)
    return _take(caller, session, came, item)


def decide(caller: Caller, session: OAuthSession, choice: str) -> OAuthSession:
    """The user's answer: ``replace`` the old account, ``add`` the new one beside it, or ``cancel``. Raises Refused."""
    came = _waiting(session)
    if came.items:
        raise Refused(gettext("That cannot be chosen here."), session)
    if choice == "cancel":
        end(caller, session, gettext_noop("you kept the connection as it was"), outcome="CANCELLED")
        give_up(session)
    elif choice == "add" or (choice == "replace" and can_replace(session)):
        _keep(caller, session, came.grant, came.account, session.connection if choice == "replace" else None)
    else:
        raise Refused(gettext("That cannot be chosen here."), session)
    session.refresh_from_db()
    return session


def drop(caller: Caller, session: OAuthSession, reason: str, *, outcome: str = "CANCELLED") -> None:
    """End a session whose user decides nothing any more; what it holds is given back where it can be opened."""
    end(caller, session, reason, outcome=outcome)
    give_up(session)


def _waiting(session: OAuthSession) -> Held:
    if session.status != OAuthSession.Status.CONFIRMING or session.is_over() or not session.is_known():
        raise Refused(gettext("There is nothing left to decide."), session)
    return Held.in_session(session)
