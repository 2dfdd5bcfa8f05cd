"""Flights over a row: the lease, what an interrupted flight leaves, and what is written down."""

import datetime as dt

import httpx
import pytest
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from connections import tasks
from connections.models import Connection, Notice, Refresh, Sweep
from connections.refreshing import flights
from tests.provider_http import ProviderHttp

GOOGLE_TOKEN = "https://oauth2.googleapis.com/token"
pytestmark = pytest.mark.django_db(transaction=True)
ISSUED = {"access_token": "new", "expires_in": 3600, "refresh_token": "new-refresh"}


@pytest.fixture
def expired(connect, configured) -> Connection:
    configured("google")
    return Connection.objects.select_related("provider", "user").get(pk=connect("google", expires_in=-5).pk)


def left_by_a_dead_process(row: Connection) -> None:
    """As if a flight had begun a minute ago, and its process had been killed."""
    Connection.objects.filter(pk=row.pk).update(lease_holder="gone", lease_until=Now() - dt.timedelta(seconds=15))


def outcomes(row: Connection) -> list[str]:
    return list(Refresh.objects.of(row).values_list("outcome", flat=True))


def test_a_success_is_written_down_with_its_duration(expired: Connection, provider_http: ProviderHttp):
    provider_http.reply("POST", GOOGLE_TOKEN, json=ISSUED)
    assert flights.refresh(expired).error == ""
    kept = Refresh.objects.of(expired).get()
    assert (kept.outcome, kept.reason) == ("renewed", "")
    assert 0 <= kept.took_ms < 10_000


def test_a_failure_is_written_down_with_its_reason(expired: Connection, provider_http: ProviderHttp):
    provider_http.reply("POST", GOOGLE_TOKEN, status=503)
    flights.refresh(expired)
    kept = Refresh.objects.of(expired).get()
    assert (kept.outcome, kept.reason) == ("unavailable", "the token endpoint answered 503: no token")


def test_a_lease_that_lapsed_is_taken_over_and_the_interruption_written_down(
    expired: Connection, provider_http: ProviderHttp
):
    left_by_a_dead_process(expired)
    provider_http.reply("POST", GOOGLE_TOKEN, json=ISSUED)
    assert flights.refresh(expired, 30).error == ""
    assert outcomes(expired) == ["renewed", "interrupted"]


def test_a_refusal_after_an_interruption_says_so(expired: Connection, provider_http: ProviderHttp):
    left_by_a_dead_process(expired)
    provider_http.reply("POST", GOOGLE_TOKEN, status=400, json={"error": "invalid_grant"})
    assert flights.refresh(expired, 30).revoked
    expired.refresh_from_db()
    assert "an earlier refresh was interrupted" in expired.status_reason


def test_a_refusal_says_so_also_when_other_failures_came_in_between(expired: Connection, provider_http: ProviderHttp):
    left_by_a_dead_process(expired)
    provider_http.reply("POST", GOOGLE_TOKEN, status=503)
    flights.refresh(expired, 30)
    provider_http.reply("POST", GOOGLE_TOKEN, status=400, json={"error": "invalid_grant"})
    assert flights.refresh(expired, 30).revoked
    expired.refresh_from_db()
    assert "an earlier refresh was interrupted" in expired.status_reason


def test_a_lease_that_somebody_holds_is_left_to_him(expired: Connection, provider_http: ProviderHttp):
    Connection.objects.filter(pk=expired.pk).update(
        lease_holder="another", lease_until=Now() + dt.timedelta(seconds=45)
    )
    assert flights.refresh(expired, 0.3).error == "the provider is slow to answer"
    Connection.objects.filter(pk=expired.pk).update(generation=F("generation") + 1, lease_holder="", lease_until=None)
    assert flights.refresh(expired, 5).error == ""
    assert provider_http.requests == []


def test_a_reconnect_while_the_provider_thinks_wins(expired: Connection, provider_http: ProviderHttp):
    def reconnected_meanwhile(request: httpx.Request) -> httpx.Response:
        Connection.objects.filter(pk=expired.pk).update(generation=F("generation") + 1)
        return httpx.Response(200, json=ISSUED, request=request)

    provider_http.reply("POST", GOOGLE_TOKEN, answer=reconnected_meanwhile)
    flights.refresh(expired, 5)
    expired.refresh_from_db()
    assert expired.held()["access_token"] != "new"


def test_a_dead_grant_is_told_once(expired: Connection, provider_http: ProviderHttp):
    provider_http.reply("POST", GOOGLE_TOKEN, status=400, json={"error": "invalid_grant"})
    flights.refresh(expired, 5)
    flights.refresh(expired, 5)
    told = Notice.objects.get()
    assert (told.kind, told.user, told.connection_id, told.reason) == (
        "lost",
        expired.user,
        expired.pk,
        "invalid_grant",
    )
    assert len(provider_http.requests) == 1


def test_a_refused_client_is_told_to_the_operators_once(expired: Connection, connect, provider_http: ProviderHttp):
    another = Connection.objects.select_related("provider", "user").get(pk=connect("google", expires_in=-5).pk)
    provider_http.reply("POST", GOOGLE_TOKEN, status=401, json={"error": "invalid_client"})
    for row in (expired, another):
        assert flights.refresh(row, 5).client_refused
    told = Notice.objects.get()
    assert (told.kind, told.user, told.provider, told.reason) == ("client_refused", None, "google", "invalid_client")


def test_a_client_that_is_set_anew_is_tried_at_once(agent, expired: Connection, provider_http: ProviderHttp):
    provider_http.reply("POST", GOOGLE_TOKEN, status=401, json={"error": "invalid_client"})
    assert agent.post("/tokens/fetch", {"provider": "google"}).status_code == 409
    expired.provider.refresh_from_db()
    expired.provider.client_was_accepted()
    provider_http.reply("POST", GOOGLE_TOKEN, json=ISSUED)
    assert agent.post("/tokens/fetch", {"provider": "google"}).status_code == 200


def test_an_unforeseen_error_backs_off_instead_of_going_round(expired: Connection, provider_http: ProviderHttp):
    provider_http.reply("POST", GOOGLE_TOKEN, error=LookupError("a mistake of ours"))
    assert "LookupError" in flights.refresh(expired, 5).error
    expired.refresh_from_db()
    assert (expired.status, expired.lease_holder, expired.failures) == ("active", "", 1)
    assert expired.is_backing_off()


def test_a_provider_that_is_no_longer_in_the_catalogue_backs_off(expired: Connection):
    expired.provider.code, expired.provider_id = "gone", expired.provider_id
    assert "no provider" in flights.refresh(expired, 5).error


def test_the_sweep_refreshes_also_what_is_switched_off(connect, configured, provider_http: ProviderHttp):
    configured("google", enabled=False)
    row = connect("google", expires_in=30, refresh_at=timezone.now())
    provider_http.reply("POST", GOOGLE_TOKEN, json=ISSUED)
    assert tasks.sweep() == 1
    tasks.refresh_many([str(row.pk)])
    row.refresh_from_db()
    assert row.generation == 1


def test_the_sweep_leaves_a_note_of_having_run():
    tasks.sweep()
    assert timezone.now() - Sweep.objects.get().at < dt.timedelta(seconds=5)


def test_the_sweep_hands_out_no_more_than_a_thousand_at_once(connect, queue, settings):
    first = connect("google", expires_in=30, refresh_at=timezone.now())
    rows = []
    for number in range(1, 1100):
        row = Connection.objects.get(pk=first.pk)
        row._state.adding, row.pk, row.is_default, row.account_id = True, None, False, f"n{number}"
        row.pk = type(first)._meta.pk.get_default()
        row.secrets = "{}"
        rows.append(row)
    Connection.objects.bulk_create(rows)
    assert tasks.sweep() == 1000
    assert tasks.sweep() == 0
    assert [len(arguments[0]) for _, arguments in queue] == [50] * 20
