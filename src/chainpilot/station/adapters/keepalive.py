"""TCP's own look whether the CSMS is still there, for a connection over which nothing is said."""

import socket
from contextlib import suppress
from types import MappingProxyType
from typing import Final

from websockets.asyncio.client import ClientConnection

__all__ = ["KEEPALIVE", "keep_alive"]

KEEPALIVE: Final = MappingProxyType({"TCP_KEEPIDLE": 300, "TCP_KEEPINTVL": 30, "TCP_KEEPCNT": 4})
"""TCP's own probes (RFC 9293 section 3.8.4), by Linux's names: the first after 300 s without a byte, the next ones 30 s
apart, and after four in vain the peer is gone. Where WebSocket pings are on, a connection is never idle so long."""


def keep_alive(connection: ClientConnection) -> None:
    """Have the system notice a peer that is gone without a word: the CSMS may have switched pings off."""
    tcp = connection.transport.get_extra_info("socket")
    with suppress(OSError, ValueError):  # it has ended already, as whoever reads from it will see
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in KEEPALIVE.items():
            if (option := getattr(socket, name, None)) is not None:  # elsewhere than on Linux the system's own times
                tcp.setsockopt(socket.IPPROTO_TCP, option, value)
