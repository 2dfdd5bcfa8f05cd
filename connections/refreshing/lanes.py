"""A bounded executor in which no lane takes more than its share.

A lane is whatever should not hold up the others: here, a token host. Work beyond a lane's width waits in line
without holding a thread.
"""

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Waiting = tuple["Future[T]", Callable[..., T], tuple[Any, ...]]


class Lanes(Generic[T]):
    """At most `workers` threads, of which at most `width` work for one lane."""

    def __init__(self, *, workers: int, width: int, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=workers, thread_name_prefix=name)
        self._width = width
        self._lock = threading.Lock()
        self._busy: Counter[str] = Counter()
        self._waiting: defaultdict[str, deque[Waiting[T]]] = defaultdict(deque)
        self._closed = False

    def submit(self, lane: str, work: Callable[..., T], *arguments: Any) -> "Future[T]":
        """Have `work(*arguments)` done as soon as the lane has room; cancelled once the lanes are closed."""
        future: Future[T] = Future()
        with self._lock:
            self._waiting[lane].append((future, work, arguments))
            dropped = self._start(lane)
        _cancel(dropped)
        return future

    def close(self) -> None:
        """Begin nothing more: what waits in line is cancelled, what is under way goes on to its end."""
        with self._lock:
            self._closed = True
            dropped = [item for line in self._waiting.values() for item in line]
            self._waiting.clear()
        _cancel(dropped)

    def _start(self, lane: str) -> "list[Waiting[T]]":
        """Begin what the lane has room for; what must never begin is answered, to be cancelled outside the lock."""
        line = self._waiting[lane]
        while line and not self._closed and self._busy[lane] < self._width:
            item = line.popleft()
            try:
                self._executor.submit(self._run, lane, item)
            except RuntimeError:
                # The interpreter is on its way out and starts no more threads.
                self._closed = True
                line.appendleft(item)
            else:
                self._busy[lane] += 1
        dropped = list(line) if self._closed else []
        if dropped or not line:
            del self._waiting[lane]
        return dropped

    def _run(self, lane: str, item: "Waiting[T]") -> None:
        future, work, arguments = item
        try:
            future.set_result(work(*arguments))
        # The edge of the thread: whatever it was belongs to those who wait for the future.
        except Exception as error:  # noqa: BLE001
            future.set_exception(error)
        finally:
            with self._lock:
                self._busy[lane] -= 1
                dropped = self._start(lane)
                if not self._busy[lane]:
                    del self._busy[lane]
            _cancel(dropped)


def _cancel(items: "Iterable[Waiting[T]]") -> None:
    # Never under the lock: who waits for a future is told at once, and may hold locks of his own.
    for future, _, _ in items:
        future.cancel()
        # Only now `concurrent.futures.wait` counts it as done.
        future.set_running_or_notify_cancel()
