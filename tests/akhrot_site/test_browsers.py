"""Where somebody is signed in: listed, ended, and told when it is new."""

import datetime as dt
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from akhrot_site import browsers
from connections.models import Notice
from tests.conftest import PASSWORD

SESSIONS = "/accounts/sessions/"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"
CHROME = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/141.0.0.0 Safari/537.36"


def sign_in(user: User, user_agent: str = FIREFOX, client: Client | None = None) -> Client:
    client = client or Client(headers={"User-Agent": user_agent})
    answer = client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert answer["Location"] == "/app/"
    return client


def page(client: Client) -> str:
    return " ".join(client.get(SESSIONS).content.decode().split())


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (FIREFOX, "Firefox on Windows"),
        (SAFARI, "Safari on iPhone"),
        (CHROME, "Chrome on macOS"),
        (CHROME + " Edg/141.0.0.0", "Edge on macOS"),
        (CHROME + " OPR/120.0.0.0", "Opera on macOS"),
        ("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/141.0 Safari/537.36", "Chrome on Linux"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/141.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (X11; CrOS x86_64 1.0) Chrome/141.0 Safari/537.36", "Chrome on ChromeOS"),
        ("curl/8.5.0", "curl"),
        ("", "An unknown browser"),
        ("<script>", "An unknown browser"),
    ],
)
def test_a_browser_is_called_by_its_name(user_agent: str, words: str):
    assert browsers.in_words(user_agent) == words


def test_the_page_names_each_browser_and_says_which_is_this_one(user: User):
    sign_in(user, SAFARI)
    here = sign_in(user)
    said = page(here)
    assert said.index("Firefox on Windows") < said.index("Safari on iPhone")
    assert said.count("This browser") == 1
    assert said.count('<span class="mono">127.0.0.1') == 2
    assert said.count("/end/") == 1, "this one is ended by signing out"


def test_another_session_is_ended_and_this_one_goes_on(user: User):
    there, here = sign_in(user, SAFARI), sign_in(user)
    other = UserSession.objects.get(user_agent=SAFARI)
    answer = here.post(f"{SESSIONS}{other.pk}/end/", follow=True)
    assert "Safari on iPhone is signed out." in answer.content.decode()
    assert there.get("/app/").status_code == 302
    assert here.get("/app/").status_code == 200
    assert not Session.objects.filter(session_key=other.session_key).exists()


def test_all_others_are_ended_at_once(user: User, other_user: User):
    theirs = sign_in(other_user)
    there = [sign_in(user, SAFARI) for _ in range(3)]
    here = sign_in(user)
    assert "3 other browsers are signed out." in here.post(SESSIONS, follow=True).content.decode()
    assert [client.get("/app/").status_code for client in (*there, here, theirs)] == [302, 302, 302, 200, 200]


def test_ending_this_one_signs_out(user: User):
    here = sign_in(user)
    answer = here.post(f"{SESSIONS}{UserSession.objects.get().pk}/end/")
    assert answer["Location"] == "/accounts/login/"
    assert here.get("/app/").status_code == 302


def test_another_user_s_session_is_none(user: User, other_user: User):
    theirs, here = sign_in(other_user), sign_in(user)
    row = UserSession.objects.get(user=other_user)
    answer, nowhere = (here.post(f"{SESSIONS}{pk}/end/") for pk in (row.pk, 999_999))
    assert (answer.status_code, answer.content) == (404, nowhere.content)
    assert theirs.get("/app/").status_code == 200
    assert here.get(f"{SESSIONS}{row.pk}/end/").status_code == 405


def test_forged_forms_end_nothing(user: User):
    there = sign_in(user, SAFARI)
    forger = Client(enforce_csrf_checks=True)
    forger.force_login(user)
    for path in (SESSIONS, f"{SESSIONS}{UserSession.objects.get(user_agent=SAFARI).pk}/end/"):
        assert forger.post(path).status_code == 403
    assert there.get("/app/").status_code == 200


def test_what_is_over_is_not_listed(user: User):
    ended, late, here = (sign_in(user, SAFARI), sign_in(user, CHROME), sign_in(user))
    ended.post("/accounts/logout/")
    Session.objects.filter(session_key=late.session.session_key).update(expire_date=timezone.now())
    said = page(here)
    assert "iPhone" not in said
    assert "macOS" not in said
    assert UserSession.objects.count() == 1


def test_another_password_ends_every_other_session(user: User):
    there, here = sign_in(user, SAFARI), sign_in(user)
    form = {"oldpassword": PASSWORD, "password1": "walnuts-are-not-nuts", "password2": "walnuts-are-not-nuts"}
    assert here.post("/accounts/password/change/", form).status_code == 302
    assert there.get("/app/").status_code == 302
    assert "iPhone" not in page(here)


def test_when_a_browser_was_last_here_is_noted_every_five_minutes(user: User, clock: Any):
    here = sign_in(user)
    first = UserSession.objects.get().last_seen_at
    clock.forward(minutes=4)
    here.get("/app/")
    assert UserSession.objects.get().last_seen_at == first
    clock.forward(minutes=2)
    here.get("/app/")
    assert UserSession.objects.get().last_seen_at - first > dt.timedelta(minutes=5)


def test_a_session_from_before_there_was_a_list_gets_into_it(user: User):
    old = Client()
    old.force_login(user)
    session = old.session
    del session[browsers.SEEN]
    session.save()
    assert not UserSession.objects.exists()
    old.get("/app/")
    assert UserSession.objects.filter(session_key=session.session_key, user=user).exists()


def test_the_list_takes_as_many_queries_for_many_as_for_few(user: User):
    def count() -> int:
        with CaptureQueriesContext(database) as queries:
            here.get(SESSIONS)
        return len(queries)

    here = sign_in(user)
    few = count()
    for _ in range(10):
        sign_in(user, SAFARI)
    assert count() == few


def test_a_sign_in_from_a_new_browser_is_told_and_from_a_known_one_is_not(user: User):
    User.objects.update(last_login=timezone.now())
    laptop = sign_in(user)
    notice = Notice.objects.get()
    assert (notice.kind, notice.user, notice.reason) == ("sign_in", user, "Firefox on Windows, from 127.0.0.1")
    laptop.post("/accounts/logout/")
    sign_in(user, client=laptop)
    assert Notice.objects.count() == 1
    sign_in(user, SAFARI)
    assert Notice.objects.count() == 2


def test_the_first_sign_in_of_all_is_no_news(user: User):
    assert user.last_login is None
    sign_in(user)
    assert not Notice.objects.exists()


def test_a_browser_is_known_for_each_user_apart(user: User, other_user: User):
    User.objects.update(last_login=timezone.now())
    shared = sign_in(user)
    shared.post("/accounts/logout/")
    sign_in(other_user, client=shared)
    assert Notice.objects.filter(user=other_user).count() == 1
    shared.post("/accounts/logout/")
    sign_in(user, client=shared)
    assert Notice.objects.filter(user=user).count() == 1


def test_a_forged_mark_makes_no_browser_known(user: User):
    User.objects.update(last_login=timezone.now())
    forger = Client(headers={"User-Agent": FIREFOX})
    forger.cookies[browsers.COOKIE] = "[1,2,3]:1aaaaa:forged"
    sign_in(user, client=forger)
    assert Notice.objects.count() == 1
    mark = forger.cookies[browsers.COOKIE]
    assert (mark["httponly"], mark["samesite"], mark["path"]) == (True, "Lax", "/accounts/")


def test_a_sign_in_that_fails_tells_nobody_and_marks_no_browser(user: User):
    User.objects.update(last_login=timezone.now())
    client = Client()
    client.post("/accounts/login/", {"login": user.email, "password": "not it"})
    assert browsers.COOKIE not in client.cookies
    assert not Notice.objects.exists()
