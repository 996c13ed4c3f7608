"""Who issued whom: the way from a stored leaf upwards, as far as issuers are at hand.

The links are facts about bytes: a name and a signature. Whether a path holds at some time is judged elsewhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.station.layout import Layout
from chainpilot.station.model import CaCertificateType
from chainpilot.station.store.bundles import Bundle, read_bundle, read_bundle_about
from chainpilot.station.store.leaves import StoredLeaf
from chainpilot.station.vault import Look

__all__ = ["Links", "Way", "links_of"]

Way = tuple[tuple[Certificate, Certificate], ...]
"""Each certificate with its issuer, the leaf first."""


@dataclass(frozen=True)
class Links:
    """The way from a leaf upwards."""

    way: Way = ()
    root: Certificate | None = None
    """The root of the bundle that it ends at; None where it breaks off."""

    @property
    def is_whole(self) -> bool:
        """Whether it ends at a root of the bundle."""
        return self.root is not None

    @cached_property
    def root_pem(self) -> str | None:
        """The root as PEM, encoded once; it goes with the links, and so with the bundle that holds the root."""
        return self.root.to_pem() if self.root is not None else None


_MAX_LINKS: Final = 11
"""As many as `verify` follows: a leaf, ten sub-CAs."""
_MAX_WAYS: Final = 64
"""Ways followed at once; real bundles offer one or two, and a mesh of cross-signed CAs has no end of them."""
_MAX_KEPT: Final = 4096
"""Leaves whose way is kept with a bundle: twice what a store holds."""


def links_of(look: Look, layout: Layout, stored: StoredLeaf) -> Links:
    """The links above a leaf, through its own chain file and its domain's bundle; empty without its issuer at hand.

    Where a sub-CA has several issuers, a way that ends at a root of the bundle goes first.
    """
    kind = CaCertificateType(stored.slot.kind.value)
    links = _linked(stored, read_bundle_about(look, layout, kind, stored.stack))
    return links if links.is_whole else _linked(stored, read_bundle(look, layout, kind))


def _linked(stored: StoredLeaf, bundle: Bundle) -> Links:
    """Worked out once for a leaf and a bundle; kept with the bundle, since it holds certificates of it."""
    known = bundle.ways.get(stored)
    if not isinstance(known, Links):
        if len(bundle.ways) >= _MAX_KEPT:
            bundle.ways.clear()
        known = bundle.ways[stored] = _climb(stored, bundle)
    return known


def _climb(stored: StoredLeaf, bundle: Bundle) -> Links:
    """The way through the chain file goes before one through the bundle: it is what peers are sent."""
    if stored.leaf.is_self_signed:
        return Links(((stored.leaf, stored.leaf),))
    pool = dict.fromkeys((*(one for one in stored.stack[1:] if one.is_ca), *bundle.above(stored.stack)))
    best: Way = ()
    rising: list[Way] = [((stored.leaf, issuer),) for issuer in _issuers(stored.leaf, pool, bundle)]
    while rising:
        way = rising.pop(0)
        top = way[-1][1]
        if bundle.is_root(top):
            return Links(way, top)
        best = max(best, way, key=len)
        passed = {one for one, _ in way} | {top}
        if len(way) < _MAX_LINKS and not top.is_self_signed:
            rising.extend((*way, (top, issuer)) for issuer in _issuers(top, pool, bundle) if issuer not in passed)
        del rising[_MAX_WAYS:]
    return Links(best)


def _issuers(certificate: Certificate, pool: Iterable[Certificate], bundle: Bundle) -> tuple[Certificate, ...]:
    """Roots that another one took over from are at hand too, though no way to them is whole."""
    at_hand = (*pool, *bundle.named(certificate.issuer_key), *bundle.lineage)
    named = (one for one in at_hand if one.subject_key == certificate.issuer_key)
    return tuple(one for one in dict.fromkeys(named) if certificate.was_signed_by(one))
