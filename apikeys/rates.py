"""Counting what happens in a window of time. Nothing here writes to the database.

Windows are fixed: they begin with the first event and end after their time, so that ``RateLimit`` and ``Retry-After``
can say exactly when the whole quota is back.
"""

import threading
import time
from functools import cache
from typing import NamedTuple

import structlog
from django.conf import settings

log = structlog.get_logger(__name__)

TIDY_EVERY = 60.0
REDIS_TIMEOUT = 0.25
REDIS_PAUSE = 5.0
LOG_EVERY = 60.0
# One round trip counts and tells when the window ends, and no process can die between the two.
COUNT_SCRIPT = """
local hits = redis.call("INCR", KEYS[1])
if hits == 1 then redis.call("PEXPIRE", KEYS[1], ARGV[1]) end
return {hits, redis.call("PTTL", KEYS[1])}
"""


class Count(NamedTuple):
    """How often something happened in its window, and in how many seconds that window ends."""

    hits: int
    ends_in: float


class MemoryCounter:
    """Counts for this process: exact where it is the only one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[int, float]] = {}
        self._tidied_at = 0.0

    def hit(self, name: str, window: int) -> Count:
        """Count one more of `name` in its window of `window` seconds."""
        now = time.time()
        with self._lock:
            hits, ends = self._windows.get(name, (0, 0.0))
            # A window that ends later than its length allows is a clock that was set back.
            if ends <= now or ends > now + window:
                self._tidy(now)
                hits, ends = 0, now + window
            self._windows[name] = hits + 1, ends
        return Count(hits + 1, ends - now)

    def _tidy(self, now: float) -> None:
        if now < self._tidied_at + TIDY_EVERY:
            return
        self._tidied_at = now
        self._windows = {name: window for name, window in self._windows.items() if window[1] > now}


class RedisCounter:
    """Counts for all processes and machines together.

    While Redis is away each process counts by itself. A fetch must not fail, or wait, for want of a counter: a
    limit that is too generous for a while does less harm than a token that is not given.
    """

    def __init__(self, url: str, *, pause: float = REDIS_PAUSE) -> None:
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        # One more try, since a connection kept from before Redis was restarted fails at its first use.
        client = Redis.from_url(
            url,
            socket_connect_timeout=REDIS_TIMEOUT,
            socket_timeout=REDIS_TIMEOUT,
            retry=Retry(NoBackoff(), 1),
        )
        self._script = client.register_script(COUNT_SCRIPT)
        self._here = MemoryCounter()
        self._pause = pause
        self._away_until = 0.0
        self._logged_at = -LOG_EVERY

    def hit(self, name: str, window: int) -> Count:
        """Count one more of `name` in its window of `window` seconds."""
        from redis.exceptions import RedisError

        if self._away_until and not self._may_try():
            return self._here.hit(name, window)
        try:
            hits, left = self._script(keys=[f"akhrot:rate:{name}"], args=[window * 1000])
        except RedisError as error:
            self._is_away(error)
            return self._here.hit(name, window)
        self._away_until = 0.0
        return Count(int(hits), max(0, int(left)) / 1000)

    def _may_try(self) -> bool:
        """Whether this caller shall find out if Redis is back: one in five seconds waits for its time-out."""
        now = time.monotonic()
        if now < self._away_until:
            return False
        self._away_until = now + self._pause
        return True

    def _is_away(self, error: Exception) -> None:
        now = time.monotonic()
        self._away_until = now + self._pause
        if now >= self._logged_at + LOG_EVERY:
            self._logged_at = now
            log.warning("rate_limits_not_shared", error=type(error).__name__)


@cache
def counter() -> MemoryCounter | RedisCounter:
    """The one that counts here: in Redis where REDIS_URL names one, else in this process."""
    return RedisCounter(settings.REDIS_URL) if settings.REDIS_URL else MemoryCounter()


def forget_counts() -> None:
    """Begin counting anew (what Redis has counted stays)."""
    counter.cache_clear()
