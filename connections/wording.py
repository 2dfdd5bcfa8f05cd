"""The ledger's events in plain words."""

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.utils import timezone

from apikeys.models import ApiKey, AuditEvent
from providers.models import Provider
from providers.spec import ProviderSpec

DEEDS = {
    "token.fetch": "fetched a credential of {provider}",
    "session.create": "asked for a link to connect {provider}",
    "session.start": "You began to connect {provider}",
    "session.open": "Another person opened a link of yours for {provider}",
    "session.callback": "An answer that belongs to no request came back for {provider}",
    "session.paste": "A credential of {provider} was not kept",
    "session.login": "A step of signing in to {provider} was refused",
    "session.fail": "Connecting {provider} ended without a connection",
    "session.again": "You began again to connect {provider}",
    "connection.add": "{provider} was connected",
    "connection.lose": "{provider} refused to renew its token: it needs you",
    "connection.renew": "{provider} was connected again",
    "connection.rename": "{provider} got another name from you",
    "connection.default": "Agents that name no account of {provider} get this one",
    "connection.test": "You tested {provider}",
    "connection.disconnect": "{provider} was disconnected",
    "key.issue": "An API key was made",
    "key.revoke": "An API key was revoked",
    "key.restore": "The revocation of an API key was undone",
    "key.rotate": "An API key is being replaced",
    "key.rename": "An API key was renamed",
    "invitation.send": "You invited somebody",
    "invitation.revoke": "You withdrew an invitation",
    "invitation.accept": "You accepted an invitation",
    "account.delete": "The account was deleted",
}
REFUSED = {"token.fetch": "was refused a credential of {provider}"}
BY_AGENTS = ("token.fetch", "session.create")
# The codes that an event may end with instead of “ok”, in a few words.
OUTCOMES = {
    "FORBIDDEN": "the key may not use it",
    "INTEGRATION_NOT_FOUND": "not connected",
    "PROVIDER_NOT_FOUND": "no such provider",
    "SERVICE_NOT_FOUND": "no such service",
    "ACCOUNT_NOT_FOUND": "no such account",
    "ACCOUNT_AMBIGUOUS": "several accounts of that name",
    "PROVIDER_NOT_CONFIGURED": "the operator has to set it up",
    "MISSING_SCOPES": "not granted",
    "TOKEN_EXPIRED": "it needs you",
    "PROVIDER_UNAVAILABLE": "the provider failed",
    "SERVICE_UNAVAILABLE": "the database was away",
    "REFUSED": "refused at the provider",
    "PROVIDER_REFUSED": "the provider refused",
    "STATE_UNKNOWN": "belongs to no request",
    "EXCHANGE_FAILED": "the provider gave no token",
    "NOTHING_THERE": "nothing to connect there",
    "CANCELLED": "you cancelled it",
    "UNDECIDED": "nobody decided in time",
    "OTHER_ACCOUNT": "another account",
    "OTHER_USER": "another person",
    "OTHER_BROWSER": "another browser",
    "UNREACHABLE": "the provider was not reached",
}
# What providers answer instead of a token, by whose matter it is: the user's, then the operator's.
REASONS = {
    "invalid_grant": "{provider} has ended the permission: it was withdrawn, it lapsed, or the password was changed",
    "invalid_refresh_token": "{provider} does not know the refresh token any more",
    "bad_refresh_token": "{provider} does not know the refresh token any more: it lapsed, or was withdrawn",
    "token_revoked": "{provider} has ended the permission: it was withdrawn",
    "account_inactive": "the account at {provider} is turned off, or was removed from its workspace",
    "invalid_client": "{provider} does not accept the client's id or secret",
    "invalid_client_id": "{provider} does not know the client's id",
    "bad_client_secret": "{provider} does not accept the client's secret",
    "incorrect_client_credentials": "{provider} does not accept the client's id or secret",
    "unauthorized_client": "{provider} does not let this client ask for tokens",
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


def lines(events: Iterable[AuditEvent], user: User) -> list[Line]:
    """`events` of `user` as sentences; keys and providers by the names that people know."""
    listed = list(events)
    keys = dict(ApiKey.objects.of(user).values_list("pk", "name"))
    rows = Provider.objects.defer("client_secret").filter(code__in={one.provider for one in listed})
    specs = {row.code: row.spec for row in rows if row.is_known()}
    return [
        Line(one, sentence(one, keys.get(one.api_key_id, ""), specs.get(one.provider)), specs.get(one.provider))
        for one in listed
    ]


def sentence(row: AuditEvent, key_name: str, spec: ProviderSpec | None) -> str:
    """One event as a sentence: who did what, and to which account."""
    deeds = DEEDS if row.outcome == "ok" else {**DEEDS, **REFUSED}
    provider = spec.name if spec else row.provider or "a provider"
    text = deeds.get(row.action, row.action).format(provider=provider)
    if row.action in BY_AGENTS:
        text = f"{key_name or ('Key ' + row.api_key_id if row.api_key_id else 'You')} {text}"
    if row.action in NAMED and row.detail:
        text = f"{text}: {row.detail}"
    return f"{text} ({row.account})" if row.account not in ("", provider) else text


def reason_in_words(provider_name: str, reason: str) -> str:
    """Why a provider refuses, as a clause without its full stop; empty for no reason.

    A code that nobody has put into words is quoted as it stands, and a sentence is one already.
    """
    coded = CODED.fullmatch(reason)
    if coded is None:
        return reason
    known = REASONS.get(coded["code"], "{provider} answered “{code}”")
    return known.format(provider=provider_name, code=coded["code"]) + (coded["remark"] or "")
