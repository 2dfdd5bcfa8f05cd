"""Several ways to connect one provider, as its operator meets them: in the admin and at the command line."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.forms import ValidationError

from providers.forms import ProviderForm
from providers.models import Provider
from tests.providers.test_spec import KEY
from tests.providers.test_ways import NOTEBOOK, WAY, spec

LISTS = ("ready", "missing")
DOCUMENT = spec(NOTEBOOK).model_dump(mode="json", exclude_unset=True)


def notebook(**columns: Any) -> Provider:
    return Provider.objects.create(code="notebook", specification=DOCUMENT, **columns)


def test_a_specification_of_the_operators_own_is_checked_once_for_all_who_read_its_row(db: None) -> None:
    notebook()
    first, second = Provider.objects.get(code="notebook").spec, Provider.objects.get(code="notebook").spec
    assert first.by_way("token") is second.by_way("token")
    Provider.objects.update_or_create(code="notebook", defaults={"specification": {**DOCUMENT, "name": "Notebooks"}})
    assert Provider.objects.get(code="notebook").spec.name == "Notebooks"


def test_a_pasted_way_can_be_used_before_the_operator_has_set_a_client(db: None) -> None:
    row = notebook(extra_scopes=["more"])
    assert list(row.ready_ways()) == ["token"]
    assert row.is_configured()
    row.client_id = "c"
    assert list(row.ready_ways()) == ["", "token"]
    assert row.scopes_beside(row.spec.by_way("")) == ["more"]


def test_the_admin_keeps_the_kind_of_each_way_that_stays(db: None, connect: Any) -> None:
    row = notebook()
    connect("notebook")
    changed = dict(DOCUMENT, ways=[{"code": "token", "name": "T", "auth": "oauth2", "oauth": {
        "grant": "client_credentials", "client": ["{id}", "{key}"], "token_url": "https://id.example/t",
    }, "fields": [{"name": "id", "label": "Id", "secret": False}, {"name": "key", "label": "Key"}]}])  # fmt: skip
    assert not form(row, changed).is_valid()
    assert "ways.token.auth: stays “api_key”" in str(form(row, changed).errors)
    assert form(row, dict(DOCUMENT, ways=[])).is_valid()


def form(row: Provider, document: dict[str, Any]) -> ProviderForm:
    return ProviderForm({"specification": json.dumps(document), "enabled": "on"}, instance=row)


def run(*args: str) -> str:
    out = io.StringIO()
    call_command("provider", *args, stdout=out, stderr=out)
    return out.getvalue()


def test_show_lists_the_ways(db: None) -> None:
    notebook()
    shown = run("show", "notebook")
    assert "ways: oauth (Sign in at Notebook), the default\n      token (Personal access token)\n" in shown
    assert "fields (token): token (Personal access token)\n" in shown
    assert "verified by (token): https://api.notebook.example/me\n" in shown
    assert "redirect URI: " in shown
    assert "configured: yes" in shown


def test_check_names_the_way(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(KEY + WAY)
    with pytest.raises(CommandError):
        call_command("provider", "check", str(path), stderr=(told := io.StringIO()))
    assert f"{path}: ways.w.fields: auth" in told.getvalue()


def test_the_admin_names_the_way(db: None) -> None:
    document = json.dumps(dict(DOCUMENT, ways=[{"code": "w"}]))
    with pytest.raises(ValidationError, match=r"specification: ways\.w\.name: Field required"):
        ProviderForm().fields["specification"].clean(document)


def test_the_admins_list_tells_who_waits_for_a_client(db: None, browser: Any, user: Any) -> None:
    user.is_staff = user.is_superuser = True
    user.save()
    notebook()
    listed = {state: str(browser.get(f"/admin/providers/provider/?client={state}").content) for state in LISTS}
    assert {state: "Notebook" in page for state, page in listed.items()} == {"ready": True, "missing": True}
    assert {state: "provider/google/change" in page for state, page in listed.items()} == {
        "ready": False,
        "missing": True,
    }
    page = browser.get("/admin/providers/provider/notebook/change/").content.decode()
    assert "OAuth client id" in page
    assert "notebook.example" in page
