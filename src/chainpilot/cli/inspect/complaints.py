"""What is wrong with the objects of an input, each with what to do about it."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from chainpilot.cli.inspect.answers import verdict_on
from chainpilot.cli.inspect.survey import Entry, Problem, Severity, Survey
from chainpilot.cli.words import day, moment, plain, short_name
from chainpilot.pki.artifact import (
    MAX_NAMESAKES,
    Flaw,
    Item,
    Key,
    Kind,
    OcspAnswer,
    RevocationList,
    Role,
    SigningRequest,
    Unreadable,
)
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.crl import CLOCK_TOLERANCE
from chainpilot.pki.keys import key_weakness
from chainpilot.pki.ocsp import CertStatus, Indeterminate, OcspVerdict, ResponseStatus, SingleAnswer
from chainpilot.pki.profiles import Finding, Profile, examine
from chainpilot.pki.profiles import Severity as RuleSeverity
from chainpilot.pki.signatures import SOUND_DIGESTS

__all__ = ["complain", "fitting_profile"]


def complain(survey: Survey) -> tuple[Problem, ...]:
    """Everything that is wrong, in the order of the objects, with the stack as a whole last."""
    own = (problem for entry in survey.entries for problem in _about(entry, survey))
    return (*own, *_about_stack(survey))


def fitting_profile(entry: Entry) -> tuple[Profile, tuple[Finding, ...]] | None:
    """The profile a certificate fits best of those it may mean, with what it breaks; None for one of no known use."""
    if entry.certificate is None or entry.purpose is None or entry.purpose.role in {Role.LEAF, Role.CROSS}:
        return None
    judged = [(profile, examine(entry.certificate, profile)) for profile in entry.purpose.profiles]
    return min(judged, key=lambda pair: [finding.severity for finding in pair[1]].count(RuleSeverity.MUST))


def _about(entry: Entry, survey: Survey) -> Iterator[Problem]:
    if entry.item.remark is not None:
        yield _error(entry, "wrapping", entry.item.remark, _unwrapping(entry.item))
    match entry.item.value:
        case Certificate() as certificate:
            yield from _about_certificate(entry, certificate, survey)
        case SigningRequest(why=str(why)):
            yield _error(entry, "request_refused", why, "make a new request: a CA would refuse this one")
        case Key() as key:
            yield from _about_key(entry, key, survey)
        case RevocationList() as revoked:
            yield from _about_list(entry, revoked, survey)
        case OcspAnswer() as answer:
            yield from _about_answer(entry, answer, survey)
        case Unreadable(kind, why):
            action = None if kind in {Kind.PKCS12, Kind.UNKNOWN} else "get it anew from where it came, unchanged"
            yield _error(entry, "unreadable", why, action)
        case _:
            return


def _unwrapping(item: Item) -> str:
    if "follow" in (item.remark or ""):
        return "save it again without what follows"
    return f"save it again with the armour of {item.kind.words}"


def _about_certificate(entry: Entry, certificate: Certificate, survey: Survey) -> Iterator[Problem]:
    if entry.same_as is not None:
        yield _warning(entry, "duplicate", f"it is object {entry.same_as} once more", "leave one of them out")
        return
    if survey.at > certificate.not_after:
        renewal = "get its successor from the PKI" if certificate.is_ca else "have a new one issued"
        yield _error(entry, "expired", f"it ended on {moment(certificate.not_after)} UTC", renewal)
    elif survey.at < certificate.not_before:
        begin = f"{moment(certificate.not_before)} UTC"
        yield _error(entry, "not_yet_valid", f"it begins on {begin}", f"use it from {begin} on, or check the clock")
    if (weakness := key_weakness(certificate.public_key)) is not None:
        yield _error(entry, "weak_key", f"it has {plain(weakness)}", "have it issued anew for a stronger key")
    digest = certificate.signature_hash
    if digest is not None and digest not in SOUND_DIGESTS and entry.issuer != entry.number:
        yield _error(entry, "weak_digest", f"it is signed over {digest}", "have it issued anew over SHA-256 or better")
    elif entry.issuer is None:
        yield from _signature_problems(entry, certificate, survey)
    yield from _profile_problems(entry)


def _signature_problems(entry: Entry, certificate: Certificate, survey: Survey) -> Iterator[Problem]:
    """A CA of its issuer's name is here, and didn't sign it."""
    named = [
        other
        for other, one in survey.certificates()
        if one.is_ca and one.subject_key == certificate.issuer_key and one != certificate
    ]
    if named and len(named) <= MAX_NAMESAKES:
        numbers = " or ".join(str(other.number) for other in named)
        detail = f"it is not signed by {numbers}, though its issuer has that name"
        action = "get it anew, it may be damaged; or find the CA's certificate for its other key"
        yield _error(entry, "bad_signature", detail, action)


def _profile_problems(entry: Entry) -> Iterator[Problem]:
    """Findings of the one profile it must mean; where it may mean another, nothing is held against it."""
    fitting = fitting_profile(entry)
    if fitting is None or entry.purpose is None or len(entry.purpose.profiles) > 1:
        return
    profile, findings = fitting
    for finding in findings:
        detail = f"as {profile.name}: {plain(finding.detail)}"
        if finding.severity is RuleSeverity.MUST:
            action = "have it issued anew with that put right; it may be refused as it is"
            yield _error(entry, f"profile.{finding.rule}", detail, action)
        else:
            yield _warning(entry, f"profile.{finding.rule}", detail)


def _about_key(entry: Entry, key: Key, survey: Survey) -> Iterator[Problem]:
    if key.spki_hash is None or not key.is_private:
        return
    others = [other for other in survey.entries if isinstance(other.item.value, Certificate | SigningRequest)]
    if others and not survey.partners(entry):
        detail = "it is the key of none of the certificates and requests here"
        yield _error(entry, "foreign_key", detail, f"look for the certificate whose key has SHA-256 {key.spki_hash}")


def _about_list(entry: Entry, revoked: RevocationList, survey: Survey) -> Iterator[Problem]:
    crl = revoked.crl
    if survey.at > crl.next_update:
        detail = f"it counts until {moment(crl.next_update)} UTC only"
        yield _error(entry, "crl_out_of_date", detail, "fetch the newest list from the CA")
    elif crl.this_update - survey.at > CLOCK_TOLERANCE:
        detail = f"it counts from {moment(crl.this_update)} UTC on"
        yield _error(entry, "crl_not_yet_valid", detail, "check the clock")
    named = [certificate for _, certificate in survey.certificates() if certificate.subject_key == crl.issuer_key]
    if named and not any(map(crl.was_signed_by, named[:MAX_NAMESAKES])):
        detail = "it is not signed by the CA of that name that is here"
        yield _error(
            entry, "crl_bad_signature", detail, "fetch it from the CA itself, or find the CA's right certificate"
        )
    for other, certificate in survey.certificates():
        found = crl.revoked.get(certificate.serial_number) if certificate.issuer_key == crl.issuer_key else None
        if found is not None:
            detail = f"{_called(other)} is revoked since {day(found.revoked_at)} ({found.reason.value})"
            yield _error(entry, "revoked", detail, "stop using it and have a new one issued", other.number)


def _about_answer(entry: Entry, answer: OcspAnswer, survey: Survey) -> Iterator[Problem]:
    basic = answer.summary.basic
    if basic is None:
        status = answer.summary.status
        yield _error(entry, "ocsp_no_answer", f"the responder says {status.value}", _ASK_AGAIN.get(status))
        return
    for single in basic.singles:
        verdict = verdict_on(answer, single, survey)
        yield from _single_problems(entry, single, verdict, survey.at)


_ASK_AGAIN: Final = {
    ResponseStatus.TRY_LATER: "ask again later",
    ResponseStatus.INTERNAL_ERROR: "ask again later",
    ResponseStatus.MALFORMED_REQUEST: "check the request: chainpilot inspect reads it too",
    ResponseStatus.SIG_REQUIRED: "ask another responder: this one wants signed requests",
    ResponseStatus.UNAUTHORIZED: "check the responder's address and the digest: it doesn't answer for that issuer",
}


def _single_problems(
    entry: Entry, single: SingleAnswer, verdict: OcspVerdict | None, at: datetime
) -> Iterator[Problem]:
    """Believed or not, revoked is told: nobody should go on with a certificate because an answer is badly signed."""
    serial = single.cert_id.serial_number
    if single.status is CertStatus.REVOKED:
        since = f" since {day(single.revoked_at)}" if single.revoked_at is not None else ""
        reason = single.reason.value if single.reason is not None else "unspecified"
        detail = f"the certificate with serial {serial} is revoked{since} ({reason})"
        yield _error(entry, "revoked", detail, "stop using it and have a new one issued")
    elif single.status is CertStatus.UNKNOWN:
        detail = f"the responder doesn't know the certificate with serial {serial}"
        yield _error(entry, "ocsp_unknown", detail, "ask the CA: it may not be issued yet, or elsewhere")
    if isinstance(verdict, Indeterminate):
        yield _error(entry, "ocsp_not_believable", plain(verdict.detail), "don't use this answer; fetch a new one")
    elif verdict is None and single.next_update is not None and single.next_update < at:
        detail = f"the answer ended on {moment(single.next_update)} UTC"
        yield _error(entry, "ocsp_stale", detail, "fetch a new one from the responder")


def _about_stack(survey: Survey) -> Iterator[Problem]:
    stack = survey.stack
    if stack is None:
        return
    numbers = [survey.row[place] for place in stack.chain]
    order = _order(numbers, survey)
    strangers = tuple(survey.row[place] for place in stack.strangers)
    for flaw in stack.flaws:
        yield Problem(flaw.value, Severity.ERROR, _objects(flaw, numbers, strangers), *_flaw_words(flaw, survey, order))


def _objects(flaw: Flaw, chain: Sequence[int], strangers: Sequence[int]) -> tuple[int, ...]:
    """Those at fault: what doesn't belong, the leaf, or the CAs above it."""
    if flaw in {Flaw.STRANGER, Flaw.MISSING_LINK}:
        return tuple(strangers)
    return tuple(chain[:1] if flaw is Flaw.LEAF_NOT_FIRST else chain[1:])


def _flaw_words(flaw: Flaw, survey: Survey, order: str) -> tuple[str, str]:
    stack = survey.stack
    if stack is None:
        return "", ""
    names = ", ".join(_called(survey.entry(survey.row[place])) for place in stack.strangers)
    top = survey.entry(survey.row[stack.chain[-1]])
    match flaw:
        case Flaw.LEAF_NOT_FIRST:
            return "the leaf is not first", f"order {order}"
        case Flaw.OUT_OF_ORDER:
            return "the CAs stand in another order than they sign", f"order {order}"
        case Flaw.MISSING_LINK:
            above = short_name(top.certificate.issuer) if top.certificate is not None else ""
            return (
                f"{names} did not sign {_called(top)}, nor the other way round",
                f"put in the certificate of {above} that signed {_called(top)}, or take out what doesn't belong",
            )
        case Flaw.STRANGER:
            return f"{names} doesn't belong to the chain of the leaf", "take out what doesn't belong"


def _order(numbers: Sequence[int], survey: Survey) -> str:
    return ", ".join(_called(survey.entry(number)) for number in numbers)


def _called(entry: Entry) -> str:
    certificate = entry.certificate
    return f"{short_name(certificate.subject)} ({entry.number})" if certificate is not None else f"({entry.number})"


def _error(entry: Entry, code: str, detail: str, action: str | None, *others: int) -> Problem:
    return Problem(code, Severity.ERROR, (entry.number, *others), detail, action)


def _warning(entry: Entry, code: str, detail: str, action: str | None = None) -> Problem:
    return Problem(code, Severity.WARNING, (entry.number,), detail, action)
