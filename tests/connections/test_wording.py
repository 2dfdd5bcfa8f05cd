"""The ledger in words: every deed that the code records has a sentence."""

import re
from pathlib import Path
from typing import Any

import pytest

from apikeys.models import AuditEvent
from connections import errors, wording
from providers import registry

ROOT = Path(__file__).resolve().parent.parent.parent
RECORDED = re.compile(r'\brecord\(\s*[^,]+,\s*"([a-z]+\.[a-z]+)"')


def test_every_recorded_deed_has_a_sentence():
    sources = [path for app in ("apikeys", "connections") for path in (ROOT / app).rglob("*.py")]
    recorded = {name for path in sources for name in RECORDED.findall(path.read_text())}
    assert len(recorded) > 6
    assert recorded <= set(wording.DEEDS)


def said(user: Any, **columns: Any) -> str:
    return wording.lines([AuditEvent(user=user, **columns)], user)[0].text


def test_an_agents_deed_names_the_agent_and_the_account(user: Any, key: Any):
    text = said(user, action="token.fetch", api_key_id=key.row.pk, provider="google", account="ada@gmail.example")
    assert text == "assistant fetched a credential for Google (ada@gmail.example)"


def test_a_refusal_reads_as_one(user: Any, key: Any):
    text = said(user, action="token.fetch", outcome="TOKEN_EXPIRED", api_key_id=key.row.pk, provider="slack")
    assert text == "assistant was refused a credential for Slack"


def test_an_outcome_is_put_into_words_or_keeps_its_code(user: Any):
    ended = [AuditEvent(user=user, action="token.fetch", outcome=code) for code in ("PROVIDER_UNAVAILABLE", "NEW_CODE")]
    assert [line.outcome for line in wording.lines(ended, user)] == ["the provider failed", "NEW_CODE"]


def test_what_is_gone_keeps_its_code(user: Any):
    assert said(user, action="connection.disconnect", provider="gone") == "gone was disconnected"
    assert said(user, action="token.fetch", api_key_id="Ab3dEf9h", provider="gone").startswith("Key Ab3dEf9h fetched")


def test_another_users_key_is_not_named(user: Any, other_agent: Any):
    assert "assistant" not in said(user, action="token.fetch", api_key_id=other_agent.row.pk, provider="google")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (
            "invalid_grant",
            "Google has ended the access: it was withdrawn, it expired, or the password was changed",
        ),
        (
            "token_revoked (an earlier refresh)",
            "Google has ended the access: it was withdrawn (an earlier refresh)",
        ),
        ("walnut_rotten", "Google answered “walnut_rotten”"),
        ("the provider refuses it: no such key", "the provider refuses it: no such key"),
        ("", ""),
    ],
)
def test_a_providers_reason_is_put_into_words_or_quoted(reason: str, words: str):
    assert wording.reason_in_words("Google", reason) == words


def test_every_code_of_the_catalogue_has_words():
    rules = [spec.oauth for spec in registry.catalogue().values() if spec.oauth]
    assert {code for rule in rules for code in (*rule.revoked_errors, *rule.client_errors)} <= set(wording.REASONS)


def test_every_outcome_that_is_recorded_has_words():
    recorded = set()
    for path in (ROOT / "connections").rglob("*.py"):
        recorded |= set(re.findall(r'\boutcome="([A-Z_]+)"', path.read_text()))
    by_fetches = {error.code for error in errors.ApiError.__subclasses__() if "_NOT_FOUND" in error.code}
    by_fetches -= {"SESSION_NOT_FOUND", "CONNECTION_NOT_FOUND"}
    assert len(recorded) > 6
    assert recorded | by_fetches | {"REFUSED", "UNREACHABLE", "MISSING_SCOPES", "FORBIDDEN"} <= set(wording.OUTCOMES)
