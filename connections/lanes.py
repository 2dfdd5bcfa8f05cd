"""A bounded executor in which no lane takes more than its share.

A lane is whatever should not hold up the others: here, a token host. Work beyond a lane's width waits in line
without holding a thread.
"""

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Lanes(Generic[T]):
    """At most `workers` threads, of which at most `width` work for one lane."""

    def __init__(self, *, workers: int, width: int, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=workers, thread_name_prefix=name)
        self._width = width
        self._lock = threading.Lock()
        self._busy: Counter[str] = Counter()
        self._waiting: defaultdict[str, deque[tuple[Future[T], Callable[..., T], tuple[Any, ...]]]]
        self._waiting = defaultdict(deque)

    def submit(self, lane: str, work: Callable[..., T], *arguments: Any) -> "Future[T]":
        """Have `work(*arguments)` done as soon as the lane has room."""
        future: Future[T] = Future()
        with self._lock:
            self._waiting[lane].append((future, work, arguments))
            self._start(lane)
        return future

    def _start(self, lane: str) -> None:
        if self._busy[lane] >= self._width or not self._waiting[lane]:
            return
        try:
            self._executor.submit(self._run, lane)
        except RuntimeError:
            # The interpreter is on its way out and starts no more threads. What waits was never begun.
            for future, _, _ in self._waiting.pop(lane):
                future.cancel()
            return
        self._busy[lane] += 1

    def _run(self, lane: str) -> None:
        with self._lock:
            future, work, arguments = self._waiting[lane].popleft()
        try:
            future.set_result(work(*arguments))
        # The edge of the thread: whatever it was belongs to those who wait for the future.
        except Exception as error:  # noqa: BLE001
            future.set_exception(error)
        finally:
            with self._lock:
                self._busy[lane] -= 1
                self._start(lane)
                if not self._busy[lane] and not self._waiting.get(lane):
                    del self._busy[lane]
                    self._waiting.pop(lane, None)
