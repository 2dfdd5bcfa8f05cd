"""``manage.py provider``."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from providers import registry, schema
from providers.models import Provider
from tests.providers.test_spec import DOCS, KEY, SANDBOX, TWILIO

pytestmark = pytest.mark.django_db


def run(*args: str) -> str:
    out = io.StringIO()
    call_command("provider", *args, stdout=out, stderr=out)
    return out.getvalue()


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_the_list_begins_with_the_most_used_and_tells_what_is_configured() -> None:
    lines = [line.split() for line in run("list").splitlines()]
    assert lines[0] == ["code", "name", "kind", "enabled", "configured"]
    assert lines[1] == ["google", "Google", "oauth2", "yes", "no"]
    assert ["twilio", "Twilio", "api_key", "yes", "yes"] in lines
    assert len(lines) == len(registry.catalogue()) + 1


def test_the_list_as_json_holds_the_same() -> None:
    rows = json.loads(run("list", "--json"))
    assert rows[0] == {
        "code": "google", "name": "Google", "kind": "oauth2", "enabled": True, "configured": False,
    }  # fmt: skip


def test_show_tells_the_redirect_uri_to_register(settings: Settings) -> None:
    settings.AKHROT_BASE_URL = "https://keys.example"
    assert "redirect URI: https://keys.example/oauth/callback/github\n" in run("show", "github")


@pytest.mark.parametrize("code", sorted(registry.catalogue()))
def test_every_provider_can_be_shown(code: str) -> None:
    assert run("show", code).startswith(f"code: {code}\n")
    assert json.loads(run("show", code, "--json"))["code"] == code


def test_schema_prints_what_editors_read() -> None:
    said = run("schema")
    assert json.loads(said) == schema.json_schema()
    # Whatever the terminal's encoding, what is saved is UTF-8.
    assert said.isascii()


def test_a_file_that_names_the_schema_is_checked_as_before(tmp_path: Path) -> None:
    line = "#:schema ./provider.schema.json"
    assert f"```toml\n{line}\n```" in DOCS.read_text(encoding="utf-8")
    (tmp_path / "x.toml").write_text(f"{line}\n{KEY}")
    assert run("check", str(tmp_path / "x.toml")).endswith("x.toml: ok (X, 0 services)\n")


def test_set_takes_a_client_and_show_never_tells_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "client secret: not set\n" in run("show", "github")
    type_in(monkeypatch, "  s3cr3t-of-ours\n")
    said = run("set", "github", "--client-id", "Iv1.abc", "--client-secret-stdin")
    row = Provider.objects.get(code="github")
    assert (row.client_id, row.client_secret, row.is_configured()) == ("Iv1.abc", "s3cr3t-of-ours", True)
    shown = run("show", "github")
    assert "client id: Iv1.abc\n" in shown
    assert "client secret: set\n" in shown
    assert "s3cr3t" not in said + shown + run("show", "github", "--json") + run("list", "--json")


def test_set_takes_an_app_where_people_sign_in_with_a_phone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "app: not set: people give their own\n" in run("show", "telegram")
    type_in(monkeypatch, "the-hash\n")
    run("set", "telegram", "--client-id", "1234567", "--client-secret-stdin")
    assert Provider.objects.get(code="telegram").app() == {"apiId": "1234567", "apiHash": "the-hash"}
    assert "app: set\n" in run("show", "telegram")
    assert "the-hash" not in run("show", "telegram") + run("show", "telegram", "--json")


def test_a_new_client_forgets_that_the_old_one_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    Provider.objects.get(code="github").client_was_refused("invalid_client")
    assert "client refused: invalid_client\n" in run("show", "github")
    type_in(monkeypatch, "new")
    run("set", "github", "--client-secret-stdin")
    row = Provider.objects.get(code="github")
    assert (row.client_refused_at, row.client_refusal) == (None, "")


def test_disabling_and_enabling_touch_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, "s3cr3t")
    said = run("set", "github", "--enable", "--client-id", "id", "--client-secret-stdin")
    assert said == "github: enabled, client id set, client secret set\n"
    assert run("set", "github", "--disable") == "github: disabled\n"
    row = Provider.objects.get(code="github")
    assert (row.enabled, row.client_id, row.client_secret) == (False, "id", "s3cr3t")
    run("set", "github", "--enable")
    assert Provider.objects.get(code="github").enabled
    assert run("set", "github", "--client-id", "") == "github: client id taken away\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("github", "--client-secret-stdin"), "client secret on standard input is empty"),
        (("github",), "Nothing to set"),
        (("openai", "--client-id", "x"), "has no OAuth client"),
        (("githb", "--enable"), "no provider 'githb'. Did you mean github"),
        (("zzzz", "--enable"), "no provider 'zzzz'. `provider list` shows all"),
        (("github", "--enable", "--disable"), "not allowed with"),
    ],
)
def test_what_cannot_be_set_is_refused(monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], message: str) -> None:
    type_in(monkeypatch, " \n")
    with pytest.raises(CommandError, match=message):
        run("set", *args)


def test_an_unknown_code_is_answered_with_the_nearest() -> None:
    with pytest.raises(CommandError, match="Did you mean openai"):
        run("show", "opena")


def test_a_provider_made_in_the_admin_is_listed_too() -> None:
    specification = registry.parse(SANDBOX, source="x").model_dump(mode="json")
    Provider.objects.create(code="sandbox", specification=specification)
    assert "sandbox" in run("list")
    assert "source: the admin\n" in run("show", "sandbox")


def test_check_accepts_good_files(tmp_path: Path) -> None:
    good, basic = tmp_path / "sandbox.toml", tmp_path / "twilio.toml"
    good.write_text(SANDBOX)
    basic.write_text(TWILIO)
    assert run("check", str(good), str(basic)).splitlines() == [
        f"{good}: ok (Sandbox, 1 services)",
        f"{basic}: ok (Twilio, 0 services)",
    ]


def test_check_names_every_fault_of_every_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad, worse, good = tmp_path / "bad.toml", tmp_path / "worse.toml", tmp_path / "x.toml"
    bad.write_text(KEY + '[send.headers]\nA = "{one}"\nB = "{two}"\n')
    worse.write_text("name = ")
    good.write_text(KEY)
    with pytest.raises(CommandError, match="2 of 3 files cannot be used") as caught:
        call_command("provider", "check", str(bad), str(worse), str(good))
    assert caught.value.returncode == 1
    said = capsys.readouterr()
    assert f"{bad}: send.headers.A: uses {{one}}" in said.err
    assert f"{bad}: send.headers.B: uses {{two}}" in said.err
    assert f"{worse}: is not TOML" in said.err
    assert f"{good}: ok (X, 0 services)" in said.out


def test_check_names_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CommandError):
        run("check", str(tmp_path / "gone.toml"))


def test_every_shipped_file_passes_the_check() -> None:
    files: list[Any] = sorted(registry.SHIPPED.glob("*.toml"))
    assert run("check", *map(str, files)).count(": ok (") == len(files)


@pytest.mark.parametrize("code", ["github", "twilio"])
def test_show_prints_the_file_of_a_shipped_one_as_it_stands(code: str) -> None:
    assert run("show", code, "--toml") == registry.file_text(code)


def test_show_prints_a_file_of_what_was_made_in_the_admin(tmp_path: Path) -> None:
    specification = registry.document_of(SANDBOX, source="x")
    Provider.objects.create(code="sandbox", specification=specification)
    path = tmp_path / "sandbox.toml"
    path.write_text(run("show", "sandbox", "--toml"))
    assert registry.read(path) == registry.parse(SANDBOX, source="x")
    assert "Sandbox" in run("check", str(path))


def test_show_says_what_toml_has_no_word_for() -> None:
    specification = registry.document_of(TWILIO, source="x")
    specification["verify"]["expect"] = {"error": None}
    Provider.objects.create(code="walnut", specification={**specification, "code": "walnut"})
    with pytest.raises(CommandError, match=r"verify\.expect\.error: is null"):
        run("show", "walnut", "--toml")
