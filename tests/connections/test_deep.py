"""What is nested without end, or too large, is refused as what it is: no JSON of ours."""

import time
from typing import Any

import pytest
from django.test import Client

from apikeys.models import AuditEvent
from connections.models import Connection
from tests.agents import Agent
from tests.provider_http import ProviderHttp


@pytest.mark.parametrize(
    "body",
    ["[" * 60_000, '{"provider":' * 60_000, '{"provider": "' + "a" * 3_000_000 + '"}'],
    ids=["list", "object", "large"],
)
def test_a_body_without_end_is_no_valid_one(agent: Agent, db: None, body: str):
    answer = agent.post("/tokens/fetch", body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "VALIDATION_ERROR"
    assert not AuditEvent.objects.exists()


def test_a_provider_that_answers_without_end_holds_nobody(
    browser: Client, connect: Any, configured: Any, provider_http: ProviderHttp
):
    configured("google")
    row = connect("google")
    provider_http.reply("POST", "https://oauth2.googleapis.com/revoke", text="[" * 100_000)
    assert browser.post(f"/app/connections/{row.pk}/disconnect/").status_code == 302
    assert not Connection.objects.exists()


def test_a_provider_that_talks_without_end_is_not_listened_to(
    agent: Agent, browser: Client, provider_http: ProviderHttp
):
    # As long as a pasted field may be, and nearly as long as an answer.
    secret = "".join(f"{number:05}" for number in range(2_000))
    provider_http.reply("GET", "https://search.example/version", status=401, json={"message": "no " * 300_000})
    made = agent.post("/oauth/sessions", {"provider": "meilisearch"}).json()["data"]
    form = {"way": "", "instanceUrl": "https://search.example", "apiKey": secret}
    began = time.perf_counter()
    page = browser.post(f"/connect/{made['sessionId']}/start", form).content.decode()
    assert time.perf_counter() - began < 5
    assert "refuses this: Meilisearch answered 401: no no no" in page
