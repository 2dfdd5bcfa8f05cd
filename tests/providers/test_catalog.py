"""Every shipped provider file, and what the contract promises about all of them together."""

import itertools
import json
import re
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest

from connections.skill import LISTED
from providers import registry, search
from providers.spec import ProviderSpec
from tests.catalogue import BY_CODE, CATEGORIES, FILES, LOGOS, SPECS, every_provider, name_of

pytestmark = pytest.mark.catalogue

PROMISED = {
    "google", "github", "slack", "telegram", "mongodb", "supabase", "railway", "elevenlabs", "typefully",
    "openai", "twilio", "stripe", "sendgrid", "anthropic", "replicate", "cloudflare", "cohere",
    "postmark", "mailgun", "pagerduty", "vercel", "paypal", "mongodb-atlas",
}  # fmt: skip
# Files of their own for a provider that has one already, since they are called at another address or by others.
BESIDE = {"jira", "mongodb-atlas", "stripe-connect"}
# No call without side effects or cost is known that would prove these.
UNPROVEN = {
    "brave-search", "coingecko", "exa", "fal", "google-maps", "jina", "pushover", "segment", "sentry:token",
    "virustotal", "whatsapp-business",
}  # fmt: skip


def test_the_promised_providers_are_there_and_among_the_most_used() -> None:
    by_use = sorted(SPECS, key=lambda spec: (-spec.popularity, spec.code))
    assert {spec.code for spec in by_use[:LISTED]} >= PROMISED


def test_there_are_200_even_without_those_that_belong_to_another() -> None:
    assert len(BY_CODE.keys() - BESIDE) >= 200


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_file_is_named_after_its_code(path: Path) -> None:
    assert registry.read(path).code == path.stem


@every_provider
def test_it_says_what_it_is_for_and_what_it_was_checked_against(spec: ProviderSpec) -> None:
    assert spec.category in CATEGORIES
    assert 0 < spec.popularity <= 100
    assert spec.uses
    assert len(spec.uses) <= 45
    assert spec.checked.level
    assert spec.checked.against
    assert spec.checked.on
    assert spec.docs_url.startswith("https://")
    assert spec.services
    assert all(note.endswith(".") for note in spec.notes)


def test_no_two_have_one_name() -> None:
    names = [spec.name.lower() for spec in SPECS]
    assert len(set(names)) == len(names)


@every_provider
def test_its_other_names_find_it(spec: ProviderSpec) -> None:
    for alias in spec.aliases:
        assert "".join(search.words(alias)) in spec.entry.names
        assert alias.lower() not in (spec.code, spec.name.lower())


@every_provider
def test_examples_of_fields_are_no_keys(spec: ProviderSpec) -> None:
    for field in spec.fields:
        if field.secret and field.pattern and field.name != "connectionString":
            assert not re.fullmatch(field.pattern, field.example), field.name


@every_provider
def test_patterns_take_the_examples_that_are_whole_values(spec: ProviderSpec) -> None:
    for one in spec.asked:
        assert re.compile(one.pattern)
        if one.pattern and one.example and not re.search(r"[ …]|^\w+ed$", one.example):
            assert re.fullmatch(one.pattern, one.example) or getattr(one, "secret", False), one.name
        if one.default and one.pattern:
            assert re.fullmatch(one.pattern, one.default), one.name


@every_provider
def test_people_are_told_where_to_get_it(spec: ProviderSpec) -> None:
    if spec.is_pasted:
        links = [field.help_url for field in spec.fields if field.help_url]
    else:
        links = [spec.oauth.registration_url] if spec.oauth else []
    assert links
    for link in links:
        url = urlsplit(link)
        assert (url.scheme, bool(url.hostname)) == ("https", True)


@every_provider
def test_field_names_are_written_like_the_contracts(spec: ProviderSpec) -> None:
    for one in spec.asked:
        assert re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", one.name)


@every_provider
def test_a_pasted_credential_has_a_call_that_proves_it(spec: ProviderSpec) -> None:
    if spec.auth in ("api_key", "basic") and spec.base_url:
        assert (spec.verify is None) == (name_of(spec) in UNPROVEN)


@every_provider
def test_its_logo_is_a_small_drawing_and_nothing_else(spec: ProviderSpec) -> None:
    path = LOGOS / f"{spec.code}.svg"
    if not path.exists():
        return
    root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
    assert root.attrib["viewBox"] == "0 0 24 24"
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {"svg", "title", "path"}
    for element in root.iter():
        assert not [name for name in element.attrib if name.lower().startswith("on") or "href" in name]
    assert path.stat().st_size < 12_000


def test_every_logo_belongs_to_a_provider() -> None:
    assert {path.stem for path in LOGOS.glob("*.svg")} <= BY_CODE.keys()


def test_any_three_connections_fit_into_the_summary() -> None:
    codes = [spec.code for spec in sorted(SPECS, key=lambda spec: (-spec.popularity, spec.code))]
    services = {spec.code: [s.code for s in spec.services if s.default or not spec.oauth] for spec in SPECS}
    # Only the first 13 can make a difference to what is listed as available; of the others the longest matter.
    others = sorted(codes[13:], key=lambda code: -len(json.dumps({code: services[code]}, separators=(",", ":"))))
    longest = 0
    for three in itertools.combinations([*codes[:13], *others[:3]], 3):
        data = {
            "connected": {code: services[code] for code in three},
            "attention": {},
            "available": [code for code in codes if code not in three][:10],
            "availableTotal": 999,
            "next": "GET /ai/context/{provider}",
        }
        body = json.dumps({"status": "success", "data": data}, separators=(",", ":"))
        longest = max(longest, len(body.encode()))
    assert longest <= 500
