"""What each wants to be told, and what it says of it."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail as outgoing
from django.utils import timezone

from connections import mail
from connections.connect import client_was_refused
from connections.models import MailChoice, Notice
from connections.refreshing.asking import tell_lost


def send() -> int:
    Notice.objects.update(try_at=timezone.now() - dt.timedelta(seconds=1))
    return mail.send_due()


def lose(row: Any) -> None:
    assert row.give_up("invalid_grant")
    tell_lost(row, "invalid_grant")


def tell_sign_in(user: User) -> None:
    reason = "Firefox on Windows, from 203.0.113.7"
    Notice.objects.tell(Notice.Kind.SIGN_IN, f"{user.pk}.1", user_id=user.pk, reason=reason)


def test_whoever_has_chosen_nothing_is_told_everything(user: User):
    choice = MailChoice.of(user)
    assert (choice.lost, choice.ending, choice.sign_in, choice.client_refused) == (True,) * 4
    assert not MailChoice.objects.exists()


@pytest.mark.parametrize("wanted", [True, False])
def test_a_lost_connection_is_told_to_whom_wants_it(connect: Any, user: User, wanted: bool):
    MailChoice.objects.create(user=user, lost=wanted, ending=not wanted)
    lose(connect("google"))
    assert send() == 1, "it is done with either way"
    assert len(outgoing.outbox) == int(wanted)
    assert send() == 0


def test_a_choice_is_one_user_s_alone(connect: Any, user: User, other_user: User):
    MailChoice.objects.create(user=user, lost=False)
    lose(connect("google"))
    lose(connect("google", user=other_user))
    send()
    assert [letter.to for letter in outgoing.outbox] == [[other_user.email]]


def test_one_operator_s_choice_silences_no_other(configured: Any, user: User, other_user: User):
    User.objects.update(is_superuser=True)
    MailChoice.objects.create(user=user, client_refused=False)
    client_was_refused(configured("google"), "invalid_client")
    send()
    assert [letter.to for letter in outgoing.outbox] == [[other_user.email]]


def test_a_sign_in_is_told_with_its_browser_and_what_to_do(user: User, settings: Any):
    tell_sign_in(user)
    send()
    (letter,) = outgoing.outbox
    assert letter.subject == "Akhrot: A sign-in from a new browser"
    assert "Firefox on Windows, from 203.0.113.7." in letter.body
    assert "change your password immediately" in letter.body
    assert f"{settings.AKHROT_BASE_URL}/accounts/sessions/" in letter.body


def test_a_sign_in_is_not_told_to_whom_does_not_want_it(user: User):
    MailChoice.objects.create(user=user, sign_in=False)
    tell_sign_in(user)
    assert send() == 1
    assert outgoing.outbox == []


def test_a_long_name_makes_no_long_subject(connect: Any):
    lose(connect("google", account="a" * 250))
    send()
    letter = outgoing.outbox[0]
    assert len(letter.subject) < 100
    assert "a" * 250 in letter.body
