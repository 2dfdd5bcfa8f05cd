"""A lane takes no more than its share of the executor."""

import threading
from concurrent.futures import wait

import pytest

from connections.refreshing.lanes import Lanes


def test_a_lane_that_hangs_leaves_room_for_others():
    lanes: Lanes[str] = Lanes(workers=4, width=2, name="test")
    hang, started = threading.Event(), threading.Barrier(3, timeout=5)

    def stuck() -> str:
        started.wait()
        hang.wait(5)
        return "at last"

    stuck_ones = [lanes.submit("slow", stuck) for _ in range(2)]
    waiting = [lanes.submit("slow", lambda: "later") for _ in range(10)]
    started.wait()
    assert [lanes.submit("quick", lambda: "done").result(5) for _ in range(5)] == ["done"] * 5
    assert not any(future.done() for future in waiting)
    hang.set()
    assert [future.result(5) for future in (*stuck_ones, *waiting)] == ["at last"] * 2 + ["later"] * 10


def test_an_error_belongs_to_those_who_wait_and_frees_the_lane():
    lanes: Lanes[int] = Lanes(workers=1, width=1, name="test")
    with pytest.raises(ZeroDivisionError):
        lanes.submit("a", lambda: 1 // 0).result(5)
    assert lanes.submit("a", lambda: 7).result(5) == 7


def test_an_idle_lane_leaves_nothing_behind():
    lanes: Lanes[int] = Lanes(workers=2, width=1, name="test")
    futures = [lanes.submit(f"host{number}", lambda: 1) for number in range(100)]
    assert sum(future.result(5) for future in futures) == 100
    lanes._executor.shutdown(wait=True)
    assert not lanes._busy
    assert not lanes._waiting


def test_closed_lanes_begin_nothing_more_and_end_what_is_under_way():
    lanes: Lanes[str] = Lanes(workers=2, width=1, name="test")
    go, started = threading.Event(), threading.Event()

    def under_way() -> str:
        started.set()
        go.wait(5)
        return "landed"

    first = lanes.submit("a", under_way)
    waiting = [lanes.submit("a", lambda: "never") for _ in range(3)]
    started.wait(5)
    lanes.close()
    go.set()
    assert first.result(5) == "landed"
    assert all(future.cancelled() for future in waiting)
    assert not wait(waiting, timeout=0).not_done
    assert lanes.submit("b", lambda: "never").cancelled()
