"""Hierarchies declared in TOML: what is read, and that every mistake names its key."""

from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pki.chain import Chain
from chainpilot.pki.crl import load_crl
from chainpilot.pki.extensions import EkuOid
from chainpilot.pki.hashdata import HashAlgorithm, hash_data
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.pki.ocsp import Revoked, build_request, judge_response
from chainpilot.pki.profiles import IsoEdition, edition_for
from chainpilot.pki.trust import TrustAnchors
from chainpilot.pki.verify import VerifiedChain, verify
from chainpilot.testpki.authorities import open_authorities
from chainpilot.testpki.cabinet import Cabinet
from chainpilot.testpki.declaration import PACKAGED, HierarchyError, load_hierarchy, packaged, parse_hierarchy
from chainpilot.testpki.hierarchy import Use
from chainpilot.testpki.issuer import IssueError
from chainpilot.testpki.material import Material
from chainpilot.testpki.office import Office
from chainpilot.testpki.responder import Responder

SMALL = """\
est_server = "root"

[authority.root]
common_name = "TEST Root"
domain = "V2G"
days = 100
path_length = 1

[authority.sub]
parent = "root"
common_name = "TEST Sub"
domain = "CPO"
days = 50
path_length = 0

[label.cpo]
authority = "sub"
use = "secc"
"""


def test_the_default_keeps_the_names_files_and_labels_that_there_were() -> None:
    hierarchy = packaged()
    names = {authority.name for authority in hierarchy.authorities}
    assert names >= {"v2g_root", "cpo_sub1", "cpo_sub2", "csms_root", "csms_issuing", "mo_root", "web_root"}
    assert {name: label.authority for name, label in hierarchy.labels.items()}["cpo"] == "cpo_sub2"
    assert hierarchy.labels["csms"].plan.use is Use.CSMS_CLIENT


def test_the_default_has_every_domain_and_both_editions() -> None:
    hierarchy = packaged()
    assert {authority.domain for authority in hierarchy.authorities} == {
        "V2G",
        "CPO",
        "CPS",
        "MO",
        "OEM",
        "CSMS",
        "MF",
        "WEB",
    }  # fmt: skip - a line of words
    keys = {name: label.keys for name, label in hierarchy.labels.items()}
    assert (keys["cpo"], keys["cpo20"], keys["cpo20ed"]) == ((KeySpec.P256,), (KeySpec.P521,), (KeySpec.ED448,))
    assert {label.plan.use for label in hierarchy.labels.values()} == set(Use) - {Use.TLS_SERVER}


@pytest.mark.parametrize(
    ("line", "changed", "words"),
    [
        ('est_server = "root"', 'est_server = "other"', "est_server: there is no authority 'other'"),
        ('est_server = "root"', 'est_server = "root"\ncsms_server = "x"', "csms_server: there is no authority 'x'"),
        ('est_server = "root"', 'est_sever = "root"', "est_sever"),
        ("[authority.sub]", "[authority.Sub]", "authority.Sub: a name has"),
        ("[label.cpo]", '[label."a/b"]', "label.a/b: a name has"),
        ("days = 50", "days = 0", r"authority.sub.days: Expected `int` >= 1"),
        ("days = 50", 'days = "50"', r"authority.sub.days: Expected `int`, got `str`"),
        ("days = 50", "dais = 50", "unknown field `dais`; there are common_name, domain, days"),
        ("days = 50", "", "authority.sub: Object missing required field `days`"),
        ("days = 50", 'days = 50\nkey = "P-255"', "authority.sub.key: Invalid enum value 'P-255'"),
        ("days = 50", "days = 50\nkey_id_octets = 9", "authority.sub.key_id_octets: 9, and it is 8 or 20"),
        ("days = 50", 'days = 50\nocsp = "maybe"', "authority.sub.ocsp: Invalid enum value 'maybe'; there are "),
        ('parent = "root"', 'parent = "sub"', "authority.sub.parent: there is no authority 'sub' above it"),
        ("path_length = 0", "path_length = 1", "authority.sub.path_length: it must be less than 1, that of root"),
        ("path_length = 1", "path_length = 0", "authority.sub.parent: root has path_length 0"),
        ('authority = "sub"', 'authority = "pub"', "label.cpo.authority: there is no authority 'pub'"),
        ('use = "secc"', 'use = "sec"', "label.cpo.use: Invalid enum value 'sec'; there are secc, csms-client"),
        ('use = "secc"', 'use = "secc"\nkeys = ["P-25"]', "Invalid enum value 'P-25'; there are P-256, P-384"),
        ('use = "secc"', 'use = "secc"\nkeys = []', "label.cpo.keys: it names 1 to 4"),
        ("days = 50", 'days = 50\nkey = "P-384"', "label.cpo.use: ISO 15118 has P-256, P-521 and Ed448"),
        ("days = 50", "days = 50 50", "it is no TOML"),
    ],
)  # fmt: skip - a line a mistake
def test_a_mistake_is_told_with_its_key(line: str, changed: str, words: str) -> None:
    assert line in SMALL
    with pytest.raises(HierarchyError) as caught:
        parse_hierarchy(SMALL.replace(line, changed, 1))
    assert str(caught.value).startswith("hierarchy")
    assert words in str(caught.value)


@given(st.text(max_size=200))
def test_no_text_escapes(text: str) -> None:
    with suppress(HierarchyError):
        parse_hierarchy(SMALL + text)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(HierarchyError, match="No such file"):
        load_hierarchy(tmp_path / "none.toml")


@pytest.mark.parametrize("name", PACKAGED)
def test_every_label_of_a_packaged_hierarchy_issues_what_verifies_to_its_root(
    name: str, tmp_path: Path, at: datetime
) -> None:
    hierarchy = packaged(name)
    authorities = open_authorities(
        Cabinet(tmp_path), Material(b"seed"), ocsp_url="http://127.0.0.1:1", at=at, hierarchy=hierarchy
    )
    for label in hierarchy.labels.values():
        key = generate_private_key(label.keys[0])
        issuer = authorities[label.authority]
        leaf = issuer.issue_leaf(subject_for(label.plan.use, label.keys[0]), key.public_key(), label.plan, at)
        *below, root = (above.certificate for above in issuer.path)
        anchors = TrustAnchors.admit([root], allow_test_pki=True)
        assert isinstance(verify(Chain(leaf, tuple(below)), anchors, at), VerifiedChain)
        assert leaf.is_test


def subject_for(use: Use, spec: KeySpec) -> x509.Name:
    is_20 = edition_for(spec) is IsoEdition.ISO_20
    named = {
        Use.SECC: "DEABC" + "0" * 34 if is_20 else "DE*ABC*E1",
        Use.CONTRACT: "DEABCC123456789",
        Use.OEM_PROVISIONING: "WMIV1234567890ABC",
    }
    return DistinguishedName("DE", "Operator", named.get(use, "somebody"), use.domain_component).to_name()


@pytest.mark.parametrize("spec", [KeySpec.P521, KeySpec.ED448])
def test_a_leaf_of_iso_15118_20_is_judged_by_that_edition(spec: KeySpec, tmp_path: Path, at: datetime) -> None:
    """An EVSEID is a name of ISO 15118-2 alone, and a P-256 key none of ISO 15118-20."""
    label = "cpo20" if spec is KeySpec.P521 else "cpo20ed"
    authorities = open_authorities(Cabinet(tmp_path), Material(b"seed"), ocsp_url="http://127.0.0.1:1", at=at)
    issuer, plan = authorities[packaged().labels[label].authority], packaged().labels[label].plan
    key = generate_private_key(spec).public_key()
    with pytest.raises(IssueError, match="is no SECCID"):
        issuer.issue_leaf(subject_for(Use.SECC, KeySpec.P256), key, plan, at)
    with pytest.raises(IssueError, match="not sha256"):
        issuer.issue_leaf(subject_for(Use.SECC, spec), generate_private_key(KeySpec.P256).public_key(), plan, at)


def test_the_oddities_of_real_certificates_are_there(tmp_path: Path, at: datetime) -> None:
    hierarchy = packaged("hubject-like")
    authorities = open_authorities(
        Cabinet(tmp_path), Material(b"seed"), ocsp_url="http://127.0.0.1:1", at=at, hierarchy=hierarchy
    )
    root, sub2 = authorities["v2g_root"].certificate, authorities["cpo_sub2"].certificate
    assert len(root.extensions.subject_key_id or b"") == len(sub2.extensions.authority_key_id or b"") == 8
    assert root.extensions.extended_key_usage == frozenset({EkuOid.OCSP_SIGNING.value})
    plan = hierarchy.labels["cpo"].plan
    key = generate_private_key(KeySpec.P256).public_key()
    leaf = authorities["cpo_sub2"].issue_leaf(subject_for(Use.SECC, KeySpec.P256), key, plan, at)
    assert bytes.fromhex("0603551d130101ff04053003010100") in leaf.der
    assert b"http://127.0.0.1:1/crl/cpo_sub2.crl" in leaf.der
    assert leaf.extensions.authority_key_id == sub2.extensions.subject_key_id
    with pytest.raises(ValueError):
        _ = x509.load_der_x509_certificate(leaf.der).extensions


@pytest.mark.parametrize("spec", [KeySpec.P384, KeySpec.ED25519, KeySpec.RSA2048])
def test_cas_outside_of_iso_15118_may_have_other_keys(spec: KeySpec, tmp_path: Path, at: datetime) -> None:
    text = SMALL.replace('use = "secc"', 'use = "csms-client"').replace("days = 50", f'days = 50\nkey = "{spec.value}"')
    with Office(tmp_path, at, hierarchy=parse_hierarchy(text), seed=b"seed") as office:
        leaf = office.issue("cpo", at=at, common_name="station-1").certificate
        office.revoke(leaf, at=at)
        issuer = office.authorities["sub"].certificate
        crl = load_crl(office.revocation_list("sub.crl", at) or b"")
        responder = Responder(office.authorities, office.register, office.revocations)
        data = hash_data(leaf, issuer, HashAlgorithm.SHA256)
        assert isinstance(judge_response(responder.answer(build_request(data, issuer), at), data, issuer, at), Revoked)
    assert leaf.was_signed_by(issuer)
    assert crl.was_signed_by(issuer)
    assert set(crl.revoked) == {leaf.serial_number}
