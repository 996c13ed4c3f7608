"""What the test PKI's CAs sign, and what they refuse to."""

from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from chainpilot.pki.chain import Chain
from chainpilot.pki.extensions import EkuOid, KeyUsageBit
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.profiles import CSMS_CLIENT_LEAF, CSMS_SERVER_LEAF, SECC_LEAF, lint
from chainpilot.pki.trust import TrustAnchors
from chainpilot.pki.verify import VerifiedChain, verify
from chainpilot.testpki.authorities import Authorities
from chainpilot.testpki.hierarchy import CSMS_CLIENT, SECC, TLS_SERVER
from chainpilot.testpki.issuer import BACKDATED, IssueError

EVSE = DistinguishedName("DE", "Operator", "DE*ICE*E123", "CPO")
KEY = ec.generate_private_key(ec.SECP256R1()).public_key()


def test_a_secc_leaf_is_as_iso_15118_wants_it(issuers: Authorities, at: datetime) -> None:
    leaf = issuers["cpo_sub2"].issue_leaf(EVSE.to_name(), KEY, SECC, at)
    assert lint(leaf, SECC_LEAF) == ()
    assert leaf.subject == EVSE
    assert leaf.extensions.key_usage == frozenset({KeyUsageBit.DIGITAL_SIGNATURE, KeyUsageBit.KEY_AGREEMENT})
    assert leaf.extensions.extended_key_usage is None
    assert not leaf.extensions.has_alternative_names
    assert leaf.ocsp_urls == ("http://127.0.0.1:1",)
    assert leaf.is_test
    assert (leaf.not_before, leaf.not_after) == (at - BACKDATED, at + SECC.lifetime)
    assert len(leaf.der) <= 800


def test_a_secc_leaf_leads_to_the_v2g_root(issuers: Authorities, at: datetime) -> None:
    leaf = issuers["cpo_sub2"].issue_leaf(EVSE.to_name(), KEY, SECC, at)
    chain = Chain(leaf, (issuers["cpo_sub2"].certificate, issuers["cpo_sub1"].certificate))
    anchors = TrustAnchors.admit([issuers["v2g_root"].certificate], allow_test_pki=True)
    assert isinstance(verify(chain, anchors, at), VerifiedChain)


def test_a_station_s_client_certificate_may_only_be_a_client(issuers: Authorities, at: datetime) -> None:
    subject = DistinguishedName("DE", "Operator", "station-1").to_name()
    leaf = issuers["csms_issuing"].issue_leaf(subject, KEY, CSMS_CLIENT, at)
    assert lint(leaf, CSMS_CLIENT_LEAF) == ()
    assert leaf.extensions.extended_key_usage == frozenset({EkuOid.CLIENT_AUTH.value})


def test_a_server_certificate_names_its_hosts(issuers: Authorities, at: datetime) -> None:
    subject = x509.Name([])
    leaf = issuers["web_root"].issue_leaf(subject, KEY, TLS_SERVER, at, hosts=("localhost", "127.0.0.1", "::1"))
    names = x509.load_der_x509_certificate(leaf.der).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert lint(leaf, CSMS_SERVER_LEAF) == ()
    assert names.value.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(each) for each in names.value.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    assert leaf.ocsp_urls == ()


@pytest.mark.parametrize(
    ("subject", "rule"),
    [
        (DistinguishedName("DE", "Operator", "my charger", "CPO"), "common-name"),
        (DistinguishedName("DE", "Operator", "DE*ICE*E123", "MO"), "domain-component"),
        (DistinguishedName("DE", None, "DE*ICE*E123", "CPO"), "organization"),
    ],
)
def test_a_name_outside_the_profile_is_refused_before_anything_is_signed(
    subject: DistinguishedName, rule: str, issuers: Authorities, at: datetime
) -> None:
    with pytest.raises(IssueError) as caught:
        issuers["cpo_sub2"].issue_leaf(subject.to_name(), KEY, SECC, at)
    assert [finding.rule for finding in caught.value.findings] == [rule]


def test_a_key_outside_the_profile_is_refused(issuers: Authorities, at: datetime) -> None:
    key = ec.generate_private_key(ec.SECP384R1()).public_key()
    with pytest.raises(IssueError, match="P-256"):
        issuers["cpo_sub2"].issue_leaf(EVSE.to_name(), key, SECC, at)


def test_a_leaf_never_outlives_its_ca(issuers: Authorities, at: datetime) -> None:
    sub2 = issuers["cpo_sub2"]
    late = sub2.certificate.not_after - timedelta(days=1)
    assert sub2.issue_leaf(EVSE.to_name(), KEY, SECC, late).not_after == sub2.certificate.not_after


def test_a_delegated_ocsp_signer_may_sign_answers_and_nothing_else(issuers: Authorities, at: datetime) -> None:
    signer = issuers["cpo_sub2"].issue_ocsp_signer(ec.generate_private_key(ec.SECP256R1()), at)
    assert signer.extensions.extended_key_usage == frozenset({EkuOid.OCSP_SIGNING.value})
    assert signer.was_signed_by(issuers["cpo_sub2"].certificate)
    assert not signer.is_ca


def test_a_seed_makes_the_same_bytes_twice(issuers: Authorities, at: datetime) -> None:
    issue = issuers["cpo_sub2"].issue_leaf
    assert issue(EVSE.to_name(), KEY, SECC, at, context=b"a") == issue(EVSE.to_name(), KEY, SECC, at, context=b"a")
    assert (
        issue(EVSE.to_name(), KEY, SECC, at, context=b"a").serial_number
        != issue(EVSE.to_name(), KEY, SECC, at, context=b"b").serial_number
    )
