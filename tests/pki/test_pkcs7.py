"""PKCS#7 bags: ours are read by openssl, openssl's and BER ones by us, and nothing else leaves but our errors."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pki.certificate import load_certificates
from chainpilot.pki.pkcs7 import MAX_BAG_BYTES, Pkcs7Error, read_certs_only, write_certs_only
from forge import v2g_hierarchy

CERTIFICATES = v2g_hierarchy().certificates


def test_a_written_bag_reads_back_with_the_same_certificates() -> None:
    assert set(read_certs_only(write_certs_only(CERTIFICATES))) == set(CERTIFICATES)


def test_openssl_reads_our_bag() -> None:
    bag = write_certs_only(CERTIFICATES)
    command = ["openssl", "pkcs7", "-inform", "DER", "-print_certs"]
    printed = subprocess.run(command, input=bag, check=True, capture_output=True).stdout
    assert set(load_certificates(printed)) == set(CERTIFICATES)


def test_we_read_the_bag_of_openssl_in_der_and_with_indefinite_lengths(tmp_path: Path) -> None:
    (tmp_path / "all.pem").write_text("".join(one.to_pem() for one in CERTIFICATES))
    command = ["openssl", "crl2pkcs7", "-nocrl", "-certfile", "all.pem", "-outform", "DER"]
    der = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout
    assert read_certs_only(der) == CERTIFICATES
    assert read_certs_only(_indefinite(der)) == CERTIFICATES


def _indefinite(der: bytes) -> bytes:
    """The outermost sequence and its content with BER's indefinite length, as some servers write them."""
    body = der[4:]
    header, inner = body[:11], body[11:]
    return b"\x30\x80" + header + b"\xa0\x80" + inner[4:] + b"\x00\x00" + b"\x00\x00"


def test_doubles_in_a_bag_are_one(tmp_path: Path) -> None:
    (tmp_path / "all.pem").write_text(CERTIFICATES[0].to_pem() * 3)
    command = ["openssl", "crl2pkcs7", "-nocrl", "-certfile", "all.pem", "-outform", "DER"]
    der = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout
    assert read_certs_only(der) == CERTIFICATES[:1]


def test_an_empty_bag_an_endless_one_and_another_content_type_are_refused() -> None:
    command = ["openssl", "crl2pkcs7", "-nocrl", "-outform", "DER"]
    empty = subprocess.run(command, check=True, capture_output=True).stdout
    with pytest.raises(Pkcs7Error, match="0 certificates"):
        read_certs_only(empty)
    with pytest.raises(Pkcs7Error, match="at most"):
        read_certs_only(b"\x30" * (MAX_BAG_BYTES + 1))
    with pytest.raises(Pkcs7Error, match="not SignedData"):
        read_certs_only(bytes.fromhex("300f06092a864886f70d010701a0020400"))


def test_an_endless_object_identifier_is_refused_at_once() -> None:
    oid = b"\x06\x83\x03\x00\x00" + b"\x81" * (0x30000 - 1) + b"\x01"
    with pytest.raises(Pkcs7Error, match="object identifier"):
        read_certs_only(b"\x30\x83" + (len(oid) + 2).to_bytes(3, "big") + oid + b"\x05\x00")


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=100).map(write_certs_only(CERTIFICATES[:1]).__add__)))
def test_nothing_but_our_own_errors_leaves_the_reader(data: bytes) -> None:
    try:
        certificates = read_certs_only(data)
    except Pkcs7Error:
        return
    assert certificates == CERTIFICATES[:1]


@given(st.integers(0, 5000), st.integers(0, 255))
def test_a_mutated_bag_gives_an_answer_or_our_own_error(position: int, octet: int) -> None:
    bag = bytearray(write_certs_only(CERTIFICATES))
    bag[position % len(bag)] = octet
    try:
        certificates = read_certs_only(bytes(bag))
    except Pkcs7Error:
        return
    assert certificates
