"""What the user pastes on the page of a connect link: checked with its provider, then kept."""

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext as _

from apikeys.ledger import Caller, record
from connections import connect
from connections.models import Connection, OAuthSession
from connections.sessions import Refused, check_usable
from providers import http, oauth, verify
from providers.http import ProviderUnavailable
from providers.oauth import Account, Grant, GrantRevoked
from providers.verify import Verdict


def paste(
    caller: Caller,
    session: OAuthSession,
    fields: dict[str, str],
    *,
    ends_at: dt.datetime | None = None,
    keep_unverified: bool = False,
    replace_account: bool = False,
) -> Verdict:
    """Check a pasted credential with its provider and keep it, with the end that its user knows of.

    A refused one is not kept and the session stays open; neither is one that could not be checked, unless
    `keep_unverified`, nor one of another account than that of the connection to renew, unless `replace_account`. An
    OAuth client that could not be checked has no token, and is never kept. Raises Refused when the link cannot be used
    any more.
    """
    check_usable(session)
    if not session.can_start():
        raise Refused(_("This link was already used or is older than 10 minutes."), session)
    verdict, grant = _checked(session, fields)
    may_be_unverified = keep_unverified and session.spec.oauth is None
    why_not = _why_not(session, verdict, keep_unverified=may_be_unverified, replace_account=replace_account)
    if why_not:
        record(caller, "session.paste", outcome=why_not, provider=session.provider_id)
        return verdict
    with transaction.atomic():
        row = _kept(caller, session, fields, verdict, grant, ends_at)
        if not session.complete(row.pk):
            raise Refused(_("This link was already used."), session)
    session.refresh_from_db()
    return verdict


def _checked(session: OAuthSession, fields: dict[str, str]) -> tuple[Verdict, Grant | None]:
    """What the provider says, and the grant that an OAuth client of the user's own gets, which is what proves it."""
    spec = session.spec
    try:
        with http.waiting_room():
            if spec.oauth is None:
                return verify.verify(spec, fields), None
            grant = oauth.client_grant(spec, fields=fields, inputs={}, scopes=session.scopes)
            account = oauth.identity(spec, grant, fields)
    except GrantRevoked as refusal:
        return Verdict("refused", reason=refusal.reason), None
    except ProviderUnavailable as failure:
        return Verdict("unreachable", reason=failure.reason), None
    return Verdict("works", account.id, account.label), grant


def _why_not(session: OAuthSession, verdict: Verdict, *, keep_unverified: bool, replace_account: bool) -> str:
    """Why a credential is not kept, as the ledger has it; empty for one that is."""
    if verdict.outcome == "refused" or (verdict.outcome == "unreachable" and not keep_unverified):
        return verdict.outcome.upper()
    return "OTHER_ACCOUNT" if _is_of_another(session, verdict) and not replace_account else ""


def _is_of_another(session: OAuthSession, verdict: Verdict) -> bool:
    """Whether the provider tells an account, and another one than that of the connection to renew."""
    known = session.connection.account_id if session.connection else ""
    return bool(known and verdict.account_id and verdict.account_id != known)


def _kept(
    caller: Caller,
    session: OAuthSession,
    fields: dict[str, str],
    verdict: Verdict,
    grant: Grant | None,
    ends_at: dt.datetime | None,
) -> Connection:
    provider, way, renew = session.provider, session.way, session.connection
    if grant is None:
        return connect.connect_key(
            caller, provider=provider, fields=fields, verdict=verdict, ends_at=ends_at, way=way, renew=renew
        )
    return connect.connect_client(
        caller,
        provider=provider,
        fields=fields,
        scopes=session.scopes,
        grant=grant,
        account=Account(id=verdict.account_id, label=verdict.label),
        way=way,
        renew=renew,
    )
