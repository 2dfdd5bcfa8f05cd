"""Bodies in chunks, which HTTP libraries send where they stream."""

import io
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest

from akhrot_site.chunked import ChunkedBodies

BODY = b'{"provider": "google"}'


def read(sent: bytes = BODY, *, ends: bool = True, **environ: str) -> bytes:
    """What Django reads of `sent` under that environment of WSGI."""
    seen: list[bytes] = []
    stream = {"wsgi.input": io.BytesIO(sent), "wsgi.input_terminated": ends}
    called = {"REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": "/", **stream, **environ}

    def application(environ: dict[str, Any], _: Any) -> list[bytes]:
        seen.append(WSGIRequest(environ).read())
        return seen

    ChunkedBodies(application)(called, lambda *_: None)
    return seen[0]


def test_a_body_in_chunks_is_read():
    assert read(HTTP_TRANSFER_ENCODING="chunked") == BODY


def test_a_body_of_http_2_needs_no_length():
    assert read(SERVER_PROTOCOL="HTTP/2") == BODY


def test_a_length_that_is_told_holds():
    assert read(CONTENT_LENGTH="10", SERVER_PROTOCOL="HTTP/1.1") == BODY[:10]


def test_an_input_that_does_not_end_by_itself_is_left_alone():
    assert read(HTTP_TRANSFER_ENCODING="chunked", ends=False) == b""


def test_no_more_is_read_than_a_body_may_hold():
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
    sent = b" " * (most + 10)
    assert len(read(sent, HTTP_TRANSFER_ENCODING="chunked")) == most
