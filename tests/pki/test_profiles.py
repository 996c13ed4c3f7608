"""Profiles: what fits has no finding, and each departure has the finding of its rule."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from chainpilot.pki.profiles import CSMS_CLIENT_LEAF, CSMS_SERVER_LEAF, ROOT_CA, SECC_LEAF, SUB_CA, Profile, lint
from forge import Forged, forge, v2g_hierarchy

V2G = v2g_hierarchy()
CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)
SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)
ALTERNATIVE = (x509.SubjectAlternativeName([x509.DNSName("example.org")]), False)


def rules(forged: Forged, profile: Profile) -> list[str]:
    findings = lint(forged.certificate, profile)
    assert all(finding.detail for finding in findings)
    return [finding.rule for finding in findings]


@pytest.mark.parametrize(
    ("forged", "profile"),
    [
        (V2G.root, ROOT_CA),
        (V2G.sub1, SUB_CA),
        (V2G.sub2, SUB_CA),
        (V2G.leaf, SECC_LEAF),
        (forge("DEICE".ljust(40, "0"), V2G.sub2), SECC_LEAF),
        (forge("CS-1", domain="CSMS"), CSMS_CLIENT_LEAF),
        (forge("CS-1", eku=CLIENT), CSMS_CLIENT_LEAF),
        (forge("CS-1", eku=CLIENT, extensions=(ALTERNATIVE,)), CSMS_CLIENT_LEAF),
        (forge("CS-1", eku=(*CLIENT, *SERVER)), CSMS_CLIENT_LEAF),
        (forge("CS-1", eku=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)), CSMS_CLIENT_LEAF),
        (forge("csms.example.org", eku=SERVER, extensions=(ALTERNATIVE,)), CSMS_SERVER_LEAF),
    ],
)
def test_what_fits_has_no_finding(forged: Forged, profile: Profile) -> None:
    assert rules(forged, profile) == []


@pytest.mark.parametrize(
    ("forged", "profile", "rule"),
    [
        (forge("CS-1", V2G.sub2), SECC_LEAF, "common-name"),
        (forge("DE*ICE*E1", V2G.sub2, domain="MO"), SECC_LEAF, "domain-component"),
        (forge("DE*ICE*E1", V2G.sub2, organization=None), SECC_LEAF, "organization"),
        (forge("DE*ICE*E1", V2G.sub2, usage={"key_agreement": True}), SECC_LEAF, "key-usage"),
        (forge("DE*ICE*E1", V2G.sub2, usage_critical=False), SECC_LEAF, "key-usage"),
        (forge("DE*ICE*E1", V2G.sub2, extensions=(ALTERNATIVE,)), SECC_LEAF, "alternative-names"),
        (forge("DE*ICE*E1", V2G.sub2, key=ec.generate_private_key(ec.SECP384R1())), SECC_LEAF, "algorithm"),
        (forge("DE*ICE*E1", V2G.sub2, usage={"digital_signature": True, "key_cert_sign": True}), SECC_LEAF, "leaf"),
        (forge("CS-1", eku=SERVER), CSMS_CLIENT_LEAF, "extended-key-usage"),
        (forge("CS-1", eku=CLIENT), CSMS_SERVER_LEAF, "extended-key-usage"),
        (forge("CS-1", eku=(*CLIENT, *SERVER), extensions=(ALTERNATIVE,)), CSMS_CLIENT_LEAF, "alternative-names"),
        (forge("CS-1", extensions=(ALTERNATIVE,)), CSMS_CLIENT_LEAF, "alternative-names"),
        (V2G.sub1, ROOT_CA, "self-signed"),
        (V2G.root, SUB_CA, "self-signed"),
        (forge("Sub", V2G.root, ca=True, usage={"crl_sign": True}), SUB_CA, "ca"),
    ],
)
def test_a_departure_has_the_finding_of_its_rule(forged: Forged, profile: Profile, rule: str) -> None:
    assert rules(forged, profile) == [rule]


def test_a_ca_is_no_secc_leaf() -> None:
    assert "leaf" in rules(V2G.sub2, SECC_LEAF)


def test_a_leaf_is_no_ca() -> None:
    assert rules(V2G.leaf, SUB_CA) == ["ca"]
