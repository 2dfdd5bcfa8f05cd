"""Signing in to Telegram step by step, with a stand-in that speaks Telethon's types and raises its errors.

The network is not there: what a real data centre says to these requests was never tried.
"""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rsa
from pytest_django.fixtures import Settings
from telethon import errors
from telethon.sessions import StringSession
from telethon.tl import types
from telethon.tl.types import auth

from akhrot_site.environment import TelegramDC
from providers import telegram, telegram_login
from providers.http import ProviderUnavailable
from providers.telegram_login import App, LoginRefused, PasswordWanted, Sent, SignedIn
from providers.telegram_refusals import KNOWN
from tests.telegram.stand_in import ADA, API_HASH, API_ID, BOB, CODE, NOBODY, Telegram

OUR_APP = App(API_ID, API_HASH)


@pytest.fixture
def world() -> Iterator[Telegram]:
    """A Telegram with Ada, and Bob who has a password."""
    world = Telegram()
    telegram.use_client(world.client)
    yield world
    telegram.use_client(None)


def sent_to(phone: str) -> Sent:
    sent = telegram_login.send_code(OUR_APP, f"+{phone}")
    assert isinstance(sent, Sent)
    return sent


def refused(call: Callable[[], Any]) -> LoginRefused:
    with pytest.raises(LoginRefused) as caught:
        call()
    return caught.value


def test_a_code_signs_in_and_the_session_is_one_that_telethon_reads(world: Telegram) -> None:
    sent = sent_to(ADA.phone)
    assert (sent.how, sent.length, sent.next, sent.wait) == ("app", 5, "sms", 0)
    done = telegram_login.sign_in(OUR_APP, sent.session, f"+{ADA.phone}", sent.code_hash, CODE)
    assert isinstance(done, SignedIn)
    assert (done.account_id, done.label) == ("4001", "@ada")
    assert StringSession(done.session).auth_key.key in world.sessions
    assert telegram.SESSION.fullmatch(done.session), "what a pasted one must look like"
    values = {"apiId": str(API_ID), "apiHash": API_HASH, "sessionString": done.session}
    assert telegram.identify(values) == ("4001", "ada")


def test_the_second_password_is_proved_and_never_sent(world: Telegram) -> None:
    sent = sent_to(BOB.phone)
    wanted = telegram_login.sign_in(OUR_APP, sent.session, f"+{BOB.phone}", sent.code_hash, CODE)
    assert isinstance(wanted, PasswordWanted)
    assert wanted.hint == "a nut"
    assert world.signed_in() == []
    assert refused(lambda: telegram_login.check_password(OUR_APP, wanted.session, "hazel")).field == "password"
    done = telegram_login.check_password(OUR_APP, wanted.session, "walnut")
    assert (done.account_id, done.label) == ("4002", "Bob Babbage")
    assert "walnut" not in "".join(str(request) for request in world.asked)


def test_the_code_is_sent_again_by_the_next_way(world: Telegram) -> None:
    sent = sent_to(ADA.phone)
    again = telegram_login.resend(OUR_APP, sent.session, f"+{ADA.phone}", sent.code_hash)
    assert isinstance(again, Sent)
    assert (again.how, again.next, again.session) == ("sms", "", sent.session)


@pytest.mark.parametrize(
    ("kind", "how", "detail"),
    [
        (auth.SentCodeTypeSms(length=5), "sms", ""),
        (auth.SentCodeTypeCall(length=5), "call", ""),
        (auth.SentCodeTypeFlashCall(pattern="+4930*****12"), "flash_call", "+4930*****12"),
        (auth.SentCodeTypeMissedCall(prefix="+4930", length=5), "missed_call", "+4930"),
        (auth.SentCodeTypeEmailCode(email_pattern="a***@e.org", length=6), "email", "a***@e.org"),
        (auth.SentCodeTypeFragmentSms(url="https://fragment.com/x", length=5), "fragment", "https://fragment.com/x"),
        (auth.SentCodeTypeSmsWord(beginning="w"), "word", "w"),
        (auth.SentCodeTypeSmsPhrase(), "phrase", ""),
        (auth.SentCodeTypeFirebaseSms(length=6), "sms", ""),
        (types.InputPeerSelf(), "other", ""),
    ],
)
def test_it_is_told_how_the_code_travels(world: Telegram, kind: Any, how: str, detail: str) -> None:
    world.how, world.again, world.wait = kind, auth.CodeTypeMissedCall(), 60
    sent = sent_to(ADA.phone)
    assert (sent.how, sent.detail, sent.next, sent.wait) == (how, detail, "missed_call", 60)


def test_a_code_for_money_or_an_address_first_is_a_refusal_in_words(world: Telegram) -> None:
    world.how = auth.SentCodeTypeSetUpEmailRequired()
    assert "e-mail address first" in refused(lambda: sent_to(ADA.phone)).reason
    paid = auth.SentCodePaymentRequired("p", "h", "a@b.c", "s", 7, "EUR", 100)
    assert "payment" in refused(lambda: telegram_login._sent(None, paid)).reason


@pytest.mark.parametrize(
    ("error", "field", "said"),
    [
        (errors.PhoneNumberInvalidError(None), "phone", "with + and the country code"),
        (errors.PhoneNumberBannedError(None), "phone", "banned"),
        (errors.PhoneNumberUnoccupiedError(None), "phone", "No Telegram account has this number"),
        (errors.PhoneNumberAppSignupForbiddenError(None), "phone", "sign up first"),
        (errors.PhoneNumberFloodError(None), "phone", "Too many codes"),
        (errors.PhonePasswordFloodError(None), "", "Too many attempts"),
        (errors.ApiIdInvalidError(None), "apiId", "does not know this API ID"),
        (errors.ApiIdPublishedFloodError(None), "apiId", "published"),
        (errors.UpdateAppToLoginError(None), "", "newer version"),
        (errors.BadRequestError(None, "ALL_NEW", 400), "", "(ALL_NEW)"),
    ],
)
def test_what_telegram_refuses_is_said_in_words(world: Telegram, error: Exception, field: str, said: str) -> None:
    world.fail("SendCodeRequest", error)
    refusal = refused(lambda: sent_to(ADA.phone))
    assert refusal.field == field
    assert said in refusal.reason
    assert (refusal.is_over, refusal.wait) == (False, 0)


@pytest.mark.parametrize(
    ("error", "field", "is_over", "is_lost"),
    [
        (errors.PhoneCodeInvalidError(None), "code", False, False),
        (errors.PhoneCodeEmptyError(None), "code", False, False),
        (errors.PhoneCodeExpiredError(None), "code", True, False),
        (errors.PhoneCodeHashEmptyError(None), "code", True, False),
        (errors.SignInFailedError(None), "", True, True),
        (errors.AuthRestartError(None), "", True, True),
        (errors.AuthKeyUnregisteredError(None), "", True, True),
        (errors.SessionRevokedError(None), "", True, True),
        (errors.UserDeactivatedBanError(None), "phone", True, True),
        (errors.AuthKeyNotFound(), "", True, True),
    ],
)
def test_a_refused_code_says_whether_a_new_one_is_needed(
    world: Telegram, error: Exception, field: str, is_over: bool, is_lost: bool
) -> None:
    sent = sent_to(ADA.phone)
    world.fail("SignInRequest", error)
    refusal = refused(lambda: telegram_login.sign_in(OUR_APP, sent.session, ADA.phone, sent.code_hash, CODE))
    assert (refusal.field, refusal.is_over, refusal.is_lost) == (field, is_over, is_lost)
    assert refusal.reason


@pytest.mark.parametrize(
    "error",
    [
        errors.FloodWaitError(None, capture=720),
        errors.FloodTestPhoneWaitError(None, capture=720),
        errors.FloodPremiumWaitError(None, capture=720),
    ],
)
def test_a_wait_is_told_in_seconds(world: Telegram, error: Exception) -> None:
    world.fail("SendCodeRequest", error)
    assert refused(lambda: sent_to(ADA.phone)).wait == 720


def test_one_restart_is_obeyed_unasked(world: Telegram) -> None:
    world.fail("SendCodeRequest", errors.AuthRestartError(None))
    assert sent_to(ADA.phone).how == "app"
    world.fail("SendCodeRequest", errors.AuthRestartError(None), errors.AuthRestartError(None))
    assert refused(lambda: sent_to(ADA.phone)).is_lost


def test_a_number_without_an_account_cannot_sign_in(world: Telegram) -> None:
    sent = sent_to(NOBODY.phone)
    refusal = refused(lambda: telegram_login.sign_in(OUR_APP, sent.session, NOBODY.phone, sent.code_hash, CODE))
    assert (refusal.code, refusal.field) == ("PHONE_NUMBER_UNOCCUPIED", "phone")


def test_who_is_signed_in_at_once_needs_no_code(world: Telegram) -> None:
    client = world.client(StringSession(sent_to(ADA.phone).session), API_ID, API_HASH, receive_updates=False)
    done = telegram_login._sent(client, auth.SentCodeSuccess(auth.Authorization(ADA.user())))
    assert isinstance(done, SignedIn)
    assert done.account_id == "4001"


@pytest.mark.parametrize(
    "trouble",
    [
        OSError("no route"),
        EOFError(),
        errors.ServerError(None, "WORKER_BUSY", -503),
        errors.SecurityError("nonsense"),
        errors.InvalidChecksumError(1, 2),
    ],
)
@pytest.mark.parametrize("kind", ["connect", "SignInRequest"])
def test_trouble_on_the_way_is_no_refusal(world: Telegram, kind: str, trouble: Exception) -> None:
    sent = sent_to(ADA.phone)
    world.fail(kind, trouble)
    with pytest.raises(ProviderUnavailable):
        telegram_login.sign_in(OUR_APP, sent.session, ADA.phone, sent.code_hash, CODE)


def test_a_lost_answer_can_be_asked_for_and_a_session_be_ended(world: Telegram) -> None:
    sent = sent_to(ADA.phone)
    assert telegram_login.whose(OUR_APP, sent.session) is None
    telegram_login.sign_in(OUR_APP, sent.session, ADA.phone, sent.code_hash, CODE)
    found = telegram_login.whose(OUR_APP, sent.session)
    assert found is not None
    assert found.account_id == "4001"
    assert telegram_login.log_out(OUR_APP, sent.session) is True
    assert world.signed_in() == []
    assert telegram_login.log_out(OUR_APP, sent.session) is True, "it is ended, whoever ended it"
    world.fail("LogOutRequest", errors.BadRequestError(None, "NOT_NOW", 400))
    assert telegram_login.log_out(OUR_APP, sent.session) is False


def test_a_new_session_goes_to_the_test_data_centre_and_a_moved_one_stays_where_it_is(
    world: Telegram, settings: Settings, tmp_path: Path
) -> None:
    key_file = tmp_path / "key.pem"
    key_file.write_bytes(rsa.newkeys(512)[0].save_pkcs1())
    settings.AKHROT_TELEGRAM_DC = TelegramDC(2, "127.0.0.1", 4430, key_file)
    sent = sent_to(ADA.phone)
    assert StringSession(sent.session).server_address == "127.0.0.1"
    moved = StringSession(sent.session)
    moved.set_dc(1, "127.0.0.1", 4431)
    assert telegram.own_session(moved.save()).port == 4431


def test_a_sealed_session_does_not_lead_into_our_own_network_either(world: Telegram, settings: Settings) -> None:
    settings.AKHROT_ALLOW_PRIVATE_HOSTS = []
    session = StringSession(sent_to(ADA.phone).session)
    session.set_dc(2, "10.0.0.7", 443)
    assert telegram_login.log_out(OUR_APP, session.save()) is False
    assert world.count("LogOutRequest") == 0


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["silence", "http"])
def test_telethon_itself_gives_up_on_a_server_that_is_none(
    server: Callable[..., int], data_centre: Callable[[int], None], said: bytes
) -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(1)
        connection.sendall(said)

    data_centre(server(answer))
    with pytest.raises(ProviderUnavailable):
        telegram_login.send_code(OUR_APP, f"+{ADA.phone}")


def test_a_silent_server_is_left_at_the_deadline(
    server: Callable[..., int], data_centre: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telegram, "DEADLINE", 2.5)
    data_centre(server(lambda _: time.sleep(10)))
    begin = time.monotonic()
    with pytest.raises(ProviderUnavailable, match="did not answer"):
        telegram_login.send_code(OUR_APP, f"+{ADA.phone}")
    assert time.monotonic() - begin < 5


def test_nothing_that_was_sent_stands_in_an_error_or_a_repr(world: Telegram) -> None:
    sent = sent_to(BOB.phone)
    refusal = refused(lambda: telegram_login.sign_in(OUR_APP, sent.session, BOB.phone, sent.code_hash, "13579"))
    shown = repr(refusal) + str(refusal) + repr(sent) + repr(OUR_APP)
    assert not [one for one in (BOB.phone, "13579", API_HASH, sent.session, sent.code_hash) if one in shown]
    assert all(str(one.reason).endswith(".") for one in KNOWN.values())
