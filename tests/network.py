"""Keeps the tests on this machine: a connection or look-up beyond loopback is refused and fails the test."""

import ipaddress
import sys
from typing import Any

LOCAL_NAMES = ("localhost", "ip6-localhost")
# RFC 6761 reserves both: asking for them reaches nobody.
NO_NAMES = (".invalid", ".localhost")

escapes: list[str] = []


def is_local(host: object) -> bool:
    """Whether `host` (as socket functions take it) is this machine or nobody at all."""
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if name in (None, "", *LOCAL_NAMES) or (isinstance(name, str) and name.endswith(NO_NAMES)):
        return True
    try:
        return ipaddress.ip_address(str(name)).is_loopback
    except ValueError:
        return False


def is_address(host: object) -> bool:
    """Whether looking `host` up asks nobody."""
    try:
        ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return True


def _refuse(what: str) -> None:
    escapes.append(what)
    raise RuntimeError(f"a test must not leave this machine: {what}")


def watch(event: str, args: tuple[Any, ...]) -> None:
    """An audit hook: it sees what every library does, and patches none of them."""
    if event in ("socket.connect", "socket.sendto"):
        address = args[1]
        if isinstance(address, tuple) and not is_local(address[0]):
            _refuse(f"{event} to {address[0]}:{address[1]}")
    elif event == "socket.getaddrinfo" and not is_local(args[0]) and not is_address(args[0]):
        _refuse(f"look-up of {args[0]}")


def guard() -> None:
    """Watch from now on, for the life of the process."""
    sys.addaudithook(watch)
