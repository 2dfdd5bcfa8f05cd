"""What people are told of a provider that did not answer, over real sockets."""

import datetime as dt
import gzip
import socket
import ssl
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from providers import http

Start = Callable[[Callable[[socket.socket], None]], int]
RESET = struct.pack("ii", 1, 0)


def told(url: str) -> str:
    """The reason of a call that must lead to nothing."""
    with pytest.raises(http.ProviderUnavailable) as caught:
        http.request("GET", url)
    assert caught.value.is_down
    return caught.value.reason


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def self_signed(folder: Path) -> ssl.SSLContext:
    """The context of a server whose certificate nobody has signed but itself."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "walnut")])
    now = dt.datetime.now(dt.UTC)
    unsigned = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    certificate = unsigned.not_valid_before(now).not_valid_after(now + dt.timedelta(hours=1)).sign(key, hashes.SHA256())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "key.pem")
    return context


def says(answer: bytes) -> Callable[[socket.socket], None]:
    """A server that reads the request and sends `answer`."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    return serve


def resets(connection: socket.socket) -> None:
    """Let the connection end by a reset, as a proxy does that falls over."""
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def test_nobody_listens():
    assert told(f"http://127.0.0.1:{free_port()}/") == "127.0.0.1 could not be reached"


def test_a_name_that_nobody_has():
    assert (
        told("https://walnut.invalid/")
        == "walnut.invalid could not be reached: the name walnut.invalid does not resolve"
    )


def test_a_certificate_that_nobody_signed(server: Start, tmp_path: Path):
    context = self_signed(tmp_path)

    def serve(connection: socket.socket) -> None:
        with pytest.raises(ssl.SSLError):
            context.wrap_socket(connection, server_side=True)

    assert told(f"https://127.0.0.1:{server(serve)}/") == (
        "127.0.0.1 could not be reached: its certificate cannot be trusted"
    )


@pytest.mark.parametrize(
    ("serve", "said"),
    [
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"), "sent no whole answer"),
        (says(b"a-secret-that-is-no-http\r\n\r\n"), "sent no whole answer"),
        (
            says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n" + gzip.compress(b"")[5:10]),
            "sent an answer that cannot be unpacked",
        ),
        (resets, "broke the connection off"),
    ],
    ids=["short", "no http", "no gzip", "reset"],
)
def test_an_answer_that_is_none(server: Start, serve: Callable[[socket.socket], None], said: str):
    assert told(f"http://127.0.0.1:{server(serve)}/") == f"127.0.0.1 {said}"
