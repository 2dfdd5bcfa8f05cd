"""What stands between the server and the views."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver

from akhrot_site import health
from akhrot_site.middleware import TrustedProxies, is_api_path
from apikeys.authentication import ApiKeyAuthentication
from tests.agents import Agent

PAGES = (
    *("/accounts/login/", "/app/", "/connect/x", "/oauth/callback/google"),
    *("/owner/x", "/admin/", "/docs", "/metrics"),
)
OPTIONAL = re.compile(r"\(\?P<\w+>[^)]*\)|<[^>]*>")


def routes(resolver: Any = None, prefix: str = "/") -> Iterator[tuple[str, Any]]:
    """An address of each route with its view."""
    for pattern in (resolver or get_resolver()).url_patterns:
        route = prefix + OPTIONAL.sub("x", str(pattern.pattern)).replace("^", "").replace("/?$", "").replace("$", "")
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, route)
        elif isinstance(pattern, URLPattern):
            yield route.replace("\\", ""), pattern.callback


def test_what_takes_the_shortcut_knows_no_cookie():
    short = {route: view for route, view in routes() if is_api_path(route)}
    assert {"/tokens/fetch", "/ai/context/summary", "/oauth/sessions", "/healthz"} <= set(short)
    for route, view in short.items():
        classes = getattr(getattr(view, "cls", None), "authentication_classes", [])
        assert set(classes) <= {ApiKeyAuthentication}, route
        assert hasattr(view, "cls") or view in (health.alive, health.ready), route


@pytest.mark.parametrize("path", PAGES)
def test_pages_do_not_take_the_shortcut(path: str):
    assert not is_api_path(path)


def test_a_session_in_the_browser_opens_nothing_of_the_api(browser: Client):
    answer = browser.get("/connections")
    assert answer.status_code == 401
    assert not answer.cookies


@pytest.mark.parametrize("path", ["/ai/context/summary", "/ai/context/summary/", "/healthz", "/nothing", "/ai/x"])
def test_every_answer_names_its_request_and_forbids_sniffing(agent: Agent, path: str):
    answer = agent.get(path)
    assert answer.status_code in (200, 404)
    assert re.fullmatch(r"[A-Za-z0-9-]{1,64}", answer["Request-Id"])
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(("sent", "kept"), [("plain-1", True), ("a" * 65, False), ('x" y', False), ("", False)])
def test_a_request_id_from_outside_is_taken_only_if_it_is_plain(db: None, sent: str, kept: bool):
    answer = Client().get("/accounts/login/", headers={"X-Request-Id": sent})
    assert (answer["Request-Id"] == sent) is kept
    assert answer["Request-Id"]


def test_unknown_addresses_answer_in_the_callers_language(db: None):
    answer = Client().get("/ai/nothing/like/this/here")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")
    page = Client().get("/nothing")
    assert (page.status_code, page["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "There is nothing at this address." in page.content.decode()


@pytest.mark.urls("tests.akhrot_site.broken_urls")
def test_a_broken_view_says_nothing_of_why():
    client = Client(raise_request_exception=False)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "INTERNAL_ERROR")
    assert b"TOPSECRET" not in answer.content
    assert answer["Request-Id"]


def directives(answer: Any) -> dict[str, list[str]]:
    parts = (part.split() for part in answer["Content-Security-Policy"].split(";"))
    return {name: values for name, *values in parts}


def test_pages_allow_no_inline_script_and_no_frame(db: None):
    answer = Client().get("/accounts/login/")
    policy = directives(answer)
    assert policy["default-src"] == ["'self'"]
    assert policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
    assert policy["form-action"] == ["'self'"]
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert (answer["X-Frame-Options"], answer["Referrer-Policy"]) == ("DENY", "same-origin")


def test_only_the_admin_may_evaluate_expressions(user: Any, browser: Client):
    user.is_staff = user.is_superuser = True
    user.save()
    policy = directives(browser.get("/admin/"))
    assert policy["script-src"] == ["'self'", "'unsafe-eval'"]
    assert policy["frame-ancestors"] == ["'none'"]
    assert "unsafe" not in browser.get("/app/")["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("address", "believed"), [("10.1.2.3", True), ("192.0.2.1", False), ("", False), ("unix:", False)]
)
def test_only_a_trusted_proxy_tells_the_scheme(settings: Any, address: str, believed: bool):
    from akhrot_site.environment import networks

    settings.AKHROT_TRUSTED_PROXIES = networks("10.0.0.0/8")
    request = RequestFactory().get("/", REMOTE_ADDR=address, HTTP_X_FORWARDED_PROTO="https")
    TrustedProxies(lambda _: health.alive(request))(request)
    assert request.is_secure() is believed


def test_plain_http_is_sent_to_https_and_health_checks_are_not(db: None, settings: Any):
    settings.SECURE_SSL_REDIRECT = True
    client = Client()
    assert client.get("/app/").status_code == 301
    assert client.get("/healthz").status_code == 200


def test_the_checks_of_the_framework_find_every_middleware_they_ask_for():
    assert "django.middleware.csrf.CsrfViewMiddleware" in django_settings.MIDDLEWARE
    shortcut = django_settings.MIDDLEWARE.index("akhrot_site.middleware.ApiShortcut")
    assert django_settings.MIDDLEWARE.index("django.middleware.security.SecurityMiddleware") < shortcut


def test_an_api_answer_tells_its_length(agent):
    answer = agent.get("/ai/context/summary")
    assert answer["Content-Length"] == str(len(answer.content))
