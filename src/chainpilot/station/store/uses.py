"""Which keys are in use: the one answer for everything that would remove one (station-store.md rows 4 and 13).

What can't be read may hold anything. While that is so, `is_unsure`, and no key goes.
"""

from collections.abc import Iterator

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.keys import SpkiHash
from chainpilot.station.layout import LEAF_TYPES, Layout
from chainpilot.station.model import LeafCertificateType
from chainpilot.station.store.bundles import read_bundle
from chainpilot.station.store.keys import KeyRing
from chainpilot.station.store.leaves import StoredLeaf, read_leaves
from chainpilot.station.store.pending import read_pending
from chainpilot.station.vault import Look

__all__ = ["certified_keys", "is_unsure", "used_keys"]


def certified_keys(look: Look, layout: Layout, *, but: StoredLeaf | None = None) -> frozenset[SpkiHash]:
    """The keys of every certificate in the leaf directories, wherever in a file it stands, but for those of one leaf.

    The same certificate in the other domain counts as another: there it stays.
    """
    gone = (but.slot.kind, but.leaf) if but is not None else None
    return frozenset(one.spki_hash for kind, one in _held(look, layout) if (kind, one) != gone)


def used_keys(look: Look, layout: Layout, *, but: StoredLeaf | None = None) -> frozenset[SpkiHash]:
    """Those, and the keys of signing requests, open, superseded or answered."""
    return certified_keys(look, layout, but=but) | {one.csr.spki_hash for one in read_pending(look, layout)[0]}


def is_unsure(look: Look, layout: Layout) -> bool:
    """Whether something can't be read that may use a key: a certificate, a record of a request, a whole directory."""
    bundles = (read_bundle(look, layout, kind) for kind in layout.bundles)
    return (
        any(file.findings for bundle in bundles for file in bundle.files)
        or any(read_leaves(look, layout, kind).findings for kind in LEAF_TYPES)
        or bool(read_pending(look, layout)[1])
        or any(_is_cut_off(look, layout, kind) for kind in LEAF_TYPES)
    )


def _held(look: Look, layout: Layout) -> Iterator[tuple[LeafCertificateType, Certificate]]:
    return ((kind, one) for kind in LEAF_TYPES for one in read_leaves(look, layout, kind).held)


def _is_cut_off(look: Look, layout: Layout, kind: LeafCertificateType) -> bool:
    """Keys without the directory of their certificates: a partition that isn't mounted, say."""
    places = layout.leaves[kind]
    is_apart = places.certificates != places.keys and not look.is_directory(places.certificates)
    return is_apart and bool(KeyRing.of(look, places.keys, layout.keys).paths())
