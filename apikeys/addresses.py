"""Where a request comes from, and which addresses count as one."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_address(request: HttpRequest) -> str | None:
    """The address of whoever asks; None where the server tells none (a Unix socket).

    X-Forwarded-For is believed only as far as AKHROT_TRUSTED_PROXIES reaches: from its right end, where our own
    proxies wrote, over trusted addresses to the first that is not one. Whatever stands left of it may be made up.
    """
    nearest = found = _parse(request.META.get("REMOTE_ADDR") or "")
    hops = request.META.get("HTTP_X_FORWARDED_FOR") or ""
    for hop in reversed(hops.split(",") if hops else []):
        if not _is_trusted(found):
            break
        found = _parse(hop)
        if found is None:
            found = nearest
            break
    return str(found) if found else None


def neighbourhood(address: str | None) -> str:
    """Who counts as one client: an IPv4 address, or the /64 that an IPv6 host has to itself."""
    parsed = _parse(address or "")
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(parsed), 64), strict=False))
    return str(parsed)


def _is_trusted(address: Address | None) -> bool:
    return address is not None and any(address in network for network in settings.AKHROT_TRUSTED_PROXIES)


def _parse(text: str) -> Address | None:
    """The address in `text` without its zone; IPv4 as such though written as IPv6 (``::ffff:1.2.3.4``)."""
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address
