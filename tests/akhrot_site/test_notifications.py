"""Which mails one gets: a switch for each kind, kept for oneself alone."""

from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from connections.models import MailChoice

PATH = "/accounts/notifications/"
CHOICES = ("lost", "ending", "sign_in", "client_refused")


def kept(user: User) -> tuple[bool, ...]:
    choice = MailChoice.of(user)
    return tuple(getattr(choice, name) for name in CHOICES)


def is_on(page: str, name: str) -> bool:
    tag = page[page.index(f'id="id_{name}"') - 300 : page.index(f'id="id_{name}"') + 60]
    return "checked" in tag[tag.rindex("<input") :].split(">")[0]


def test_everything_is_on_until_one_chooses(browser: Client, user: User):
    page = browser.get(PATH).content.decode()
    assert [is_on(page, name) for name in ("lost", "ending", "sign_in")] == [True] * 3
    assert not MailChoice.objects.exists(), "looking keeps nothing"


def test_a_choice_is_kept_and_shown(browser: Client, user: User, other_user: User):
    answer = browser.post(PATH, {"chosen": "1", "ending": "on"}, follow=True)
    assert "Your choices are saved." in answer.content.decode()
    assert kept(user) == (False, True, False, True)
    page = browser.get(PATH).content.decode()
    assert [is_on(page, name) for name in ("lost", "ending", "sign_in")] == [False, True, False]
    assert kept(other_user) == (True,) * 4


def test_everything_can_be_turned_off_and_on_again(browser: Client, user: User):
    browser.post(PATH, {"chosen": "1"})
    assert kept(user) == (False, False, False, True)
    browser.post(PATH, {"chosen": "1", "lost": "on", "ending": "on", "sign_in": "on"})
    assert kept(user) == (True,) * 4
    assert MailChoice.objects.count() == 1


def test_what_operators_are_told_only_they_choose(browser: Client, user: User):
    assert "OAuth client" not in browser.get(PATH).content.decode()
    browser.post(PATH, {"chosen": "1", "lost": "on"})
    assert MailChoice.of(user).client_refused
    User.objects.update(is_superuser=True)
    assert "An OAuth client is refused" in browser.get(PATH).content.decode()
    browser.post(PATH, {"chosen": "1", "lost": "on"})
    assert not MailChoice.of(user).client_refused


def test_changes_of_how_one_signs_in_cannot_be_turned_off(browser: Client):
    page = browser.get(PATH).content.decode()
    tag = page[page.index('id="security"') : page.index('id="security"') + 90]
    assert "checked disabled" in tag
    assert 'name="' not in tag
    assert "Always sent" in page


def test_the_page_says_when_no_mail_is_sent(browser: Client, settings: Any):
    assert "cannot send mail yet" not in browser.get(PATH).content.decode()
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert "cannot send mail yet" in browser.get(PATH).content.decode()


def test_a_stranger_s_and_a_forged_form_change_nothing(user: User):
    assert Client().post(PATH, {"chosen": "1"})["Location"].startswith("/accounts/login/")
    forger = Client(enforce_csrf_checks=True)
    forger.force_login(user)
    assert forger.post(PATH, {"chosen": "1"}).status_code == 403
    assert not MailChoice.objects.exists()
