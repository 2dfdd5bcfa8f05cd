"""Values in host names: what they decide there, and which of them may stand there."""

import pytest

from providers import hosts
from providers.registry import parse
from providers.spec import ProviderSpec


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://{shop}.shops.example/{id}?q={q}", {"shop": "part"}),
        ("https://{shop}-api.eu.shops.example", {"shop": "part"}),
        ("https://{a}.{b}.shops.example", {"a": "part", "b": "part"}),
        ("https://{host}/api", {"host": "host"}),
        ("https://{host}:8443/api", {"host": "host"}),
        ("https://api.{domain}/v1", {"domain": "host"}),
        ("https://{name}.com", {"name": "host"}),
        ("https://{name}shops.example", {"name": "host"}),
        ("https://shops.{region}/v1", {"region": "host"}),
        ("https://{shop}.{domain}", {"shop": "host", "domain": "host"}),
        ("{apiUrl}/v3", {"apiUrl": "address"}),
        ("{apiUrl}", {"apiUrl": "address"}),
        ("https://shops.example/{a}/{b}", {}),
        ("", {}),
    ],
)
def test_what_a_value_decides_in_an_address(url: str, found: dict[str, str]):
    assert dict(hosts.uses(url)) == found


@pytest.mark.parametrize(
    "value", ["acme", "acme-2", "a.b", "xn--bcher-kva.example", "acme--dev.sandbox.my", "10.0.0.1"]
)
def test_what_may_be_part_of_a_host_name(value: str):
    assert hosts.fits(value, "part")
    assert hosts.fits(f"https://{value}:8443/a/b_c-d~e.f/", "address")


@pytest.mark.parametrize(
    "value",
    ["", ".", "a.", ".a", "a..b", "-a", "a-", "a/b", "a@b", "a:b", "a?b", "a#b", "a\\b", "a%2eb", "a b", "a\n",
     "ä", "a" * 254],
)  # fmt: skip
def test_what_may_not(value: str):
    assert not hosts.fits(value, "part")
    assert not hosts.fits(value, "host")
    assert not hosts.fits(f"https://{value}", "address") or value.startswith("a/") or value == "a:b"


@pytest.mark.parametrize(
    "value",
    ["http://a.example", "ftp://a.example", "//a.example", "https://u@a.example", "https://a.example/?q", "https://a.example/../b",
     "https://a.example#f", "https://a.example:", "https://a.example:123456", "https://", "https:///a", "https://a.example//b"],
)  # fmt: skip
def test_what_is_no_address(value: str):
    assert not hosts.fits(value, "address")


def test_plain_http_is_for_hosts_that_the_operator_allows(settings):
    settings.AKHROT_ALLOW_PRIVATE_HOSTS = ["127.0.0.1"]
    assert hosts.fits("http://127.0.0.1:8000", "address")
    assert not hosts.fits("http://10.0.0.1", "address")


FILE = """
code = "x"
name = "X"
auth = "oauth2"
base_url = "{site}/v1"
[[inputs]]
name = "shop"
label = "Shop"
pattern = "[a-z/-]+X?"
[maps.dc]
source = "site"
after = "-"
[oauth]
authorize_url = "https://shops.example/{shop}"
token_url = "https://shops.example/t"
[oauth.keep]
site = "instance_url"
"""


def shops(**changes: str) -> ProviderSpec:
    text = FILE
    for old, new in changes.items():
        text = text.replace(old, new)
    return parse(text, source="x.toml")


def test_a_value_in_a_path_is_held_by_its_pattern_alone():
    assert shops().faults({"shop": "a/b"}) == {}
    assert shops().faults({"shop": "a.b"}) == {"shop": "Shop does not look right"}


def test_a_typed_value_that_its_pattern_lets_pass_is_refused_all_the_same():
    file = FILE.replace("https://shops.example/{shop}", "https://{shop}.shops.example/").replace("[a-z/-]+X?", "q[^!]q")
    assert parse(file, source="x.toml").faults({"shop": "q/q"}) == {"shop": "Shop must be part of a host name"}


def test_kept_values_are_told_by_name():
    assert shops().misfits({"site": "https://i.shops.example"}) == {}
    assert shops().misfits({"site": "https://evil.test/?"}) == {"site": "an https address"}


def test_what_a_map_cuts_out_of_a_value_is_that_values_fault():
    file = FILE.replace("{site}/v1", "https://{dc}.shops.example")
    assert parse(file, source="x.toml").misfits({"site": "a-us1"}) == {}
    assert parse(file, source="x.toml").misfits({"site": "a-us1/"}) == {"site": "part of a host name"}
