"""Bodies that come in chunks, whose length nobody tells beforehand (RFC 9112 section 7.1, RFC 9113 section 8.1.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class ChunkedBodies:
    """Lets Django read them.

    It reads as many bytes as Content-Length says, and without one none at all: what an agent's HTTP library streams
    would be taken for an empty body. The server ends its input where the body ends, so the longest length that
    Django takes serves as well; of a body that is longer the rest is not read, and it is no JSON then.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if comes_without_length(environ) and environ.get("wsgi.input_terminated"):
            environ["CONTENT_LENGTH"] = str(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        return self.application(environ, start_response)


def comes_without_length(environ: dict[str, Any]) -> bool:
    """Whether there may be a body though no length is told."""
    in_parts = "HTTP_TRANSFER_ENCODING" in environ or environ.get("SERVER_PROTOCOL", "").startswith("HTTP/2")
    return in_parts and not environ.get("CONTENT_LENGTH")
