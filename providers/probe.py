"""Does the access token that is held work now? Asked by the call that tells whose it is, without side effects."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from providers import accounts
from providers.http import Answer, ProviderUnavailable
from providers.oauth import Grant
from providers.parts import Request
from providers.spec import ProviderSpec
from providers.verify import TRY_LATER, Verdict, said, without_secrets


def can_probe(spec: ProviderSpec) -> bool:
    """Whether there is a call that proves a token of this way to connect."""
    return spec.oauth is not None and spec.oauth.identity is not None


def probe(spec: ProviderSpec, grant: Grant, inputs: Mapping[str, str]) -> Verdict:
    """What the provider says to the access token of `grant`. It always answers, within ten seconds.

    ``refused`` is said of this token alone, whose time may be over at the provider; ``restricted`` may be used, but
    not for this very call.
    """
    asked = spec.oauth.identity if spec.oauth else None
    if asked is None:
        return Verdict("unknown", reason=f"{spec.name} has no call that would prove this token")
    try:
        answer = accounts.ask(spec, asked, grant, inputs)
    except ProviderUnavailable as failure:
        return Verdict("unreachable", reason=failure.reason)
    verdict = _judge(spec, asked, answer)
    secrets = {grant.access_token, quote(grant.access_token, safe="")}
    return Verdict(verdict.outcome, verdict.account_id, verdict.label, without_secrets(verdict.reason, secrets))


def _judge(spec: ProviderSpec, asked: Request, answer: Answer) -> Verdict:
    document: Any = answer.json()
    account_id, label = asked.account(document)
    if asked.is_met_by(answer.status, document) and (account_id or not asked.id):
        return Verdict("works", account_id, label)
    reason = f"{spec.name} answered {answer.status}{said(document)}"
    if answer.status == 403:
        return Verdict("restricted", reason=reason)
    # RFC 6750 section 3.1 says 401. Some say 400, and some 200 with an error in the body.
    is_refusal = 400 <= answer.status < 500 and answer.status not in TRY_LATER
    is_answer = answer.status == asked.status and isinstance(document, dict)
    return Verdict("refused" if is_refusal or is_answer else "unreachable", reason=reason)
