"""What the user pastes on the page of a connect link: checked with its provider, then kept."""

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext as _

from apikeys.ledger import Caller, record
from connections import connect
from connections.models import OAuthSession
from connections.sessions import Refused, check_usable
from providers import http, oauth, verify
from providers.http import ProviderUnavailable
from providers.oauth import GrantRevoked
from providers.spec import ProviderSpec
from providers.verify import Outcome, Verdict


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
        raise Refused(_("This link was used already or is older than 10 minutes."), session)
    if session.spec.oauth:
        return _paste_client(caller, session, fields, replace_account=replace_account)
    verdict = _verified(session.spec, fields)
    if verdict.outcome == "refused" or (verdict.outcome == "unreachable" and not keep_unverified):
        record(caller, "session.paste", outcome=verdict.outcome.upper(), provider=session.provider_id)
        return verdict
    if not replace_account and is_of_another(session, verdict):
        record(caller, "session.paste", outcome="OTHER_ACCOUNT", provider=session.provider_id)
        return verdict
    with transaction.atomic():
        row = connect.connect_key(
            caller,
            provider=session.provider,
            fields=fields,
            verdict=verdict,
            ends_at=ends_at,
            way=session.way,
            renew=session.connection,
        )
        if not session.complete(row.pk):
            raise Refused(_("This link was used already."), session)
    session.refresh_from_db()
    return verdict


def is_of_another(session: OAuthSession, verdict: Verdict) -> bool:
    """Whether the provider tells an account, and another one of the connection to renew."""
    known = session.connection.account_id if session.connection else ""
    return bool(known and verdict.account_id and verdict.account_id != known)


def _paste_client(caller: Caller, session: OAuthSession, fields: dict[str, str], *, replace_account: bool) -> Verdict:
    """The same for an OAuth client of the user's own: that it gets a token is the proof."""
    spec = session.spec
    try:
        with http.waiting_room():
            grant = oauth.client_grant(spec, fields=fields, inputs={}, scopes=session.scopes)
            account = oauth.identity(spec, grant, fields)
    except (GrantRevoked, ProviderUnavailable) as error:
        outcome: Outcome = "refused" if isinstance(error, GrantRevoked) else "unreachable"
        record(caller, "session.paste", outcome=outcome.upper(), provider=session.provider_id)
        return Verdict(outcome, reason=error.reason)
    verdict = Verdict("works", account.id, account.label)
    if not replace_account and is_of_another(session, verdict):
        record(caller, "session.paste", outcome="OTHER_ACCOUNT", provider=session.provider_id)
        return verdict
    with transaction.atomic():
        row = connect.connect_client(
            caller,
            provider=session.provider,
            fields=fields,
            scopes=session.scopes,
            grant=grant,
            account=account,
            way=session.way,
            renew=session.connection,
        )
        if not session.complete(row.pk):
            raise Refused(_("This link was used already."), session)
    session.refresh_from_db()
    return verdict


def _verified(spec: ProviderSpec, fields: dict[str, str]) -> Verdict:
    try:
        with http.waiting_room():
            return verify.verify(spec, fields)
    except ProviderUnavailable as busy:
        return Verdict(outcome="unreachable", account_id="", label="", reason=busy.reason)
