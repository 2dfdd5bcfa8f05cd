"""Does a pasted credential work: the outcomes, and that no reason repeats any of it."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from providers import http, registry
from providers.spec import ProviderSpec
from providers.verify import Outcome, Verdict, verify, without_secrets
from tests.providers.test_spec import KEY

catalogue = registry.load(registry.SHIPPED)
MODELS = "https://api.openai.com/v1/models"
SID = "AC" + "0" * 32
ACCOUNT = f"https://api.twilio.com/2010-04-01/Accounts/{SID}.json"
SECRET = "sk-proj-Zq8Lk2Vn5Xt1Rw7Yb4Mc"

Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def answering() -> Iterator[Callable[[Handler], None]]:
    """Let a function answer in the providers' place, where an answer is no JSON or none at all."""
    yield lambda handler: http.use_transport(httpx.MockTransport(handler))
    http.use_transport(None)


def asked(text: str) -> ProviderSpec:
    return registry.parse(KEY + '[send.headers]\nX-Key = "{key}"\n' + text, source="x.toml")


def test_a_working_credential_tells_whose_it_is(provider_http: Any) -> None:
    provider_http.reply("GET", ACCOUNT, json={"sid": SID, "friendly_name": "Ada's account"})
    verdict = verify(catalogue["twilio"], {"accountSid": SID, "authToken": "tok"})
    assert verdict == Verdict("works", account_id=SID, label="Ada's account")
    (request,) = provider_http.requests
    sent = request.headers["authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent).decode() == f"{SID}:tok"


def test_headers_of_the_provider_are_sent_when_verifying(provider_http: Any) -> None:
    provider_http.reply("GET", "https://api.anthropic.com/v1/models", json={"data": []})
    assert verify(catalogue["anthropic"], {"apiKey": "sk"}).outcome == "works"
    (request,) = provider_http.requests
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert request.headers["x-api-key"] == "sk"


def test_the_verifying_call_has_headers_and_a_body_of_its_own(provider_http: Any) -> None:
    spec = asked(
        '[verify]\nurl = "https://a.example/q"\nmethod = "POST"\njson_body = { q = 1 }\nheaders = { V = "{key}2" }\n'
    )
    provider_http.reply("POST", "https://a.example/q", json={})
    assert verify(spec, {"key": "k"}).outcome == "works"
    (request,) = provider_http.requests
    assert (request.headers["v"], request.headers["x-key"]) == ("k2", "k")
    assert json.loads(request.content) == {"q": 1}
    assert request.headers["content-type"] == "application/json"


def test_a_key_in_the_query_joins_what_the_address_has(provider_http: Any) -> None:
    text = KEY + '[send.query]\nappid = "{key}"\n[verify]\nurl = "https://a.example/w?q=Rome"\n'
    provider_http.reply("GET", "https://a.example/w?q=Rome&appid=a%26b", json={})
    assert verify(registry.parse(text, source="x"), {"key": "a&b"}).outcome == "works"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "works"), (401, "refused"), (403, "restricted"), (400, "refused"), (404, "refused"),
        (422, "refused"), (408, "unreachable"), (429, "unreachable"), (500, "unreachable"),
        (503, "unreachable"), (204, "unreachable"), (302, "unreachable"),
    ],
)  # fmt: skip
def test_the_status_decides(provider_http: Any, status: int, outcome: Outcome) -> None:
    provider_http.reply("GET", MODELS, status=status, json={"data": []})
    assert verify(catalogue["openai"], {"apiKey": "sk"}).outcome == outcome


def test_the_body_decides_where_the_status_says_nothing(provider_http: Any) -> None:
    url = "https://backboard.railway.com/graphql/v2"
    provider_http.reply("POST", url, json={"errors": [{"message": "Not Authorized"}], "data": None})
    refused = verify(catalogue["railway"], {"apiToken": "0000-1111"})
    assert refused == Verdict("refused", reason="Railway answered 200: Not Authorized")
    provider_http.reply("POST", url, json={"data": {"me": {"id": "u1", "name": "Ada", "email": None}}})
    assert verify(catalogue["railway"], {"apiToken": "0000-1111"}) == Verdict("works", account_id="u1", label="Ada")


def test_a_valid_key_with_few_permissions_is_restricted_and_a_wrong_one_is_refused(
    provider_http: Any,
) -> None:
    url = "https://api.elevenlabs.io/v1/user"
    provider_http.reply("GET", url, status=401, json={"detail": {"status": "missing_permissions"}})
    assert verify(catalogue["elevenlabs"], {"apiKey": "k"}).outcome == "restricted"
    provider_http.reply("GET", url, status=401, json={"detail": {"status": "invalid_api_key", "message": "No"}})
    assert verify(catalogue["elevenlabs"], {"apiKey": "k"}) == Verdict("refused", reason="ElevenLabs answered 401: No")


def test_a_token_that_is_not_active_is_refused(provider_http: Any) -> None:
    url = "https://api.cloudflare.com/client/v4/user/tokens/verify"
    provider_http.reply("GET", url, json={"success": True, "result": {"status": "disabled"}})
    assert verify(catalogue["cloudflare"], {"apiToken": "0000-1111"}).outcome == "refused"


def test_without_a_verifying_call_nothing_is_known_and_nobody_asked(provider_http: Any) -> None:
    verdict = verify(catalogue["mongodb"], {"connectionString": "mongodb://u:p@db.example"})
    assert verdict.outcome == "unknown"
    assert provider_http.requests == []


def test_a_missing_field_is_refused_without_asking(provider_http: Any) -> None:
    verdict = verify(catalogue["twilio"], {"authToken": "tok"})
    assert verdict == Verdict("refused", reason="Account SID is missing")
    assert verify(catalogue["mailgun"], {"apiKey": "k", "region": "uk"}).reason == "Region must be one of us, eu"
    assert provider_http.requests == []


@pytest.mark.parametrize("key", ["a\r\nX-Evil: 1", "schlüssel", "tab\tbed", "\x00"])
def test_a_value_that_no_header_can_carry_is_refused_without_asking(provider_http: Any, key: str) -> None:
    verdict = verify(catalogue["openai"], {"apiKey": key})
    assert verdict.outcome == "refused"
    assert "no header can carry" in verdict.reason
    assert provider_http.requests == []


@pytest.mark.parametrize("site", ["https://a:b:c", "https://", "https://a..example", "nonsense", "http://a.example"])
def test_values_that_make_no_usable_address_never_crash(settings: Settings, site: str) -> None:
    text = (
        '[[fields]]\nname = "site"\nlabel = "Site"\nsecret = false\nself_hosted = true\n[verify]\nurl = "{site}/me"\n'
    )
    verdict = verify(registry.parse(KEY + text, source="x"), {"key": "k", "site": site})
    assert verdict.outcome in ("refused", "unreachable")


def test_a_page_where_json_should_be_is_no_answer(answering: Callable[[Handler], None]) -> None:
    answering(lambda _: httpx.Response(200, html="<h1>Sign in to the network</h1>"))
    assert verify(catalogue["openai"], {"apiKey": "sk"}).outcome == "unreachable"
    answering(lambda _: httpx.Response(200, text="half a {"))
    assert verify(catalogue["replicate"], {"apiToken": "0000-1111"}).outcome == "unreachable"


def test_a_provider_that_does_not_answer_is_unreachable(answering: Callable[[Handler], None]) -> None:
    def hang(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("slow", request=request)

    answering(hang)
    verdict = verify(catalogue["openai"], {"apiKey": SECRET})
    assert verdict.outcome == "unreachable"
    assert "api.openai.com" in verdict.reason


@pytest.mark.parametrize(
    "said",
    [
        f"Incorrect API key provided: {SECRET}.",
        f"Incorrect API key provided: {SECRET[:8]}********{SECRET[-4:]}.",
        f"Incorrect API key provided: {SECRET[:8]}…{SECRET[-6:]}",
        f"key={SECRET}&x=1 is wrong",
    ],
)
def test_a_reason_repeats_no_part_of_the_credential(provider_http: Any, said: str) -> None:
    provider_http.reply("GET", MODELS, status=401, json={"error": {"message": said}})
    verdict = verify(catalogue["openai"], {"apiKey": SECRET})
    assert verdict.outcome == "refused"
    assert verdict.reason.startswith("OpenAI answered 401: ")
    assert SECRET[:8] not in verdict.reason
    assert SECRET[-6:] not in verdict.reason


def test_a_reason_repeats_no_encoded_credential_either(provider_http: Any) -> None:
    encoded = base64.b64encode(f"{SID}:hunter2hunter2".encode()).decode()
    provider_http.reply("GET", ACCOUNT, status=401, json={"message": f"bad header: Basic {encoded}"})
    verdict = verify(catalogue["twilio"], {"accountSid": SID, "authToken": "hunter2hunter2"})
    assert verdict.reason == "Twilio answered 401: bad header: Basic …"


def test_a_connection_failure_does_not_name_a_secret_in_the_address() -> None:
    spec = asked('[verify]\nurl = "https://{key}.providers.invalid/me"\n')
    verdict = verify(spec, {"key": "verysecretvalue"})
    assert verdict.outcome == "unreachable"
    assert "verysecret" not in verdict.reason


def test_a_reason_is_one_short_line() -> None:
    assert without_secrets("a\n b\x1b[31m " + "word " * 100, []).startswith("a b [31m word")
    assert len(without_secrets("word " * 100, [])) == 160


@given(st.text(min_size=1, alphabet=st.characters(exclude_categories=["Z", "C"])), st.text(), st.text())
def test_no_text_gets_its_secret_past_the_scrubbing(secret: str, before: str, after: str) -> None:
    shown = without_secrets(f"{before}{secret}{after}", [secret])
    assert secret not in shown.replace("…", "") or len(secret) < 2


def test_many_may_verify_at_once(provider_http: Any) -> None:
    provider_http.reply("GET", MODELS, json={"data": []})
    found: list[Outcome] = []
    threads = [
        threading.Thread(target=lambda: found.append(verify(catalogue["openai"], {"apiKey": "sk"}).outcome))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["works"] * 8
