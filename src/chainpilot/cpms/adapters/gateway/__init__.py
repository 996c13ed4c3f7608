"""The stations' side: OCPP 1.6J over WebSocket over TLS, one listener per security profile."""

from chainpilot.cpms.adapters.gateway.server import Gateway
from chainpilot.cpms.adapters.gateway.sessions import Sessions

__all__ = ["Gateway", "Sessions"]
