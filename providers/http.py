"""The one door to providers. Time-outs, the address guard, the size limit and the bulkhead are here and only here."""

import email.utils
import ipaddress
import json as jsonlib
import random
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpcore
import httpx
from django.conf import settings

from providers.addresses import is_public
from providers.gzipped import unpacked
from providers.storable import storable
from providers.unanswered import what_happened

CONNECT_TIMEOUT = 5.0
LONGEST_ANSWER = 1_000_000
LONGEST_RETRY_AFTER = 3600.0
COME_AGAIN = (4.0, 10.0)
# For each request httpcore looks at every connection of its pool, so that one large pool is slower than small ones.
POOLS = 8

_deadline: ContextVar[float] = ContextVar("deadline")
_resolvers = ThreadPoolExecutor(max_workers=32, thread_name_prefix="resolve")


class ProviderUnavailable(Exception):
    """The provider cannot be asked for now: try later. `retry_after` in seconds, where it said so.

    `is_down`: it did not answer, or with an error of its own server, so that asking again at once would be no use.
    """

    def __init__(self, reason: str, retry_after: float | None = None, *, is_down: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
        self.is_down = is_down


class AddressRefused(ProviderUnavailable):
    """The address guard does not let us go there."""


class NoRoom(ProviderUnavailable):
    """Nobody was asked: as many callers as may wait on providers wait already."""


@dataclass(frozen=True, repr=False)
class Answer:
    """A provider's answer. It has no repr: bodies carry tokens."""

    status: int
    headers: httpx.Headers
    body: bytes

    def json(self) -> Any:
        """The body as JSON, or None where it is none."""
        try:
            document = jsonlib.loads(self.body)
            # What has to go is escaped, or half a pair as it is, or in an encoding with zeros in it.
            return storable(document) if any(sign in self.body for sign in (b"\\u", b"\xed", b"\0")) else document
        # RecursionError: it is nested too deeply.
        except (ValueError, RecursionError):
            return None

    def retry_after(self) -> float | None:
        """Seconds of the Retry-After header, both forms of RFC 9110 section 10.2.3; at most an hour."""
        value = self.headers.get("retry-after", "")
        if value.isascii() and value.isdigit():
            return min(float(value), LONGEST_RETRY_AFTER)
        try:
            moment = email.utils.parsedate_to_datetime(value)
        except ValueError:
            return None
        return min(max(moment.timestamp() - time.time(), 0.0), LONGEST_RETRY_AFTER)


def is_allowed_privately(host: str) -> bool:
    """Whether the operator lets outgoing calls reach this host or address though it is private, or by plain http."""
    return any(host == entry or _is_in(host, entry) for entry in settings.AKHROT_ALLOW_PRIVATE_HOSTS)


def _is_in(host: str, entry: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False


def _check_address(host: str, address: str) -> None:
    """Refuse an address of our own networks. Checked on what the name resolved to, which is what we connect to."""
    if not is_public(address) and not is_allowed_privately(host) and not is_allowed_privately(address):
        raise AddressRefused(f"{host} is at a private address; AKHROT_ALLOW_PRIVATE_HOSTS may allow it")


def _left(timeout: float | None = None) -> float:
    """Seconds until the deadline of this call, at most `timeout`."""
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the deadline of the whole call is over")
    return left if timeout is None else min(left, timeout)


def _resolve(host: str, port: int) -> list[str]:
    """The addresses of a name. Name look-up has no time-out of its own, so it runs where we can stop waiting."""
    found = _resolvers.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        return list(dict.fromkeys(str(info[4][0]) for info in found.result(timeout=_left(CONNECT_TIMEOUT))))
    except TooLate:
        raise httpcore.ConnectTimeout(f"no answer on the name {host}") from None
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"the name {host} does not resolve") from error


class _TimedStream(httpcore.NetworkStream):
    """A stream whose every step fits into the deadline of the whole call, however slowly the other side drips."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _GuardedBackend(httpcore.NetworkBackend):
    """Connects to checked addresses alone, and to the very address that was checked (no second look-up)."""

    def __init__(self) -> None:
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = _resolve(host, port)
        for address in addresses:
            _check_address(host, address)
        for place, address in enumerate(addresses, start=1):
            try:
                stream = self._backend.connect_tcp(address, port, _left(timeout), local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if place == len(addresses):
                    raise
            else:
                return _TimedStream(stream)
        raise httpcore.ConnectError(f"the name {host} has no address")


@cache
def _ssl_context() -> ssl.SSLContext:
    """The trusted authorities. Reading them is what makes a client expensive, so it is done once."""
    return httpx.create_ssl_context(trust_env=False)


def _guarded_transport() -> httpx.BaseTransport:
    # httpx offers no way in for a network backend, so the transport's pool is replaced by one that has ours.
    transport = httpx.HTTPTransport(trust_env=False)
    transport._pool = httpcore.ConnectionPool(
        ssl_context=_ssl_context(),
        max_connections=200,
        max_keepalive_connections=10,
        keepalive_expiry=30.0,
        network_backend=_GuardedBackend(),
    )
    return transport


_transport: httpx.BaseTransport | None = None


def use_transport(transport: httpx.BaseTransport | None) -> None:
    """Send through `transport` instead of the network (None: the network again)."""
    global _transport
    _transport = transport
    _client.cache_clear()


@cache
def _client(share: int) -> httpx.Client:
    """One of the process's `POOLS` clients, safe for threads."""
    return httpx.Client(
        transport=_transport or _guarded_transport(),
        timeout=httpx.Timeout(30.0, connect=CONNECT_TIMEOUT),
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": "Akhrot (+https://akhrot.ai)", "Accept-Encoding": "gzip"},
    )


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    data: bytes | None = None,
    timeout: float = 10.0,
) -> Answer:
    """One call to a provider, over in `timeout` seconds whatever happens. No redirect is followed.

    Raises ProviderUnavailable for everything that is not an HTTP answer of at most a megabyte.
    """
    try:
        target = httpx.URL(url)
    except httpx.InvalidURL:
        raise ProviderUnavailable("the address of the provider is not a usable one") from None
    if target.scheme != "https" and not is_allowed_privately(target.host):
        raise AddressRefused(f"{target.host} is asked by plain http; only https leaves this house")
    token = _deadline.set(time.monotonic() + timeout)
    try:
        return _send(method, target, headers=headers, params=params, data=data)
    except httpx.TimeoutException:
        raise ProviderUnavailable(f"{target.host} did not answer within {timeout:g} s", is_down=True) from None
    except (httpx.HTTPError, httpcore.NetworkError) as error:
        raise ProviderUnavailable(what_happened(target.host, error), is_down=True) from None
    finally:
        _deadline.reset(token)


def _send(
    method: str,
    target: httpx.URL,
    *,
    headers: Mapping[str, str] | None,
    params: Mapping[str, str] | None,
    data: bytes | None,
) -> Answer:
    with _client(threading.get_native_id() % POOLS).stream(
        method, target, headers=headers, params=params, content=data
    ) as response:
        body, coding = bytearray(), response.headers.get("content-encoding", "")
        for chunk in unpacked(response.iter_raw(), coding) if coding else response.iter_bytes():
            body += chunk
            if len(body) > LONGEST_ANSWER:
                raise ProviderUnavailable(f"{target.host} answered more than {LONGEST_ANSWER:,} bytes", is_down=True)
        return Answer(response.status_code, response.headers, bytes(body))


@cache
def _waiters() -> threading.BoundedSemaphore:
    """The places of the waiting room."""
    return threading.BoundedSemaphore(settings.AKHROT_WEB_THREADS // 2)


@contextmanager
def waiting_room() -> Iterator[None]:
    """A place among the threads that may wait on providers: half of them, so that the rest go on serving.

    Raises NoRoom at once when there is none left. When to come again is spread out, so that a crowd does
    not return as one.
    """
    # Threads that come first at once may each make one, so what was taken is what is given back.
    places = _waiters()
    if not places.acquire(blocking=False):
        wait = random.uniform(*COME_AGAIN)  # noqa: S311
        raise NoRoom("too many calls are waiting on providers", retry_after=wait)
    try:
        yield
    finally:
        places.release()
