"""What a leaf is for, and what the station can't do without it."""

from typing import Final

from chainpilot.station.checkup.scene import Scene
from chainpilot.station.model import LeafCertificateType
from chainpilot.station.store import Leaves, StoredLeaf

__all__ = ["consequence", "in_use", "use_of", "waiting"]

_USES: Final = {LeafCertificateType.V2G: "V2G (SECC)", LeafCertificateType.CSMS: "CSMS"}
_CONSEQUENCES: Final = {
    LeafCertificateType.V2G: "Cars that ask for Plug & Charge or TLS are turned away.",
    LeafCertificateType.CSMS: "The station can't log in at its CSMS with a certificate (security profile 3).",
}


def use_of(kind: LeafCertificateType) -> str:
    """The domain as people call it."""
    return _USES.get(kind, kind.value)


def consequence(kind: LeafCertificateType) -> str:
    """What fails without a good leaf of that domain."""
    return _CONSEQUENCES.get(kind, "")


def in_use(scene: Scene, leaves: Leaves) -> tuple[StoredLeaf, ...]:
    """The leaf in use of each slot: the first of the valid ones that has a key."""
    first: dict[object, StoredLeaf] = {}
    for stored in leaves.valid_at(scene.at):
        if stored.slot not in first and leaves.key_of(stored) is not None:
            first[stored.slot] = stored
    return tuple(first.values())


def waiting(scene: Scene, leaves: Leaves) -> tuple[StoredLeaf, ...]:
    """The leaves with a key that begin later, the next one first."""
    later = (one for one in leaves.leaves if one.leaf.not_before > scene.at and leaves.key_of(one) is not None)
    return tuple(sorted(later, key=lambda one: one.leaf.not_before))
