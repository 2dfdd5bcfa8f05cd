"""Addresses that only a form of a page of ours leads to."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

View = Callable[..., HttpResponse]


def posted_from(page: str) -> Callable[[View], View]:
    """For a deed, done by POST alone and only by who is signed in.

    Whoever had to sign in on the way comes back by GET, and is led to the page that has the form: to the URL named
    `page`, which is made of the same parts as this one.
    """

    def posted_from(view: View) -> View:
        @wraps(view)
        def posted(request: HttpRequest, **parts: Any) -> HttpResponse:
            return view(request, **parts) if request.method == "POST" else redirect(page, **parts)

        guarded: View = login_required(require_http_methods(["GET", "HEAD", "POST"])(posted))
        return guarded

    return posted_from
