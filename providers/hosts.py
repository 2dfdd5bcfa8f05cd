"""Which values of a provider file become part of a host name, and what such a value may look like.

A value that somebody typed, or that an answer held, must never lead a credential to a host that the file does not
mean: ``{shop}.example`` filled with "evil.test/" would.
"""

import re
import string
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from django.utils.translation import gettext_noop

from providers import http

Use = Literal["part", "host", "address"]

_LABEL = r"[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*"
HOST = rf"{_LABEL}(?:\.{_LABEL})*"
_ADDRESS = rf"(https?)://({HOST})(?::[0-9]{{1,5}})?(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?"
_WHOLE = re.compile(r"\{(\w+)\}(?=[/?]|$)")
_AUTHORITY = re.compile(r"https?://([^/?#]*)")
# What no value in a host name may hold, and what would leave a label empty.
_SIGNS = ("/", "@", ":", "?", "#", "\\", "%", " ", "..")
# What a value must be; English where it is kept or answered to agents.
SAID: dict[Use, str] = {
    "part": gettext_noop("part of a host name"),
    "host": gettext_noop("a host name"),
    "address": gettext_noop("an https address"),
}


def uses(url: str) -> Iterator[tuple[str, Use]]:
    """The placeholders of a URL template that stand before its path, and what each decides.

    ``part``: some labels before a domain that the file names. ``host``: which host it is at all (``https://{host}``,
    ``https://api.{domain}``). ``address``: everything (``{apiUrl}/v3``).
    """
    if whole := _WHOLE.match(url):
        yield whole[1], "address"
    authority = _AUTHORITY.match(url)
    pieces = list(string.Formatter().parse(authority[1])) if authority else []
    for place, (_, name, _, _) in enumerate(pieces):
        if name:
            after = "".join(
                f"{{}}{text}" if place + 1 < at else text for at, (text, *_) in enumerate(pieces) if at > place
            )
            yield name, "part" if _names_a_domain(after) else "host"


def _names_a_domain(after: str) -> bool:
    """Whether what follows a placeholder ends with a domain of two labels that the file itself names."""
    last = after.rpartition("{}")[2].partition(":")[0]
    return re.fullmatch(rf"[A-Za-z0-9-]*\.{_LABEL}\.(?:{_LABEL}\.)*[A-Za-z][A-Za-z0-9-]*", last) is not None


def fits(value: str, use: Use) -> bool:
    """Whether a value may stand there. Plain http passes for the hosts that the operator allows it for."""
    if len(value) > 253:
        return False
    if use != "address":
        return re.fullmatch(HOST, value) is not None
    found = re.fullmatch(_ADDRESS, value)
    return found is not None and (found[1] == "https" or http.is_allowed_privately(found[2]))


def too_wide(pattern: str, use: Use, example: str = "") -> str:
    """A value that `pattern` lets pass and that may not stand there; empty where none was found.

    A trial with the usual tricks, for whoever writes the file. What people type is checked by itself.
    """
    stems = [stem for stem in ("a", "1", "com", example) if stem]
    tried = [f"{stem}{sign}{end}" for stem in stems for sign in _SIGNS for end in (stem, "")]
    tried += [dotted for stem in stems for dotted in (f".{stem}", f"{stem}.", f"-{stem}")]
    if use == "address":
        tried = [f"https://{one}" for one in tried if "/" not in one and ":" not in one]
    return next((one for one in tried if not fits(one, use) and re.fullmatch(pattern, one)), "")


def misfits(values: Mapping[str, str], where: Mapping[str, Iterable[Use]]) -> dict[str, Use]:
    """Of `values` those that may not stand in the host names they are used in, with what they should have been."""
    used = [(name, use) for name, found in where.items() for use in found]
    return {name: use for name, use in used if values.get(name) and not fits(values[name], use)}
