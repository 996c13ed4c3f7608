"""Text encodings: what we write reads back, and what stations send is recognised."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pki.certificate import CertificateError, load_certificates
from chainpilot.pki.encoding import (
    MAX_TEXT,
    EncodingError,
    PemLabel,
    Recognised,
    TextEncoding,
    pem_encode,
    recognise,
    write_blocks,
)
from forge import v2g_hierarchy

DERS = tuple(certificate.der for certificate in v2g_hierarchy().certificates[:3])
CERTIFICATE = PemLabel.CERTIFICATE


def blocks(text: str | bytes) -> tuple[bytes, ...]:
    return recognise(text, CERTIFICATE).blocks


@pytest.mark.parametrize("encoding", TextEncoding)
@pytest.mark.parametrize("count", [1, 3])
def test_what_is_written_reads_back_with_its_encoding(encoding: TextEncoding, count: int) -> None:
    text = write_blocks(DERS[:count], CERTIFICATE, encoding)
    assert recognise(text, CERTIFICATE) == Recognised(encoding, DERS[:count])
    assert recognise(text.encode(), CERTIFICATE).blocks == DERS[:count]


@given(
    st.lists(
        st.binary(min_size=0, max_size=300).map(lambda body: b"\x04\x82" + len(body).to_bytes(2, "big") + body),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(TextEncoding),
)
def test_any_der_values_read_back_from_every_encoding(values: list[bytes], encoding: TextEncoding) -> None:
    assert recognise(write_blocks(values, CERTIFICATE, encoding), CERTIFICATE).blocks == tuple(values)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda pem: pem.replace("\n", "\r\n"),
        lambda pem: pem.replace("\n", "\\n"),
        lambda pem: pem.replace("\n", "\\r\\n"),
        lambda pem: (
            "subject=CN = x\n" + pem.replace("-----END CERTIFICATE-----\n", "-----END CERTIFICATE-----\n\nnote\n")
        ),
        lambda pem: pem.replace("\n", " "),
        lambda pem: pem.rstrip("\n"),
    ],
    ids=["crlf", "literal newlines", "literal crlf", "prose between", "one line", "no last newline"],
)
def test_spoilt_pem_of_the_field_is_read(spoil: Callable[[str], str]) -> None:
    assert blocks(spoil(write_blocks(DERS, CERTIFICATE, TextEncoding.PEM))) == DERS


def test_hexadecimal_is_read_in_either_case_and_with_white_space() -> None:
    text = DERS[0].hex().upper()
    assert blocks("\n".join(re.findall(".{1,64}", text))) == DERS[:1]


def test_a_private_key_among_the_blocks_is_passed_over() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    assert blocks(key + pem_encode(DERS[0], CERTIFICATE)) == DERS[:1]
    with pytest.raises(EncodingError, match="without a whole CERTIFICATE"):
        blocks(key)


def test_pem_is_wrapped_at_64() -> None:
    lines = pem_encode(DERS[0], CERTIFICATE).splitlines()
    assert max(map(len, lines)) == 64
    assert all(len(line) == 64 for line in lines[1:-2])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("   \n", "empty"),
        ("not a certificate!", "neither"),
        ("30820", "broken base64"),
        ("3082ffff00", "not whole DER"),
        ("-----BEGIN CERTIFICATE-----\nAAAA", "never ends"),
        ("-----BEGIN CERTIFICATE-----\nA*A\n-----END CERTIFICATE-----", "base64"),
    ],
)
def test_what_is_no_encoding_is_refused_with_its_reason(text: str, why: str) -> None:
    with pytest.raises(EncodingError, match=why):
        blocks(text)


@pytest.mark.parametrize(("length", "ok"), [(MAX_TEXT - 2, True), (MAX_TEXT, True), (MAX_TEXT + 2, False)])
def test_the_bound_on_text_is_exact(length: int, *, ok: bool) -> None:
    text = DERS[0].hex().rjust(length)
    if ok:
        assert blocks(text) == DERS[:1]
    else:
        with pytest.raises(EncodingError, match="at most"):
            blocks(text)


@given(st.one_of(st.text(), st.binary()))
def test_nothing_but_our_own_errors_leaves_the_reader(text: str | bytes) -> None:
    with pytest.raises((EncodingError, CertificateError)):
        load_certificates(text)
