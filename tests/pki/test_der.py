"""The DER reader: bounded, strict about lengths, tolerant of BER's indefinite ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pki.der import MAX_DEPTH, MAX_OID, DerError, decode_oid, read_all, read_one, read_signed


@given(st.binary(max_size=400))
def test_a_value_reads_back(body: bytes) -> None:
    encoding = b"\x04\x82" + len(body).to_bytes(2, "big") + body
    element = read_one(encoding)
    assert (element.tag, element.content, element.encoding) == (0x04, body, encoding)


@given(st.binary(max_size=60))
def test_nothing_but_our_own_error_leaves_the_reader(data: bytes) -> None:
    try:
        elements = list(read_all(data))
    except DerError:
        return
    assert b"".join(element.encoding for element in elements) == data


@pytest.mark.parametrize("text", ["30", "3005", "30820100", "1f0100", "30850000000001", "0480", "0480ff0000"])
def test_cut_off_and_odd_values_are_refused(text: str) -> None:
    with pytest.raises(DerError):
        read_one(bytes.fromhex(text))


def test_bytes_behind_the_value_are_refused() -> None:
    with pytest.raises(DerError, match="follow"):
        read_one(bytes.fromhex("050000"))


@pytest.mark.parametrize(("depth", "fits"), [(MAX_DEPTH - 1, True), (MAX_DEPTH, True), (MAX_DEPTH + 1, False)])
def test_the_bound_on_nesting_is_exact(depth: int, *, fits: bool) -> None:
    nested = b"\x30\x80" * depth + b"\x00\x00" * depth
    if fits:
        assert read_one(nested).encoding == nested
    else:
        with pytest.raises(DerError, match="too deep"):
            read_one(nested)


@pytest.mark.parametrize(
    ("encoded", "dotted"), [("0603551d0f", "2.5.29.15"), ("06092a864886f70d010702", "1.2.840.113549.1.7.2")]
)
def test_object_identifiers_are_decoded(encoded: str, dotted: str) -> None:
    assert decode_oid(read_one(bytes.fromhex(encoded))) == dotted


@pytest.mark.parametrize(("octets", "fits"), [(MAX_OID - 1, True), (MAX_OID, True), (MAX_OID + 1, False)])
def test_the_bound_on_object_identifiers_is_exact(octets: int, *, fits: bool) -> None:
    element = read_one(bytes([0x06, octets]) + b"\x81" * (octets - 1) + b"\x01")
    if fits:
        assert decode_oid(element).startswith("2.")
    else:
        with pytest.raises(DerError, match="at most"):
            decode_oid(element)


@pytest.mark.parametrize("encoded", ["3000", "30060500050003 00".replace(" ", ""), "300905000500030201ff"])
def test_what_is_not_signed_or_not_in_whole_octets_is_refused(encoded: str) -> None:
    with pytest.raises(DerError):
        read_signed(bytes.fromhex(encoded))
