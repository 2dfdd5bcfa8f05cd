"""How often a key may ask, and what every answer says about it."""

import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from akhrot_site.environment import RateLimit
from tests.agents import Agent
from tests.apikeys.whoami import PATH

pytestmark = [pytest.mark.urls("tests.apikeys.whoami"), pytest.mark.django_db]


@pytest.fixture
def limit_of_three(settings: Settings) -> None:
    settings.AKHROT_RATE_LIMIT = RateLimit(3, 60)


def left(answer: Any) -> tuple[int, int]:
    """`r` and `t` of the RateLimit header."""
    found = re.fullmatch(r'"key";r=(\d+);t=(\d+)', answer["RateLimit"])
    assert found
    return int(found[1]), int(found[2])


def test_every_answer_tells_the_limit_and_what_is_left(agent: Agent, limit_of_three: None) -> None:
    answers = [agent.get(PATH) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [left(answer)[0] for answer in answers] == [2, 1, 0]
    assert {answer["RateLimit-Policy"] for answer in answers} == {'"key";q=3;w=60'}
    assert all(1 <= left(answer)[1] <= 60 for answer in answers)


def test_the_default_is_six_hundred_a_minute(agent: Agent) -> None:
    answer = agent.get(PATH)
    assert answer["RateLimit-Policy"] == '"key";q=600;w=60'
    assert left(answer) == (599, 60)


def test_beyond_the_limit_the_answer_says_when_to_come_back(agent: Agent, limit_of_three: None, clock: Any) -> None:
    for _ in range(3):
        agent.get(PATH)
    clock.forward(seconds=20)
    answer = agent.get(PATH)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (429, "RATE_LIMITED")
    assert int(answer["Retry-After"]) == error["retryAfter"] == left(answer)[1]
    assert left(answer)[0] == 0
    assert 35 <= error["retryAfter"] <= 40
    assert answer["RateLimit-Policy"] == '"key";q=3;w=60'
    clock.forward(seconds=error["retryAfter"])
    assert agent.get(PATH).status_code == 200


def test_errors_count_and_tell_the_limit_too(agent: Agent, limit_of_three: None) -> None:
    assert left(agent.post(PATH, "{"))[0] == 2
    assert left(agent.client.put(PATH))[0] == 1


def test_a_refused_call_is_not_looked_at_any_further(agent: Agent, limit_of_three: None) -> None:
    for _ in range(3):
        agent.get(PATH)
    assert agent.post(PATH, "{").status_code == 429


def test_each_key_has_a_quota_of_its_own(agent: Agent, other_agent: Agent, limit_of_three: None) -> None:
    for _ in range(4):
        agent.get(PATH)
    assert left(other_agent.get(PATH))[0] == 2


def test_a_call_without_a_valid_key_has_no_quota_to_tell(db: None) -> None:
    answer = Client().get(PATH)
    assert "RateLimit" not in answer
    assert "RateLimit-Policy" not in answer


def test_the_limit_costs_no_query(agent: Agent, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1):
        agent.get(PATH)
