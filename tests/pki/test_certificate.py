"""Certificates as values: what is read of them, and that they can't be changed."""

from typing import cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from chainpilot.pki.certificate import CertificateError, load_certificate
from chainpilot.pki.der import read_parts
from chainpilot.pki.extensions import EkuOid, KeyUsageBit
from forge import forge, v2g_hierarchy

V2G = v2g_hierarchy()
_CN = x509.NameAttribute(NameOID.COMMON_NAME, "list")


def test_extensions_are_read_as_they_were_written() -> None:
    access = x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url))
            for url in ("http://one.example/ocsp", "http://two.example/ocsp")
        ]
        + [
            x509.AccessDescription(
                AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier("http://ca.example")
            )
        ]
    )
    eku = (ExtendedKeyUsageOID.OCSP_SIGNING,)
    certificate = forge("X", V2G.sub2, eku=eku, extensions=((access, False),)).certificate
    assert certificate.ocsp_urls == ("http://one.example/ocsp", "http://two.example/ocsp")
    assert certificate.extensions.extended_key_usage == frozenset({EkuOid.OCSP_SIGNING.value})
    assert certificate.extensions.key_usage == frozenset({KeyUsageBit.DIGITAL_SIGNATURE, KeyUsageBit.KEY_AGREEMENT})
    assert certificate.extensions.key_usage_is_critical
    assert certificate.extensions.authority_key_id == V2G.sub2.certificate.extensions.subject_key_id
    assert V2G.sub1.certificate.extensions.path_length == 1
    assert V2G.root.certificate.extensions.path_length is None


def test_only_the_key_that_signed_is_the_issuer() -> None:
    root, sub1, sub2 = (one.certificate for one in (V2G.root, V2G.sub1, V2G.sub2))
    assert sub2.was_signed_by(sub1)
    assert not sub2.was_signed_by(root)
    assert root.is_self_signed
    assert not sub1.is_self_signed


def test_a_cross_certificate_is_self_issued_but_not_self_signed() -> None:
    old = forge("Root", ca=True)
    new_with_old = forge("Root", old, ca=True).certificate
    assert new_with_old.is_self_issued
    assert not new_with_old.is_self_signed


def test_certificates_are_equal_by_their_bytes_and_can_not_be_changed() -> None:
    leaf = V2G.leaf.certificate
    assert load_certificate(leaf.der) == leaf
    assert len({leaf, load_certificate(leaf.der), V2G.root.certificate}) == 2
    with pytest.raises(AttributeError, match="changed"):
        leaf.der = b""


def test_an_extension_that_occurs_twice_is_refused() -> None:
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    twin = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.5"), b"\x05\x00")
    der = forge("X", extensions=((odd, False), (twin, False))).certificate.der
    with pytest.raises(CertificateError, match="twice"):
        load_certificate(der.replace(bytes.fromhex("06032a0305"), bytes.fromhex("06032a0304")))


@pytest.mark.parametrize("octet", [1, 7, 8])
def test_a_signature_that_is_not_whole_octets_is_refused(octet: int) -> None:
    """No signature covers the octet of unused bits, so the parser's tolerance would make it malleable."""
    root = V2G.root.certificate.der
    place = root.rindex(b"\x03", 0, -70) + 2
    assert root[place] == 0
    with pytest.raises(CertificateError):
        load_certificate(root[:place] + bytes([octet]) + root[place + 1 :])


def test_no_changed_byte_of_a_root_leaves_it_signed_by_itself() -> None:
    root = V2G.root.certificate.der
    for place in range(len(root)):
        for change in (1, 2, 0x20, 0x80):
            changed = bytearray(root)
            changed[place] ^= change
            try:
                certificate = load_certificate(bytes(changed))
            except CertificateError:
                continue
            assert not certificate.is_self_signed, f"byte {place} changed by {change}"


def test_a_certificate_with_bytes_behind_it_is_refused() -> None:
    with pytest.raises(CertificateError):
        load_certificate(V2G.leaf.certificate.der + b"\x00")


def test_whole_revocation_lists_are_found_and_partial_or_foreign_ones_passed_over() -> None:
    def named(url: str) -> list[x509.GeneralName]:
        return [x509.UniformResourceIdentifier(url)]

    points = x509.CRLDistributionPoints(
        [
            x509.DistributionPoint([*named("http://one.example/a"), *named("ldap://one.example/b")], None, None, None),
            x509.DistributionPoint(named("http://part.example"), None, frozenset({x509.ReasonFlags.superseded}), None),
            x509.DistributionPoint(named("http://foreign.example"), None, None, [x509.DirectoryName(x509.Name([]))]),
            x509.DistributionPoint(None, x509.RelativeDistinguishedName([_CN]), None, None),
        ]
    )
    certificate = forge("X", V2G.sub2, extensions=((points, False),)).certificate
    assert certificate.extensions.crl_urls == ("http://one.example/a", "ldap://one.example/b")
    assert V2G.leaf.certificate.extensions.crl_urls == ()


def test_points_that_can_not_be_read_name_nothing_and_refuse_nothing() -> None:
    broken = x509.UnrecognizedExtension(x509.CRLDistributionPoints.oid, b"\x30\x05\x00")
    assert forge("X", V2G.sub2, extensions=((broken, False),)).certificate.extensions.crl_urls == ()


def test_under_another_signature_a_certificate_says_the_same_and_is_judged_by_the_new_one() -> None:
    issuer, other = forge("Issuer", ca=True), forge("Issuer", ca=True)
    before = forge("Leaf", issuer).certificate
    content = read_parts(before.der)[0].encoding
    key = cast("ec.EllipticCurvePrivateKey", other.key)
    twin = before.signed_anew(key.sign(content, ec.ECDSA(hashes.SHA256())))
    assert twin.was_signed_by(other.certificate)
    assert not twin.was_signed_by(issuer.certificate)
    assert before.was_signed_by(issuer.certificate)
    assert twin != before
    read_anew = load_certificate(twin.der)
    differing = {"_checked", "_openssl", "_x509"}
    assert all(getattr(twin, name) == getattr(read_anew, name) for name in set(twin.__slots__) - differing)
    assert twin.openssl.digest("sha256") == read_anew.openssl.digest("sha256")
