"""What load balancers and collectors ask."""

from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client

from akhrot_site.environment import networks
from providers.sealed import forget_keyring

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/healthz", "/healthz/", "/readyz", "/readyz/"])
def test_a_healthy_site_says_so(path: str):
    answer = Client().get(path)
    assert (answer.status_code, answer.json()["status"]) == (200, "success")
    assert "no-store" in answer["Cache-Control"]


def test_a_database_away_is_not_ready_but_alive(monkeypatch: pytest.MonkeyPatch):
    def away(*_: Any) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(connection, "cursor", away)
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert int(answer["Retry-After"]) > 0
    assert Client().get("/healthz").status_code == 200


def test_a_keyring_that_does_not_fit_is_not_ready(settings: Any):
    assert Client().get("/readyz").status_code == 200
    settings.AKHROT_KEYS = "other:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    forget_keyring()
    assert Client().get("/readyz").status_code == 503


def test_metrics_count_requests_by_view():
    Client().get("/accounts/login/")
    answer = Client().get("/metrics")
    assert answer.status_code == 200
    assert b'akhrot_request_seconds_count{method="GET",status="200",view="account_login"}' in answer.content


@pytest.mark.parametrize(
    "caller",
    [{"REMOTE_ADDR": "192.0.2.7"}, {"HTTP_X_FORWARDED_FOR": "192.0.2.7"}, {"HTTP_X_FORWARDED_FOR": "127.0.0.1"}],
)
@pytest.mark.parametrize("proxies", ["", "127.0.0.1"])
def test_metrics_are_not_there_for_others(settings: Any, caller: Any, proxies: str):
    settings.AKHROT_TRUSTED_PROXIES = networks(proxies)
    assert Client().get("/metrics", **caller).status_code == 404


def test_metrics_open_for_staff_from_anywhere(user: Any, browser: Client):
    assert browser.get("/metrics", REMOTE_ADDR="192.0.2.7").status_code == 404
    user.is_staff = True
    user.save()
    assert browser.get("/metrics", REMOTE_ADDR="192.0.2.7").status_code == 200
