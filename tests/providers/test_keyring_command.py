"""``manage.py keyring``: what is sealed under which key, and sealing it anew while everything goes on."""

import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection as db

from connections.models import Connection
from providers import keyring as keys
from providers import reseal
from providers.keyring import Keyring, ensure_keyring, forget_keyring, key_id_of, keyring, keyring_path, new_key_line
from providers.models import CANARY, Canary, Provider
from providers.oauth import Grant
from providers.sealed import Sealed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_keyring(tmp_path: Path, settings: Any) -> Iterator[None]:
    settings.AKHROT_DATA_DIR = tmp_path
    forget_keyring()
    ensure_keyring()
    yield
    settings.AKHROT_KEYS = ""


def run(*arguments: str, tty: bool = False) -> str:
    out = io.StringIO()
    out.isatty = lambda: tty  # type: ignore[method-assign]
    call_command("keyring", *arguments, stdout=out)
    return out.getvalue()


def prepend_key() -> str:
    """As `rotate --new-key` does, without its wait for other processes."""
    return keys.add_key()


def blobs() -> list[bytes]:
    """What the database holds of the connections."""
    sealed: list[Any] = list(Connection.objects.order_by("pk").values_list("secrets", flat=True))
    return [one.blob for one in sealed]


def keys_used() -> set[str]:
    return {key_id for column in reseal.columns() for key_id in reseal.count_keys(column)}


@pytest.fixture
def filled(connect: Callable[..., Connection], configured: Callable[..., Provider]) -> list[Connection]:
    configured("google")
    return [connect("google", access_token=f"token-{number}") for number in range(7)]


def test_status_tells_what_lies_under_which_key(filled: list[Connection]) -> None:
    text = run("status")
    primary = keyring().primary
    assert f"connections.Connection.secrets  {primary}: 7\n" in text
    assert f"providers.Provider.client_secret  {primary}: 1\n" in text
    assert "connections.OAuthSession.grant  empty\n" in text
    assert f"key {primary}  seals\n" in text
    assert text.endswith("canary  opens\n")


def test_status_tells_when_an_old_key_may_go(filled: list[Connection]) -> None:
    old = keyring().primary
    prepend_key()
    assert f"key {old}  opens what is sealed under it\n" in run("status")
    run("rotate")
    assert f"key {old}  unused: may be removed\n" in run("status")


def test_status_tells_which_key_is_missing(filled: list[Connection]) -> None:
    stray = Keyring.parse(new_key_line())
    Connection.objects.filter(pk=filled[0].pk).update(secrets=Sealed(stray.seal("x", "y")))
    Connection.objects.filter(pk=filled[1].pk).update(secrets=Sealed(b"no sealed value"))
    text = run("status")
    assert f"{stray.primary}: 1" in text
    assert f"{reseal.NOT_SEALED}: 1" in text
    assert f"key {stray.primary}  NOT LOADED" in text


def test_rotating_seals_everything_under_the_first_key(filled: list[Connection]) -> None:
    before = {row.pk: row.held() for row in Connection.objects.all()}
    new = prepend_key()
    text = run("rotate", "--batch", "3")
    assert keys_used() == {new}
    assert {row.pk: row.held() for row in Connection.objects.all()} == before
    assert Provider.objects.get(pk="google").client_secret == "google-client-secret"
    assert Canary.objects.get().text == CANARY
    progress = [line for line in text.splitlines() if line.startswith("connections.Connection.secrets")]
    assert [line.split("  ")[1] for line in progress] == ["3 of 7", "6 of 7", "7 of 7"]
    assert text.endswith("all values are under the first key\n")


def test_rotating_says_nothing_secret(filled: list[Connection]) -> None:
    prepend_key()
    text = run("rotate") + run("status")
    assert "token-" not in text
    assert not [line for line in keyring_path().read_text().split() if line.partition(":")[2] in text]


def test_rotating_leaves_the_generation_and_everything_else(filled: list[Connection]) -> None:
    columns = [field.name for field in Connection._meta.fields if field.name != "secrets"]
    before = list(Connection.objects.order_by("pk").values_list(*columns))
    prepend_key()
    run("rotate")
    assert list(Connection.objects.order_by("pk").values_list(*columns)) == before


def test_a_second_run_touches_nothing(filled: list[Connection]) -> None:
    prepend_key()
    run("rotate")
    held = blobs()
    text = run("rotate")
    assert text == "all values are under the first key\n"
    assert blobs() == held


def test_a_run_that_was_stopped_is_taken_up_where_it_ended(filled: list[Connection]) -> None:
    new = prepend_key()
    column = next(column for column in reseal.columns() if column.model is Connection)
    next(reseal.reseal(column, batch=2))
    assert reseal.count_keys(column)[new] == 2
    assert reseal.waiting(column) == 5
    assert "5 of 5" in run("rotate")


def test_on_a_terminal_the_progress_is_one_line(filled: list[Connection]) -> None:
    prepend_key()
    text = run("rotate", "--batch", "3", tty=True)
    assert "\rconnections.Connection.secrets  3 of 7\rconnections.Connection.secrets  6 of 7\r" in text
    assert "7 of 7\n" in text


def test_a_token_stored_meanwhile_is_not_written_over(filled: list[Connection]) -> None:
    """The refresh lands between the moment the row was read and the moment it would be written."""
    new = prepend_key()
    column = next(column for column in reseal.columns() if column.model is Connection)
    read = column.model._base_manager.get(pk=filled[0].pk)
    assert Connection.objects.get(pk=filled[0].pk).store(Grant(access_token="refreshed"))
    tally = reseal.Tally()
    reseal._reseal_row(column.field, read, tally)
    assert tally == reseal.Tally(moved_on=1)
    found = Connection.objects.get(pk=filled[0].pk)
    assert (found.held()["access_token"], found.generation) == ("refreshed", filled[0].generation + 1)
    run("rotate")
    assert keys_used() == {new}


def test_a_refresh_under_way_finds_what_it_started_from(filled: list[Connection]) -> None:
    flying = Connection.objects.get(pk=filled[0].pk)
    prepend_key()
    run("rotate")
    assert flying.store(Grant(access_token="late"))
    assert Connection.objects.get(pk=flying.pk).held()["access_token"] == "late"


def test_a_value_that_does_not_open_is_left_and_told(filled: list[Connection]) -> None:
    broken = Keyring.parse(new_key_line()).seal("x", "y")
    Connection.objects.filter(pk=filled[0].pk).update(secrets=Sealed(broken))
    new = prepend_key()
    with pytest.raises(CommandError, match="1 values are not under the first key, 1 of them do not open"):
        run("rotate")
    assert broken in blobs()
    assert keys_used() == {new, key_id_of(broken)}


def test_a_new_key_on_request_seals_everything(filled: list[Connection]) -> None:
    old = keyring().primary
    text = run("rotate", "--new-key")
    assert f"key {keyring().primary}  made" in text
    assert keys_used() == {keyring().primary} != {old}


def test_given_keys_are_not_added_to(settings: Any) -> None:
    settings.AKHROT_KEYS = keyring_path().read_text().strip()
    forget_keyring()
    with pytest.raises(CommandError, match="AKHROT_KEYS gives the keys"):
        run("rotate", "--new-key")


def test_given_keys_rotate(settings: Any, filled: list[Connection]) -> None:
    line = new_key_line()
    settings.AKHROT_KEYS = f"{line},{keyring_path().read_text().strip()}"
    forget_keyring()
    run("rotate")
    assert keys_used() == {line.partition(":")[0]}


def test_a_wrong_keyring_rotates_nothing(filled: list[Connection], settings: Any) -> None:
    run("status")
    settings.AKHROT_KEYS = new_key_line()
    forget_keyring()
    with pytest.raises(CommandError, match="does not open this database"):
        run("rotate")


@pytest.mark.django_db(transaction=True)
def test_a_busy_service_goes_on_while_everything_is_sealed_anew(filled: list[Connection]) -> None:
    stop, wrong, stored = threading.Event(), [], []

    def serve(pk: Any) -> None:
        number = 0
        while not stop.is_set():
            row = Connection.objects.get(pk=pk)
            if row.store(Grant(access_token=f"turn-{number}")):
                stored.append(number)
                if Connection.objects.get(pk=pk).held()["access_token"] != f"turn-{number}":
                    wrong.append(number)
            number += 1
        db.close()

    threads = [threading.Thread(target=serve, args=[row.pk]) for row in filled[:3]]
    for thread in threads:
        thread.start()
    new = prepend_key()
    run("rotate", "--batch", "1")
    stop.set()
    for thread in threads:
        thread.join()
    assert stored
    assert not wrong
    assert keys_used() == {new}


@pytest.mark.parametrize("size", ["0", "-1", "x", "10001"])
def test_a_batch_has_a_sensible_size(size: str) -> None:
    with pytest.raises(CommandError, match="batch"):
        run("rotate", "--batch", size)
