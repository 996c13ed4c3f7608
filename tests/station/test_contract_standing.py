"""A contract's chain before the store: the verdict of verify_certificate, with what belongs to it."""

from datetime import timedelta
from pathlib import Path

import pytest

from agents_contracts import URL, contract, mo_pki, renumbered, tampered
from certs import Pki, stack
from chainpilot.pki.verify import Reason
from chainpilot.station.layout import ProfilePolicy
from chainpilot.station.model import CaCertificateType, LeafCertificateType
from clocks import SetClock
from forge import forge
from revocations import entry, revocation_list
from stores import open_store, store_with

MO = CaCertificateType.MO
NOW = SetClock().now()
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def pki() -> Pki:
    return mo_pki()


def test_a_chain_that_holds_is_told_whole(tmp_path: Path, pki: Pki) -> None:
    leaf = contract(pki, end=NOW + timedelta(days=3)).certificate
    store = store_with(tmp_path, (MO, pki))
    standing = store.contract_standing(pki.stack(leaf))
    told = store.get_mo_ocsp_request_data(pki.stack(leaf)).ocsp_request_data_list
    assert standing.holds
    assert [(one.subject, one.responder_url) for one in standing.questions] == [
        (one.certificate_hash_data, one.responder_url) for one in told
    ]
    assert [one.responder_url for one in standing.questions] == [URL] * 3
    assert standing.ends == leaf.not_after
    assert standing.objection is None


@pytest.mark.parametrize("which", ["leaf", "sub2", "root"])
def test_it_ends_with_the_first_of_its_certificates_the_anchor_counted(tmp_path: Path, which: str) -> None:
    soon, late = NOW + timedelta(days=1), NOW + timedelta(days=9)
    ends = {name: soon if name == which else late for name in ("leaf", "sub2", "root")}
    top = forge("MO Root", ca=True, end=ends["root"], domain="MO")
    sub2 = forge("MO Sub2", top, ca=True, end=ends["sub2"], domain="MO")
    leaf = contract(Pki(top, sub2, sub2), end=ends["leaf"]).certificate
    store = store_with(tmp_path, (MO, Pki(top, sub2, sub2)))
    assert store.contract_standing(leaf.to_pem() + sub2.certificate.to_pem()).ends == soon


@pytest.mark.parametrize("policy", ProfilePolicy)
def test_the_verdict_is_that_of_verify_certificate(tmp_path: Path, pki: Pki, policy: ProfilePolicy) -> None:
    leaf, foreign = contract(pki).certificate, mo_pki()
    store = store_with(tmp_path, (MO, pki), mo_profile=policy)
    both = [LeafCertificateType.MO, LeafCertificateType.V2G]
    for text in (
        pki.stack(leaf),
        pki.stack(tampered(leaf)),
        pki.stack(contract(pki, end=NOW - SECOND).certificate),
        pki.stack(contract(pki, begin=NOW + SECOND).certificate),
        foreign.stack(contract(foreign).certificate),
        leaf.to_pem(),
        pki.root.certificate.to_pem(),
        "",
        "rubbish",
    ):
        assert store.contract_standing(text).outcome == store.validate(text, both)
    misnamed = pki.stack(contract(pki, "de-abc-c12345678").certificate)
    standing = store.contract_standing(misnamed)
    assert standing.outcome == store.validate(misnamed, both)
    assert standing.holds is (policy is not ProfilePolicy.ENFORCE)
    assert standing.outcome.cause is (None if standing.holds else Reason.INVALID_CHAIN)


@pytest.mark.parametrize("late", [-1, 0, 1])
@pytest.mark.parametrize("edge", ["begin", "end"])
def test_a_leaf_s_own_time_counts_though_its_root_is_unknown(tmp_path: Path, late: int, edge: str) -> None:
    foreign = mo_pki()
    begin, end = (NOW + late * SECOND, NOW + SECOND * 9) if edge == "begin" else (NOW - SECOND * 9, NOW - late * SECOND)
    standing = open_store(tmp_path).contract_standing(
        foreign.stack(contract(foreign, begin=begin, end=end).certificate)
    )
    wanted = {"begin": Reason.NOT_YET_VALID, "end": Reason.EXPIRED}[edge] if late > 0 else Reason.ISSUER_NOT_FOUND
    assert standing.outcome.cause is wanted
    assert not standing.holds


def test_without_a_root_what_was_sent_is_linked_by_signatures_and_nothing_else_stays(tmp_path: Path, pki: Pki) -> None:
    leaf = contract(pki)
    sent = [leaf, pki.root, pki.sub1, mo_pki().issuing, pki.issuing]
    chain = open_store(tmp_path).contract_standing(stack(*[one.certificate for one in sent])).chain
    assert chain is not None
    assert chain.certificates == tuple(one.certificate for one in (leaf, pki.issuing, pki.sub1))


def test_a_revoked_contract_is_told_as_revoked(tmp_path: Path, pki: Pki) -> None:
    bad, good = contract(pki), contract(pki)
    lists = tmp_path / "crls"
    lists.mkdir()
    for name, issuer in (("root", pki.root), ("sub1", pki.sub1), ("sub2", pki.issuing)):
        gone = entry(bad.certificate.serial_number, revoked=NOW - SECOND)
        (lists / f"{name}.crl").write_bytes(revocation_list(issuer, gone, since=NOW - SECOND))
    store = store_with(tmp_path / "certs", (MO, pki), crl_directory=str(lists))
    assert store.contract_standing(pki.stack(bad.certificate)).outcome.cause is Reason.REVOKED
    assert store.contract_standing(pki.stack(good.certificate)).holds
    (lists / "sub2.crl").unlink()
    assert store.contract_standing(pki.stack(bad.certificate)).outcome.cause is Reason.REVOCATION_UNKNOWN


def test_a_store_that_cannot_be_read_says_so_and_holds_nothing(tmp_path: Path, pki: Pki) -> None:
    store = store_with(tmp_path, (MO, pki))
    place = tmp_path / "ca/mo/MO_ROOT_CA.pem"
    place.unlink()
    place.symlink_to(place)
    standing = store.contract_standing(pki.stack(contract(pki).certificate))
    assert not standing.holds
    assert standing.outcome.reason


@pytest.mark.parametrize(("number", "fits"), [((1 << 160) - 1, True), (1 << 160, False), (1 << 320, False)])
def test_a_certificate_that_hash_data_cannot_name_is_told(tmp_path: Path, pki: Pki, number: int, fits: bool) -> None:
    leaf = renumbered(contract(pki), pki.issuing, number)
    standing = store_with(tmp_path, (MO, pki)).contract_standing(pki.stack(leaf))
    assert standing.holds
    assert (standing.objection is None) is fits
