"""Logging: JSON lines, with everything that looks like a credential cut out on the way.

Nothing of ours logs a credential. This is for what others write: a library's message, a traceback's text, a path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import structlog
from django.views.debug import SafeExceptionReporterFilter
from structlog.typing import EventDict, Processor, WrappedLogger

CUT = "[redacted]"
SECRET_NAMES = re.compile(
    r"(token|secret|password|passwd|authorization|cookie|credentials?|verifier|api_?key|session_?string)$"
    r"|^(code|state|key)$",
    re.IGNORECASE,
)
# The public half of an Akhrot key stays: it tells whose key it was.
PATTERNS = (
    (re.compile(r"(akhrot_[0-9A-Za-z]+)_[0-9A-Za-z]+"), rf"\1_{CUT}"),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=:-]+", re.IGNORECASE), rf"\1 {CUT}"),
    (
        re.compile(
            r"(?<![\w-])(code|state|key|\w*token|\w*secret|\w*password|code_verifier|id_token_hint)=[^&\s\"'<>]+",
            re.IGNORECASE,
        ),
        rf"\1={CUT}",
    ),
    (re.compile(r"(/oauth/callback/[^/?\s\"']*/?)\?[^\s\"']*"), rf"\1?{CUT}"),
    # Paths that are themselves a key: the owner's link, an invitation, a password reset, an address to confirm.
    (re.compile(r"(/owner|/invitation|/password/reset/key|/confirm-email)/[^\s/\"'?]+"), rf"\1/{CUT}"),
    (re.compile(r"((?<!\w)\w+://[^\s/:@]*):[^\s/@]+@"), rf"\1:{CUT}@"),
)
# No pattern matches without one of these, and most values of a line have none.
TELLTALE = re.compile(r"akhrot_|[\s=/]")


def redact_text(text: str) -> str:
    """`text` without what looks like a credential."""
    if not TELLTALE.search(text):
        return text
    for pattern, replacement in PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def redact_value(value: Any, name: str = "") -> Any:
    """The value of a log field, without credentials; hidden altogether under a telling name."""
    if isinstance(value, (bool, int, float)) or value is None:
        return value
    if SECRET_NAMES.search(name):
        return CUT
    if isinstance(value, Mapping):
        return {key: redact_value(item, str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [redact_value(item) for item in value]
    return redact_text(str(value))


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """structlog's processor: no line leaves with a credential in it."""
    return {key: value if key.startswith("_") else redact_value(value, key) for key, value in event.items()}


def configure(*, debug: bool) -> dict[str, Any]:
    """Sets structlog up and returns Django's `LOGGING`: both end in one formatter."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    # Tracebacks are plain: structlog's rich ones print local variables.
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if debug
        else structlog.processors.JSONRenderer()
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    redact,
                    renderer,
                ],
            },
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            # Replaces Django's own set-up, whose handlers mail request data to the administrators.
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            # Says with the raw path what the line for each request already says without.
            "django.request": {"handlers": [], "level": "CRITICAL"},
            "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
            "celery": {"level": "WARNING"},
            "kombu": {"level": "WARNING"},
            # Their INFO lines hold whole addresses, with the query.
            "httpx": {"level": "WARNING"},
            "httpcore": {"level": "WARNING"},
            "telethon": {"level": "WARNING"},
            "django_structlog": {"level": "DEBUG" if debug else "INFO"},
        },
    }


class SafeReports(SafeExceptionReporterFilter):
    """No report of an error, debugging page or mail, carries a request's data or a function's variables."""

    hidden_settings = re.compile(
        "API|AUTH|TOKEN|KEY|SECRET|PASS|SIGNATURE|HTTP_COOKIE|URL|BROKER|DATABASES|CACHES|EMAIL", re.IGNORECASE
    )

    def is_active(self, request: Any) -> bool:
        return True

    def get_post_parameters(self, request: Any) -> dict[str, Any]:
        return {}

    def get_traceback_frame_variables(self, request: Any, tb_frame: Any) -> Any:
        return []
