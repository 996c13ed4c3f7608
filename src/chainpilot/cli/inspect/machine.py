"""How programs see it: one JSON object; keys in snake_case, times in ISO 8601 UTC, hexadecimal in lower case.

Keys and codes stay as they are; new ones may come.
"""

import hashlib
import json
from datetime import datetime
from typing import Any

from chainpilot.cli.inspect.answers import issuer_named, subject_named, verdict_on
from chainpilot.cli.inspect.complaints import fitting_profile
from chainpilot.cli.inspect.names import alternative_names
from chainpilot.cli.inspect.survey import Entry, Survey
from chainpilot.cli.inspect.titles import title_of
from chainpilot.cli.words import MAX_PATH_LENGTH, iso, name_words, usage_word, usages
from chainpilot.pki.artifact import (
    Key,
    OcspAnswer,
    Parameters,
    RevocationList,
    SigningRequest,
    Unreadable,
    key_words,
)
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.der import read_one
from chainpilot.pki.extensions import Extensions
from chainpilot.pki.identity import DistinguishedName, Name, read_name
from chainpilot.pki.keys import key_weakness
from chainpilot.pki.ocsp import CertId, Indeterminate, OcspRequestSummary, SingleAnswer

__all__ = ["as_json", "refusal_as_json"]

_Json = dict[str, Any]


def as_json(survey: Survey) -> str:
    """Everything that was found, as one JSON object in ASCII."""
    return _text(
        {
            "source": survey.source,
            "at": iso(survey.at),
            "ok": survey.is_good,
            "why": None,
            "objects": [_object(entry, survey) for entry in survey.entries],
            "stack": _stack(survey),
            "problems": [
                {
                    "code": problem.code,
                    "severity": problem.severity.value,
                    "objects": list(problem.objects),
                    "detail": problem.detail,
                    "action": problem.action,
                }
                for problem in survey.problems
            ],
        }
    )


def refusal_as_json(source: str, at: datetime, why: str) -> str:
    """The same object for an input that could not be read at all."""
    nothing: _Json = {"objects": [], "stack": None, "problems": []}
    return _text({"source": source, "at": iso(at), "ok": False, "why": why, **nothing})


def _text(whole: _Json) -> str:
    return json.dumps(whole, indent=2, ensure_ascii=True)


def _object(entry: Entry, survey: Survey) -> _Json:
    return {
        "number": entry.number,
        "kind": entry.item.kind.value,
        "summary": title_of(entry, survey.at),
        "carrier": entry.item.carrier.value if entry.inside is None else None,
        "pem_label": entry.item.label,
        "inside": entry.inside,
        "same_key_as": list(survey.partners(entry)),
        **_value(entry, survey),
    }


def _value(entry: Entry, survey: Survey) -> _Json:  # noqa: PLR0911 - one line for each kind of object
    match entry.item.value:
        case Certificate() as certificate:
            return _certificate(entry, certificate, survey.at)
        case SigningRequest() as request:
            return _request(request)
        case Key() as key:
            return _key(key)
        case RevocationList() as revoked:
            return _revoked(revoked)
        case OcspRequestSummary() as asked:
            names = [_cert_id(named, survey) for named in asked.asked]
            return {"asked": names, "nonce": asked.nonce, "is_signed": asked.is_signed}
        case OcspAnswer() as answer:
            return _answer(answer, survey)
        case Parameters(words):
            return {"parameters": words}
        case Unreadable(_, why):
            return {"why": why}
        case _:
            return {}


def _certificate(entry: Entry, certificate: Certificate, at: datetime) -> _Json:
    purpose = entry.purpose
    return {
        "role": purpose.role.value if purpose else None,
        "domain": purpose.domain.value if purpose and purpose.domain else None,
        "domain_evidence": purpose.evidence if purpose else None,
        "iso15118_edition": purpose.edition.value if purpose and purpose.edition else None,
        "is_test": certificate.is_test,
        "subject": _name(certificate.subject_name),
        "issuer": _name(read_name(read_one(certificate.issuer_der))),
        "issuer_object": entry.issuer,
        "is_self_signed": certificate.is_self_signed,
        "serial_number": f"{certificate.serial_number:x}",
        "not_before": iso(certificate.not_before),
        "not_after": iso(certificate.not_after),
        "days_left": (certificate.not_after - at).days,
        "is_valid": certificate.valid_at(at),
        "key": {
            "kind": key_words(certificate.public_key),
            "spki_sha256": certificate.spki_hash,
            "weakness": key_weakness(certificate.public_key),
        },
        "signature_digest": certificate.signature_hash,
        **_extensions(certificate.extensions),
        "alternative_names": list(alternative_names(certificate)),
        "ocsp_urls": list(certificate.ocsp_urls),
        "fingerprint_sha256": certificate.fingerprint,
        "size": len(certificate.der),
        "hash_data": _hash_data(entry),
        "profile": _profile(entry),
        "same_as": entry.same_as,
    }


def _name(name: Name) -> _Json:
    known = DistinguishedName.from_name(name)
    return {
        "text": name_words(name),
        "common_name": known.common_name,
        "organization": known.organization,
        "country": known.country,
        "domain_component": known.domain_component,
    }


def _extensions(extensions: Extensions) -> _Json:
    purposes = extensions.extended_key_usage
    subject_id, authority_id = extensions.subject_key_id, extensions.authority_key_id
    return {
        "is_ca": extensions.is_ca,
        "path_length": _path_length(extensions.path_length),
        "key_usage": usages(extensions.key_usage) if extensions.key_usage is not None else None,
        "key_usage_is_critical": extensions.key_usage_is_critical,
        "extended_key_usage": sorted(map(usage_word, purposes)) if purposes is not None else None,
        "subject_key_id": subject_id.hex() if subject_id is not None else None,
        "authority_key_id": authority_id.hex() if authority_id is not None else None,
    }


def _path_length(length: int | None) -> int | None:
    """A senseless one is brought into the bounds that programs count in."""
    return None if length is None else max(-1, min(length, MAX_PATH_LENGTH + 1))


def _hash_data(entry: Entry) -> _Json | None:
    data = entry.hash_data
    if data is None:
        return None
    return {
        "hash_algorithm": data.hash_algorithm.value,
        "issuer_name_hash": data.issuer_name_hash,
        "issuer_key_hash": data.issuer_key_hash,
        "serial_number": data.serial_number,
    }


def _profile(entry: Entry) -> _Json | None:
    fitting = fitting_profile(entry)
    if fitting is None:
        return None
    profile, findings = fitting
    told = [{"rule": one.rule, "severity": one.severity.value, "detail": one.detail} for one in findings]
    is_only = entry.purpose is not None and len(entry.purpose.profiles) == 1
    return {"name": profile.name, "is_only_one": is_only, "findings": told}


def _request(request: SigningRequest) -> _Json:
    return {
        "subject": _name(request.subject_name),
        "key": {
            "kind": key_words(request.public_key),
            "spki_sha256": request.spki_hash,
            "weakness": key_weakness(request.public_key),
        },
        "is_refused": request.defect is not None,
        "defect": request.defect.value.replace(" ", "_") if request.defect is not None else None,
        "why": request.why,
        "asks_for": _extensions(request.extensions) if request.extensions is not None else None,
        "fingerprint_sha256": hashlib.sha256(request.der).hexdigest(),
        "size": len(request.der),
    }


def _key(key: Key) -> _Json:
    return {
        "form": key.form,
        "key": {"kind": key.words, "spki_sha256": key.spki_hash},
        "is_private": key.is_private,
        "is_encrypted": key.cipher is not None,
        "cipher": key.cipher,
    }


def _revoked(revoked: RevocationList) -> _Json:
    crl = revoked.crl
    return {
        "issuer": _name(revoked.issuer),
        "this_update": iso(crl.this_update),
        "next_update": iso(crl.next_update),
        "crl_number": f"{crl.number:x}" if crl.number is not None else None,
        "revoked": [
            {"serial_number": f"{serial:x}", "revoked_at": iso(how.revoked_at), "reason": how.reason.value}
            for serial, how in crl.revoked.items()
        ],
        "fingerprint_sha256": hashlib.sha256(crl.der).hexdigest(),
    }


def _cert_id(named: CertId, survey: Survey) -> _Json:
    subject = subject_named(named, survey)
    return {
        "hash_algorithm": named.algorithm,
        "issuer_name_hash": named.issuer_name_hash,
        "issuer_key_hash": named.issuer_key_hash,
        "serial_number": named.serial_number,
        "object": subject[0].number if subject is not None else None,
    }


def _answer(answer: OcspAnswer, survey: Survey) -> _Json:
    basic = answer.summary.basic
    if basic is None:
        return {"response_status": answer.summary.status.value, "answers": []}
    responder = basic.responder
    return {
        "response_status": answer.summary.status.value,
        "responder_name": _name(responder.name) if responder.name is not None else None,
        "responder_key_sha1": responder.key_hash,
        "produced_at": iso(basic.produced_at),
        "signature_algorithm": basic.signature_algorithm,
        "answers": [_single(answer, single, survey) for single in basic.singles],
        "size": len(answer.der),
    }


def _single(answer: OcspAnswer, single: SingleAnswer, survey: Survey) -> _Json:
    issuer = issuer_named(single.cert_id, survey)
    verdict = verdict_on(answer, single, survey)
    doubt = verdict.detail if isinstance(verdict, Indeterminate) else None
    return {
        "about": _cert_id(single.cert_id, survey),
        "status": single.status.value,
        "this_update": iso(single.this_update),
        "next_update": iso(single.next_update) if single.next_update is not None else None,
        "revoked_at": iso(single.revoked_at) if single.revoked_at is not None else None,
        "reason": single.reason.value if single.reason is not None else None,
        "issuer_object": issuer[0].number if issuer is not None else None,
        "is_believable": None if verdict is None else doubt is None,
        "doubt": doubt,
    }


def _stack(survey: Survey) -> _Json | None:
    stack = survey.stack
    if stack is None:
        return None
    return {
        "arrangement": stack.arrangement.value,
        "in_order": not stack.flaws,
        "chain": [survey.row[place] for place in stack.chain],
        "strangers": [survey.row[place] for place in stack.strangers],
        "flaws": [flaw.value for flaw in stack.flaws],
        "has_root": stack.has_root,
    }
