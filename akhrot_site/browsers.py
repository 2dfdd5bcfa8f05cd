"""Where somebody is signed in: each browser in words, when it was last seen, and the one that nobody knew before."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from connections.models import Notice

SEEN = "akhrot_seen"
SEEN_EVERY = 300
# What stands for the address of a client where the server tells none, behind a Unix socket.
NO_ADDRESS = "0.0.0.0"  # noqa: S104
MOST_LISTED = 100

COOKIE = "akhrot_browser"
COOKIE_SALT = "akhrot.browser"
COOKIE_AGE = 365 * 24 * 3600
MOST_USERS = 10

# The first that is found names it: nearly every browser also calls itself by the names further down.
BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "Vivaldi/": "Vivaldi",
    "SamsungBrowser/": "Samsung Internet",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "CriOS/": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
    "curl/": "curl",
}
SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "CrOS": "ChromeOS",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}
HELD_IN_HAND = ("iPhone", "iPad", "Android")


@dataclass(frozen=True)
class SignedIn:
    """One browser in which a user is signed in."""

    row: UserSession
    is_this_one: bool

    @property
    def words(self) -> str:
        """What it is: "Firefox on Windows"."""
        return in_words(self.row.user_agent)

    @property
    def shape(self) -> str:
        """``phone`` or ``laptop``, to be drawn."""
        return "phone" if _first(SYSTEMS, self.row.user_agent) in HELD_IN_HAND else "laptop"

    @property
    def address(self) -> str:
        """Where it was last seen; empty where that is not known."""
        return "" if self.row.ip == NO_ADDRESS else str(self.row.ip)


def in_words(user_agent: str) -> str:
    """A browser and its system by their names, as far as the header tells them."""
    browser = _first(BROWSERS, user_agent)
    system = _first(SYSTEMS, user_agent)
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("An unknown browser")


def _first(names: dict[str, str], text: str) -> str:
    return next((name for mark, name in names.items() if mark in text), "")


def signed_in(request: HttpRequest) -> list[SignedIn]:
    """Where the user of `request` is signed in: this browser first, then by when they were last seen.

    Rows whose session is over are removed on the way.
    """
    user = request.user
    assert isinstance(user, User)  # noqa: S101
    UserSession.objects.create_from_request(request)
    rows = list(UserSession.objects.filter(user=user).order_by("-last_seen_at")[:MOST_LISTED])
    alive = _alive(user, [row.session_key for row in rows])
    UserSession.objects.filter(pk__in=[row.pk for row in rows if row.session_key not in alive]).delete()
    this = request.session.session_key
    listed = [SignedIn(row, row.session_key == this) for row in rows if row.session_key in alive]
    return sorted(listed, key=lambda one: not one.is_this_one)


def _alive(user: User, keys: Iterable[str]) -> set[str]:
    """Those of the sessions that still sign `user` in: not over, and from after the last change of his password."""
    digest = user.get_session_auth_hash()
    held = {
        session.session_key: session.get_decoded()
        for session in Session.objects.filter(session_key__in=list(keys), expire_date__gt=timezone.now())
    }
    return {
        key
        for key, data in held.items()
        if data.get(SESSION_KEY) == str(user.pk) and constant_time_compare(data.get(HASH_SESSION_KEY, ""), digest)
    }


def end_all(user: User, *, but: str | None = None) -> int:
    """Sign `user` out everywhere, `but` in the session of this key; answers how many were ended."""
    rows = UserSession.objects.filter(user=user)
    others = [row for row in rows if row.session_key != but]
    for row in others:
        row.end()
    return len(others)


def note_sign_in(sender: Any, request: HttpRequest, **_: Any) -> None:
    """Django's signal: who has just signed in has just been seen."""
    request.session[SEEN] = int(time.time())


def note_seen(request: HttpRequest) -> None:
    """Keep in mind that the signed-in browser of `request` was here. It is written every five minutes at most."""
    session = request.session
    if not session.session_key or SESSION_KEY not in session:
        return
    now = int(time.time())
    if now - session.get(SEEN, 0) >= SEEN_EVERY and request.user.is_authenticated:
        UserSession.objects.create_from_request(request)
        session[SEEN] = now


def recognise(request: HttpRequest, response: HttpResponseBase, user: User) -> bool:
    """Whether `user` has signed in with this browser before; `response` leaves it a mark for the next time.

    The mark is signed and tells nothing but who was here. Whoever removes it is told of one sign-in more.
    """
    known = _known_users(request)
    users = [user.pk, *(pk for pk in known if pk != user.pk)][:MOST_USERS]
    response.set_cookie(
        COOKIE,
        signing.dumps(users, salt=COOKIE_SALT),
        max_age=COOKIE_AGE,
        path="/accounts/",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return user.pk in known


def _known_users(request: HttpRequest) -> list[int]:
    try:
        known: list[int] = signing.loads(request.COOKIES.get(COOKIE, ""), salt=COOKIE_SALT, max_age=COOKIE_AGE)
    except signing.BadSignature:
        return []
    return known


def tell_of_sign_in(user: User, *, user_agent: str, address: str) -> None:
    """Write the notice of a sign-in from a browser that was not known."""
    where = in_words(user_agent)
    if address != NO_ADDRESS:
        where = _("%(browser)s, from %(address)s") % {"browser": where, "address": address}
    cause = f"{user.pk}.{timezone.now():%Y%m%dT%H%M%S%f}"
    Notice.objects.tell(Notice.Kind.SIGN_IN, cause, user_id=user.pk, reason=where)
