"""OCSP answers kept for cars: whether they are there, believable and in time.

Only SECC leaves and their sub-CAs are asked about (OCPP M06); a leaf whose issuer isn't at hand has no hash data.
Revocation lists are told by `lists`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import hash_data
from chainpilot.pki.ocsp import Good, OcspDefect, OcspVerdict, Revoked, judge_response
from chainpilot.station import ocsp_cache
from chainpilot.station.checkup.chains import revoked
from chainpilot.station.checkup.problems import Command, Need, Problem, Setting
from chainpilot.station.checkup.remedies import hash_words, remove
from chainpilot.station.checkup.rows import revocation as rows
from chainpilot.station.checkup.scene import Scene
from chainpilot.station.checkup.uses import in_use
from chainpilot.station.checkup.words import called, listed, moment
from chainpilot.station.model import LeafCertificateType
from chainpilot.station.ocsp_cache import Answer
from chainpilot.station.ocsp_requests import v2g_request_data
from chainpilot.station.store import StoredLeaf, Way, links_of

__all__ = ["check"]

_SUFFIXES: Final = {".der": ".hash", ".hash": ".der"}
"""The two halves of an answer."""


def check(scene: Scene) -> Iterator[Problem]:
    """The answers of the SECC leaves in use, then the files in their directories."""
    asked = v2g_request_data(scene.look, scene.layout, scene.at).ocsp_request_data_list
    urls = {one.certificate_hash_data: one.responder_url for one in asked}
    silent: dict[Certificate, None] = {}
    for stored in in_use(scene, scene.leaves(LeafCertificateType.V2G)):
        way = [pair for pair in links_of(scene.look, scene.layout, stored).way if _are_valid(scene, *pair)]
        silent |= dict.fromkeys(one for one, above in way if hash_data(one, above) not in urls)
        yield from _answers(scene, stored, tuple(pair for pair in way if hash_data(*pair) in urls))
    if silent:
        step = Setting("default_ocsp_url", '"URL"', (Need("URL", "the responder of the PKI, http://..."),))
        yield rows.OCSP_NO_RESPONDER.found(step, names=listed([called(one.subject) for one in silent]))
    for directory in scene.layout.ocsp_directories:
        yield from _files(scene, directory)


def _are_valid(scene: Scene, certificate: Certificate, issuer: Certificate) -> bool:
    """What has ended is told by itself, and answers about it or by it count no more."""
    return certificate.valid_at(scene.at) and issuer.valid_at(scene.at)


def _answers(scene: Scene, stored: StoredLeaf, way: Way) -> Iterator[Problem]:
    missing: Way = ()
    for certificate, issuer in way:
        kept = tuple(ocsp_cache.answers_about(scene.look, scene.layout, certificate, issuer))
        judged = [(answer, _judged(scene, answer, issuer)) for answer in kept if scene.is_there(answer.der)]
        if not judged:
            missing = (*missing, (certificate, issuer))
        elif not any(isinstance(verdict, Good) for _, verdict in judged):
            yield _bad(scene, stored, (certificate, issuer), *judged[0])
    if missing:
        names = listed([called(one.subject) for one, _ in missing])
        fetches = (_keep_answer(*pair, number) for number, pair in enumerate(missing, start=1))
        yield rows.OCSP_MISSING.found(*fetches, path=stored.paths[0], subject=stored.leaf.subject, names=names)


def _judged(scene: Scene, answer: Answer, issuer: Certificate) -> OcspVerdict:
    return judge_response(scene.read(answer.der) or b"", answer.subject, issuer, scene.at)


def _bad(
    scene: Scene, stored: StoredLeaf, link: tuple[Certificate, Certificate], answer: Answer, verdict: OcspVerdict
) -> Problem:
    certificate = link[0]
    if isinstance(verdict, Revoked):
        words = f"on {moment(verdict.revoked_at)}, {verdict.reason.value}, says the OCSP answer {answer.der}"
        return revoked(scene, stored, certificate, words)
    told = {"path": answer.der, "subject": certificate.subject}
    why = getattr(verdict, "detail", "the responder doesn't know the certificate")
    if getattr(verdict, "why", None) is OcspDefect.STALE:
        return rows.OCSP_STALE.found(_keep_answer(*link), why=why, **told)
    return rows.OCSP_UNUSABLE.found(remove(answer.der, answer.hash), _keep_answer(*link), why=why, **told)


def _keep_answer(certificate: Certificate, issuer: Certificate, number: int | None = None) -> Command:
    name = "ANSWER.der" if number is None else f"ANSWER{number}.der"
    url = next(iter(certificate.ocsp_urls), "the configured responder")
    need = Need(name, f"what {url} answers for {certificate.subject}")
    return Command(("update-ocsp-cache", name, *hash_words(certificate, issuer)), (need,))


def _files(scene: Scene, directory: Path) -> Iterator[Problem]:
    """Halves of a pair, and pairs about certificates that are gone."""
    pairs = {one.hash: one for one in ocsp_cache.answers(scene.look, directory)}
    kept = _installed(scene)
    names = [path for path in scene.names(directory) if path.suffix in _SUFFIXES and path.stem.endswith("_ocsp")]
    for path in names:
        other = path.with_suffix(_SUFFIXES[path.suffix])
        if other not in names:
            yield rows.OCSP_HALF.found(remove(path), path=path, why=f"{other.name} is missing")
        elif path.suffix == ".hash" and path not in pairs:
            yield rows.OCSP_HALF.found(remove(path, other), path=path, why="it doesn't tell whose answer it is")
        elif path.suffix == ".hash" and kept is not None and pairs[path].subject.serial_number not in kept:
            yield rows.OCSP_LEFT_OVER.found(remove(path, other), path=other)


def _installed(scene: Scene) -> frozenset[str] | None:
    """The serial numbers of everything installed, its issuer at hand or not; None when something can't be read."""
    if scene.has_unreadable_certificates:
        return None
    return frozenset(f"{one.serial_number:x}" for one in scene.certificates)
