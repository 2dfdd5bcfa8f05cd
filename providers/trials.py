"""A specification tried against the real provider, before anybody connects it. What is typed for it is kept nowhere."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from providers import dry_run, http, oauth
from providers.grants import ErrorAnswered
from providers.http import ProviderUnavailable
from providers.oauth import Client, ClientRefused, GrantRevoked
from providers.spec import ProviderSpec
from providers.verify import Verdict, verify, without_secrets

WORDS = {
    "works": gettext_lazy("It works"),
    "restricted": gettext_lazy("It is good, but may not make this very call"),
    "refused": gettext_lazy("It is refused"),
    "unreachable": gettext_lazy("The provider could not be asked"),
    "unknown": gettext_lazy("Nothing was asked"),
}
LEVELS: dict[str, Literal["good", "warning", "bad"]] = {"works": "good", "restricted": "good", "refused": "bad"}
SHORTEST = 6
MOVED_OR_GONE = (404, 405, 410)


@dataclass(frozen=True)
class Finding:
    """What came of it, fit to be shown: nothing that was typed is in `text`."""

    level: Literal["good", "warning", "bad"]
    text: str


def try_credential(spec: ProviderSpec, values: Mapping[str, str]) -> list[Finding]:
    """Check a pasted credential as the connect page would, and forget it."""
    try:
        with http.waiting_room():
            verdict = _client_verdict(spec, values) if spec.oauth else verify(spec, values)
    except ProviderUnavailable as busy:
        verdict = Verdict("unreachable", reason=busy.reason)
    # A provider may answer what it was sent; here not even what is no secret comes back. A region's two letters may.
    typed = [value for value in values.values() if len(value) >= SHORTEST]
    said = without_secrets(verdict.reason or _account(verdict), typed)
    text = f"{WORDS[verdict.outcome]}{': ' if said else '.'}{said}"
    return [Finding(LEVELS.get(verdict.outcome, "warning"), text)]


def _client_verdict(spec: ProviderSpec, values: Mapping[str, str]) -> Verdict:
    """The same for a pasted OAuth client: that it gets a token is the proof."""
    try:
        grant = oauth.client_grant(spec, fields=values, inputs={}, scopes=spec.scopes_for())
        account = oauth.identity(spec, grant, values)
    except GrantRevoked as refusal:
        return Verdict("refused", reason=refusal.reason)
    except ProviderUnavailable as failure:
        return Verdict("unreachable", reason=failure.reason)
    return Verdict("works", account.id, account.label)


def _account(verdict: Verdict) -> str:
    names = " ".join(part for part in (verdict.label, verdict.account_id) if part)
    return _("the account is {names}").format(names=names) if names else ""


def ask_endpoints(spec: ProviderSpec, values: Mapping[str, str]) -> list[Finding]:
    """Whether OAuth's endpoints are where the specification has them.

    The token endpoint gets a code and a client that are made up, which it must refuse with an error of OAuth (RFC 6749
    section 5.2); the authorization endpoint is opened as nobody. Neither changes anything there.
    """
    if faults := spec.faults(dict(values), say=_):
        return [Finding("bad", fault) for fault in faults.values()]
    try:
        with http.waiting_room():
            return [_authorization_endpoint(dry_run.authorize_url(spec, values)), _token_endpoint(spec, values)]
    except ProviderUnavailable as busy:
        return [Finding("warning", busy.reason)]
    except ValueError:
        # A host name that an input fills, such as one with a broken "xn--" part.
        return [Finding("bad", _("The values given make no usable address"))]


def _authorization_endpoint(url: str) -> Finding:
    try:
        answer = http.request("GET", url, headers={"Accept": "text/html"})
    except ProviderUnavailable as failure:
        return Finding("bad", _("Authorization endpoint: {why}").format(why=failure.reason))
    if answer.status in MOVED_OR_GONE or answer.status >= 500:
        said = _("Authorization endpoint: it answered {status}, and should show a page")
        return Finding("bad", said.format(status=answer.status))
    return Finding("good", _("Authorization endpoint: it is there (status {status})").format(status=answer.status))


def _token_endpoint(spec: ProviderSpec, values: Mapping[str, str]) -> Finding:
    made_up = secrets.token_urlsafe(24)
    client = Client(id=f"akhrot-asks-{made_up[:8]}", secret=made_up)
    try:
        oauth.exchange(spec, client, code=made_up, verifier=dry_run.VERIFIER, inputs=values)
    except (GrantRevoked, ClientRefused, ErrorAnswered) as refusal:
        said = _("Token endpoint: it refuses a made-up code as OAuth has it ({why})")
        return Finding("good", said.format(why=refusal.reason))
    except ProviderUnavailable as failure:
        said = _("Token endpoint: {why}; it should refuse a made-up code with an error of OAuth")
        return Finding("bad", said.format(why=failure.reason))
    return Finding("bad", _("Token endpoint: it gave a token for a made-up code"))
