"""OCPP's cases of a client certificate that the CSMS has renewed: TC_A_11 and TC_A_14, in 1.6 TC_074 and TC_077."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from answering import by_message
from backoffice import OPERATOR, STATION, open_back_office
from casework import BOTH, TRIGGERED, V16, boots, by_station, renew, taking, tells_event
from chainpilot.cpms.model import EnrolmentState, Reason, Step
from chainpilot.pki.certificate import load_certificate
from chainpilot.pki.encoding import PemLabel, TextEncoding, recognise
from chainpilot.pki.keys import KeySpec, PublicKey, generate_private_key, key_spec_of, spki_hash
from chainpilot.wire.pnc.words import GenericStatus
from chainpilot.wire.version import OcppVersion
from forge import Forged

__all__: list[str] = []

pytestmark = pytest.mark.anyio


def assert_strong(key: PublicKey) -> None:
    """RSA of at least 2048 bits, or a curve of at least 224."""
    match key:
        case rsa.RSAPublicKey():
            assert key.key_size >= 2048
        case ec.EllipticCurvePublicKey():
            assert key.key_size >= 224
        case _:
            raise AssertionError(key)


@BOTH
async def test_tc_a_11_csms_and_tc_074_csms_a_renewed_client_certificate(tmp_path: Path, version: OcppVersion) -> None:
    """With an RSA key, then an ECDSA one.

    The chain is in PEM: the leaf has the request's key and the station's name, the next certificate has signed it, the
    CA has issued it. It is sent once, and the station comes in with it.
    """
    reply = by_message(TRIGGERED, taking(GenericStatus.ACCEPTED))
    async with open_back_office(tmp_path) as office:
        client = office.client()
        for times, spec in enumerate((KeySpec.RSA2048, KeySpec.P256), start=1):
            key = generate_private_key(spec)
            async with by_station(office, version, reply, profile=3, client=client, password=None) as station:
                text = await renew(office, station, key)
                await office.steps.until(Step.INSTALL_RECORDED, times)
                assert len(station.payloads("CertificateSigned")) == 1
            chain = recognise(text, PemLabel.CERTIFICATE)
            assert chain.encoding is TextEncoding.PEM
            leaf, issuer, *_ = map(load_certificate, chain.blocks)
            assert leaf.was_signed_by(issuer)
            assert issuer == office.csms.issuing.certificate
            assert leaf.spki_hash == spki_hash(key.public_key())
            assert key_spec_of(leaf.public_key) is spec
            assert_strong(leaf.public_key)
            assert (leaf.subject.common_name, leaf.subject.organization) == (STATION, OPERATOR)
            assert leaf.serial_number > 0
            client = Forged(leaf, key)
            seen = office.steps.count(Step.CLIENT_CERTIFICATE_SEEN)
            await boots(office, version, profile=3, client=client, password=None)
            step = await office.steps.until(Step.CLIENT_CERTIFICATE_SEEN, seen + 1)
            assert step.facts["fingerprint"] == leaf.fingerprint


@BOTH
async def test_tc_a_14_csms_and_tc_077_csms_the_station_refuses_its_certificate(
    tmp_path: Path, version: OcppVersion
) -> None:
    """The event is answered, the refusal kept, nothing is sent again; the station goes on, and can try anew."""
    word = "InvalidChargePointCertificate" if version is V16 else "InvalidChargingStationCertificate"
    async with open_back_office(tmp_path) as office:
        held = office.client()
        reply = by_message(TRIGGERED, taking(GenericStatus.REJECTED))
        async with by_station(office, version, reply, profile=3, client=held, password=None) as station:
            await renew(office, station, generate_private_key(KeySpec.P256))
            failed = await office.steps.until(Step.FAILED)
            assert failed.facts["reason"] == Reason.STATION_REJECTED_SIGNED.value
            await tells_event(station, word)
            assert (await station.call("Heartbeat", {}))[0] == 3
            assert len(station.payloads("CertificateSigned")) == 1
            assert failed.enrolment_id is not None
            enrolment = await office.cpms.ledger.enrolment(failed.enrolment_id)
            assert enrolment is not None
            assert enrolment.state is EnrolmentState.FAILED
            station.reply = by_message(TRIGGERED, taking(GenericStatus.ACCEPTED))
            await renew(office, station, generate_private_key(KeySpec.P256))
            await office.steps.until(Step.INSTALL_RECORDED)
        await boots(office, version, profile=3, client=held, password=None)
