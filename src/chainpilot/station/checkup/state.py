"""The store's own state: signing requests, what a stopped process left, room, switches."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Final

from chainpilot.station.checkup.premises import EntryKind
from chainpilot.station.checkup.problems import Command, Problem, Setting, Shell, Step
from chainpilot.station.checkup.remedies import enrol, install_chain, private_mode, raise_limit, remove, set_aside
from chainpilot.station.checkup.rows import state as rows
from chainpilot.station.checkup.scene import Scene
from chainpilot.station.checkup.words import counted, moment
from chainpilot.station.store import PendingCsr, read_pending, requests, room_objection
from chainpilot.station.vault import VaultReadError
from chainpilot.station.vault.change import STAGED_PREFIX

__all__ = ["check"]

_TENTH: Final = 10
"""A tenth of the room left is little: a renewal brings four certificates, a pool of roots may bring fifty."""
_LEAF_CERTIFICATES: Final = 4
"""What installing a leaf writes: the leaf, and a chain of it and two sub-CAs."""
_LEAF_BYTES: Final = 4096
"""What they take in PEM, about 1000 each."""


def check(scene: Scene) -> Iterator[Problem]:
    """All of it."""
    yield from _left_over(scene)
    yield from _mode(scene)
    yield from _records(scene)
    yield from _requests(scene)
    yield from _room(scene)
    yield from _parity(scene)


def _left_over(scene: Scene) -> Iterator[Problem]:
    """What a stopped process left. While somebody may be changing the store unseen, its files are no leftovers."""
    state, premises = scene.layout.state, scene.premises
    journal, lock, damaged = state / "journal", state / "lock", state / "journal.damaged"
    if scene.is_there(damaged):
        yield rows.JOURNAL_DAMAGED.found(*set_aside(scene, damaged), path=damaged)
    if scene.is_there(journal):
        if not scene.is_there(lock):
            yield rows.UNFINISHED_CHANGE.found(Shell.of("install", "-m", "600", "/dev/null", lock), path=journal)
        return
    found = [
        directory / name
        for directory in scene.layout.written_directories
        for name in premises.names(directory) or ()
        if name.startswith(STAGED_PREFIX)
    ]
    if found and (not scene.is_there(lock) or premises.may_read(lock)):
        yield rows.UNFINISHED_FILES.found(remove(*found), path=found[0], count=counted(len(found), "unfinished file"))


def _mode(scene: Scene) -> Iterator[Problem]:
    entry, wanted = scene.premises.entry(scene.layout.state), private_mode(scene)
    if entry is not None and entry.kind is EntryKind.DIRECTORY and entry.mode & 0o077 & ~wanted:
        path, step = scene.layout.state, Shell.of("chmod", f"{wanted:o}", scene.layout.state)
        yield rows.STATE_OPEN_TO_OTHERS.found(step, path=path, mode=f"{entry.mode:04o}", wanted=f"{wanted:04o}")


def _records(scene: Scene) -> Iterator[Problem]:
    """Records that aren't ours; what is wrong with a file as such is told with the files."""
    for finding in read_pending(scene.look, scene.layout)[1]:
        path = Path(finding.path)
        entry = scene.premises.entry(path)
        if entry is not None and entry.kind is EntryKind.FILE and scene.premises.may_read(path):
            yield rows.RECORD_UNREADABLE.found(*set_aside(scene, path), path=path, why=finding.why)


def _open_requests(scene: Scene) -> tuple[PendingCsr, ...]:
    """None where the records can't be listed, which is told with the files."""
    try:
        return requests.open_requests(scene.look, scene.layout)
    except VaultReadError:
        return ()


def _requests(scene: Scene) -> Iterator[Problem]:
    lifetime = scene.layout.config.csr_lifetime_seconds
    for one in _open_requests(scene):
        told = {"path": scene.layout.pending_file(one.word), "subject": one.csr.subject}
        ask, _ = enrol(one.kind, one.csr.subject)
        if _has_lost_its_key(scene, one):
            yield rows.REQUEST_KEY_MISSING.found(remove(scene.layout.pending_file(one.word)), ask, **told)
        elif one.is_past(scene.at, lifetime):
            comes = install_chain(one.kind, f"what was issued for {one.csr.subject}: the leaf, then its sub-CAs")
            step: Step = comes if one.with_csms else ask
            yield rows.REQUEST_OLD.found(step, made=moment(one.made_at), **told)
    surplus = requests.collectable(scene.look, scene.layout, scene.at)
    if surplus:
        count = counted(len(surplus), "signing request")
        yield rows.REQUESTS_SUPERSEDED.found(Command(("run-housekeeping",)), path=scene.layout.pending, count=count)


def _has_lost_its_key(scene: Scene, pending: PendingCsr) -> bool:
    """Whether no key file fits; one that can't be opened may be it, and that is told."""
    ring = scene.leaves(pending.kind).keys
    if ring.find(pending.csr.spki_hash) is not None:
        return False
    return all(ring.public_half(path) is not None for path in ring.paths())


def _room(scene: Scene) -> Iterator[Problem]:
    config = scene.layout.config
    for key, certificates, size in (
        ("max_certificates", (_LEAF_CERTIFICATES, config.max_certificates // _TENTH), (0, 0)),
        ("max_bytes", (0, 0), (_LEAF_BYTES, config.max_bytes // _TENTH)),
    ):
        step = raise_limit(key, getattr(config, key))
        full = room_objection(scene.look, scene.layout, certificates=certificates[0], size=size[0])
        nearly = room_objection(scene.look, scene.layout, certificates=certificates[1], size=size[1])
        if full is not None:
            yield rows.STORE_FULL.found(step, why=full)
        elif nearly is not None:
            yield rows.STORE_NEARLY_FULL.found(step, why=nearly)


def _parity(scene: Scene) -> Iterator[Problem]:
    parity = scene.layout.config.parity
    on = [f"parity.{one.name}" for one in fields(parity) if getattr(parity, one.name)]
    if on:
        yield rows.PARITY_ON.found(*(Setting(name, "false") for name in on), switches=", ".join(on))
