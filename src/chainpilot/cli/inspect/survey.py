"""An input looked over as a whole: its objects numbered, how they hang together, and what is wrong with them.

What is wrong with one object is said by `complaints`; how all of it looks, by `people` and `machine`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from chainpilot.pki.artifact import (
    Bag,
    Carrier,
    Item,
    Key,
    Kind,
    OcspAnswer,
    Purpose,
    SigningRequest,
    Stack,
    issuers_within,
    judge_stack,
    purpose_of,
)
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm, hash_data
from chainpilot.pki.keys import SpkiHash

__all__ = ["Entry", "Problem", "Severity", "Survey", "look_over"]


class Severity(Enum):
    """What a problem means for the exit code; the values are those of the machine-readable output and stay."""

    ERROR = "error"
    """Something needs a person."""
    WARNING = "warning"
    """It works, and could be better."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong, with the numbers of the objects it is about."""

    code: str
    """Stable, for programs."""
    severity: Severity
    objects: tuple[int, ...]
    detail: str
    """What was seen, as a sentence for people."""
    action: str | None = None
    """What to do about it; None when `detail` says enough."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One object with its number, counted from 1, and what the others in the input tell about it."""

    number: int
    item: Item
    inside: int | None = None
    """The number of the bag or answer that it came in."""
    purpose: Purpose | None = None
    """Of a certificate."""
    issuer: int | None = None
    """The number of the certificate that signed it, its own for a root; None where it isn't here."""
    hash_data: CertificateHashData | None = None
    """Of a certificate whose issuer is here."""
    same_as: int | None = None
    """The number of an earlier object that is the same certificate."""

    @property
    def certificate(self) -> Certificate | None:
        """The certificate, where it is one."""
        return self.item.value if isinstance(self.item.value, Certificate) else None

    @property
    def spki_hash(self) -> SpkiHash | None:
        """The fingerprint of the key it holds or names."""
        value = self.item.value
        return value.spki_hash if isinstance(value, Certificate | SigningRequest | Key) else None


@dataclass(frozen=True, slots=True)
class Survey:
    """All objects of one input, judged at the time `at`."""

    source: str
    at: datetime
    entries: tuple[Entry, ...]
    stack: Stack | None
    """The certificates that stand in a row, judged together; places count those certificates."""
    row: tuple[int, ...]
    """The numbers of those certificates."""
    by_key: Mapping[SpkiHash, tuple[int, ...]] = field(repr=False)
    """The numbers of the objects that hold or name a key, by its fingerprint."""
    problems: tuple[Problem, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether nothing needs a person."""
        return not any(problem.severity is Severity.ERROR for problem in self.problems)

    def entry(self, number: int) -> Entry:
        """The object of that number."""
        return self.entries[number - 1]

    def certificates(self) -> Iterator[tuple[Entry, Certificate]]:
        """Every certificate with its entry, those inside bags and answers too."""
        for entry in self.entries:
            if (certificate := entry.certificate) is not None:
                yield entry, certificate

    def partners(self, entry: Entry) -> tuple[int, ...]:
        """The numbers of the other objects with the same key, a certificate that is there twice counted once."""
        holders = self.by_key.get(entry.spki_hash, ()) if entry.spki_hash is not None else ()
        return tuple(number for number in holders if number != entry.number)


def look_over(source: str, items: Sequence[Item], *, at: datetime, algorithm: HashAlgorithm) -> Survey:
    """Number the objects, unpack bags and answers, and find out who signed whom.

    Args:
        source: the input's name, for showing.
        items: what was read.
        at: timezone-aware; the time to judge for.
        algorithm: of the hash data.
    """
    entries = tuple(_related(tuple(_numbered(items)), algorithm))
    standing = [entry for entry in entries if entry.inside is None and entry.certificate is not None]
    row = [entry.certificate for entry in standing if entry.certificate is not None]
    by_key: dict[SpkiHash, tuple[int, ...]] = {}
    for entry in entries:
        if (key := entry.spki_hash) is not None and entry.same_as is None:
            by_key[key] = (*by_key.get(key, ()), entry.number)
    stack = judge_stack(row, issuers_within(row))
    return Survey(source, at, entries, stack, tuple(entry.number for entry in standing), by_key)


def _related(entries: Sequence[Entry], algorithm: HashAlgorithm) -> Iterator[Entry]:
    """The entries, certificates among them with what the others tell."""
    found = [(entry.number, entry.certificate) for entry in entries if entry.certificate is not None]
    issuers = dict(zip((number for number, _ in found), issuers_within([one for _, one in found]), strict=True))
    first_seen: dict[Certificate, int] = {}
    for entry in entries:
        if (certificate := entry.certificate) is None:
            yield entry
            continue
        place = issuers[entry.number]
        above = found[place] if place is not None else None
        first = first_seen.setdefault(certificate, entry.number)
        yield replace(
            entry,
            purpose=purpose_of(certificate),
            issuer=above[0] if above is not None else None,
            hash_data=hash_data(certificate, above[1], algorithm) if above is not None else None,
            same_as=first if first != entry.number else None,
        )


def _numbered(items: Sequence[Item]) -> Iterator[Entry]:
    number = 0
    for item in items:
        number += 1
        holder = number
        yield Entry(number, item)
        for certificate in _contained(item):
            number += 1
            yield Entry(number, Item(Carrier.DER, None, Kind.CERTIFICATE, certificate), inside=holder)


def _contained(item: Item) -> tuple[Certificate, ...]:
    match item.value:
        case Bag(certificates):
            return certificates
        case OcspAnswer(summary=summary) if summary.basic is not None:
            return summary.basic.certificates
        case _:
            return ()
