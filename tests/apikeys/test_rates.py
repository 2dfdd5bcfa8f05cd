"""Counting: exact among threads and processes, and never a reason for a fetch to fail."""

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import structlog
from pytest_django import Settings

from apikeys.rates import MemoryCounter, RedisCounter, counter, forget_counts
from tests.servers import free_port, redis_server

PROCESS = """
import sys
from apikeys.rates import RedisCounter
counter = RedisCounter(sys.argv[1])
print(*(counter.hit("race", 60).hits for _ in range(200)))
"""


def hits_of_threads(counter: MemoryCounter | RedisCounter, threads: int, each: int) -> list[int]:
    found: list[int] = []
    together = threading.Barrier(threads)

    def hit() -> None:
        together.wait()
        found.extend(counter.hit("race", 60).hits for _ in range(each))

    running = [threading.Thread(target=hit) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return found


def test_no_two_threads_get_the_same_place() -> None:
    assert sorted(hits_of_threads(MemoryCounter(), 8, 250)) == list(range(1, 2001))


def test_a_window_begins_with_its_first_event_and_ends_on_time(clock: Any) -> None:
    counter = MemoryCounter()
    assert counter.hit("a", 60).hits == 1
    clock.forward(seconds=59)
    second = counter.hit("a", 60)
    assert second.hits == 2
    assert 0 < second.ends_in <= 1
    clock.forward(seconds=1)
    third = counter.hit("a", 60)
    assert third.hits == 1
    assert 59 < third.ends_in <= 60


def test_a_clock_that_was_set_back_locks_nobody_out(clock: Any) -> None:
    counter = MemoryCounter()
    counter.hit("a", 60)
    clock.forward(hours=-3)
    assert counter.hit("a", 60).ends_in <= 60


def test_windows_that_ended_take_no_memory(clock: Any) -> None:
    counter = MemoryCounter()
    for number in range(1000):
        counter.hit(f"address {number}", 60)
    clock.forward(seconds=61)
    counter.hit("another", 60)
    assert len(counter._windows) == 1


def test_without_redis_the_process_counts(settings: Settings) -> None:
    assert isinstance(counter(), MemoryCounter)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    forget_counts()
    assert isinstance(counter(), RedisCounter)
    settings.REDIS_URL = ""
    forget_counts()


@pytest.fixture
def messages() -> Any:
    with structlog.testing.capture_logs() as captured:
        yield captured


def test_while_redis_is_away_the_process_counts_and_says_so_once(messages: Any) -> None:
    counter = RedisCounter(f"redis://127.0.0.1:{free_port()}/0")
    assert [counter.hit("a", 60).hits for _ in range(50)] == list(range(1, 51))
    assert [message["event"] for message in messages] == ["rate_limits_not_shared"]


def test_a_redis_that_hangs_holds_up_one_call_and_not_the_next(messages: Any) -> None:
    with socket_that_never_answers() as port:
        counter = RedisCounter(f"redis://127.0.0.1:{port}/0")
        began = time.monotonic()
        counter.hit("a", 60)
        first = time.monotonic() - began
        hits = [counter.hit("a", 60).hits for _ in range(1000)]
        rest = time.monotonic() - began - first
    assert first < 2
    assert rest < 0.5
    assert hits[-1] == 1001


def socket_that_never_answers() -> Any:
    """A listening port whose connections are accepted by the kernel and by nobody else."""
    import socket
    from contextlib import contextmanager

    @contextmanager
    def listening() -> Any:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen(16)
            yield server.getsockname()[1]

    return listening()


@pytest.mark.redis
def test_redis_counts_for_all_processes_together(redis_url: str) -> None:
    RedisCounter(redis_url)._script.registered_client.flushall()
    command = [sys.executable, "-c", PROCESS, redis_url]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    found = [int(hit) for process in running for hit in process.communicate()[0].split()]
    assert sorted(found) == list(range(1, 801))


@pytest.mark.redis
def test_redis_tells_when_the_window_ends(redis_url: str) -> None:
    counter = RedisCounter(redis_url)
    first, second = counter.hit("window", 60), counter.hit("window", 60)
    assert (first.hits, second.hits) == (1, 2)
    assert 59 < second.ends_in <= first.ends_in <= 60


@pytest.mark.redis
def test_redis_is_asked_again_when_it_is_back(tmp_path: Path, messages: Any) -> None:
    port = free_port()
    counter = RedisCounter(f"redis://127.0.0.1:{port}/0", pause=0.05)
    with redis_server(tmp_path, port):
        assert counter.hit("a", 60).hits == 1
        assert counter.hit("a", 60).hits == 2
    assert counter.hit("a", 60).hits == 1
    assert messages
    with redis_server(tmp_path, port):
        time.sleep(0.1)
        assert [counter.hit("b", 60).hits for _ in range(3)] == [1, 2, 3]
        other = RedisCounter(f"redis://127.0.0.1:{port}/0")
        assert other.hit("b", 60).hits == 4
