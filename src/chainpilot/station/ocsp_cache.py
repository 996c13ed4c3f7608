"""OCSP answers kept beside the certificates: taken only when they fit, handed out only while they hold.

A pair of files holds one: `<word>_ocsp.der`, the answer, and `<word>_ocsp.hash`, whose it is in four lines (algorithm,
name hash, key hash, serial number), as the reference writes them. Asking responders is not handled here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.encoding import EncodingError
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm, hash_data
from chainpilot.pki.ocsp import Good, OcspVerdict, Revoked, decode_response, judge_response
from chainpilot.station.layout import LEAF_TYPES, Layout
from chainpilot.station.model import (
    CaCertificateType,
    CertificateOCSP,
    Finding,
    LeafCertificateType,
    OcspKept,
    OcspOutcome,
)
from chainpilot.station.store import StoredLeaf, links_of, new_word, read_bundle, read_leaves, room_objection
from chainpilot.station.vault import Change, Look, VaultReadError

__all__ = ["Answer", "answers", "answers_about", "entries", "kept_pairs", "standing", "take"]

_MAX_HASH_FILE: Final = 1024
"""Characters of a .hash file: an algorithm, two hashes of 128, a serial number of 40."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A pair of files, and the certificate it is about."""

    subject: CertificateHashData
    der: Path
    hash: Path

    def is_about(self, certificate: Certificate, issuer: Certificate) -> bool:
        """Whether it is about that certificate; hash data is compared in the pair's own algorithm."""
        return hash_data(certificate, issuer, self.subject.hash_algorithm).matches(self.subject)


def take(change: Change, layout: Layout, subject: CertificateHashData, text: str, at: datetime) -> OcspOutcome:
    """Stage an answer, when all of the following holds.

    1. the text is base64 of at most the bytes an answer may have;
    2. the certificate is installed, and its issuer's key at hand;
    3. it is signed by the issuer or its delegate, for that certificate, in time, and says good or revoked;
    4. no later answer is there: an old "good" must not replace a new "revoked";
    5. it fits into the store.

    Raises:
        VaultReadError: what is there can't be read.
    """
    # 1
    try:
        der = decode_response(text)
    except EncodingError as error:
        return OcspOutcome(accepted=False, reason=error.why)
    # 2
    place = next(_places(change, layout, subject), None)
    if place is None:
        return OcspOutcome(
            accepted=False, reason="no installed certificate has that hash data, or its issuer is missing"
        )
    # 3
    verdict = judge_response(der, subject, place.issuer, at)
    if not isinstance(verdict, Good | Revoked):
        return OcspOutcome(accepted=False, reason=_words(verdict))
    # 4
    about = tuple(answers_about(change, layout, place.certificate, place.issuer))
    if any(_is_later(change, one, place, verdict, at) for one in about):
        return OcspOutcome(accepted=False, reason="a later answer is there already")
    # 5
    word = new_word(at)
    held = next((one for one in about if one.der.parent == place.directory), None)
    writes = {
        held.der if held else place.directory / f"{word}_ocsp.der": der,
        held.hash if held else place.directory / f"{word}_ocsp.hash": _hash_file(subject.normal()),
    }
    size = sum(len(data) - change.size(path) for path, data in writes.items())
    objection = room_objection(change, layout, certificates=0, size=size)
    if objection is not None:
        return OcspOutcome(accepted=False, reason=objection)
    for path, data in writes.items():
        change.put(path, data)
    return OcspOutcome(accepted=True, kept=_kept(subject.normal(), verdict))


def entries(look: Look, layout: Layout, stored: StoredLeaf, at: datetime) -> tuple[CertificateOCSP, ...] | None:
    """One entry per certificate of the chain file, in file order; the path only while the answer holds.

    None where a certificate's issuer isn't at hand: it has no hash data then.
    """
    issuers = dict(links_of(look, layout, stored).way)
    found: list[CertificateOCSP] = []
    for certificate in stored.stack:
        issuer = certificate if certificate.is_self_signed else issuers.get(certificate)
        if issuer is None:
            return None
        latest = _latest(look, answers_about(look, layout, certificate, issuer), issuer, at)
        found.append(CertificateOCSP(hash_data(certificate, issuer), str(latest[1].der) if latest else None))
    return tuple(found)


def standing(look: Look, layout: Layout, at: datetime) -> tuple[OcspKept, ...]:
    """The latest answer that holds about each SECC leaf that hasn't ended and each of its sub-CAs."""
    found: dict[CertificateHashData, OcspKept] = {}
    for stored in read_leaves(look, layout, LeafCertificateType.V2G).leaves:
        for certificate, issuer in links_of(look, layout, stored).way if at <= stored.leaf.not_after else ():
            subject = hash_data(certificate, issuer)
            if subject in found:
                continue
            latest = _latest(look, answers_about(look, layout, certificate, issuer), issuer, at)
            if latest is not None:
                found[subject] = _kept(subject, latest[0])
    return tuple(found.values())


def _kept(subject: CertificateHashData, verdict: Good | Revoked) -> OcspKept:
    revoked_at = verdict.revoked_at if isinstance(verdict, Revoked) else None
    return OcspKept(subject, verdict.this_update, verdict.until, revoked_at)


def _latest(
    look: Look, about: Iterable[Answer], issuer: Certificate, at: datetime
) -> tuple[Good | Revoked, Answer] | None:
    """Of the answers about a certificate that hold the one with the latest thisUpdate: an old "good" hides nothing."""
    dated = ((_judged(look, answer, issuer, at), answer) for answer in about)
    holding = [(verdict, answer) for verdict, answer in dated if isinstance(verdict, Good | Revoked)]
    return max(holding, key=lambda pair: pair[0].this_update, default=None)


def answers(look: Look, directory: Path) -> tuple[Answer, ...]:
    """The pairs of a directory; what is no pair is passed over."""
    found: list[Answer] = []
    for path in _hash_files(look, directory):
        try:
            subject = look.recall(path, _made)
        except VaultReadError:
            continue
        if isinstance(subject, CertificateHashData):
            found.append(Answer(subject, path.with_suffix(".der"), path))
    return tuple(found)


def _hash_files(look: Look, directory: Path) -> tuple[Path, ...]:
    try:
        names = look.names(directory)
    except VaultReadError:
        return ()
    return look.derive(("ocsp", directory), (names,), lambda: tuple(one for one in names if one.suffix == ".hash"))


def answers_about(look: Look, layout: Layout, certificate: Certificate, issuer: Certificate) -> Iterator[Answer]:
    """Every pair about that certificate, wherever it lies."""
    for directory in layout.ocsp_directories:
        yield from (one for one in answers(look, directory) if one.is_about(certificate, issuer))


def kept_pairs(look: Look, layout: Layout) -> frozenset[Path]:
    """The .hash files whose certificate is installed, and those that can't be read, since it may be."""
    pairs = [one for directory in layout.ocsp_directories for one in answers(look, directory)]
    installed = (one.hash for one in pairs if next(_places(look, layout, one.subject), None) is not None)
    return frozenset(
        (*installed, *(path for directory in layout.ocsp_directories for path in _unreadable(look, directory)))
    )


def _unreadable(look: Look, directory: Path) -> Iterator[Path]:
    for path in _hash_files(look, directory):
        try:
            look.recall(path, _made)
        except VaultReadError:
            yield path


@dataclass(frozen=True, slots=True)
class _Place:
    """An installed certificate with its issuer, and where its answers lie."""

    certificate: Certificate
    issuer: Certificate
    directory: Path


def _places(look: Look, layout: Layout, subject: CertificateHashData) -> Iterator[_Place]:
    """Where a certificate is installed: with leaves first, then in bundles."""
    wanted = subject.normal()
    for place in _installed(look, layout):
        is_candidate = f"{place.certificate.serial_number:x}" == wanted.serial_number
        if is_candidate and hash_data(place.certificate, place.issuer, wanted.hash_algorithm) == wanted:
            yield place


def _installed(look: Look, layout: Layout) -> Iterator[_Place]:
    for kind in LEAF_TYPES:
        directory = layout.leaves[kind].certificates / "ocsp"
        for stored in read_leaves(look, layout, kind).leaves:
            yield from (_Place(one, issuer, directory) for one, issuer in links_of(look, layout, stored).way)
    for domain in CaCertificateType:
        bundle = read_bundle(look, layout, domain)
        directory = (bundle.path if bundle.is_directory else bundle.path.parent) / "ocsp"
        for root in bundle.roots:
            if (signer := bundle.signer_of(root)) is not None:
                yield _Place(root, signer, directory)
            yield from (_Place(one, issuer, directory) for one, issuer in bundle.descendants(root))


def _is_later(look: Look, held: Answer, place: _Place, verdict: Good | Revoked, at: datetime) -> bool:
    kept = _judged(look, held, place.issuer, at)
    return isinstance(kept, Good | Revoked) and kept.this_update > verdict.this_update


def _judged(look: Look, answer: Answer, issuer: Certificate, at: datetime) -> OcspVerdict | None:
    try:
        data = look.read(answer.der)
    except VaultReadError:
        return None
    return judge_response(data, answer.subject, issuer, at) if data else None


def _words(verdict: OcspVerdict) -> str:
    return getattr(verdict, "detail", "the responder doesn't know the certificate")


def _hash_file(subject: CertificateHashData) -> bytes:
    lines = (subject.hash_algorithm.value, subject.issuer_name_hash, subject.issuer_key_hash, subject.serial_number)
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def _made(path: Path, data: bytes, before: object) -> CertificateHashData | Finding:
    del before
    lines = data[:_MAX_HASH_FILE].decode("ascii", "replace").split()
    algorithm = next((one for one in HashAlgorithm if lines and one.value == lines[0].upper()), None)
    if algorithm is None or len(lines) != 4:
        return Finding(str(path), "is not the hash data of an OCSP answer")
    return CertificateHashData(algorithm, lines[1], lines[2], lines[3]).normal()
