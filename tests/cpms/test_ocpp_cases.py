"""OCPP's own test cases, the rows of a CSMS, each named by its id (ocpp-test-cases.md).

Those that need calls of the CSMS which no use case makes yet (SetVariables, InstallCertificate, GetLog and their kin)
are not here. The suites of TC_A_04 and TC_086 are tried in tests/cpms/adapters/test_server_certificates.py.
"""

import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from backoffice import KEY, OPERATOR, STATION, BackOffice, open_back_office
from chainpilot.cpms.model import EnrolmentState, Reason, SecurityProfile, Step
from chainpilot.pki.certificate import load_certificate
from chainpilot.pki.encoding import PemLabel, recognise
from chainpilot.pki.keys import KeySpec, generate_private_key, spki_hash
from chainpilot.pki.trust import LeafUse
from chainpilot.wire.pnc.codec import DecodedRequest, decode_request, decode_response, encode_request, encode_response
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.messages import (
    CertificateSignedRequest,
    CertificateSignedResponse,
    SignCertificateRequest,
    SignCertificateResponse,
)
from chainpilot.wire.pnc.tables import NATIVE
from chainpilot.wire.pnc.words import GenericStatus
from chainpilot.wire.version import OcppVersion
from forge import NOON, Forged
from sims import csms_ladder, csr_text

__all__: list[str] = []

pytestmark = pytest.mark.anyio

V16, V201 = OcppVersion.V16, OcppVersion.V201
BOTH = pytest.mark.parametrize("version", [V16, V201], ids=lambda version: version.value)
BOOTS: dict[OcppVersion, dict[str, Any]] = {
    V16: {"chargePointVendor": "V", "chargePointModel": "M"},
    V201: {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}},
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


@BOTH
@pytest.mark.parametrize("profile", [1, 2])
async def test_tc_a_01_csms_and_tc_085_basic_authentication(tmp_path: Path, version: OcppVersion, profile: int) -> None:
    lowest = SecurityProfile(profile)
    async with open_back_office(tmp_path, profiles=(profile,), minimum=lowest) as office:
        await boots(office, version, profile=profile)
        await is_refused(office, version, profile=profile, password=None)


@BOTH
async def test_tc_a_02_csms_a_user_name_that_is_not_the_station_s(tmp_path: Path, version: OcppVersion) -> None:
    async with open_back_office(tmp_path) as office:
        await is_refused(office, version, user=f"{STATION}Invalid")


@BOTH
@pytest.mark.parametrize("length", [16, 40])
async def test_tc_a_03_csms_a_wrong_password(tmp_path: Path, version: OcppVersion, length: int) -> None:
    async with open_back_office(tmp_path) as office:
        await is_refused(office, version, password="x" * length)
        await boots(office, version, password=KEY)


@BOTH
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_tc_a_06_csms_tls_older_than_1_2(tmp_path: Path, version: OcppVersion) -> None:
    async with open_back_office(tmp_path) as office:
        old = office.context()
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        await is_refused(office, version, context=old)
        await boots(office, version)


@BOTH
async def test_tc_a_07_csms_and_tc_087_a_client_certificate(tmp_path: Path, version: OcppVersion) -> None:
    async with open_back_office(tmp_path) as office:
        await boots(office, version, profile=3, client=office.client(), password=None)


def _unknown(office: BackOffice) -> Forged:
    return office.client(issuer=csms_ladder().issuing)


def _ended(office: BackOffice) -> Forged:
    return office.client(begin=NOON.replace(year=2020), end=NOON.replace(year=2021))


def _of_another(office: BackOffice) -> Forged:
    return office.client("CS-0002")


@BOTH
@pytest.mark.parametrize("bad", [_unknown, _ended, _of_another])
async def test_tc_a_08_csms_a_bad_client_certificate(tmp_path: Path, version: OcppVersion, bad: Any) -> None:
    async with open_back_office(tmp_path) as office:
        await is_refused(office, version, profile=3, client=bad(office), password=None)
        await boots(office, version, profile=3, client=office.client(), password=None)


async def test_tc_088_csms_subprotocols(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        with pytest.raises(InvalidStatus):
            await office.dial(subprotocols=[Subprotocol("ocpp0.1")])
        async with office.dial(subprotocols=[Subprotocol("ocpp0.1"), Subprotocol("ocpp1.6")]) as socket:
            assert socket.subprotocol == "ocpp1.6"
            assert (await call(socket, "BootNotification", BOOTS[V16]))[2]["status"] == "Accepted"


@dataclass
class Renewal:
    """SignCertificate and what came of it."""

    dialect: Dialect
    message_id: str
    signed: CertificateSignedRequest


async def renew(socket: ClientConnection, version: OcppVersion, key: Any) -> Renewal:
    """The station's half of RENEW: its request is accepted and the certificate comes."""
    dialect = NATIVE[version].dialect
    use = None if version is V16 else LeafUse.CSMS
    request = SignCertificateRequest(csr_text(key, STATION, organization=OPERATOR, domain=None), use)
    asked = encode_request(request, dialect)
    answer = await call(socket, asked.action, asked.payload)
    assert decode_response(request, dialect, answer[2]) == SignCertificateResponse(GenericStatus.ACCEPTED)
    _, message_id, action, payload = json.loads(await socket.recv())
    found = decode_request(action, payload, version)
    assert isinstance(found, DecodedRequest)
    assert isinstance(found.request, CertificateSignedRequest)
    assert found.request.certificate_type is use
    return Renewal(found.dialect, message_id, found.request)


async def answer(socket: ClientConnection, renewal: Renewal, status: GenericStatus) -> None:
    """The station's word on its certificate."""
    payload = encode_response(CertificateSignedResponse(status), renewal.dialect)
    await socket.send(json.dumps([3, renewal.message_id, payload]))


@BOTH
async def test_tc_a_11_csms_and_tc_074_a_renewed_client_certificate(tmp_path: Path, version: OcppVersion) -> None:
    """In PEM; the leaf has the request's key and the station's name, the next certificate signed it; it lets in."""
    key = generate_private_key(KeySpec.P256)
    async with open_back_office(tmp_path) as office:
        async with dial(office, version, profile=3, client=office.client(), password=None) as socket:
            renewal = await renew(socket, version, key)
            text = renewal.signed.certificate_chain
            assert text.startswith("-----BEGIN CERTIFICATE-----")
            leaf, issuer, *_ = map(load_certificate, recognise(text, PemLabel.CERTIFICATE).blocks)
            assert leaf.spki_hash == spki_hash(key.public_key())
            assert leaf.was_signed_by(issuer)
            assert (leaf.subject.common_name, leaf.subject.organization) == (STATION, OPERATOR)
            await answer(socket, renewal, GenericStatus.ACCEPTED)
            await office.steps.until(Step.INSTALL_RECORDED)
        renewed = Forged(leaf, key)
        await boots(office, version, profile=3, client=renewed, password=None)


@BOTH
async def test_tc_a_14_csms_and_tc_077_the_station_refuses_its_certificate(
    tmp_path: Path, version: OcppVersion
) -> None:
    """The event is answered, the refusal kept, and nothing is sent again."""
    word = "InvalidChargePointCertificate" if version is V16 else "InvalidChargingStationCertificate"
    async with open_back_office(tmp_path) as office:
        async with dial(office, version, profile=3, client=office.client(), password=None) as socket:
            renewal = await renew(socket, version, generate_private_key(KeySpec.P256))
            await answer(socket, renewal, GenericStatus.REJECTED)
            failed = await office.steps.until(Step.FAILED)
            assert failed.facts["reason"] == Reason.STATION_REJECTED_SIGNED.value
            told = await call(socket, "SecurityEventNotification", {"type": word, "timestamp": "2026-06-01T12:00:00Z"})
            assert told == [3, "1", {}]
        assert failed.enrolment_id is not None
        enrolment = await office.cpms.ledger.enrolment(failed.enrolment_id)
        assert enrolment is not None
        assert enrolment.state is EnrolmentState.FAILED


async def test_tc_078_csms_the_event_of_a_bad_server_certificate_is_answered(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office, dial(office, V16) as socket:
        event = {"type": "InvalidCentralSystemCertificate", "timestamp": "2026-06-01T12:00:00Z"}
        assert await call(socket, "SecurityEventNotification", event) == [3, "1", {}]
