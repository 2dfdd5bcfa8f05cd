"""What load balancers ask, and whoever wakes the operator."""

import datetime as dt
import time
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone

from akhrot_site import lifeline
from connections import tasks
from connections.models import Sweep
from providers.sealed import forget_keyring
from tests.conftest import Clock

pytestmark = pytest.mark.django_db
ALL_WELL = dict.fromkeys(("database", "keyring", "sweep", "backlog"), "ok")


@pytest.fixture(autouse=True)
def _has_swept(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has been there for a while, beside a worker that swept just now."""
    monkeypatch.setattr(lifeline, "STARTED", time.monotonic() - 61)
    Sweep.objects.create()


def trouble() -> tuple[str, dict[str, str]]:
    """What `/readyz` complains of, and the checks that are not well."""
    answer = Client().get("/readyz")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], answer["Retry-After"]) == (503, "SERVICE_UNAVAILABLE", "5")
    return error["message"], {name: said for name, said in error["checks"].items() if said != "ok"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_what_is_only_read_refuses_the_rest_as_the_api_does(path: str):
    answer = Client().post(path)
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")
    assert answer.json()["error"]["code"] == "METHOD_NOT_ALLOWED"
    assert Client().head(path).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/healthz/", "/readyz", "/readyz/"])
def test_a_healthy_site_says_so(path: str):
    answer = Client().get(path)
    assert (answer.status_code, answer.json()["status"]) == (200, "success")
    assert "no-store" in answer["Cache-Control"]


def test_a_database_away_is_not_ready_but_alive(monkeypatch: pytest.MonkeyPatch):
    def away(*_: Any) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(connection, "cursor", away)
    message, checks = trouble()
    assert message.startswith("The database does not answer")
    assert checks == {"database": "trouble", "keyring": "unknown", "sweep": "unknown", "backlog": "unknown"}
    assert Client().get("/healthz").status_code == 200


def test_a_keyring_that_does_not_fit_is_not_ready(settings: Any):
    assert Client().get("/readyz").status_code == 200
    settings.AKHROT_KEYS = "other:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    forget_keyring()
    message, checks = trouble()
    assert "AKHROT_KEYS" in message
    assert checks == {"keyring": "trouble"}


def test_what_is_well_is_listed():
    assert Client().get("/readyz").json()["data"] == {"ready": True, "checks": ALL_WELL}


def test_a_sweep_that_stopped_is_not_ready_until_it_runs_again(clock: Clock):
    clock.forward(seconds=50)
    assert Client().get("/readyz").status_code == 200
    clock.forward(seconds=45)
    assert trouble() == ("The sweep has not run for 95 s: is a worker running?", {"sweep": "trouble"})
    assert Client().get("/healthz").status_code == 200
    tasks.sweep()
    assert Client().get("/readyz").status_code == 200


def test_a_site_that_never_swept_is_not_ready():
    Sweep.objects.all().delete()
    assert trouble() == ("The sweep has never run: is a worker running?", {"sweep": "trouble"})


def test_a_refresh_that_nobody_makes_is_not_ready(connect: Any):
    row = connect("google", refresh_at=timezone.now() - dt.timedelta(minutes=4))
    assert Client().get("/readyz").status_code == 200
    row.refresh_at = timezone.now() - dt.timedelta(minutes=7)
    row.save()
    message, checks = trouble()
    assert message == "A refresh has been due for 420 s: are the workers stuck, or too few?"
    assert checks == {"backlog": "trouble"}


def test_a_connection_that_needs_its_user_is_no_backlog(connect: Any):
    connect("google", status="needs_reauth", refresh_at=timezone.now() - dt.timedelta(hours=1))
    assert Client().get("/readyz").status_code == 200


def test_all_that_is_wrong_is_said_at_once(clock: Clock, connect: Any):
    connect("google", refresh_at=timezone.now())
    clock.forward(minutes=10)
    message, checks = trouble()
    assert checks == {"sweep": "trouble", "backlog": "trouble"}
    assert message.count("?") == 2


def test_a_process_that_has_just_started_waits_for_the_first_sweep(connect: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lifeline, "STARTED", time.monotonic() - 50)
    Sweep.objects.all().delete()
    connect("google", refresh_at=timezone.now() - dt.timedelta(hours=1))
    assert Client().get("/readyz").json()["data"]["checks"] == ALL_WELL


def test_ready_costs_three_reads(django_assert_num_queries: Any):
    Client().get("/readyz")  # The first makes the keyring's canary.
    with django_assert_num_queries(3):
        Client().get("/readyz")
