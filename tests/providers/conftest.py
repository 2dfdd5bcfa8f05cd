"""A data centre of Telegram's that is none: a port of the loopback, and whatever answers there."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import rsa
from pytest_django.fixtures import Settings

from akhrot_site.environment import TelegramDC


@pytest.fixture
def data_centre(settings: Settings, tmp_path: Path) -> Callable[[int], None]:
    """Use a port of the loopback as Telegram's data centre."""
    key_file = tmp_path / "key.pem"
    key_file.write_bytes(rsa.newkeys(512)[0].save_pkcs1())

    def use(port: int) -> None:
        settings.AKHROT_TELEGRAM_DC = TelegramDC(2, "127.0.0.1", port, key_file)

    return use


@pytest.fixture
def server() -> Iterator[Callable[[Callable[[socket.socket], None]], int]]:
    """Starts a server on the loopback that does `answer` to each connection; gives its port."""
    listeners: list[socket.socket] = []

    def start(answer: Callable[[socket.socket], None]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
