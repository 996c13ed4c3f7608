"""Who issued whom: the way from a stored leaf upwards, as far as issuers are at hand.

The links are facts about bytes: a name and a signature. Whether a path holds at some time is judged elsewhere.
"""

from collections.abc import Iterable
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.station.store.bundles import Bundle
from chainpilot.station.store.leaves import StoredLeaf
from chainpilot.station.vault import Look

__all__ = ["Links", "links_of"]

Links = tuple[tuple[Certificate, Certificate], ...]
"""Each certificate with its issuer, the leaf first; the last issuer is a root where the way is whole."""

_MAX_LINKS: Final = 11
"""As many as `verify` follows: a leaf, ten sub-CAs."""


def links_of(look: Look, stored: StoredLeaf, bundle: Bundle) -> Links:
    """The links above a leaf, through its own chain file and the bundle; empty when its issuer isn't at hand.

    Where a sub-CA has several issuers, a way that ends at a root of the bundle goes first.
    """
    return look.derive(("links", stored.leaf), (stored, bundle), lambda: _climb(stored, bundle))


def _climb(stored: StoredLeaf, bundle: Bundle) -> Links:
    pool = tuple(dict.fromkeys((*(one for one in stored.stack[1:] if one.is_ca), *bundle.above(stored.stack))))
    roots = frozenset(bundle.roots)
    best: Links = ()
    rising: list[Links] = [((stored.leaf, issuer),) for issuer in _issuers(stored.leaf, pool, bundle)]
    while rising:
        way = rising.pop(0)
        top = way[-1][1]
        if top in roots:
            return way
        best = max(best, way, key=len)
        passed = {one for one, _ in way} | {top}
        if len(way) < _MAX_LINKS and not top.is_self_signed:
            rising.extend((*way, (top, issuer)) for issuer in _issuers(top, pool, bundle) if issuer not in passed)
    return best


def _issuers(certificate: Certificate, pool: Iterable[Certificate], bundle: Bundle) -> tuple[Certificate, ...]:
    named = (one for one in (*bundle.named(certificate.issuer_key), *pool) if one.subject_key == certificate.issuer_key)
    return tuple(one for one in dict.fromkeys(named) if certificate.was_signed_by(one))
