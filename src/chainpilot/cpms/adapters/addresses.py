"""Where a request may go whose URL came from outside: to public addresses, and to others only where configured.

The address that was judged is the one that is connected to, so that no name can answer twice. Which hosts may be
asked at all is not handled here.
"""

import ipaddress
import socket
from collections.abc import Iterable
from typing import Any, Final

import anyio
import httpcore

__all__ = ["AddressRefused", "AddressRules", "GuardedNetwork"]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
"""An IPv4 address in the last 32 bits (RFC 6052, RFC 8215)."""
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
"""The same without any prefix, long deprecated (RFC 4291 section 2.5.5.1)."""


class AddressRefused(httpcore.ConnectError):
    """Nothing was connected to, since no address of the host may be."""


class AddressRules:
    """Which addresses may be connected to.

    Args:
        allowed: networks that may be although they are not public.
    """

    def __init__(self, allowed: Iterable[_Network] = ()) -> None:
        self._allowed = tuple(allowed)

    def objection(self, text: str) -> str | None:
        """Why the address may not be connected to, as a sentence; None when it may.

        What an IPv6 address carries of IPv4 (mapped, compatible, 6to4, Teredo, NAT64) is judged as well as itself.
        """
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            return f"{text} is no IP address"
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped  # the same host by the other family's socket
        if any(address in network for network in self._allowed):
            return None
        if all(one.is_global and not one.is_multicast for one in (address, *_carried(address))):
            return None
        return f"{address} is no public address"


def _carried(address: _Address) -> tuple[ipaddress.IPv4Address, ...]:
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    has_low = address in _COMPATIBLE or any(address in network for network in _NAT64)
    found = (address.sixtofour, *(address.teredo or ()), low if has_low else None)
    return tuple(one for one in found if one is not None)


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """httpcore's network with `AddressRules` between the name and the connection."""

    def __init__(self, rules: AddressRules) -> None:
        self._rules = rules
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of the host that may be connected to and answers. Raises AddressRefused."""
        try:
            found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError(f"{host} has no address: {error}") from error
        addresses = tuple(dict.fromkeys(str(where[4][0]) for where in found))
        objections = {address: self._rules.objection(address) for address in addresses}
        allowed = [address for address, why in objections.items() if why is None]
        if not allowed:
            why = next((why for why in objections.values() if why is not None), f"{host} has no address")
            raise AddressRefused(why)
        failure: Exception | None = None
        for address in allowed:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError(f"{host} can't be connected to")

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        """Never: a URL names no file."""
        raise AddressRefused("a URL from outside names no socket file")

    async def sleep(self, seconds: float) -> None:
        """Between httpcore's own tries to connect, of which there are none here."""
        await self._inner.sleep(seconds)
