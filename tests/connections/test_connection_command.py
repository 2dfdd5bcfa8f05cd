"""``manage.py connection``: bringing over credentials that are there already. Scripts rely on its arguments."""

import datetime as dt
import io
import json
import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from apikeys.ledger import AuditEvent
from connections.models import Connection
from providers.models import Provider
from tests.agents import Agent

pytestmark = pytest.mark.django_db
TWILIO = {"accountSid": "AC" + "0" * 32, "authToken": "s3cret-token-value"}
GRANT = {"access_token": "s3cret-access", "refresh_token": "s3cret-refresh"}


@pytest.fixture
def run(monkeypatch: Any, provider_http: Any) -> Callable[..., tuple[str, str]]:
    """Runs the command with `given` on standard input. Nothing it does may ask a provider."""

    def run(*arguments: str, given: Any = "") -> tuple[str, str]:
        text = given if isinstance(given, str) else json.dumps(given)
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        out, err = io.StringIO(), io.StringIO()
        call_command("connection", *arguments, stdout=out, stderr=err)
        return out.getvalue(), err.getvalue()

    return run


@pytest.fixture
def add(run: Callable[..., tuple[str, str]], user: User) -> Callable[..., Connection]:
    """Adds a connection of `user` and answers its row."""

    def add(provider: str, given: Any, *more: str) -> Connection:
        out, _ = run("add", "--user", user.email, "--provider", provider, "--fields-stdin", *more, given=given)
        return Connection.objects.get(pk=UUID(out.strip()))

    return add


def test_a_key_is_kept_and_waits_to_be_verified(add: Callable[..., Connection], user: User) -> None:
    row = add("twilio", TWILIO, "--account", "main line")
    assert (row.user, row.account, row.is_default) == (user, "main line", True)
    assert row.held() == {"fields": TWILIO}
    assert row.verification == Connection.Verification.UNVERIFIED
    assert row.verify_at is not None
    event = AuditEvent.objects.get()
    assert (event.action, event.provider, event.connection_id) == ("connection.add", "twilio", row.pk)


def test_the_same_key_twice_is_one_connection(add: Callable[..., Connection]) -> None:
    assert add("twilio", TWILIO) == add("twilio", TWILIO)


def test_a_telegram_session_is_kept(add: Callable[..., Connection]) -> None:
    given = {"apiId": "12345", "apiHash": "a" * 32, "sessionString": "1" + "A" * 352}
    assert add("telegram", given).held() == {"fields": given}


def test_a_grant_is_kept_with_its_end_and_scopes(
    add: Callable[..., Connection], configured: Callable[..., Provider]
) -> None:
    configured("google")
    ends = timezone.now() + dt.timedelta(minutes=30)
    row = add("google", {**GRANT, "expires_at": ends.isoformat(), "scopes": "openid email"}, "--account", "ada")
    assert row.held() == {"access_token": "s3cret-access", "refresh_token": "s3cret-refresh", "extra": {}}
    assert (row.account, row.expires_at, row.scopes) == ("ada", ends, ["openid", "email"])
    assert row.refreshable
    assert row.refresh_at is not None


def test_a_grant_brought_over_is_fetched_like_any_other(
    add: Callable[..., Connection], configured: Callable[..., Provider], agent: Agent
) -> None:
    configured("google")
    ends = timezone.now() + dt.timedelta(minutes=30)
    add("google", {**GRANT, "expires_at": ends.timestamp()})
    answer = agent.post("/tokens/fetch", {"provider": "google"})
    assert answer.json()["data"]["accessToken"] == "s3cret-access"


@pytest.mark.parametrize(
    "given",
    [
        "2030-01-02T03:04:05Z",
        "2030-01-02T04:04:05+01:00",
        "2030-01-02T03:04:05",
        1893553445,
        1893553445.0,
        "1893553445",
    ],
)
def test_a_moment_may_be_written_in_several_ways(add: Callable[..., Connection], given: Any) -> None:
    row = add("google", {**GRANT, "expires_at": given})
    assert row.expires_at == dt.datetime(2030, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


def test_of_a_token_of_unknown_age_a_new_one_is_made_first(add: Callable[..., Connection]) -> None:
    assert add("google", GRANT).is_expired()
    assert add("google", {"refresh_token": "s3cret-refresh"}).is_expired()


def test_a_token_that_cannot_be_refreshed_is_taken_as_it_is(add: Callable[..., Connection]) -> None:
    row = add("google", {"access_token": "s3cret-access"})
    assert (row.expires_at, row.refreshable) == (None, False)


def test_an_account_id_makes_the_second_time_a_renewal(add: Callable[..., Connection]) -> None:
    first = add("google", {**GRANT, "account_id": "42"})
    second = add("google", {**GRANT, "access_token": "newer", "account_id": "42"})
    assert first == second
    assert second.held()["access_token"] == "newer"


def test_a_provider_without_a_client_is_connected_with_a_warning(run: Callable[..., Any], user: User) -> None:
    _, err = run("add", "--user", user.email, "--provider", "google", "--fields-stdin", given=GRANT)
    assert "google has no OAuth client" in err


def test_what_a_provider_asks_before_the_redirect_is_asked_here_too(
    run: Callable[..., Any], user: User, add: Callable[..., Connection]
) -> None:
    specification = {
        "code": "shop",
        "name": "Shop",
        "auth": "oauth2",
        "inputs": [{"name": "shop", "label": "Shop name", "pattern": "[a-z]+"}],
        "oauth": {
            "authorize_url": "https://{shop}.shops.example/auth",
            "token_url": "https://{shop}.shops.example/token",
            "keep": {"instance": "instance_url"},
        },
    }
    Provider.objects.create(code="shop", specification=specification)
    row = add("shop", {**GRANT, "shop": "nuts", "instance": "https://i.example"})
    assert row.inputs == {"shop": "nuts"}
    assert row.held()["extra"] == {"instance": "https://i.example"}
    specification["base_url"] = "{instance}/v1"
    Provider.objects.filter(code="shop").update(specification=specification)
    with pytest.raises(CommandError, match="instance: is not an https address"):
        add("shop", {**GRANT, "shop": "nuts", "instance": "https://i.example/?evil"})
    with pytest.raises(CommandError, match="shop: Shop name is missing"):
        run("add", "--user", user.email, "--provider", "shop", "--fields-stdin", given=GRANT)


@pytest.mark.parametrize(
    ("provider", "given", "message"),
    [
        ("twilio", "", "one JSON object"),
        ("twilio", '{"authToken": "s3cret', "one JSON object"),
        ("twilio", ["s3cret"], "one JSON object"),
        ("twilio", {}, "accountSid: Account SID is missing; authToken: Auth token is missing"),
        ("twilio", {**TWILIO, "authtoken": "s3cret"}, r"unknown: authtoken \(known: accountSid, authToken\)"),
        ("twilio", {**TWILIO, "authToken": 5}, "authToken: must be text"),
        ("twilio", {**TWILIO, "authToken": None}, "authToken: Auth token is missing"),
        ("google", {}, "access_token: is missing"),
        ("google", {**GRANT, "token": "s3cret"}, "unknown: token"),
        ("google", {**GRANT, "refresh_token": ["s3cret"]}, "refresh_token: must be text"),
        ("google", {**GRANT, "scopes": [5]}, "scopes: must be"),
        ("google", {**GRANT, "expires_at": "s3cret"}, "expires_at: must be"),
        ("google", {**GRANT, "expires_at": True}, "expires_at: must be"),
        ("google", {**GRANT, "expires_at": 1893553445000}, "expires_at: must be"),
        ("google", {**GRANT, "expires_at": {}}, "expires_at: must be"),
        ("google", {**GRANT, "expires_at": "NaN"}, "expires_at: must be"),
        ("nothing", GRANT, "no provider nothing"),
    ],
)
def test_it_says_what_is_wrong_and_never_repeats_a_value(
    run: Callable[..., Any], user: User, provider: str, given: Any, message: str
) -> None:
    with pytest.raises(CommandError, match=message) as caught:
        run("add", "--user", user.email, "--provider", provider, "--fields-stdin", given=given)
    assert "s3cret" not in str(caught.value)
    assert not Connection.objects.exists()


def test_a_disabled_provider_is_none(run: Callable[..., Any], user: User) -> None:
    Provider.objects.filter(code="twilio").update(enabled=False)
    with pytest.raises(CommandError, match="disabled"):
        run("add", "--user", user.email, "--provider", "twilio", "--fields-stdin", given=TWILIO)


def test_an_unknown_user_is_told(run: Callable[..., Any], db: None) -> None:
    with pytest.raises(CommandError, match=r"no user nobody@example\.com"):
        run("add", "--user", "nobody@example.com", "--provider", "twilio", "--fields-stdin", given=TWILIO)


def test_without_the_flag_nothing_is_read(run: Callable[..., Any], user: User) -> None:
    with pytest.raises(CommandError, match="--fields-stdin"):
        run("add", "--user", user.email, "--provider", "twilio", given=TWILIO)


def test_list_shows_connections_and_no_secret(
    run: Callable[..., Any], connect: Callable[..., Connection], user: User, other_user: User
) -> None:
    mine, theirs = connect("google", access_token="s3cret-access"), connect("twilio", user=other_user, fields=TWILIO)
    out, _ = run("list")
    lines = [line.split("\t") for line in out.splitlines()]
    assert [line[0] for line in lines] == ["CONNECTION", str(mine.pk), str(theirs.pk)]
    assert lines[1][1:5] == ["google", user.email, user.email, "active"]
    assert lines[2][5:] == ["never", "yes"]
    assert "s3cret" not in out
    out, _ = run("list", "--user", other_user.email)
    assert str(theirs.pk) in out
    assert str(mine.pk) not in out
