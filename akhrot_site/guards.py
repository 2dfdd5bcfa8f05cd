"""Who may come to a page, how often, and who is asked once more; allauth's decorators with their types."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from allauth.account.decorators import reauthentication_required
from allauth.decorators import rate_limit
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache

from apikeys.authentication import caller_of

View = Callable[..., HttpResponseBase]


def limited(action: str) -> Callable[[View], View]:
    """The limit of this name, of allauth or of ACCOUNT_RATE_LIMITS, on what the view is sent."""
    return cast("Callable[[View], View]", rate_limit(action=action))


def asked_again(view: View) -> View:
    """Whatever the view is sent waits until its user has confirmed who he is, not longer ago than five minutes."""
    return cast("View", reauthentication_required(allow_get=True)(view))


def for_operators(view: View) -> View:
    """A view that is not there for anybody else."""

    @login_required
    @never_cache
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not caller_of(request).user.is_superuser:
            raise Http404
        return view(request, *args, **kwargs)

    return guarded
