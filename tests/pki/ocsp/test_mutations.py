"""judge_response under bytes of any kind: no exception, and no word that isn't signed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm, hash_data
from chainpilot.pki.ocsp import (
    Good,
    Indeterminate,
    OcspRequestSummary,
    OcspResponseSummary,
    build_request,
    judge_response,
    read_request,
    read_response,
)
from forge import NOON, forge, v2g_hierarchy
from ocsp_answers import SINCE, answer, cert_id, delegate, responder_by_name, single

V2G = v2g_hierarchy()
ISSUER, LEAF = V2G.sub2, V2G.leaf.certificate
SUBJECT = hash_data(LEAF, ISSUER.certificate)
NAMED = cert_id(LEAF, ISSUER.certificate)
DELEGATE = delegate(ISSUER)

BY_ISSUER = answer(ISSUER, single(NAMED))
ANSWERS = {
    "by the issuer": BY_ISSUER,
    "by the issuer, named": answer(ISSUER, single(NAMED), responder=responder_by_name(ISSUER.certificate)),
    "by a delegate": answer(DELEGATE, single(NAMED), included=[DELEGATE.certificate]),
    "revoked": answer(ISSUER, single(NAMED, revoked=SINCE, reason=1)),
    "unknown": answer(DELEGATE, single(NAMED, unknown=True), included=[DELEGATE.certificate]),
}
"""Answers of which every byte counts."""


def judge(der: bytes) -> object:
    return judge_response(der, SUBJECT, ISSUER.certificate, NOON)


def flipped(data: bytes, position: int, bit: int) -> bytes:
    changed = bytearray(data)
    changed[position] ^= 1 << bit
    return bytes(changed)


@pytest.mark.parametrize("der", ANSWERS.values(), ids=ANSWERS)
def test_no_bit_of_an_answer_can_be_turned_without_losing_its_word(der: bytes) -> None:
    assert not isinstance(judge(der), Indeterminate)
    kept = [(at, bit) for at in range(len(der)) for bit in range(8) if not told_nothing(flipped(der, at, bit))]
    assert kept == []


def told_nothing(der: bytes) -> bool:
    return isinstance(judge(der), Indeterminate)


def test_only_bits_of_a_certificate_that_nobody_needs_can_be_turned() -> None:
    """What is included beside the signer's certificate isn't signed, and nothing is concluded from it."""
    der = answer(ISSUER, single(NAMED), included=[V2G.root.certificate])
    begin = der.index(V2G.root.certificate.der)
    kept = {at for at in range(len(der)) for bit in range(8) if not told_nothing(flipped(der, at, bit))}
    assert kept
    assert min(kept) >= begin


@given(st.sampled_from(sorted(ANSWERS)), st.data())
def test_an_answer_that_was_cut_stretched_or_overwritten_tells_nothing_or_is_unchanged(
    kind: str, data: st.DataObject
) -> None:
    der = ANSWERS[kind]
    begin = data.draw(st.integers(0, len(der)))
    end = data.draw(st.integers(begin, len(der)))
    changed = der[:begin] + data.draw(st.binary(max_size=12)) + der[end:]
    assert changed == der or told_nothing(changed)


@given(st.binary(max_size=300))
def test_bytes_of_any_kind_tell_nothing(data: bytes) -> None:
    assert told_nothing(data)
    assert isinstance(read_response(data), Indeterminate | OcspResponseSummary)
    assert isinstance(read_request(data), Indeterminate | OcspRequestSummary)


@given(st.text(max_size=40), st.text(max_size=70), st.text(max_size=70), st.sampled_from(HashAlgorithm))
def test_hash_data_of_any_text_raise_nothing(serial: str, name: str, key: str, algorithm: HashAlgorithm) -> None:
    any_text = CertificateHashData(algorithm, name, key, serial)
    assert isinstance(judge_response(BY_ISSUER, any_text, ISSUER.certificate, NOON), Indeterminate)
    fitting = replace(SUBJECT, serial_number=serial)
    assert isinstance(judge_response(BY_ISSUER, fitting, ISSUER.certificate, NOON), Indeterminate)


@given(st.integers(0, 2000), st.integers(1, 255))
def test_a_mutated_request_is_read_or_refused(position: int, mask: int) -> None:
    request = bytearray(build_request(SUBJECT, ISSUER.certificate))
    request[position % len(request)] ^= mask
    assert isinstance(read_request(bytes(request)), Indeterminate | OcspRequestSummary)


@given(st.integers(1, (1 << 159) - 1))
def test_an_answer_is_good_for_its_own_serial_number_alone(serial: int) -> None:
    leaf = forge("Leaf", ISSUER, serial=serial).certificate
    subject = hash_data(leaf, ISSUER.certificate)
    own = answer(ISSUER, single(cert_id(leaf, ISSUER.certificate)))
    assert isinstance(judge_response(own, subject, ISSUER.certificate, NOON), Good)
    assert isinstance(judge_response(BY_ISSUER, subject, ISSUER.certificate, NOON), Indeterminate)
