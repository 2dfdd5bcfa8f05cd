"""Reads and checks the environment for `settings.py`.

Every function takes the text of one variable and returns what the settings hold, or raises a `ValueError`
that says what is wrong with it; `read` puts the variable's name in front. A mistyped variable stops the start.
"""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")
NAME = re.compile(r"[\w-]+(\.[\w-]+)*")
HOST = re.compile(rf"({NAME.pattern}|\[[0-9a-fA-F:.]+\])(:[0-9]+)?")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class RateLimit(NamedTuple):
    """`quota` requests in a window of `window` seconds."""

    quota: int
    window: int


class TelegramDC(NamedTuple):
    id: int
    host: str
    port: int
    public_key_file: Path


def read(name: str, parse: Callable[[str], T], default: str) -> T:
    """The variable `name`, parsed. An empty one counts as unset, for compose files pass unset ones on as empty."""
    value = os.environ.get(name, "").strip() or default
    try:
        return parse(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from error


def text(value: str) -> str:
    """Any text."""
    return value


def flag(value: str) -> bool:
    """True or false, in the usual words."""
    if value.lower() in {"1", "true", "yes", "on"}:
        return True
    if value.lower() in {"0", "false", "no", "off"}:
        return False
    raise ValueError(f"must be true or false, not {value!r}.")


def number(low: int, high: int) -> Callable[[str], int]:
    """A parser of whole numbers from `low` to `high`."""

    def parse(value: str) -> int:
        if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}, not {value!r}.")
        return int(value)

    return parse


def choice(*allowed: str) -> Callable[[str], str]:
    """A parser of one of the `allowed` words."""

    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}, not {value!r}.")
        return value

    return parse


def folder(value: str) -> Path:
    """A folder for secrets: made with mode 0700 if it is missing, and refused if it is a file."""
    path = Path(value).expanduser().absolute()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot make the folder {path}: {error.strerror}.") from error
    return path


def existing_folder(value: str) -> Path | None:
    """A folder that is there; None where nothing is set."""
    if not value:
        return None
    path = Path(value).expanduser().absolute()
    if not path.is_dir():
        raise ValueError(f"{path} is not a folder.")
    return path


def items(value: str) -> tuple[str, ...]:
    """Words parted by commas."""
    return tuple(item.strip() for item in value.split(",") if item.strip())


def origin(value: str) -> str:
    """`scheme://host[:port]` in lower case, with nothing behind it."""
    parts = urlsplit(value)
    # The port is read when it is asked for: one that is no number, or too large, is said here.
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or parts.port == 0
        or not HOST.fullmatch(parts.netloc)
    ):
        raise ValueError(f"must look like https://akhrot.example.com, not {value!r}.")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError(f"must be scheme, host and port alone, not {value!r}.")
    return f"{parts.scheme}://{parts.netloc}".lower()


def origins(value: str) -> tuple[str, ...]:
    """Several origins parted by commas."""
    return tuple(origin(item) for item in items(value))


def private_hosts(value: str) -> tuple[str, ...]:
    """Hosts, addresses or networks: `id.internal, 10.0.0.7, 10.0.0.0/8`."""
    return tuple(private_host(item.lower()) for item in items(value))


def private_host(item: str) -> str:
    """One of them, of which a scheme, a port or a path would never match anything."""
    if is_name(item) and not NAME.fullmatch(item):
        ipaddress.ip_network(item, strict=False)
    return item


def networks(value: str) -> tuple[Network, ...]:
    """Addresses or networks: `127.0.0.1, 10.0.0.0/8, fd00::/8`."""
    return tuple(ipaddress.ip_network(item) for item in items(value))


def is_name(host: str) -> bool:
    """Whether a host is named, not numbered."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return bool(host)
    return False


def literal(value: Any) -> Any:
    """An option at the end of a URL, which is text, as the number or word that it means."""
    words = {"true": True, "false": False, "none": None}
    return int(value) if str(value).isdecimal() else words.get(str(value).lower(), value)


def redis_url(value: str) -> str:
    """A URL that a Redis client takes; empty where none is used."""
    parts = urlsplit(value)
    if value and parts.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("must begin with redis://, rediss:// or unix://.")
    number = parts.path.strip("/")
    # The port is read when it is asked for: one that is no number, or too large, is said here.
    if parts.scheme != "unix" and (parts.port == 0 or not (number.isdecimal() or not number)):
        raise ValueError("must end like redis://127.0.0.1:6379/0, with the number of a database.")
    return value


def rate_limit(value: str) -> RateLimit:
    """`600/60`: 600 requests in 60 seconds."""
    quota, _, window = value.partition("/")
    try:
        limit = RateLimit(int(quota), int(window))
    except ValueError:
        limit = RateLimit(0, 0)
    if limit.quota < 1 or limit.window < 1:
        raise ValueError(f"must be requests/seconds, such as 600/60, not {value!r}.")
    return limit


def mail(value: str) -> dict[str, Any]:
    """Django's settings of the mail server at a URL."""
    if urlsplit(value).scheme not in environ.Env.EMAIL_SCHEMES:
        raise ValueError("must look like smtp+tls://user:password@host:587.")
    config: dict[str, Any] = environ.Env.email_url_config(value)
    if "smtp" in config["EMAIL_BACKEND"] and not config["EMAIL_HOST"]:
        raise ValueError("must name a host, as smtp+tls://user:password@host:587 does.")
    return config


def telegram_dc(value: str) -> TelegramDC | None:
    """`2 149.154.167.40 443 /path/to/key.pem`: a data centre to use in place of Telegram's own."""
    if not value:
        return None
    try:
        dc, host, port, key_file = value.split(None, 3)
        parsed = TelegramDC(int(dc), host, int(port), Path(key_file).expanduser().absolute())
    except ValueError:
        raise ValueError("must be: id host port public-key-file.") from None
    if not parsed.public_key_file.is_file():
        raise ValueError(f"there is no file {parsed.public_key_file}.")
    return parsed


def secret_key(file: Path) -> str:
    """The content of `file`, made at first start.

    Two processes may start at once: the text is written beside, then linked to its name, which only one of them
    can do; whoever loses reads what the other wrote, and nobody ever reads half a key.
    """
    if not file.exists():
        draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_urlsafe(64))
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(draft, file)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    key = file.read_text().strip()
    if len(key) < 50:
        raise ImproperlyConfigured(f"SECRET_KEY: {file} is damaged: it must hold at least 50 characters.")
    return key
