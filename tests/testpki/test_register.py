"""What the test PKI has issued."""

from datetime import datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.identity import DistinguishedName
from chainpilot.testpki.authorities import Authorities
from chainpilot.testpki.cabinet import CabinetError
from chainpilot.testpki.hierarchy import SECC
from chainpilot.testpki.register import IssuedRecord, Register, csr_fingerprint

NAME = DistinguishedName("DE", "Operator", "DE*ICE*E123", "CPO").to_name()


@pytest.fixture
def leaf(issuers: Authorities, at: datetime) -> Certificate:
    """Some issued leaf."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return issuers["cpo_sub2"].issue_leaf(NAME, key, SECC, at)


def test_a_record_is_found_by_its_request_and_its_serial_number(
    tmp_path: Path, leaf: Certificate, issuers: Authorities
) -> None:
    register, request = Register(tmp_path / "issued"), csr_fingerprint(b"request")
    register.add(IssuedRecord("cpo", request, leaf))
    found = register.find("cpo", request)
    assert found is not None
    assert found.certificate == leaf
    assert register.find("csms", request) is None
    assert register.knows(issuers["cpo_sub2"].certificate, leaf.serial_number)
    assert not register.knows(issuers["cpo_sub1"].certificate, leaf.serial_number)


def test_a_register_opened_again_holds_the_same(tmp_path: Path, leaf: Certificate) -> None:
    record = IssuedRecord("cpo", csr_fingerprint(b"request"), leaf)
    Register(tmp_path / "issued").add(record)
    assert Register(tmp_path / "issued").records == (record,)


def test_a_line_cut_off_by_a_kill_is_cut_away(tmp_path: Path, leaf: Certificate) -> None:
    path, record = tmp_path / "issued", IssuedRecord("cpo", csr_fingerprint(b"request"), leaf)
    Register(path).add(record)
    whole = path.read_bytes()
    for cut in range(1, len(whole), 50):
        path.write_bytes(whole + whole[:cut])
        register = Register(path)
        assert register.records == (record,)
        register.add(record)
        assert Register(path).records == (record, record)


def test_what_was_issued_without_a_request_is_found_by_none(tmp_path: Path, leaf: Certificate) -> None:
    register = Register(tmp_path / "issued")
    register.add(IssuedRecord("tls-server", "", leaf))
    assert register.find("tls-server", "") is None


@pytest.mark.parametrize(
    "line",
    [b"{}", b"{", b"\xff", b'{"label":"cpo","csr":"","der":"AA*="}', b'{"label":"cpo","csr":"","der":"MAA="}', b""],
    ids=["fields missing", "no JSON", "no UTF-8", "no base64", "no certificate", "empty"],
)
def test_a_line_that_is_no_record_is_named_by_its_number(line: bytes, tmp_path: Path, leaf: Certificate) -> None:
    path = tmp_path / "issued.jsonl"
    Register(path).add(IssuedRecord("cpo", csr_fingerprint(b"request"), leaf))
    whole = path.read_bytes()
    path.write_bytes(whole + line + b"\n" + whole)
    with pytest.raises(CabinetError, match=r"issued\.jsonl: line 2 is no record .*; put back what it held"):
        Register(path)
    assert path.read_bytes() == whole + line + b"\n" + whole


def test_a_register_that_can_not_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(CabinetError, match="Is a directory"):
        Register(tmp_path)
