"""A token host that is down is left alone, and tried again; others go on."""

from contextlib import ExitStack

import pytest

from providers.breaker import FAILURES_TO_OPEN, LONGEST_PAUSE, Breakers, HostDown
from providers.http import ProviderUnavailable
from providers.oauth import GrantRevoked

HOST = "id.example"


class Hosts(Breakers):
    """Breakers whose clock is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(clock=lambda: self.now)

    def call(self, host: str = HOST, *, raises: Exception | None = None) -> None:
        with self.asking(host):
            if raises:
                raise raises

    def fail(self, times: int) -> None:
        for _ in range(times):
            with pytest.raises(ProviderUnavailable):
                self.call(raises=ProviderUnavailable("no answer", is_down=True))

    def wait_of_refusal(self) -> float:
        with pytest.raises(HostDown) as refused:
            self.call()
        return refused.value.retry_after or 0.0


@pytest.fixture
def hosts() -> Hosts:
    return Hosts()


def test_after_five_failures_in_a_row_the_host_is_not_asked(hosts: Hosts):
    hosts.fail(FAILURES_TO_OPEN)
    assert 1 <= hosts.wait_of_refusal() <= 6
    assert hosts.states() == {HOST: True}


def test_other_hosts_go_on(hosts: Hosts):
    hosts.fail(FAILURES_TO_OPEN)
    hosts.call("other.example")


def test_a_success_in_between_starts_the_count_anew(hosts: Hosts):
    hosts.fail(FAILURES_TO_OPEN - 1)
    hosts.call()
    hosts.fail(FAILURES_TO_OPEN - 1)
    hosts.call()


@pytest.mark.parametrize(
    "answer", [GrantRevoked("invalid_grant"), ProviderUnavailable("429", 5.0)], ids=["refusal", "rate limit"]
)
def test_an_answer_that_refuses_shows_that_the_host_is_there(hosts: Hosts, answer: Exception):
    hosts.fail(FAILURES_TO_OPEN - 1)
    with pytest.raises(type(answer)):
        hosts.call(raises=answer)
    assert hosts.states() == {}


def test_one_trial_is_let_through_and_its_success_closes_it(hosts: Hosts):
    hosts.fail(FAILURES_TO_OPEN)
    hosts.now += 7
    with hosts.asking(HOST):
        hosts.wait_of_refusal()
    hosts.call()
    assert hosts.states() == {}


def test_a_trial_that_fails_opens_it_for_longer_but_for_little_more_than_half_a_minute(hosts: Hosts):
    hosts.fail(FAILURES_TO_OPEN)
    waits = []
    for _ in range(6):
        waits.append(hosts.wait_of_refusal())
        hosts.now += waits[-1] + 0.1
        hosts.fail(1)
    assert waits == sorted(waits[:4]) + waits[4:]
    assert max(waits) <= LONGEST_PAUSE * 1.2


def test_calls_that_were_under_way_do_not_lengthen_it(hosts: Hosts):
    with ExitStack() as under_way:
        under_way.enter_context(pytest.raises(ProviderUnavailable))
        under_way.enter_context(hosts.asking(HOST))
        hosts.fail(FAILURES_TO_OPEN)
        first = hosts.wait_of_refusal()
        raise ProviderUnavailable("no answer", is_down=True)
    assert hosts.wait_of_refusal() == first
