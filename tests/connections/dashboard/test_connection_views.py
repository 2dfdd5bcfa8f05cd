"""One connection's page: what it shows, what can be done on it, and by whom."""

import datetime as dt
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apikeys.models import AuditEvent
from connections.dashboard import activity_charts
from connections.models import Connection, Refresh
from providers.models import Provider
from tests.provider_http import ProviderHttp

LONG = "a-name-without-a-space-" * 10


def text_of(browser: Client, row: Connection, page: str = "") -> str:
    answer = browser.get(f"/app/connections/{row.pk}/{page}")
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_a_connection_is_ended_after_a_question(
    browser: Client, connect: Any, configured: Any, provider_http: ProviderHttp
):
    configured("google")
    row = connect("google")
    assert "ended at Google" in text_of(browser, row, "disconnect/")
    assert Connection.objects.exists()
    provider_http.reply("POST", "https://oauth2.googleapis.com/revoke")
    done = browser.post(f"/app/connections/{row.pk}/disconnect/", follow=True).content.decode()
    assert "the provider has ended the grant" in done
    assert not Connection.objects.exists()


def test_the_default_account_can_be_chosen(browser: Client, connect: Any):
    first, second = connect("google"), connect("google")
    assert "Make default" in text_of(browser, second)
    done = browser.post(f"/app/connections/{second.pk}/default/", follow=True).content.decode()
    assert f"{second.account} is the default account of Google." in done
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.is_default, second.is_default) == (False, True)
    assert "Make default" not in text_of(browser, second)
    event = AuditEvent.objects.get(action="connection.default")
    assert (event.connection_id, event.account, event.address) == (second.pk, second.account, "127.0.0.1")
    assert "You changed the default account of Google" in text_of(browser, second)


@pytest.mark.parametrize("page", ["", "disconnect/", "default/", "name/", "test/", "refresh/"])
def test_another_users_connection_is_not_there(browser: Client, other_user: Any, connect: Any, page: str):
    foreign = connect("google", user=other_user)
    answers = []
    for pk in (foreign.pk, UUID("00000000-0000-4000-8000-00000000000a")):
        path = f"/app/connections/{pk}/"
        assert browser.get(path).status_code == 404
        answers.append(browser.post(path + page, {"label": "mine"}))
    assert {answer.status_code for answer in answers} <= {404, 405}
    assert answers[0].status_code == answers[1].status_code
    foreign.refresh_from_db()
    assert (foreign.label, AuditEvent.objects.count()) == ("", 0)


@pytest.mark.parametrize("deed", ["default/", "name/", "test/", "refresh/"])
def test_a_deed_that_a_sign_in_came_between_leads_to_the_connection(
    browser: Client, user: User, connect: Any, deed: str
):
    row = connect("google")
    to = f"/app/connections/{row.pk}/"
    assert browser.get(to + deed)["Location"] == to
    assert Client().post(to + deed)["Location"].startswith("/accounts/login/?next=/app/connections/")
    assert browser.get("/app/providers/google/connect/")["Location"] == "/app/providers/google/"


def test_a_name_of_ones_own_is_given_on_the_page(browser: Client, connect: Any):
    row = connect("google")
    done = browser.post(f"/app/connections/{row.pk}/name/", {"label": " Work "}, follow=True).content.decode()
    assert "Renamed to Work." in done
    row.refresh_from_db()
    assert row.label == "Work"
    assert "You renamed Google" in text_of(browser, row)
    assert (
        "still called"
        in browser.post(f"/app/connections/{row.pk}/name/", {"label": "Work"}, follow=True).content.decode()
    )


@pytest.mark.parametrize(("headers", "status"), [({}, 422), ({"HX-Request": "true"}, 200)])
def test_a_name_that_is_refused_says_why_and_is_still_in_the_field(
    browser: Client, connect: Any, headers: dict[str, str], status: int
):
    first, second = connect("google"), connect("google")
    answer = browser.post(f"/app/connections/{second.pk}/name/", {"label": first.account}, headers=headers)
    assert answer.status_code == status
    assert "so agents could not tell them apart" in answer.content.decode()
    assert f'value="{first.account}"' in answer.content.decode()
    too_long = browser.post(f"/app/connections/{second.pk}/name/", {"label": "x" * 81})
    assert too_long.status_code == 422
    second.refresh_from_db()
    assert second.label == ""


def test_services_are_told_in_plain_words_and_scopes_on_demand(browser: Client, connect: Any):
    page = text_of(browser, connect("google"))
    assert "List unread messages" in page
    granted = page.partition("Permissions granted at Google")[2]
    assert "auth/<wbr>gmail" in granted
    assert "Know which account it is" in granted
    assert "Permissions granted" not in text_of(browser, connect("openai"))


def test_long_names_are_shown_whole(browser: Client, connect: Any):
    row = connect("google", account=LONG, label="x" * 80)
    page = text_of(browser, row)
    assert LONG in page
    assert "x" * 80 in page


@pytest.fixture
def gone(user: User, connect: Any) -> Connection:
    """A connection whose provider's file was taken away."""
    provider = Provider.objects.create(code="gone")
    row: Connection = Connection.objects.create(user=user, provider=provider, account="Ada", secrets='{"fields": {}}')
    return row


def test_a_connection_whose_provider_vanished_is_opened_and_disconnected(browser: Client, gone: Connection):
    page = text_of(browser, gone)
    assert "This Akhrot no longer knows gone" in page
    assert ("Test now" in page, "Reconnect" in page, "Save the name" in page) == (False, False, False)
    assert "no longer knows how to end the grant at gone" in text_of(browser, gone, "disconnect/")
    for deed in ("test", "refresh", "default", "name"):
        assert browser.post(f"/app/connections/{gone.pk}/{deed}/").status_code == 404
    done = browser.post(f"/app/connections/{gone.pk}/disconnect/", follow=True).content.decode()
    assert "gone (Ada) is disconnected" in done
    assert not Connection.objects.exists()


def test_a_connection_whose_way_vanished_is_opened_and_connected_in_another(
    browser: Client, connect: Any, configured: Any
):
    configured("google")
    row = connect("google")
    Connection.objects.filter(pk=row.pk).update(way="gone")
    page = text_of(browser, row)
    assert "Google can no longer be connected this way" in page
    assert "Reconnect" in page
    assert "Refresh now" not in page
    done = browser.post(f"/app/connections/{row.pk}/disconnect/", follow=True).content.decode()
    assert "is disconnected" in done


def happened(row: Connection, days_ago: float, outcome: str = "ok", action: str = "token.fetch") -> None:
    at = timezone.now() - dt.timedelta(days=days_ago)
    AuditEvent.objects.create(user=row.user, action=action, outcome=outcome, connection_id=row.pk, at=at)


def test_fetches_are_counted_by_day_up_to_today(connect: Any, clock: Any):
    clock.set(dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC))
    row, other = connect("google"), connect("google")
    for days_ago in (14.0, 13.4, 1.0, 0.4):
        happened(row, days_ago)
    happened(row, 1.0, "MISSING_SCOPES")
    happened(row, 0.1, action="connection.test")
    happened(other, 0.1)
    points = activity_charts.fetches(row.user, connection_id=row.pk).points
    assert (len(points), points[0].label, points[-1].label) == (14, "25 Feb", "10 Mar")
    assert {point.label: (point.good, point.bad) for point in points if point.good or point.bad} == {
        "25 Feb": (1, 0),
        "9 Mar": (1, 1),
        "10 Mar": (1, 0),
    }


def test_of_a_connection_renewed_often_the_newest_are_counted_and_the_chart_says_so(connect: Any):
    row = connect("google")
    assert not activity_charts.renewals(row)
    for outcome in (Refresh.Outcome.RENEWED, Refresh.Outcome.LATE, Refresh.Outcome.UNAVAILABLE):
        Refresh.objects.note(row, outcome)
    chart = activity_charts.renewals(row)
    assert (chart.points[-1].good, chart.points[-1].bad) == (2, 1)
    assert chart.name == "Renewals in 14 days"
    more = [Refresh(connection=row, outcome=Refresh.Outcome.RENEWED) for _ in range(activity_charts.MOST_RENEWALS)]
    Refresh.objects.bulk_create(more)
    assert activity_charts.renewals(row).name == "The newest renewals of 14 days"


def test_a_flight_under_way_makes_the_page_look_again(browser: Client, connect: Any):
    row = connect("google")
    assert "data-live" not in text_of(browser, row)
    Connection.objects.filter(pk=row.pk).update(lease_holder="somebody")
    assert 'data-live="3"' in text_of(browser, row)


def test_much_that_happened_takes_as_many_reads_as_little(browser: Client, user: User, agent: Any, connect: Any):
    row = connect("google")
    agent.post("/tokens/fetch", {"provider": "google"})
    Refresh.objects.note(row, Refresh.Outcome.RENEWED)

    def reads() -> int:
        with CaptureQueriesContext(database) as caught:
            text_of(browser, row)
        return len(caught)

    few = reads()
    for _ in range(29):
        connect("google")
        agent.post("/tokens/fetch", {"provider": "google"})
        Refresh.objects.note(row, Refresh.Outcome.RENEWED)
    assert reads() == few <= 18
