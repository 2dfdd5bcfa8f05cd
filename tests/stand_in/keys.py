"""The verifying call of a pasted credential, and the three answers that the file tells apart."""

from typing import Any

from providers.parts import Verify
from providers.spec import ProviderSpec
from tests.stand_in import reading
from tests.stand_in.turns import Turn

REFUSALS = (401, 403, 400, 404, 422)


def values(spec: ProviderSpec, typed: dict[str, str]) -> dict[str, str]:
    """What templates may name of a pasted credential."""
    secrets = [field.name for field in spec.fields if field.secret]
    known = reading.known(spec, typed)
    return {**known, "accessToken": known.get(spec.access_token or secrets[-1], "")}


def asked(spec: ProviderSpec, typed: dict[str, str], *, status: int, answer: Any) -> Turn:
    """The verifying call with this answer."""
    rule = _rule(spec)
    known = values(spec, typed)
    headers, query = reading.travelling(spec, known)
    headers = {"Accept": "application/json", **headers, **reading.all_filled(rule.headers, known)}
    url = reading.filled(rule.url, known, url=True)
    common: dict[str, Any] = {"what": "the check", "method": rule.method, "url": url, "json": rule.json_body}
    return Turn(**common, headers=headers, query=query, status=status, answer=answer)


def good(spec: ProviderSpec) -> dict[str, Any]:
    """Status and body of a credential that works."""
    rule = _rule(spec)
    return {"status": rule.status, "answer": reading.document(reading.account_leaves(rule))}


def refused(spec: ProviderSpec) -> dict[str, Any]:
    """Those of one that does not: by the body where the file reads that, else by the status."""
    rule = _rule(spec)
    if rule.expect or rule.present:
        return {"status": rule.status, "answer": {"message": "no such key"}}
    clear = [one for one in REFUSALS if one != rule.status and one not in rule.restricted_status]
    return {"status": clear[0], "answer": {"message": "no such key"}}


def restricted(spec: ProviderSpec) -> dict[str, Any]:
    """Those of one that is good, but not for this call."""
    rule = _rule(spec)
    status = (*rule.restricted_status, 403)[0]
    return {"status": status, "answer": reading.document(rule.restricted_expect)}


def _rule(spec: ProviderSpec) -> Verify:
    assert spec.verify is not None
    return spec.verify
