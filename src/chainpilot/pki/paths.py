"""Every way from a leaf to an anchor, shortest first, within named bounds on the work (x509.md duty 2).

Ways are found by names, and among namesakes by signatures; whether a way holds is for `verify` to judge.
"""

import heapq
import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.chain import Chain
from chainpilot.pki.identity import Name
from chainpilot.pki.trust import TrustAnchors

__all__ = ["MAX_CANDIDATES", "MAX_PATHS", "MAX_PATH_LENGTH", "Path", "PathSearch"]

MAX_PATHS: Final = 64
"""Alternative paths tried at most, each at most a chain's signatures (x509.md duty 2); real pools offer one or two."""
MAX_PATH_LENGTH: Final = 10
"""Certificates between leaf and anchor at most; V2G has two, and longer paths only serve attackers."""
MAX_CANDIDATES: Final = 2048
"""Certificates looked at as somebody's issuer at most in one judgement, each at most two signature checks. A store
holds 2000 (station-store.md section 2): even if all of them had one name, the right one would be found."""

Path = tuple[Certificate, ...]
"""Leaf first, anchor last."""


class PathSearch:
    """One search: `paths` yields what there is, once; afterwards the search tells why there was no more."""

    def __init__(self, chain: Chain, anchors: TrustAnchors, at: datetime) -> None:
        self._leaf = chain.leaf
        self._anchors = anchors
        self._at = at
        self.looked = 0
        """How many certificates were looked at as somebody's issuer."""
        self._pool: dict[Name, list[Certificate]] = {}
        for certificate in dict.fromkeys(chain.intermediates):
            self._pool.setdefault(certificate.subject_key, []).append(certificate)
        self._climb = _climb((chain.leaf, *chain.intermediates), anchors)
        self.gave_up = False
        """Whether it ended at MAX_CANDIDATES."""

    @property
    def is_too_long(self) -> bool:
        """Whether names lead to an anchor, but over more than MAX_PATH_LENGTH certificates."""
        return self._climb.get(self._leaf.issuer_key, 0) > MAX_PATH_LENGTH

    def top(self) -> Certificate:
        """A certificate at which the names that link upwards from the leaf end, or come back to where they were."""
        top, passed = self._leaf, set[Name]()
        while top.issuer_key in self._pool and top.issuer_key not in passed:
            passed.add(top.issuer_key)
            top = self._pool[top.issuer_key][0]
        return top

    def paths(self) -> Iterator[Path]:
        """Every path from the leaf to an anchor, shortest first, within the bounds.

        How far every name is from an anchor is known beforehand, so nothing is looked at that leads nowhere.
        """
        turn = itertools.count()
        waiting: list[tuple[int, int, Path]] = [(0, next(turn), (self._leaf,))]
        found = 0
        while waiting:
            self.gave_up = self.gave_up or self.looked >= MAX_CANDIDATES
            if self.gave_up:
                return
            path = heapq.heappop(waiting)[-1]
            for anchor in self._issuers(path, self._anchors.possible_issuers(path[-1])):
                if found == MAX_PATHS:
                    return
                found += 1
                yield (*path, anchor)
            for above in self._issuers(path, self._sent(path)):
                # duty 1: a root sent along is no sub-CA
                if not above.is_self_signed:
                    heapq.heappush(waiting, (self._length(path, above), next(turn), (*path, above)))

    def _sent(self, path: Path) -> list[Certificate]:
        """What was sent along under the issuer's name and may still lead to an anchor."""
        named = self._pool.get(path[-1].issuer_key, ())
        return [other for other in named if self._length(path, other) <= MAX_PATH_LENGTH]

    def _length(self, path: Path, above: Certificate) -> int:
        """How many certificates will stand between leaf and anchor at least, if this one comes next."""
        return len(path) + self._climb.get(above.issuer_key, MAX_PATH_LENGTH)

    def _issuers(self, path: Path, named: Sequence[Certificate]) -> list[Certificate]:
        """Those of the right name that may come next, valid ones first.

        No path leads over the same name and key twice (RFC 4158 section 5.2). Among namesakes only those whose key
        signed count, so that a crowd of them can't use up the budget; when none did, or there is but one, OpenSSL is
        asked all the same and words the refusal.
        """
        if not named:
            return []
        below, passed = path[-1], {(one.subject_key, one.spki_hash) for one in path}
        fresh = [other for other in named if (other.subject_key, other.spki_hash) not in passed]
        fit = [other for other in fresh if not _contradict(below, other)]
        left = max(MAX_CANDIDATES - self.looked, 0)
        self.looked += len(fit)
        if len(fit) < 2:
            return fit or fresh[:1]
        fit.sort(key=lambda other: not other.valid_at(self._at))
        self.gave_up = self.gave_up or len(fit) > left
        return [other for other in fit[:left] if below.was_signed_by(other)] or fit[:1]


def _contradict(below: Certificate, above: Certificate) -> bool:
    """Whether both have key identifiers, and different ones: OpenSSL takes no such issuer."""
    wanted, own = below.extensions.authority_key_id, above.extensions.subject_key_id
    return wanted is not None and own is not None and wanted != own


def _climb(certificates: Iterable[Certificate], anchors: TrustAnchors) -> dict[Name, int]:
    """For an issuer's name, how many sub-CAs stand at least between its certificates and an anchor; by names alone.

    A name that leads to no anchor is left out.
    """
    climb: dict[Name, int] = {}
    issued: dict[Name, set[Name]] = {}
    for certificate in certificates:
        issued.setdefault(certificate.issuer_key, set()).add(certificate.subject_key)
        if anchors.possible_issuers(certificate):
            climb[certificate.issuer_key] = 0
    rising = list(climb)
    for name in rising:
        for subject in issued.get(name, ()):
            if subject not in climb:
                climb[subject] = climb[name] + 1
                rising.append(subject)
    return climb
