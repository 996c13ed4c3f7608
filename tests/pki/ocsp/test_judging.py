"""judge_response: which answers are believed, and which defect each of the others is told by."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from chainpilot.pki.crl import CLOCK_TOLERANCE, RevocationReason
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm, hash_data
from chainpilot.pki.keys import PrivateKey
from chainpilot.pki.ocsp import (
    MAX_AGE,
    MAX_RESPONSE_BYTES,
    Good,
    Indeterminate,
    OcspDefect,
    OcspVerdict,
    Revoked,
    Unknown,
    judge_response,
)
from derwriter import extension, octets, sequence, tlv
from forge import NOON, Forged, forge, v2g_hierarchy
from ocsp_answers import (
    NEXT,
    SINCE,
    answer,
    cert_id,
    delegate,
    resigned,
    responder_by_key,
    responder_by_name,
    single,
)

V2G = v2g_hierarchy()
ISSUER, LEAF = V2G.sub2, V2G.leaf.certificate
SUBJECT = hash_data(LEAF, ISSUER.certificate)
NAMED = cert_id(LEAF, ISSUER.certificate)
DELEGATE = delegate(ISSUER)
SECOND = timedelta(seconds=1)
NONCE = "1.3.6.1.5.5.7.48.1.2"


def judge(
    der: bytes, *, subject: CertificateHashData = SUBJECT, issuer: Forged = ISSUER, at: datetime = NOON
) -> OcspVerdict:
    return judge_response(der, subject, issuer.certificate, at)


def assert_good(verdict: OcspVerdict) -> Good:
    assert isinstance(verdict, Good), verdict
    return verdict


def assert_indeterminate(verdict: OcspVerdict, defect: OcspDefect) -> None:
    assert isinstance(verdict, Indeterminate), verdict
    assert verdict.why is defect, verdict
    assert verdict.detail


def by_delegate(signer: Forged, *singles: bytes, **changes: Any) -> bytes:
    """An answer by a delegate that includes its certificate."""
    return answer(signer, *(singles or (single(NAMED),)), included=[signer.certificate], **changes)


def key_pair(kind: str) -> PrivateKey:
    makers: dict[str, Callable[[], PrivateKey]] = {
        "P-192": lambda: ec.generate_private_key(ec.SECP192R1()),
        "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
        "RSA-1024": lambda: rsa.generate_private_key(65537, 1024),
        "RSA-2048": lambda: rsa.generate_private_key(65537, 2048),
        "Ed25519": ed25519.Ed25519PrivateKey.generate,
        "Ed448": ed448.Ed448PrivateKey.generate,
    }
    return makers[kind]()


# What is believed.


@pytest.mark.parametrize("responder", [responder_by_key, responder_by_name])
def test_the_issuer_answers_itself_by_either_name(responder: Callable[[Any], bytes]) -> None:
    good = assert_good(judge(answer(ISSUER, single(NAMED), responder=responder(ISSUER.certificate))))
    assert (good.produced_at, good.this_update, good.next_update, good.until) == (SINCE, SINCE, NEXT, NEXT)


@pytest.mark.parametrize("responder", [responder_by_key, responder_by_name])
def test_a_delegate_answers_by_either_name(responder: Callable[[Any], bytes]) -> None:
    assert_good(judge(by_delegate(DELEGATE, responder=responder(DELEGATE.certificate))))


@pytest.mark.parametrize("asked", HashAlgorithm)
@pytest.mark.parametrize("answered", ["sha1", "sha256", "sha384", "sha512"])
def test_the_answer_may_name_the_certificate_in_another_digest(asked: HashAlgorithm, answered: str) -> None:
    subject = hash_data(LEAF, ISSUER.certificate, asked)
    named = cert_id(LEAF, ISSUER.certificate, answered)
    assert_good(judge(answer(ISSUER, single(named)), subject=subject))


def test_hash_data_count_in_whatever_spelling_a_station_writes_them() -> None:
    shouted = CertificateHashData(
        SUBJECT.hash_algorithm,
        SUBJECT.issuer_name_hash.upper(),
        SUBJECT.issuer_key_hash.upper(),
        f"0x00{SUBJECT.serial_number.upper()}",
    )
    assert_good(judge(answer(ISSUER, single(NAMED)), subject=shouted))


def test_a_root_for_ocsp_signing_with_short_key_ids_answers_itself() -> None:
    short = (x509.SubjectKeyIdentifier(bytes(range(8))), False)
    eku = (ExtendedKeyUsageOID.OCSP_SIGNING,)
    root = forge("V2G Root", ca=True, key_ids=False, extensions=(short,), eku=eku)
    sub = forge("CPO Sub1", root, ca=True).certificate
    answered = answer(root, single(cert_id(sub, root.certificate)), included=[root.certificate])
    assert_good(judge(answered, subject=hash_data(sub, root.certificate), issuer=root))


@pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521", "RSA-2048", "Ed25519", "Ed448"])
def test_every_sound_kind_of_key_may_sign(kind: str) -> None:
    issuer = forge("Sub", ca=True, key=key_pair(kind))
    leaf = forge("Leaf", issuer).certificate
    subject = hash_data(leaf, issuer.certificate)
    for digest in ("sha256", "sha384", "sha512"):
        answered = answer(issuer, single(cert_id(leaf, issuer.certificate)), digest=digest)
        assert_good(judge(answered, subject=subject, issuer=issuer))


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_rsa_may_sign_with_pss(digest: str) -> None:
    issuer = forge("Sub", ca=True, key=key_pair("RSA-2048"))
    leaf = forge("Leaf", issuer).certificate
    answered = answer(issuer, single(cert_id(leaf, issuer.certificate)), digest=digest, pss=True)
    assert_good(judge(answered, subject=hash_data(leaf, issuer.certificate), issuer=issuer))


def test_our_answer_is_found_among_several() -> None:
    others = [single(cert_id(LEAF, ISSUER.certificate, serial=number), revoked=SINCE) for number in range(1, 9)]
    assert_good(judge(answer(ISSUER, *others[:4], single(NAMED), *others[4:])))


def test_an_answer_in_a_digest_nobody_knows_doesnt_hide_ours() -> None:
    odd = single(cert_id(LEAF, ISSUER.certificate, "md5"))
    assert_good(judge(answer(ISSUER, odd, single(NAMED))))


def test_certificates_that_nobody_needs_are_passed_over() -> None:
    bag = [V2G.root.certificate, ISSUER.certificate, DELEGATE.certificate, V2G.sub1.certificate]
    assert_good(judge(answer(DELEGATE, single(NAMED), included=bag)))
    assert_good(judge(answer(ISSUER, single(NAMED), included=bag)))


def test_an_issuer_renewed_with_its_key_is_the_same_issuer() -> None:
    renewed = forge("CPO Sub2", V2G.sub1, ca=True, key=ISSUER.key)
    assert renewed.certificate != ISSUER.certificate
    assert_good(judge(answer(ISSUER, single(NAMED), included=[ISSUER.certificate]), issuer=renewed))
    assert_good(judge(by_delegate(DELEGATE), issuer=renewed))


def test_a_delegate_that_bears_the_issuers_name_is_told_from_it() -> None:
    subject = x509.load_der_x509_certificate(ISSUER.certificate.der).subject
    namesake = delegate(ISSUER, subject=subject)
    assert_good(judge(by_delegate(namesake, responder=responder_by_name(namesake.certificate))))


def test_extensions_that_are_not_critical_are_passed_over_and_so_is_a_nonce() -> None:
    odd, nonce = extension("1.2.3.4", b"\x05\x00"), extension(NONCE, octets(bytes(16)), critical=True)
    assert_good(judge(answer(ISSUER, single(NAMED, extensions=(odd,)), extensions=(odd, nonce))))


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (None, RevocationReason.UNSPECIFIED),
        (0, RevocationReason.UNSPECIFIED),
        (1, RevocationReason.KEY_COMPROMISE),
        (2, RevocationReason.CA_COMPROMISE),
        (3, RevocationReason.AFFILIATION_CHANGED),
        (4, RevocationReason.SUPERSEDED),
        (5, RevocationReason.CESSATION_OF_OPERATION),
        (6, RevocationReason.CERTIFICATE_HOLD),
        (8, RevocationReason.REMOVE_FROM_CRL),
        (9, RevocationReason.PRIVILEGE_WITHDRAWN),
        (10, RevocationReason.AA_COMPROMISE),
    ],
)
def test_revoked_comes_with_its_date_and_reason(number: int | None, reason: RevocationReason) -> None:
    day = NOON - timedelta(days=30)
    verdict = judge(answer(ISSUER, single(NAMED, revoked=day, reason=number)))
    assert verdict == Revoked(
        revoked_at=day, reason=reason, produced_at=SINCE, this_update=SINCE, next_update=NEXT, until=NEXT
    )


def test_unknown_is_not_good() -> None:
    verdict = judge(answer(ISSUER, single(NAMED, unknown=True)))
    assert verdict == Unknown(produced_at=SINCE, this_update=SINCE, next_update=NEXT, until=NEXT)


def test_of_several_answers_for_the_certificate_the_worst_counts() -> None:
    again = cert_id(LEAF, ISSUER.certificate, "sha256")
    good, stale = single(NAMED), single(again, until=NOON - SECOND)
    assert_indeterminate(judge(answer(ISSUER, good, stale)), OcspDefect.STALE)
    assert isinstance(judge(answer(ISSUER, good, single(again, unknown=True))), Unknown)
    assert isinstance(judge(answer(ISSUER, stale, single(NAMED, revoked=SINCE), good)), Revoked)


# Times, each at its bound and one second past it.


def test_the_end_of_an_answer_is_inclusive() -> None:
    answered = answer(ISSUER, single(NAMED))
    assert_good(judge(answered, at=NEXT))
    assert_indeterminate(judge(answered, at=NEXT + SECOND), OcspDefect.STALE)


def test_an_answer_may_begin_ahead_of_us_by_the_tolerance() -> None:
    answered = answer(ISSUER, single(NAMED, since=NOON))
    assert_good(judge(answered, at=NOON - CLOCK_TOLERANCE))
    assert_indeterminate(judge(answered, at=NOON - CLOCK_TOLERANCE - SECOND), OcspDefect.NOT_YET)


def test_an_answer_without_an_end_counts_for_a_day() -> None:
    answered = answer(ISSUER, single(NAMED, since=NOON, until=None))
    good = assert_good(judge(answered, at=NOON + MAX_AGE))
    assert (good.next_update, good.until) == (None, NOON + MAX_AGE)
    assert_indeterminate(judge(answered, at=NOON + MAX_AGE + SECOND), OcspDefect.STALE)


@pytest.mark.parametrize("change", [{"revoked": SINCE}, {"unknown": True}])
def test_a_stale_word_is_no_word_whatever_it_says(change: dict[str, Any]) -> None:
    assert_indeterminate(judge(answer(ISSUER, single(NAMED, **change)), at=NEXT + SECOND), OcspDefect.STALE)


def test_a_moment_in_another_time_zone_is_the_same_moment() -> None:
    answered = answer(ISSUER, single(NAMED))
    tokyo = timezone(timedelta(hours=9))
    assert_good(judge(answered, at=NEXT.astimezone(tokyo)))
    assert_indeterminate(judge(answered, at=(NEXT + SECOND).astimezone(tokyo)), OcspDefect.STALE)


def test_one_process_judges_now_and_later_and_now_again() -> None:
    answered = answer(ISSUER, single(NAMED))
    kinds = [type(judge(answered, at=at)) for at in (NOON, NEXT + SECOND, NOON)]
    assert kinds == [Good, Indeterminate, Good]


@pytest.mark.parametrize("at", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)])
def test_the_ends_of_time_raise_nothing(at: datetime) -> None:
    for until in (NEXT, None):
        assert isinstance(judge(answer(ISSUER, single(NAMED, until=until)), at=at), Indeterminate)
    forever = single(NAMED, since=datetime(9999, 12, 31, tzinfo=UTC), until=None)
    assert isinstance(judge(answer(ISSUER, forever), at=at), Indeterminate)


def test_a_time_without_a_zone_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="timezone"):
        judge(answer(ISSUER, single(NAMED)), at=NOON.replace(tzinfo=None))


# What is not believed: one row, one thing wrong.

OTHER = forge("Other CA", ca=True)
NAMESAKE = forge("CPO Sub2", V2G.sub1, ca=True)
"""The issuer's name with another key, by the same CA above."""
UNKNOWN_CRITICAL = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)


def signed_by_delegate(**changes: Any) -> bytes:
    return by_delegate(delegate(ISSUER, **changes))


def forged_delegate() -> bytes:
    """A delegate's certificate in the issuer's name, by another key."""
    return by_delegate(delegate(Forged(ISSUER.certificate, OTHER.key)))


def by_delegate_of_a_delegate() -> bytes:
    second = delegate(DELEGATE, "Second")
    return answer(second, single(NAMED), included=[second.certificate, DELEGATE.certificate])


def including_an_odd_curve() -> bytes:
    """What is included stands outside of what is signed."""
    curve = bytes.fromhex("06082a8648ce3d030107")
    return answer(ISSUER, single(NAMED), included=[LEAF]).replace(curve, curve[:-1] + b"\x77")


MATRIX: dict[str, tuple[Callable[[], bytes], OcspDefect]] = {
    # 1
    "no bytes": (lambda: b"", OcspDefect.MALFORMED),
    "no ASN.1": (lambda: b"<html>503</html>", OcspDefect.MALFORMED),
    "bytes behind it": (lambda: answer(ISSUER, single(NAMED)) + b"\x00", OcspDefect.MALFORMED),
    "cut off": (lambda: answer(ISSUER, single(NAMED))[:-1], OcspDefect.MALFORMED),
    "too long": (lambda: bytes(MAX_RESPONSE_BYTES + 1), OcspDefect.TOO_LONG),
    "bits left over in the signature": (lambda: answer(ISSUER, single(NAMED), unused=1), OcspDefect.MALFORMED),
    "version 2": (lambda: answer(ISSUER, single(NAMED), version=tlv(0xA0, b"\x02\x01\x01")), OcspDefect.MALFORMED),
    "another type of response": (lambda: answer(ISSUER, single(NAMED), kind="1.2.3.4"), OcspDefect.MALFORMED),
    "successful without an answer": (lambda: sequence(b"\x0a\x01\x00"), OcspDefect.MALFORMED),
    "no certificate answered for": (lambda: answer(ISSUER), OcspDefect.MALFORMED),
    "a reason nobody knows": (lambda: answer(ISSUER, single(NAMED, revoked=SINCE, reason=7)), OcspDefect.MALFORMED),
    "an end before its begin": (
        lambda: answer(ISSUER, single(NAMED, until=SINCE - SECOND)),
        OcspDefect.MALFORMED,
    ),
    "an extension twice": (
        lambda: answer(ISSUER, single(NAMED), extensions=(extension("1.2.3.4", b""), extension("1.2.3.4", b""))),
        OcspDefect.MALFORMED,
    ),
    "a certificate included that can't be read": (
        including_an_odd_curve,
        OcspDefect.MALFORMED,
    ),
    # 2
    "malformedRequest": (lambda: sequence(b"\x0a\x01\x01"), OcspDefect.NOT_SUCCESSFUL),
    "internalError": (lambda: sequence(b"\x0a\x01\x02"), OcspDefect.NOT_SUCCESSFUL),
    "tryLater": (lambda: sequence(b"\x0a\x01\x03"), OcspDefect.NOT_SUCCESSFUL),
    "a status nobody knows": (lambda: sequence(b"\x0a\x01\x04"), OcspDefect.MALFORMED),
    "sigRequired": (lambda: sequence(b"\x0a\x01\x05"), OcspDefect.NOT_SUCCESSFUL),
    "unauthorized": (lambda: sequence(b"\x0a\x01\x06"), OcspDefect.NOT_SUCCESSFUL),
    "tryLater around a good answer": (lambda: answer(ISSUER, single(NAMED), status=3), OcspDefect.NOT_SUCCESSFUL),
    # 3
    "another serial number": (
        lambda: answer(ISSUER, single(cert_id(LEAF, ISSUER.certificate, serial=LEAF.serial_number + 1))),
        OcspDefect.NOT_FOR_THIS,
    ),
    "the serial number of another CA's": (
        lambda: answer(ISSUER, single(cert_id(LEAF, V2G.sub1.certificate))),
        OcspDefect.NOT_FOR_THIS,
    ),
    "the issuer's name with another key": (
        lambda: answer(ISSUER, single(cert_id(LEAF, NAMESAKE.certificate))),
        OcspDefect.NOT_FOR_THIS,
    ),
    "the issuer's key under another name": (
        lambda: answer(ISSUER, single(cert_id(LEAF, forge("Else", ca=True, key=ISSUER.key).certificate))),
        OcspDefect.NOT_FOR_THIS,
    ),
    "a digest nobody knows": (
        lambda: answer(ISSUER, single(cert_id(LEAF, ISSUER.certificate, "md5"))),
        OcspDefect.NOT_FOR_THIS,
    ),
    "a critical extension of the answer": (
        lambda: answer(ISSUER, single(NAMED), extensions=(extension("1.2.3.4", b"\x05\x00", critical=True),)),
        OcspDefect.CRITICAL_EXTENSION,
    ),
    "a critical extension of the single answer": (
        lambda: answer(ISSUER, single(NAMED, extensions=(extension("1.2.3.4", b"\x05\x00", critical=True),))),
        OcspDefect.CRITICAL_EXTENSION,
    ),
    # 4
    "another CA signed": (lambda: answer(OTHER, single(NAMED)), OcspDefect.WRONG_SIGNER),
    "another CA signed and is included": (lambda: by_delegate(OTHER), OcspDefect.WRONG_SIGNER),
    "the CA above signed": (
        lambda: answer(V2G.sub1, single(NAMED), included=[V2G.sub1.certificate]),
        OcspDefect.WRONG_SIGNER,
    ),
    "another CA signed and calls itself the issuer": (
        lambda: answer(OTHER, single(NAMED), responder=responder_by_key(ISSUER.certificate)),
        OcspDefect.BAD_SIGNATURE,
    ),
    "a namesake of the issuer signed": (
        lambda: by_delegate(NAMESAKE, responder=responder_by_name(NAMESAKE.certificate)),
        OcspDefect.BAD_SIGNATURE,
    ),
    "the leaf signed for itself": (lambda: by_delegate(V2G.leaf), OcspDefect.WRONG_SIGNER),
    "a delegate whose certificate isn't included": (
        lambda: answer(DELEGATE, single(NAMED)),
        OcspDefect.WRONG_SIGNER,
    ),
    "a delegate of another CA": (lambda: by_delegate(delegate(OTHER)), OcspDefect.WRONG_SIGNER),
    "a delegate of the CA above": (lambda: by_delegate(delegate(V2G.sub1)), OcspDefect.WRONG_SIGNER),
    "a delegate of a delegate": (by_delegate_of_a_delegate, OcspDefect.WRONG_SIGNER),
    "a forged delegate": (forged_delegate, OcspDefect.WRONG_SIGNER),
    "a delegate whose certificate names another CA": (
        lambda: signed_by_delegate(issuer_name=x509.load_der_x509_certificate(OTHER.certificate.der).subject),
        OcspDefect.WRONG_SIGNER,
    ),
    "a delegate for other purposes": (
        lambda: signed_by_delegate(eku=(ExtendedKeyUsageOID.CLIENT_AUTH,)),
        OcspDefect.WRONG_SIGNER,
    ),
    "a delegate for any purpose": (
        lambda: signed_by_delegate(eku=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)),
        OcspDefect.WRONG_SIGNER,
    ),
    "a delegate without a purpose": (lambda: signed_by_delegate(eku=()), OcspDefect.WRONG_SIGNER),
    "a delegate that may not sign": (
        lambda: signed_by_delegate(usage={"key_agreement": True}),
        OcspDefect.WRONG_SIGNER,
    ),
    "a delegate with a critical extension": (
        lambda: signed_by_delegate(extensions=(UNKNOWN_CRITICAL,)),
        OcspDefect.WRONG_SIGNER,
    ),
    "a responder id that names another than the delegate": (
        lambda: by_delegate(DELEGATE, responder=responder_by_key(LEAF)),
        OcspDefect.WRONG_SIGNER,
    ),
    "a responder id that names the delegate when the issuer signed": (
        lambda: answer(
            ISSUER,
            single(NAMED),
            responder=responder_by_key(DELEGATE.certificate),
            included=[DELEGATE.certificate],
        ),
        OcspDefect.BAD_SIGNATURE,
    ),
    "a delegate that has ended": (
        lambda: signed_by_delegate(end=NOON - SECOND),
        OcspDefect.SIGNER_NOT_VALID,
    ),
    "a delegate that has not begun": (
        lambda: signed_by_delegate(begin=NOON + SECOND),
        OcspDefect.SIGNER_NOT_VALID,
    ),
    "a delegate with a weak key": (
        lambda: signed_by_delegate(key=key_pair("RSA-1024")),
        OcspDefect.WEAK_ALGORITHM,
    ),
    "SHA-1 under the answer": (lambda: answer(ISSUER, single(NAMED), digest="sha1"), OcspDefect.WEAK_ALGORITHM),
    "parameters nobody uses beside the signature": (
        lambda: answer(ISSUER, single(NAMED), algorithm=bytes.fromhex("300c06082a8648ce3d0403020500")),
        OcspDefect.MALFORMED,
    ),
    "an algorithm for another kind of key": (
        lambda: answer(ISSUER, single(NAMED), algorithm=bytes.fromhex("300506032b6570")),
        OcspDefect.BAD_SIGNATURE,
    ),
    "another digest beside the signature": (
        lambda: answer(ISSUER, single(NAMED), algorithm=bytes.fromhex("300a06082a8648ce3d040303")),
        OcspDefect.BAD_SIGNATURE,
    ),
    # 5
    "ended": (lambda: answer(ISSUER, single(NAMED, until=NOON - SECOND)), OcspDefect.STALE),
    "not begun": (lambda: answer(ISSUER, single(NAMED, since=NOON + timedelta(hours=1))), OcspDefect.NOT_YET),
    "endless and old": (
        lambda: answer(ISSUER, single(NAMED, since=NOON - MAX_AGE - SECOND, until=None)),
        OcspDefect.STALE,
    ),
}


@pytest.mark.parametrize(("make", "defect"), MATRIX.values(), ids=MATRIX)
def test_an_answer_with_one_thing_wrong_says_nothing(make: Callable[[], bytes], defect: OcspDefect) -> None:
    assert_indeterminate(judge(make()), defect)


# What is wrong with the question or the issuer.


@pytest.mark.parametrize(
    "change",
    [
        {"issuer_name_hash": "00" * 32},
        {"issuer_key_hash": "00" * 32},
        {"issuer_key_hash": ""},
        {"issuer_name_hash": "no hex"},
        {"hash_algorithm": HashAlgorithm.SHA512},
    ],
)
def test_hash_data_of_another_issuer_are_told_as_such(change: dict[str, Any]) -> None:
    verdict = judge(answer(ISSUER, single(NAMED)), subject=replace(SUBJECT, **change))
    assert_indeterminate(verdict, OcspDefect.OTHER_ISSUER)


@pytest.mark.parametrize("serial", ["", "0", "no hex", "-1", "\x00", "f" * 5000])
def test_a_serial_number_of_any_text_is_somebody_elses(serial: str) -> None:
    verdict = judge(answer(ISSUER, single(NAMED)), subject=replace(SUBJECT, serial_number=serial))
    assert_indeterminate(verdict, OcspDefect.NOT_FOR_THIS)


def test_an_issuer_that_has_ended_has_no_word_and_neither_has_its_delegate() -> None:
    ended = forge("CPO Sub2", V2G.sub1, ca=True, key=ISSUER.key, end=NOON - SECOND)
    assert_indeterminate(judge(answer(ISSUER, single(NAMED)), issuer=ended), OcspDefect.SIGNER_NOT_VALID)
    assert_indeterminate(judge(by_delegate(DELEGATE), issuer=ended), OcspDefect.SIGNER_NOT_VALID)


@pytest.mark.parametrize("kind", ["P-192", "RSA-1024"])
def test_an_issuer_with_a_weak_key_has_no_word_and_neither_has_its_delegate(kind: str) -> None:
    weak = forge("Weak", ca=True, key=key_pair(kind))
    leaf = forge("Leaf", weak).certificate
    subject, named = hash_data(leaf, weak.certificate), single(cert_id(leaf, weak.certificate))
    assert_indeterminate(judge(answer(weak, named), subject=subject, issuer=weak), OcspDefect.WEAK_ALGORITHM)
    sound = by_delegate(delegate(weak), named)
    assert_indeterminate(judge(sound, subject=subject, issuer=weak), OcspDefect.WEAK_ALGORITHM)


def test_a_delegate_certified_over_sha1_has_no_word() -> None:
    over_sha1 = resigned(DELEGATE, ISSUER, "sha1")
    assert over_sha1.certificate.signature_hash == "sha1"
    assert_indeterminate(judge(by_delegate(over_sha1)), OcspDefect.WEAK_ALGORITHM)


def test_an_algorithm_in_a_second_spelling_is_refused() -> None:
    issuer = forge("Sub", ca=True, key=key_pair("RSA-2048"))
    leaf = forge("Leaf", issuer).certificate
    without_null = bytes.fromhex("300b06092a864886f70d01010b")
    answered = answer(issuer, single(cert_id(leaf, issuer.certificate)), algorithm=without_null)
    verdict = judge(answered, subject=hash_data(leaf, issuer.certificate), issuer=issuer)
    assert_indeterminate(verdict, OcspDefect.WEAK_ALGORITHM)


def test_an_answer_for_one_leaf_says_nothing_of_another() -> None:
    other = hash_data(forge("DE*ICE*E0002", ISSUER).certificate, ISSUER.certificate)
    assert_indeterminate(judge(answer(ISSUER, single(NAMED)), subject=other), OcspDefect.NOT_FOR_THIS)


def test_a_refusal_is_told_in_the_responders_word() -> None:
    verdict = judge(sequence(b"\x0a\x01\x06"))
    assert isinstance(verdict, Indeterminate)
    assert "unauthorized" in verdict.detail
