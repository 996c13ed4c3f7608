"""Who issued whom: the way from a stored leaf upwards, as far as issuers are at hand.

The links are facts about bytes: a name and a signature. Whether a path holds at some time is judged elsewhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Links:
    """The way from a leaf upwards."""

    way: Way = ()
    root: Certificate | None = None
    """The root of the bundle that it ends at; None where it breaks off."""

    @property
    def is_whole(self) -> bool:
        """Whether it ends at a root of the bundle."""
        return self.root is not None


_MAX_LINKS: Final = 11
"""As many as `verify` follows: a leaf, ten sub-CAs."""


def links_of(look: Look, layout: Layout, stored: StoredLeaf) -> Links:
    """The links above a leaf, through its own chain file and its domain's bundle; empty without its issuer at hand.

    Where a sub-CA has several issuers, a way that ends at a root of the bundle goes first.
    """
    kind = CaCertificateType(stored.slot.kind.value)
    links = _linked(look, stored, read_bundle_about(look, layout, kind, stored.stack))
    return links if links.is_whole else _linked(look, stored, read_bundle(look, layout, kind))


def _linked(look: Look, stored: StoredLeaf, bundle: Bundle) -> Links:
    return look.derive(("links", stored.leaf), (stored, bundle), lambda: _climb(stored, bundle))


def _climb(stored: StoredLeaf, bundle: Bundle) -> Links:
    """The shortest way to a root, else the longest of the shortest ways; each certificate is passed once.

    However many certificates of a crowd signed each other, the work is that of looking at each.
    """
    pool = tuple(dict.fromkeys((*(one for one in stored.stack[1:] if one.is_ca), *bundle.above(stored.stack))))
    best: Way = ()
    ways: dict[Certificate, Way] = {one: ((stored.leaf, one),) for one in _issuers(stored.leaf, pool, bundle)}
    rising = list(ways)
    for top in rising:
        way = ways[top]
        if bundle.is_root(top):
            return Links(way, top)
        best = max(best, way, key=len)
        if len(way) < _MAX_LINKS and not top.is_self_signed:
            above = [issuer for issuer in _issuers(top, pool, bundle) if issuer not in ways]
            ways |= {issuer: (*way, (top, issuer)) for issuer in above}
            rising.extend(above)
    return Links(best)


def _issuers(certificate: Certificate, pool: Iterable[Certificate], bundle: Bundle) -> tuple[Certificate, ...]:
    named = (one for one in (*bundle.named(certificate.issuer_key), *pool) if one.subject_key == certificate.issuer_key)
    return tuple(one for one in dict.fromkeys(named) if certificate.was_signed_by(one))
