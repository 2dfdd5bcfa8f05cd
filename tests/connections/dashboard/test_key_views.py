"""The dashboard's API keys: made, shown once, replaced, revoked and brought back, by their owner alone."""

import datetime as dt
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.core.cache import cache
from django.db import connection as db
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys import tallies
from apikeys.models import ApiKey, AuditEvent
from providers.models import Provider
from tests.agents import Agent, Key
from tests.conftest import make_key

DAY = dt.timedelta(days=1)
FORM = {"name": "Claude", "expires": "never", "form": "a-form"}
WHERE = ("", "rename/", "rotate/", "revoke/", "undo/")


def text_of(answer: Any) -> str:
    """What a page says, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def shown(answer: Any) -> str:
    """The key in the answer that made it."""
    return str(answer.content.decode().partition('id="key-text">')[2].partition("<")[0])


def make(browser: Client, **changes: Any) -> Any:
    return browser.post("/app/keys/new/", {**FORM, **changes})


def test_a_key_is_shown_once_and_works(browser: Client, user: User) -> None:
    made = make(browser, expires="90", providers=["google"])
    text = shown(made)
    row = ApiKey.objects.authenticate(text)
    assert row is not None
    assert (row.user, row.providers, row.may_disconnect, row.expires_at is None) == (user, ["google"], False, False)
    assert "no-store" in made["Cache-Control"]
    assert "cannot be shown again" in text_of(made)
    for path in ("/app/keys/", f"/app/keys/{row.pk}/", "/app/ledger/"):
        assert text.rpartition("_")[2] not in browser.get(path).content.decode()


def test_the_keys_text_is_kept_nowhere(browser: Client, user: User) -> None:
    for answer in (make(browser), browser.post(f"/app/keys/{make_key(user).row.pk}/rotate/", {"overlap": "24"})):
        secret = shown(answer).rpartition("_")[2]
        assert len(secret) == 38
        assert secret not in repr(dict(browser.session)) + repr(list(get_messages(answer.wsgi_request)))
        assert secret not in repr(browser.cookies) + repr(getattr(cache, "_cache", {})) + answer.request["PATH_INFO"]
        assert secret not in repr(list(AuditEvent.objects.values()))


def test_a_form_that_is_sent_again_makes_no_second_key(browser: Client) -> None:
    made = shown(make(browser))
    again = browser.post("/app/keys/new/", FORM, follow=True)
    assert "was already created" in text_of(again)
    assert again.redirect_chain[0][0] == f"/app/keys/{ApiKey.objects.get().pk}/"
    assert made not in again.content.decode()
    assert shown(make(browser, form="another"))
    assert ApiKey.objects.count() == 2


def test_a_key_is_nobody_elses(browser: Client, user: User, other_user: User) -> None:
    make(browser, user=str(other_user.pk))
    assert ApiKey.objects.get().user == user


@pytest.mark.parametrize(
    ("expires", "days"), [("7", 7), ("30", 30), ("90", 90), ("365", 365), ("never", None), ("date", 12)]
)
def test_a_key_lasts_as_long_as_was_chosen(browser: Client, expires: str, days: int | None) -> None:
    until = timezone.now().date() + 12 * DAY
    make(browser, expires=expires, until=str(until))
    ends = ApiKey.objects.get().expires_at
    if expires == "date":
        assert ends
        assert abs(ends - dt.datetime.combine(until, dt.time(23, 59, 59), tzinfo=dt.UTC)) < dt.timedelta(seconds=5)
    else:
        assert (round((ends - timezone.now()) / DAY) if ends else None) == days


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": ""}, "This field is required"),
        ({"name": "x" * 81}, "at most 80"),
        ({"expires": "10000"}, "Select a valid choice"),
        ({"expires": "date"}, "Choose the last day"),
        ({"expires": "date", "until": "2020-01-01"}, "This day is in the past"),
        ({"expires": "date", "until": "2999-01-01"}, "within ten years"),
        ({"expires": "date", "until": "soon"}, "Enter a valid date"),
        ({"providers": ["nothing"]}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_is_kept(browser: Client, wrong: Any, said: str) -> None:
    answer = make(browser, **{"name": "My agent", "providers": ["stripe"], "may_disconnect": "on", **wrong})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert said in page
    assert not ApiKey.objects.exists()
    if "name" not in wrong:
        assert 'value="My agent"' in page
    if "providers" not in wrong:
        assert re.search(r'value="stripe" checked', page)
    assert re.search(r'name="may_disconnect"[^>]* checked', page)
    assert 'value="a-form"' in page
    assert page.count("autofocus") == 1


def test_connected_providers_come_first_and_everything_offered_is_there(browser: Client, connect: Any) -> None:
    connect("twilio")
    Provider.objects.filter(code="stripe").update(enabled=False)
    page = browser.get("/app/keys/new/").content.decode()
    codes = re.findall(r'name="providers" value="([^"]+)"', page)
    assert codes[0] == "twilio"
    assert len(codes) == len(set(codes)) == Provider.objects.filter(enabled=True).count()
    assert "stripe" not in codes


def test_the_list_tells_names_limits_ends_and_the_last_use(
    browser: Client, issue: Callable[..., Agent], connect: Any
) -> None:
    connect("google")
    agent = issue(name="On the laptop", providers=["google", "slack"], expires_in=40 * DAY)
    issue(name="Never held", may_disconnect=False)
    agent.post("/tokens/fetch", {"provider": "google"})
    page = text_of(browser.get("/app/keys/"))
    assert "Used just now from 127.0.0.1 · Google Only Google, Slack · may disconnect" in page
    assert f"Expires on {(timezone.now() + 40 * DAY):%-d %b %Y}" in page
    assert "Never used Every provider" in page


def test_the_last_use_is_known_whether_its_event_is_counted_or_not(
    browser: Client, issue: Callable[..., Agent], connect: Any, clock: Any
) -> None:
    connect("google", expires_in=None)
    agent = issue()
    agent.post("/tokens/fetch", {"provider": "google"})
    clock.forward(minutes=5)
    tallies.count_next()
    assert tallies.position() == AuditEvent.objects.latest("pk").pk
    assert "Used 5 minutes ago from 127.0.0.1 · Google" in text_of(browser.get("/app/keys/"))
    agent.post("/tokens/fetch", {"provider": "nothing"})
    assert "Used just now from 127.0.0.1 · nothing refused" in text_of(browser.get("/app/keys/"))


def test_keys_that_are_over_are_folded_below(browser: Client, issue: Callable[..., Agent], clock: Any) -> None:
    issue(name="Expired one", expires_in=DAY)
    issue(name="Revoked one").row.revoke()
    clock.forward(days=2)
    over = browser.get("/app/keys/").content.decode()
    assert "No active keys" in over
    issue(name="Working one")
    page = browser.get("/app/keys/").content.decode()
    above, _, below = page.partition("<details")
    assert ("Working one" in above, "Expired one" in above, "Revoked one" in above) == (True, False, False)
    assert "Expired one" in below
    assert "Revoked one" in below
    assert "No keys yet" not in page


def test_many_keys_have_pages(browser: Client, user: User) -> None:
    assert "No keys yet" in text_of(browser.get("/app/keys/"))
    for number in range(53):
        make_key(user, name=f"agent-{number}.")
    for number in range(22):
        make_key(user, name=f"gone-{number}.").row.revoke()
    first, second = (text_of(browser.get("/app/keys/", {"page": page})) for page in ("1", "2"))
    assert ("agent-52." in first, "agent-2." in first, "Older keys" in first) == (True, False, True)
    assert ("agent-2." in second, "agent-3." in second, "Older keys" in second) == (True, False, False)
    older = text_of(browser.get("/app/keys/", {"over": "2"}))
    assert ("gone-1." in older, "gone-2." in older) == (True, False)
    for nonsense in ("0", "-1", "x", "99999", "1\0"):
        assert browser.get("/app/keys/", {"page": nonsense, "over": nonsense}).status_code == 200


def test_thirty_keys_cost_as_many_reads_as_one(browser: Client, user: User, connect: Any) -> None:
    connect("google")
    costs = []
    for number in (1, 29):
        for _ in range(number):
            key = make_key(user, providers=["google"])
            Agent(key).post("/tokens/fetch", {"provider": "google"})
            make_key(user).row.revoke()
        with CaptureQueriesContext(db) as listed:
            browser.get("/app/keys/")
        with CaptureQueriesContext(db) as one:
            browser.get(f"/app/keys/{key.row.pk}/")
        costs.append((len(listed), len(one)))
    assert costs[0] == costs[1]
    assert costs[0][0] <= 10
    assert costs[0][1] <= 30


def test_a_keys_page_tells_what_it_did_and_from_where(browser: Client, issue: Callable[..., Agent], connect: Any):
    connect("google")
    agent, other = issue(name="Mine"), issue(name="Other")
    for _ in range(3):
        agent.post("/tokens/fetch", {"provider": "google", "purpose": "read the inbox"})
    agent.post("/tokens/fetch", {"provider": "slack"})
    other.post("/tokens/fetch", {"provider": "google", "purpose": "somebody else's"})
    page = text_of(browser.get(f"/app/keys/{agent.row.pk}/"))
    assert "Fetches in 14 days: 3 granted, 1 refused" in page
    assert page.count("“read the inbox”") == 3
    assert "somebody else's" not in page
    assert "127.0.0.1 4 times, last just now" in page


def test_a_key_is_renamed(browser: Client, agent: Agent) -> None:
    path = f"/app/keys/{agent.row.pk}/rename/"
    renamed = browser.post(path, {"name": " Claude <b> "}, follow=True)
    assert "Renamed to “Claude <b>”" in unescape(renamed.content.decode())
    assert ApiKey.objects.get().name == "Claude <b>"
    browser.post(path, {"name": "Claude <b>"})
    assert AuditEvent.objects.filter(action="key.rename").count() == 1
    assert browser.post(path, {"name": "x" * 81}).status_code == 422
    assert ApiKey.objects.get().name == "Claude <b>"


def test_a_get_changes_nothing(browser: Client, agent: Agent) -> None:
    answers = {where: browser.get(f"/app/keys/{agent.row.pk}/{where}").status_code for where in WHERE}
    assert answers == {"": 200, "rename/": 302, "rotate/": 302, "revoke/": 302, "undo/": 302}
    assert agent.get("/connections").status_code == 200


def test_another_users_key_is_one_that_is_not_there(browser: Client, other_agent: Agent, client: Client) -> None:
    for key_id in (other_agent.row.pk, "00000000"):
        for where in WHERE:
            assert browser.get(f"/app/keys/{key_id}/{where}", follow=True).status_code == 404
            if where:
                assert browser.post(f"/app/keys/{key_id}/{where}", {"name": "x", "overlap": "0"}).status_code == 404
    assert other_agent.get("/connections").status_code == 200
    for odd in ("short", "much-too-long", "ab%00cdef"):
        assert browser.get(f"/app/keys/{odd}/").status_code == 404


def test_everything_needs_a_login_and_a_token_of_the_form(agent: Agent) -> None:
    stranger = Client()
    for path in ("/app/keys/", "/app/keys/new/", *(f"/app/keys/{agent.row.pk}/{where}" for where in WHERE)):
        assert stranger.post(path)["Location"].startswith("/accounts/login/")
    forger = Client(enforce_csrf_checks=True)
    forger.force_login(agent.user)
    for path in ("/app/keys/new/", *(f"/app/keys/{agent.row.pk}/{where}" for where in WHERE[1:])):
        assert forger.post(path, {**FORM, "overlap": "0"}).status_code == 403
    assert ApiKey.objects.get().state == "active"


def test_a_key_cannot_open_the_dashboard(key: Key) -> None:
    client = Client(headers={"Authorization": f"Bearer {key.text}"})
    assert client.get("/app/keys/").status_code == 302
