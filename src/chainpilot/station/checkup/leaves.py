"""Leaves: which of a slot is in use and until when, and what lies in their directories besides.

Keys are `keys`' matter: a leaf without one is no candidate here. Whether a chain holds is told by `chains`, what OCSP
answers say by `revocation`.
"""

from collections.abc import Iterator

from chainpilot.station.checkup.problems import Problem
from chainpilot.station.checkup.remedies import enrol, set_aside, take_out_leaf, wait_until
from chainpilot.station.checkup.rows import leaves as rows
from chainpilot.station.checkup.scene import Scene
from chainpilot.station.checkup.uses import consequence, use_of, waiting
from chainpilot.station.checkup.words import moment, span
from chainpilot.station.layout import LEAF_TYPES
from chainpilot.station.store import Leaves, StoredLeaf
from chainpilot.station.store.certificates import read_directory

__all__ = ["check"]


def check(scene: Scene) -> Iterator[Problem]:
    """Every slot of every domain, then their directories."""
    for kind in LEAF_TYPES:
        leaves = scene.leaves(kind)
        usable = [one for one in leaves.leaves if leaves.key_of(one) is not None]
        for slot in dict.fromkeys(one.slot for one in usable):
            yield from _slot(scene, leaves, [one for one in usable if one.slot == slot])
    for directory in scene.leaf_directories:
        for file in read_directory(scene.look, directory):
            if file.certificates and file.certificates[0].is_ca:
                steps = set_aside(scene, file.path)
                yield rows.CA_IN_LEAF_DIRECTORY.found(*steps, path=file.path, subject=file.certificates[0].subject)
    for stored in dict.fromkeys(scene.stored):
        yield from _copies(scene, stored)


def _slot(scene: Scene, leaves: Leaves, usable: list[StoredLeaf]) -> Iterator[Problem]:
    """The times of one slot's leaves that have a key."""
    now = [one for one in leaves.valid_at(scene.at) if one in usable]
    later = [one for one in waiting(scene, leaves) if one in usable]
    latest = max(usable, key=lambda one: one.leaf.not_after)
    if now:
        yield from (_waits(leaves, one) for one in later)
        yield from _crowd(scene, leaves, now)
        if latest.leaf.not_after < scene.expiring:
            yield _ends(scene, leaves, latest)
    elif later:
        yield _not_yet(leaves, later[0])
    else:
        yield _ended(leaves, latest)


def _ends(scene: Scene, leaves: Leaves, stored: StoredLeaf) -> Problem:
    leaf = stored.leaf
    return rows.LEAF_EXPIRING.found(
        *enrol(leaves.kind, leaf.subject),
        path=stored.paths[0],
        use=use_of(leaves.kind),
        subject=leaf.subject,
        end=moment(leaf.not_after),
        days=span(leaf.not_after - scene.at),
        consequence=consequence(leaves.kind),
    )


def _ended(leaves: Leaves, stored: StoredLeaf) -> Problem:
    leaf = stored.leaf
    return rows.LEAF_EXPIRED.found(
        *enrol(leaves.kind, leaf.subject),
        path=stored.paths[0],
        use=use_of(leaves.kind),
        subject=leaf.subject,
        end=moment(leaf.not_after),
        consequence=consequence(leaves.kind),
    )


def _not_yet(leaves: Leaves, stored: StoredLeaf) -> Problem:
    begin = moment(stored.leaf.not_before)
    return rows.LEAF_NOT_YET_VALID.found(
        wait_until(begin),
        path=stored.paths[0],
        use=use_of(leaves.kind),
        subject=stored.leaf.subject,
        begin=begin,
        consequence=consequence(leaves.kind),
    )


def _waits(leaves: Leaves, stored: StoredLeaf) -> Problem:
    begin = moment(stored.leaf.not_before)
    told = {"path": stored.paths[0], "subject": stored.leaf.subject, "use": use_of(leaves.kind)}
    return rows.LEAF_WAITING.found(wait_until(begin), begin=begin, **told)


def _crowd(scene: Scene, leaves: Leaves, now: list[StoredLeaf]) -> Iterator[Problem]:
    used, *others = now
    if others:
        yield rows.SLOT_CROWDED.found(
            *(step for one in others for step in take_out_leaf(scene, one)),
            path=used.paths[0],
            use=use_of(leaves.kind),
            subject=used.leaf.subject,
            count=len(now),
            begin=moment(used.leaf.not_before),
        )


def _copies(scene: Scene, stored: StoredLeaf) -> Iterator[Problem]:
    """Files that say the same: a chain and a leaf alone are two things, and so are PEM and DER.

    The chain of a leaf that a root issued is the leaf alone, so that two such files are in order.
    """
    used = (stored.chain_path, stored.single_path)
    for is_pem in (True, False):
        files = sorted((one for one in stored.files if one.is_pem is is_pem), key=lambda one: one.path not in used)
        chains = [one for one in files if len(one.certificates) > 1]
        singles = [one for one in files if len(one.certificates) == 1]
        copies = (
            *((chains[0], one) for one in chains[1:]),
            *((singles[0], one) for one in singles[1 if chains else 2 :]),
        )
        for kept, one in copies:
            steps = set_aside(scene, one.path)
            yield rows.LEAF_TWICE.found(*steps, path=one.path, subject=stored.leaf.subject, other=kept.path)
