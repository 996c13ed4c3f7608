"""What people are told about each object below its first line: labelled lines."""

import hashlib
from collections.abc import Iterator
from typing import Final

from chainpilot.cli.inspect.answers import issuer_named, subject_named, verdict_on
from chainpilot.cli.inspect.complaints import fitting_profile
from chainpilot.cli.inspect.names import alternative_names
from chainpilot.cli.inspect.survey import Entry, Survey
from chainpilot.cli.words import MAX_PATH_LENGTH, moment, name_words, plain, short_name, usage_word, usages
from chainpilot.pki.artifact import Key, OcspAnswer, RevocationList, SigningRequest, key_words
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.der import read_one
from chainpilot.pki.extensions import Extensions
from chainpilot.pki.identity import read_name
from chainpilot.pki.ocsp import CertId, Indeterminate, OcspRequestSummary, ResponderId, SingleAnswer

__all__ = ["Fact", "facts_of"]

Fact = tuple[str, str]
"""A label and what stands behind it; an empty label goes on with the one before."""
_MAX_PARTNERS: Final = 8
"""Other objects with the same key that people are shown: a certificate, its request and key, and a few renewals."""
_MAX_REVOKED: Final = 10
"""Entries of a revocation list that people are shown; programs get them all."""


def facts_of(entry: Entry, survey: Survey) -> Iterator[Fact]:
    """The labelled lines of an object, in the order they are shown."""
    match entry.item.value:
        case Certificate() as certificate if entry.same_as is None:
            yield from _certificate(entry, certificate, survey)
        case SigningRequest() as request:
            yield from _request(entry, request, survey)
        case Key() as key:
            yield from _key(entry, key, survey)
        case RevocationList() as revoked:
            yield from _revoked(revoked)
        case OcspRequestSummary() as asked:
            yield from _asked(asked, survey)
        case OcspAnswer() as answer:
            yield from _answer(answer, survey)
        case _:
            return


def _certificate(entry: Entry, certificate: Certificate, survey: Survey) -> Iterator[Fact]:
    if certificate.is_test:
        yield "TEST", "it belongs to a test PKI, whose keys anybody may hold: never for production"
    if entry.purpose is not None and entry.purpose.domain is not None:
        yield "domain", f"{entry.purpose.domain.value}: {plain(entry.purpose.evidence or '')}"
    yield "subject", name_words(certificate.subject_name) or "none"
    yield "issuer", _issuer(entry, certificate)
    yield "serial", f"{certificate.serial_number:x}"
    yield "valid", f"{moment(certificate.not_before)} to {moment(certificate.not_after)} UTC"
    yield "key", key_words(certificate.public_key)
    yield "signed over", certificate.signature_hash or "the certificate itself, without a digest"
    yield from _extensions(certificate.extensions)
    if names := alternative_names(certificate):
        yield "names", ", ".join(map(plain, names))
    for url in certificate.ocsp_urls:
        yield "OCSP", plain(url)
    yield "fingerprint", f"SHA-256 {certificate.fingerprint}"
    yield "key SHA-256", certificate.spki_hash
    if entry.hash_data is not None:
        data = entry.hash_data
        yield "hash data", f"{data.hash_algorithm.value}, serial number {data.serial_number}"
        yield "", f"issuer name {data.issuer_name_hash}"
        yield "", f"issuer key {data.issuer_key_hash}"
    yield from _profile(entry)
    yield from _partners(entry, survey)


def _issuer(entry: Entry, certificate: Certificate) -> str:
    words = name_words(read_name(read_one(certificate.issuer_der))) or "none"
    if entry.issuer == entry.number:
        return f"itself: {words}"
    return f"{words} ({entry.issuer})" if entry.issuer is not None else f"{words}; not in this input"


def _extensions(extensions: Extensions) -> Iterator[Fact]:
    if extensions.is_ca:
        yield "CA", f"yes{_depth(extensions.path_length)}"
    if extensions.key_usage is not None:
        critical = "" if extensions.key_usage_is_critical else " (not critical)"
        yield "key usage", f"{', '.join(usages(extensions.key_usage)) or 'none'}{critical}"
    if extensions.extended_key_usage is not None:
        yield "used for", ", ".join(sorted(map(usage_word, extensions.extended_key_usage))) or "nothing"


def _depth(path_length: int | None) -> str:
    if path_length is None:
        return ""
    if not 0 <= path_length <= MAX_PATH_LENGTH:
        return ", with a senseless path length"
    words = {0: "no CA", 1: "at most one CA"}.get(path_length, f"at most {path_length} CAs")
    return f", with {words} below it"


def _profile(entry: Entry) -> Iterator[Fact]:
    fitting = fitting_profile(entry)
    if fitting is None:
        return
    profile, findings = fitting
    yield "profile", f"{profile.name}: {'it fits' if not findings else _count_findings(len(findings))}"
    for finding in findings:
        yield "", f"{finding.severity.value}: {plain(finding.detail)} [{finding.rule}]"


def _count_findings(number: int) -> str:
    return "1 finding" if number == 1 else f"{number} findings"


def _partners(entry: Entry, survey: Survey) -> Iterator[Fact]:
    numbers = survey.partners(entry)
    shown = [f"{survey.entry(number).item.kind.words} ({number})" for number in numbers[:_MAX_PARTNERS]]
    if len(numbers) > len(shown):
        shown.append(f"and {len(numbers) - len(shown)} more")
    if shown:
        yield "same key", ", ".join(shown)


def _request(entry: Entry, request: SigningRequest, survey: Survey) -> Iterator[Fact]:
    yield "subject", name_words(request.subject_name) or "none"
    yield "key", key_words(request.public_key)
    yield "key SHA-256", request.spki_hash
    if request.extensions is not None:
        yield from _extensions(request.extensions)
    yield "fingerprint", "SHA-256 " + hashlib.sha256(request.der).hexdigest()
    yield from _partners(entry, survey)


def _key(entry: Entry, key: Key, survey: Survey) -> Iterator[Fact]:
    yield "form", key.form
    if key.spki_hash is not None:
        yield "key SHA-256", key.spki_hash
    if key.is_private:
        yield "private", "encrypted; not opened" if key.cipher is not None else "not shown"
    yield from _partners(entry, survey)


def _revoked(revoked: RevocationList) -> Iterator[Fact]:
    crl = revoked.crl
    yield "issuer", name_words(revoked.issuer) or "none"
    yield "counts", f"{moment(crl.this_update)} to {moment(crl.next_update)} UTC"
    if crl.number is not None:
        yield "number", f"{crl.number:x}"
    shown = list(crl.revoked.items())[:_MAX_REVOKED]
    for place, (serial, how) in enumerate(shown):
        yield "" if place else "revoked", f"{serial:x} on {moment(how.revoked_at)} UTC, {how.reason.value}"
    if len(crl.revoked) > len(shown):
        yield "", f"and {len(crl.revoked) - len(shown)} more; --json lists them all"


def _asked(asked: OcspRequestSummary, survey: Survey) -> Iterator[Fact]:
    for named in asked.asked:
        yield from _cert_id("about", named, survey)
    yield "nonce", asked.nonce or "none"
    if asked.is_signed:
        yield "signed", "yes; the signature isn't checked"


def _cert_id(label: str, named: CertId, survey: Survey) -> Iterator[Fact]:
    yield label, f"serial number {named.serial_number}, by {named.algorithm}{_known(named, survey)}"
    yield "", f"issuer name {named.issuer_name_hash}"
    yield "", f"issuer key {named.issuer_key_hash}"


def _known(named: CertId, survey: Survey) -> str:
    """Whose certificate that is, where it is in the input."""
    found = subject_named(named, survey)
    return f": {short_name(found[1].subject)} ({found[0].number})" if found is not None else ""


def _answer(answer: OcspAnswer, survey: Survey) -> Iterator[Fact]:
    basic = answer.summary.basic
    yield "status", answer.summary.status.value
    if basic is None:
        return
    yield "signer", f"{_responder(basic.responder)}, {plain(basic.signature_algorithm)}"
    yield "produced", f"{moment(basic.produced_at)} UTC"
    for single in basic.singles:
        yield from _single(answer, single, survey)


def _single(answer: OcspAnswer, single: SingleAnswer, survey: Survey) -> Iterator[Fact]:
    yield from _cert_id("about", single.cert_id, survey)
    until = f" to {moment(single.next_update)}" if single.next_update is not None else ", no end named"
    yield "answer", f"{single.status.value}, counts from {moment(single.this_update)}{until} UTC"
    if single.revoked_at is not None and single.reason is not None:
        yield "revoked", f"{moment(single.revoked_at)} UTC, {single.reason.value}"
    yield "believed", _belief(answer, single, survey)


def _belief(answer: OcspAnswer, single: SingleAnswer, survey: Survey) -> str:
    found = issuer_named(single.cert_id, survey)
    if found is None:
        return "can't tell: the issuer's certificate is not in this input"
    match verdict_on(answer, single, survey):
        case Indeterminate(_, detail):
            return f"no: {plain(detail)}"
        case _:
            return f"yes, as the word of {short_name(found[1].subject)} ({found[0].number})"


def _responder(responder: ResponderId) -> str:
    if responder.name is not None:
        return name_words(responder.name) or "nobody named"
    return f"key with SHA-1 {responder.key_hash}"
