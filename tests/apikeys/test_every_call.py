"""Every view of the agent API takes the key, and the key alone, and counts the call."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.views import APIView

from apikeys.authentication import ApiKeyAuthentication
from apikeys.throttling import LimitedView
from tests.agents import Agent

# The skill, the OpenAPI document and the pages that show it.
PUBLIC = {"Skill", "Document", "Page"}


def api_views(resolver: Any = None, prefix: str = "/") -> Iterator[tuple[str, type[APIView]]]:
    """The DRF views of the whole site with their routes."""
    for pattern in (resolver or get_resolver()).url_patterns:
        route = prefix + str(pattern.pattern).replace("^", "").replace("/?$", "")
        if isinstance(pattern, URLResolver):
            yield from api_views(pattern, route)
        elif isinstance(pattern, URLPattern):
            view: Any = getattr(pattern.callback, "cls", object)
            if issubclass(view, APIView):
                yield route, view


def test_each_view_of_the_api_is_limited_and_takes_the_key_alone() -> None:
    views = dict(api_views())
    guarded = {route: view for route, view in views.items() if view.authentication_classes}
    assert len(guarded) >= 8
    assert {view.authentication_classes[0] for view in guarded.values()} == {ApiKeyAuthentication}
    assert {route for route, view in guarded.items() if not issubclass(view, LimitedView)} == set()
    assert {view.__name__ for route, view in views.items() if route not in guarded} <= PUBLIC


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/ai/context/summary", "/ai/context/summary/", "/connections", "/providers"])
def test_the_real_api_tells_what_is_left(agent: Agent, path: str) -> None:
    answer = agent.get(path)
    assert answer.status_code == 200
    assert answer["RateLimit-Policy"] == '"key";q=600;w=60'
    assert answer["RateLimit"].startswith('"key";r=599;t=')
    refused = Client().get(path)
    assert (refused.status_code, refused["WWW-Authenticate"]) == (401, "Bearer")
