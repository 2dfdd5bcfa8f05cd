"""A sealed column: the database sees ciphertext that opens in its own place alone."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import FieldError, ImproperlyConfigured
from django.db import connection as db
from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Upper
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.models import CANARY, Canary, check_canary
from providers.sealed import SealBroken, Sealed, SealedTextField, sealed_fields

pytestmark = pytest.mark.django_db
SECRET = "a very secret text"


@pytest.fixture
def row() -> Canary:
    return Canary.objects.create(text=SECRET)


def field() -> SealedTextField:
    found = Canary._meta.get_field("text")
    assert isinstance(found, SealedTextField)
    return found


def blob_of(row: Canary) -> bytes:
    """What the database really holds."""
    with db.cursor() as cursor:
        cursor.execute("SELECT text FROM providers_canary WHERE id = %s", [row.pk.hex if is_sqlite() else row.pk])
        return bytes(cursor.fetchone()[0])


def is_sqlite() -> bool:
    return db.vendor == "sqlite"


def put(row: Canary, blob: bytes) -> None:
    Canary.objects.filter(pk=row.pk).update(text=Sealed(blob))


def test_what_was_sealed_opens_again(row: Canary) -> None:
    assert row.text == SECRET
    assert Canary.objects.get(pk=row.pk).text == SECRET


def test_the_database_sees_no_plaintext(row: Canary) -> None:
    assert SECRET.encode() not in blob_of(row)


def test_the_same_text_is_never_sealed_the_same_way_twice(row: Canary) -> None:
    assert blob_of(row) != blob_of(Canary.objects.create(text=SECRET))


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.characters(), max_size=400))
def test_any_text_goes_round(db: None, text: str) -> None:
    row = Canary.objects.create(text=text)
    assert Canary.objects.get(pk=row.pk).text == text


def test_saving_an_untouched_row_opens_and_seals_nothing(row: Canary) -> None:
    before = blob_of(row)
    Canary.objects.get(pk=row.pk).save()
    assert blob_of(row) == before


def test_a_broken_seal_does_not_keep_a_row_from_being_loaded_and_saved(row: Canary) -> None:
    put(row, b"\x01garbage")
    loaded = Canary.objects.get(pk=row.pk)
    loaded.save()
    with pytest.raises(SealBroken):
        _ = loaded.text


# Moved, changed, foreign.


def test_a_ciphertext_copied_to_another_row_does_not_open(row: Canary) -> None:
    other = Canary.objects.create(text="other")
    put(other, blob_of(row))
    with pytest.raises(SealBroken, match="moved value"):
        _ = Canary.objects.get(pk=other.pk).text


def test_a_ciphertext_copied_to_another_column_does_not_open(connect: Callable[..., Any]) -> None:
    connection = connect("google")
    held = type(connection).objects.values_list("secrets", flat=True).get(pk=connection.pk)
    other = Canary.objects.create(id=connection.pk, text="x")
    put(other, held.blob)
    with pytest.raises(SealBroken):
        _ = Canary.objects.get(pk=other.pk).text


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(place=st.integers(0, 200), bit=st.integers(0, 7))
def test_one_changed_bit_breaks_the_seal(row: Canary, place: int, bit: int) -> None:
    sealed = field().seal_for(row, SECRET).blob
    changed = bytearray(sealed)
    changed[place % len(sealed)] ^= 1 << bit
    row.__dict__["text"] = Sealed(bytes(changed))
    with pytest.raises(SealBroken):
        _ = row.text


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.one_of(st.binary(max_size=80), st.binary(max_size=60).map(lambda rest: b"\x01\x09" + rest)))
def test_bytes_that_are_no_sealed_value_give_one_kind_of_error(row: Canary, blob: bytes) -> None:
    row.__dict__["text"] = Sealed(blob)
    with pytest.raises(SealBroken) as caught:
        _ = row.text
    assert SECRET not in str(caught.value)


def test_the_canary_proves_the_keyring_at_start(settings: Any, tmp_path: Path) -> None:
    check_canary()
    check_canary()
    assert [canary.text for canary in Canary.objects.all()] == [CANARY]


@pytest.mark.parametrize("key_id", ["same", "another"])
def test_a_wrong_key_is_an_error_at_start(settings: Any, key_id: str) -> None:
    from providers.keyring import forget_keyring, new_key_line

    secret = [new_key_line().partition(":")[2] for _ in range(2)]
    settings.AKHROT_KEYS = f"same:{secret[0]}"
    forget_keyring()
    check_canary()
    settings.AKHROT_KEYS = f"{key_id}:{secret[1]}"
    forget_keyring()
    with pytest.raises(ImproperlyConfigured, match="AKHROT_KEYS") as caught:
        check_canary()
    assert secret[1] not in str(caught.value)
    settings.AKHROT_KEYS = ""
    forget_keyring()


# Writing past the row.


def test_update_refuses_plaintext(row: Canary) -> None:
    with pytest.raises(TypeError, match="sealed"), transaction.atomic():
        Canary.objects.update(text="plain")
    assert Canary.objects.get(pk=row.pk).text == SECRET


def test_update_takes_a_value_that_is_sealed_for_the_row(row: Canary) -> None:
    Canary.objects.filter(pk=row.pk).update(text=field().seal_for(row, "another"))
    assert Canary.objects.get(pk=row.pk).text == "another"


@pytest.mark.parametrize("expression", [F("text"), Value("plain"), Upper(Value("plain"))])
def test_update_refuses_expressions(row: Canary, expression: Any) -> None:
    with pytest.raises(TypeError, match="sealed"), transaction.atomic():
        Canary.objects.update(text=expression)
    row.text = expression
    with pytest.raises(TypeError, match="sealed"):
        row.save()


def test_bulk_update_refuses(row: Canary) -> None:
    row.text = "another"
    with pytest.raises(TypeError, match="sealed"), transaction.atomic():
        Canary.objects.bulk_update([row], ["text"])
    assert Canary.objects.get(pk=row.pk).text == SECRET


def test_bulk_create_seals_every_row() -> None:
    rows = Canary.objects.bulk_create([Canary(text="one"), Canary(text="two")])
    assert {Canary.objects.get(pk=row.pk).text for row in rows} == {"one", "two"}
    assert not any(b"one" in blob_of(row) for row in rows)


def test_update_or_create_and_update_fields_seal() -> None:
    row, _ = Canary.objects.update_or_create(pk=uuid.uuid4(), defaults={"text": "one"})
    Canary.objects.update_or_create(pk=row.pk, defaults={"text": "two"})
    assert Canary.objects.get(pk=row.pk).text == "two"
    row.text = "three"
    row.save(update_fields=["text"])
    assert Canary.objects.get(pk=row.pk).text == "three"


def test_a_row_without_a_primary_key_cannot_be_sealed() -> None:
    row = Canary(text=SECRET)
    row.pk = None
    with pytest.raises(ValueError, match="primary key"):
        field().pre_save(row, add=True)


def test_what_is_no_text_is_refused(row: Canary) -> None:
    row.text = 5
    with pytest.raises(TypeError, match="sealed"):
        row.save()


def test_nobody_can_search_for_a_secret(row: Canary) -> None:
    with pytest.raises(TypeError, match="sealed"):
        Canary.objects.filter(text=SECRET).exists()
    with pytest.raises(FieldError):
        Canary.objects.filter(text__contains="secret").exists()


def test_empty_and_filled_can_be_told_apart(row: Canary) -> None:
    empty = Canary.objects.create(text="")
    assert Canary.objects.filter(text="").get() == empty
    assert Canary.objects.exclude(text="").get() == row
    assert empty.text == Canary.objects.get(pk=empty.pk).text == ""


def test_every_sealed_column_of_the_project_is_known() -> None:
    found = {f"{model._meta.label}.{column.name}" for model, column in sealed_fields()}
    assert found >= {
        "providers.Canary.text",
        "providers.Provider.client_secret",
        "connections.Connection.secrets",
        "connections.OAuthSession.verifier",
        "connections.OAuthSession.grant",
        "connections.OAuthSession.login",
    }
