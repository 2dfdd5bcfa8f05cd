"""Which token hosts are down, as this process has seen it: one that is down is not asked, while others go on.

Five failures in a row open the breaker of a host: for 5 s at first, for half a minute at most. Then one trial is let
through; its success closes the breaker, its failure opens it again for twice as long. Each process learns by itself,
so there is nothing to agree on and nothing to go stale.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from prometheus_client import Gauge

from providers.http import ProviderUnavailable

log = structlog.get_logger(__name__)

FAILURES_TO_OPEN = 5
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 30.0
TRIAL_LASTS = 30.0

_open = Gauge(
    "akhrot_breaker_open",
    "1 while the token host is taken to be down and is not asked",
    ["host"],
    multiprocess_mode="livemax",
)


class HostDown(ProviderUnavailable):
    """The host was not asked, since it did not answer lately. `retry_after` is when it will be tried again."""


@dataclass
class _Breaker:
    failures: int = 0
    pause: float = FIRST_PAUSE
    shut_until: float = 0.0
    """Monotonic seconds; 0 while the breaker is closed."""
    on_trial: bool = False


class Breakers:
    """The breakers of all token hosts that failed lately. `clock` answers seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._of: dict[str, _Breaker] = {}

    @contextmanager
    def asking(self, host: str) -> Iterator[None]:
        """Around one call to `host`. Raises HostDown without calling; learns from what the call raises.

        Down is a host that does not answer or answers with a server's error (`ProviderUnavailable.is_down`). Every
        other answer, a refusal too, shows that it is there.
        """
        self._enter(host)
        try:
            yield
        except ProviderUnavailable as error:
            self._learn(host, is_down=error.is_down)
            raise
        # Whatever else it was, a trial must not stay open; it is raised on as it came.
        except BaseException:
            self._learn(host, is_down=False)
            raise
        self._learn(host, is_down=False)

    def states(self) -> dict[str, bool]:
        """Whether each host that failed lately is taken to be down."""
        with self._lock:
            return {host: bool(breaker.shut_until) for host, breaker in self._of.items()}

    def check(self, host: str) -> None:
        """Raises HostDown while `host` is not asked, for who would only stand in line to be told so."""
        with self._lock:
            breaker = self._of.get(host)
            wait = breaker.shut_until - self._clock() if breaker and breaker.shut_until else 0.0
        if wait > 0:
            raise HostDown(f"{host} did not answer lately", retry_after=max(1.0, wait))

    def _enter(self, host: str) -> None:
        with self._lock:
            breaker = self._of.get(host)
            if breaker is None or not breaker.shut_until:
                return
            wait = breaker.shut_until - self._clock()
            if wait > 0:
                raise HostDown(f"{host} did not answer lately", retry_after=max(1.0, wait))
            # This caller makes the trial; the others wait for what it learns.
            breaker.shut_until, breaker.on_trial = self._clock() + TRIAL_LASTS, True

    def _learn(self, host: str, *, is_down: bool) -> None:
        with self._lock:
            if not is_down:
                if (closed := self._of.pop(host, None)) and closed.shut_until:
                    _open.labels(host).set(0)
                    log.info("breaker_closed", host=host)
                return
            breaker = self._of.setdefault(host, _Breaker())
            breaker.failures += 1
            # Calls that were under way when it opened do not lengthen it.
            if breaker.failures >= FAILURES_TO_OPEN and (not breaker.shut_until or breaker.on_trial):
                self._shut(host, breaker)

    def _shut(self, host: str, breaker: _Breaker) -> None:
        breaker.shut_until = self._clock() + breaker.pause * random.uniform(0.8, 1.2)  # noqa: S311
        breaker.pause, breaker.on_trial = min(LONGEST_PAUSE, breaker.pause * 2), False
        _open.labels(host).set(1)
        log.warning("breaker_opened", host=host, failures=breaker.failures)


token_hosts = Breakers()
