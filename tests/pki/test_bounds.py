"""Every bound on what comes from outside: one below, at, and one above."""

from collections.abc import Callable
from itertools import count

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from chainpilot.pki.certificate import MAX_CERTIFICATE_BYTES, CertificateError, load_certificate
from chainpilot.pki.chain import Chain
from chainpilot.pki.csr import MAX_CSR_BYTES, CsrError, inspect_csr
from chainpilot.pki.encoding import MAX_BLOCKS, EncodingError, PemLabel, recognise
from chainpilot.pki.paths import MAX_PATH_LENGTH
from chainpilot.pki.pkcs7 import MAX_BAG_BYTES, Pkcs7Error, read_certs_only, write_certs_only
from chainpilot.pki.trust import TrustAnchors
from chainpilot.pki.verify import Reason, Refusal, VerifiedChain, verify
from forge import NOON, forge

AROUND = [(-1, True), (0, True), (1, False)]
KEY = ed25519.Ed25519PrivateKey.generate()
"""Its signatures have one length, so that a size can be met exactly."""


def of_size(make: Callable[[int], bytes], size: int) -> bytes:
    """What `make` makes of a padding, with exactly `size` bytes."""
    start = size - len(make(size)) + size
    return next(made for padding in count(start - 8) if len(made := make(padding)) >= size)


def filler(length: int) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), bytes(length))


def certificate(padding: int) -> bytes:
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(NOON)
        .not_valid_after(NOON)
        .add_extension(filler(padding), critical=False)
    )
    return builder.sign(KEY, None).public_bytes(Encoding.DER)


def request(padding: int) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "CS-1")])
    builder = x509.CertificateSigningRequestBuilder(name).add_extension(filler(padding), critical=False)
    return builder.sign(KEY, None).public_bytes(Encoding.DER)


@pytest.mark.parametrize(("more", "fits"), AROUND)
def test_bytes_of_a_certificate(more: int, *, fits: bool) -> None:
    der = of_size(certificate, MAX_CERTIFICATE_BYTES + more)
    assert len(der) == MAX_CERTIFICATE_BYTES + more
    if fits:
        assert load_certificate(der).der == der
    else:
        with pytest.raises(CertificateError, match="at most"):
            load_certificate(der)


@pytest.mark.parametrize(("more", "fits"), AROUND)
def test_bytes_of_a_signing_request(more: int, *, fits: bool) -> None:
    der = of_size(request, MAX_CSR_BYTES + more)
    assert len(der) == MAX_CSR_BYTES + more
    if fits:
        assert inspect_csr(der).common_name == "CS-1"
    else:
        with pytest.raises(CsrError, match="at most"):
            inspect_csr(der)


@pytest.mark.parametrize(("more", "fits"), AROUND)
def test_blocks_of_a_text(more: int, *, fits: bool) -> None:
    text = "0500" * (MAX_BLOCKS + more)
    if fits:
        assert len(recognise(text, PemLabel.CERTIFICATE).blocks) == MAX_BLOCKS + more
    else:
        with pytest.raises(EncodingError, match="at most"):
            recognise(text, PemLabel.CERTIFICATE)


@pytest.mark.parametrize(("more", "fits"), AROUND)
def test_bytes_of_a_bag(more: int, *, fits: bool) -> None:
    """What follows the bag counts too; its content is judged by other bounds."""
    bag = write_certs_only([forge("X").certificate])
    data = bag.ljust(MAX_BAG_BYTES + more, b"\x00")
    if fits:
        assert len(read_certs_only(data)) == 1
    else:
        with pytest.raises(Pkcs7Error, match="at most"):
            read_certs_only(data)


@pytest.mark.parametrize(("more", "fits"), AROUND)
def test_certificates_between_a_leaf_and_its_anchor(more: int, *, fits: bool) -> None:
    root = above = forge("Root", ca=True)
    between = []
    for number in range(MAX_PATH_LENGTH + more):
        above = forge(f"Sub {number}", above, ca=True)
        between.append(above.certificate)
    leaf = forge("Leaf", above, digest=hashes.SHA256())
    verdict = verify(Chain(leaf.certificate, tuple(between)), TrustAnchors.admit([root.certificate]), NOON)
    if fits:
        assert isinstance(verdict, VerifiedChain)
    else:
        assert isinstance(verdict, Refusal)
        assert verdict.reason is Reason.INVALID_CHAIN
        assert "more than" in verdict.detail
