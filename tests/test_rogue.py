"""The misbehaving provider that other tests rely on misbehaves as it is told, and not otherwise."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from providers.registry import parse
from tests.rogue.fixtures import grant as grant
from tests.rogue.fixtures import rogue as rogue
from tests.rogue.fixtures import running_rogue as running_rogue
from tests.rogue.process import ROOT, Minted, Rogue, provider_toml

pytestmark = pytest.mark.oauth_server


def ask(rogue: Rogue, **form: str) -> httpx.Response:
    with httpx.Client(base_url=rogue.url, timeout=5, trust_env=False, verify=False) as client:
        return client.post("/token", data=form)


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def refreshing(rogue: Rogue, *tokens: str) -> Iterator[list[Future[httpx.Response]]]:
    """Refreshes that have arrived and are not answered yet."""
    expected = rogue.counts()["requests"] + len(tokens)
    with ThreadPoolExecutor(len(tokens)) as pool:
        futures = [pool.submit(rogue.refresh, token, timeout=5) for token in tokens]
        wait_until(lambda: rogue.counts()["requests"] == expected)
        yield futures


def test_a_refresh_rotates_and_leaves_the_old_access_token_alive(rogue: Rogue, grant: Minted):
    answer = rogue.refresh(grant.refresh_token)
    told = answer.json()
    assert (answer.status_code, told["expires_in"], told["token_type"]) == (200, 3600, "Bearer")
    assert told["refresh_token"] not in ("", grant.refresh_token)
    assert rogue.works(told["access_token"])
    assert rogue.works(grant.access_token)
    found = rogue.grants(grant.id)[grant.id]
    assert abs(found.pop("rotated_at") - time.time()) < 20
    assert found == {"alive": True, "why_dead": "", "refresh_token": told["refresh_token"], "refreshes": 1}


def test_a_used_refresh_token_kills_the_family(rogue: Rogue, grant: Minted):
    told = rogue.refresh(grant.refresh_token).json()
    again = rogue.refresh(grant.refresh_token)
    assert (again.status_code, again.json()) == (400, {"error": "invalid_grant"})
    assert grant.id in rogue.dead()
    assert rogue.grants(grant.id)[grant.id]["why_dead"] == "reuse"
    assert not rogue.works(told["access_token"])
    assert rogue.refresh(told["refresh_token"]).status_code == 400
    counts = rogue.counts()
    assert [counts[name] for name in ("requests", "refreshed", "reused", "killed", "refused")] == [3, 1, 1, 1, 2]
    assert [(visit.grant_id, visit.outcome) for visit in rogue.last()] == [
        (grant.id, "refreshed"),
        (grant.id, "reused"),
        (grant.id, "invalid_grant"),
    ]


@pytest.mark.parametrize(("on_reuse", "status"), [("refuse", 400), ("accept", 200)])
def test_reuse_may_be_punished_less(rogue: Rogue, grant: Minted, on_reuse: str, status: int):
    rogue.behave(on_reuse=on_reuse)
    rogue.refresh(grant.refresh_token)
    again = rogue.refresh(grant.refresh_token)
    assert again.status_code == status
    assert grant.id not in rogue.dead()
    if on_reuse == "accept":
        assert again.json()["refresh_token"] == rogue.grants(grant.id)[grant.id]["refresh_token"]
    assert (rogue.counts()["reused"], rogue.counts()["killed"]) == (1, 0)


@pytest.mark.parametrize(
    ("rotate", "told"),
    [
        ("always", ["other", "other", "other"]),
        ("sometimes", ["none", "none", "other"]),
        ("never", ["none", "none", "none"]),
        ("same", ["same", "same", "same"]),
    ],
)
def test_rotation_is_as_it_is_told(rogue: Rogue, grant: Minted, rotate: str, told: list[str]):
    rogue.behave(rotate=rotate)
    token, seen = grant.refresh_token, []
    for _ in range(3):
        answered = rogue.refresh(token).json().get("refresh_token", "")
        seen.append("none" if not answered else "same" if answered == token else "other")
        token = answered or token
    assert seen == told
    assert rogue.counts()["reused"] == 0


def test_a_refresh_may_end_the_access_token_before_it(rogue: Rogue, grant: Minted):
    rogue.behave(ends_old_access=True)
    told = rogue.refresh(grant.refresh_token).json()
    assert rogue.works(told["access_token"])
    assert not rogue.works(grant.access_token)


def test_access_tokens_end_when_it_was_told(rogue: Rogue):
    short, over = rogue.mint(lifetime=0.3)[0], rogue.mint(lifetime=-1)[0]
    rogue.behave(lifetime=7200)
    assert rogue.works(short.access_token)
    assert not rogue.works(over.access_token)
    told = rogue.refresh(over.refresh_token).json()
    assert told["expires_in"] == 7200
    time.sleep(max(0.0, short.expires_at - time.time()) + 0.02)
    assert not rogue.works(short.access_token)
    assert rogue.works(told["access_token"])


def test_the_user_takes_a_grant_back(rogue: Rogue, grant: Minted):
    rogue.revoke(grant.id)
    assert not rogue.works(grant.access_token)
    assert rogue.refresh(grant.refresh_token).json() == {"error": "invalid_grant"}
    assert rogue.grants(grant.id)[grant.id]["why_dead"] == "user"


def test_a_grant_is_given_back(rogue: Rogue, grant: Minted):
    other, client = rogue.mint()[0], (rogue.client_id, rogue.client_secret)
    url = f"{rogue.url}/revoke"
    assert httpx.post(url, data={"token": grant.refresh_token}, auth=("x", "y")).status_code == 401
    for token in (grant.refresh_token, other.access_token, "unknown"):
        assert httpx.post(url, data={"token": token}, auth=client).status_code == 200
    assert rogue.grants(grant.id)[grant.id]["why_dead"] == "client"
    assert not rogue.works(other.access_token)
    assert rogue.refresh(other.refresh_token).status_code == 200
    assert rogue.counts()["revoked"] == 1


def test_me_tells_grants_apart(rogue: Rogue, grant: Minted):
    told = httpx.get(f"{rogue.url}/me", headers={"Authorization": f"Bearer {grant.access_token}"}).json()
    assert told == {"sub": f"user-{grant.id}", "email": f"{grant.id}@rogue.test"}
    assert httpx.get(f"{rogue.url}/me", headers={"Authorization": "Bearer nonsense"}).status_code == 401
    assert httpx.get(f"{rogue.url}/nowhere").status_code == 404


def test_a_client_proves_itself_in_the_body_too(rogue: Rogue, grant: Minted):
    form = {"grant_type": "refresh_token", "refresh_token": grant.refresh_token, "client_id": rogue.client_id}
    wrong = ask(rogue, **form, client_secret="wrong")
    assert (wrong.status_code, wrong.json()) == (401, {"error": "invalid_client"})
    assert ask(rogue, **form, client_secret=rogue.client_secret).status_code == 200
    form["grant_type"] = "password"
    assert ask(rogue, **form, client_secret=rogue.client_secret).json() == {"error": "unsupported_grant_type"}


def test_client_credentials_are_answered_with_an_access_token_alone(rogue: Rogue):
    rogue.register("another", "secret of another")
    form = {"grant_type": "client_credentials", "client_id": "another", "client_secret": "secret of another"}
    told = ask(rogue, **form).json()
    assert set(told) == {"access_token", "token_type", "expires_in"}
    assert rogue.works(told["access_token"])
    rogue.revoke("client:another")
    assert not rogue.works(told["access_token"])
    assert ask(rogue, **form).status_code == 401
    assert rogue.counts()["issued"] == 1
    refresh = form | {"grant_type": "refresh_token", "refresh_token": rogue.mint()[0].refresh_token}
    assert ask(rogue, **refresh).json() == {"error": "unauthorized_client"}


def test_the_rotation_comes_after_the_delay(rogue: Rogue, grant: Minted):
    rogue.behave(delay=0.6)
    with refreshing(rogue, grant.refresh_token) as (answer,):
        assert rogue.grants(grant.id)[grant.id]["refreshes"] == 0
        assert answer.result().status_code == 200
    assert rogue.grants(grant.id)[grant.id]["refreshes"] == 1


def test_the_answer_may_come_after_the_rotation(rogue: Rogue, grant: Minted):
    rogue.behave(delay_after=0.6)
    with refreshing(rogue, grant.refresh_token) as (answer,):
        assert rogue.grants(grant.id)[grant.id]["refreshes"] == 1
        assert not answer.done()
    assert answer.result().status_code == 200


def test_requests_at_the_same_time_are_counted(rogue: Rogue, grant: Minted):
    other = rogue.mint()[0]
    rogue.behave(delay=1, rotate="never")
    with refreshing(rogue, *[grant.refresh_token] * 3, *[other.refresh_token] * 2):
        counts = rogue.counts()
    assert (counts["max_concurrent"], counts["max_concurrent_per_grant"]) == (5, 3)
    rogue.reset()
    rogue.refresh(grant.refresh_token)
    assert (rogue.counts()["max_concurrent"], rogue.counts()["max_concurrent_per_grant"]) == (1, 1)


def test_it_goes_away_and_comes_back_on_the_same_port(rogue: Rogue, grant: Minted):
    with httpx.Client(base_url=rogue.url, trust_env=False, verify=False) as client:
        assert client.get("/api").status_code == 401
        for _ in range(10):
            rogue.go_away()
            with pytest.raises(httpx.ConnectError):
                client.get("/api")
            assert rogue.settings()["listening"] is False
            rogue.come_back()
            assert client.get("/api").status_code == 401
    assert rogue.works(grant.access_token)


@pytest.mark.parametrize(("wait", "applied"), [("delay", 0), ("delay_after", 1)])
def test_what_is_under_way_breaks_when_it_goes_away(rogue: Rogue, grant: Minted, wait: str, applied: int):
    rogue.behave(**{wait: 30})
    with refreshing(rogue, grant.refresh_token) as (answer,):
        rogue.go_away()
        with pytest.raises(httpx.ReadError):
            answer.result()
    rogue.behave(listening=True, **{wait: 0})
    assert rogue.grants(grant.id)[grant.id]["refreshes"] == applied
    assert (rogue.counts()["refreshed"], rogue.counts()["lost"]) == (0, applied)
    assert rogue.last()[-1].outcome.endswith("gone")
    assert rogue.refresh(grant.refresh_token).status_code == (400 if applied else 200)


def test_a_reset_leaves_the_grants(rogue: Rogue, grant: Minted):
    rogue.behave(lifetime=5, delay=0.1, rotate="same", retry_after="1", fault="hang", listening=False)
    rogue.once("empty")
    rogue.reset()
    defaults = rogue.settings()
    assert (defaults["lifetime"], defaults["fault"], defaults["once"], defaults["listening"]) == (3600, "", [], True)
    assert rogue.refresh(grant.refresh_token).status_code == 200
    rogue.reset()
    assert rogue.counts() == {**dict.fromkeys(rogue.counts(), 0), "by_fault": {}}
    assert rogue.last() == []


@pytest.mark.parametrize(
    "nonsense", [{"fault": "hong"}, {"rotate": "often"}, {"delay": -1}, {"lifetime": "long"}, {"colour": "red"}]
)
def test_nonsense_is_refused_as_a_whole(rogue: Rogue, nonsense: dict[str, Any]):
    before = rogue.settings()
    with pytest.raises(ValueError, match=str(*nonsense)):
        rogue.behave(**{"listening": False, **nonsense})
    with pytest.raises(ValueError, match="hong"):
        rogue.once("hang", "hong")
    assert rogue.settings() == before


def test_only_the_last_thousand_requests_are_remembered(rogue: Rogue):
    minted = rogue.mint(1100)
    with httpx.Client(base_url=rogue.url, trust_env=False, verify=False) as client:
        client.auth = (rogue.client_id, rogue.client_secret)
        for one in minted:
            client.post("/token", data={"grant_type": "refresh_token", "refresh_token": one.refresh_token})
    assert [visit.grant_id for visit in rogue.last()] == [one.id for one in minted[-1000:]]
    assert (rogue.counts()["requests"], rogue.counts()["refreshed"]) == (1100, 1100)


def test_it_ends_with_the_process_that_started_it():
    code = "import os; from tests.rogue.process import Rogue; print(Rogue.start().url, flush=True); os._exit(9)"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 9

    def gone() -> bool:
        try:
            httpx.get(ended.stdout.strip())
        except httpx.ConnectError:
            return True
        return False

    wait_until(gone)


def test_it_can_be_stopped_twice():
    rogue = Rogue.start()
    rogue.kill()
    rogue.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(rogue.url)


def test_its_provider_file_is_one_that_akhrot_takes(rogue: Rogue):
    found = parse(provider_toml(rogue.url, "odd", margin=5, refresh_params={"a": "b"}), source="odd.toml")
    assert found.oauth is not None
    assert (found.code, found.oauth.token_url, found.oauth.margin) == ("odd", f"{rogue.url}/token", 5)
    assert found.oauth.refresh_params == {"a": "b"}
