"""The life of a signing request in the store: open, superseded, answered, gone.

A request is open until its certificate is installed or a later request for its slot supersedes it. A superseded one is
no longer sent, but its certificate may be on the way, so its key stays and the certificate is still taken. Keys go in
`collect` alone, and in `supersede` past a bound on their number. Making a request and installing what comes back are
`enrolment`'s.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from chainpilot.pki.identity import DistinguishedName, is_evseid, normal_evseid
from chainpilot.pki.keys import SpkiHash
from chainpilot.station.layout import LEAF_TYPES, Layout
from chainpilot.station.model import LeafCertificateType
from chainpilot.station.store.keys import KeyRing
from chainpilot.station.store.leaves import Leaves, read_leaves
from chainpilot.station.store.pending import PendingCsr, encode_pending, read_pending
from chainpilot.station.vault import Change, Look

__all__ = [
    "KEPT_SUPERSEDED",
    "MAX_SUPERSEDED",
    "collect",
    "collectable",
    "is_same_name",
    "mark",
    "open_requests",
    "request_of",
    "reusable",
    "supersede",
]

KEPT_SUPERSEDED: Final = 2
"""Superseded requests of a slot that no age removes: a clock that jumps makes everything look old at once."""
MAX_SUPERSEDED: Final = 8
"""Superseded requests of a slot at most; the oldest go first, whatever their age."""


def open_requests(look: Look, layout: Layout) -> tuple[PendingCsr, ...]:
    """The requests whose certificate is waited for, oldest first, however long that takes.

    One whose key a certificate already uses was answered, if not through us.
    """
    pending, _ = read_pending(look, layout)
    waiting = tuple(one for one in pending if one.is_open)
    used = _used_keys(_all_leaves(look, layout)) if waiting else frozenset()
    return tuple(one for one in waiting if one.csr.spki_hash not in used)


def reusable(look: Look, layout: Layout, leaves: Leaves, subject: DistinguishedName, at: datetime) -> PendingCsr | None:
    """The newest open request for exactly that subject that has its key and no certificate yet.

    Past its lifetime it no longer serves, unless it was handed to a CSMS that didn't refuse it: that may be at work.
    """
    used = _used_keys((leaves,))
    for one in reversed(_slot(look, layout, leaves.kind, subject.common_name)):
        serves = one.with_csms or one.is_fresh(at, layout.config.csr_lifetime_seconds)
        if not (one.is_open and one.csr.subject == subject and serves) or one.csr.spki_hash in used:
            continue
        if leaves.keys.find(one.csr.spki_hash, (_key(layout, one).stem,)) is not None:
            return one
    return None


def supersede(change: Change, layout: Layout, kind: LeafCertificateType, common_name: str, at: datetime) -> None:
    """Stage that a slot's open requests are open no more; the latest `MAX_SUPERSEDED` stay answerable."""
    slot = _slot(change, layout, kind, common_name)
    given_up = [replace(one, superseded_at=at) for one in slot if one.is_open]
    for one in given_up:
        _write(change, layout, one)
    surplus = _newest_first((*given_up, *(one for one in slot if not one.is_open)))[MAX_SUPERSEDED:]
    if surplus:
        _drop(change, layout, surplus)


def mark(change: Change, layout: Layout, word: str, *, with_csms: bool) -> None:
    """Stage that a CSMS has the request, or has refused it; one that is gone meanwhile stays gone."""
    pending, _ = read_pending(change, layout)
    for one in pending:
        if one.word == word and one.with_csms is not with_csms:
            _write(change, layout, replace(one, with_csms=with_csms))


def request_of(look: Look, layout: Layout, kind: LeafCertificateType | None, key: SpkiHash) -> PendingCsr | None:
    """The request with that public key, open or superseded."""
    pending, _ = read_pending(look, layout)
    return next((one for one in pending if kind in {None, one.kind} and one.csr.spki_hash == key), None)


def collectable(look: Look, layout: Layout, at: datetime) -> tuple[PendingCsr, ...]:
    """The requests that housekeeping may remove.

    1. answered: a certificate uses the key, and the lifetime since the request was made is over;
    2. superseded: the lifetime since that moment is over, and `KEPT_SUPERSEDED` later ones of the slot are kept;
    3. superseded: more than `MAX_SUPERSEDED` of the slot.

    An open request never is, whatever the clock says.
    """
    pending, _ = read_pending(look, layout)
    if not pending:
        return ()
    lifetime = layout.config.csr_lifetime_seconds
    used = _used_keys(_all_leaves(look, layout))
    found = [one for one in pending if one.csr.spki_hash in used and one.is_past(at, lifetime)]
    slots = {(one.kind, one.csr.common_name) for one in pending}
    for kind, name in slots:
        of_slot = (one for one in pending if (one.kind, one.csr.common_name) == (kind, name))
        superseded = _newest_first(of_slot)
        found.extend(one for one in superseded[KEPT_SUPERSEDED:MAX_SUPERSEDED] if one.is_past(at, lifetime))
        found.extend(superseded[MAX_SUPERSEDED:])
    return tuple({one.word: one for one in found}.values())


def collect(change: Change, layout: Layout, at: datetime) -> None:
    """Stage the removal of what is collectable, each with its key unless something uses it."""
    _drop(change, layout, collectable(change, layout, at))


def is_same_name(one: str, other: str) -> bool:
    """Equal, or two spellings of one EVSEID: a CA may leave its separators out."""
    return one == other or (is_evseid(one) and is_evseid(other) and normal_evseid(one) == normal_evseid(other))


def _drop(change: Change, layout: Layout, requests: Iterable[PendingCsr]) -> None:
    """Remove records, and keys that no certificate of any domain can use (station-store.md rows 4 and 13).

    A certificate file that can't be read may hold anything: then every key stays, and its record with it.
    """
    leaves = _all_leaves(change, layout)
    used = _used_keys(leaves)
    is_unsure = any(one.findings for one in leaves)
    for one in requests:
        if one.csr.spki_hash in used:
            change.remove(layout.pending_file(one.word))
        elif not is_unsure:
            change.remove(layout.pending_file(one.word))
            _remove_key(change, layout, one)


def _remove_key(change: Change, layout: Layout, pending: PendingCsr) -> None:
    path = _key(layout, pending)
    if KeyRing(change, path.parent, layout.config.private_key_password).holds(path, pending.csr.spki_hash):
        change.remove(path)


def _write(change: Change, layout: Layout, pending: PendingCsr) -> None:
    change.put(layout.pending_file(pending.word), encode_pending(pending), private=True)


def _key(layout: Layout, pending: PendingCsr) -> Path:
    return layout.leaf_files(pending.kind, pending.word).key


def _slot(look: Look, layout: Layout, kind: LeafCertificateType, common_name: str | None) -> tuple[PendingCsr, ...]:
    pending, _ = read_pending(look, layout)
    return tuple(one for one in pending if one.kind is kind and one.csr.common_name == common_name)


def _newest_first(requests: Iterable[PendingCsr]) -> list[PendingCsr]:
    """The superseded ones among them, by the moment they were superseded, then made."""
    dated = ((one.superseded_at, one.made_at, one) for one in requests if one.superseded_at is not None)
    return [one for *_, one in sorted(dated, key=lambda entry: entry[:2], reverse=True)]


def _all_leaves(look: Look, layout: Layout) -> tuple[Leaves, ...]:
    return tuple(read_leaves(look, layout, kind, layout.config.private_key_password) for kind in LEAF_TYPES)


def _used_keys(leaves: Iterable[Leaves]) -> frozenset[SpkiHash]:
    return frozenset(_keys_of(leaves))


def _keys_of(leaves: Iterable[Leaves]) -> Iterator[SpkiHash]:
    for one in leaves:
        yield from (stored.leaf.spki_hash for stored in one.leaves)
