"""Where the test PKI's servers listen, and by which names others reach them. NEVER for production."""

import ipaddress
import os
import re
import socket
from collections.abc import Sequence
from typing import Final

from chainpilot.errors import OwnError

__all__ = ["HostNameError", "ListenError", "NameMissingError", "listen", "reachable_names", "url"]

_MAX_PORT: Final = 65535
_MAX_DNS_NAME: Final = 253
"""RFC 1035 section 2.3.4, less the root's label."""
_LABEL: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
"""RFC 1123 section 2.1."""


class ListenError(OwnError):
    """An address can't be listened on."""

    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(f"can't listen on {host}:{port}: {why}; choose another address or port (port 0: any free one)")
        self.host = host
        self.port = port
        self.why = why


class HostNameError(OwnError):
    """A word is neither a DNS name nor an IP address that others could connect to."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name!r} {why}")
        self.name = name
        self.why = why


class NameMissingError(OwnError):
    """The servers listen on every address of the machine, and nobody said by which name they are reached."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host!r} stands for every address of this machine: give the name by which others reach it")
        self.host = host


def listen(host: str, asked: int, last: int) -> socket.socket:
    """A listening socket: on the port `asked`, or where that is 0 on the `last` one if it is free, else on any.

    Raises:
        ListenError: the address isn't this machine's, or the asked port is taken, forbidden or none at all.
    """
    if not 0 <= asked <= _MAX_PORT:
        raise ListenError(host, asked, f"a port is a number from 1 to {_MAX_PORT}")
    try:
        host.encode("idna")
    except UnicodeError as error:
        raise ListenError(host, asked, str(error)) from error
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if not asked and last:
        try:
            return socket.create_server((host, last), family=family)
        except OSError:
            asked = 0
    try:
        return socket.create_server((host, asked), family=family)
    except OSError as error:
        raise ListenError(host, asked, _why(error)) from error


def reachable_names(host: str, listener: socket.socket, names: Sequence[str]) -> tuple[str, ...]:
    """The names for the TLS certificate, the one for URLs first: `names`, then `host` and `localhost`.

    Args:
        host: the address asked for.
        listener: bound to it, which shows what it stands for.
        names: DNS names and IP addresses by which others reach it.

    Raises:
        HostNameError: one of them is neither.
        NameMissingError: `host` stands for every address, and there is no name.
    """
    everywhere = ipaddress.ip_address(listener.getsockname()[0]).is_unspecified
    if everywhere and not names:
        raise NameMissingError(host)
    hosts = () if everywhere else (host,)
    return tuple(dict.fromkeys((*map(_checked, names or hosts), *hosts, "localhost")))


def url(scheme: str, name: str, port: int) -> str:
    """The address of a server, an IPv6 address in brackets (RFC 3986 section 3.2.2)."""
    return f"{scheme}://{f'[{name}]' if ':' in name else name}:{port}"


def _checked(name: str) -> str:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        labels = name.split(".")
        # an all-numeric last label is a mistyped address (RFC 3696 section 2)
        if len(name) > _MAX_DNS_NAME or not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdigit():
            raise HostNameError(name, "is neither a DNS name nor an IP address") from None
        return name
    if address.is_unspecified or "%" in name:
        raise HostNameError(name, "is no address that another machine could connect to")
    return str(address)


def _why(error: OSError) -> str:
    """Short words; `socket.create_server` puts the address into its own, which the sentence names already."""
    if isinstance(error, socket.gaierror) or not error.errno:
        return error.strerror or str(error)
    return os.strerror(error.errno)
