"""The connect link as the agent makes it and the user opens it. What comes back from the provider: `link/callback.py`.

An agent calls `start` and `poll`. The user's browser opens the link (`open_link`) and either goes on to the provider
(`begin`) or pastes a credential (`link/pasting.py`). Each step checks whose link it is; a GET changes nothing.
"""

from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apikeys.ledger import Caller, record
from connections import connect, errors
from connections.link import signing_in
from connections.models import Connection, OAuthSession
from connections.oauth_session import LIFETIME
from providers import oauth, search
from providers.models import Provider
from providers.offers import Offers
from providers.spec import ProviderSpec


class Refused(Exception):
    """A page's plain refusal. `message` is for people; `session` is what they may start again, if anything."""

    def __init__(self, message: str, session: OAuthSession | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.session = session


class NotYours(Refused):
    """The link belongs to another user."""


def nonce_name(session: OAuthSession) -> str:
    """Where the browser session's data holds the nonce of `session`."""
    return f"connect:{session.pk}"


def link(session: OAuthSession) -> str:
    """The page of ours that the user opens; never the provider's URL."""
    return f"{settings.AKHROT_BASE_URL}/connect/{session.pk}"


def offered_provider(caller: Caller, code: str) -> Provider:
    """The enabled provider of that code, if the caller's key may use it. Raises Forbidden, ProviderNotFound."""
    provider = Provider.objects.filter(code=code).first()
    if provider is None or not provider.enabled or not provider.is_known():
        offered = Offers.read().specs().items()
        usable = {code: spec for code, spec in offered if caller.may_use(code)}
        raise errors.ProviderNotFound(code, search.nearest(code, usable))
    if not caller.may_use(code):
        raise errors.Forbidden(f"This key may not use {code}.", hint="Its user can allow it in the dashboard.")
    return provider


def start(
    caller: Caller,
    *,
    provider: str,
    services: list[str] | None = None,
    scopes: list[str] | None = None,
    account: str | None = None,
    method: str | None = None,
    return_url: str = "",
) -> OAuthSession:
    """Make a connect link for the caller's user, as ``POST /oauth/sessions`` does.

    Raises Forbidden, ProviderNotFound, ProviderNotConfigured, ServiceNotFound, AccountNotFound, AccountAmbiguous,
    ValidationFailed.
    """
    row = offered_provider(caller, provider)
    if not row.is_configured():
        raise errors.ProviderNotConfigured(
            f"The operator has not set the OAuth client of {provider}.",
            hint="An admin sets it in the admin under Providers, or with manage.py provider set.",
        )
    wanted = _way_of(row.spec, method)
    _check_return_url(return_url)
    renew = chosen(caller, provider, account) if account else None
    for code in services or []:
        _check_service(row.spec, code)
    way = _first_way(row, wanted, services or [], renew)
    with transaction.atomic():
        OAuthSession.objects.make_room(caller.user)
        session = OAuthSession.objects.create(
            user=caller.user,
            key=caller.key,
            provider=row,
            services=services or [],
            asked=scopes or [],
            way=way,
            scopes=_scopes(row, row.spec.by_way(way), services, scopes, renew),
            connection=renew,
            return_url=return_url,
            expires_at=timezone.now() + LIFETIME,
        )
        record(caller, "session.create", provider=provider, detail=" ".join(services or []))
    return session


def chosen(caller: Caller, provider: str, account: str) -> Connection:
    """The caller's one connection that `account` names: an id, or a label. Raises AccountNotFound, AccountAmbiguous."""
    mine = Connection.objects.to(provider, caller.user)
    found = list(mine.named(account)[:2])
    if not found:
        raise errors.AccountNotFound(provider, [row.account for row in mine[:20]])
    if len(found) > 1:
        raise errors.AccountAmbiguous(provider, [f"{row.account} ({row.pk})" for row in mine.named(account)[:20]])
    return found[0]


def _way_of(spec: ProviderSpec, method: str | None) -> str | None:
    """The way that an agent means by its code or, of the first such way, by its kind; None where none is meant."""
    every = spec.every_way()
    if method is None or method in every:
        return method
    by_name = {name: code for code, one in reversed(every.items()) for name in (one.auth, one.kind, one.way.code)}
    if method not in by_name:
        names = sorted({*by_name, *every} - {""})
        fields = {"method": f"{spec.code} is connected by: {', '.join(names)}"}
        raise errors.ValidationFailed("The request is not valid.", fields=fields)
    return by_name[method]


def _first_way(provider: Provider, wanted: str | None, services: list[str], renew: Connection | None) -> str:
    """The way that the page opens with: the wanted one, that of the connection to renew, or the default one.

    It is one of those that are ready, and if possible one that is good for the services. The user may choose another.
    """
    ready = provider.ready_ways()
    if wanted is not None and wanted in ready:
        return wanted
    codes = [renew.way, *ready] if renew and renew.way in ready else list(ready)
    return next((code for code in codes if all(ready[code].service(one) for one in services)), codes[0])


def _check_return_url(url: str) -> None:
    """Only origins that the operator allows: an open redirect would lend our name to anybody's page."""
    parts = urlsplit(url)
    if url and f"{parts.scheme}://{parts.netloc}" not in settings.AKHROT_RETURN_ORIGINS:
        fields = {"returnUrl": "its origin is not one that the operator allows (AKHROT_RETURN_ORIGINS)"}
        raise errors.ValidationFailed("The request is not valid.", fields=fields)


def _scopes(
    provider: Provider,
    spec: ProviderSpec,
    services: list[str] | None,
    scopes: list[str] | None,
    renew: Connection | None,
) -> list[str]:
    """What to ask for in the way of `spec`.

    Renewing asks again for what was granted, so that nothing is lost by adding a service.
    """
    if spec.oauth is None:
        return []
    named = [service for code in services or [] if (service := spec.service(code))]
    wanted = spec.scopes_for(named if services or scopes or (renew and renew.scopes) else None)
    granted = renew.scopes if renew else []
    return list(dict.fromkeys([*wanted, *granted, *provider.scopes_beside(spec), *(scopes or [])]))


def _check_service(spec: ProviderSpec, code: str) -> None:
    if spec.service(code) is None:
        raise errors.ServiceNotFound(spec.code, code, [one.code for one in spec.services])


def poll(caller: Caller, session_id: str) -> OAuthSession:
    """The session as the agent may see it, following "try again" to its successors.

    Raises SessionNotFound (also for another user's), SessionExpired.
    """
    session = _of_user(caller, session_id)
    while session.successor_id:
        session = _of_user(caller, str(session.successor_id))
    if session.is_over():
        raise errors.SessionExpired(session.provider_id)
    return session


def _of_user(caller: Caller, session_id: str) -> OAuthSession:
    try:
        return OAuthSession.objects.of(caller.user).get(pk=UUID(session_id))
    except (ValueError, OAuthSession.DoesNotExist):
        raise errors.SessionNotFound from None


def open_link(caller: Caller, session_id: UUID) -> OAuthSession:
    """The session behind a link that the signed-in user opened. Changes nothing about it.

    Raises Refused where there is none, and NotYours for somebody else's; its owner then reads of it in the ledger.
    """
    session = OAuthSession.objects.select_related("provider", "key", "connection", "user").filter(pk=session_id).first()
    if session is None:
        raise Refused(_("There is no such request. The link may be incomplete."))
    if session.user_id != caller.user.pk:
        owner = Caller(user=session.user, key=session.key, address=caller.address, request_id=caller.request_id)
        record(owner, "session.open", outcome="OTHER_USER", provider=session.provider_id)
        raise NotYours(_("This link was made for someone else. Ask your agent for a link of your own."))
    return session


def choose(session: OAuthSession, way: str | None) -> None:
    """Turn `session` to the way that its user chose; None: its own, else the first that is ready.

    In memory alone: a GET shows it, and a POST that goes on with it writes it. Raises Refused.
    """
    ready = session.provider.ready_ways()
    if way is None:
        way = session.way if session.way in ready else next(iter(ready), session.way)
    if way not in ready:
        raise Refused(_("{provider} cannot be connected here in this way.").format(provider=session.provider), session)
    if way != session.way:
        session.way, spec = way, ready[way]
        renew = session.connection
        session.scopes = _scopes(session.provider, spec, session.services, session.asked, renew)


def begin(caller: Caller, session: OAuthSession, browser: SessionBase, inputs: dict[str, str]) -> str:
    """Start the provider's part after the user's consent; the provider's URL to go to. For a POST alone.

    The state is bound to a nonce in the data of this browser session: its key changes at a login, its data stays.
    Raises Refused when the link cannot be started any more.
    """
    check_usable(session)
    session.inputs = inputs
    try:
        state, nonce, verifier = session.start()
    except ValueError:
        raise Refused(_("This link was already used or is older than 10 minutes."), session) from None
    browser[nonce_name(session)] = nonce
    record(caller, "session.start", provider=session.provider_id)
    return oauth.authorize_url(
        session.spec,
        connect.client_of(session.provider),
        scopes=session.scopes,
        state=state,
        verifier=verifier,
        inputs=inputs,
    )


def check_usable(session: OAuthSession) -> None:
    """The operator may have disabled the provider, and the user revoked the key, since the link was made."""
    provider = session.provider
    if not provider.enabled or not provider.is_known() or session.way not in provider.ready_ways():
        said = _("{provider} can no longer be connected here; the operator has turned it off.")
        raise Refused(said.format(provider=provider))
    if session.key and not session.key.is_usable():
        raise Refused(_("The key that asked for this has been revoked or has expired."))


def again(caller: Caller, session: OAuthSession) -> OAuthSession:
    """A successor of an ended session, which the agent's poll follows: the user's "Try again"."""
    with transaction.atomic():
        OAuthSession.objects.make_room(caller.user)
        successor = OAuthSession.objects.create(
            user=session.user,
            key=session.key,
            provider=session.provider,
            services=session.services,
            asked=session.asked,
            way=session.way,
            scopes=session.scopes,
            connection=session.connection,
            return_url=session.return_url,
            expires_at=timezone.now() + LIFETIME,
        )
        session.fail(gettext_noop("the user began again"))
        ended = OAuthSession.objects.filter(pk=session.pk, successor=None, status=OAuthSession.Status.FAILED)
        if not ended.update(successor=successor):
            raise Refused(_("This link was already used, or was started again elsewhere."))
        record(caller, "session.again", provider=session.provider_id)
    signing_in.abandon(session)
    return successor
