"""Talking to Telegram over MTProto by Telethon: is this session string alive, and whose? Signing in: `telegram_login`.

Telethon is imported where it is used: it is heavy, and most processes never meet a session.
"""

import asyncio
import ipaddress
import logging
import re
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.conf import settings

from providers import http

T = TypeVar("T")
DEADLINE = 15.0
GOODBYE = 2.0
SESSION = re.compile(r"1[A-Za-z0-9_-]{351,368}={0,2}")
NOT_A_SESSION = (
    "This is no session string of Telethon (353 characters that begin with 1). "
    "Those of Pyrogram and GramJS have other layouts."
)

# Telegram's own networks: https://core.telegram.org/resources/cidr.txt
NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("91.105.192.0/23", "91.108.4.0/22", "91.108.8.0/21", "91.108.16.0/21", "91.108.56.0/22"),
        *("149.154.160.0/20", "185.76.151.0/24"),
        *("2001:67c:4e8::/48", "2001:b28:f23c::/48", "2001:b28:f23d::/48", "2001:b28:f23f::/48", "2a0a:f280::/32"),
    )
)

# Telethon tells what it connects to and prints what it could not read; no line of it may reach a log.
_silent = logging.getLogger("providers.telegram.telethon")
_silent.setLevel(logging.CRITICAL + 1)


class SessionRefused(Exception):
    """The session is of no use, by its shape or by Telegram's word. `reason` is fit to be shown."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, repr=False)
class App:
    """What Telegram knows a program by: my.telegram.org gives it to whoever writes one."""

    id: int
    hash: str

    @classmethod
    def of(cls, values: Mapping[str, str]) -> "App":
        """That of the fields ``apiId`` and ``apiHash``. Raises SessionRefused."""
        api_id = values["apiId"].strip()
        if not re.fullmatch(r"[0-9]{1,10}", api_id) or not 0 < int(api_id) < 2**31:
            raise SessionRefused("The API ID is a number, as my.telegram.org shows it")
        return cls(int(api_id), values["apiHash"].strip())


_make_client: Callable[..., Any] | None = None


def use_client(make: Callable[..., Any] | None) -> None:
    """Talk through what `make` gives, called as Telethon's ``TelegramClient`` (None: through that again)."""
    global _make_client
    _make_client = make


def identify(values: Mapping[str, str]) -> tuple[str, str]:
    """Whose session it is, as ``(id, label)``, for the fields ``apiId``, ``apiHash`` and ``sessionString``.

    Raises SessionRefused and ProviderUnavailable, as `talk` does.
    """
    from telethon import errors

    session = parse_session(values["sessionString"])
    try:
        user = talk(session, App.of(values), ask_account)
    except errors.RPCError as error:
        raise _refusal(error) from None
    return str(user.id), str(user.username or user.phone or user.first_name or "")


def talk(session: Any, app: App, say: Callable[[Any], Awaitable[T]]) -> T:
    """What `say` makes of a client that is connected with `session`. It is over in 15 s.

    Callable from any thread without an event loop of its own. Raises SessionRefused, ProviderUnavailable and Telethon's
    RPCError.
    """
    try:
        return asyncio.run(_talk(session, app, say))
    except TimeoutError:
        raise http.ProviderUnavailable(f"Telegram did not answer within {DEADLINE:g} s") from None
    # Telethon cancels what still waits for an answer when the other side hangs up.
    except (OSError, EOFError, BufferError, asyncio.CancelledError):
        raise http.ProviderUnavailable("Telegram could not be reached") from None


def parse_session(text: str) -> Any:
    """The Telethon session in a pasted `text`, pointed to the data centre to use, without asking anybody.

    Raises SessionRefused.
    """
    session, test = _parsed(text.strip()), settings.AKHROT_TELEGRAM_DC
    if test:
        _know(test)
        session.set_dc(test.id, test.host, test.port)
    else:
        _check_address(session)
    return session


def own_session(text: str) -> Any:
    """A session that was made here, or a new one for "". It stays where it is: Telegram sends some on elsewhere.

    Raises SessionRefused.
    """
    from telethon.sessions import StringSession

    session, test = _parsed(text) if text else StringSession(), settings.AKHROT_TELEGRAM_DC
    if test:
        _know(test)
        if not text:
            session.set_dc(test.id, test.host, test.port)
    elif text:
        _check_address(session)
    return session


def _parsed(text: str) -> Any:
    from telethon.sessions import StringSession

    if not SESSION.fullmatch(text):
        raise SessionRefused(NOT_A_SESSION)
    try:
        session = StringSession(text)
    except (ValueError, struct.error):
        raise SessionRefused(NOT_A_SESSION) from None
    if not session.auth_key:
        raise SessionRefused("This session string was never signed in: its key is empty")
    return session


def _know(test: Any) -> None:
    """Trust the key of the operator's test data centre."""
    from telethon.crypto import rsa

    rsa.add_key(test.public_key_file.read_bytes(), old=False)


def _check_address(session: Any) -> None:
    """Refuse an address that is none of Telegram's: it stands in the pasted string, with the key to talk to it.

    Telethon believes whoever knows that key: it goes on to where they send it, also in our own networks, keeps their
    list of data centres for every later client of this process, and unpacks whatever they have packed.
    """
    address = session.server_address
    if not _is_telegrams(address) and not http.is_allowed_privately(address):
        raise SessionRefused("This session string points to an address that is none of Telegram's")


def _is_telegrams(address: str) -> bool:
    return any(ipaddress.ip_address(address) in network for network in NETWORKS)


async def _talk(session: Any, app: App, say: Callable[[Any], Awaitable[T]]) -> T:
    from telethon import TelegramClient, errors

    # Telethon leaves futures behind when a connection breaks; the loop would log them with their tracebacks.
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    client = (_make_client or TelegramClient)(
        session,
        app.id,
        app.hash,
        use_ipv6=":" in (session.server_address or ""),
        timeout=DEADLINE,
        connection_retries=1,
        retry_delay=0,
        # One more for a server that has a bad moment, and one for an account that lives in another data centre.
        request_retries=2,
        raise_last_call_error=True,
        auto_reconnect=False,
        flood_sleep_threshold=0,
        receive_updates=False,
        device_model="Akhrot",
        base_logger=_silent,
    )
    try:
        async with asyncio.timeout(DEADLINE - GOODBYE):
            await client.connect()
            return await say(client)
    except errors.AuthKeyNotFound:
        raise SessionRefused("Telegram does not know this session (AUTH_KEY_NOT_FOUND)") from None
    except (errors.InvalidChecksumError, errors.SecurityError, errors.TypeNotFoundError):
        raise http.ProviderUnavailable("Telegram's server sent something that is not its protocol") from None
    finally:
        await _leave(client)


async def _leave(client: Any) -> None:
    """Hang up, which must not take long nor hide how the call ended."""
    try:
        async with asyncio.timeout(GOODBYE):
            await client.disconnect()
    except (OSError, TimeoutError):
        return


async def ask_account(client: Any) -> Any:
    """The user whose session `client` has, as Telethon describes one. Raises Telethon's errors."""
    from telethon.tl.functions.users import GetUsersRequest
    from telethon.tl.types import InputUserSelf

    # What get_me() asks, except that get_me() hides why Telegram refuses.
    (user,) = await client(GetUsersRequest([InputUserSelf()]))
    return user


def error_code(error: Any) -> str:
    """Telegram's own code of an error, such as ``AUTH_KEY_UNREGISTERED``.

    Telethon's classes are named after the codes (`AuthKeyUnregisteredError`); unknown ones carry theirs as a text.
    """
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(error).__name__.removesuffix("Error")).upper()
    return re.sub(r"[^A-Z0-9_]", "", str(vars(error).get("message") or name))[:60]


def _refusal(error: Any) -> SessionRefused | http.ProviderUnavailable:
    """Telegram's codes are like HTTP's: 401 and 406 are about the session, 400 and 403 about the API ID."""
    if error.code in (400, 401, 403, 406):
        return SessionRefused(f"Telegram refuses this session ({error_code(error)})")
    wait = getattr(error, "seconds", None)
    return http.ProviderUnavailable(f"Telegram cannot answer for now ({error_code(error)})", retry_after=wait)
