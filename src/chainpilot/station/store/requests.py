"""The life of a signing request in the store: open, superseded, answered, gone.

A request is open until its certificate is installed or a later request for its slot supersedes it. A superseded one is
no longer sent, but its certificate may be on the way, so its key stays and the certificate is still taken. Keys go in
`drop` alone, and in `supersede` past a bound on their number. Making a request and installing what comes back are
`enrolment`'s.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import KeySpec, SpkiHash, key_spec_of
from chainpilot.station.layout import KEY_SUFFIXES, Layout
from chainpilot.station.model import LeafCertificateType
from chainpilot.station.store.keys import KeyRing, stage_key_removal
from chainpilot.station.store.leaves import Leaves, Slot, slot_name
from chainpilot.station.store.pending import PendingCsr, encode_pending, read_pending
from chainpilot.station.store.uses import certified_keys, is_unsure
from chainpilot.station.vault import Change, Look

__all__ = [
    "KEPT_SUPERSEDED",
    "MAX_OPEN",
    "MAX_SUPERSEDED",
    "MAX_SUPERSEDED_IN_ALL",
    "RequestFor",
    "collectable",
    "drop",
    "give_up",
    "is_same_name",
    "mark",
    "objection_to_more",
    "open_requests",
    "request_of",
    "reusable",
    "supersede",
]

KEPT_SUPERSEDED: Final = 2
"""Superseded requests of a slot that no age removes: a clock that jumps makes everything look old at once."""
MAX_SUPERSEDED: Final = 8
"""Superseded requests of a slot at most; the oldest go first, whatever their age."""
MAX_OPEN: Final = 64
"""Open requests of a domain at most: whoever asks for one name after the other supersedes the oldest, and neither fills
the store nor takes the room of another domain's key."""
MAX_SUPERSEDED_IN_ALL: Final = 64
"""Superseded requests of a domain at most, over all its slots; the oldest go first, whatever their age."""


@dataclass(frozen=True, slots=True)
class RequestFor:
    """What a signing request is asked for: the slot, everything its subject says, and the kind of key."""

    slot: Slot
    subject: DistinguishedName
    key: KeySpec
    suffix: str
    """Of the key file: tells the provider."""

    def is_met_by(self, pending: PendingCsr) -> bool:
        """Whether that request says exactly this."""
        return pending.csr.subject == self.subject and key_spec_of(pending.csr.public_key) is self.key


def open_requests(look: Look, layout: Layout) -> tuple[PendingCsr, ...]:
    """The requests whose certificate is waited for, oldest first, however long that takes.

    One whose key a certificate already uses was answered, if not through us.

    Raises:
        VaultReadError: the records can't be listed; that is not the same as none.
    """
    look.names(layout.pending)
    pending, _ = read_pending(look, layout)
    waiting = tuple(one for one in pending if one.is_open)
    used = certified_keys(look, layout) if waiting else frozenset()
    return tuple(one for one in waiting if one.csr.spki_hash not in used)


def reusable(look: Look, layout: Layout, leaves: Leaves, wanted: RequestFor, at: datetime) -> PendingCsr | None:
    """The newest open request for exactly that subject and key that has its key and no certificate yet.

    Past its lifetime it no longer serves, unless it was handed to a CSMS that didn't refuse it: that may be at work.
    """
    used = frozenset(one.spki_hash for one in leaves.held)
    for one in reversed(_slot(look, layout, wanted.slot)):
        serves = one.with_csms or one.is_fresh(at, layout.config.csr_lifetime_seconds)
        if not (one.is_open and wanted.is_met_by(one) and serves) or one.csr.spki_hash in used:
            continue
        path = leaves.keys.find(one.csr.spki_hash, (_stem(layout, one),))
        if path is not None and wanted.suffix == path.suffix:
            return one
    return None


def supersede(change: Change, layout: Layout, wanted: Slot, at: datetime) -> None:
    """Stage that a slot's open requests are open no more, and make room for one more of its domain.

    The latest that were superseded stay answerable, within the bounds of this module.
    """
    pending, _ = read_pending(change, layout)
    domain = tuple(one for one in pending if one.kind is wanted.kind)
    elsewhere = tuple(one for one in domain if one.is_open and one.slot != wanted)
    surplus = elsewhere[: max(0, len(elsewhere) + 1 - MAX_OPEN)]
    _give_up(change, layout, domain, (*(one for one in domain if one.is_open and one.slot == wanted), *surplus), at)


def objection_to_more(look: Look, layout: Layout, kind: LeafCertificateType) -> str | None:
    """Why no further request of a domain can be made; None while it can.

    Only where `drop` may remove no key, since a certificate that can't be read may use it.
    """
    pending, _ = read_pending(look, layout)
    count = sum(one.kind is kind for one in pending)
    if count < MAX_OPEN + MAX_SUPERSEDED_IN_ALL + MAX_SUPERSEDED or not is_unsure(look, layout):
        return None
    return f"{count} requests are kept, and their keys can't be removed while a file of the store can't be read"


def give_up(change: Change, layout: Layout, word: str, at: datetime) -> None:
    """Stage that one request is open no more, and stays answerable; one that is gone meanwhile stays gone."""
    pending, _ = read_pending(change, layout)
    for one in pending:
        if one.word == word and one.is_open:
            _give_up(change, layout, tuple(other for other in pending if other.kind is one.kind), (one,), at)


def _give_up(
    change: Change, layout: Layout, domain: tuple[PendingCsr, ...], ones: tuple[PendingCsr, ...], at: datetime
) -> None:
    given_up = {one.word: replace(one, superseded_at=at) for one in ones}
    for one in given_up.values():
        _write(change, layout, one)
    surplus = _surplus(given_up.get(one.word, one) for one in domain)
    if surplus:
        drop(change, layout, surplus)


def _surplus(domain: Iterable[PendingCsr]) -> tuple[PendingCsr, ...]:
    """The superseded requests of a domain that are past a bound on their number."""
    newest = _newest_first(domain)
    counts: Counter[Slot] = Counter()
    surplus: list[PendingCsr] = []
    for one in newest:
        counts[one.slot] += 1
        if counts[one.slot] > MAX_SUPERSEDED or counts.total() > MAX_SUPERSEDED_IN_ALL:
            surplus.append(one)
    return tuple(surplus)


def mark(change: Change, layout: Layout, word: str, *, with_csms: bool) -> bool:
    """Stage that a CSMS has the request, or has refused it; whether its certificate is still waited for.

    One that is gone meanwhile stays gone.
    """
    found = next((one for one in read_pending(change, layout)[0] if one.word == word), None)
    if found is None:
        return False
    if found.with_csms is not with_csms:
        _write(change, layout, replace(found, with_csms=with_csms))
    return found.is_open and found.csr.spki_hash not in certified_keys(change, layout)


def request_of(look: Look, layout: Layout, kind: LeafCertificateType | None, key: SpkiHash) -> PendingCsr | None:
    """The request with that public key, open or superseded."""
    pending, _ = read_pending(look, layout)
    return next((one for one in pending if kind in {None, one.kind} and one.csr.spki_hash == key), None)


def collectable(look: Look, layout: Layout, at: datetime) -> tuple[PendingCsr, ...]:
    """The requests that housekeeping may remove.

    1. answered: a certificate uses the key, and the lifetime since the request was made is over;
    2. superseded: the lifetime since that moment is over, and `KEPT_SUPERSEDED` later ones of the slot are kept;
    3. superseded: past a bound on their number.

    An open request never is, whatever the clock says.
    """
    pending, _ = read_pending(look, layout)
    if not pending:
        return ()
    lifetime = layout.config.csr_lifetime_seconds
    used = certified_keys(look, layout)
    found = [one for one in pending if one.csr.spki_hash in used and one.is_past(at, lifetime)]
    for slot in {one.slot for one in pending}:
        superseded = _newest_first(one for one in pending if one.slot == slot)
        found.extend(one for one in superseded[KEPT_SUPERSEDED:] if one.is_past(at, lifetime))
    for kind in {one.kind for one in pending}:
        found.extend(_surplus(one for one in pending if one.kind is kind))
    return tuple({one.word: one for one in found}.values())


def is_same_name(one: str, other: str) -> bool:
    """Equal, or two spellings of one EVSEID: a CA may leave its separators out."""
    return slot_name(one) == slot_name(other)


def drop(change: Change, layout: Layout, requests: Iterable[PendingCsr]) -> None:
    """Stage that records go, and keys that no certificate of any domain can use (station-store.md rows 4 and 13).

    While something can't be read that may use one, every key stays, and its record with it.
    """
    used = certified_keys(change, layout)
    keeps_keys = is_unsure(change, layout)
    for one in requests:
        if one.csr.spki_hash in used:
            change.remove(layout.pending_file(one.word))
        elif not keeps_keys:
            change.remove(layout.pending_file(one.word))
            _remove_key(change, layout, one)


def _remove_key(change: Change, layout: Layout, pending: PendingCsr) -> None:
    directory = layout.leaves[pending.kind].keys
    ring = KeyRing.of(change, directory, layout.keys)
    for suffix in KEY_SUFFIXES:
        path = directory / f"{_stem(layout, pending)}{suffix}"
        if ring.holds(path, pending.csr.spki_hash):
            stage_key_removal(change, layout, path)


def _write(change: Change, layout: Layout, pending: PendingCsr) -> None:
    change.put(layout.pending_file(pending.word), encode_pending(pending), private=True)


def _stem(layout: Layout, pending: PendingCsr) -> str:
    return layout.leaf_files(pending.kind, pending.word).key.stem


def _slot(look: Look, layout: Layout, slot: Slot) -> tuple[PendingCsr, ...]:
    pending, _ = read_pending(look, layout)
    return tuple(one for one in pending if one.slot == slot)


def _newest_first(requests: Iterable[PendingCsr]) -> list[PendingCsr]:
    """The superseded ones among them, by the moment they were superseded, then made."""
    dated = ((one.superseded_at, one.made_at, one) for one in requests if one.superseded_at is not None)
    return [one for *_, one in sorted(dated, key=lambda entry: entry[:2], reverse=True)]
