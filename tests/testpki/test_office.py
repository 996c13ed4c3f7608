"""What can be done to a test PKI without asking its servers, running or stopped."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.crl import CLOCK_TOLERANCE, NotRevoked, RevocationReason, Revoked, load_crl, revocation
from chainpilot.pki.csr import CsrError, build_csr
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import KeySpec, generate_private_key, spki_hash
from chainpilot.testpki.cabinet import CabinetError, FolderInUseError
from chainpilot.testpki.declaration import HierarchyError, packaged
from chainpilot.testpki.issuer import IssueError
from chainpilot.testpki.office import NoSuchLabel, NotIssued, NotRevocable, Office
from chainpilot.testpki.revocations import CRL_VALIDITY, Revocations

EMAID = "DEABCC123456789"


@pytest.fixture
def office(tmp_path: Path, at: datetime) -> Iterator[Office]:
    """The folder of a stopped test PKI, open."""
    with Office(tmp_path / "pki", at, seed=b"seed") as opened:
        yield opened


def reopened(office: Office, at: datetime) -> Office:
    """The same folder, as the next run finds it."""
    again = Office(office.cabinet.directory, at)
    again.open("http://127.0.0.1:1")
    return again


def test_a_contract_is_issued_with_its_key(office: Office, at: datetime, tmp_path: Path) -> None:
    issued = office.issue("mo", at=at, common_name=EMAID)
    assert issued.certificate.subject == DistinguishedName("DE", "chainpilot TEST PKI", EMAID, "MO")
    chain_file, key_file = issued.write(tmp_path / "out")
    stack = load_certificates(chain_file.read_bytes())
    assert stack == issued.chain[:3]
    assert key_file is not None
    key = load_pem_private_key(key_file.read_bytes(), None).public_key()
    spki = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    assert key.public_bytes(*spki) == issued.certificate.public_key.public_bytes(*spki)
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert office.register.with_serial(issued.certificate.serial_number)


def test_a_leaf_is_issued_for_a_signing_request(office: Office, at: datetime, tmp_path: Path) -> None:
    key = generate_private_key(KeySpec.P256)
    csr = build_csr(key, DistinguishedName("DE", "Operator", "DE*ICE*E123", "CPO"))
    for form in (csr, csr.hex()):
        issued = office.issue("cpo", at=at, csr=form)
        assert issued.certificate.spki_hash == spki_hash(key.public_key())
        assert issued.write(tmp_path / "out")[1] is None


@pytest.mark.parametrize("name", ["../../etc/x", "..", "a/b", "\x00"])
def test_a_name_never_leads_a_file_out_of_its_folder(name: str, office: Office, at: datetime, tmp_path: Path) -> None:
    issued = office.issue("mf", at=at, common_name=name)
    chain_file, _ = issued.write(tmp_path / "out")
    assert chain_file.parent == tmp_path / "out"


def test_a_lifetime_is_taken_and_none_left_makes_one_that_has_ended(office: Office, at: datetime) -> None:
    short = office.issue("mo", at=at, common_name=EMAID, lifetime=timedelta(days=3)).certificate
    ended = office.issue("mo", at=at, common_name=EMAID, lifetime=timedelta(0)).certificate
    assert short.not_after == at + timedelta(days=3)
    assert ended.not_after < at


def test_what_does_not_fit_is_refused(office: Office, at: datetime) -> None:
    with pytest.raises(NoSuchLabel, match="no label 'nowhere'; it has cpo"):
        office.issue("nowhere", at=at, common_name=EMAID)
    with pytest.raises(IssueError, match="no eMAID"):
        office.issue("mo", at=at, common_name="nobody")
    with pytest.raises(CsrError):
        office.issue("mo", at=at, csr=b"\x30\x00")
    assert office.register.records == ()


def status_of(office: Office, certificate: Certificate, at: datetime) -> object:
    issuer = office.authorities.issuer_of(certificate)
    assert issuer is not None
    der = office.revocation_list(f"{issuer.file_name}.crl", at)
    assert der is not None
    return revocation([load_crl(der)], certificate, issuer.certificate, at)


@pytest.mark.parametrize("by", ["certificate", "serial number", "with colons", "common name"])
def test_a_leaf_is_revoked_by_whatever_names_it(by: str, office: Office, at: datetime) -> None:
    leaf = office.issue("mo", at=at, common_name=EMAID).certificate
    other = office.issue("mo", at=at, common_name="DEABCC987654321").certificate
    serial = f"{leaf.serial_number:040x}"
    named: dict[str, str | Certificate] = {
        "certificate": leaf,
        "serial number": serial,
        "with colons": ":".join(serial[i : i + 2] for i in range(0, 40, 2)).upper(),
        "common name": EMAID,
    }
    assert office.revoke(named[by], at=at, reason=RevocationReason.KEY_COMPROMISE) == (leaf,)
    assert status_of(office, leaf, at) == Revoked(at, RevocationReason.KEY_COMPROMISE)
    assert isinstance(status_of(office, other, at), NotRevoked)
    assert office.revoked_at(leaf) == at
    assert office.revoked_at(other) is None


def test_the_list_is_written_beside_and_is_good_for_more_than_a_week(office: Office, at: datetime) -> None:
    leaf = office.issue("mo", at=at, common_name=EMAID).certificate
    office.revoke(leaf, at=at)
    crl = load_crl((office.cabinet.directory / "crl" / "mo_sub2.crl").read_bytes())
    assert crl.next_update - crl.this_update == CRL_VALIDITY > timedelta(days=7) + CLOCK_TOLERANCE
    assert crl.was_signed_by(office.authorities["mo_sub2"].certificate)
    assert set(crl.revoked) == {leaf.serial_number}


@pytest.mark.parametrize("name", ["cpo20ed_sub1", "cpo20_sub1", "cpo_sub1"])
def test_a_sub_ca_is_revoked_by_its_name_with_every_kind_of_key(name: str, office: Office, at: datetime) -> None:
    (sub1,) = office.revoke(name, at=at, reason=RevocationReason.CA_COMPROMISE)
    assert sub1 == office.authorities[name].certificate
    assert status_of(office, sub1, at) == Revoked(at, RevocationReason.CA_COMPROMISE)
    assert next(each for each in office.standing() if each.name == name).revoked == at


def test_a_root_is_revoked_by_nobody(office: Office, at: datetime) -> None:
    with pytest.raises(NotRevocable, match="out of where it is trusted"):
        office.revoke("v2g_root", at=at)


@pytest.mark.parametrize("target", ["nobody", "00", "", "zz"])
def test_what_was_never_issued_is_told(target: str, office: Office, at: datetime) -> None:
    for order in (office.revoke, office.expire):
        with pytest.raises(NotIssued, match="neither a CA"):
            order(target, at=at)


def test_a_revocation_outlasts_the_run_and_its_first_reason_stays(office: Office, at: datetime) -> None:
    leaf = office.issue("mo", at=at, common_name=EMAID).certificate
    office.revoke(leaf, at=at, reason=RevocationReason.SUPERSEDED)
    again = reopened(office, at)
    again.revoke(leaf, at=at + timedelta(days=1), reason=RevocationReason.KEY_COMPROMISE)
    assert status_of(again, leaf, at + timedelta(days=1)) == Revoked(at, RevocationReason.SUPERSEDED)


def test_two_generations_of_a_ca_keep_their_lists_apart(office: Office, at: datetime) -> None:
    before = office.issue("mo", at=at, common_name=EMAID).certificate
    office.roll_over("mo_sub2", at=at)
    after = office.issue("mo", at=at, common_name=EMAID).certificate
    office.revoke(before, at=at)
    assert isinstance(status_of(office, before, at), Revoked)
    assert isinstance(status_of(office, after, at), NotRevoked)


def test_a_leaf_s_twin_has_ended_and_answers_for_its_request(office: Office, at: datetime) -> None:
    leaf = office.issue("mo", at=at, common_name=EMAID).certificate
    twin = office.expire(EMAID, at=at)
    assert (twin.spki_hash, twin.subject_der) == (leaf.spki_hash, leaf.subject_der)
    assert twin.not_after < at


@pytest.mark.parametrize("line", [b"{}", b"nonsense", b'{"issuer":"a","serial":"xy","at":"2026-01-01T00:00:00Z"}'])
def test_a_line_that_is_no_revocation_is_named_by_its_number(line: bytes, tmp_path: Path) -> None:
    (tmp_path / "revoked.jsonl").write_bytes(line + b"\n")
    with pytest.raises(CabinetError, match=r"revoked\.jsonl: line 1 is no record of a revocation"):
        Revocations(tmp_path / "revoked.jsonl")


def test_a_folder_is_opened_once_at_a_time(office: Office, at: datetime) -> None:
    with pytest.raises(FolderInUseError), Office(office.cabinet.directory, at):
        pass


def test_a_declaration_that_lies_in_an_empty_folder_is_taken(tmp_path: Path, at: datetime) -> None:
    text = packaged("hubject-like").text
    (tmp_path / "hierarchy.toml").write_text(text)
    with Office(tmp_path, at) as office:
        assert office.authorities["v2g_root"].plan.key_id_octets == 8
    assert (tmp_path / "hierarchy.toml").read_text() == text


def test_another_declaration_than_the_folder_s_is_refused(office: Office, at: datetime) -> None:
    other = Office(office.cabinet.directory, at, hierarchy=packaged("hubject-like"))
    with pytest.raises(HierarchyError, match="holds another one"):
        other.open("http://127.0.0.1:1")
