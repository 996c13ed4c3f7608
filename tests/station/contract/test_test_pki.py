"""A certificate of a test PKI, root, sub-CA or leaf, is refused unless `allow_test_pki`: anybody may hold its keys."""

from dataclasses import replace
from pathlib import Path

import pytest

from certs import FROM, UNTIL, Pki, issue, v2g_pki
from chainpilot.station import EvseSecurity
from chainpilot.station.layout import Parity
from chainpilot.station.model import (
    CaCertificateType,
    CertificateValidationResult,
    InstallCertificateResult,
    LeafCertificateType,
)
from forge import forge
from stock import leaf, put
from stores import EVSE, assert_store_unchanged, open_store

V2G = LeafCertificateType.V2G
DOMAIN = CaCertificateType.V2G
RESULT = InstallCertificateResult
PARITY = pytest.mark.parametrize("parity", [Parity(), Parity(accept_any_ca=True, profile=True)], ids=["ours", "parity"])


def pki_with(*tests: str) -> Pki:
    """A V2G PKI in which those certificates carry the TEST extension."""
    above = forge("V2G Root", ca=True, begin=FROM, end=UNTIL, test="root" in tests)
    sub1 = forge("CPO Sub1", above, ca=True, begin=FROM, end=UNTIL, test="sub1" in tests)
    return Pki(above, sub1, forge("CPO Sub2", sub1, ca=True, begin=FROM, end=UNTIL, test="sub2" in tests))


WHICH = ("root", "sub1", "sub2", "leaf")


def stocked(directory: Path, pki: Pki, *, allowed: bool, parity: Parity) -> EvseSecurity:
    """A store whose bundle holds the root, put there by an operator."""
    store = open_store(directory, allow_test_pki=allowed, parity=parity)
    put(store.layout.bundles[DOMAIN], pki.root.certificate.to_pem())
    return store


@PARITY
@pytest.mark.parametrize("which", WHICH)
@pytest.mark.parametrize("allowed", [False, True], ids=["refused", "allowed"])
def test_a_chain_with_a_test_certificate_anywhere_counts_only_where_allowed(
    tmp_path: Path, which: str, parity: Parity, *, allowed: bool
) -> None:
    pki = pki_with(which)
    store = stocked(tmp_path, pki, allowed=allowed, parity=parity)
    one = leaf(pki, test=which == "leaf")
    outcome = store.validate(pki.stack(one.certificate), [V2G])
    assert (outcome.result is CertificateValidationResult.VALID) is allowed
    assert ("allow_test_pki" in (outcome.reason or "")) is not allowed
    assert bool(store.get_mo_ocsp_request_data(pki.stack(one.certificate)).left_out) is True, "none names a responder"


@PARITY
@pytest.mark.parametrize("which", WHICH)
@pytest.mark.parametrize("allowed", [False, True], ids=["refused", "allowed"])
def test_a_leaf_below_a_test_certificate_is_installed_only_where_allowed(
    tmp_path: Path, which: str, parity: Parity, *, allowed: bool
) -> None:
    pki = pki_with(which)
    store = stocked(tmp_path, pki, allowed=allowed, parity=parity)
    csr = store.generate_certificate_signing_request(V2G, "DE", "Operator", EVSE).csr
    assert csr is not None
    chain = pki.stack(issue(pki.issuing, csr, test=which == "leaf"))
    outcome = store.update_leaf(chain, V2G)
    assert outcome.accepted is allowed
    if not allowed:
        assert outcome.result is RESULT.NO_ROOT_CERTIFICATE_INSTALLED
        assert "allow_test_pki" in (outcome.reason or "")
        assert store.open_requests()


@PARITY
@pytest.mark.parametrize("which", ["root", "sub1"])
@pytest.mark.parametrize("allowed", [False, True], ids=["refused", "allowed"])
def test_a_ca_of_a_test_pki_is_installed_only_where_allowed(
    tmp_path: Path, which: str, parity: Parity, *, allowed: bool
) -> None:
    """No switch of parity lets it in: they give the reference's answers of section 4 and revert nothing else."""
    pki = pki_with(which)
    store = open_store(tmp_path, allow_test_pki=allowed, parity=parity)
    if which == "sub1":
        put(store.layout.bundles[DOMAIN], pki.root.certificate.to_pem())
    offered = (pki.root if which == "root" else pki.sub1).certificate
    outcome = store.install_ca(offered.to_pem(), DOMAIN)
    assert outcome.accepted is allowed
    if not allowed:
        assert outcome.result is RESULT.INVALID_CERTIFICATE_CHAIN
        assert "allow_test_pki" in (outcome.reason or "")


@PARITY
@pytest.mark.parametrize("bundle", ["ca/v2g/V2G_ROOT_CA.pem", "ca/v2g"], ids=["file", "directory"])
def test_found_on_disk_all_the_same_it_is_no_anchor_and_told_of(tmp_path: Path, bundle: str, parity: Parity) -> None:
    pki = pki_with("root")
    place = tmp_path / (bundle if bundle.endswith(".pem") else f"{bundle}/root.pem")
    put(place, pki.root.certificate.to_pem())
    store = open_store(tmp_path, v2g_ca_bundle=bundle, parity=parity)
    with assert_store_unchanged(tmp_path):
        assert not store.is_ca_certificate_installed(DOMAIN)
        assert (store.get_verify_file(DOMAIN), store.get_verify_location(DOMAIN)) == ("", "")
        assert tuple(store.trust_anchors(DOMAIN)) == ()
        assert any("allow_test_pki" in finding.why for finding in store.findings())
    allowed = open_store(tmp_path, v2g_ca_bundle=bundle, parity=parity, allow_test_pki=True)
    assert allowed.is_ca_certificate_installed(DOMAIN)
    assert allowed.get_verify_file(DOMAIN) != ""


def test_a_test_sub_ca_kept_in_the_bundle_completes_no_chain(tmp_path: Path) -> None:
    pki = pki_with("sub2")
    store = open_store(tmp_path)
    text = "".join(one.certificate.to_pem() for one in (pki.root, pki.sub1, pki.issuing))
    put(store.layout.bundles[DOMAIN], text)
    alone = leaf(pki).certificate.to_pem()
    assert store.verify_certificate(alone, [V2G]) is CertificateValidationResult.ISSUER_NOT_FOUND
    allowed = open_store(tmp_path, allow_test_pki=True)
    assert allowed.verify_certificate(alone, [V2G]) is CertificateValidationResult.VALID


def test_a_program_that_reads_the_verify_file_is_not_handed_a_test_sub_ca(tmp_path: Path) -> None:
    """Below a good root, a sub-CA whose key anybody may hold would let anybody in."""
    pki = pki_with("sub1")
    store = open_store(tmp_path)
    put(store.layout.bundles[DOMAIN], pki.root.certificate.to_pem() + pki.sub1.certificate.to_pem())
    assert Path(store.get_verify_file(DOMAIN)).read_text() == pki.root.certificate.to_pem()


def test_a_good_way_beside_a_test_way_is_taken(tmp_path: Path) -> None:
    """Two certificates of one sub-CA's key, one of them a test's."""
    pki = v2g_pki()
    renewed = forge("CPO Sub2", pki.sub1, ca=True, key=pki.issuing.key, begin=FROM, end=UNTIL, test=True)
    store = open_store(tmp_path)
    put(store.layout.bundles[DOMAIN], pki.root.certificate.to_pem())
    for order in ((renewed, pki.issuing), (pki.issuing, renewed)):
        one = leaf(replace(pki, issuing=order[0]))
        text = "".join(each.certificate.to_pem() for each in (one, *order, pki.sub1))
        assert store.verify_certificate(text, [V2G]) is CertificateValidationResult.VALID
