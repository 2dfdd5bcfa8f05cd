"""Each fault of the misbehaving provider, as a client sees it."""

import time
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from tests.rogue.faults import NAMES, VARIANTS
from tests.rogue.fixtures import grant as grant
from tests.rogue.fixtures import rogue as rogue
from tests.rogue.fixtures import running_rogue as running_rogue
from tests.rogue.process import Minted, Rogue

pytestmark = pytest.mark.oauth_server

ANSWERS: dict[str, tuple[int, Any]] = {
    "html": (200, "text/html"),
    "html_502": (502, "text/html"),
    "empty": (200, b""),
    "bad_json": (200, b'{"access_token": "rogue-stray-at", "expires_in": '),
    "no_token": (200, {}),
    "redirect": (302, b""),
    "status_429": (429, "text/plain"),
    "status_503": (503, "text/plain"),
    "status_500": (500, {"error": "server_error"}),
    "unknown_400": (400, {"error": "weird_thing"}),
    "error_200": (200, {"error": "temporarily_unavailable"}),
    "invalid_client": (401, {"error": "invalid_client"}),
    "invalid_grant": (400, {"error": "invalid_grant"}),
    "invalid_grant_200": (200, {"error": "invalid_grant"}),
    "wrong_types": (
        200,
        {"access_token": 12345, "refresh_token": {"value": "rogue"}, "expires_in": [3600], "token_type": "Bearer"},
    ),
}
BREAKS: dict[str, type[httpx.TransportError] | type[httpx.DecodingError]] = {
    "hang": httpx.ReadTimeout,
    "reset": httpx.ReadError,
    "reset_after": httpx.ReadError,
    "truncated": httpx.RemoteProtocolError,
    "truncated_after": httpx.RemoteProtocolError,
    "drip": httpx.ReadTimeout,
    "bad_gzip": httpx.DecodingError,
    "http_garbage": httpx.RemoteProtocolError,
}


def test_every_fault_is_tried_here():
    assert {*ANSWERS, *BREAKS, *VARIANTS, "huge"} == NAMES


@pytest.mark.parametrize("fault", ANSWERS)
def test_a_fault_answers_in_place_of_the_endpoint(rogue: Rogue, grant: Minted, fault: str):
    rogue.behave(fault=fault)
    answer, (status, content) = rogue.refresh(grant.refresh_token), ANSWERS[fault]
    assert answer.status_code == status
    if isinstance(content, str):
        assert answer.headers["Content-Type"].startswith(content)
    else:
        assert (answer.content if isinstance(content, bytes) else answer.json()) == content
    ends = fault.startswith("invalid_grant")
    state = rogue.grants(grant.id)[grant.id]
    assert (state["refreshes"], state["why_dead"]) == (0, "invalid_grant" if ends else "")
    assert rogue.counts()["by_fault"] == {fault: 1}
    rogue.behave(fault="")
    assert rogue.refresh(grant.refresh_token).status_code == (400 if ends else 200)


@pytest.mark.parametrize("fault", BREAKS)
def test_a_fault_breaks_the_answer(rogue: Rogue, grant: Minted, fault: str):
    rogue.once(fault)
    with pytest.raises(BREAKS[fault]) as caught:
        rogue.refresh(grant.refresh_token, timeout=0.2)
    assert type(caught.value) is BREAKS[fault]
    applied = fault.endswith("_after")
    state, counts = rogue.grants(grant.id)[grant.id], rogue.counts()
    assert (state["refresh_token"] != grant.refresh_token, state["refreshes"]) == (applied, int(applied))
    assert (counts["refreshed"], counts["lost"], counts["by_fault"]) == (0, int(applied), {fault: 1})
    assert rogue.last()[-1].outcome == (f"refreshed {fault}" if applied else fault)
    # An honest client tries again with the token it has.
    assert rogue.refresh(grant.refresh_token).status_code == (400 if applied else 200)


def test_a_huge_answer_ends_only_with_the_client(rogue: Rogue, grant: Minted):
    rogue.once("huge")
    taken = 0
    with httpx.stream("POST", f"{rogue.url}/token", data={"refresh_token": grant.refresh_token}) as answer:
        for part in answer.iter_bytes():
            taken += len(part)
            if taken > 5_000_000:
                break
    assert answer.status_code == 200
    assert rogue.refresh(grant.refresh_token).status_code == 200


def test_the_control_port_answers_while_the_other_is_busy(rogue: Rogue, grant: Minted):
    rogue.once("huge", "hang", "drip")
    with httpx.Client(base_url=rogue.url, trust_env=False, verify=False) as client:
        opened = [client.send(client.build_request("POST", "/token"), stream=True)]
        with pytest.raises(httpx.ReadTimeout):
            client.post("/token", timeout=0.1)
        opened.append(client.send(client.build_request("POST", "/token"), stream=True))
        began = time.monotonic()
        assert rogue.counts()["by_fault"] == {"huge": 1, "hang": 1, "drip": 1}
        assert time.monotonic() - began < 1
        for answer in opened:
            answer.close()


def test_faults_say_when_to_come_again(rogue: Rogue, grant: Minted):
    rogue.behave(retry_after="7")
    rogue.once("status_429", "status_503", "status_500")
    answers = [rogue.refresh(grant.refresh_token) for _ in range(3)]
    assert [answer.headers.get("Retry-After") for answer in answers] == ["7", "7", None]


def test_who_follows_the_redirect_is_noticed(rogue: Rogue):
    rogue.once("redirect")
    answer = httpx.post(f"{rogue.url}/token", follow_redirects=True)
    assert answer.json()["access_token"] == "rogue-stray-at"
    assert not rogue.works(answer.json()["access_token"])
    assert rogue.counts()["followed"] == 1


def test_the_queue_comes_before_the_permanent_fault(rogue: Rogue, grant: Minted):
    rogue.behave(fault="status_503")
    rogue.once("status_429", "", "status_500")
    statuses = [rogue.refresh(grant.refresh_token).status_code for _ in range(4)]
    assert statuses == [429, 200, 500, 503]
    assert (rogue.settings()["once"], rogue.settings()["fault"]) == ([], "status_503")


def test_lifetimes_may_be_left_out_absurd_or_text(rogue: Rogue, grant: Minted):
    rogue.behave(rotate="never")
    rogue.once("no_expires_in", *["absurd_expires_in"] * 7, "text_expires_in")
    told = [rogue.refresh(grant.refresh_token).json() for _ in range(9)]
    lifetimes = [one.get("expires_in", "left out") for one in told]
    assert lifetimes == ["left out", -1, 0, 1e18, "NaN", "soon", True, -1, "3600"]
    assert all(rogue.works(one["access_token"]) for one in told)
    assert (rogue.counts()["refreshed"], rogue.grants(grant.id)[grant.id]["refreshes"]) == (9, 9)


def test_the_answer_may_be_a_form(rogue: Rogue, grant: Minted):
    rogue.once("form_body")
    answer = rogue.refresh(grant.refresh_token)
    assert answer.headers["Content-Type"] == "application/x-www-form-urlencoded"
    told = parse_qs(answer.text)
    assert rogue.works(told["access_token"][0])
    assert told["refresh_token"] == [rogue.grants(grant.id)[grant.id]["refresh_token"]]
