"""Ways around a sealed column: values, dumps, pickles and forms show no secret."""

import copy
import io
import json
import pickle
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db.models import F
from django.forms import modelform_factory
from django.forms.models import model_to_dict
from django.test import RequestFactory
from pytest_django import DjangoAssertNumQueries

from providers.models import Canary, Provider
from providers.sealed import SealBroken, Sealed, SealedTextField

pytestmark = pytest.mark.django_db
SECRET = "a very secret text"


@pytest.fixture
def row() -> Canary:
    return Canary.objects.create(text=SECRET)


def test_values_give_the_sealed_value(row: Canary) -> None:
    for found in (
        Canary.objects.values("text").get()["text"],
        Canary.objects.values_list("text", flat=True).get(),
        Canary.objects.annotate(copied=F("text")).get().copied,
    ):
        assert isinstance(found, Sealed)
        assert SECRET not in f"{found} {found!r} {vars(found)}"


def test_deferred_secrets_come_when_they_are_read(
    row: Canary, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for rows in (Canary.objects.defer("text"), Canary.objects.only("id")):
        with django_assert_num_queries(2):
            assert rows.get().text == SECRET
    rows.get().save()
    assert Canary.objects.only("text").get().text == SECRET


def test_refresh_from_db_brings_the_new_secret(row: Canary) -> None:
    stale = Canary.objects.get(pk=row.pk)
    row.text = "another"
    row.save()
    stale.refresh_from_db()
    assert stale.text == "another"
    stale.save()
    assert Canary.objects.get(pk=row.pk).text == "another"


@pytest.mark.parametrize("state", ["made", "saved", "loaded", "refreshed"])
def test_no_row_shows_its_secret(state: str) -> None:
    row = in_state(state)
    assert SECRET not in f"{row} {row!r} {vars(row)} {row.__dict__!r} {row.__getstate__()!r}"
    assert copy.copy(row).text == copy.deepcopy(row).text == SECRET


@pytest.mark.parametrize("state", ["saved", "loaded"])
def test_a_pickled_row_holds_its_secret_sealed(state: str) -> None:
    pickled = pickle.dumps(in_state(state))
    assert SECRET.encode() not in pickled
    assert pickle.loads(pickled).text == SECRET


@pytest.mark.parametrize("state", ["made", "refreshed"])
def test_a_row_that_holds_its_secret_open_is_not_pickled(state: str) -> None:
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(in_state(state))


def in_state(state: str) -> Canary:
    row = Canary(text=SECRET)
    if state != "made":
        row.save()
    if state == "refreshed":
        row.refresh_from_db()
    return Canary.objects.get(pk=row.pk) if state == "loaded" else row


# Dumps.


def dumped() -> str:
    out = io.StringIO()
    call_command("dumpdata", "providers.canary", "providers.provider", "connections", "auth.user", stdout=out)
    return out.getvalue()


def test_a_dump_holds_no_secret_and_can_be_loaded_where_it_came_from(
    row: Canary, connect: Callable[..., Any], configured: Callable[..., Provider], tmp_path: Path
) -> None:
    provider, connection = configured("google"), connect("google", access_token="at-secret")
    text = dumped()
    for secret in (SECRET, "google-client-secret", "at-secret"):
        assert secret not in text
    (tmp_path / "dump.json").write_text(text)
    Canary.objects.all().delete()
    type(connection).objects.all().delete()
    Provider.objects.filter(pk="google").update(client_secret="")
    call_command("loaddata", str(tmp_path / "dump.json"), verbosity=0)
    assert Canary.objects.get(pk=row.pk).text == SECRET
    assert type(connection).objects.get(pk=connection.pk).held()["access_token"] == "at-secret"
    assert Provider.objects.get(pk="google").client_secret == provider.client_secret == "google-client-secret"


def test_a_dump_moved_to_another_row_does_not_open(row: Canary, tmp_path: Path) -> None:
    entries = [entry for entry in json.loads(dumped()) if entry["model"] == "providers.canary"]
    entries[0]["pk"] = str(uuid.uuid4())
    (tmp_path / "dump.json").write_text(json.dumps(entries))
    call_command("loaddata", str(tmp_path / "dump.json"), verbosity=0)
    with pytest.raises(SealBroken):
        _ = Canary.objects.get(pk=entries[0]["pk"]).text


def test_a_damaged_dump_is_refused() -> None:
    with pytest.raises(ValidationError):
        SealedTextField().to_python("sealed:###")


# Forms.


def test_forms_made_from_a_model_leave_secrets_out(configured: Callable[..., Provider]) -> None:
    provider = configured("google")
    form = modelform_factory(Provider, fields="__all__")(instance=provider)
    assert "client_secret" not in form.fields
    assert "google-client-secret" not in form.as_p()
    assert model_to_dict(provider)["client_secret"] == ""


def test_an_admin_leaves_secrets_out_and_keeps_them(configured: Callable[..., Provider]) -> None:
    provider = configured("google")
    model_admin = admin.ModelAdmin(Provider, admin.site)
    request = RequestFactory().get("/")
    form_class = model_admin.get_form(request, provider)
    assert "client_secret" not in form_class.base_fields
    form = form_class(data={"enabled": "on", "client_id": "other", "code": "google"}, instance=provider)
    form.instance.save()
    assert Provider.objects.get(pk="google").client_secret == "google-client-secret"
