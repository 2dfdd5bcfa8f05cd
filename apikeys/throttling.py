"""How often a key may ask, and the headers that tell it."""

import math
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

# drf-spectacular finds the description of the key by this import; whoever limits a view shows it to agents.
from apikeys import schema as schema
from apikeys.addresses import client_address as client_address
from apikeys.ledger import Caller
from apikeys.rates import Count, counter


@dataclass(frozen=True)
class Spent:
    """What a key has used of its quota of requests in its window of seconds."""

    quota: int
    window: int
    used: Count

    @property
    def is_within(self) -> bool:
        """Whether this request is still among the allowed ones."""
        return self.used.hits <= self.quota

    def headers(self) -> dict[str, str]:
        """``RateLimit-Policy`` and ``RateLimit`` as in draft-ietf-httpapi-ratelimit-headers."""
        left = max(0, self.quota - self.used.hits)
        return {
            "RateLimit-Policy": f'"key";q={self.quota};w={self.window}',
            "RateLimit": f'"key";r={left};t={math.ceil(self.used.ends_in)}',
        }


class ApiKeyThrottle(BaseThrottle):
    """Allows each key `AKHROT_RATE_LIMIT`; the view keeps what was spent for its headers."""

    spent: Spent

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count this request of the key. One without a key (a public page) is not counted."""
        caller = request.auth
        if not isinstance(caller, Caller) or caller.key is None:
            return True
        quota, window = settings.AKHROT_RATE_LIMIT
        self.spent = Spent(quota, window, counter().hit(f"key:{caller.key.pk}", window))
        if isinstance(view, LimitedView):
            view.spent = self.spent
        return self.spent.is_within

    def wait(self) -> float:
        """Seconds until the key may ask again."""
        return self.spent.used.ends_in


class LimitedView(APIView):
    """A view that agents call: limited by key, with the limit's headers on every answer, also on errors."""

    throttle_classes = (ApiKeyThrottle,)
    spent: Spent | None = None

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """DRF's hook, which answers and errors pass alike."""
        response = super().finalize_response(request, response, *args, **kwargs)
        for name, value in (self.spent.headers() if self.spent else {}).items():
            response[name] = value
        return response
