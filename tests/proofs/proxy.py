"""A TCP proxy that holds a conversation at a chosen point, as a slow network would. It knows nothing of either side."""

import socket
import threading
from contextlib import suppress
from typing import Literal

from tests.servers import free_port

Hold = Literal["", "request", "commit", "reply"]


class Proxy:
    """Passes bytes to `host`:`port`. `hold` says where it stops, until `release`:

    ``request``: before anything the client says · ``commit``: before a COMMIT of the client ·
    ``reply``: the COMMIT is passed on, its answer is not.
    """

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.port = free_port()
        self.held = threading.Event()
        self._hold: Hold = ""
        self._released = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=200)
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self, where: Hold) -> None:
        """Stop there from now on; `held` is set when somebody has got there."""
        self.held.clear()
        self._released.clear()
        self._hold = where

    def release(self) -> None:
        """Let everything pass again."""
        self._hold = ""
        self._released.set()

    def close(self) -> None:
        """Take no more connections."""
        self.release()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self.target)
        except OSError:
            client.close()
            return
        mute = threading.Event()
        threading.Thread(target=self._pump_back, args=[server, client, mute], daemon=True).start()
        with suppress(OSError):
            while data := client.recv(65536):
                if self._must_hold(data):
                    if (more := self._wait(client)) is None:
                        break
                    data += more
                if self._hold == "reply" and b"COMMIT" in data:
                    mute.set()
                    self.held.set()
                server.sendall(data)
        for side in (server, client):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
            side.close()

    def _must_hold(self, data: bytes) -> bool:
        return self._hold == "request" or (self._hold == "commit" and b"COMMIT" in data)

    def _wait(self, client: socket.socket) -> bytes | None:
        """What the client said besides until the hold was released; None if it is dead, for then nothing is passed on.

        All it said must be read: behind it stands whether it has hung up.
        """
        self.held.set()
        self._released.wait()
        client.settimeout(0.5)
        more = b""
        try:
            while data := client.recv(65536):
                more += data
        except TimeoutError:
            client.settimeout(None)
            return more
        except OSError:
            pass
        return None

    def _pump_back(self, server: socket.socket, client: socket.socket, mute: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if mute.is_set():
                    self._released.wait()
                client.sendall(data)
        for side in (server, client):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
