"""The TLS of a listener (OCPP 1.6 security whitepaper A00: TLS 1.2 or better, no compression), and its two suites.

Who may come in is decided in `admission`; how many may knock in `knocking`.

A CSMS has to offer ECDHE-ECDSA and RSA suites (A00.317, 421), so a listener may show a certificate for each. The RSA
suites are those without forward secrecy, which nobody would choose today, but OCPP names them, and there are stations
whose TLS has no other. They stand last, so whoever has a better one gets that; `static_rsa = false` withdraws them.
"""

import ssl
from collections.abc import Callable
from typing import Final, Self

from chainpilot.cpms.adapters.gateway.keyring import Keyring, ListenerSetupError
from chainpilot.cpms.adapters.gateway.knocking import Knocking
from chainpilot.cpms.config import ListenerConfig
from chainpilot.cpms.model import SecurityProfile

__all__ = ["Doorway"]

_FORWARD_SECRET: Final = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
)
"""OCPP's suites E, and the same for stations that have no ECDSA; best first."""
_STATIC_RSA: Final = ("AES256-GCM-SHA384", "AES128-GCM-SHA256")
"""OCPP's suites R, TLS_RSA_WITH_*: whoever gets the server's key later can read what was recorded."""


class Doorway(ssl.SSLContext):
    """The context an event loop makes a listener's connections with; `Doorway.open` makes one.

    On profile 3 every connection gets a TLS context of its own, so no session of an earlier one can be resumed and
    every client certificate is verified anew: OpenSSL resumes sessions of TLS 1.2 by their id even without tickets,
    from a cache in the context that Python has no switch for.
    """

    _listener: ListenerConfig
    _knocking: Knocking
    _keyring: Keyring
    _shared: ssl.SSLContext
    """Of all connections since the certificates were read last; on profile 3 the proof that one can be made."""
    _full: ssl.SSLContext

    @classmethod
    def open(cls, listener: ListenerConfig, keyring: Keyring, knocking: Knocking) -> Self:
        """The way in that shows these certificates. Raises ListenerSetupError."""
        doorway = cls(ssl.PROTOCOL_TLS_SERVER)
        doorway._listener, doorway._knocking = listener, knocking
        doorway._full = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        doorway._full.sslobject_class = _TurnedBack
        doorway.show(keyring)
        return doorway

    def show(self, keyring: Keyring) -> None:
        """Show these certificates from the next connection on; those that are there go on with theirs.

        Raises ListenerSetupError, and then nothing has changed.
        """
        try:
            shared = _context(self._listener, keyring)
        except OSError as error:
            raise ListenerSetupError(self._listener.name, str(error)) from error
        self._shared, self._keyring = shared, keyring

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
        if not self._knocking.has_room():
            return self._full.wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        proves_itself = self._listener.profile is SecurityProfile.MUTUAL_TLS
        context = _context(self._listener, self._keyring) if proves_itself else self._shared
        ssl_object = context.wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        if isinstance(ssl_object, _Knocking):
            ssl_object.failed = self._knocking.answered
        self._knocking.came(ssl_object)
        return ssl_object


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


def _context(listener: ListenerConfig, keyring: Keyring) -> ssl.SSLContext:
    """The listener's TLS. Raises ListenerSetupError, OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    context.num_tickets = 0
    suites = _FORWARD_SECRET + (_STATIC_RSA if listener.static_rsa else ())
    context.set_ciphers("@SECLEVEL=2:" + ":".join(suites))  # TLS 1.3 has suites of its own, all of them sound
    context.sslobject_class = _Knocking
    keyring.load_into(context)
    if listener.profile is SecurityProfile.MUTUAL_TLS:
        _demand_client_certificate(context, listener)
    return context


def _demand_client_certificate(context: ssl.SSLContext, listener: ListenerConfig) -> None:
    if not len(listener.client_anchors):
        raise ListenerSetupError(listener.name, "no CA is given that may issue client certificates")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata="".join(anchor.to_pem() for anchor in listener.client_anchors))
    if any(not anchor.is_self_signed for anchor in listener.client_anchors):
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
