"""The revocation lists of the configured directory: whether every CA above a leaf in use has a current one."""

from collections.abc import Iterator
from pathlib import Path

from chainpilot.pki.certificate import Certificate
from chainpilot.station.checkup.premises import EntryKind
from chainpilot.station.checkup.problems import Need, Problem, Shell
from chainpilot.station.checkup.remedies import set_aside
from chainpilot.station.checkup.rows import revocation as rows
from chainpilot.station.checkup.scene import Scene
from chainpilot.station.checkup.uses import in_use
from chainpilot.station.checkup.words import moment
from chainpilot.station.layout import LEAF_TYPES, CrlPolicy
from chainpilot.station.store import Crls, links_of, read_crls
from chainpilot.station.store.crls import CRL_SUFFIXES

__all__ = ["check"]


def check(scene: Scene) -> Iterator[Problem]:
    """Nothing where no directory of lists is configured."""
    directory = scene.layout.crls
    if directory is None:
        return
    files = [path for path in scene.names(directory) if path.suffix.lower() in CRL_SUFFIXES]
    if not files:
        made = () if scene.is_directory(directory) else (Shell.of("mkdir", "-p", directory),)
        fetched = _fetched(directory, "the lists of all CAs above the leaves, PEM blocks one behind the other")
        yield rows.CRL_DIRECTORY_MISSING.found(*made, fetched, path=directory)
        return
    lists = read_crls(scene.look, directory)
    for finding in lists.findings:
        yield from _unreadable(scene, Path(finding.path), finding.why)
    for issuer in dict.fromkeys(_issuers(scene)):
        yield from _by(scene, directory, issuer, lists)


def _unreadable(scene: Scene, path: Path, why: str) -> Iterator[Problem]:
    """What is wrong in a file; what is wrong with it is told with the files."""
    entry = scene.premises.entry(path)
    if entry is not None and entry.kind is EntryKind.FILE and scene.premises.may_read(path):
        yield rows.CRL_UNREADABLE.found(*set_aside(scene, path), path=path, why=why)


def _issuers(scene: Scene) -> Iterator[Certificate]:
    for kind in LEAF_TYPES:
        for stored in in_use(scene, scene.leaves(kind)):
            yield from (issuer for _, issuer in links_of(scene.look, scene.layout, stored).way)


def _by(scene: Scene, directory: Path, issuer: Certificate, lists: Crls) -> Iterator[Problem]:
    """As `pki.crl.revocation` chooses among an issuer's lists."""
    own = [one for one in lists.crls if one.issuer_key == issuer.subject_key and one.was_signed_by(issuer)]
    told = {"path": directory, "subject": issuer.subject}
    fetched = _fetched(directory, f"the newest list by {issuer.subject}")
    if own and not any(one.is_current(scene.at) for one in own):
        end = max(one.next_update for one in own)
        yield rows.CRL_OUTDATED.found(fetched, end=moment(end), **told)
    elif not own and scene.layout.config.crl_policy is CrlPolicy.REQUIRE:
        yield rows.CRL_MISSING.found(fetched, **told)


def _fetched(directory: Path, what: str) -> Shell:
    return Shell.of("cp", "LIST.crl", directory, needs=(Need("LIST.crl", what),))
