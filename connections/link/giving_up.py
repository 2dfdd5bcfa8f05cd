"""What a provider issued and nobody wants: given back, so that no grant lives on that its user does not know of."""

from connections import connect
from connections.link.held import Held
from connections.link.signing_in import abandon
from connections.models import Connection, OAuthSession
from providers import accounts
from providers.sealed import SealBroken


def give_up(session: OAuthSession) -> None:
    """Give back what an ended or expired session holds, and erase it. Of two who do so at once one gives it back."""
    try:
        came = Held.in_session(session) if session.grant and session.is_known() else None
    except SealBroken:
        came = None
    holding = OAuthSession.objects.exclude(grant="").filter(pk=session.pk, status=OAuthSession.Status.FAILED)
    if holding.update(grant="") and came:
        give_back(session, came)
    abandon(session)


def give_back(session: OAuthSession, came: Held) -> None:
    """Revoke what nobody wants, unless a connection lives from the same grant."""
    rule = session.spec.oauth
    after = rule.after if rule else None
    undecided = after is not None and after.distinct and not came.grant.extra.keys() >= after.keep.keys()
    account_id = accounts.item_part(came.account, "") if undecided else came.account.id
    shared = Connection.objects.of_one_grant(session.provider, session.way, account_id, session.user).exists()
    if rule and rule.revoke_url and (rule.revoke.ends == "token" or not shared):
        grant = came.grant
        held = {"access_token": grant.access_token, "refresh_token": grant.refresh_token, "extra": grant.extra}
        connect.give_back(session, held)
