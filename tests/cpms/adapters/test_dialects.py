"""Stations of every dialect at the back office: over real WebSockets for the enrolment, at the desk for the rest."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.typing import Subprotocol

from backoffice import EVSE, STATION, open_back_office
from chainpilot.cpms.config import ServerConfig
from chainpilot.cpms.model import Reason, Step
from chainpilot.pki.encoding import PemLabel, recognise
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.pki.trust import LeafUse
from chainpilot.wire.pnc.codec import DecodedRequest, decode_request, decode_response, encode_request, encode_response
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.messages import (
    AuthorizeRequest,
    CertificateSignedRequest,
    CertificateSignedResponse,
    DeleteCertificateRequest,
    Get15118EVCertificateRequest,
    Get15118EVCertificateResponse,
    GetCertificateStatusRequest,
    GetCertificateStatusResponse,
    GetInstalledCertificateIdsRequest,
    GetInstalledCertificateIdsResponse,
    IdToken,
    InstallCertificateRequest,
    OcspRequestData,
    PncRequest,
    PncResponse,
    SignCertificateRequest,
    SignCertificateResponse,
    TriggerMessageRequest,
)
from chainpilot.wire.pnc.tables import DIALECTS
from chainpilot.wire.pnc.words import (
    CertificateUse,
    GenericStatus,
    GetCertificateStatusStatus,
    GetInstalledCertificateStatus,
    Iso15118EvCertificateStatus,
    MessageTrigger,
)
from chainpilot.wire.version import OcppVersion
from desks import Counter, open_desk
from sims import csr_text

__all__: list[str] = []

pytestmark = pytest.mark.anyio

HASH = CertificateHashData(HashAlgorithm.SHA256, "aa", "bb", "1")
QUESTION = OcspRequestData(HASH, "http://ocsp.example.org")
SPOKEN = [Dialect.H, Dialect.O, Dialect.S, Dialect.V201]
"""Those that the gateway offers; 2.1 is the codec's alone so far."""
OF_V2G = [dialect for dialect in SPOKEN if dialect is not Dialect.S]
CSMS_ONLY: list[PncRequest] = [
    CertificateSignedRequest("chain"),
    InstallCertificateRequest(CertificateUse.CSMS_ROOT_CERTIFICATE, "root"),
    DeleteCertificateRequest(HASH),
    GetInstalledCertificateIdsRequest((CertificateUse.CSMS_ROOT_CERTIFICATE,)),
    TriggerMessageRequest(MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE),
]


@dataclass
class Station:
    """A station's end of a WebSocket, in one dialect."""

    socket: ClientConnection
    dialect: Dialect

    async def ask(self, request: PncRequest) -> PncResponse:
        """One call of the station, and its answer."""
        call = encode_request(request, self.dialect)
        await self.socket.send(json.dumps([2, "1", call.action, call.payload]))
        kind, _, payload = json.loads(await self.socket.recv())
        assert kind == 3
        answer = decode_response(request, self.dialect, payload)
        assert isinstance(answer, PncResponse)
        return answer

    async def asked(self) -> tuple[str, DecodedRequest]:
        """The next call of the back office: its id and what it says."""
        _, message_id, action, payload = json.loads(await self.socket.recv())
        found = decode_request(action, payload, DIALECTS[self.dialect].version)
        assert isinstance(found, DecodedRequest), found
        return message_id, found

    async def answer(self, message_id: str, response: PncResponse) -> None:
        """Answer it in the station's dialect."""
        await self.socket.send(json.dumps([3, message_id, encode_response(response, self.dialect)]))


@pytest.mark.parametrize(
    ("dialect", "use"),
    [
        *((dialect, LeafUse.V2G) for dialect in OF_V2G),
        *((dialect, LeafUse.CSMS) for dialect in SPOKEN),
    ],
    ids=lambda value: value.value,
)
async def test_a_station_gets_its_certificate_in_its_own_dialect(
    tmp_path: Path, dialect: Dialect, use: LeafUse
) -> None:
    """SignCertificate, CertificateSigned and the reading back, through gateway, database and worker."""
    name, domain = (EVSE, "CPO") if use is LeafUse.V2G else (STATION, None)
    csr = csr_text(generate_private_key(KeySpec.P256), name, domain=domain)
    subprotocols = [Subprotocol(DIALECTS[dialect].version.value)]
    async with open_back_office(tmp_path) as office, office.dial(subprotocols=subprotocols) as socket:
        station = Station(socket, dialect)
        said = await station.ask(SignCertificateRequest(csr, None if dialect is Dialect.S else use))
        assert said == SignCertificateResponse(GenericStatus.ACCEPTED)
        message_id, found = await station.asked()
        assert found.dialect is dialect
        signed = found.request
        assert isinstance(signed, CertificateSignedRequest)
        assert signed.certificate_type is (None if dialect is Dialect.S else use)
        assert len(recognise(signed.certificate_chain, PemLabel.CERTIFICATE).blocks) > 1
        await station.answer(message_id, CertificateSignedResponse(GenericStatus.ACCEPTED))
        if use is LeafUse.V2G:
            message_id, asked = await station.asked()
            assert asked == DecodedRequest(
                dialect, GetInstalledCertificateIdsRequest((CertificateUse.V2G_CERTIFICATE_CHAIN,))
            )
            nothing = GetInstalledCertificateIdsResponse(GetInstalledCertificateStatus.NOT_FOUND)
            await station.answer(message_id, nothing)
        await office.steps.until(Step.INSTALL_RECORDED)


@pytest.mark.parametrize("dialect", [Dialect.S, Dialect.V201], ids=lambda value: value.value)
async def test_a_use_left_out_means_the_client_certificate_in_ocpp_s_own_messages(
    tmp_path: Path, dialect: Dialect
) -> None:
    """pnc-messages.md section 4: only H and O take the common name for an answer."""
    csr = csr_text(generate_private_key(KeySpec.P256), EVSE)
    subprotocols = [Subprotocol(DIALECTS[dialect].version.value)]
    async with open_back_office(tmp_path) as office, office.dial(subprotocols=subprotocols) as socket:
        said = await Station(socket, dialect).ask(SignCertificateRequest(csr))
        assert isinstance(said, SignCertificateResponse)
        assert said.status is GenericStatus.REJECTED
        refused = await office.steps.until(Step.REQUEST_REFUSED)
        assert refused.use is LeafUse.CSMS
        assert refused.facts["reason"] == Reason.CSR_NAME_MISMATCH.value


@pytest.mark.parametrize("dialect", [Dialect.O, Dialect.S], ids=lambda value: value.value)
async def test_a_station_is_asked_in_the_dialect_of_its_earlier_connection(tmp_path: Path, dialect: Dialect) -> None:
    """It asks and goes, and gets its certificate when it is back, before it has said a word of Plug & Charge."""
    csr = csr_text(generate_private_key(KeySpec.P256), STATION, domain=None)
    async with open_back_office(tmp_path) as office:
        async with office.dial() as socket:
            station = Station(socket, dialect)
            await station.ask(SignCertificateRequest(csr, None if dialect is Dialect.S else LeafUse.CSMS))
            await station.asked()
        record = await office.cpms.ledger.station(STATION)
        assert record is not None
        assert record.dialects == (dialect,)
        async with office.dial() as socket:
            await socket.send(json.dumps([2, "1", "Heartbeat", {}]))
            assert json.loads(await socket.recv())[0] == 3
            message_id, found = await Station(socket, dialect).asked()
            assert found.dialect is dialect
            await Station(socket, dialect).answer(message_id, CertificateSignedResponse(GenericStatus.ACCEPTED))
            await office.steps.until(Step.INSTALL_RECORDED)


async def test_of_several_subprotocols_the_newest_that_is_served_is_taken(tmp_path: Path) -> None:
    offered = [Subprotocol(name) for name in ("ocpp2.1", "ocpp1.6", "ocpp2.0.1", "ocpp0.1")]
    async with open_back_office(tmp_path) as office, office.dial(subprotocols=offered) as socket:
        assert socket.subprotocol == "ocpp2.0.1"


async def told(counter: Counter, dialect: Dialect, request: PncRequest) -> Any:
    """The answer to a call at the desk."""
    call = encode_request(request, dialect)
    return decode_response(request, dialect, await counter.told(call.action, call.payload))


@pytest.mark.parametrize("dialect", OF_V2G, ids=lambda value: value.value)
async def test_what_is_not_served_yet_is_refused_in_its_own_words(tmp_path: Path, dialect: Dialect) -> None:
    async with open_desk(tmp_path, DIALECTS[dialect].version) as counter:
        contract = await counter.told(
            *_call(AuthorizeRequest(IdToken("DE8AA1A2B3C4D5"), certificate_hash_data=(QUESTION,)), dialect)
        )
        inner = contract if dialect is Dialect.V201 else json.loads(contract["data"])
        assert inner["idTokenInfo"] == {"status": "Invalid"}
        assert inner["certificateStatus"] == ("Accepted" if dialect is Dialect.H else "CertChainError")
        vehicle = await told(counter, dialect, Get15118EVCertificateRequest("urn:iso", "gAA="))
        assert isinstance(vehicle, Get15118EVCertificateResponse)
        assert (vehicle.status, vehicle.exi_response) == (Iso15118EvCertificateStatus.FAILED, "")
        status = await told(counter, dialect, GetCertificateStatusRequest((QUESTION,)))
        assert isinstance(status, GetCertificateStatusResponse)
        assert status.status is GetCertificateStatusStatus.FAILED


def _call(request: PncRequest, dialect: Dialect) -> tuple[str, dict[str, object]]:
    call = encode_request(request, dialect)
    return call.action, call.payload


@pytest.mark.parametrize("kind", ["ISO14443", "KeyCode", "of a later version"])
async def test_a_card_at_a_station_of_2_0_1_is_the_token_judge_s(tmp_path: Path, kind: str) -> None:
    async with open_desk(tmp_path, DIALECTS[Dialect.V201].version) as counter:
        answer = await counter.told(*_call(AuthorizeRequest(IdToken("04A1B2C3", kind)), Dialect.V201))
        assert answer == {"idTokenInfo": {"status": "Invalid"}}
        (refused,) = counter.refusals
        assert "04A1B2C3" not in str(refused)


@pytest.mark.parametrize("request_", CSMS_ONLY, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("dialect", SPOKEN, ids=lambda value: value.value)
async def test_what_only_a_csms_says_is_not_served(tmp_path: Path, dialect: Dialect, request_: PncRequest) -> None:
    async with open_desk(tmp_path, DIALECTS[dialect].version) as counter:
        answer = await counter.ask(*_call(request_, dialect))
        if DIALECTS[dialect].vendor_id is not None:
            assert answer == [3, "1", {"status": "UnknownMessageId"}]
        else:
            assert answer[:3] == [4, "1", "NotSupported"]
        assert [taken.step for taken in counter.scene.watcher.steps] == [Step.MESSAGE_REFUSED]


@pytest.mark.parametrize("dialect", [Dialect.H, Dialect.O], ids=lambda value: value.value)
@pytest.mark.parametrize("data", ["{}", "no JSON", None], ids=["readable", "unreadable", "missing"])
@pytest.mark.parametrize("message", ["SignCertificate", "Authorize", "NeverHeardOf"])
async def test_an_extension_that_is_switched_off_has_an_unknown_vendor(
    tmp_path: Path, dialect: Dialect, message: str, data: str | None
) -> None:
    """pnc-messages.md section 2, error layers; a payload that breaks OCPP's own schema is a CALLERROR all the same."""
    async with open_desk(tmp_path, OcppVersion.V16, server=ServerConfig(data_transfer=False)) as counter:
        payload = {"vendorId": DIALECTS[dialect].vendor_id, "messageId": message}
        answer = await counter.told("DataTransfer", {**payload, **({"data": data} if data is not None else {})})
        assert answer == {"status": "UnknownVendorId"}
        assert (await counter.ask("DataTransfer", {"vendorId": 1}))[2] == "TypeConstraintViolation"
