"""The TLS context of a listener (OCPP 1.6 security whitepaper A00: TLS 1.2 or better, no compression)."""

import ssl

from chainpilot.cpms.config import ListenerConfig
from chainpilot.cpms.model import SecurityProfile
from chainpilot.errors import OwnError

__all__ = ["ListenerSetupError", "server_context"]


class ListenerSetupError(OwnError):
    """A listener can't be started. Fields: `name` of the listener, `why`."""

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self.why = why
        super().__init__(f"listener {name} can't be started: {why}")


def server_context(listener: ListenerConfig) -> ssl.SSLContext:
    """A fresh context: certificate and key of the listener, and for profile 3 the demand for a client certificate.

    Sessions are never resumed: every connection shows its certificate anew. Raises ListenerSetupError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    context.num_tickets = 0
    try:
        context.load_cert_chain(listener.certificate, listener.key)
    except (OSError, ssl.SSLError) as error:
        raise ListenerSetupError(listener.name, f"{listener.certificate} with {listener.key}: {error}") from error
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
