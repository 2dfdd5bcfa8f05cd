"""Telegram session strings. Telegram is not reachable from a test, so what is tested is what comes before
it answers: shapes, addresses, silence and nonsense from a server on the loopback.
"""

import base64
import ipaddress
import logging
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest
from pytest_django.fixtures import Settings

from providers import registry, telegram
from providers.http import ProviderUnavailable
from providers.telegram import SessionRefused, identify, parse_session
from providers.verify import verify

KEY = bytes(range(256))
HASH = "0123456789abcdef" * 2


def session(address: str = "149.154.167.51", port: int = 443, key: bytes = KEY) -> str:
    """A session string as Telethon writes it."""
    packed = ipaddress.ip_address(address).packed
    return "1" + base64.urlsafe_b64encode(struct.pack(f">B{len(packed)}sH256s", 2, packed, port, key)).decode()


def fields(text: str, api_id: str = "1234567") -> dict[str, str]:
    return {"apiId": api_id, "apiHash": HASH, "sessionString": text}


def test_telethons_own_session_strings_are_understood() -> None:
    from telethon.crypto import AuthKey
    from telethon.sessions import StringSession

    made = StringSession()
    made.set_dc(4, "149.154.167.91", 443)
    made.auth_key = AuthKey(KEY)
    parsed = parse_session(f"  {made.save()}\n")
    assert (parsed.dc_id, parsed.server_address, parsed.port) == (4, "149.154.167.91", 443)
    assert parsed.auth_key.key == KEY
    assert parse_session(session("2001:67c:4e8:f002::a")).server_address == "2001:67c:4e8:f002::a"


@pytest.mark.parametrize(
    "text",
    [
        "", "1", "hello", "2" + session()[1:], session()[:-1], session()[1:], session() + "A",
        session() + "AAAA", session().replace("A", "é", 1), session()[:200] + " " + session()[201:],
        "1" + "A" * 360, "1" + "=" * 352,
    ],
)  # fmt: skip
def test_another_shape_is_refused_without_asking(text: str) -> None:
    with pytest.raises(SessionRefused, match="no session string of Telethon"):
        identify(fields(text))


def test_a_session_that_was_never_signed_in_is_refused() -> None:
    with pytest.raises(SessionRefused, match="never signed in"):
        identify(fields(session(key=bytes(256))))


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "0.0.0.0", "::1", "fe80::1"])
def test_a_session_does_not_lead_into_our_own_network(settings: Settings, address: str) -> None:
    settings.AKHROT_ALLOW_PRIVATE_HOSTS = []
    with pytest.raises(SessionRefused, match="none of Telegram's"):
        identify(fields(session(address)))


@pytest.mark.parametrize("address", ["93.184.215.14", "149.154.176.1", "2606:2800:220:1::1", "::ffff:149.154.167.51"])
def test_a_session_does_not_lead_to_a_server_of_whoever_pastes_it(address: str) -> None:
    with pytest.raises(SessionRefused, match="none of Telegram's"):
        parse_session(session(address))


@pytest.mark.parametrize(
    "address",
    [
        "149.154.175.53", "149.154.167.51", "149.154.175.100", "149.154.167.91", "91.108.56.130",
        "2001:b28:f23d:f001::a", "2001:67c:4e8:f002::a", "2001:b28:f23f:f005::a",
    ],
)  # fmt: skip
def test_a_session_leads_to_each_of_telegrams_data_centres(address: str) -> None:
    assert parse_session(session(address)).server_address == address


@pytest.mark.parametrize("api_id", ["abc", "0", "-1", "12345678901", "2147483648", "١٢"])
def test_an_api_id_is_a_number(api_id: str) -> None:
    with pytest.raises(SessionRefused, match="API ID is a number"):
        identify(fields(session(), api_id))


def test_a_closed_port_is_unreachable(data_centre: Callable[[int], None]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    data_centre(port)
    with pytest.raises(ProviderUnavailable, match="could not be reached"):
        identify(fields(session()))


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        bytes(range(64, 128)),
        struct.pack("<iii", 12, 0, 0),
        b"\xff" * 200,
    ],
    ids=["silence", "http", "noise", "checksum", "endless"],
)
def test_a_server_that_talks_nonsense_is_unreachable(
    server: Callable[..., int], data_centre: Callable[[int], None], said: bytes
) -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(1)
        connection.sendall(said)

    data_centre(server(answer))
    with pytest.raises(ProviderUnavailable):
        identify(fields(session()))


def test_a_silent_server_is_left_at_the_deadline(
    server: Callable[..., int], data_centre: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telegram, "DEADLINE", 2.5)
    data_centre(server(lambda _: time.sleep(10)))
    start = time.monotonic()
    with pytest.raises(ProviderUnavailable, match="did not answer"):
        identify(fields(session()))
    assert time.monotonic() - start < 5


def test_telegrams_refusals_are_told_from_its_troubles() -> None:
    from telethon import errors

    def told(error: errors.RPCError) -> SessionRefused | ProviderUnavailable:
        return telegram._refusal(error)

    for error, name in [
        (errors.AuthKeyUnregisteredError(None), "AUTH_KEY_UNREGISTERED"),
        (errors.SessionRevokedError(None), "SESSION_REVOKED"),
        (errors.UserDeactivatedError(None), "USER_DEACTIVATED"),
        (errors.ApiIdInvalidError(None), "API_ID_INVALID"),
        (errors.AuthKeyDuplicatedError(None), "AUTH_KEY_DUPLICATED"),
        (errors.BadRequestError(None, "CONNECTION_LAYER_INVALID", 400), "CONNECTION_LAYER_INVALID"),
    ]:
        refusal = told(error)
        assert isinstance(refusal, SessionRefused)
        assert name in refusal.reason
    flood = told(errors.FloodWaitError(None, capture=42))
    assert isinstance(flood, ProviderUnavailable)
    assert flood.retry_after == 42
    assert isinstance(told(errors.ServerError(None, "WORKER_BUSY", -503)), ProviderUnavailable)


def test_the_verdict_is_unreachable_and_nothing_of_the_session_is_logged(
    data_centre: Callable[[int], None], caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    data_centre(port)
    text = session()
    with caplog.at_level(logging.DEBUG):
        verdict = verify(registry.load(registry.SHIPPED)["telegram"], fields(text))
    assert verdict.outcome == "unreachable"
    assert text not in repr(verdict) + caplog.text
    assert "telethon" not in {record.name.partition(".")[0] for record in caplog.records}


def test_a_wrong_shape_makes_a_refused_verdict() -> None:
    verdict = verify(registry.load(registry.SHIPPED)["telegram"], fields("hello"))
    assert verdict.outcome == "refused"
    assert "Telethon" in verdict.reason


def test_two_threads_may_ask_at_once(data_centre: Callable[[int], None]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    data_centre(port)
    spec = registry.load(registry.SHIPPED)["telegram"]
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(verify(spec, fields(session())).outcome)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["unreachable"] * 4


def test_telethon_is_not_loaded_before_it_is_needed() -> None:
    code = "import django, sys; django.setup(); import providers.verify; sys.exit('telethon' in sys.modules)"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "akhrot_site.settings"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
