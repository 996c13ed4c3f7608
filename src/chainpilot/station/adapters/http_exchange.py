"""One HTTP exchange with a server that a CSMS named: connected, bounded in time, its failures in plain words.

Redirects are not followed and proxies not asked: a user's name and a password must not travel elsewhere. Files, and
which transfer is asked for, are `transfers`'s.
"""

import base64
import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from chainpilot.errors import ChainpilotError
from chainpilot.station.agent.locations import FileLocation
from chainpilot.station.agent.ports import Obstacle, TransferRefused, TransferUndecided

__all__ = ["Exchange", "TransferLimits", "headers_for", "in_words", "tls_context", "verdict_on"]


@dataclass(frozen=True, slots=True)
class TransferLimits:
    """How long a transfer may take, and how much may be sent."""

    stall_seconds: float = 60.0
    """Without a byte from the server, or to it."""
    total_seconds: float = 7200.0
    """From the connection to the last byte: 512 MB over a modem at 0.6 Mbit/s."""
    most_sent: int = 256 << 20
    """Bytes of one file that is brought."""


class Exchange:
    """An open connection to a location's server; a context that closes it.

    After `total_seconds` it is cut whatever it is doing: a server that sends a byte now and then keeps nobody waiting.
    """

    def __init__(self, location: FileLocation, tls: ssl.SSLContext | None, limits: TransferLimits) -> None:
        """Connect, with TLS where a context is given. Raises whatever `socket` and `ssl` do."""
        self._expired = threading.Event()
        self.connection = http.client.HTTPConnection(location.host, location.port)
        raw = socket.create_connection((location.host, location.port), limits.stall_seconds)
        self._socket = raw
        self._timer = threading.Timer(limits.total_seconds, self._expire)
        self._timer.daemon = True
        try:
            if tls is not None:
                self._socket = tls.wrap_socket(raw, server_hostname=location.host, do_handshake_on_connect=False)
            self._timer.start()
            if isinstance(self._socket, ssl.SSLSocket):
                self._socket.do_handshake()
        except BaseException:  # whatever ends it, no connection is left open
            self.close()
            raise
        self.connection.sock = self._socket
        self.connection.auto_open = 0

    @property
    def is_expired(self) -> bool:
        """Whether it was cut because it took too long."""
        return self._expired.is_set()

    def _expire(self) -> None:
        self._expired.set()
        with contextlib.suppress(OSError):
            # the TCP connection itself: TLS's own farewell would wait for the thread that reads
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        """End the connection."""
        self._timer.cancel()
        self.connection.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def headers_for(location: FileLocation) -> dict[str, str]:
    """What every request says; a user's name and password as Basic authentication (RFC 7617)."""
    headers = {"Host": location.place, "Connection": "close", "User-Agent": "chainpilot"}
    if location.user is not None:
        pair = f"{location.user}:{location.password.value}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode('ascii')}"
    return headers


def tls_context(ca_file: Path | None, anchors: Callable[[], str]) -> ssl.SSLContext:
    """TLS 1.2 or later, the server's name and chain checked against a file's CAs, else the system's, and `anchors`.

    Raises:
        OSError: the file isn't there, or holds no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Python 3.13 sets it, earlier ones don't; real servers' chains lack what it demands (x509.md duty 9)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    else:
        context.load_default_certs()
    if more := anchors():
        context.load_verify_locations(cadata=more)
    return context


_DENIED: Final = frozenset({401, 403, 407})
_UNSUPPORTED: Final = frozenset({405, 501})
_PASSING: Final = frozenset({408, 425, 429, *range(500, 600)}) - _UNSUPPORTED


def verdict_on(status: int, place: str) -> TransferRefused | TransferUndecided:
    """What an HTTP status that isn't success means for the transfer."""
    where = f"the server at {place} answers {status}"
    if status in _PASSING:
        return TransferUndecided(f"{where}: it is busy or broken")
    if status in _DENIED:
        return TransferRefused(f"{where}: it doesn't allow this to us", Obstacle.DENIED)
    if status in _UNSUPPORTED:
        return TransferRefused(f"{where}: it doesn't do this", Obstacle.NOT_SUPPORTED)
    if status == 400:
        return TransferRefused(f"{where}: it doesn't understand us", Obstacle.NOT_UNDERSTOOD)
    if 300 <= status < 400:
        return TransferRefused(f"{where}: redirects are not followed; name the place itself")
    return TransferRefused(where)


@contextlib.contextmanager
def in_words(place: str) -> Iterator[None]:
    """Lets one family out, whatever is raised inside (house style rule 4); ours passes as it is.

    No foreign text is quoted but the operating system's and OpenSSL's own words, and an exception of HTTP's is no
    cause: it may hold what the server said, and a server may repeat the URL.
    """
    where = f"the server at {place}"
    try:
        yield
    except ChainpilotError:
        raise
    except ssl.SSLCertVerificationError as error:
        why = f"{where} presents a certificate we don't trust ({error.verify_message})"
        raise TransferRefused(why) from error
    except (http.client.IncompleteRead, http.client.RemoteDisconnected):
        raise TransferUndecided(f"{where} broke off") from None
    except http.client.HTTPException as error:
        why = f"what {where} says is no HTTP ({type(error).__name__})"
        raise TransferRefused(why, Obstacle.NOT_UNDERSTOOD) from None
    except ssl.SSLError as error:
        raise TransferUndecided(f"no TLS connection with {where} ({error.reason or 'broken off'})") from error
    except TimeoutError as error:
        raise TransferUndecided(f"{where} is silent") from error
    except OSError as error:
        why = f"{where} can't be reached, or broke off ({error.strerror or type(error).__name__})"
        raise TransferUndecided(why) from error
    except Exception as error:  # noqa: BLE001 - the border of house style rule 4
        raise TransferUndecided(f"the exchange with {where} failed ({type(error).__name__})") from None
