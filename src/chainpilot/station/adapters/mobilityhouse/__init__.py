"""The agent in a station made of PyPI's `ocpp`: `attach` it to the WebSocket, and `serve` the ChargePoint over both.

    async with connect(url, subprotocols=["ocpp1.6"]) as socket:
        connection = attach(agent, socket)
        station = MyChargePoint("CS-001", connection)
        await asyncio.gather(connection.serve(station), station.boot())

Two lines of a station change: the ChargePoint gets `connection` in place of the WebSocket, and `serve` runs it in place
of its `start`. Both are the library's public ways; nothing of it is imported or replaced here. `shares` says what the
agent takes, `attached` how it comes to it, `line` how it speaks, `logs` keeps the library's log free of payloads.
"""

from chainpilot.station.adapters.mobilityhouse.attached import Attached, NotAttachable, Socket
from chainpilot.station.adapters.mobilityhouse.line import ChargePoint
from chainpilot.station.adapters.mobilityhouse.logs import WithoutPayloads
from chainpilot.station.adapters.mobilityhouse.shares import ACTIONS, SETTINGS, Shares, SharesError
from chainpilot.station.agent.agent import Agent
from chainpilot.station.agent.setup import VERSIONS
from chainpilot.wire.version import OcppVersion

__all__ = [
    "ACTIONS",
    "SETTINGS",
    "Attached",
    "ChargePoint",
    "NotAttachable",
    "Shares",
    "SharesError",
    "Socket",
    "WithoutPayloads",
    "attach",
]


def attach(
    agent: Agent, socket: Socket, *, shares: Shares | None = None, version: OcppVersion | None = None
) -> Attached:
    """The connection for one ChargePoint over one open WebSocket; nothing is read or said before its `serve`.

    Args:
        agent: the station's one agent, over all its connections.
        socket: an open WebSocket.
        shares: what of the CSMS's calls is the agent's; None: what certificates and security need.
        version: of OCPP; None: the subprotocol that the WebSocket agreed on.

    Raises:
        NotAttachable: no version of OCPP that the agent speaks.
    """
    if version is None:
        agreed = getattr(socket, "subprotocol", None)
        version = next((one for one in VERSIONS if one.value == agreed), None)
    if version not in VERSIONS:
        spoken = ", ".join(one.value for one in VERSIONS)
        raise NotAttachable(f"the WebSocket agreed on no version of OCPP that the agent speaks ({spoken})")
    return Attached(agent, socket, version, shares or Shares())
