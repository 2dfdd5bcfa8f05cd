"""What the dashboard says in each state that a connection, a provider or a request can be in."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apikeys.ledger import Caller
from apikeys.models import AuditEvent
from connections import sessions
from connections.connect import connect_key
from connections.models import Connection, OAuthSession, Refresh
from providers.models import Provider
from providers.verify import Verdict
from tests.provider_http import ProviderHttp

DRIVE = "https://www.googleapis.com/auth/drive"


def text_of(browser: Client, path: str, **query: str) -> str:
    answer = browser.get(path, query)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_a_dead_grant_says_why_and_offers_to_reconnect(browser: Client, connect: Any, configured: Any):
    configured("google")
    row = connect("google", expires_in=-60, status="needs_reauth", status_reason="invalid_grant")
    assert "1 needs you" in text_of(browser, "/app/")
    page = text_of(browser, f"/app/connections/{row.pk}/")
    assert "Needs you" in page
    assert "Google has ended the access: it was withdrawn" in page
    assert "Reconnect" in page
    answer = browser.post("/app/providers/google/connect/", {"account": str(row.pk)})
    session = OAuthSession.objects.get()
    assert (answer["Location"], session.connection_id) == (f"/connect/{session.pk}", row.pk)


def test_services_that_lack_their_scopes_can_be_granted(browser: Client, connect: Any, configured: Any):
    configured("google")
    row = connect("google", scopes=["openid", "email"])
    assert "Grant more" in text_of(browser, f"/app/connections/{row.pk}/")
    browser.post("/app/providers/google/connect/", {"account": str(row.pk), "services": ["drive"]})
    asked = OAuthSession.objects.get().scopes
    assert DRIVE in asked
    assert "https://www.googleapis.com/auth/calendar" not in asked


@pytest.mark.parametrize(
    ("verification", "said"),
    [("unverified", "offers no way to check it"), ("restricted", "may not do everything")],
)
def test_a_credential_says_how_its_check_went(browser: Client, connect: Any, verification: str, said: str):
    row = connect("openai", verification=verification)
    assert said in text_of(browser, f"/app/connections/{row.pk}/")


def test_no_page_holds_a_credential(browser: Client, connect: Any):
    for row in (connect("google", access_token="the-token"), connect("openai", fields={"apiKey": "the-key"})):
        for path in ("/app/", f"/app/connections/{row.pk}/", f"/app/connections/{row.pk}/disconnect/"):
            page = text_of(browser, path)
            assert "the-token" not in page
            assert "the-key" not in page


def test_a_provider_that_nobody_set_up_says_so_to_each_as_they_need_it(browser: Client, user: Any):
    assert "The operator of this instance has not set up Google yet" in text_of(browser, "/app/providers/google/")
    assert "Needs an OAuth client from your operator" in text_of(browser, "/app/providers/", q="gmail")
    user.is_staff = user.is_superuser = True
    user.save()
    listed = text_of(browser, "/app/providers/", q="gmail")
    assert ("from your operator" in listed, "/admin/providers/provider/google/change/" in listed) == (False, True)
    assert "/admin/providers/provider/google/change/" in text_of(browser, "/app/providers/google/")
    refused = browser.post("/app/providers/google/connect/", follow=True).content.decode()
    assert "The operator has not set the OAuth client of google" in refused
    assert not OAuthSession.objects.exists()


def test_a_provider_that_is_turned_off_is_not_there(browser: Client):
    Provider.objects.filter(code="openai").update(enabled=False)
    assert browser.get("/app/providers/openai/").status_code == 404
    assert "OpenAI" not in text_of(browser, "/app/providers/")
    assert browser.get("/app/providers/nothing/").status_code == 404


def test_a_provider_whose_file_is_gone_breaks_no_page(browser: Client, user: Any):
    gone = Provider.objects.create(code="gone")
    row = Connection.objects.create(user=user, provider=gone, secrets='{"fields": {}}')
    session = OAuthSession.objects.create(user=user, provider=gone, expires_at=timezone.now() + dt.timedelta(minutes=9))
    AuditEvent.objects.create(user=user, action="connection.add", provider="gone", connection_id=row.pk)
    assert "This Akhrot no longer knows gone" in text_of(browser, "/app/")
    assert "gone was connected" in text_of(browser, "/app/ledger/")
    assert browser.get(f"/connect/{session.pk}").status_code == 404


def test_the_ledger_is_filtered_and_takes_no_harm_from_nonsense(browser: Client, user: Any, key: Any):
    AuditEvent.objects.create(user=user, action="token.fetch", provider="google", api_key_id=key.row.pk, purpose="one")
    AuditEvent.objects.create(user=user, action="token.fetch", provider="slack", outcome="TOKEN_EXPIRED", purpose="two")
    for chosen in ({"provider": "google"}, {"key": key.row.pk}, {"outcome": "ok"}):
        page = text_of(browser, "/app/ledger/", **chosen)
        assert ("one" in page, "“two”" in page) == (True, False)
    assert "“two”" in text_of(browser, "/app/ledger/", outcome="refused")
    assert "Nothing matches" in text_of(browser, "/app/ledger/", provider="no\0thing")
    assert "“one”" in text_of(browser, "/app/ledger/", before="no number")


def test_disconnecting_says_what_the_provider_did_not_confirm(
    browser: Client, connect: Any, configured: Any, provider_http: ProviderHttp
):
    configured("google")
    row = connect("google")
    provider_http.reply("POST", "https://oauth2.googleapis.com/revoke", status=503)
    done = browser.post(f"/app/connections/{row.pk}/disconnect/", follow=True).content.decode()
    assert "did not confirm the end of the grant" in done


def test_a_grant_that_somebody_else_lives_from_is_not_ended(
    browser: Client, connect: Any, configured: Any, other_user: Any, provider_http: ProviderHttp
):
    configured("google")
    row = connect("google", account_id="42")
    connect("google", user=other_user, account_id="42")
    assert "Another connection uses the same grant" in text_of(browser, f"/app/connections/{row.pk}/disconnect/")
    done = browser.post(f"/app/connections/{row.pk}/disconnect/", follow=True).content.decode()
    assert "another connection uses it" in done
    assert provider_http.requests == []


def test_an_old_link_can_be_begun_again(browser: Client, user: Any, clock: Any):
    session = sessions.start(Caller(user=user), provider="openai")
    clock.forward(minutes=11)
    page = browser.get(f"/connect/{session.pk}")
    assert page.status_code == 409
    assert "Try again" in page.content.decode()
    onward = browser.post(f"/connect/{session.pk}/again", follow=True)
    assert "Check and save" in onward.content.decode()


def test_what_cannot_be_checked_is_kept_only_when_asked_for(browser: Client, user: Any, provider_http: ProviderHttp):
    provider_http.reply("GET", "https://api.openai.com/v1/models", status=503)
    session = sessions.start(Caller(user=user), provider="openai")
    pasted = {"apiKey": "sk-proj-abcdefghijklmnopqrstuvwx"}
    page = browser.post(f"/connect/{session.pk}/start", pasted)
    assert page.status_code == 422
    assert 'name="keep_unverified"' in page.content.decode()
    assert pasted["apiKey"] not in page.content.decode()
    assert not Connection.objects.exists()
    done = browser.post(f"/connect/{session.pk}/start", {**pasted, "keep_unverified": "on"}, follow=True)
    assert "marked as unverified" in done.content.decode()
    assert Connection.objects.get().verification == "unverified"


def test_the_last_day_of_a_key_is_kept_and_shown(browser: Client, user: Any, provider_http: ProviderHttp):
    provider_http.reply("GET", "https://api.openai.com/v1/models", status=503)
    session = sessions.start(Caller(user=user), provider="openai")
    last = timezone.now().date() + dt.timedelta(days=12)
    pasted = {"apiKey": "sk-proj-abcdefghijklmnopqrstuvwx", "ends_on": str(last)}
    assert f'value="{last}"' in browser.post(f"/connect/{session.pk}/start", pasted).content.decode()
    browser.post(f"/connect/{session.pk}/start", {**pasted, "keep_unverified": "on"})
    row = Connection.objects.get()
    assert row.ends_at == dt.datetime.combine(last, dt.time(23, 59, 59), tzinfo=dt.UTC)
    assert row.ends_since is not None
    assert "Ends in 12 days" in text_of(browser, f"/app/connections/{row.pk}/")
    Connection.objects.update(reminded_days=30)
    assert "Ends in 12 days" in text_of(browser, "/app/")


def test_a_key_put_in_the_place_of_another_has_its_own_end(user: Any, connect: Any):
    row = connect("openai", ends_at=timezone.now() + dt.timedelta(days=3), ends_since=timezone.now(), reminded_days=1)
    verdict = Verdict(outcome="works", account_id="", label="", reason="")
    facts = {"provider": row.provider, "verdict": verdict, "renew": row}
    same = connect_key(Caller(user=user), fields=row.held()["fields"], **facts)
    assert (same.pk, same.reminded_days) == (row.pk, 1)
    connect_key(Caller(user=user), fields={"apiKey": "another"}, **facts)
    row.refresh_from_db()
    assert (row.ends_at, row.ends_since, row.reminded_days) == (None, None, None)


def test_a_lost_grant_whose_token_works_still_says_so(browser: Client, connect: Any, configured: Any):
    configured("google")
    row = connect("google", status="needs_reauth", status_reason="invalid_grant")
    for path in ("/app/", f"/app/connections/{row.pk}/"):
        page = text_of(browser, path)
        assert "Needs you" in page
        assert "Google has ended the access" in page
        assert page.count("Reconnect<") == 1
    assert "The current token ends" in text_of(browser, f"/app/connections/{row.pk}/")


def test_another_account_than_the_expected_is_asked_about(browser: Client, begin: Any, connect: Any, user: Any):
    row = connect("google", account="ada@old.example")
    begun = begin(account=str(row.pk))
    begun.come_back()
    page = text_of(browser, f"/connect/{begun.session.pk}")
    assert "ada@old.example" in page
    assert "ada@gmail.example" in page
    assert "waiting for your decision" in text_of(browser, "/app/")
    done = browser.post(f"/connect/{begun.session.pk}/decide", {"choice": "add"}, follow=True)
    assert "Google is connected" in done.content.decode()
    assert Connection.objects.filter(user=user).count() == 2


def test_a_connection_shows_how_its_renewals_went(browser, connect):
    row = connect("google")
    Refresh.objects.note(row, Refresh.Outcome.RENEWED, took=0.24)
    Refresh.objects.note(
        row, Refresh.Outcome.UNAVAILABLE, took=1.44, reason="the token endpoint answered 503: no token"
    )
    page = browser.get(f"/app/connections/{row.pk}/").content.decode()
    assert "Renewals" in page
    assert "took 240 ms" in page
    assert "took 1.4 s" in page
    assert "Provider unavailable" in page
    assert "503" in page


def test_nobody_elses_renewals_are_shown(browser, connect):
    row, other = connect("google"), connect("google")
    Refresh.objects.note(other, Refresh.Outcome.UNAVAILABLE, reason="a reason of the other")
    assert "a reason of the other" not in browser.get(f"/app/connections/{row.pk}/").content.decode()
