"""What agents are told: small, constant in its reads, without any credential, with curl lines that work."""

import shlex
from typing import Any

from django.test import Client

from connections import errors
from providers import registry

ABOUT = ("/ai/context/summary", "/ai/context", "/ai/context/google", "/ai/context/google/gmail")


def test_the_summary_fits_into_500_bytes_with_three_connections(agent: Any, connect: Any, configured: Any):
    for code in ("google", "slack", "github"):
        configured(code)
    connect("google")
    connect("openai")
    connect("slack", status="needs_reauth", expires_in=-5)
    answer = agent.get("/ai/context/summary")
    data = answer.json()["data"]
    assert len(answer.content) <= 500
    assert set(data["connected"]) == {"google", "openai"}
    assert data["connected"]["google"] == ["gmail", "drive", "calendar", "sheets"]
    assert data["attention"] == {"slack": "TOKEN_EXPIRED"}
    assert data["available"][0] == "github"
    specs = registry.catalogue().values()
    pasted = {spec.code for spec in specs if any(way.is_pasted for way in spec.every_way().values())}
    # Beside what can be pasted, those that have a client; three are connected.
    ready = pasted | {"google", "slack", "github"}
    assert (len(data["available"]), data["availableTotal"]) == (10, len(ready) - 3)


def test_attention_holds_the_code_that_a_fetch_would_answer(agent: Any, connect: Any):
    connect("google", expires_in=-5, refresh_token="")
    connect("google")
    code = agent.get("/ai/context/summary").json()["data"]["attention"]["google"]
    assert agent.post("/tokens/fetch", {"provider": "google"}).json()["error"]["code"] == code


def test_each_answer_takes_three_reads_however_much_there_is(agent: Any, connect: Any, django_assert_num_queries: Any):
    connect("google")
    for path in ABOUT:
        with django_assert_num_queries(3):
            agent.get(path)
    for _ in range(5):
        connect("google")
        connect("openai")
    for path in ABOUT:
        with django_assert_num_queries(3):
            agent.get(path)


def test_what_a_key_may_not_use_is_left_out(issue: Any, connect: Any):
    connect("google")
    limited = issue(providers=["openai"])
    summary = limited.get("/ai/context/summary").json()["data"]
    assert (summary["connected"], summary["available"], summary["availableTotal"]) == ({}, ["openai"], 1)
    assert [one["provider"] for one in limited.get("/ai/context").json()["data"]] == ["openai"]


def test_no_context_answer_holds_a_credential(agent: Any, connect: Any):
    connect("google", access_token="secret-access", refresh_token="secret-refresh", extra={"t": "secret-extra"})
    connect("twilio", fields={"accountSid": "AC1", "authToken": "secret-token"})
    for path in (*ABOUT, "/ai/context/twilio", "/connections", "/providers"):
        assert b"secret-" not in agent.get(path).content


def test_a_provider_says_what_is_ready_and_what_is_missing(agent: Any, connect: Any):
    connect("google", scopes=["https://www.googleapis.com/auth/drive"])
    services = {one["service"]: one for one in agent.get("/ai/context/google").json()["data"]["services"]}
    assert (services["drive"]["ready"], services["drive"]["missingScopes"]) == (True, [])
    assert services["gmail"]["missingScopes"] == ["https://www.googleapis.com/auth/gmail.modify"]


def test_curl_lines_are_whole_shell_commands(agent: Any):
    for provider in agent.get("/providers").json()["data"]["providers"]:
        data = agent.get(f"/ai/context/{provider['code']}").json()["data"]
        lines = [example["curl"] for one in data["services"] for example in one["examples"] if "curl" in example]
        for line in [*lines, data["getToken"]["curl"], data["connect"]["curl"]]:
            words = shlex.split(line)
            assert words[0] == "curl"
            assert words[-1].startswith(("http", "{")), line


def test_a_key_providers_curl_sends_the_key_as_the_provider_wants_it(agent: Any):
    anthropic = agent.get("/ai/context/anthropic").json()["data"]["services"][0]["examples"][0]["curl"]
    assert "x-api-key: {apiKey}" in anthropic
    assert "anthropic-version: " in anthropic
    twilio = agent.get("/ai/context/twilio").json()["data"]["services"][0]["examples"][0]["curl"]
    assert '-u "{accountSid}:{authToken}"' in twilio


def test_the_skill_document_needs_no_key_and_knows_the_catalogue(db: None, configured: Any):
    first = Client().get("/ai/skill")
    text = first.content.decode()
    assert first["Content-Type"] == "text/markdown; charset=utf-8"
    assert first["Cache-Control"].startswith("public")
    assert text.startswith("---\nname: akhrot\n")
    assert "| Stripe | `stripe` | API key |" in text
    assert "TOKEN_EXPIRED" in text
    assert Client().get("/ai/skill/", headers={"If-None-Match": first["ETag"]}).status_code == 304
    configured("stripe", enabled=False)
    second = Client().get("/ai/skill", headers={"If-None-Match": first["ETag"]})
    assert (second.status_code, "`stripe`" in second.content.decode()) == (200, False)


def test_the_skill_document_tells_every_code_that_a_call_of_it_may_answer(db: None):
    text = Client().get("/ai/skill").content.decode()
    of_http = {"METHOD_NOT_ALLOWED", "NOT_FOUND", "UNSUPPORTED_MEDIA_TYPE", "INTERNAL_ERROR"}
    codes = {error.code for error in errors.ApiError.__subclasses__()} - of_http
    assert {code for code in codes if f"`{code}`" not in text} == set()
    assert "`failed` with its `reason`" in text


def test_the_skill_document_comes_wrapped_as_json_too(db: None):
    data = Client().get("/ai/skill?format=json").json()["data"]
    assert (data["name"], data["markdown"].startswith("---")) == ("akhrot", True)
    assert Client().get("/ai/skill?format=xml").status_code == 400


def test_an_example_leaves_out_the_headers_of_what_its_user_may_leave_out(agent: Any):
    (example, *_) = agent.get("/ai/context/openai").json()["data"]["services"][0]["examples"]
    assert "Authorization: Bearer {apiKey}" in example["curl"]
    assert "OpenAI-Organization" not in example["curl"]
