"""Whether an OCSP response is a believable word on one certificate at a given time (RFC 6960 section 3.2).

The checks, numbered in the code:

1. The bytes are at most MAX_RESPONSE_BYTES and strict DER, with nothing behind them.
2. The responder's status is successful.
3. The hash data are the issuer's, and one answer is for exactly this certificate: digests of the issuer's name and key
   computed anew in the answer's own algorithm, and the serial number. No critical extension is unknown.
4. The signature is the issuer's, or that of a delegate whose certificate is included: issued directly by the issuer,
   for OCSPSigning; the responder id names the signer, who is valid now; keys and digests are sound. Nobody else's.
5. thisUpdate is not ahead by more than CLOCK_TOLERANCE, and nextUpdate not past; without one the answer is at most
   MAX_AGE old.
6. A nonce is neither asked for nor looked at: answers are kept and passed on (RFC 5019 section 4).
"""

from datetime import datetime, timedelta
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.crl import CLOCK_TOLERANCE, RevocationReason
from chainpilot.pki.extensions import EkuOid, KeyUsageBit
from chainpilot.pki.hashdata import CertificateHashData
from chainpilot.pki.keys import key_weakness
from chainpilot.pki.ocsp.certid import CertId, CertIdDigest, issuer_id
from chainpilot.pki.ocsp.reading import BasicAnswer, CertStatus, ResponseStatus, SingleAnswer, read_response
from chainpilot.pki.ocsp.verdicts import Good, Indeterminate, OcspDefect, OcspVerdict, Revoked, Unknown
from chainpilot.pki.signatures import SOUND_DIGESTS

__all__ = ["MAX_AGE", "judge_response"]

MAX_AGE: Final = timedelta(hours=24)
"""How old an answer without nextUpdate may be. Such a responder says that newer word is always there
(RFC 6960 section 4.2.2.1); a day bridges an outage and is well below the week between a station's refreshes."""
_NONCE: Final = "1.3.6.1.5.5.7.48.1.2"
_DELEGATE_EXTENSIONS: Final = frozenset({"2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.37"})
"""Extensions that may be critical in a delegate's certificate: key usage, alternative name, constraints, EKU."""


def judge_response(der: bytes, subject: CertificateHashData, issuer: Certificate, at: datetime) -> OcspVerdict:
    """What a response says of the certificate `subject` at the time `at`, if it can be believed.

    Args:
        der: as a responder or a CSMS sent it.
        subject: hash data of the certificate, in any of OCPP's digests.
        issuer: the CA the hash data name; that it is trusted is the caller's to know.
        at: timezone-aware; the judgement is for this moment and nothing is remembered.

    Returns:
        The verdict; never an exception for anything that came from outside.

    Raises:
        ValueError: `at` has no timezone, which is our own mistake.
    """
    if at.tzinfo is None:
        raise ValueError("the time of a judgement needs a timezone")
    # 1: bounded and well formed
    summary = read_response(der)
    if isinstance(summary, Indeterminate):
        return summary
    # 2: the responder gave an answer
    answer = summary.basic
    if answer is None:
        return Indeterminate(OcspDefect.NOT_SUCCESSFUL, _refusal_words(summary.status))
    # 3: for exactly this certificate
    singles = _answers_for(answer, subject, issuer)
    if isinstance(singles, Indeterminate):
        return singles
    # 4: signed by who may
    if (defect := _signer_defect(answer, issuer, at)) is not None:
        return defect
    # 5: in force; where several answers name the certificate, the worst counts
    return max((_word(single, answer.produced_at, at) for single in singles), key=_severity)


_WORDS: Final = {
    ResponseStatus.MALFORMED_REQUEST: "it takes our request for malformed",
    ResponseStatus.INTERNAL_ERROR: "it is broken inside",
    ResponseStatus.TRY_LATER: "it can't answer now",
    ResponseStatus.SIG_REQUIRED: "it only answers signed requests",
    ResponseStatus.UNAUTHORIZED: "it doesn't answer for that issuer or digest, or not to us",
}


def _refusal_words(status: ResponseStatus) -> str:
    return f"the responder says {status.value}: {_WORDS.get(status, 'it gives no answer')}"


def _answers_for(
    answer: BasicAnswer, subject: CertificateHashData, issuer: Certificate
) -> tuple[SingleAnswer, ...] | Indeterminate:
    asked = CertId.of(subject)
    if asked != issuer_id(issuer, asked.serial_number, CertIdDigest.of(subject.hash_algorithm)):
        return Indeterminate(OcspDefect.OTHER_ISSUER, f"the hash data don't name {issuer.subject} as the issuer")
    wanted = {issuer_id(issuer, asked.serial_number, digest) for digest in CertIdDigest}
    singles = tuple(single for single in answer.singles if single.cert_id in wanted)
    if not singles:
        return Indeterminate(OcspDefect.NOT_FOR_THIS, f"no answer for serial number {asked.serial_number}")
    unknown = answer.critical.union(*(single.critical for single in singles)) - {_NONCE}
    if unknown:
        return Indeterminate(OcspDefect.CRITICAL_EXTENSION, f"we don't know the extension {min(unknown)}")
    return singles


def _signer_defect(answer: BasicAnswer, issuer: Certificate, at: datetime) -> Indeterminate | None:
    """None when one of those that the responder id names may sign and did; else what is wrong with the first."""
    named = [one for one in (issuer, *answer.certificates) if answer.responder.fits(one)]
    if not named:
        why = f"the responder id names neither {issuer.subject} nor a certificate that is included"
        return Indeterminate(OcspDefect.WRONG_SIGNER, why)
    defects = [_objection(one, answer, issuer, at) for one in named]
    return None if None in defects else defects[0]


def _objection(signer: Certificate, answer: BasicAnswer, issuer: Certificate, at: datetime) -> Indeterminate | None:
    if (why := _weakness(signer, answer, issuer)) is not None:
        return Indeterminate(OcspDefect.WEAK_ALGORITHM, why)
    if signer != issuer and (why := _not_a_delegate(signer, issuer)) is not None:
        return Indeterminate(OcspDefect.WRONG_SIGNER, f"{signer.subject} {why}")
    for one in (issuer, signer):
        if not one.valid_at(at):
            why = f"{one.subject} is valid from {one.not_before.isoformat()} to {one.not_after.isoformat()}"
            return Indeterminate(OcspDefect.SIGNER_NOT_VALID, why)
    if not answer.signed.was_made_by(signer.public_key):
        return Indeterminate(OcspDefect.BAD_SIGNATURE, f"the signature is not by the key of {signer.subject}")
    return None


def _not_a_delegate(signer: Certificate, issuer: Certificate) -> str | None:
    """RFC 6960 section 4.2.2.2: issued directly by the CA in question, and for this purpose."""
    extensions = signer.extensions
    if signer.issuer_key != issuer.subject_key or not signer.was_signed_by(issuer):
        return f"was not issued directly by {issuer.subject}"
    if EkuOid.OCSP_SIGNING.value not in (extensions.extended_key_usage or ()):
        return "has no extended key usage OCSPSigning"
    signing = {KeyUsageBit.DIGITAL_SIGNATURE, KeyUsageBit.NON_REPUDIATION}
    if extensions.key_usage is not None and not extensions.key_usage & signing:
        return "has a key usage without signing"
    if unknown := extensions.critical - _DELEGATE_EXTENSIONS:
        return f"has a critical extension that we don't know: {min(unknown)}"
    return None


def _weakness(signer: Certificate, answer: BasicAnswer, issuer: Certificate) -> str | None:
    for one in (issuer, signer):
        if (weakness := key_weakness(one.public_key)) is not None:
            return f"{one.subject} has {weakness}"
    if signer != issuer and signer.signature_hash is not None and signer.signature_hash not in SOUND_DIGESTS:
        return f"{signer.subject} is signed over {signer.signature_hash}"
    return answer.signed.weakness


def _word(single: SingleAnswer, produced_at: datetime, at: datetime) -> OcspVerdict:
    if (defect := _time_defect(single, at)) is not None:
        return defect
    this_update, next_update = single.this_update, single.next_update
    until = next_update or this_update + MAX_AGE
    if single.status is CertStatus.GOOD:
        return Good(produced_at=produced_at, this_update=this_update, next_update=next_update, until=until)
    if single.revoked_at is None:
        return Unknown(produced_at=produced_at, this_update=this_update, next_update=next_update, until=until)
    return Revoked(
        revoked_at=single.revoked_at,
        reason=single.reason or RevocationReason.UNSPECIFIED,
        produced_at=produced_at,
        this_update=this_update,
        next_update=next_update,
        until=until,
    )


def _time_defect(single: SingleAnswer, at: datetime) -> Indeterminate | None:
    this_update, next_update = single.this_update, single.next_update
    if next_update is not None and next_update < this_update:
        return Indeterminate(OcspDefect.MALFORMED, "its nextUpdate is before its thisUpdate")
    if this_update - at > CLOCK_TOLERANCE:
        return Indeterminate(OcspDefect.NOT_YET, f"the answer begins {this_update.isoformat()}")
    if next_update is not None and next_update < at:
        return Indeterminate(OcspDefect.STALE, f"the answer ended {next_update.isoformat()}")
    if next_update is None and at - this_update > MAX_AGE:
        why = f"the answer is of {this_update.isoformat()} and names no end; at most {MAX_AGE} old it would count"
        return Indeterminate(OcspDefect.STALE, why)
    return None


_SEVERITY: Final = (Good, Unknown, Indeterminate, Revoked)


def _severity(verdict: OcspVerdict) -> int:
    return _SEVERITY.index(type(verdict))
