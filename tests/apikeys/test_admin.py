"""Keys and the ledger in the admin: looked at, and keys revoked."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from apikeys.admin import first_since
from apikeys.ledger import Caller, record
from apikeys.models import ApiKey, AuditEvent
from tests.staff import administrator as administrator
from tests.staff import staff as staff


def revoke(browser: Client, *keys: ApiKey) -> Any:
    chosen = {"action": "revoke", "_selected_action": [key.pk for key in keys]}
    return browser.post("/admin/apikeys/apikey/", chosen, follow=True)


def test_nobody_makes_or_changes_a_key_for_somebody_else(staff: Client, other_agent: Any):
    path = f"/admin/apikeys/apikey/{other_agent.row.pk}"
    assert staff.get("/admin/apikeys/apikey/add/").status_code == 403
    assert staff.post(f"{path}/change/", {"name": "mine"}).status_code == 403
    assert staff.post(f"{path}/delete/", {"post": "yes"}).status_code == 403
    assert ApiKey.objects.get(pk=other_agent.row.pk).name == "assistant"


def test_a_revoked_key_is_refused_and_its_owner_reads_by_whom(staff: Client, administrator: User, other_agent: Any):
    assert "1 revoked" in revoke(staff, other_agent.row).content.decode()
    assert other_agent.get("/connections").status_code == 401
    events = AuditEvent.objects.filter(action="key.revoke")
    assert {event.user for event in events} == {administrator, other_agent.user}
    assert administrator.email in AuditEvent.objects.of(other_agent.user)[0].detail


def test_a_key_is_revoked_once(staff: Client, other_agent: Any):
    revoke(staff, other_agent.row)
    assert "0 revoked" in revoke(staff, other_agent.row).content.decode()
    assert AuditEvent.objects.filter(action="key.revoke").count() == 2


def test_who_may_only_look_cannot_revoke(browser: Client, user: User, other_agent: Any):
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_apikey"))
    revoke(browser, other_agent.row)
    assert ApiKey.objects.get(pk=other_agent.row.pk).state == "active"


def test_the_ledger_cannot_be_changed(staff: Client, agent: Any):
    agent.post("/tokens/fetch", {"provider": "google"})
    event = AuditEvent.objects.get()
    path = f"/admin/apikeys/auditevent/{event.pk}"
    assert staff.get("/admin/apikeys/auditevent/add/").status_code == 403
    assert staff.post(f"{path}/change/", {"outcome": "ok"}).status_code == 403
    assert staff.post(f"{path}/delete/", {"post": "yes"}).status_code == 403
    staff.post("/admin/apikeys/auditevent/", {"action": "delete_selected", "_selected_action": [event.pk]})
    assert AuditEvent.objects.get().outcome == event.outcome != "ok"


@pytest.fixture
def week(user: User) -> list[AuditEvent]:
    """An event of each of the last seven days, the oldest first."""
    events = []
    for days in range(6, -1, -1):
        at = timezone.now() - dt.timedelta(days=days, minutes=5)
        events.append(AuditEvent.objects.create(user=user, action="token.fetch", provider=f"day{days}", at=at))
    return events


def test_the_first_event_since_a_moment_is_found_by_halving(week: list[AuditEvent]):
    for event in week:
        assert first_since(event.at) == event.pk
        assert first_since(event.at + dt.timedelta(hours=1)) == event.pk + 1
    assert first_since(timezone.now() - dt.timedelta(days=99)) == week[0].pk


def test_an_empty_ledger_has_no_first_event(db: None):
    assert not AuditEvent.objects.filter(pk__gte=first_since(timezone.now())).exists()


def test_the_ledger_is_narrowed_by_time_and_provider(staff: Client, week: list[AuditEvent]):
    def shown(**params: str) -> list[str]:
        rows = staff.get("/admin/apikeys/auditevent/", params).context["cl"].result_list
        return [row.provider for row in rows]

    assert shown(period="hour") == ["day0"]
    assert shown(period="day") == ["day0"]
    assert shown(period="week") == [f"day{days}" for days in range(7)]
    assert shown(provider="day3") == ["day3"]
    assert shown(action="key.revoke") == []
    assert shown(q="day4") == ["day4"]


def test_the_ledger_is_never_counted(staff: Client, user: User, django_assert_max_num_queries: Any):
    record(Caller(user=user), "token.fetch")
    with django_assert_max_num_queries(20) as queries:
        staff.get("/admin/apikeys/auditevent/")
    assert not [
        query for query in queries.captured_queries if "COUNT(" in query["sql"] and "auditevent" in query["sql"]
    ]


def test_events_of_one_connection_are_a_link_away(staff: Client, connect: Any, user: User):
    row = connect("google")
    record(Caller(user=user), "token.fetch", connection_id=row.pk, provider="google")
    record(Caller(user=user), "token.fetch", provider="slack")
    page = staff.get("/admin/apikeys/auditevent/", {"connection_id": str(row.pk)})
    assert [event.provider for event in page.context["cl"].result_list] == ["google"]
