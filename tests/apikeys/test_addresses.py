"""Whose address it is: proxies are believed as far as the operator trusts them, and not a step further."""

import ipaddress

import pytest
from django.http import HttpRequest
from django.test import RequestFactory
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from akhrot_site.environment import networks
from apikeys.addresses import client_address, neighbourhood

PROXY, INNER = "10.0.0.1", "10.9.9.9"


@pytest.fixture(autouse=True)
def trusted(settings: Settings) -> None:
    settings.AKHROT_TRUSTED_PROXIES = networks("10.0.0.0/8, fd00::/8")


def request(remote: str, forwarded: str | None = None) -> HttpRequest:
    made = RequestFactory().get("/", REMOTE_ADDR=remote)
    if forwarded is not None:
        made.META["HTTP_X_FORWARDED_FOR"] = forwarded
    return made


@pytest.mark.parametrize(
    ("remote", "forwarded", "address"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.5", "192.0.2.1"),
        (PROXY, None, PROXY),
        (PROXY, "", PROXY),
        (PROXY, "198.51.100.5", "198.51.100.5"),
        (PROXY, "203.0.113.9, 198.51.100.5", "198.51.100.5"),
        (PROXY, f"203.0.113.9, 198.51.100.5, {INNER}", "198.51.100.5"),
        (PROXY, f"{INNER}, 10.1.1.1", INNER),
        (PROXY, "198.51.100.5,", PROXY),
        (PROXY, "not an address", PROXY),
        (PROXY, f"garbage, {INNER}", PROXY),
        (PROXY, "::ffff:198.51.100.5", "198.51.100.5"),
        ("::ffff:10.0.0.1", "198.51.100.5", "198.51.100.5"),
        ("fd00::1", "2001:db8::5", "2001:db8::5"),
        ("fe80::1%eth0", None, "fe80::1"),
        (" 192.0.2.1 ", None, "192.0.2.1"),
        ("", None, None),
        ("", "198.51.100.5", None),
        ("unix:", None, None),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_proxy_of_ours(
    remote: str, forwarded: str | None, address: str | None
) -> None:
    assert client_address(request(remote, forwarded)) == address


def test_nobody_is_trusted_unless_told(settings: Settings) -> None:
    settings.AKHROT_TRUSTED_PROXIES = ()
    assert client_address(request("127.0.0.1", "198.51.100.5")) == "127.0.0.1"


addresses = st.ip_addresses().map(str)
hops = st.lists(st.one_of(addresses, st.text(max_size=20)), max_size=6).map(", ".join)


@hypothesis_settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    remote=st.one_of(addresses, st.text(max_size=20), st.just(PROXY)), forwarded=st.one_of(st.none(), hops, st.text())
)
def test_no_header_breaks_it_and_what_it_gives_is_an_address(remote: str, forwarded: str | None) -> None:
    found = client_address(request(remote, forwarded))
    assert found is None or str(ipaddress.ip_address(found)) == found
    assert neighbourhood(found)


@hypothesis_settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(forwarded=hops, client=st.ip_addresses(v=4, network="192.0.2.0/24").map(str))
def test_what_a_client_writes_itself_changes_nothing(forwarded: str, client: str) -> None:
    assert client_address(request(client, forwarded)) == client
    assert client_address(request(PROXY, f"{forwarded}, {client}")) == client


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        (None, "None"),
    ],
)
def test_an_ipv6_network_counts_as_one(address: str | None, counts_as: str) -> None:
    assert neighbourhood(address) == counts_as
