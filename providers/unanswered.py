"""What is told to people of a call to a provider that led to no answer."""

import httpcore
import httpx


def what_happened(host: str, error: Exception) -> str:
    """A sentence without its full stop: ``api.example.com could not be reached: its certificate cannot be trusted``.

    `error` is httpx's or httpcore's. Of what the other side sent nothing is repeated: it may be a secret.
    """
    if isinstance(error, httpx.ConnectError | httpcore.ConnectError):
        return f"{host} could not be reached{_why_not(str(error))}"
    if isinstance(error, httpx.DecodingError):
        return f"{host} sent an answer that cannot be unpacked"
    if isinstance(error, httpx.RemoteProtocolError):
        return f"{host} sent no whole answer"
    return f"{host} broke the connection off"


def _why_not(said: str) -> str:
    """The causes that somebody can do something about; `said` is OpenSSL's word, or that of our own resolver."""
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return ": its certificate cannot be trusted"
    return f": {said}" if said.startswith("the name ") else ""
