"""A message may carry an action, which is offered for as long as it does something."""

import datetime as dt
from typing import Any

import pytest
from django.contrib import messages
from django.contrib.messages.storage.base import Message
from django.contrib.messages.storage.cookie import CookieStorage
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import timezone

from connections.dashboard import toasts
from connections.dashboard.toasts import Action, action_of


def travelled(request: HttpRequest) -> Any:
    """What the next request finds in the cookie that this one leaves."""
    answer = HttpResponse()
    request._messages.update(answer)  # type: ignore[attr-defined]
    following = RequestFactory().get("/")
    following.COOKIES = {name: morsel.value for name, morsel in answer.cookies.items()}
    return list(CookieStorage(following))


@pytest.fixture
def request_(rf: RequestFactory) -> HttpRequest:
    """A request with messages in a cookie."""
    request = rf.get("/")
    request._messages = CookieStorage(request)  # type: ignore[attr-defined]
    return request


def page(*shown: Any) -> str:
    return render_to_string("parts/messages.html", {"messages": shown, "csrf_token": "t"})


def test_an_action_travels_with_its_message(request_: HttpRequest) -> None:
    until = timezone.now() + dt.timedelta(seconds=10)
    toasts.success(request_, "It is “gone”.", Action("Undo", "/back/", until))
    messages.success(request_, "Plain.")
    first, second = travelled(request_)
    action = action_of(first)
    assert action
    assert (action.label, action.url, action_of(second)) == ("Undo", "/back/", None)
    assert 9 < (action.seconds() or 0) <= 10
    shown = page(first, second)
    assert 'action="/back/" data-expires="' in shown
    assert shown.count("<form") == 1
    assert 'role="status"' in shown


def test_what_is_over_is_not_offered(request_: HttpRequest, clock: Any) -> None:
    toasts.success(request_, "Gone.", Action("Undo", "/back/", timezone.now() + dt.timedelta(seconds=10)))
    (message,) = travelled(request_)
    clock.forward(seconds=11)
    assert action_of(message) is None
    assert "<form" not in page(message)
    assert "Gone." in page(message)


def test_an_action_may_have_no_end(request_: HttpRequest) -> None:
    toasts.success(request_, "Done.", Action("Look", "/there/"))
    (message,) = travelled(request_)
    assert action_of(message) == Action("Look", "/there/")
    assert "data-expires" not in page(message)


@pytest.mark.parametrize("tags", ["", "danger", "5", '["x"]', None])
def test_other_tags_are_no_action(tags: Any) -> None:
    assert action_of(Message(messages.SUCCESS, "x", extra_tags=tags)) is None


def test_what_is_said_is_escaped() -> None:
    shown = page(Message(messages.SUCCESS, "<b>", extra_tags=f'{toasts.MARK}["<i>", "/\\"x", null]'))
    assert "&lt;b&gt;" in shown
    assert "&lt;i&gt;" in shown
    assert 'action="/&quot;x"' in shown


def test_without_messages_nothing_is_announced() -> None:
    assert 'role="status"' not in page()
