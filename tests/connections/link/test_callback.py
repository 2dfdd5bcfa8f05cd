"""What comes back from the provider: believed only when everything is as it was begun."""

from typing import Any
from urllib.parse import parse_qs

import pytest
from django.contrib.sessions.backends.signed_cookies import SessionStore

from apikeys.ledger import Caller
from apikeys.models import AuditEvent
from connections import sessions
from connections.link import callback
from connections.models import Connection, OAuthSession
from connections.sessions import Refused
from tests.connections.begun import IDENTITY_URL, TOKEN_URL, Begun
from tests.provider_http import ProviderHttp


def test_the_authorization_url_asks_for_a_code_with_pkce_and_its_own_redirect_uri(begin):
    first, second = begin().params, begin().params
    assert first["response_type"] == "code"
    assert first["code_challenge_method"] == "S256"
    assert first["redirect_uri"].endswith("/oauth/callback/google")
    assert first["code_challenge"] != second["code_challenge"]
    assert first["state"] != second["state"]
    assert "gmail.modify" in first["scope"]


def test_a_grant_becomes_a_connection_with_its_account_and_its_granted_scopes(begin):
    begun = begin()
    outcome = begun.come_back()
    row = Connection.objects.get()
    assert outcome.connection == row
    assert (row.account, row.account_id, row.scopes) == ("ada@gmail.example", "42", ["openid"])
    assert (row.held()["access_token"], row.held()["refresh_token"]) == ("a1", "r1")
    assert row.is_default
    begun.session.refresh_from_db()
    assert (begun.session.status, begun.session.connection) == ("completed", row)
    assert not begun.browser.keys(), "nothing of the flow stays in the browser session"


def test_the_token_request_carries_the_verifier_of_its_challenge(begin, provider_http):
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    begun = begin()
    begun.come_back()
    body = parse_qs(provider_http.calls("POST", TOKEN_URL)[0].content.decode())
    assert create_s256_code_challenge(body["code_verifier"][0]) == begun.params["code_challenge"]


def refused(begun: Begun, provider_http: ProviderHttp, **changes: Any) -> str:
    """The refusal's message; nothing was asked of the provider and nothing stored."""
    with pytest.raises(Refused) as refusal:
        begun.come_back(**changes)
    assert provider_http.requests == []
    assert not Connection.objects.exists()
    return refusal.value.message


def test_a_state_works_once(begin, provider_http):
    begun = begin()
    begun.come_back()
    with pytest.raises(Refused):
        begun.come_back()
    assert len(provider_http.calls("POST", TOKEN_URL)) == 1
    assert AuditEvent.objects.filter(outcome="STATE_UNKNOWN").exists()


def test_an_unknown_state_is_refused_and_recorded(begin, provider_http):
    assert "belongs to no request" in refused(begin(), provider_http, state="made up")
    assert AuditEvent.objects.filter(outcome="STATE_UNKNOWN").exists()


def test_a_missing_state_is_refused(begin, provider_http):
    assert "belongs to no request" in refused(begin(), provider_http, state=None)


def test_another_user_cannot_finish_what_somebody_began(begin, provider_http, other_user):
    begun = begin()
    begun.caller = Caller(user=other_user)
    assert "another person" in refused(begun, provider_http)
    begun.session.refresh_from_db()
    assert begun.session.status == "failed"
    assert AuditEvent.objects.filter(user=begun.session.user, action="session.fail").exists()


def test_another_browser_cannot_finish_it(begin, provider_http):
    begun = begin()
    begun.browser = SessionStore()
    assert "another browser" in refused(begun, provider_http)


def test_the_nonce_of_another_session_does_not_serve(begin, provider_http):
    first, second = begin(), begin()
    first.browser = second.browser
    assert "another browser" in refused(first, provider_http)


def test_a_state_of_one_provider_is_refused_at_another(begin, provider_http, configured):
    configured("github")
    assert "another provider" in refused(begin(), provider_http, at="github")


def test_a_wrong_issuer_is_refused(begin, provider_http):
    assert "another server" in refused(begin(), provider_http, iss="https://accounts.google.com/")


def test_the_providers_part_has_ten_minutes(begin, provider_http, clock):
    begun = begin()
    clock.forward(minutes=11)
    assert "longer than 10 minutes" in refused(begun, provider_http)


def test_a_refusal_at_the_provider_ends_the_session_with_its_reason(begin, provider_http):
    begun = begin()
    assert "did not agree" in refused(begun, provider_http, error="access_denied", code=None)
    begun.session.refresh_from_db()
    assert (begun.session.status, begun.session.reason) == ("failed", "you did not agree at the provider")


def test_a_providers_error_text_is_never_repeated_whole(begin, provider_http):
    message = refused(begin(), provider_http, error="<script>alert(1)</script>" * 50, code=None)
    assert "<" not in message
    assert len(message) < 250


def test_a_refused_code_ends_the_session(begin, provider_http):
    begun = begin()
    provider_http.reply("POST", TOKEN_URL, status=400, json={"error": "invalid_grant"})
    with pytest.raises(Refused, match="invalid_grant"):
        begun.come_back()
    begun.session.refresh_from_db()
    assert (begun.session.status, begun.session.reason) == ("failed", "invalid_grant")


def test_without_an_identity_nothing_is_stored(begin, provider_http):
    provider_http.reply("GET", IDENTITY_URL, status=500)
    with pytest.raises(Refused, match="whose account"):
        begin().come_back()
    assert not Connection.objects.exists()


def test_a_link_starts_twice_only_with_the_last_state(begin, provider_http):
    begun = begin()
    sessions.begin(begun.caller, begun.session, begun.browser, {})
    assert "belongs to no request" in refused(begun, provider_http)


def test_connecting_the_same_account_again_renews_it(begin):
    first = begin().come_back().connection
    second = begin().come_back().connection
    assert first == second
    assert Connection.objects.get().generation == 2


def test_two_accounts_of_one_provider_live_side_by_side(begin, provider_http):
    begin().come_back()
    provider_http.reply("GET", IDENTITY_URL, json={"sub": "43", "email": "bob@gmail.example"})
    begin().come_back()
    assert [(row.account_id, row.is_default) for row in Connection.objects.order_by("created_at")] == [
        ("42", True),
        ("43", False),
    ]


def test_renewing_with_another_account_asks_and_changes_nothing_meanwhile(begin, provider_http):
    old = begin().come_back().connection
    provider_http.reply("GET", IDENTITY_URL, json={"sub": "43", "email": "bob@gmail.example"})
    provider_http.reply("POST", TOKEN_URL, json={"access_token": "a2", "expires_in": 3600})
    begun = begin(account=str(old.pk))
    outcome = begun.come_back()
    assert outcome.needs_decision
    assert callback.held_account(outcome.session).label == "bob@gmail.example"
    old.refresh_from_db()
    assert (old.account_id, old.held()["access_token"]) == ("42", "a1")
    assert sessions.poll(begun.caller, str(begun.session.pk)).public_status == "pending"


def held_back(begin: Any, provider_http: ProviderHttp) -> tuple[Connection, Begun, OAuthSession]:
    old = begin().come_back().connection
    provider_http.reply("GET", IDENTITY_URL, json={"sub": "43", "email": "bob@gmail.example"})
    provider_http.reply("POST", TOKEN_URL, json={"access_token": "a2", "expires_in": 3600})
    begun = begin(account=str(old.pk))
    return old, begun, begun.come_back().session


def test_the_user_may_put_the_new_account_in_the_old_ones_place(begin, provider_http):
    old, begun, session = held_back(begin, provider_http)
    callback.decide(begun.caller, session, "replace")
    old.refresh_from_db()
    assert (old.account_id, old.account) == ("43", "bob@gmail.example")
    assert old.held() == {"access_token": "a2", "refresh_token": "", "extra": {}}, "no token of the old account stays"


def test_the_user_may_keep_both(begin, provider_http):
    old, begun, session = held_back(begin, provider_http)
    ended = callback.decide(begun.caller, session, "add")
    assert ended.status == "completed"
    assert Connection.objects.count() == 2
    old.refresh_from_db()
    assert old.held()["access_token"] == "a1"


def test_the_user_may_leave_it_and_the_grant_is_given_back(begin, provider_http):
    old, begun, session = held_back(begin, provider_http)
    provider_http.reply("POST", "https://oauth2.googleapis.com/revoke")
    ended = callback.decide(begun.caller, session, "cancel")
    assert (ended.status, ended.grant) == ("failed", "")
    assert b"a2" in provider_http.calls("POST", "https://oauth2.googleapis.com/revoke")[0].content
    old.refresh_from_db()
    assert old.held()["access_token"] == "a1"
    with pytest.raises(Refused):
        callback.decide(begun.caller, session, "replace")
