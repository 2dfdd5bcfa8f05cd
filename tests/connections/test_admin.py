"""Connections and connect links in the admin: looked at; deleting one disconnects it."""

from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.utils import timezone

from apikeys.models import AuditEvent
from connections.models import Connection, OAuthSession
from tests.provider_http import ProviderHttp
from tests.staff import administrator as administrator
from tests.staff import staff as staff

REVOKE = "https://oauth2.googleapis.com/revoke"


@pytest.fixture
def theirs(connect: Any, configured: Any, other_user: User) -> Connection:
    """A Google connection of somebody else."""
    configured("google")
    row: Connection = connect("google", user=other_user)
    return row


def delete(staff: Client, row: Connection) -> str:
    page = staff.post(f"/admin/connections/connection/{row.pk}/delete/", {"post": "yes"}, follow=True)
    return page.content.decode()


@pytest.mark.parametrize(
    ("status", "said", "detail"),
    [(200, "has ended the grant", "revoked"), (500, "did not end the grant", "failed")],
)
def test_deleting_one_asks_the_provider_and_says_what_it_answered(
    staff: Client, theirs: Connection, provider_http: ProviderHttp, status: int, said: str, detail: str
):
    provider_http.reply("POST", REVOKE, status=status)
    assert said in delete(staff, theirs)
    assert len(provider_http.requests) == 1
    assert not Connection.objects.exists()
    assert AuditEvent.objects.filter(detail=f"revocation: {detail}").exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("page", ["connections/connection", "auth/user"])
def test_nobody_waits_for_the_database_while_the_provider_is_asked(
    staff: Client, theirs: Connection, other_user: User, provider_http: ProviderHttp, page: str
):
    waits: list[bool] = []

    def answer(request: httpx.Request) -> httpx.Response:
        waits.append(transaction.get_connection().in_atomic_block)
        return httpx.Response(200, request=request)

    provider_http.reply("POST", REVOKE, answer=answer)
    pk = theirs.pk if page == "connections/connection" else other_user.pk
    staff.post(f"/admin/{page}/{pk}/delete/", {"post": "yes"})
    assert waits == [False]
    assert not Connection.objects.exists()


def test_a_grant_that_another_connection_uses_lives_on(
    staff: Client, theirs: Connection, connect: Any, provider_http: ProviderHttp
):
    kept = connect("google", account_id=theirs.account_id)
    assert "another connection uses it" in delete(staff, theirs)
    assert provider_http.requests == []
    assert list(Connection.objects.all()) == [kept]


def test_a_key_cannot_be_given_back(staff: Client, connect: Any):
    assert "cannot be asked to end it" in delete(staff, connect("twilio"))


def test_its_user_reads_who_disconnected_it(
    staff: Client, administrator: User, theirs: Connection, other_user: User, provider_http: ProviderHttp
):
    provider_http.reply("POST", REVOKE)
    delete(staff, theirs)
    told = AuditEvent.objects.of(other_user).get()
    assert (told.action, told.account, told.connection_id) == ("connection.disconnect", theirs.account, theirs.pk)
    assert administrator.email in told.detail


def test_deleting_many_revokes_each(
    staff: Client, theirs: Connection, connect: Any, provider_http: ProviderHttp, administrator: User
):
    rows = [theirs, connect("google"), connect("twilio")]
    provider_http.reply("POST", REVOKE)
    chosen = {"action": "delete_selected", "_selected_action": [str(row.pk) for row in rows], "post": "yes"}
    page = staff.post("/admin/connections/connection/", chosen, follow=True).content.decode()
    assert "2 disconnected: the provider has ended the grant" in page
    assert len(provider_http.requests) == 2
    assert not Connection.objects.exists()


def test_nothing_can_be_added_or_changed(staff: Client, theirs: Connection):
    link = OAuthSession.objects.create(user=theirs.user, provider=theirs.provider, expires_at=timezone.now())
    for model, row in (("connection", theirs), ("oauthsession", link)):
        assert staff.get(f"/admin/connections/{model}/add/").status_code == 403
        assert staff.post(f"/admin/connections/{model}/{row.pk}/change/", {"status": "failed"}).status_code == 403
    assert staff.post(f"/admin/connections/oauthsession/{link.pk}/delete/", {"post": "yes"}).status_code == 403
    theirs.refresh_from_db()
    assert theirs.status == "active"


def test_only_the_origin_of_a_return_address_is_shown(staff: Client, theirs: Connection):
    back = "https://agent.example/done?state=TOPSECRET"
    link = OAuthSession.objects.create(
        user=theirs.user, provider=theirs.provider, expires_at=timezone.now(), return_url=back
    )
    page = staff.get(f"/admin/connections/oauthsession/{link.pk}/change/").content.decode()
    assert "https://agent.example" in page
    assert "TOPSECRET" not in page


def test_states_are_told_apart(staff: Client, connect: Any):
    connect("google", account="fine")
    connect("google", account="failing", failures=2, last_error="it answered 503")
    connect("google", account="dead", status="needs_reauth")

    def shown(state: str) -> list[str]:
        rows = staff.get("/admin/connections/connection/", {"state": state}).context["cl"].result_list
        return [row.account for row in rows]

    assert [shown(state) for state in ("active", "failing", "needs_reauth")] == [["fine"], ["failing"], ["dead"]]
    assert "2 × it answered 503" in staff.get("/admin/connections/connection/").content.decode()
