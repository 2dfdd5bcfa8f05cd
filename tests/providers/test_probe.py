"""Whether an access token works now: the outcomes, and that no reason repeats any of it."""

from typing import Any

import pytest

from providers import registry
from providers.oauth import Grant
from providers.probe import can_probe, probe
from providers.spec import ProviderSpec
from tests.provider_http import ProviderHttp

catalogue = registry.load(registry.SHIPPED)
ME = "https://openidconnect.googleapis.com/v1/userinfo"
TOKEN = "ya29.Zq8Lk2Vn5Xt1Rw7Yb4Mc"


def said(code: str) -> Any:
    return probe(catalogue[code].by_way(""), Grant(access_token=TOKEN), {})


def test_a_token_that_works_tells_whose_it_is(provider_http: ProviderHttp):
    provider_http.reply("GET", ME, json={"sub": "42", "email": "ada@example.com"})
    verdict = said("google")
    assert (verdict.outcome, verdict.account_id, verdict.label) == ("works", "42", "ada@example.com")
    assert provider_http.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(401, "refused"), (400, "refused"), (403, "restricted"), (429, "unreachable"), (502, "unreachable")],
)
def test_the_status_says_what_is_wrong(provider_http: ProviderHttp, status: int, outcome: str):
    provider_http.reply("GET", ME, status=status, json={"error": {"message": f"no {TOKEN} today"}})
    verdict = said("google")
    assert verdict.outcome == outcome
    assert verdict.reason == f"Google answered {status}: no … today"


def test_a_page_where_json_should_be_says_nothing_about_the_token(provider_http: ProviderHttp):
    provider_http.reply("GET", ME, text="<html>sign in</html>")
    assert said("google").outcome == "unreachable"


def says_ok(spec: ProviderSpec) -> bool:
    return bool(spec.oauth and spec.oauth.identity and "ok" in spec.oauth.identity.expect)


def test_an_error_in_the_body_of_a_good_answer_refuses_the_token(provider_http: ProviderHttp):
    spec = next(spec for spec in catalogue.values() if says_ok(spec))
    asked = spec.oauth and spec.oauth.identity
    assert asked
    provider_http.reply(asked.method, asked.url, json={"ok": False, "error": "token_revoked"})
    verdict = said(spec.code)
    assert (verdict.outcome, verdict.reason) == ("refused", f"{spec.name} answered 200: token_revoked")


def test_what_has_no_such_call_cannot_be_proved():
    plain = next(spec for spec in catalogue.values() if spec.oauth and spec.oauth.identity is None)
    assert not can_probe(plain)
    assert probe(plain, Grant(access_token=TOKEN), {}).outcome == "unknown"
    assert can_probe(catalogue["google"])
    assert not can_probe(catalogue["openai"])
