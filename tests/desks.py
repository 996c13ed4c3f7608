"""A station's end of an in-memory connection to the gateway's desk, in either version of OCPP."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainpilot.cpms.adapters.gateway.actions import Desk, Judges
from chainpilot.cpms.adapters.gateway.answers import SERVED
from chainpilot.cpms.adapters.gateway.sessions import Session
from chainpilot.cpms.adapters.gateway.transactions import TransactionNumbers
from chainpilot.cpms.adapters.ocsp_http import OcspHttp
from chainpilot.cpms.calls import CallDesk
from chainpilot.cpms.config import ServerConfig
from chainpilot.cpms.contracts import NoContracts
from chainpilot.cpms.model import SecurityProfile, Step, StepTaken
from chainpilot.cpms.ocsp import StatusDesk, Targets
from chainpilot.cpms.ports import TokenJudge
from chainpilot.cpms.tokens import NoTokens
from chainpilot.link.ocpp import OcppLink
from chainpilot.wire.version import OcppVersion
from issuers import ShownIssuers
from message_sockets import MemorySocket, socket_pair
from offices import STATION, Scene, open_scene
from payloads import CALLED

__all__ = ["OF_CSMS", "OF_STATIONS", "Counter", "open_desk"]

OF_STATIONS = [known for known in CALLED if (known.version, known.action) in SERVED]
"""The calls of stations."""
OF_CSMS = [known for known in CALLED if known not in OF_STATIONS]
"""The calls of the CSMS."""


@dataclass
class Counter:
    """The station's end of a connection to the desk."""

    socket: MemorySocket
    scene: Scene
    session: Session
    link: OcppLink
    """The desk's."""

    async def ask(self, action: str, payload: object) -> list[Any]:
        """One CALL, and the frame that answers it."""
        await self.socket.send(json.dumps([2, "1", action, payload]))
        answer: list[Any] = json.loads(await self.socket.recv())
        return answer

    async def told(self, action: str, payload: object) -> dict[str, Any]:
        """One CALL, and the payload of its CALLRESULT."""
        answer = await self.ask(action, payload)
        assert answer[0] == 3, answer
        result: dict[str, Any] = answer[2]
        return result

    @property
    def refusals(self) -> list[StepTaken]:
        """What the watcher was told of charging refused."""
        return [taken for taken in self.scene.watcher.steps if taken.step is Step.CHARGING_REFUSED]


SERVER = ServerConfig()
"""The defaults: a heartbeat every 300 s."""


@asynccontextmanager
async def open_desk(
    folder: Path,
    version: OcppVersion,
    tokens: TokenJudge | None = None,
    transactions: TransactionNumbers | None = None,
    server: ServerConfig = SERVER,
) -> AsyncIterator[Counter]:
    """A station connected to a desk that speaks this version."""
    async with open_scene(folder) as scene:
        session = Session(STATION, SecurityProfile.TLS_BASIC, version=version)
        desk = Desk(
            scene.office,
            session,
            server,
            calls=CallDesk(scene.office),
            judges=Judges(tokens or NoTokens(), NoContracts(), _nobody_known(scene)),
            transactions=transactions or TransactionNumbers(7),
        )
        near, far = socket_pair()
        link = OcppLink(near, desk.answer, clock=scene.clock, name=STATION)
        running = asyncio.create_task(link.run())
        try:
            yield Counter(far, scene, session, link)
        finally:
            await link.close()
            await running


def _nobody_known(scene: Scene) -> StatusDesk:
    """OCSP for a back office that knows no CA, and hence asks nobody."""
    return StatusDesk(ShownIssuers(), OcspHttp(), Targets(), scene.clock, scene.watcher)
