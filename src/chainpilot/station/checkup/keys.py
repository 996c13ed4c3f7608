"""Private keys: each where it belongs, readable for the store alone, and of use to something.

Nothing of a key is told but the name of its file. Weak keys are told with their certificates, by `profiles`, and keys
among certificates by `key_leaks`.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from chainpilot.station.checkup.blocks import holds_private_key
from chainpilot.station.checkup.encryption import is_encrypted
from chainpilot.station.checkup.hardware import is_of_lost_hardware
from chainpilot.station.checkup.premises import EntryKind
from chainpilot.station.checkup.problems import Need, Problem, Setting, Shell, Step
from chainpilot.station.checkup.remedies import encrypt_anew, enrol, private_mode, set_aside, take_out_leaf
from chainpilot.station.checkup.rows import keys as rows
from chainpilot.station.checkup.scene import Scene
from chainpilot.station.checkup.uses import consequence, use_of
from chainpilot.station.checkup.words import moment
from chainpilot.station.layout import LEAF_TYPES
from chainpilot.station.store import KeyRing, Leaves, StoredLeaf

__all__ = ["check"]

_ROOT: Final = 0
"""The user who may read everything: in a directory of theirs, keys are whose they are on purpose."""


def check(scene: Scene) -> Iterator[Problem]:
    """Every leaf that has no key, then every key file."""
    for kind in LEAF_TYPES:
        leaves = scene.leaves(kind)
        for stored in leaves.leaves:
            if leaves.key_of(stored) is None:
                yield from _keyless(scene, leaves, stored)
    used = {one.spki_hash for kind in LEAF_TYPES for one in scene.leaves(kind).held}
    used |= {one.csr.spki_hash for one in scene.pending}
    for directory in scene.key_directories:
        ring = scene.ring(directory)
        for path in ring.paths():
            yield from _owner_and_mode(scene, path)
            half = ring.public_half(path)
            if half is None:
                yield from _unreadable(scene, ring, path)
            elif half not in used:
                yield from _orphan(scene, path)


def _keyless(scene: Scene, leaves: Leaves, stored: StoredLeaf) -> Iterator[Problem]:
    """A key that can't be opened may be its own, and that is told; so is one that stands in the leaf's file."""
    ring = leaves.keys
    if any(ring.public_half(path) is None for path in ring.paths()) or _has_key_inside(scene, stored):
        return
    told = {"use": use_of(leaves.kind), "subject": stored.leaf.subject}
    elsewhere = _elsewhere(scene, ring.directory, stored)
    if elsewhere is not None:
        yield rows.KEY_MISPLACED.found(
            *_moved(scene, elsewhere, ring.directory, stored),
            path=elsewhere,
            directory=ring.directory,
            consequence=consequence(leaves.kind),
            **told,
        )
    elif any(one.slot == stored.slot and leaves.key_of(one) is not None for one in leaves.valid_at(scene.at)):
        yield rows.KEYLESS_LEAF.found(*take_out_leaf(scene, stored), path=stored.paths[0], **told)
    else:
        yield rows.KEY_MISSING.found(
            *enrol(leaves.kind, stored.leaf.subject),
            *take_out_leaf(scene, stored),
            path=stored.paths[0],
            directory=ring.directory,
            consequence=consequence(leaves.kind),
            **told,
        )


def _has_key_inside(scene: Scene, stored: StoredLeaf) -> bool:
    return any(holds_private_key(scene.read(file.path) or b"") for file in stored.files)


def _elsewhere(scene: Scene, but: Path, stored: StoredLeaf) -> Path | None:
    """A file of the leaf's key in another directory of this store."""
    bundles = (bundle.path if bundle.is_directory else bundle.path.parent for bundle in scene.bundles)
    places = dict.fromkeys((*scene.layout.leaf_directories, *bundles))
    found = (scene.ring(place).find(stored.leaf.spki_hash) for place in places if place != but)
    return next((path for path in found if path is not None), None)


def _moved(scene: Scene, path: Path, directory: Path, stored: StoredLeaf) -> tuple[Step, ...]:
    """The key goes to its directory, or a copy where another leaf uses it as well."""
    others = (one for one in scene.stored if one.leaf != stored.leaf)
    is_shared = any(one.leaf.spki_hash == stored.leaf.spki_hash for one in others)
    target = directory / path.name
    made = () if scene.is_directory(directory) else (_made(scene, directory),)
    return (*made, Shell.of("cp", "-p", path, target) if is_shared else Shell.of("mv", path, target))


def _made(scene: Scene, directory: Path) -> Shell:
    return Shell.of("mkdir", "-p", "-m", f"{private_mode(scene):o}", directory)


def _owner_and_mode(scene: Scene, path: Path) -> Iterator[Problem]:
    entry, above = scene.premises.entry(path), scene.premises.entry(path.parent)
    if entry is None or entry.kind is not EntryKind.FILE:
        return
    wanted = scene.layout.config.key_mode
    if entry.mode & 0o077 & ~wanted:
        step = Shell.of("chmod", f"{wanted:o}", path)
        yield rows.KEY_MODE_TOO_WIDE.found(step, path=path, mode=f"{entry.mode:04o}", wanted=f"{wanted:04o}")
    if above is not None and above.owner not in {entry.owner, _ROOT}:
        step = Shell.of("chown", f"{above.owner}", path)
        yield rows.KEY_OWNER_FOREIGN.found(step, path=path, owner=entry.owner, directory_owner=above.owner)


def _unreadable(scene: Scene, ring: KeyRing, path: Path) -> Iterator[Problem]:
    """Why a key can't be had, unless the file itself can't be, or its hardware: those are told elsewhere."""
    data = scene.read(path)
    if data is None or is_of_lost_hardware(scene, data):
        return
    if is_encrypted(data):
        yield _locked_key(scene, ring, path)
        return
    why = next((one.why for one in ring.findings if one.path == str(path)), "can't be read")
    yield rows.KEY_UNREADABLE.found(*set_aside(scene, path), path=path, why=why)


def _locked_key(scene: Scene, ring: KeyRing, path: Path) -> Problem:
    """A key whose password isn't the configured one; where that opens others, this one is encrypted anew."""
    setting = Setting("private_key_password", '"PASSWORD"', (Need("PASSWORD", "what the key was encrypted with"),))
    if not scene.layout.config.private_key_password:
        return rows.KEY_PASSWORD_MISSING.found(setting, path=path)
    others = (one for one in ring.paths() if one != path and ring.public_half(one) is not None)
    if any(is_encrypted(scene.read(one) or b"") for one in others):
        return rows.KEY_PASSWORD_WRONG.found(encrypt_anew(path), path=path)
    return rows.KEY_PASSWORD_WRONG.found(setting, path=path)


def _orphan(scene: Scene, path: Path) -> Iterator[Problem]:
    """A key that nothing uses, unless it is young, or an unreadable certificate may use it.

    Another program's signing request is only in its memory: it may still be answered within a request's lifetime.
    """
    arrived = scene.look.changed_at(path)
    lifetime = timedelta(seconds=scene.layout.config.csr_lifetime_seconds)
    if scene.has_unreadable_certificates or arrived is None or scene.at - arrived < lifetime:
        return
    yield rows.KEY_ORPHAN.found(*set_aside(scene, path), path=path, arrived=moment(arrived))
