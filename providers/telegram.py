"""Telegram user accounts: is this session string alive, and whose is it? Asked over MTProto by Telethon.

Telethon is imported where it is used: it is heavy, and most processes never meet a session.
"""

import asyncio
import ipaddress
import logging
import re
import struct
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from providers import http

DEADLINE = 15.0
GOODBYE = 2.0
SESSION = re.compile(r"1[A-Za-z0-9_-]{351,368}={0,2}")
NOT_A_SESSION = (
    "This is no session string of Telethon (353 characters that begin with 1). "
    "Those of Pyrogram and GramJS have other layouts."
)

# Telethon tells what it connects to and prints what it could not read; no line of it may reach a log.
_silent = logging.getLogger("providers.telegram.telethon")
_silent.setLevel(logging.CRITICAL + 1)


class SessionRefused(Exception):
    """The session is of no use, by its shape or by Telegram's word. `reason` is fit to be shown."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def identify(values: Mapping[str, str]) -> tuple[str, str]:
    """Whose session it is, as ``(id, label)``, for the fields ``apiId``, ``apiHash`` and ``sessionString``.

    It is over in 15 s. Callable from any thread without an event loop of its own. Raises SessionRefused and
    ProviderUnavailable.
    """
    session = parse_session(values["sessionString"])
    api_id = values["apiId"].strip()
    if not re.fullmatch(r"[0-9]{1,10}", api_id) or not 0 < int(api_id) < 2**31:
        raise SessionRefused("The API ID is a number, as my.telegram.org shows it")
    try:
        return asyncio.run(_ask(session, int(api_id), values["apiHash"].strip()))
    except TimeoutError:
        raise http.ProviderUnavailable(f"Telegram did not answer within {DEADLINE:g} s") from None
    # Telethon cancels what still waits for an answer when the other side hangs up.
    except (OSError, EOFError, BufferError, asyncio.CancelledError) as error:
        raise http.ProviderUnavailable(f"Telegram could not be reached ({type(error).__name__})") from None


def parse_session(text: str) -> Any:
    """The Telethon session in `text`, pointed to the data centre to use, without asking anybody.

    Raises SessionRefused.
    """
    from telethon.sessions import StringSession

    text = text.strip()
    if not SESSION.fullmatch(text):
        raise SessionRefused(NOT_A_SESSION)
    try:
        session = StringSession(text)
    except (ValueError, struct.error):
        raise SessionRefused(NOT_A_SESSION) from None
    if not session.auth_key:
        raise SessionRefused("This session string was never signed in: its key is empty")
    _point(session)
    return session


def _point(session: Any) -> None:
    """Use the operator's test data centre if there is one, else the session's own if its address is public.

    The address stands in the pasted string: without a check, whoever pastes would reach into our own network.
    """
    test = settings.AKHROT_TELEGRAM_DC
    if test:
        from telethon.crypto import rsa

        rsa.add_key(test.public_key_file.read_bytes(), old=False)
        session.set_dc(test.id, test.host, test.port)
        return
    address = session.server_address
    if not ipaddress.ip_address(address).is_global and not http.is_allowed_privately(address):
        raise SessionRefused("This session string points to an address that is none of Telegram's")


async def _ask(session: Any, api_id: int, api_hash: str) -> tuple[str, str]:
    from telethon import TelegramClient

    # Telethon leaves futures behind when a connection breaks; the loop would log them with their tracebacks.
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    client = TelegramClient(
        session,
        api_id,
        api_hash,
        use_ipv6=":" in session.server_address,
        timeout=DEADLINE,
        connection_retries=1,
        retry_delay=0,
        request_retries=1,
        auto_reconnect=False,
        flood_sleep_threshold=0,
        receive_updates=False,
        device_model="Akhrot",
        base_logger=_silent,
    )
    try:
        async with asyncio.timeout(DEADLINE - GOODBYE):
            return await _account(client)
    finally:
        await _leave(client)


async def _leave(client: Any) -> None:
    """Hang up, which must not take long nor hide how the call ended."""
    try:
        async with asyncio.timeout(GOODBYE):
            await client.disconnect()
    except (OSError, TimeoutError):
        return


async def _account(client: Any) -> tuple[str, str]:
    from telethon import errors
    from telethon.tl.functions.users import GetUsersRequest
    from telethon.tl.types import InputUserSelf

    try:
        await client.connect()
        # What get_me() asks, except that get_me() hides why Telegram refuses.
        (user,) = await client(GetUsersRequest([InputUserSelf()]))
    except errors.AuthKeyNotFound:
        raise SessionRefused("Telegram does not know this session (AUTH_KEY_NOT_FOUND)") from None
    except (errors.InvalidChecksumError, errors.SecurityError, errors.TypeNotFoundError):
        raise http.ProviderUnavailable("Telegram's server sent something that is not its protocol") from None
    except errors.RPCError as error:
        raise _refusal(error) from None
    return str(user.id), str(user.username or user.phone or user.first_name or "")


def _refusal(error: Any) -> SessionRefused | http.ProviderUnavailable:
    """Telegram's codes are like HTTP's: 401 and 406 are about the session, 400 and 403 about the API ID.

    Telethon's classes are named after the errors (`AuthKeyUnregisteredError`); unknown ones carry their text.
    """
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(error).__name__.removesuffix("Error")).upper()
    said = re.sub(r"[^A-Z0-9_]", "", str(vars(error).get("message") or name))[:60]
    if error.code in (400, 401, 403, 406):
        return SessionRefused(f"Telegram refuses this session ({said})")
    wait = getattr(error, "seconds", None)
    return http.ProviderUnavailable(f"Telegram cannot answer for now ({said})", retry_after=wait)
