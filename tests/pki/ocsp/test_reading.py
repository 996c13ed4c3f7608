"""read_response and decode_response: what a response says is told, believed or not, within exact bounds."""

import base64
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pki.crl import RevocationReason
from chainpilot.pki.encoding import EncodingError
from chainpilot.pki.hashdata import HashAlgorithm, hash_data
from chainpilot.pki.identity import name_key
from chainpilot.pki.ocsp import (
    MAX_INCLUDED,
    MAX_RESPONSE_BYTES,
    MAX_RESPONSE_TEXT,
    MAX_SINGLES,
    BasicAnswer,
    CertId,
    CertStatus,
    Indeterminate,
    OcspDefect,
    OcspResponseSummary,
    ResponseStatus,
    decode_response,
    read_response,
)
from derwriter import extension, sequence
from forge import NOON, forge, v2g_hierarchy
from ocsp_answers import NEXT, SINCE, answer, cert_id, responder_by_key, responder_by_name, single

V2G = v2g_hierarchy()
ISSUER, LEAF = V2G.sub2, V2G.leaf.certificate
NAMED = cert_id(LEAF, ISSUER.certificate)
AROUND = [(-1, True), (0, True), (1, False)]


def read_basic(der: bytes) -> BasicAnswer:
    summary = read_response(der)
    assert isinstance(summary, OcspResponseSummary), summary
    assert summary.status is ResponseStatus.SUCCESSFUL
    assert summary.basic is not None
    return summary.basic


def assert_unreadable(der: bytes, defect: OcspDefect, words: str) -> None:
    verdict = read_response(der)
    assert isinstance(verdict, Indeterminate), verdict
    assert verdict.why is defect
    assert words in verdict.detail


def test_a_summary_says_what_the_response_says_even_when_nobody_would_believe_it() -> None:
    stranger = forge("Stranger")
    odd = extension("1.2.3.4", b"\x05\x00", critical=True)
    day = SINCE.replace(year=2020)
    der = answer(
        stranger,
        single(cert_id(LEAF, ISSUER.certificate, "sha256"), since=day, until=None),
        single(cert_id(LEAF, ISSUER.certificate, "md5", serial=0xABC), revoked=day, reason=4, extensions=(odd,)),
        single(NAMED, unknown=True),
        responder=responder_by_name(stranger.certificate),
        included=[stranger.certificate, LEAF],
        produced=NOON,
        digest="sha1",
        extensions=(odd,),
    )
    basic = read_basic(der)
    assert basic.produced_at == NOON
    assert basic.signature_algorithm == "ecdsa-with-SHA1"
    assert basic.certificates == (stranger.certificate, LEAF)
    assert basic.critical == {"1.2.3.4"}
    assert basic.responder.name is not None
    assert name_key(basic.responder.name) == stranger.certificate.subject_key
    assert basic.responder.key_hash is None
    good, revoked, unknown = basic.singles
    assert good.cert_id == CertId.of(hash_data(LEAF, ISSUER.certificate, HashAlgorithm.SHA256))
    assert (good.status, good.this_update, good.next_update, good.reason) == (CertStatus.GOOD, day, None, None)
    assert (revoked.cert_id.algorithm, revoked.cert_id.serial_number) == ("1.2.840.113549.2.5", "abc")
    assert (revoked.status, revoked.revoked_at, revoked.reason) == (
        CertStatus.REVOKED,
        day,
        RevocationReason.SUPERSEDED,
    )
    assert revoked.critical == {"1.2.3.4"}
    assert (unknown.status, unknown.this_update, unknown.next_update) == (CertStatus.UNKNOWN, SINCE, NEXT)


def test_a_responder_may_be_named_by_its_key() -> None:
    responder = read_basic(answer(ISSUER, single(NAMED), responder=responder_by_key(LEAF))).responder
    assert responder.name is None
    assert responder.fits(LEAF)
    assert not responder.fits(ISSUER.certificate)


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (1, ResponseStatus.MALFORMED_REQUEST),
        (2, ResponseStatus.INTERNAL_ERROR),
        (3, ResponseStatus.TRY_LATER),
        (5, ResponseStatus.SIG_REQUIRED),
        (6, ResponseStatus.UNAUTHORIZED),
    ],
)
def test_a_refusal_is_a_status_without_an_answer(number: int, status: ResponseStatus) -> None:
    assert read_response(sequence(bytes([0x0A, 1, number]))) == OcspResponseSummary(status)


def padded(size: int) -> bytes:
    """A good answer of exactly `size` bytes; of several signature lengths one fits."""
    for padding in itertools.chain.from_iterable(itertools.repeat(range(size - 420, size - 300), 5)):
        der = answer(ISSUER, single(NAMED), extensions=(extension("1.2.3.4", bytes(padding)),))
        if len(der) == size:
            return der
    raise AssertionError("no padding gives that size")


@pytest.mark.parametrize(("more", "fits"), AROUND)
def test_bytes_of_a_response(more: int, *, fits: bool) -> None:
    der = padded(MAX_RESPONSE_BYTES + more)
    if fits:
        assert len(read_basic(der).singles) == 1
    else:
        assert_unreadable(der, OcspDefect.TOO_LONG, "at most")


@pytest.mark.parametrize(("more", "fits"), AROUND)
def test_certificates_answered_for(more: int, *, fits: bool) -> None:
    count = MAX_SINGLES + more
    der = answer(ISSUER, *(single(cert_id(LEAF, ISSUER.certificate, serial=number)) for number in range(count)))
    if fits:
        assert len(read_basic(der).singles) == count
    else:
        assert_unreadable(der, OcspDefect.MALFORMED, f"{count} certificates")


@pytest.mark.parametrize(("more", "fits"), AROUND)
def test_certificates_included(more: int, *, fits: bool) -> None:
    count = MAX_INCLUDED + more
    der = answer(ISSUER, single(NAMED), included=[LEAF] * count)
    if fits:
        assert len(read_basic(der).certificates) == count
    else:
        assert_unreadable(der, OcspDefect.MALFORMED, "at most")


@pytest.mark.parametrize(("more", "fits"), AROUND)
def test_characters_of_a_response_in_text(more: int, *, fits: bool) -> None:
    text = "QUJD" + " " * (MAX_RESPONSE_TEXT + more - 4)
    if fits:
        assert decode_response(text) == b"ABC"
    else:
        with pytest.raises(EncodingError, match="at most"):
            decode_response(text)


@given(st.binary(min_size=1, max_size=2000))
def test_what_was_encoded_is_decoded(der: bytes) -> None:
    assert decode_response(base64.b64encode(der).decode()) == der
    assert decode_response(base64.encodebytes(der).decode().replace("\n", "\r\n\t ")) == der


def test_the_longest_response_fits_into_its_text_with_line_ends() -> None:
    text = base64.encodebytes(bytes(MAX_RESPONSE_BYTES)).decode().replace("\n", "\r\n")
    assert len(decode_response(text)) == MAX_RESPONSE_BYTES


@pytest.mark.parametrize("text", ["", " \n", "QQ", "QQ=", "QUI-_w==", "QQ==QQ==", "Q\x00==", "\udc80QQQ", "ÄÖÜß"])
def test_what_is_no_padded_base64_is_refused(text: str) -> None:
    with pytest.raises(EncodingError):
        decode_response(text)


@given(st.text(max_size=60))
def test_nothing_but_our_own_error_leaves_the_decoder(text: str) -> None:
    try:
        decode_response(text)
    except EncodingError:
        return
