"""Which network an address belongs to: whoever has many addresses has them in one."""

import functools
import ipaddress

_ADDRESS, _WIDE = "/64", 48

_MOST_KNOWN = 4096
"""Addresses whose network is remembered: of a full one, every connection's is asked for whenever another comes."""


@functools.lru_cache(maxsize=_MOST_KNOWN)
def wide_of(address: str) -> str:
    """Return the IPv6 network of 48 bits an address as it is counted (a /64) lies in; any other address as it is.

    A provider gives a customer a /56 or a /48 (RFC 6177), which is 256 or 65,536 addresses as we count them.
    """
    if not address.endswith(_ADDRESS):
        return address
    return str(ipaddress.IPv6Network(address).supernet(new_prefix=_WIDE))
