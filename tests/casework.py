"""What the rows of OCPP's own test cases are made of: a station that comes in or is refused, a call, a RENEW."""

import json
import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake
from websockets.typing import Subprotocol

from answering import BOOTS, AnsweringStation, Replies, answering, carried_out
from backoffice import OPERATOR, STATION, BackOffice
from chainpilot.cpms.model import CallState, StationCall, Step
from chainpilot.cpms.model.demands import Demand, TriggerMessage
from chainpilot.pki.keys import PrivateKey
from chainpilot.pki.trust import LeafUse
from chainpilot.wire.pnc.codec import encode_request
from chainpilot.wire.pnc.messages import (
    CertificateSignedRequest,
    CertificateSignedResponse,
    SignCertificateRequest,
    TriggerMessageRequest,
    TriggerMessageResponse,
)
from chainpilot.wire.pnc.tables import NATIVE
from chainpilot.wire.pnc.words import GenericStatus, MessageTrigger, TriggerMessageStatus
from chainpilot.wire.version import OcppVersion
from sims import csr_text

__all__ = [
    "BOTH",
    "MOMENT",
    "TRIGGERED",
    "V16",
    "V201",
    "boots",
    "by_station",
    "call",
    "dial",
    "done",
    "is_refused",
    "refused",
    "renew",
    "taking",
    "tells_event",
]

V16, V201 = OcppVersion.V16, OcppVersion.V201
BOTH = pytest.mark.parametrize("version", [V16, V201], ids=lambda version: version.value)
MOMENT: Final = "2026-06-01T12:00:00Z"
TRIGGERED: Final = (TriggerMessageRequest, TriggerMessageResponse(TriggerMessageStatus.ACCEPTED))
_TRIGGERS: Final[Mapping[OcppVersion, tuple[str, str]]] = {
    V16: ("ExtendedTriggerMessage", "SignChargePointCertificate"),
    V201: ("TriggerMessage", "SignChargingStationCertificate"),
}


def dial(office: BackOffice, version: OcppVersion, **options: Any) -> connect:
    """A station of that version at the door."""
    return office.dial(subprotocols=[Subprotocol(version.value)], **options)


async def call(socket: ClientConnection, action: str, payload: dict[str, Any]) -> list[Any]:
    """One CALL of the station and the frame that answers it."""
    await socket.send(json.dumps([2, "1", action, payload]))
    answer: list[Any] = json.loads(await socket.recv())
    return answer


async def boots(office: BackOffice, version: OcppVersion, **options: Any) -> None:
    """It comes in, and its BootNotification is accepted."""
    async with dial(office, version, **options) as socket:
        assert socket.subprotocol == version.value
        answer = await call(socket, "BootNotification", BOOTS[version])
        assert answer[0] == 3
        assert answer[2]["status"] == "Accepted"


async def is_refused(office: BackOffice, version: OcppVersion, **options: Any) -> None:
    """The upgrade is refused, or TLS already."""
    with pytest.raises((InvalidHandshake, ssl.SSLError, ConnectionError)):
        await dial(office, version, **options)


def by_station(
    office: BackOffice, version: OcppVersion, reply: Replies, **options: Any
) -> AbstractAsyncContextManager[AnsweringStation]:
    """A station that has come in and booted, speaks its version's own messages and answers by `reply`."""
    return answering(office, [NATIVE[version].dialect], reply, **options)


async def done(office: BackOffice, demand: Demand) -> StationCall:
    """Wanted of the station, and done by it."""
    carried = await carried_out(office, demand)
    assert carried.state is CallState.DONE, carried.end
    return carried


async def refused(office: BackOffice, demand: Demand, word: str) -> StationCall:
    """Wanted of the station, and refused by it with this word, which the record shows."""
    carried = await carried_out(office, demand)
    assert carried.state is CallState.REFUSED
    assert carried.end is not None
    assert word in carried.end.detail
    assert carried.exchanges[-1].answer == word
    return carried


async def tells_event(station: AnsweringStation, word: str) -> None:
    """Its SecurityEventNotification is answered."""
    frame = await station.call("SecurityEventNotification", {"type": word, "timestamp": MOMENT})
    assert frame == [3, "own", {}]


def taking(status: GenericStatus) -> tuple[type[Any], CertificateSignedResponse]:
    """The station's word on a certificate that it is sent."""
    return CertificateSignedRequest, CertificateSignedResponse(status)


async def renew(office: BackOffice, station: AnsweringStation, key: PrivateKey) -> str:
    """RENEW, up to what the station answers to CertificateSigned; the certificates that it got.

    The trigger is the right one, the request is accepted, and the chain comes with its type where there is one.
    """
    answered = office.steps.count(Step.SIGNED_ANSWERED)
    await done(office, TriggerMessage(MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE))
    action, word = _TRIGGERS[station.version]
    assert station.payloads(action)[-1] == {"requestedMessage": word}
    use = None if station.version is V16 else LeafUse.CSMS
    csr = csr_text(key, STATION, organization=OPERATOR, domain=None)
    asked = encode_request(SignCertificateRequest(csr, use), NATIVE[station.version].dialect)
    assert await station.call(asked.action, asked.payload) == [3, "own", {"status": "Accepted"}]
    await office.steps.until(Step.SIGNED_ANSWERED, answered + 1)
    signed = station.payloads("CertificateSigned")[-1]
    chain: str = signed.pop("certificateChain")
    assert signed == ({} if station.version is V16 else {"certificateType": "ChargingStationCertificate"})
    return chain
