"""The schema as JSON Schema: what the model takes and refuses, and a meaning for every key."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from jsonschema import Draft202012Validator

from providers import registry, schema
from providers.parts import Asked, Part
from tests.catalogue import FILES
from tests.providers.test_spec import DOCS, KEY, OAUTH, SANDBOX

SCHEMA = schema.json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
PLAIN = """
code = "walnut"
name = "Walnut"
auth = "api_key"
base_url = "https://api.walnut.example"
[[fields]]
name = "apiKey"
label = "API key"
[send.headers]
Authorization = "Bearer {apiKey}"
"""
EXAMPLES = re.findall(r"^```toml\n(.*?)^```", DOCS.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
KEYS = [(kind, key) for kind, keys in schema.tables().items() for key in keys]
every_key = pytest.mark.parametrize(("kind", "key"), KEYS, ids=lambda one: getattr(one, "__name__", "") or one.name)


def faults(document: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(document)]


def both_take(document: dict[str, Any]) -> None:
    assert faults(document) == []
    registry.validate(document, source="x")


def merged(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """`more` in the place of what `base` has, table by table."""
    tables = {name: merged(base.get(name, {}), value) for name, value in more.items() if isinstance(value, dict)}
    return {**base, **more, **tables}


def test_it_is_json_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


@pytest.mark.catalogue
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_takes_every_shipped_file(path: Path) -> None:
    assert faults(tomllib.loads(path.read_text(encoding="utf-8"))) == []


def test_it_takes_a_plain_provider() -> None:
    assert len(PLAIN.strip().splitlines()) <= 10
    both_take(tomllib.loads(PLAIN))


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: text.partition("\n")[0])
def test_it_takes_the_examples_of_the_documentation(text: str) -> None:
    document = tomllib.loads(text)
    if "code" not in document:
        # A part of a file, shown alone; the scopes are for a second token, which must have one.
        rest = tomllib.loads(OAUTH)
        rest["oauth"]["scopes"] = ["user:read"]
        document = merged(rest, document)
    both_take(document)


def test_the_documentation_has_whole_examples_and_parts() -> None:
    whole = ["code" in tomllib.loads(text) for text in EXAMPLES]
    assert min(whole.count(True), whole.count(False)) >= 4


@pytest.mark.parametrize(
    "text",
    [
        'checked = "its documentation, May 2026"\n' + KEY,
        'checked = { level = "agreed", on = "2026-11" }\n' + KEY,
        OAUTH + '[oauth.identity]\nurl = "https://id.example/me"\nid = "sub"\nlabel = ["email", "name"]\n',
        OAUTH + '[oauth.identity]\nurl = "https://id.example/me"\nid = ["team", "sub"]\nlabel = "name"\n',
        OAUTH + '[oauth.after]\nurl = "https://id.example/sites"\nlist = ""\nid = "id"\nkeep = { site = "id" }\n',
        KEY + '[verify]\nurl = "{apiUrl}/v3?a={{b}}"\n[maps.apiUrl]\nsource = "key"\nvalues = {}\n',
        'way = { code = "", services = [] }\n' + KEY,
    ],
)
def test_it_takes_each_form_that_a_value_may_have(text: str) -> None:
    both_take(tomllib.loads(text))


def test_it_takes_the_nulls_of_json() -> None:
    both_take(tomllib.loads(KEY) | {"oauth": None, "verify": None})


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (KEY.replace('"X"', "3"), "$.name"),
        (KEY.replace('"x"', '"X Y"'), "$.code"),
        (KEY.replace("api_key", "oauth3"), "$.auth"),
        (KEY.replace('label = "Key"\n', ""), "$.fields[0]"),
        ('colour = "red"\n' + KEY, "$"),
        ('aliases = "Walnut"\n' + KEY, "$.aliases"),
        ('checked = { on = "last week" }\n' + KEY, "$.checked"),
        ("checked = 3\n" + KEY, "$.checked"),
        (KEY + '[send]\nbasic = ["{key}"]\n', "$.send.basic"),
        (KEY + '[send.headers]\nA = "{key"\n', "$.send.headers.A"),
        (KEY + '[send.headers]\nA = "{key:>99}"\n', "$.send.headers.A"),
        (KEY + '[verify]\nurl = "ftp://a.example"\n', "$.verify"),
        (KEY + '[verify]\nurl = "https://a.example"\nid = [1]\n', "$.verify"),
        (KEY + '[verify]\nurl = "https://a.example"\nmethod = "PUT"\n', "$.verify"),
        (KEY + '[maps.a-b]\nsource = "key"\n', "$.maps"),
        (KEY + "[maps.host]\nvalues = {}\n", "$.maps.host"),
        (OAUTH.replace("token_url", "token_uri"), "$.oauth"),
        (OAUTH + "lifetime = 0\n", "$.oauth"),
        (OAUTH + '[oauth.answer]\ntoken = "a"\n', "$.oauth"),
        (OAUTH + '[oauth.revoke]\nends = "all"\n', "$.oauth"),
        (SANDBOX + 'query = "a"\n', "$.services[0].examples[0]"),
    ],
)
def test_it_refuses_what_the_model_refuses_and_says_where(text: str, place: str) -> None:
    document = tomllib.loads(text)
    with pytest.raises(registry.BadProviderFile):
        registry.validate(document, source="x")
    assert any(fault.startswith(f"{place}: ") for fault in faults(document)), faults(document)


def described() -> Iterator[tuple[type[Part], dict[str, Any]]]:
    for kind in schema.tables():
        yield kind, SCHEMA["$defs"].get(kind.__name__, SCHEMA)


def test_every_table_and_every_key_is_described_and_closed() -> None:
    assert SCHEMA["title"]
    for kind, table in described():
        assert table["description"], kind
        assert table["additionalProperties"] is False, kind
        assert set(table["properties"]) == set(kind.model_fields)
        for name, key in table["properties"].items():
            assert all((key["title"], key["description"])), f"{kind.__name__}.{name}"
            assert key.get("default", "") is not None


def test_every_table_that_there_is_can_be_reached_from_a_file() -> None:
    made = {*Part.__subclasses__(), *(inner for kind in Part.__subclasses__() for inner in kind.__subclasses__())}
    assert made - {Asked} == set(schema.tables())


@every_key
def test_every_key_has_a_meaning_in_one_line(kind: type[Part], key: schema.Key) -> None:
    assert key.meaning
    assert "\n" not in key.meaning + key.default
    assert key.meaning[0] != " "
    assert key.meaning[-1] in ".:"


def choices(annotation: Any) -> list[str]:
    """The words that a type allows, but for the empty one."""
    if get_origin(annotation) is Literal:
        return [word for word in get_args(annotation) if word]
    return [word for inner in get_args(annotation) for word in choices(inner)]


@every_key
def test_every_word_that_a_key_may_have_is_told(kind: type[Part], key: schema.Key) -> None:
    for word in choices(kind.model_fields[key.name].annotation):
        assert f'`"{word}"`' in key.meaning


def test_a_default_in_words_is_told_with_the_meaning() -> None:
    oauth = SCHEMA["$defs"]["OAuth"]["properties"]
    assert oauth["margin"]["description"].endswith("Default: the smaller of 300 and a tenth of the lifetime.")
    assert "default" not in oauth["margin"]
    assert oauth["pkce"]["default"] == "supported"
    assert SCHEMA["properties"]["access_token"]["description"].endswith("Default: the last secret field.")
    assert SCHEMA["properties"]["way"]["default"] == {}


def test_a_key_says_what_the_class_that_declares_it_last_says() -> None:
    after, verify = SCHEMA["$defs"]["After"]["properties"], SCHEMA["$defs"]["Verify"]["properties"]
    assert after["id"]["description"] != verify["id"]["description"]
    assert after["status"]["description"] == verify["status"]["description"]


def test_nothing_that_serves_requests_reads_it() -> None:
    """It reads sources and makes the whole schema once more, for which no start should wait."""
    code = "import django; django.setup(); import akhrot_site.urls, akhrot_site.celery, sys; print(*sys.modules)"
    environment = {"DJANGO_SETTINGS_MODULE": "akhrot_site.settings", "SECRET_KEY": "a" * 60}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "providers.spec" in done.stdout.split()
    assert "providers.schema" not in done.stdout.split()
