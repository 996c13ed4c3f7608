"""PyPI's `ocpp` plays a station that speaks OCPP's own Plug & Charge messages: 2.0.1, and 1.6's security whitepaper."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import ocpp.v16
import ocpp.v201
import pytest
from ocpp.routing import on
from websockets.typing import Subprotocol

from backoffice import EVSE, OPERATOR, STATION, BackOffice, open_back_office
from chainpilot.cpms.model import EnrolmentState, Proof, Step
from chainpilot.pki.certificate import load_certificates
from chainpilot.pki.chain import chain_from_stack
from chainpilot.pki.hashdata import chain_hash_data
from chainpilot.pki.keys import KeySpec, generate_private_key, spki_hash
from chainpilot.pki.trust import LeafUse, TrustAnchors
from chainpilot.pki.verify import VerifiedChain, verify
from chainpilot.wire.version import OcppVersion
from forge import NOON
from sims import csr_text

__all__: list[str] = []

pytestmark = pytest.mark.anyio

ROOMS = {OcppVersion.V16: ocpp.v16, OcppVersion.V201: ocpp.v201}
BOOTS: dict[OcppVersion, dict[str, Any]] = {
    OcppVersion.V16: {"charge_point_vendor": "Peer", "charge_point_model": "One"},
    OcppVersion.V201: {"charging_station": {"vendorName": "Peer", "model": "One"}, "reason": "PowerUp"},
}
QUESTION = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "aa",
    "issuerKeyHash": "bb",
    "serialNumber": "1",
    "responderURL": "http://ocsp.example.org",
}


def _station(version: OcppVersion, connection: Any, anchors: TrustAnchors) -> Any:
    """A station of somebody else's making: it verifies, keeps and lists what it is sent."""
    room = ROOMS[version]

    class PeerStation(room.ChargePoint):  # type: ignore[misc, name-defined]  # - the peer is untyped
        def __init__(self) -> None:
            super().__init__(STATION, connection)
            self.chains: list[VerifiedChain] = []
            self.signed: list[dict[str, Any]] = []

        @on("CertificateSigned")  # type: ignore[untyped-decorator]  # - the peer is untyped
        async def on_certificate_signed(self, **fields: Any) -> Any:
            self.signed.append(fields)
            found = verify(chain_from_stack(load_certificates(fields["certificate_chain"])), anchors, NOON)
            if not isinstance(found, VerifiedChain):
                return room.call_result.CertificateSigned(status="Rejected")
            self.chains.append(found)
            return room.call_result.CertificateSigned(status="Accepted")

        @on("GetInstalledCertificateIds")  # type: ignore[untyped-decorator]  # - the peer is untyped
        async def on_get_installed_certificate_ids(self, **fields: Any) -> Any:
            assert fields == {"certificate_type": ["V2GCertificateChain"]}
            leaf, *above = [
                {
                    "hash_algorithm": one.hash_algorithm.value,
                    "issuer_name_hash": one.issuer_name_hash.upper(),
                    "issuer_key_hash": one.issuer_key_hash,
                    "serial_number": one.serial_number.upper(),
                }
                for one in chain_hash_data(self.chains[-1])
            ]
            listed = {
                "certificate_type": "V2GCertificateChain",
                "certificate_hash_data": leaf,
                "child_certificate_hash_data": above,
            }
            return room.call_result.GetInstalledCertificateIds(status="Accepted", certificate_hash_data_chain=[listed])

    return PeerStation()


@asynccontextmanager
async def booted(office: BackOffice, version: OcppVersion) -> AsyncIterator[Any]:
    """The peer, connected and accepted."""
    anchors = TrustAnchors.admit([office.v2g.root.certificate, office.csms.root.certificate])
    async with office.dial(subprotocols=[Subprotocol(version.value)]) as connection:
        station = _station(version, connection, anchors)
        running = asyncio.create_task(station.start())
        boot = await station.call(ROOMS[version].call.BootNotification(**BOOTS[version]), suppress=False)
        assert boot.status == "Accepted"
        try:
            yield station
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize(
    ("version", "use"),
    [
        (OcppVersion.V201, LeafUse.V2G),
        (OcppVersion.V201, LeafUse.CSMS),
        (OcppVersion.V16, LeafUse.CSMS),
    ],
    ids=lambda value: value.value,
)
async def test_an_ocpp_station_gets_its_certificate_by_ocpp_s_own_messages(
    tmp_path: Path, version: OcppVersion, use: LeafUse
) -> None:
    key, is_v2g = generate_private_key(KeySpec.P256), use is LeafUse.V2G
    csr = csr_text(key, EVSE if is_v2g else STATION, organization=OPERATOR, domain="CPO" if is_v2g else None)
    typed = {} if version is OcppVersion.V16 else {"certificate_type": use.value}
    async with open_back_office(tmp_path) as office, booted(office, version) as station:
        asked = ROOMS[version].call.SignCertificate(csr=csr, **typed)
        assert (await station.call(asked, suppress=False)).status == "Accepted"
        await office.steps.until(Step.INSTALL_RECORDED)
        (enrolment,) = await office.cpms.ledger.enrolments_of(STATION)
        proof = Proof.READ_BACK if is_v2g else Proof.UNPROVEN
        assert (enrolment.state, enrolment.proof) == (EnrolmentState.INSTALLED, proof)
        assert station.chains[0].leaf.spki_hash == spki_hash(key.public_key())
        assert [one.get("certificate_type") for one in station.signed] == list(typed.values() or [None])


async def test_an_ocpp_station_of_2_0_1_is_told_what_is_not_served_yet(tmp_path: Path) -> None:
    room = ocpp.v201
    async with open_back_office(tmp_path) as office, booted(office, OcppVersion.V201) as station:
        token = {"idToken": "DE8AA1A2B3C4D5", "type": "eMAID"}
        contract = room.call.Authorize(id_token=token, iso15118_certificate_hash_data=[QUESTION])
        answer = await station.call(contract, suppress=False)
        assert (answer.id_token_info["status"], answer.certificate_status) == ("Invalid", "CertChainError")
        card = await station.call(room.call.Authorize(id_token={"idToken": "04A1", "type": "ISO14443"}), suppress=False)
        assert (card.id_token_info["status"], card.certificate_status) == ("Invalid", None)
        vehicle = await station.call(
            room.call.Get15118EVCertificate(
                iso15118_schema_version="urn:iso:15118:2:2013:MsgDef", action="Install", exi_request="gAA="
            ),
            suppress=False,
        )
        assert (vehicle.status, vehicle.exi_response) == ("Failed", "")
        status = await station.call(room.call.GetCertificateStatus(ocsp_request_data=QUESTION), suppress=False)
        assert (status.status, status.ocsp_result) == ("Failed", None)
        assert status.status_info["reason_code"] == "OcspIssuerUnknown"
