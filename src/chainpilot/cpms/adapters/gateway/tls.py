"""The TLS of a listener (OCPP 1.6 security whitepaper A00: TLS 1.2 or better, no compression), and how many may knock.

Who may come in is decided in `admission`.
"""

import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self
from weakref import WeakKeyDictionary, finalize

from chainpilot.clock import Clock
from chainpilot.cpms.config import ListenerConfig
from chainpilot.cpms.model import SecurityProfile
from chainpilot.errors import OwnError

__all__ = ["MAX_KNOCKING", "OPENING", "TLS_HANDSHAKE", "Doorway", "ListenerSetupError"]

MAX_KNOCKING: Final = 500
"""Connections of one listener between TCP's accept and the verdict; the excess is closed at once and may come back.

Each costs some 60 KB, and the verdict takes milliseconds: only a crowd of thousands or somebody who stalls fills it.
"""
TLS_HANDSHAKE: Final = 10.0
"""Seconds for the TLS handshake: a station on a bad mobile link takes two or three."""
OPENING: Final = 20.0
"""Seconds for the WebSocket handshake after it; a crowd of people's passwords waits for scrypt."""


class ListenerSetupError(OwnError):
    """A listener can't be started. Fields: `name` of the listener, `why`."""

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self.why = why
        super().__init__(f"listener {name} can't be started: {why}")


class Doorway(ssl.SSLContext):
    """The context an event loop makes a listener's connections with; `Doorway.open` makes one.

    On profile 3 every connection gets a TLS context of its own, so no session of an earlier one can be resumed and
    every client certificate is verified anew: OpenSSL resumes sessions of TLS 1.2 by their id even without tickets,
    from a cache in the context that Python has no switch for. Certificate and key are read once; the contexts are made
    from that copy, which is in memory only.
    """

    _listener: ListenerConfig
    _clock: Clock
    _files: tuple[str, str]
    _knocking: WeakKeyDictionary[ssl.SSLObject, float]
    """Since when, in monotonic seconds."""
    _full: ssl.SSLContext

    @classmethod
    def open(cls, listener: ListenerConfig, clock: Clock) -> Self:
        """Read the listener's files. Raises ListenerSetupError."""
        doorway = cls(ssl.PROTOCOL_TLS_SERVER)
        try:
            doorway._files = (doorway._copy(listener.certificate), doorway._copy(listener.key))
            doorway._listener, doorway._clock, doorway._knocking = listener, clock, WeakKeyDictionary()
            doorway._full = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            doorway._full.sslobject_class = _TurnedBack
            _set_up(doorway, listener, doorway._files)
        except (OSError, ssl.SSLError) as error:
            why = f"{listener.certificate} with {listener.key}: {error}"
            raise ListenerSetupError(listener.name, why) from error
        return doorway

    def _copy(self, path: Path) -> str:
        descriptor = os.memfd_create("chainpilot-listener", os.MFD_CLOEXEC)
        finalize(self, os.close, descriptor)
        with open(descriptor, "wb", closefd=False) as copy:
            copy.write(path.read_bytes())
        return f"/proc/self/fd/{descriptor}"

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002 - SSLContext's own signature
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Begin TLS on a connection just accepted; asyncio and uvloop call it once for each.

        If too many are knocking, the handshake fails with its first step, upon which they close the connection.
        """
        if not self._has_room():
            return self._full.wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        begin = super().wrap_bio
        if self._listener.profile is SecurityProfile.MUTUAL_TLS:
            fresh = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            _set_up(fresh, self._listener, self._files)
            begin = fresh.wrap_bio
        ssl_object = begin(incoming, outgoing, server_side, server_hostname, session)
        if isinstance(ssl_object, _Knocking):
            ssl_object.failed = self.answered
        self._knocking[ssl_object] = self._clock.monotonic()
        return ssl_object

    def _has_room(self) -> bool:
        """Whoever vanished is forgotten when its connection is collected, at the latest when its time was over."""
        if len(self._knocking) >= MAX_KNOCKING:
            over = self._clock.monotonic() - TLS_HANDSHAKE - OPENING
            for ssl_object in [one for one, since in self._knocking.items() if since < over]:
                del self._knocking[ssl_object]
        return len(self._knocking) < MAX_KNOCKING

    def answered(self, ssl_object: object) -> None:
        """The connection has its verdict; it isn't knocking any more."""
        if isinstance(ssl_object, ssl.SSLObject):
            self._knocking.pop(ssl_object, None)


class _Knocking(ssl.SSLObject):
    """TLS that tells when its handshake fails: nobody else would, before the garbage collector finds it."""

    failed: Callable[[ssl.SSLObject], None] | None = None

    def do_handshake(self) -> None:
        """Go on with the handshake."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            if self.failed is not None:
                self.failed(self)
            raise


class _TurnedBack(ssl.SSLObject):
    """TLS that never begins. Raising where the connection is made would leave asyncio's socket open."""

    def do_handshake(self) -> None:
        """Fail."""
        raise ssl.SSLError("too many connections are knocking")


def _set_up(context: ssl.SSLContext, listener: ListenerConfig, files: tuple[str, str]) -> None:
    """Certificate and key of the listener, and for profile 3 the demand for a client certificate."""
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.sslobject_class = _Knocking
    context.load_cert_chain(*files)
    if listener.profile is SecurityProfile.MUTUAL_TLS:
        _demand_client_certificate(context, listener)


def _demand_client_certificate(context: ssl.SSLContext, listener: ListenerConfig) -> None:
    if not len(listener.client_anchors):
        raise ListenerSetupError(listener.name, "no CA is given that may issue client certificates")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata="".join(anchor.to_pem() for anchor in listener.client_anchors))
    if any(not anchor.is_self_signed for anchor in listener.client_anchors):
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
