"""Which addresses are of the internet, and which of somebody's own network."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# RFC 6052 section 2.1: the last 32 bits are an IPv4 address, to which a translator leads.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# RFC 8215: the same for the own use of a network, which Python holds to be global.
LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
# RFC 4291 section 2.5.5.1: an IPv4 address behind zeros.
COMPATIBLE = ipaddress.IPv6Network("::/96")


def is_public(text: str) -> bool:
    """Whether this is an address of the internet, in whichever way it is written. Raises ValueError for none at all."""
    found = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.is_site_local or found in LOCAL_NAT64:
            return False
        found = _inside(found) or found
    return found.is_global and not found.is_multicast


def _inside(found: ipaddress.IPv6Address) -> Address | None:
    """The IPv4 address that an IPv6 one leads to, if it holds one."""
    if found in NAT64 or found in COMPATIBLE:
        return ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return found.ipv4_mapped or found.sixtofour
