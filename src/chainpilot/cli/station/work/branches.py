"""A snapshot as words in a tree: what stands where, how urgent it is. Drawing it is `showing`'s."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Final

from chainpilot.cli.station.work.waiting import request_words
from chainpilot.cli.words import day, ending, short_name
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.ocsp import Good, Indeterminate, OcspDefect, Revoked
from chainpilot.station.layout import LEAF_TYPES
from chainpilot.station.snapshot import (
    HeldBundle,
    HeldCertificate,
    HeldLeaf,
    HeldRoot,
    HeldSlot,
    KeyPlace,
    OcspStanding,
    Snapshot,
)

__all__ = ["MAX_DEPTH", "Branch", "Urgency", "branches"]


class Urgency(Enum):
    """How a line is coloured; what it means always stands in words too."""

    NONE = ""
    SOON = "yellow"
    NOW = "bold red"
    PAST = "dim"
    """Of no importance any more."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One line and what stands below it."""

    words: str
    below: tuple["Branch", ...] = ()
    urgency: Urgency = Urgency.NONE


MAX_DEPTH: Final = 10
"""CAs drawn below each other; `verify` follows no more, and a bundle may hold a thousand in a row."""
_KEYS: Final = {KeyPlace.FILE: "key in a file", KeyPlace.HARDWARE: "key in hardware", None: "key unreadable"}


def branches(snapshot: Snapshot, root: Path, expiring_days: int) -> tuple[Branch, ...]:
    """The tree below the store's directory.

    Args:
        snapshot: a detailed one.
        root: the directory; paths below it are told from there.
        expiring_days: from which a certificate's end is urgent.
    """
    writer = _Writer(snapshot.at, root, timedelta(days=expiring_days))
    missing = [kind for kind in LEAF_TYPES if not any(slot.slot.kind is kind for slot in snapshot.slots)]
    leaves = (
        *(writer.slot(slot) for slot in snapshot.slots),
        *(Branch(f"{kind.value}: no leaf") for kind in missing),
    )
    requests = tuple(Branch(request_words(one)) for one in snapshot.requests)
    return (
        Branch("CA certificates", tuple(writer.bundle(one) for one in snapshot.bundles)),
        Branch("Leaves", leaves),
        Branch("Open signing requests", requests) if requests else Branch("Open signing requests: none"),
    )


@dataclass(frozen=True, slots=True)
class _Writer:
    at: datetime
    root: Path
    soon: timedelta

    def bundle(self, bundle: HeldBundle) -> Branch:
        if not bundle.roots and not bundle.orphans:
            return Branch(f"{bundle.kind.value}: none")
        orphans = (Branch(f"{self._words(one)}, leads to no root here", (), Urgency.NOW) for one in bundle.orphans)
        below = (*(self._root(one) for one in bundle.roots), *orphans)
        return Branch(f"{bundle.kind.value}, in {self._place(bundle.path)}", below)

    def _root(self, held: HeldRoot) -> Branch:
        words = f"{short_name(held.root.subject)}, {self._ending(held.root)}"
        below = tuple(self._children(held.root, held.below))
        if held.objection is not None:
            return Branch(f"{words}, doesn't count: {held.objection}", below, Urgency.NOW)
        return Branch(words, below, self._urgency(held.root))

    def _children(self, issuer: Certificate, below: tuple[HeldCertificate, ...], depth: int = 0) -> Iterator[Branch]:
        """Those that `issuer` signed, each with its own below it; what is too deep stands in a row."""
        if depth == MAX_DEPTH:
            yield from (self._branch(one) for one in _all_below(issuer, below))
            return
        for one in below:
            if one.issuer == issuer:
                yield self._branch(one, tuple(self._children(one.certificate, below, depth + 1)))

    def _branch(self, held: HeldCertificate, below: tuple[Branch, ...] = ()) -> Branch:
        return Branch(self._words(held), below, self._worst(held))

    def _worst(self, held: HeldCertificate) -> Urgency:
        is_revoked = held.ocsp is not None and isinstance(held.ocsp.verdict, Revoked)
        return Urgency.NOW if is_revoked else self._urgency(held.certificate)

    def _words(self, held: HeldCertificate) -> str:
        ocsp = f", {_ocsp(held.ocsp)}" if held.ocsp is not None else ""
        return f"{short_name(held.certificate.subject)}, {self._ending(held.certificate)}{ocsp}"

    def slot(self, slot: HeldSlot) -> Branch:
        name = short_name(slot.leaves[0].leaf.certificate.subject)
        edition = f", {slot.slot.edition.value}" if slot.slot.edition is not None else ""
        return Branch(f"{slot.slot.kind.value}, {name}{edition}", tuple(self._leaf(one) for one in slot.leaves))

    def _leaf(self, held: HeldLeaf) -> Branch:
        one = held.leaf
        words = [self._state(held), self._ending(one.certificate)]
        words.append(_KEYS[held.key_place] if held.key is not None else "no key fits")
        words += [_ocsp(one.ocsp)] if one.ocsp is not None else []
        above = f"leads to {short_name(held.root.subject)}" if held.root is not None else "leads to no root here"
        below = (Branch(self._place(held.path)), *(self._branch(step) for step in held.chain), Branch(above))
        urgency = self._worst(one) if held.is_in_use else Urgency.PAST
        return Branch(", ".join(words), below, urgency)

    def _state(self, held: HeldLeaf) -> str:
        if held.is_in_use:
            return "in use"
        one = held.leaf.certificate
        return "not yet in use" if one.not_before > self.at else "not in use"

    def _ending(self, one: Certificate) -> str:
        words = ending(one.not_before, one.not_after, self.at)
        return f"{words}, due" if self._urgency(one) is Urgency.SOON else words

    def _urgency(self, one: Certificate) -> Urgency:
        if self.at > one.not_after:
            return Urgency.NOW
        return Urgency.SOON if one.not_after - self.at < self.soon else Urgency.NONE

    def _place(self, path: Path) -> str:
        return str(path.relative_to(self.root) if path.is_relative_to(self.root) else path)


def _all_below(issuer: Certificate, below: tuple[HeldCertificate, ...]) -> list[HeldCertificate]:
    """Whatever leads to `issuer`, the nearest first; each has one issuer, so there is no circle."""
    above, found = [issuer], []
    for top in above:
        signed = [one for one in below if one.issuer == top]
        above.extend(one.certificate for one in signed)
        found.extend(signed)
    return found


def _ocsp(standing: OcspStanding) -> str:
    match standing.verdict:
        case None:
            return "no OCSP answer kept" if standing.has_responder else "no OCSP responder named"
        case Good(until=until):
            return f"OCSP good until {day(until)}"
        case Revoked(revoked_at=when):
            return f"REVOKED on {day(when)}"
        case Indeterminate(why=OcspDefect.STALE):
            return "OCSP answer outdated"
        case Indeterminate(detail=detail):
            return f"OCSP answer unusable: {detail}"
        case _:
            return "unknown to its OCSP responder"
