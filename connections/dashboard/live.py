"""Fragments that a page looks at again every few seconds, and which say at once when nothing has changed."""

import hashlib
from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse


def version(facts: Iterable[Any]) -> str:
    """A short name for `facts`: the same as long as they are, and of no use to whoever reads it."""
    return hashlib.sha256(repr(list(facts)).encode()).hexdigest()[:16]


def unchanged(request: HttpRequest, known: str) -> HttpResponse | None:
    """204, which leaves the page as it is, where ``seen`` names the version that is `known`; else None.

    An ETag would not do: the browser answers a 304 from its cache, and the page would be changed for nothing.
    """
    return HttpResponse(status=204) if request.GET.get("seen") == known else None
