"""Going out to URLs that come from outside: the address behind a name is judged, and then that one is connected to.

A name that is looked up twice may lead elsewhere the second time, so it is looked up once.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from typing import Final

from chainpilot.errors import PeerError

__all__ = ["Address", "AddressRefused", "Network", "judge_address", "look_up"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are an IPv4 address; so they are in the local-use range of RFC 8215."""
_NAT64_LOCAL: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
"""RFC 4291 section 2.5.5.1, deprecated, and still understood by some."""
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
"""Of IPv6 nothing else is given out to anybody (RFC 4291 section 2.4); what is beyond is special or never routed."""
_NOT_PUBLIC: Final = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20")))
"""Special by IANA's registries, and public to the `ipaddress` of some versions of Python."""


class AddressRefused(PeerError):
    """A host is not connected to. Fields: `host`, `why` a sentence."""

    def __init__(self, host: str, why: str) -> None:
        super().__init__(f"{host}: {why}")
        self.host = host
        self.why = why


def judge_address(address: Address, allowed: Sequence[Network] = ()) -> str | None:
    """Why nobody outside may send us to that address; None: it is a public one, or in an `allowed` network.

    An IPv6 address that carries an IPv4 address inside is judged by that as well (mapped, compatible, 6to4, Teredo,
    NAT64): where the network translates, it leads there.
    """
    for one in (address, *_inside(address)):
        if any(one.version == network.version and one in network for network in allowed):
            continue
        if not _is_public(one):
            return f"{address} is no public address; allow_networks would allow it"
    return None


async def look_up(host: str, port: int, allowed: Sequence[Network] = ()) -> tuple[Address, ...]:
    """The addresses to connect to for a host, best first, each once; all of them must be allowed.

    Raises:
        AddressRefused: one of them is none that may be connected to.
        OSError: the name can't be resolved.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    for address in addresses:
        if (why := judge_address(address, allowed)) is not None:
            raise AddressRefused(host, why)
    return tuple(dict.fromkeys(addresses))


def _is_public(address: Address) -> bool:
    if address.is_multicast or not address.is_global or any(address in one for one in _NOT_PUBLIC):
        return False
    return isinstance(address, ipaddress.IPv4Address) or address in _UNICAST or address in _NAT64


def _inside(address: Address) -> tuple[Address, ...]:
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    last = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if address in _NAT64 or address in _NAT64_LOCAL or (address in _COMPATIBLE and int(address) > 1):
        return (last,)
    teredo = address.teredo or ()
    return tuple(one for one in (address.ipv4_mapped, address.sixtofour, *teredo) if one is not None)
