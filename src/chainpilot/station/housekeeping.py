"""What nobody needs any more goes: answered requests, old leaves, orphan keys, OCSP answers of gone certificates.

Never a key in use: while a certificate file can't be read it may hold anything, and then keys, leaves and answers stay.
When to keep house is the caller's matter.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from chainpilot.station import ocsp_cache
from chainpilot.station.layout import LEAF_TYPES, Layout
from chainpilot.station.model import CertificateStoreUpdate, CertificateStoreUpdateOperation
from chainpilot.station.removal import stage_leaf_removal
from chainpilot.station.store import (
    KeyRing,
    PendingCsr,
    Slot,
    StoredLeaf,
    is_unsure,
    read_leaves,
    requests,
    stage_key_removal,
    used_keys,
)
from chainpilot.station.vault import Change, Look, VaultReadError

__all__ = ["Surplus", "remove", "surplus"]

_MADE_FOR_A_REQUEST: Final = re.compile(r"(?:CSMS|SECC)_LEAF_.+")
"""Stems of the keys that the reference and we make; keys of other names were put there by people and stay."""


@dataclass(frozen=True, slots=True)
class Surplus:
    """What housekeeping would remove."""

    requests: tuple[PendingCsr, ...] = ()
    leaves: tuple[StoredLeaf, ...] = ()
    keys: tuple[Path, ...] = ()
    answers: tuple[Path, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the house is tidy."""
        return not (self.requests or self.leaves or self.keys or self.answers)

    @property
    def updates(self) -> tuple[CertificateStoreUpdate, ...]:
        """What others are told once it is gone: one update per leaf."""
        operation = CertificateStoreUpdateOperation.DELETED
        return tuple(CertificateStoreUpdate(operation, leaf_certificate_type=one.slot.kind) for one in self.leaves)


def surplus(look: Look, layout: Layout, at: datetime) -> Surplus:
    """What may go.

    1. answered and superseded signing requests (`store.requests.collectable`);
    2. leaves that have ended, but for the newest of each slot and the newest `kept_leaves` of their domain;
    3. keys made for a request that no certificate and no request uses, older than the requests' lifetime;
    4. OCSP answers whose certificate isn't installed, and halves of a pair.
    """
    old_requests = requests.collectable(look, layout, at)
    if is_unsure(look, layout):
        return Surplus(old_requests)
    return Surplus(old_requests, _old_leaves(look, layout, at), _orphan_keys(look, layout, at), _answers(look, layout))


def remove(change: Change, layout: Layout, found: Surplus) -> None:
    """Stage that all of it goes, each key unless something else uses it."""
    requests.drop(change, layout, found.requests)
    for stored in found.leaves:
        stage_leaf_removal(change, layout, stored)
    for key in found.keys:
        stage_key_removal(change, layout, key)
    for answer in found.answers:
        change.remove(answer)


def _old_leaves(look: Look, layout: Layout, at: datetime) -> tuple[StoredLeaf, ...]:
    """The newest leaf of a slot never goes: a clock that jumps ahead makes everything look ended at once."""
    found: list[StoredLeaf] = []
    for kind in LEAF_TYPES:
        leaves = read_leaves(look, layout, kind).leaves
        newest: dict[Slot, StoredLeaf] = {}
        for stored in leaves:
            newest.setdefault(stored.slot, stored)
        others = [one for one in leaves if newest[one.slot] is not one]
        kept = max(0, layout.config.kept_leaves - len(newest))
        found.extend(one for one in others[kept:] if at > one.leaf.not_after)
    return tuple(found)


def _orphan_keys(look: Look, layout: Layout, at: datetime) -> tuple[Path, ...]:
    used = used_keys(look, layout)
    found: list[Path] = []
    for directory in dict.fromkeys(layout.leaves[kind].keys for kind in LEAF_TYPES):
        ring = KeyRing.of(look, directory, layout.keys)
        for path in ring.paths():
            is_ours = _MADE_FOR_A_REQUEST.fullmatch(path.stem) is not None
            if is_ours and _is_old(look, layout, path, at):
                half = ring.public_half(path)
                if half is not None and half not in used:
                    found.append(path)
    return tuple(found)


def _is_old(look: Look, layout: Layout, path: Path, at: datetime) -> bool:
    """By when the file came there, whatever times it bears; one from the future is young: a clock was set back."""
    changed = look.arrived_at(path)
    return changed is not None and at - changed >= timedelta(seconds=layout.config.csr_lifetime_seconds)


def _answers(look: Look, layout: Layout) -> tuple[Path, ...]:
    kept = ocsp_cache.kept_pairs(look, layout)
    good = kept | {path.with_suffix(".der") for path in kept}
    found: list[Path] = []
    for directory in layout.ocsp_directories:
        try:
            names = look.names(directory)
        except VaultReadError:
            continue
        found.extend(path for path in names if path.stem.endswith("_ocsp") and path not in good)
    return tuple(found)
