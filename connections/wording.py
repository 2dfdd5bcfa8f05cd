"""Plain words for the ledger's events, and for the reasons that providers give."""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apikeys.models import ApiKey, AuditEvent
from providers.models import Provider
from providers.spec import ProviderSpec

# Of a deed of an agent: with the name of its key. The user's own, without one, stand in `YOURS`.
DEEDS = {
    "token.fetch": _("{key} fetched a credential for {provider}"),
    "session.create": _("{key} asked for a link to connect {provider}"),
    "session.start": _("You started connecting {provider}"),
    "session.open": _("Someone else opened your link for {provider}"),
    "session.callback": _("An answer from {provider} belonged to no request"),
    "session.paste": _("A credential for {provider} was not accepted"),
    "session.login": _("A step of signing in to {provider} was refused"),
    "session.fail": _("Connecting {provider} ended without a connection"),
    "session.again": _("You started connecting {provider} again"),
    "connection.add": _("{provider} was connected"),
    "connection.lose": _("{provider} refused to renew its token: it needs you"),
    "connection.renew": _("{provider} was connected again"),
    "connection.rename": _("You renamed {provider}"),
    "connection.default": _("You changed the default account of {provider}"),
    "connection.test": _("You tested {provider}"),
    "connection.disconnect": _("{provider} was disconnected"),
    "key.issue": _("An API key was created"),
    "key.revoke": _("An API key was revoked"),
    "key.restore": _("The revocation of an API key was undone"),
    "key.rotate": _("An API key is being replaced"),
    "key.rename": _("An API key was renamed"),
    "invitation.send": _("You invited someone"),
    "invitation.revoke": _("You withdrew an invitation"),
    "invitation.accept": _("You accepted an invitation"),
    "account.delete": _("The account was deleted"),
}
REFUSED = {"token.fetch": _("{key} was refused a credential for {provider}")}
YOURS = {
    "token.fetch": _("You fetched a credential for {provider}"),
    "session.create": _("You asked for a link to connect {provider}"),
}
YOURS_REFUSED = {**YOURS, "token.fetch": _("You were refused a credential for {provider}")}
# The codes that an event may end with instead of “ok”, in a few words.
OUTCOMES = {
    "FORBIDDEN": _("the key may not use it"),
    "INTEGRATION_NOT_FOUND": _("not connected"),
    "PROVIDER_NOT_FOUND": _("no such provider"),
    "SERVICE_NOT_FOUND": _("no such service"),
    "ACCOUNT_NOT_FOUND": _("no such account"),
    "ACCOUNT_AMBIGUOUS": _("several accounts of that name"),
    "PROVIDER_NOT_CONFIGURED": _("the operator has to set it up"),
    "MISSING_SCOPES": _("not granted"),
    "TOKEN_EXPIRED": _("it needs you"),
    "PROVIDER_UNAVAILABLE": _("the provider failed"),
    "SERVICE_UNAVAILABLE": _("the database was unavailable"),
    "REFUSED": _("refused at the provider"),
    "PROVIDER_REFUSED": _("the provider refused"),
    "STATE_UNKNOWN": _("belongs to no request"),
    "EXCHANGE_FAILED": _("the provider gave no token"),
    "NOTHING_THERE": _("nothing to connect there"),
    "CANCELLED": _("you cancelled it"),
    "UNDECIDED": _("nobody decided in time"),
    "OTHER_ACCOUNT": _("another account"),
    "OTHER_USER": _("another person"),
    "OTHER_BROWSER": _("another browser"),
    "UNREACHABLE": _("the provider was not reached"),
}
# What providers answer instead of a token, by whose matter it is: the user's, then the operator's.
REASONS = {
    "invalid_grant": _("{provider} has ended the access: it was withdrawn, it expired, or the password was changed"),
    "invalid_refresh_token": _("{provider} no longer knows the refresh token"),
    "bad_refresh_token": _("{provider} no longer knows the refresh token: it expired, or was withdrawn"),
    "token_revoked": _("{provider} has ended the access: it was withdrawn"),
    "account_inactive": _("the account at {provider} is turned off, or was removed from its workspace"),
    "invalid_client": _("{provider} does not accept the client's id or secret"),
    "invalid_client_id": _("{provider} does not know the client's id"),
    "bad_client_secret": _("{provider} does not accept the client's secret"),
    "incorrect_client_credentials": _("{provider} does not accept the client's id or secret"),
    "unauthorized_client": _("{provider} does not let this client ask for tokens"),
}
# A code, and a remark of ours in brackets behind it.
CODED = re.compile(r"(?P<code>[\w.-]+)(?P<remark> \(.*\))?")
# Those whose detail names what they were done to.
NAMED = ("key.issue", "key.revoke", "key.restore", "key.rotate", "key.rename")


@dataclass(frozen=True)
class Line:
    """One event as people read it, with its provider where that is still known."""

    event: AuditEvent
    text: str
    spec: ProviderSpec | None

    @property
    def day(self) -> dt.date:
        """The day it happened on."""
        return timezone.localtime(self.event.at).date()

    @property
    def outcome(self) -> str:
        """How it ended, in a few words; the code itself where nobody has put it into words."""
        return str(OUTCOMES.get(self.event.outcome, self.event.outcome))


def lines(events: Iterable[AuditEvent], user: User) -> list[Line]:
    """`events` of `user` as sentences; keys and providers by the names that people know."""
    listed = list(events)
    keys = dict(ApiKey.objects.of(user).values_list("pk", "name"))
    rows = Provider.objects.defer("client_secret").filter(code__in={one.provider for one in listed})
    specs = {row.code: row.spec for row in rows if row.is_known()}
    deed = cache(_deed)
    return [Line(one, _sentence(one, keys, specs.get(one.provider), deed), specs.get(one.provider)) for one in listed]


def _sentence(
    row: AuditEvent, keys: Mapping[str, str], spec: ProviderSpec | None, deed: Callable[[str, bool, bool], str]
) -> str:
    """One event as a sentence: who did what, and to which account."""
    provider = spec.name if spec else row.provider or gettext("a provider")
    key = keys.get(row.api_key_id) or (gettext("Key {id}").format(id=row.api_key_id) if row.api_key_id else "")
    text = deed(row.action, row.outcome == "ok", bool(key)).format(provider=provider, key=key)
    if row.action in NAMED and row.detail:
        text = f"{text}: {row.detail}"
    return f"{text} ({row.account})" if row.account not in ("", provider) else text


def _deed(action: str, is_ok: bool, has_key: bool) -> str:
    """What was done, or refused, with places for the names. Looked up once for many events that are alike."""
    special = ({} if is_ok else REFUSED) if has_key else (YOURS if is_ok else YOURS_REFUSED)
    return str({**DEEDS, **special}.get(action, action))


def reason_in_words(provider_name: str, reason: str) -> str:
    """Why a provider refuses, as a clause without its full stop; empty for no reason.

    A code that nobody has put into words is quoted as it stands, and a sentence is one already.
    """
    coded = CODED.fullmatch(reason)
    if coded is None:
        return reason
    known = REASONS.get(coded["code"]) or _("{provider} answered “{code}”")
    return known.format(provider=provider_name, code=coded["code"]) + (coded["remark"] or "")
