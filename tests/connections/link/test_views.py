"""The connect link through the browser's door: whose it is, what a GET may do, what a POST must carry."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from apikeys.ledger import Caller
from apikeys.models import AuditEvent
from connections import sessions
from connections.models import Connection, OAuthSession
from tests.conftest import PASSWORD
from tests.connections.begun import IDENTITY_URL, TOKEN_URL
from tests.provider_http import ProviderHttp


@pytest.fixture
def session(user: Any, key: Any, configured: Any) -> OAuthSession:
    """A request of an agent of `user` to connect Google."""
    configured("google")
    return sessions.start(Caller(user=user, key=key.row), provider="google", services=["gmail"])


def test_the_link_is_a_page_of_ours_that_says_who_asks_for_what(browser: Client, session: OAuthSession):
    page = browser.get(f"/connect/{session.pk}")
    text = page.content.decode()
    assert page.status_code == 200
    assert all(said in text for said in ("assistant", "Google", "gmail.modify", "ada@example.com"))
    assert page["Cache-Control"].find("no-store") >= 0
    assert page["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    assert "form-action 'self' https:;" in page["Content-Security-Policy"] + ";", "providers send people on elsewhere"


def test_opening_the_link_changes_nothing(browser: Client, session: OAuthSession):
    before = OAuthSession.objects.filter(pk=session.pk).values().get()
    browser.get(f"/connect/{session.pk}")
    for deed in ("start", "code", "resend", "password", "cancel", "choose", "decide", "again"):
        answer = browser.get(f"/connect/{session.pk}/{deed}")
        assert (answer.status_code, answer["Location"]) == (302, f"/connect/{session.pk}")
    assert OAuthSession.objects.filter(pk=session.pk).values().get() == before


def test_who_has_to_sign_in_again_in_the_middle_comes_back_to_the_page_with_the_form(user: Any, session: OAuthSession):
    client = Client()
    to_login = client.post(f"/connect/{session.pk}/decide", {"choice": "add"})["Location"]
    signed_in = client.post(to_login, {"login": user.email, "password": PASSWORD}, follow=True)
    assert signed_in.redirect_chain[-1] == (f"/connect/{session.pk}", 302)
    assert "gmail.modify" in signed_in.content.decode()


def test_without_a_login_it_leads_to_the_login_and_back(session: OAuthSession):
    answer = Client().get(f"/connect/{session.pk}")
    assert answer.status_code == 302
    assert answer["Location"] == f"/accounts/login/?next=/connect/{session.pk}"


def test_another_user_gets_403_and_the_owner_reads_of_it(other_user: Any, session: OAuthSession):
    thief = Client()
    thief.force_login(other_user)
    for answer in (thief.get(f"/connect/{session.pk}"), thief.post(f"/connect/{session.pk}/start")):
        assert answer.status_code == 403
        assert "ada@example.com" not in answer.content.decode()
    session.refresh_from_db()
    assert session.status == "pending"
    assert AuditEvent.objects.filter(user=session.user, action="session.open", outcome="OTHER_USER").count() == 2


def test_starting_needs_the_pages_own_form(user: Any, session: OAuthSession):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user)
    assert strict.post(f"/connect/{session.pk}/start").status_code == 403
    session.refresh_from_db()
    assert session.status == "pending"


def begun(browser: Client, session: OAuthSession) -> dict[str, str]:
    answer = browser.post(f"/connect/{session.pk}/start")
    assert answer.status_code == 303
    parts = urlsplit(answer["Location"])
    assert parts.netloc == "accounts.google.com"
    return {name: values[0] for name, values in parse_qs(parts.query).items()}


def test_the_whole_way_ends_on_a_page_without_code_and_state(
    browser: Client, session: OAuthSession, provider_http: ProviderHttp
):
    provider_http.reply("POST", TOKEN_URL, json={"access_token": "a", "refresh_token": "r", "expires_in": 3600})
    provider_http.reply("GET", IDENTITY_URL, json={"sub": "42", "email": "ada@gmail.example"})
    state = begun(browser, session)["state"]
    back = browser.get("/oauth/callback/google", {"state": state, "code": "c"})
    assert (back.status_code, back["Location"]) == (303, f"/connect/{session.pk}")
    done = browser.get(back["Location"]).content.decode()
    assert "Google is connected" in done
    assert "ada@gmail.example" in done


def test_a_signed_out_browser_hands_its_code_to_nobody(
    browser: Client, session: OAuthSession, provider_http: ProviderHttp
):
    state = begun(browser, session)["state"]
    answer = Client().get("/oauth/callback/google", {"state": state, "code": "the-code"})
    assert answer.status_code == 401
    assert "the-code" not in answer.content.decode()
    assert provider_http.requests == []
    session.refresh_from_db()
    assert session.status == "started", "whoever signs in again finds it on the dashboard"


def test_a_refusal_offers_another_try_which_the_poll_follows(browser: Client, session: OAuthSession, agent: Any):
    state = begun(browser, session)["state"]
    answer = browser.get("/oauth/callback/google", {"state": state, "error": "access_denied"})
    assert (answer.status_code, answer["Location"]) == (303, f"/connect/{session.pk}"), "the address bar keeps nothing"
    page = browser.get(answer["Location"])
    assert page.status_code == 409
    assert "Nothing was connected: you did not agree at the provider." in page.content.decode()
    assert "Try again" in page.content.decode()
    onward = browser.post(f"/connect/{session.pk}/again")
    successor = OAuthSession.objects.get(predecessor=session)
    assert onward["Location"] == f"/connect/{successor.pk}"
    assert agent.get(f"/oauth/sessions/{session.pk}").json()["data"]["status"] == "pending"


def test_a_pasted_secret_is_not_echoed(browser: Client, user: Any, provider_http: ProviderHttp):
    provider_http.reply("GET", "https://api.openai.com/v1/models", status=401, json={"error": {"message": "no"}})
    session = sessions.start(Caller(user=user), provider="openai")
    page = browser.post(f"/connect/{session.pk}/start", {"apiKey": "sk-proj-a-secret-that-is-wrong"})
    assert page.status_code == 422
    assert "refuses this" in page.content.decode()
    assert "a-secret-that-is-wrong" not in page.content.decode()
    assert not Connection.objects.exists()


def test_a_secret_that_has_to_be_entered_again_says_so(browser: Client, user: Any, provider_http: ProviderHttp):
    provider_http.reply("GET", "https://api.openai.com/v1/models", status=503)
    session = sessions.start(Caller(user=user), provider="openai")
    assert "enter it again" not in browser.get(f"/connect/{session.pk}").content.decode()
    page = browser.post(f"/connect/{session.pk}/start", {"apiKey": "sk-proj-abcdefghijklmnopqrstuvwx", "project": "p1"})
    said = page.content.decode()
    assert (said.count("Please enter it again"), 'value="p1"' in said) == (1, True)
    assert not Connection.objects.exists()


def test_whitespace_around_a_pasted_key_is_trimmed(browser: Client, user: Any, provider_http: ProviderHttp):
    provider_http.reply("GET", "https://api.openai.com/v1/models", json={"data": []})
    session = sessions.start(Caller(user=user), provider="openai")
    browser.post(f"/connect/{session.pk}/start", {"apiKey": "  sk-proj-abcdefghijklmnopqrstuvwx\n"})
    assert Connection.objects.get().held()["fields"] == {"apiKey": "sk-proj-abcdefghijklmnopqrstuvwx"}


def test_return_urls_lead_to_allowed_origins_alone(agent: Any, settings: Any):
    settings.AKHROT_RETURN_ORIGINS = ("https://app.example",)
    for url in ("https://evil.example/", "https://app.example.evil.example/", "https://app.example@evil.example/"):
        answer = agent.post("/oauth/sessions", {"provider": "openai", "returnUrl": url})
        assert (answer.status_code, set(answer.json()["error"]["fields"])) == (400, {"returnUrl"})
    assert (
        agent.post("/oauth/sessions", {"provider": "openai", "returnUrl": "https://app.example/x"}).status_code == 201
    )
