"""``manage.py apikey``: scripts rely on its arguments and on what it prints."""

import datetime as dt
import io
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from apikeys.ledger import AuditEvent
from apikeys.models import ApiKey
from tests.agents import Agent, Key

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("apikey", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_create_prints_the_key_alone(user: User) -> None:
    out, err = run("create", "--user", user.email, "--name", "assistant")
    row = ApiKey.objects.authenticate(out.strip())
    assert row
    assert out == out.strip() + "\n"
    assert err == ""
    assert (row.user, row.name, row.expires_at, row.providers, row.may_disconnect) == (
        user,
        "assistant",
        None,
        [],
        True,
    )


def test_create_limits_the_key_as_asked(user: User) -> None:
    out, _ = run(
        "create", "--user", user.email.upper(), "--name", "n", "--expires", "30", "--providers", "slack, google",
        "--no-disconnect",
    )  # fmt: skip
    row = ApiKey.objects.authenticate(out.strip())
    assert row
    assert row.expires_at
    assert abs(row.expires_at - timezone.now() - dt.timedelta(days=30)) < dt.timedelta(minutes=1)
    assert (row.providers, row.may_disconnect) == (["google", "slack"], False)


def test_the_ledger_knows_of_both_deeds_and_no_secret(user: User) -> None:
    out, _ = run("create", "--user", user.email, "--name", "n")
    key_id = out.split("_")[1]
    run("revoke", key_id)
    events = list(AuditEvent.objects.of(user).values_list("action", "detail"))
    assert [action for action, _ in events] == ["key.revoke", "key.issue"]
    assert all(key_id in detail and out.strip() not in detail for _, detail in events)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--user", "nobody@example.com", "--name", "n"], "no user nobody@example.com"),
        (["--user", "ada@example.com", "--name", " "], "--name"),
        (["--user", "ada@example.com", "--name", "n" * 81], "--name"),
        (["--user", "ada@example.com", "--name", "n", "--expires", "0"], "--expires"),
        (["--user", "ada@example.com", "--name", "n", "--expires", "soon"], "--expires"),
        (["--user", "ada@example.com", "--name", "n", "--providers", "a b"], "--providers"),
        (["--user", "ada@example.com", "--name", "n", "--providers", ","], "--providers"),
        (["--name", "n"], "--user"),
    ],
)
def test_create_says_what_is_wrong(user: User, arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        run("create", *arguments)
    assert not ApiKey.objects.exists()


def test_two_users_of_one_address_are_not_guessed_between(user: User) -> None:
    User.objects.create_user(username="twin", email=user.email)
    with pytest.raises(CommandError, match="more than one"):
        run("create", "--user", user.email, "--name", "n")


def test_list_shows_keys_and_no_secret(key: Key, other_agent: Agent) -> None:
    key.row.revoke()
    out, _ = run("list")
    lines = [line.split("\t") for line in out.splitlines()]
    assert [line[0] for line in lines] == ["KEY", f"akhrot_{key.row.pk}", f"akhrot_{other_agent.row.pk}"]
    assert lines[1][1:] == ["assistant", "ada@example.com", "revoked", "never", "never", "all"]
    assert key.text.rpartition("_")[2] not in out
    assert key.row.digest not in out


def test_list_can_be_of_one_user(key: Key, other_agent: Agent) -> None:
    out, _ = run("list", "--user", other_agent.user.email)
    assert other_agent.row.pk in out
    assert key.row.pk not in out


@pytest.mark.parametrize("shape", ["{id}", "akhrot_{id}", "{key}"])
def test_revoke_ends_the_key_by_its_id(key: Key, shape: str) -> None:
    out, err = run("revoke", shape.format(id=key.row.pk, key=key.text))
    assert ApiKey.objects.authenticate(key.text) is None
    assert (out, err) == ("", f"revoked akhrot_{key.row.pk}\n")


def test_revoking_again_says_so_and_changes_nothing(key: Key) -> None:
    key.row.revoke()
    at = key.row.revoked_at
    _, err = run("revoke", key.row.pk)
    assert "before" in err
    assert ApiKey.objects.get(pk=key.row.pk).revoked_at == at
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("given", ["nothing0", "", "akhrot_nothing0_secretsecret", "x" * 200])
def test_revoking_what_is_not_there_repeats_nothing(key: Key, given: Any) -> None:
    with pytest.raises(CommandError, match="no such key") as caught:
        run("revoke", given)
    assert "secretsecret" not in str(caught.value)
