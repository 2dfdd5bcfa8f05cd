"""Signing in with a phone, from an agent's link to the agent's fetch: what is kept, where, and for how long."""

from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection as database
from django.test import Client
from telethon.sessions import StringSession

from apikeys.models import AuditEvent
from connections import tasks
from connections.models import Connection, OAuthSession
from providers.models import Provider
from tests.connections.telephone import APP, Phone, alert, text
from tests.telegram.stand_in import ADA, API_HASH, API_ID, BOB, CODE, Telegram


def login_column(phone: Phone) -> bytes:
    """The sealed column as the database holds it."""
    with database.cursor() as cursor:
        cursor.execute(f"SELECT login FROM {OAuthSession._meta.db_table}")
        ((held,),) = cursor.fetchall()
    return bytes(held)


def test_a_code_makes_a_connection_that_the_agent_fetches(phone: Phone, world: Telegram):
    page = text(phone.open())
    assert "Step 1 of 3" in page
    assert page.index("Sign in with your phone") < page.index("A session string") < page.index("A bot")
    assert "my.telegram.org/apps" in page
    page = text(phone.number())
    assert "Step 2 of 3" in page
    assert "to the Telegram app where" in page
    assert (phone.session.status, phone.poll()["status"]) == ("started", "pending")
    assert "Telegram is connected" in text(phone.code())
    row = Connection.objects.get()
    assert (row.way, row.account_id, row.account, row.verification) == ("phone", "4001", "@ada", "verified")
    fields = row.held()["fields"]
    assert fields == {**APP, "sessionString": fields["sessionString"]}
    assert StringSession(fields["sessionString"]).auth_key.key in world.sessions
    assert phone.poll() | {"connectionId": str(row.pk)} == phone.poll()
    assert phone.poll()["status"] == "completed"
    data = phone.fetch()
    assert (data["type"], data["apiId"], data["apiHash"], data["account"]) == ("mtproto", API_ID, API_HASH, "@ada")
    assert data["accessToken"] == fields["sessionString"]


def test_an_account_with_a_second_password_is_asked_for_it(phone: Phone, world: Telegram):
    phone.number(BOB.phone)
    page = text(phone.code())
    assert "Step 3 of 3" in page
    assert "Your hint: a nut" in page
    assert not Connection.objects.exists()
    assert "Telegram is connected" in text(phone.password("walnut"))
    assert (Connection.objects.get().account, world.signed_in()) == ("Bob Babbage", ["Bob"])


def test_a_password_may_begin_with_a_blank(phone: Phone, world: Telegram):
    world.accounts[BOB.phone] = type(BOB)(BOB.phone, 7, "Bob", password=" walnut ")
    phone.number(BOB.phone)
    phone.code()
    assert "is connected" in text(phone.password(" walnut "))


def test_nothing_of_it_is_in_the_browser_the_address_the_cache_or_a_log(
    phone: Phone, world: Telegram, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("DEBUG")
    pages = [phone.open(), phone.number(BOB.phone)]
    secrets = [API_HASH, "walnut", CODE, phone.half.session, phone.half.code_hash]
    pages += [phone.code("13579"), phone.code(), phone.password("hazel"), phone.open()]
    assert not [one for page in pages for one in (*secrets, "hazel", "13579") if one in text(page)]
    assert not [hop for page in pages for hop in getattr(page, "redirect_chain", []) if hop[0] != phone.at]
    browser = repr(dict(phone.browser.session)) + repr(phone.browser.cookies)
    assert not [one for one in (*secrets, BOB.phone) if one in browser + repr(getattr(cache, "_cache", {}))]
    assert not [one for one in (*secrets, BOB.phone, "hazel", "13579") if one in caplog.text]


def test_between_the_steps_it_is_sealed_in_the_row_and_erased_at_the_end(phone: Phone, world: Telegram):
    phone.number(BOB.phone)
    held = login_column(phone)
    assert held
    assert phone.half.phone == f"+{BOB.phone}"
    for secret in (BOB.phone, API_HASH, phone.half.session, phone.half.code_hash, "code_hash"):
        assert secret.encode() not in held
    phone.code()
    assert login_column(phone) != held
    phone.password("walnut")
    assert login_column(phone) == b""


def test_the_ledger_tells_the_steps_without_number_or_code(phone: Phone, world: Telegram):
    phone.number(BOB.phone)
    phone.code("13579")
    phone.code()
    phone.password("hazel")
    phone.password("walnut")
    told = list(AuditEvent.objects.order_by("pk").values_list("action", "outcome", "provider", "api_key_id"))
    key = phone.agent.row.pk
    assert told == [
        ("session.create", "ok", "telegram", key),
        ("session.start", "ok", "telegram", ""),
        ("session.login", "PHONE_CODE_INVALID", "telegram", ""),
        ("session.login", "PASSWORD_HASH_INVALID", "telegram", ""),
        ("connection.add", "ok", "telegram", key),
    ]
    everything = repr(list(AuditEvent.objects.values()))
    assert not [one for one in (BOB.phone, CODE, "13579", "walnut", API_HASH) if one in everything]
    page = text(phone.browser.get("/app/ledger/"))
    assert "A step of signing in to Telegram was refused" in page


def test_a_closed_tab_loses_nothing(phone: Phone, world: Telegram, clock: Any):
    phone.number(BOB.phone)
    clock.forward(minutes=8)
    assert "Step 2 of 3" in text(phone.open())
    for step in ("start", "code", "resend", "password"):
        reloaded = phone.browser.get(f"{phone.at}/{step}", follow=True)
        assert "Step 2 of 3" in text(reloaded), "a page that told a fault is loaded again"
    phone.code()
    clock.forward(seconds=90)
    page = text(phone.open())
    assert "Step 3 of 3" in page
    assert f"+{BOB.phone}" in page
    assert "is connected" in text(phone.password("walnut"))
    assert world.count("SendCodeRequest") == 1


def test_starting_gives_ten_minutes_more_and_then_it_is_over(phone: Phone, world: Telegram, clock: Any):
    clock.forward(minutes=9)
    phone.number()
    clock.forward(minutes=9)
    assert "Step 2 of 3" in text(phone.open())
    clock.forward(minutes=2)
    page = phone.open()
    assert page.status_code == 409
    assert "older than 10 minutes" in text(page)
    late = phone.code()
    assert late.status_code == 409
    assert not Connection.objects.exists()
    assert phone.poll()["code"] == "SESSION_EXPIRED"


def test_another_number_may_be_tried_until_the_ten_minutes_are_over_and_gets_no_more(
    phone: Phone, world: Telegram, clock: Any
):
    clock.forward(minutes=9)
    phone.number()
    ends = phone.session.expires_at
    clock.forward(minutes=3)
    page = text(phone.open(way="phone"))
    assert f'value="+{ADA.phone}"' in page
    assert API_HASH not in page
    phone.number(BOB.phone, apiHash="")
    assert (phone.half.phone, phone.half.values, phone.session.expires_at) == (f"+{BOB.phone}", APP, ends)
    clock.forward(minutes=8)
    assert phone.number().status_code == 409


def test_tidying_erases_what_expired(phone: Phone, world: Telegram, clock: Any):
    phone.number()
    tasks.tidy()
    assert login_column(phone)
    clock.forward(minutes=11)
    tasks.tidy()
    assert login_column(phone) == b""
    assert phone.session.status == "started"
    assert phone.poll()["code"] == "SESSION_EXPIRED", "to the agent it is what it was"
    assert world.count("LogOutRequest") == 0, "nobody was signed in"


def test_a_request_that_gave_way_to_others_is_erased_too(phone: Phone, agent: Any, world: Telegram):
    phone.number()
    for _ in range(20):
        agent.post("/oauth/sessions", {"provider": "telegram"})
    assert phone.session.status == "failed"
    tasks.tidy()
    assert HALF_OPEN.count() == 0


HALF_OPEN = OAuthSession.objects.exclude(login="")


def test_stopping_ends_the_request_and_erases_it(phone: Phone, world: Telegram):
    phone.number()
    page = phone.press("cancel")
    assert "You stopped signing in to Telegram" in text(page)
    assert login_column(phone) == b""
    assert phone.poll() | {"status": "failed", "reason": "you stopped signing in"} == phone.poll()
    ended = AuditEvent.objects.get(action="session.fail")
    assert (ended.outcome, ended.detail) == ("CANCELLED", "you stopped signing in")
    assert "Try again" in text(phone.code()), "and nothing goes on from there"


def test_beginning_again_erases_the_first_and_the_agent_follows(phone: Phone, world: Telegram):
    phone.number()
    first = phone.id
    onward = phone.press("again")
    assert HALF_OPEN.count() == 0
    assert "Step 1 of 3" in text(onward)
    phone.at = onward.redirect_chain[-1][0]
    phone.number()
    phone.code()
    assert phone.agent.get(f"/oauth/sessions/{first}").json()["data"]["status"] == "completed"


def test_another_way_may_be_taken_meanwhile(phone: Phone, world: Telegram, provider_http: Any):
    phone.number()
    assert "Bot token" in text(phone.open(way="bot"))
    assert "Step 2 of 3" in text(phone.open()), "looking changes nothing"
    token = "123456789:AAbbccddeeffgghhiijjkkllmmnnooppqqr"
    me = {"ok": True, "result": {"id": 5, "username": "nut_bot"}}
    provider_http.reply("GET", f"https://api.telegram.org/bot{token.replace(':', '%3A')}/getMe", json=me)
    phone.browser.post(f"{phone.at}/start", {"way": "bot", "botToken": token})
    assert Connection.objects.get().way == "bot"
    assert login_column(phone) == b""


def test_a_provider_that_is_turned_off_takes_no_step(phone: Phone, world: Telegram):
    phone.number()
    Provider.objects.filter(pk="telegram").update(enabled=False)
    assert "turned it off" in text(phone.code())
    assert world.count("SignInRequest") == 0


def test_the_dashboard_shows_a_sign_in_that_waits(phone: Phone, world: Telegram, clock: Any):
    clock.forward(minutes=9)
    phone.number()
    clock.forward(minutes=5)
    assert f'href="{phone.at}"' in text(phone.browser.get("/app/"))


def test_an_agent_may_ask_for_it_by_its_code_or_its_kind(agent: Any, browser: Client, world: Telegram):
    for method in ("phone", "mtproto"):
        assert "Phone number" in text(Phone(agent, browser, method=method).open())
    assert "Phone number" not in text(Phone(agent, browser, method="session").open())
    assert "Bot token" in text(Phone(agent, browser, services=["bot"]).open())


def test_with_an_app_of_the_operators_only_the_number_is_asked(phone: Phone, world: Telegram, configured: Any):
    configured("telegram", client_id=str(API_ID), client_secret=API_HASH)
    page = text(phone.open())
    assert "Phone number" in page
    assert "API ID" not in page.partition('id="id_phone"')[0].rpartition("</nav>")[2]
    phone.browser.post(f"{phone.at}/start", {"way": "phone", "phone": f"+{ADA.phone}", "apiHash": "another"})
    phone.code()
    assert Connection.objects.get().held()["fields"].items() >= APP.items()
    assert phone.fetch()["apiHash"] == API_HASH


def test_an_app_of_the_operators_that_is_wrong_is_said_above_the_form(phone: Phone, world: Telegram, configured: Any):
    for app in ("my app", "7654321"):
        configured("telegram", client_id=app, client_secret=API_HASH)
        page = phone.browser.post(f"{phone.at}/start", {"way": "phone", "phone": f"+{ADA.phone}"})
        assert page.status_code == 422
        assert "API ID" in alert(page)
