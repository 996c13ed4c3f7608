"""PyPI's `ocpp` plays the station against our back office: the whole enrolment, both certificates, over TLS."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result

from backoffice import EVSE, OPERATOR, STATION, BackOffice, open_back_office
from chainpilot.cpms.model import EnrolmentState, Proof, Step
from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.chain import chain_from_stack
from chainpilot.pki.hashdata import CertificateHashData, chain_hash_data
from chainpilot.pki.keys import KeySpec, PrivateKey, generate_private_key, spki_hash
from chainpilot.pki.trust import LeafUse, TrustAnchors
from chainpilot.pki.verify import VerifiedChain, verify
from forge import NOON, Forged
from sims import csr_text

__all__: list[str] = []

pytestmark = pytest.mark.anyio

VENDOR = "iso15118"


class PeerStation(ChargePoint):  # type: ignore[misc]  # - the peer is untyped
    """A station of somebody else's making: it verifies, keeps and lists what it is sent."""

    def __init__(self, connection: Any, anchors: TrustAnchors) -> None:
        super().__init__(STATION, connection)
        self.anchors = anchors
        self.chains: list[VerifiedChain] = []
        self.received: list[str] = []

    async def ask_for_certificate(self, key: PrivateKey, use: LeafUse) -> dict[str, Any]:
        """SignCertificate; the inner answer."""
        name = EVSE if use is LeafUse.V2G else STATION
        csr = csr_text(key, name, organization=OPERATOR, domain="CPO" if use is LeafUse.V2G else None)
        data = json.dumps({"csr": csr, "typeOfCertificate": use.value})
        answer = await self.call(call.DataTransfer(vendor_id=VENDOR, message_id="SignCertificate", data=data))
        assert answer.status == "Accepted"
        inner: dict[str, Any] = json.loads(answer.data)
        return inner

    @on("DataTransfer")  # type: ignore[untyped-decorator]  # - the peer is untyped
    async def on_data_transfer(self, **fields: Any) -> Any:
        """CertificateSigned and GetInstalledCertificateIds."""
        assert fields["vendor_id"] == VENDOR
        self.received.append(fields["message_id"])
        inner = json.loads(fields["data"])
        answer = self._install(inner) if fields["message_id"] == "CertificateSigned" else self._list(inner)
        return call_result.DataTransfer(status="Accepted", data=json.dumps(answer))

    def _install(self, inner: dict[str, Any]) -> dict[str, Any]:
        chain = verify(chain_from_stack(load_certificates(inner["cert"])), self.anchors, NOON)
        if not isinstance(chain, VerifiedChain):
            return {"status": "Rejected"}
        self.chains.append(chain)
        return {"status": "Accepted"}

    def _list(self, inner: dict[str, Any]) -> dict[str, Any]:
        assert inner["typeOfCertificate"] == "V2GCertificateChain"
        listed = chain_hash_data(self.chains[-1])
        return {"status": "Accepted", "certificateHashData": [_written(one) for one in listed]}


def _written(data: CertificateHashData) -> dict[str, str]:
    return {
        "hashAlgorithm": data.hash_algorithm.value,
        "issuerNameHash": data.issuer_name_hash.upper(),
        "issuerKeyHash": data.issuer_key_hash,
        "serialNumber": "00" + data.serial_number,
    }


async def _booted(office: BackOffice, connection: Any) -> tuple[PeerStation, asyncio.Task[None]]:
    anchors = TrustAnchors.admit([office.v2g.root.certificate, office.csms.root.certificate])
    station = PeerStation(connection, anchors)
    running = asyncio.create_task(station.start())
    boot = await station.call(call.BootNotification(charge_point_vendor="Peer", charge_point_model="One"))
    assert boot.status == "Accepted"
    return station, running


async def _stopped(running: asyncio.Task[None]) -> None:
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_an_ocpp_station_gets_its_secc_certificate_and_shows_it(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office, office.dial() as connection:
        station, running = await _booted(office, connection)
        key = generate_private_key(KeySpec.P256)
        assert (await station.ask_for_certificate(key, LeafUse.V2G))["status"] == "Accepted"
        await office.steps.until(Step.INSTALL_RECORDED)
        (enrolment,) = await office.cpms.ledger.enrolments_of(STATION)
        assert (enrolment.state, enrolment.proof) == (EnrolmentState.INSTALLED, Proof.READ_BACK)
        assert station.received == ["CertificateSigned", "GetInstalledCertificateIds"]
        leaf, *above = station.chains[0].chain.certificates
        assert leaf.spki_hash == spki_hash(key.public_key())
        assert [one.subject.common_name for one in above] == ["CPO Sub2", "CPO Sub1"]
        await _stopped(running)


async def test_an_ocpp_station_steps_up_to_mutual_tls_with_the_certificate_it_got(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        key = generate_private_key(KeySpec.P256)
        async with office.dial() as connection:
            station, running = await _booted(office, connection)
            assert (await station.ask_for_certificate(key, LeafUse.CSMS))["status"] == "Accepted"
            await office.steps.until(Step.INSTALL_RECORDED)
            await _stopped(running)
        leaf: Certificate = station.chains[0].leaf
        async with office.dial(profile=3, client=Forged(leaf, key), password=None) as connection:
            _, running = await _booted(office, connection)
            seen = await office.steps.until(Step.CLIENT_CERTIFICATE_SEEN)
            assert seen.facts["fingerprint"] == leaf.fingerprint
            await _stopped(running)
        (enrolment,) = await office.cpms.ledger.enrolments_of(STATION)
        assert enrolment.proof is Proof.CONNECTED
