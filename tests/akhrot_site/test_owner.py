"""The first account: the one-time link, the command, and two who come at once."""

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client

from akhrot_site import owner
from connections.models import Notice

FORM = {
    "email": "Ada@Example.com",
    "password": "walnuts-are-not-nuts",
    "password_again": "walnuts-are-not-nuts",
}
pytestmark = pytest.mark.django_db


def path() -> str:
    return "/owner/" + owner.link().rpartition("/")[2]


def test_the_link_makes_an_owner_who_is_signed_in_and_verified():
    client = Client()
    assert client.get(path()).status_code == 200
    answer = client.post(path(), FORM)
    assert (answer.status_code, answer["Location"]) == (302, "/app/start/")
    user = User.objects.get()
    assert (user.email, user.is_superuser, user.is_staff) == ("ada@example.com", True, True)
    assert EmailAddress.objects.filter(user=user, email=user.email, verified=True, primary=True).exists()
    assert client.session["_auth_user_id"] == str(user.pk)
    assert UserSession.objects.get(user=user).session_key == client.session.session_key
    client.post("/accounts/logout/")
    client.post("/accounts/login/", {"login": user.email, "password": FORM["password"]})
    assert not Notice.objects.exists(), "its browser is known"


def test_the_page_says_what_a_good_password_is_before_one_is_refused():
    page = Client().get(path()).content.decode()
    assert "At least 10 characters" in page
    assert 'data-reveal="id_password"' in page
    refused = Client().post(path(), {**FORM, "password": "short", "password_again": "short"}).content.decode()
    assert "This password is too short" in refused
    assert not User.objects.exists()


def test_every_link_is_dead_once_there_is_an_owner():
    first, second = path(), path()
    Client().post(first, FORM)
    for link in (first, second, path()):
        gone = Client().get(link)
        assert gone.status_code == 404
        assert "This Akhrot already has an owner" in gone.content.decode()
        assert "/accounts/login/" in gone.content.decode()
        assert Client().post(link, FORM | {"email": "eve@example.com"}).status_code == 404
    assert User.objects.count() == 1


def test_a_link_ends_after_a_day(clock: Any):
    link = path()
    clock.forward(hours=23, minutes=59)
    assert Client().get(link).status_code == 200
    clock.forward(minutes=2)
    over = Client().get(link)
    assert over.status_code == 404
    assert "python manage.py owner --link" in over.content.decode()
    assert Client().post(link, FORM).status_code == 404
    assert not User.objects.exists()


def test_a_made_up_link_is_nothing():
    forged = Client().get("/owner/owner:1aaaaa:forged")
    assert forged.status_code == 404
    assert "There is nothing at this address" in forged.content.decode()
    assert Client().get(path() + "x").status_code == 404


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password_again": "another password"}, "differ"),
        ({"password": "short", "password_again": "short"}, "too short"),
        ({"password": "ada@example.com1", "password_again": "ada@example.com1"}, "too similar"),
        ({"email": "nobody"}, "valid email"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(change: dict[str, str], words: str):
    answer = Client().post(path(), FORM | change)
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert not User.objects.exists()


def test_the_form_needs_its_csrf_token():
    browser, link = Client(enforce_csrf_checks=True), path()
    answer = browser.post(link, FORM, headers={"Referer": f"http://testserver{link}"})
    assert answer.status_code == 403
    assert "Reload the page" in answer.content.decode()
    assert f'href="http://testserver{link}"' in answer.content.decode()
    elsewhere = browser.post(link, FORM, headers={"Referer": "https://elsewhere.example/"})
    assert "elsewhere.example" not in elsewhere.content.decode()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_come_at_once_one_is_the_owner():
    def come(number: int) -> int:
        try:
            return Client().post(link, FORM | {"email": f"user{number}@example.com"}).status_code
        finally:
            connections.close_all()

    link = path()
    with ThreadPoolExecutor(6) as crowd:
        statuses = sorted(crowd.map(come, range(6)))
    assert statuses == [302, 404, 404, 404, 404, 404]
    assert User.objects.filter(is_superuser=True).count() == 1


def sign_up() -> int:
    answer = Client().get("/accounts/signup/")
    return answer.status_code if b"password1" in answer.content else 403


def test_sign_up_is_closed_unless_the_operator_opens_it_and_never_before_the_owner(settings: Any):
    assert sign_up() == 403
    settings.AKHROT_SIGNUP = "open"
    assert sign_up() == 403
    owner.make_owner("ada@example.com", "walnuts-are-not-nuts")
    assert sign_up() == 200
    settings.AKHROT_SIGNUP = "invite"
    assert sign_up() == 403


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """``command("--link", sent="")`` runs `manage.py owner` and answers its output."""

    def command(*arguments: str, sent: str = "") -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(sent))
        out = io.StringIO()
        call_command("owner", *arguments, stdout=out, stderr=io.StringIO())
        return out.getvalue().strip()

    return command


def test_the_command_makes_the_owner_without_the_link(command: Callable[..., str]):
    command("--email", "Ada@Example.com", "--password-stdin", sent="walnuts-are-not-nuts\n")
    user = User.objects.get()
    assert (user.email, user.is_superuser) == ("ada@example.com", True)
    assert user.check_password("walnuts-are-not-nuts")
    with pytest.raises(CommandError, match="has its owner"):
        command("--email", "eve@example.com", "--password-stdin", sent="another-long-password")
    with pytest.raises(CommandError, match="has its owner"):
        command("--link")


def test_the_command_prints_a_link_that_works(command: Callable[..., str], settings: Any):
    link = command("--link")
    assert link.startswith(settings.AKHROT_BASE_URL + "/owner/")
    assert Client().get(link.removeprefix(settings.AKHROT_BASE_URL)).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "sent", "words"),
    [
        ((), "", "give --link"),
        (("--email", "ada@example.com", "--password-stdin"), "short", "too short"),
        (("--email", "nobody", "--password-stdin"), "walnuts-are-not-nuts", "email"),
    ],
)
def test_the_command_refuses_what_the_page_would(command: Any, arguments: tuple[str, ...], sent: str, words: str):
    with pytest.raises(CommandError, match=words):
        command(*arguments, sent=sent)
    assert not User.objects.exists()
