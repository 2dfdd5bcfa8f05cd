"""What goes wrong while somebody signs in with a phone: said in words beside its field, and nothing entered is lost."""

import re
from typing import Any

import pytest
from telethon import errors
from telethon.tl.types import auth

from tests.connections.telephone import APP, Phone, alert, faulty, text
from tests.telegram.stand_in import ADA, API_HASH, BOB, CODE, NOBODY, Telegram


@pytest.mark.parametrize(
    ("error", "field", "said"),
    [
        (errors.PhoneNumberInvalidError(None), "phone", "with + and the country code"),
        (errors.PhoneNumberBannedError(None), "phone", "banned"),
        (errors.PhoneNumberFloodError(None), "phone", "Too many codes"),
        (errors.ApiIdInvalidError(None), "apiId", "does not know this API ID"),
        (errors.ApiIdPublishedFloodError(None), "apiId", "Make your own"),
    ],
)
def test_a_refused_number_or_app_is_told_beside_its_field(
    phone: Phone, world: Telegram, error: Exception, field: str, said: str
):
    world.fail("SendCodeRequest", error)
    page = phone.number()
    assert page.status_code == 422
    assert faulty(page) == field
    assert said in text(page)
    assert f'value="+{ADA.phone}"' in text(page)
    assert phone.session.status == "pending"
    assert "Step 2 of 3" in text(phone.number(apiHash="")), "the hash was kept"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (errors.PhonePasswordFloodError(None), "Too many attempts"),
        (errors.UpdateAppToLoginError(None), "newer version"),
        (errors.AuthRestartError(None), "Send a new code"),
        (errors.ServerError(None, "WORKER_BUSY", -503), "Nothing is lost: try again"),
        (OSError("no route"), "Nothing is lost: try again"),
    ],
)
def test_what_no_field_is_to_blame_for_stands_above_the_form(
    phone: Phone, world: Telegram, error: Exception, said: str
):
    world.fail("SendCodeRequest", error, error)
    page = phone.number()
    assert page.status_code == 422
    assert said in alert(page)
    assert phone.half.values == APP
    assert f'value="+{ADA.phone}"' in text(phone.open()), "a tab that was closed comes back with it"


@pytest.mark.parametrize(
    ("fields", "name", "said"),
    [
        ({"phone": "0151 23456789"}, "phone", "with + and the country code"),
        ({"phone": "call me"}, "phone", "with + and the country code"),
        ({"phone": ""}, "phone", "Enter the number of your Telegram account"),
        ({"apiId": ""}, "apiId", "required"),
        ({"apiId": "my app"}, "apiId", "is a number"),
    ],
)
def test_what_is_plainly_wrong_is_not_sent_and_what_is_right_is_kept(
    phone: Phone, world: Telegram, fields: dict[str, str], name: str, said: str
):
    page = phone.number(**fields)
    assert faulty(page) == name
    assert said in text(page)
    assert world.count("SendCodeRequest") == 0
    assert API_HASH not in text(page)
    assert "Step 2 of 3" in text(phone.number(apiHash=""))


@pytest.mark.parametrize("typed", ["+49 151 234-567 89", "0049 (151) 23456789", "+49/151/23456789", "+49151‑23456789"])
def test_a_number_is_read_as_people_write_it(phone: Phone, world: Telegram, typed: str):
    phone.number(phone=typed)
    assert world.asked[-1].phone_number == f"+{ADA.phone}"


def test_a_wrong_code_keeps_everything_else(phone: Phone, world: Telegram):
    phone.number()
    page = phone.code("13579")
    assert page.status_code == 422
    assert faulty(page) == "code"
    assert "not the code that Telegram sent" in text(page)
    assert f"+{ADA.phone}" in text(page)
    assert faulty(phone.code("  ")) == "code"
    assert world.count("SignInRequest") == 1, "nothing is asked for an empty one"
    assert "is connected" in text(phone.code("24 6-80"))


def test_a_code_field_is_for_digits_unless_the_code_is_a_word(phone: Phone, world: Telegram):
    page = text(phone.number())
    assert re.search(r'<input type="text"[^>]*inputmode="numeric"[^>]*autocomplete="one-time-code"', page)
    world.how = auth.SentCodeTypeSmsWord(beginning="wal")
    page = text(phone.number())
    assert 'inputmode="text"' in page
    assert "begins with “wal”" in page
    phone.code("wal-nut")
    assert world.asked[-1].phone_code == "wal-nut"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (auth.SentCodeTypeSms(length=5), "by SMS"),
        (auth.SentCodeTypeCall(length=5), "and says it"),
        (auth.SentCodeTypeFlashCall(pattern="+4930*"), "The code is the whole number that called: +4930*"),
        (auth.SentCodeTypeMissedCall(prefix="+4930", length=5), "the last 5 digits of that number"),
        (auth.SentCodeTypeEmailCode(email_pattern="a***@e.org", length=6), "a***@e.org"),
        (auth.SentCodeTypeFragmentSms(url="https://fragment.com/n/1", length=5), 'href="https://fragment.com/n/1"'),
        (auth.SentCodeTypeSmsPhrase(beginning="a nut"), "begins with “a nut”"),
    ],
)
def test_the_page_says_where_the_code_was_sent(phone: Phone, world: Telegram, kind: Any, said: str):
    world.how = kind
    assert said in text(phone.number())


def test_only_fragments_own_page_becomes_a_link(phone: Phone, world: Telegram):
    world.how = auth.SentCodeTypeFragmentSms(url="https://fragment.com.evil.example/", length=5)
    assert "evil.example" not in text(phone.number())


@pytest.mark.parametrize("error", [errors.PhoneCodeExpiredError(None), errors.PhoneCodeHashEmptyError(None)])
def test_a_code_that_is_over_is_replaced_by_a_new_one(phone: Phone, world: Telegram, error: Exception):
    phone.number()
    world.fail("SignInRequest", error)
    page = phone.code()
    assert "Ask for a new one" in alert(page)
    assert 'name="code"' not in text(page)
    assert "You need a new code" in text(phone.open())
    assert 'name="code"' in text(phone.press("resend"))
    assert world.count("SendCodeRequest") == 2
    assert "is connected" in text(phone.code())


@pytest.mark.parametrize("error", [errors.AuthRestartError(None), errors.AuthKeyUnregisteredError(None)])
@pytest.mark.parametrize("step", ["code", "password"])
def test_a_sign_in_that_telegram_gave_up_goes_on_with_a_new_code(
    phone: Phone, world: Telegram, step: str, error: Exception
):
    phone.number(BOB.phone)
    if step == "password":
        phone.code()
    world.fail("SignInRequest" if step == "code" else "CheckPasswordRequest", error)
    page = phone.code() if step == "code" else phone.password("walnut")
    assert "Send a new code" in alert(page)
    phone.press("resend")
    phone.code()
    assert "is connected" in text(phone.password("walnut"))


def test_a_number_without_an_account_leads_back_to_the_number(phone: Phone, world: Telegram):
    phone.number(NOBODY.phone)
    page = phone.code()
    assert faulty(page) == "phone"
    assert "sign up first" in text(page)
    assert f'value="+{NOBODY.phone}"' in text(page)
    phone.number(apiHash="")
    assert "is connected" in text(phone.code())


def test_a_wrong_password_keeps_the_step(phone: Phone, world: Telegram):
    phone.number(BOB.phone)
    phone.code()
    page = phone.password("hazel")
    assert faulty(page) == "password"
    assert "hazel" not in text(page)
    assert re.search(r'<input type="password"[^>]*autocomplete="off"', text(page))
    assert faulty(phone.password("")) == "password"
    assert "is connected" in text(phone.password("walnut"))


@pytest.mark.parametrize(
    ("kind", "step"), [("SendCodeRequest", "number"), ("SignInRequest", "code"), ("CheckPasswordRequest", "password")]
)
def test_a_wait_is_told_and_kept_without_asking_again(phone: Phone, world: Telegram, clock: Any, kind: str, step: str):
    given = {"number": BOB.phone, "code": CODE, "password": "walnut"}
    for before in list(given)[: list(given).index(step)]:
        getattr(phone, before)(given[before])
    attempt = getattr(phone, step)
    world.fail(kind, errors.FloodWaitError(None, capture=150))
    page = attempt(given[step])
    assert page.status_code == 422
    assert re.search(r"Telegram asks to wait 3 minutes\. Try again at [\d: -]+ UTC\.", alert(page))
    asked = len(world.asked)
    clock.forward(seconds=70)
    assert "wait 2 minutes" in alert(attempt(given[step]))
    assert "wait 2 minutes" in alert(phone.open()), "a tab that was closed says it too"
    assert len(world.asked) == asked
    clock.forward(seconds=81)
    assert attempt(given[step]).status_code == 200
    assert len(world.asked) > asked


def test_a_wait_beyond_the_end_of_the_request_says_so(phone: Phone, world: Telegram):
    world.fail("SendCodeRequest", errors.FloodWaitError(None, capture=86_400))
    said = alert(phone.number())
    assert "wait 24 hours" in said
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", said)
    assert "start a new one then" in said


def test_the_wait_for_one_number_is_not_that_of_another(phone: Phone, world: Telegram):
    world.fail("SendCodeRequest", errors.FloodWaitError(None, capture=600))
    phone.number()
    assert "Step 2 of 3" in text(phone.number(BOB.phone))
    assert "Telegram asks to wait" in alert(phone.number())
    assert f"+{BOB.phone}" in text(phone.open()), "the code that was sent is good still"


def test_the_code_is_sent_again_when_it_is_time(phone: Phone, world: Telegram, clock: Any):
    world.wait = 60
    page = text(phone.number())
    assert "Send it again by SMS" in page
    assert re.search(r"Possible from \d\d:\d\d UTC\.", page)
    assert "can send the code again from" in alert(phone.press("resend"))
    assert world.count("ResendCodeRequest") == 0
    clock.forward(seconds=61)
    page = text(phone.press("resend"))
    assert "by SMS" in page
    assert "Send it again" not in page, "there is no other way"
    assert "no other way" in alert(phone.press("resend"))
    assert (world.count("ResendCodeRequest"), world.count("SendCodeRequest")) == (1, 1)
    assert "is connected" in text(phone.code())
