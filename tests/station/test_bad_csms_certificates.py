"""A CSMS that sends certificates and names of certificates that don't fit: each is refused, and nothing changes."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from badtalk import MARK, SECRET, Talk, met
from certs import FROM, UNTIL, Pki, csms_pki, root, stack, v2g_pki
from chainpilot.clock import SYSTEM
from chainpilot.pki.certificate import load_certificates
from chainpilot.pki.hashdata import hash_data
from chainpilot.pki.trust import LeafUse
from chainpilot.station.agent.settings.values import Settings
from chainpilot.station.watch import CertificateReceived, SignCertificateAnswered
from chainpilot.wire.version import OcppVersion
from forge import forge
from scripted import Conversation
from stores import EVSE, assert_store_unchanged

__all__: list[str] = []

pytestmark = pytest.mark.anyio

V16, V201 = OcppVersion.V16, OcppVersion.V201
VERSIONS = pytest.mark.parametrize("version", [V16, V201], ids=lambda one: one.value)
PAST = datetime(2026, 2, 1, tzinfo=UTC)
END = "-----END CERTIFICATE-----\n"


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


@pytest.fixture(scope="module")
def back() -> Pki:
    return csms_pki()


@pytest.fixture(autouse=True)
def nothing_told(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No secret and no payload is in any log, whatever a test does."""
    caplog.set_level(logging.DEBUG)
    yield
    assert SECRET not in caplog.text
    assert MARK not in caplog.text


@dataclass(frozen=True)
class Material:
    """What a test may make a chain of."""

    v2g: Pki
    back: Pki
    csr: str

    def issued(self, **changes: Any) -> str:
        """A good chain but for the changes."""
        return self.v2g.enrol(self.csr, **changes)

    def leaf(self) -> str:
        """The good leaf alone."""
        return self.issued().partition(END)[0] + END

    def other_key(self) -> str:
        """A good chain for a key of somebody else's."""
        leaf = forge(EVSE, self.v2g.issuing, begin=FROM, end=UNTIL)
        return self.v2g.stack(leaf.certificate)


CHAINS: dict[str, Callable[[Material], object]] = {
    "for a key that we don't have": Material.other_key,
    "rubbish": lambda _: MARK,
    "base64 of rubbish": lambda _: "Wndp" * 400,
    "no certificate inside": lambda _: "-----BEGIN CERTIFICATE-----\nWndp\n-----END CERTIFICATE-----\n",
    "a root in place of the leaf": lambda one: one.v2g.root.certificate.to_pem(),
    "a leaf that is a CA": lambda one: one.issued(ca=True),
    "of the CSMS's own PKI": lambda one: one.back.enrol(one.csr),
    "of another PKI of the same names": lambda one: v2g_pki().enrol(one.csr),
    "the leaf alone": Material.leaf,
    "over": lambda one: one.issued(end=PAST),
    "of another name": lambda one: one.issued(common_name="DE*CHP*E9999*9"),
    "a key": lambda _: "-----BEGIN PRIVATE KEY-----\nWndp\n-----END PRIVATE KEY-----\n",
    "the same leaf nine times": lambda one: one.leaf() * 9,
    "empty": lambda _: "",
    "blank": lambda _: "  ",
}
UNREADABLE: dict[str, object] = {
    "null": None,
    "a number": 5,
    "an object": {},
    "10 001 characters": "A" * 10_001,
    "60 000 characters": "A" * 60_000,
}


@VERSIONS
@pytest.mark.parametrize("name", CHAINS)
async def test_a_chain_that_does_not_fit_is_rejected_and_the_right_one_is_still_taken(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion, name: str
) -> None:
    async with met(tmp_path, v2g, back, version) as one:
        talk = await one.begin()
        csr = await one.open_request()
        with assert_store_unchanged(one.store):
            bad = CHAINS[name](Material(v2g, back, csr))
            assert await one.ask("CertificateSigned", one.chain(bad)) == "Rejected"
        assert MARK not in json.dumps(await invalid_certificate(talk))
        assert await one.ask("CertificateSigned", one.chain(v2g.enrol(csr))) == "Accepted"


@VERSIONS
async def test_a_chain_that_is_refused_is_told_with_the_time_of_the_next_request(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion
) -> None:
    async with met(tmp_path, v2g, back, version) as one:
        await one.begin()
        await one.open_request()
        assert await one.ask("CertificateSigned", one.chain("")) == "Rejected"
        told = await one.running.until(CertificateReceived)
    assert told.why is not None
    assert told.asks_again is not None
    assert timedelta(0) < told.asks_again - SYSTEM.now() <= timedelta(seconds=Settings().cert_signing_wait_minimum)


async def invalid_certificate(talk: Conversation) -> Any:
    """The security event that A02.FR.07 asks for."""
    words = {"InvalidChargePointCertificate", "InvalidChargingStationCertificate"}

    def found() -> Any:
        return [call[3] for call in talk.calls("SecurityEventNotification") if call[3]["type"] in words]

    return (await talk.until(found))[0]


@VERSIONS
@pytest.mark.parametrize("name", UNREADABLE)
async def test_a_certificate_signed_that_cannot_be_read_is_refused_in_its_layer(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion, name: str
) -> None:
    async with met(tmp_path, v2g, back, version) as one:
        await one.begin()
        csr = await one.open_request()
        with assert_store_unchanged(one.store):
            answer = await one.ask("CertificateSigned", one.chain(UNREADABLE[name]))
        if version is V16:
            assert answer == "DataTransfer Rejected"
        else:
            assert answer in {"PropertyConstraintViolation", "TypeConstraintViolation", "OccurrenceConstraintViolation"}
        assert await one.ask("CertificateSigned", one.chain(v2g.enrol(csr))) == "Accepted"


@VERSIONS
async def test_a_chain_of_a_megabyte_ends_the_connection_and_the_request_stays_open(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion
) -> None:
    async with met(tmp_path, v2g, back, version) as one:
        talk = await one.begin()
        csr = await one.open_request()
        good = v2g.enrol(csr)
        with assert_store_unchanged(one.store):
            chain = one.chain(good * (1_000_000 // len(good)))
            frame: list[Any] = [2, "q", "CertificateSigned", chain]
            if version is V16:
                carrier = {"vendorId": "iso15118", "messageId": "CertificateSigned", "data": json.dumps(chain)}
                frame = [2, "q", "DataTransfer", carrier]
            await talk.send(json.dumps(frame))
            await talk.connection.wait_closed()
            assert talk.connection.close_code == 1009
            await one.begin()
        await one.assert_takes(csr, v2g)


ROOTS: dict[str, Callable[[Pki], str]] = {
    "a leaf": lambda pki: pki.server("localhost")[0].partition(END)[0] + END,
    "a root whose time is over": lambda _: root("Old Root", end=PAST).certificate.to_pem(),
    "a root whose time has not come": lambda _: root(
        "New Root", begin=datetime(2044, 1, 1, tzinfo=UTC)
    ).certificate.to_pem(),
    "two roots": lambda pki: stack(root("One").certificate, root("Two").certificate),
    "rubbish": lambda _: MARK,
    "empty": lambda _: "",
    "blank": lambda _: "  ",
    "self-signed and no CA": lambda _: root("No CA", ca=False).certificate.to_pem(),
    "an issuer that nobody knows": lambda _: csms_pki().issuing.certificate.to_pem(),
}


@VERSIONS
@pytest.mark.parametrize("name", ROOTS)
async def test_what_is_no_root_is_not_trusted(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion, name: str
) -> None:
    async with met(tmp_path, v2g, back, version) as one:
        await one.begin()
        with assert_store_unchanged(one.store):
            for use in ("CSMSRootCertificate", "V2GRootCertificate", "MORootCertificate"):
                asked = {"certificateType": use, "certificate": ROOTS[name](back)}
                assert await one.ask("InstallCertificate", asked) == "Rejected", use
        await one.assert_serves(v2g)


def names_of(answer: object) -> list[dict[str, str]]:
    """Hash data in an answer of either form."""
    assert isinstance(answer, dict)
    listed = answer.get("certificateHashDataChain") or answer.get("certificateHashData") or ()
    return [one.get("certificateHashData", one) for one in listed]


async def listed(one: Talk, use: str) -> list[dict[str, str]]:
    """Hash data of what is installed."""
    if one.version is V201:
        frame = await one.talk.call("GetInstalledCertificateIds", {"certificateType": [use]})
        return names_of(frame[2])
    inner = json.dumps({"typeOfCertificate": use})
    asked = {"vendorId": "iso15118", "messageId": "GetInstalledCertificateIds", "data": inner}
    frame = await one.talk.call("DataTransfer", asked)
    return names_of(json.loads(frame[2]["data"]))


@VERSIONS
async def test_the_root_that_the_connection_rests_on_cannot_be_deleted(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion
) -> None:
    async with met(tmp_path, v2g, back, version) as one:
        await one.begin()
        (name,) = await listed(one, "CSMSRootCertificate")
        with assert_store_unchanged(one.store):
            for _ in range(2):
                assert await one.ask("DeleteCertificate", {"certificateHashData": name}) == "Failed"
            for changed in ({"serialNumber": "0"}, {"issuerNameHash": "0" * 64}, {"issuerKeyHash": "0" * 64}):
                wanted = {"certificateHashData": {**name, **changed}}
                assert await one.ask("DeleteCertificate", wanted) == "NotFound"
        await one.assert_serves(v2g)
        assert one.csms.conversations.empty(), "the connection stayed"


@VERSIONS
async def test_the_own_client_certificate_cannot_be_deleted(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion
) -> None:
    async with met(tmp_path, v2g, back, version) as one:
        await one.begin()
        await one.running.station.enrol(LeafUse.CSMS)
        await one.running.until(SignCertificateAnswered, accepted=True)
        (pending,) = one.running.station.security.open_requests()
        chain = back.enrol(pending.pem)
        assert await one.ask("CertificateSigned", one.chain(chain, LeafUse.CSMS)) == "Accepted"
        leaf = chain_hash(chain, back)
        with assert_store_unchanged(one.store):
            assert await one.ask("DeleteCertificate", {"certificateHashData": leaf}) == "Failed"
        await one.assert_serves(v2g)


def chain_hash(chain: str, pki: Pki) -> dict[str, str]:
    """Hash data of a chain's leaf, in the words of the wire."""
    data = hash_data(load_certificates(chain)[0], pki.issuing.certificate)
    return {
        "hashAlgorithm": data.hash_algorithm.value,
        "issuerNameHash": data.issuer_name_hash,
        "issuerKeyHash": data.issuer_key_hash,
        "serialNumber": data.serial_number,
    }
