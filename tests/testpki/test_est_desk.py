"""What the EST server answers, without HTTP."""

from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import NameAttribute, _ASN1Type
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pki.csr import build_csr
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.testpki.authorities import Authorities
from chainpilot.testpki.est_desk import EstDesk
from chainpilot.testpki.faults import Fault, Faults
from chainpilot.testpki.register import Register

CSR = build_csr(generate_private_key(KeySpec.P256), DistinguishedName("DE", "Operator", "DE*ICE*E1", "CPO"))
NAMED = (NameAttribute(NameOID.ORGANIZATION_NAME, "Operator"), NameAttribute(NameOID.COMMON_NAME, "station"))


@pytest.fixture
def register(tmp_path: Path) -> Register:
    """An empty register."""
    return Register(tmp_path / "issued")


@pytest.fixture
def desk(issuers: Authorities, register: Register) -> EstDesk:
    """A desk that issues anew at every POST."""
    return EstDesk(issuers, register, repost_safe=False)


def pending_first() -> Faults:
    faults = Faults()
    faults.on(Fault.PENDING_FIRST)
    return faults


def post(desk: EstDesk, label: str, csr: bytes, at: datetime) -> int:
    return desk.answer("POST", f"/.well-known/est/{label}/simpleenroll", "application/pkcs10", csr, at=at).status


def test_what_is_issued_stands_in_the_register_before_it_is_handed_out(
    desk: EstDesk, register: Register, at: datetime
) -> None:
    assert post(desk, "cpo", CSR, at) == 200
    assert post(desk, "cpo", CSR, at) == 200
    assert len({record.certificate.serial_number for record in register.records}) == 2


@pytest.mark.parametrize("repost_safe", [True, False])
def test_a_request_is_put_off_once_and_then_decided(
    *, repost_safe: bool, issuers: Authorities, register: Register, at: datetime
) -> None:
    desk = EstDesk(issuers, register, repost_safe=repost_safe, faults=pending_first())
    path = "/.well-known/est/cpo/simpleenroll"
    first = desk.answer("POST", path, "application/pkcs10", CSR, at=at)
    assert first.status == 202
    assert ("Retry-After", "1") in first.headers
    assert register.records == ()
    assert [post(desk, "cpo", CSR, at) for _ in range(3)] == [200, 200, 200]
    assert len(register.records) == (1 if repost_safe else 3)


def test_every_request_under_every_label_is_put_off_for_itself(
    issuers: Authorities, register: Register, at: datetime
) -> None:
    desk = EstDesk(issuers, register, repost_safe=True, faults=pending_first())
    name = DistinguishedName("DE", "Operator", "DE*ICE*E2", "CPO")
    other = build_csr(generate_private_key(KeySpec.P256), name)
    asked = [("cpo", CSR), ("cpo", other), ("csms", CSR)]
    assert [post(desk, label, csr, at) for label, csr in asked] == [202, 202, 202]
    assert [post(desk, label, csr, at) for label, csr in asked] == [200, 200, 200]


def test_what_was_issued_before_is_not_put_off(issuers: Authorities, register: Register, at: datetime) -> None:
    assert post(EstDesk(issuers, register, repost_safe=True), "cpo", CSR, at) == 200
    assert post(EstDesk(issuers, register, repost_safe=True, faults=pending_first()), "cpo", CSR, at) == 200


@pytest.mark.parametrize(
    "odd",
    [
        NameAttribute(NameOID.X500_UNIQUE_IDENTIFIER, b"abc", _type=_ASN1Type.BitString),
        NameAttribute(x509.ObjectIdentifier("1.2.3.4"), "x" * 15_800),
    ],
    ids=["a bit string that is none", "a name too long for a certificate"],
)
def test_a_name_that_makes_no_readable_certificate_is_refused(
    odd: NameAttribute[str] | NameAttribute[bytes], desk: EstDesk, register: Register, at: datetime
) -> None:
    builder = x509.CertificateSigningRequestBuilder(x509.Name([*NAMED, odd]))
    csr = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.DER)
    assert post(desk, "csms", csr, at) == 400
    assert register.records == ()


@given(where=st.integers(0, len(CSR) - 1), what=st.integers(0, 255), label=st.sampled_from(["cpo", "csms"]))
def test_no_changed_byte_of_a_request_gets_a_certificate(
    *, where: int, what: int, label: str, issuers: Authorities, at: datetime
) -> None:
    changed = bytearray(CSR)
    changed[where] = what
    desk = EstDesk(issuers, Register(Path("/dev/null")), repost_safe=False)
    assert post(desk, label, bytes(changed), at) == (200 if bytes(changed) == CSR else 400)
