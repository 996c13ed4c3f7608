"""The first line of each object: what it is in words."""

from collections import Counter
from datetime import datetime
from typing import Final

from chainpilot.cli.inspect.survey import Entry
from chainpilot.cli.words import day, ending, name_words, plain, short_name
from chainpilot.pki.artifact import (
    Bag,
    Domain,
    Key,
    Kind,
    OcspAnswer,
    Parameters,
    Purpose,
    RevocationList,
    Role,
    SigningRequest,
    Unreadable,
)
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.identity import DistinguishedName, Name
from chainpilot.pki.ocsp import OcspRequestSummary
from chainpilot.pki.profiles import IsoEdition

__all__ = ["EDITIONS", "part_of", "title_of"]

EDITIONS: Final = {IsoEdition.ISO_2: "ISO 15118-2", IsoEdition.ISO_20: "ISO 15118-20"}
_PARTS: Final = {
    Role.ROOT: "root {name}",
    Role.CROSS: "cross certificate of {name}",
    Role.SUB_CA: "sub-CA {name}",
    Role.SECC: "SECC leaf of {name}",
    Role.CONTRACT: "contract leaf of {name}",
    Role.OEM: "OEM provisioning leaf of {name}",
    Role.CPS: "provisioning service's leaf {name}",
    Role.STATION: "station's client certificate of {name}",
    Role.SERVER: "TLS server certificate of {name}",
    Role.OCSP_SIGNER: "OCSP signer {name}",
    Role.FIRMWARE: "firmware signer {name}",
    Role.LEAF: "leaf {name}",
}
_AUTHORITIES: Final = frozenset({Role.ROOT, Role.CROSS, Role.SUB_CA})


def title_of(entry: Entry, at: datetime) -> str:  # noqa: PLR0911 - one line for each kind of object
    """What the object is, in one line."""
    match entry.item.value:
        case Certificate() as certificate:
            return f"{_certificate(entry, certificate)}, {ending(certificate.not_before, certificate.not_after, at)}"
        case SigningRequest() as request:
            return f"signing request (CSR) for {short_name(request.subject)}, {_key_of(request)}"
        case Bag(certificates):
            return f"PKCS#7 bag of {_count(len(certificates), 'certificate')}"
        case RevocationList() as revoked:
            return f"revocation list (CRL) of {_who(revoked.issuer)}, {_list_state(revoked, at)}"
        case OcspRequestSummary() as asked:
            return f"OCSP request about {_count(len(asked.asked), 'certificate')}"
        case OcspAnswer() as answer:
            return f"OCSP response: {_answer(answer, at)}"
        case Key() as key:
            return _key(key)
        case Parameters(words):
            return f"parameters of a key: {words}; not secret and seldom needed"
        case Unreadable(kind, _):
            return _unreadable(kind)


def part_of(certificate: Certificate, purpose: Purpose) -> str:
    """Role, domain where it isn't in the role's words, and name: `V2G sub-CA CPO Sub2`."""
    words = _PARTS[purpose.role].format(name=short_name(certificate.subject))
    if purpose.role in _AUTHORITIES or (purpose.role is Role.OCSP_SIGNER and purpose.domain):
        return f"{purpose.domain.value} {words}" if isinstance(purpose.domain, Domain) else words
    return words


def _certificate(entry: Entry, certificate: Certificate) -> str:
    purpose = entry.purpose
    if purpose is None:
        return short_name(certificate.subject)
    words = [("TEST " if certificate.is_test else "") + part_of(certificate, purpose)]
    if purpose.edition is not None and purpose.role not in _AUTHORITIES | {Role.OCSP_SIGNER}:
        words.append(EDITIONS[purpose.edition])
    words.append("self-signed" if entry.issuer == entry.number else f"issued by {short_name(certificate.issuer)}")
    return ", ".join(words)


def _key_of(request: SigningRequest) -> str:
    return "refused by us" if request.defect is not None else "signed by its own key"


def _key(key: Key) -> str:
    if not key.is_private:
        return f"public key, {key.words}"
    kind = f", {key.words}" if key.words is not None else ""
    if key.cipher is not None:
        return f"encrypted private key{kind} ({plain(key.cipher)})"
    return f"private key{kind}, not encrypted"


def _list_state(revoked: RevocationList, at: datetime) -> str:
    crl = revoked.crl
    until = f"{'ended' if at > crl.next_update else 'good until'} {day(crl.next_update)}"
    return f"{len(crl.revoked) or 'nothing'} revoked, {until}"


def _answer(answer: OcspAnswer, at: datetime) -> str:
    basic = answer.summary.basic
    if basic is None:
        return f"none, the responder says {answer.summary.status.value}"
    told = Counter(single.status.value for single in basic.singles)
    if len(basic.singles) > 1:
        return ", ".join(f"{number} {status}" for status, number in told.items())
    (single,) = basic.singles
    if single.next_update is None:
        return f"{single.status.value}, of {day(single.this_update)}"
    return f"{single.status.value}, {'ended' if at > single.next_update else 'counts until'} {day(single.next_update)}"


def _unreadable(kind: Kind) -> str:
    if kind is Kind.PKCS12:
        return "PKCS#12 container (.p12, .pfx), not opened"
    return "unreadable" if kind is Kind.UNKNOWN else f"{kind.words} that can't be read"


def _who(name: Name) -> str:
    known = DistinguishedName.from_name(name)
    return short_name(known) if known.common_name or known.organization else name_words(name) or "nobody named"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
