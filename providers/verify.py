"""Does this pasted credential work, and whose is it? The provider is asked once, without side effects."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, urlencode

import httpx

from providers import http, telegram
from providers.call import Call, prepare
from providers.parts import Verify
from providers.spec import ProviderSpec
from providers.template import fill, look_up

Outcome = Literal["works", "restricted", "refused", "unreachable", "unknown"]

TIMEOUT = 10.0
SHOWN = 160
# Each word is compared with each piece of a secret, and an answer may hold half a million words.
HEARD = 1_000
LABEL = 200
SHORTEST_FRAGMENT = 6
TRY_LATER = (408, 425, 429)
SAID = (
    *("error.message", "error_description", "errors.0.message", "errors.0.detail", "errors.0"),
    *("detail.message", "message", "Message", "error", "detail", "title"),
)


@dataclass(frozen=True)
class Verdict:
    """What the provider says about a credential. `reason` holds no part of it and is fit to be shown.

    ``works`` and ``restricted`` (good, but not for the verifying call) may be kept, ``refused`` may not;
    ``unreachable`` could not be asked now; ``unknown`` has no call that would tell.
    """

    outcome: Outcome
    account_id: str = ""
    label: str = ""
    reason: str = ""


class _CannotBeSent(Exception):
    """A value is nothing that fits into a request."""


def verify(spec: ProviderSpec, values: Mapping[str, str]) -> Verdict:
    """Ask the provider whether the fields in `values` work. It always answers, within 15 seconds.

    The caller decides whether it may wait (`http.waiting_room`).
    """
    faults = spec.faults(dict(values))
    if faults:
        return Verdict("refused", reason="; ".join(faults.values()))
    verdict = _verify_session(values) if spec.auth == "mtproto" else _verify_by_http(spec, values)
    return Verdict(
        verdict.outcome,
        verdict.account_id,
        verdict.label[:LABEL],
        without_secrets(verdict.reason, _secrets(spec, values)),
    )


def _verify_session(values: Mapping[str, str]) -> Verdict:
    try:
        account_id, label = telegram.identify(values)
    except telegram.SessionRefused as refusal:
        return Verdict("refused", reason=refusal.reason)
    except http.ProviderUnavailable as failure:
        return Verdict("unreachable", reason=failure.reason)
    return Verdict("works", account_id, label)


def _verify_by_http(spec: ProviderSpec, values: Mapping[str, str]) -> Verdict:
    asked = spec.verify
    if asked is None:
        return Verdict("unknown", reason=f"{spec.name} has no call that would prove this credential")
    try:
        answer = _ask(spec, asked, dict(values))
    except _CannotBeSent as fault:
        return Verdict("refused", reason=str(fault))
    except http.ProviderUnavailable as failure:
        return Verdict("unreachable", reason=failure.reason)
    return _judge(spec, asked, answer)


def _ask(spec: ProviderSpec, asked: Verify, values: dict[str, str]) -> http.Answer:
    call = prepare(spec, values)
    known = spec.values(values)
    headers = {"Accept": "application/json", **(call.headers or {})}
    headers |= {name: fill(template, known) for name, template in asked.headers.items()}
    body = None
    if asked.json_body is not None:
        headers["Content-Type"], body = "application/json", json.dumps(asked.json_body).encode()
    # Header injection ends here as well: no line break passes.
    if not all(value.isascii() and value.isprintable() for value in headers.values()):
        raise _CannotBeSent("The credential holds a line break or a letter that no header can carry")
    try:
        url = _address(asked, call, known)
        return http.request(asked.method, url, headers=headers, data=body, timeout=TIMEOUT)
    except (httpx.InvalidURL, UnicodeError):
        raise _CannotBeSent("The values given make no usable address") from None


def _address(asked: Verify, call: Call, known: dict[str, str]) -> str:
    url = fill(asked.url, known, url=True)
    if not call.query:
        return url
    return url + ("&" if "?" in url else "?") + urlencode(call.query)


def _judge(spec: ProviderSpec, asked: Verify, answer: http.Answer) -> Verdict:
    document = answer.json()
    if asked.is_met_by(answer.status, document) and not _is_garbage(asked, answer, document):
        return Verdict("works", *asked.account(document))
    reason = f"{spec.name} answered {answer.status}{said(document)}"
    if asked.is_restricted_by(answer.status, document):
        return Verdict("restricted", reason=reason)
    if _is_refusal(asked, answer, document):
        return Verdict("refused", reason=reason)
    return Verdict("unreachable", reason=reason)


def _is_garbage(asked: Verify, answer: http.Answer, document: Any) -> bool:
    """Whether this is no answer of an API: a proxy's or a sign-in page where JSON should be."""
    page = answer.headers.get("content-type", "").startswith("text/html")
    return document is None and (page or asked.reads_body)


def _is_refusal(asked: Verify, answer: http.Answer, document: Any) -> bool:
    if answer.status == asked.status:
        return not _is_garbage(asked, answer, document)
    return 400 <= answer.status < 500 and answer.status not in TRY_LATER


def said(document: Any) -> str:
    """The provider's own words after a colon, where they stand in one of the usual places; else nothing."""
    words = (look_up(document, path) for path in SAID)
    found = next((word for word in words if isinstance(word, str) and word.strip()), "")
    return f": {found}" if found else ""


def _secrets(spec: ProviderSpec, values: Mapping[str, str]) -> set[str]:
    """Every text that gives the credential away: the secret values, as they are and as they travel."""
    names = {field.name for field in spec.fields if field.secret} | {"accessToken"}
    secret = {value for name, value in values.items() if name in names and value}
    secret |= {quote(value, safe="") for value in secret}
    if spec.send.basic:
        headers = prepare(spec, values).headers or {}
        secret.add(headers["Authorization"].removeprefix("Basic "))
    return secret


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """`text` on one line, short, without any of `secrets` and without pieces of them.

    Providers repeat a wrong key, whole or masked in the middle, so every word that shares a run of signs with
    a secret goes, and so does every word with asterisks in it.
    """
    words = "".join(sign if sign.isprintable() else " " for sign in text[:HEARD]).split()
    if len(text) > HEARD:
        # It may be the beginning of a secret, too short to be known by.
        words = [*words[:-1], "…"]
    pieces = {piece for secret in secrets for piece in _pieces(secret)}
    shown = ["…" if re.search(r"\*\*|••", word) or any(p in word for p in pieces) else word for word in words]
    line = " ".join(shown)
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"


def _pieces(secret: str) -> set[str]:
    length = min(len(secret), SHORTEST_FRAGMENT)
    return {secret[start : start + length] for start in range(len(secret) - length + 1)} if length else set()
