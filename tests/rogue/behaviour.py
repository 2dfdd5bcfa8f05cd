"""The settings of the provider, and which fault comes next."""

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from tests.rogue.faults import NAMES


@dataclass(frozen=True, slots=True)
class Settings:
    """How the provider behaves."""

    # "always"; "sometimes": each third refresh of a grant; "never": the answer has no refresh token;
    # "same": it has the one that was sent.
    rotate: str = "always"
    # "kill" the family (RFC 9700 section 4.14.2), "refuse" or "accept".
    on_reuse: str = "kill"
    # Whether a refresh ends the access tokens before it.
    ends_old_access: bool = False
    # Of access tokens, in seconds; truly enforced, and told as `expires_in` (a fraction as a fraction).
    lifetime: float = 3600
    # Seconds between the arrival of a token request and what it does, and between that and the answer.
    delay: float = 0
    delay_after: float = 0
    # The header's text in the faults status_429 and status_503.
    retry_after: str = ""
    # The name of a fault for every token request.
    fault: str = ""
    # False: connections to the provider's port are refused, and those there were are dropped.
    listening: bool = True


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _seconds(value: object) -> bool:
    return isinstance(value, int | float) and _number(value) and value >= 0


def _truth(value: object) -> bool:
    return isinstance(value, bool)


GOOD: Mapping[str, Callable[[Any], bool]] = {
    "rotate": ("always", "sometimes", "never", "same").__contains__,
    "on_reuse": ("kill", "refuse", "accept").__contains__,
    "ends_old_access": _truth,
    "lifetime": _number,
    "delay": _seconds,
    "delay_after": _seconds,
    "retry_after": lambda value: isinstance(value, str) and value.isprintable(),
    "fault": lambda value: value == "" or _known(value),
    "listening": _truth,
}


def _known(fault: object) -> bool:
    return isinstance(fault, str) and fault in NAMES


class Behaviour:
    """The settings as they are, and the faults that are queued before `fault`."""

    def __init__(self) -> None:
        self.settings = Settings()
        self._once: deque[str] = deque()

    def change(self, changes: Mapping[str, Any]) -> None:
        """Change all of the named settings, or none and ValueError."""
        for name, value in changes.items():
            if name not in GOOD:
                raise ValueError(f"there is no setting {name!r}; there are {', '.join(GOOD)}")
            if not GOOD[name](value):
                raise ValueError(f"{name} cannot be {value!r}")
        self.settings = replace(self.settings, **changes)

    def queue(self, faults: list[Any]) -> None:
        """One fault for each of the next token requests; an empty name lets one through."""
        if wrong := [fault for fault in faults if fault != "" and not _known(fault)]:
            raise ValueError(f"there is no fault {wrong[0]!r}; there are {', '.join(sorted(NAMES))}")
        self._once.extend(faults)

    def next_fault(self) -> str:
        """The fault of the request that has just come; empty where there is none."""
        return self._once.popleft() if self._once else self.settings.fault

    def reset(self) -> None:
        """As it was in the beginning."""
        self.settings = Settings()
        self._once.clear()

    def told(self) -> dict[str, Any]:
        """The settings and the queue."""
        return {**asdict(self.settings), "once": list(self._once)}
