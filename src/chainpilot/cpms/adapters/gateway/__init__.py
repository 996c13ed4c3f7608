"""The stations' side: OCPP 1.6 and 2.0.1 over WebSocket, one listener per security profile."""

from chainpilot.cpms.adapters.gateway.actions import Judges
from chainpilot.cpms.adapters.gateway.keyring import ListenerSetupError
from chainpilot.cpms.adapters.gateway.server import Gateway
from chainpilot.cpms.adapters.gateway.sessions import Sessions

__all__ = ["Gateway", "Judges", "ListenerSetupError", "Sessions"]
