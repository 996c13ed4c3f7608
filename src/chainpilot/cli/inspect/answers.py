"""OCSP requests and answers beside the certificates of the same input: whom they are about, and what they are worth."""

from chainpilot.cli.inspect.survey import Entry, Survey
from chainpilot.pki.artifact import OcspAnswer
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm
from chainpilot.pki.ocsp import CertId, CertIdDigest, OcspVerdict, SingleAnswer, issuer_id, judge_response

__all__ = ["issuer_named", "subject_named", "verdict_on"]


def issuer_named(named: CertId, survey: Survey) -> tuple[Entry, Certificate] | None:
    """The CA in the input that issued the certificate that is named; None where it isn't there."""
    digest = named.digest
    if digest is None:
        return None
    authorities = (pair for pair in survey.certificates() if pair[1].is_ca)
    return next((pair for pair in authorities if issuer_id(pair[1], named.serial_number, digest) == named), None)


def subject_named(named: CertId, survey: Survey) -> tuple[Entry, Certificate] | None:
    """The certificate in the input that is named; None where it or its issuer isn't there."""
    issuer = issuer_named(named, survey)
    if issuer is None:
        return None
    children = (pair for pair in survey.certificates() if pair[1].issuer_key == issuer[1].subject_key)
    return next((pair for pair in children if f"{pair[1].serial_number:x}" == named.serial_number), None)


def verdict_on(answer: OcspAnswer, single: SingleAnswer, survey: Survey) -> OcspVerdict | None:
    """What one answer is worth, judged with its issuer's certificate; None where that isn't in the input."""
    issuer = issuer_named(single.cert_id, survey)
    if issuer is None:
        return None
    name = issuer_id(issuer[1], single.cert_id.serial_number, CertIdDigest.SHA256)
    subject = CertificateHashData(HashAlgorithm.SHA256, name.issuer_name_hash, name.issuer_key_hash, name.serial_number)
    return judge_response(answer.der, subject, issuer[1], survey.at)
