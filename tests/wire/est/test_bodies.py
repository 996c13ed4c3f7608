"""The transfer form of EST bodies."""

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.wire.est.bodies import BodyError, decode_body, encode_body

LIMIT = 4096

contents = st.binary(max_size=300)


def sequence(content: bytes) -> bytes:
    """A DER SEQUENCE around any content."""
    size = len(content)
    if size < 0x80:
        return bytes([0x30, size]) + content
    return b"\x30\x82" + size.to_bytes(2, "big") + content


def armoured(der: bytes, words: bytes) -> bytes:
    return b"-----BEGIN " + words + b"-----\r\n" + base64.encodebytes(der) + b"-----END " + words + b"-----\r\n"


@given(contents)
def test_what_is_written_is_read_back(content: bytes) -> None:
    der = sequence(content)
    assert decode_body(encode_body(der), limit=LIMIT) == der


@given(contents)
def test_lines_have_64_characters_and_end_with_lf(content: bytes) -> None:
    *full, last = encode_body(sequence(content)).split(b"\n")[:-1]
    assert all(len(line) == 64 for line in full)
    assert 0 < len(last) <= 64


@given(contents, st.sampled_from([b"", b"\n", b"\r\n", b" ", b"\t"]), st.integers(1, 100))
def test_line_ends_and_blanks_anywhere_are_passed_over(content: bytes, between: bytes, width: int) -> None:
    der = sequence(content)
    text = base64.b64encode(der)
    spread = between.join(text[start : start + width] for start in range(0, len(text), width))
    assert decode_body(between + spread + between, limit=2 * LIMIT) == der


@given(contents, st.sampled_from([b"\x00", b"\n\x00", b"\x00\x00", b"\r\n"]))
def test_a_trailing_nul_is_passed_over(content: bytes, tail: bytes) -> None:
    der = sequence(content)
    assert decode_body(encode_body(der) + tail, limit=LIMIT) == der
    assert decode_body(der + tail, limit=LIMIT) == der


@given(contents, st.sampled_from([b"PKCS7", b"CMS", b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST"]))
def test_pem_armour_is_taken_off(content: bytes, words: bytes) -> None:
    der = sequence(content)
    assert decode_body(armoured(der, words), limit=LIMIT) == der


@given(contents)
def test_raw_der_is_taken_as_it_is(content: bytes) -> None:
    der = sequence(content)
    assert decode_body(der, limit=LIMIT) == der


def test_the_indefinite_length_of_ber_is_taken() -> None:
    ber = b"\x30\x80\x02\x01\x05\x00\x00"
    assert decode_body(ber, limit=LIMIT) == ber
    assert decode_body(base64.b64encode(ber), limit=LIMIT) == ber


@given(st.binary(max_size=400))
def test_no_input_bytes_escape_our_error_family(body: bytes) -> None:
    try:
        der = decode_body(body, limit=LIMIT)
    except BodyError:
        return
    assert der


@given(contents, st.integers(0, 400), st.integers(0, 255))
def test_no_changed_byte_escapes_our_error_family(content: bytes, where: int, what: int) -> None:
    for form in (encode_body(sequence(content)), armoured(sequence(content), b"CMS"), sequence(content)):
        changed = bytearray(form)
        changed[where % len(changed)] = what
        with contextlib.suppress(BodyError):
            decode_body(bytes(changed), limit=LIMIT)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "empty"),
        (b" \r\n\x00", "empty"),
        (b"MAMCAQ", "broken base64"),
        (b"MAMCAQU=MAMCAQU=", "broken base64"),
        (b"MAMCAQU?", "broken base64"),
        (base64.b64encode(sequence(b"\x02\x01\x05") + b"\x00"), "1 bytes follow"),
        (sequence(b"\x02\x01\x05") + b"X", "1 bytes follow"),
        (base64.b64encode(b"\x30\x05\x02\x01"), "cut off"),
        (b"\x30\x82\x01\x00", "cut off"),
        (b"-----BEGIN CMS-----\nMAMCAQU=\n", "armour"),
        (b"-----BEGIN CMS-----\nMAMCAQU=\n-----END PKCS7-----", "armour"),
        (armoured(sequence(b""), b"CMS") * 2, "armour"),
        (armoured(sequence(b""), b"CMS") + b"and more", "armour"),
    ],
)
def test_a_body_that_is_not_one_value_is_refused_with_words(body: bytes, why: str) -> None:
    with pytest.raises(BodyError) as caught:
        decode_body(body, limit=LIMIT)
    assert why in caught.value.why


def test_the_limit_is_kept_one_below_at_and_above() -> None:
    body = encode_body(sequence(bytes(100)))
    for limit in (len(body) + 1, len(body)):
        assert decode_body(body, limit=limit)
    with pytest.raises(BodyError, match="at most"):
        decode_body(body, limit=len(body) - 1)
