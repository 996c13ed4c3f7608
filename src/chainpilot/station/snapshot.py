"""The whole store at one moment, for people to look at and for comparing with a later one.

Facts about what lies there: which leaf is in use, where keys lie, what OCSP answers say. No path is judged here; how
two snapshots differ is `changes`'.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.ocsp import Good, OcspVerdict, Revoked, Unknown, judge_response
from chainpilot.station import housekeeping, inventory, ocsp_cache
from chainpilot.station.housekeeping import Surplus
from chainpilot.station.judgement import anchors_of
from chainpilot.station.layout import LEAF_TYPES, Layout
from chainpilot.station.model import CaCertificateType, Finding, LeafCertificateType, LeafExpiring
from chainpilot.station.providers import KeyFileError, provider_of
from chainpilot.station.store import (
    Bundle,
    Leaves,
    PendingCsr,
    Slot,
    StoredLeaf,
    links_of,
    read_bundle,
    read_leaves,
    requests,
)
from chainpilot.station.vault import Look, VaultReadError

__all__ = [
    "HeldBundle",
    "HeldCertificate",
    "HeldLeaf",
    "HeldRoot",
    "HeldSlot",
    "KeyPlace",
    "OcspStanding",
    "Snapshot",
    "take",
]

_EVERY_ANSWER: Final = (Good, Revoked, Unknown)
_NO_SURPLUS: Final = Surplus()


class KeyPlace(Enum):
    """Where a private key lies."""

    FILE = "file"
    HARDWARE = "hardware"
    """Its file is only the reference by which the hardware finds it."""


@dataclass(frozen=True, slots=True)
class OcspStanding:
    """What is known of a certificate by OCSP."""

    has_responder: bool
    """Whether it, or the configuration, names one to ask."""
    verdict: OcspVerdict | None = None
    """What the answer that is kept says now; None when none is kept."""


@dataclass(frozen=True, slots=True)
class HeldCertificate:
    """An installed certificate and its issuer, where that is at hand."""

    certificate: Certificate
    issuer: Certificate | None = None
    ocsp: OcspStanding | None = None
    """Of a detailed snapshot, and never of a root."""


@dataclass(frozen=True, slots=True)
class HeldRoot:
    """A root of a bundle, with every CA below it, the nearest first."""

    root: Certificate
    objection: str | None = None
    """Why it doesn't count as an anchor."""
    below: tuple[HeldCertificate, ...] = ()
    issuer: Certificate | None = None
    """Who signed it, where that is at hand: itself, or the root it took over from."""


@dataclass(frozen=True, slots=True)
class HeldBundle:
    """What a domain's bundle holds."""

    kind: CaCertificateType
    path: Path
    roots: tuple[HeldRoot, ...] = ()
    orphans: tuple[HeldCertificate, ...] = ()
    """Sub-CAs that lead to no root of the bundle."""

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """Every one of them once."""
        below = (one.certificate for root in self.roots for one in root.below)
        return tuple(
            dict.fromkeys((*(one.root for one in self.roots), *below, *(one.certificate for one in self.orphans)))
        )


@dataclass(frozen=True, slots=True)
class HeldLeaf:
    """A leaf with what leads from it upwards and the key beside it."""

    leaf: HeldCertificate
    path: Path
    """Of its chain file, else of its own."""
    chain: tuple[HeldCertificate, ...] = ()
    """Its sub-CAs, the nearest first, as far as they are at hand."""
    root: Certificate | None = None
    """The root of the domain's bundle that it leads to."""
    key: Path | None = None
    key_place: KeyPlace | None = None
    """Of a detailed snapshot."""
    is_in_use: bool = False
    """Whether it is the newest valid one of its slot that has a key."""


@dataclass(frozen=True, slots=True)
class HeldSlot:
    """The leaves of one slot, the newest first."""

    slot: Slot
    leaves: tuple[HeldLeaf, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the store holds at `at` (timezone-aware UTC)."""

    at: datetime
    bundles: tuple[HeldBundle, ...] = ()
    slots: tuple[HeldSlot, ...] = ()
    requests: tuple[PendingCsr, ...] = ()
    """Open ones, the oldest first."""
    due: tuple[LeafExpiring, ...] = ()
    """The slots whose latest leaf ends within `expiring_days`."""
    findings: tuple[Finding, ...] = ()
    """Of a detailed snapshot: what is passed over."""
    surplus: Surplus = _NO_SURPLUS
    """Of a detailed snapshot: what housekeeping would remove."""

    def certificates(self) -> Iterator[HeldCertificate]:
        """Every certificate with its issuer: of bundles first, then leaves and the sub-CAs that came with them."""
        for bundle in self.bundles:
            for held in bundle.roots:
                yield HeldCertificate(held.root, held.issuer)
                yield from held.below
            yield from bundle.orphans
        for slot in self.slots:
            for leaf in slot.leaves:
                yield leaf.leaf
                yield from leaf.chain


def take(look: Look, layout: Layout, at: datetime, *, detailed: bool = False) -> Snapshot:
    """The store as it is now.

    `detailed` adds what takes longer: OCSP answers judged, key files looked at, findings, surplus.
    """
    view = _View(look, layout, at, detailed)
    return Snapshot(
        at=at,
        bundles=tuple(view.bundle(kind) for kind in CaCertificateType),
        slots=tuple(slot for kind in LEAF_TYPES for slot in view.slots(kind)),
        requests=requests.open_requests(look, layout),
        due=inventory.leaves_due(look, layout, at + timedelta(days=layout.config.expiring_days)),
        findings=inventory.findings(look, layout) if detailed else (),
        surplus=housekeeping.surplus(look, layout, at) if detailed else _NO_SURPLUS,
    )


@dataclass(frozen=True, slots=True)
class _View:
    look: Look
    layout: Layout
    at: datetime
    detailed: bool

    def bundle(self, kind: CaCertificateType) -> HeldBundle:
        bundle = read_bundle(self.look, self.layout, kind)
        refused = dict(
            anchors_of(self.look, (bundle,), allow_test_pki=self.layout.config.allow_test_pki).refused
            if bundle.tops
            else ()
        )
        return HeldBundle(
            kind,
            bundle.path,
            tuple(
                HeldRoot(root, refused.get(root), self._below(bundle, root), bundle.signer_of(root))
                for root in bundle.tops
            ),
            tuple(self._held(one, bundle.issuer_of(one)) for one in bundle.orphans),
        )

    def _below(self, bundle: Bundle, root: Certificate) -> tuple[HeldCertificate, ...]:
        return tuple(self._held(one, issuer) for one, issuer in bundle.descendants(root))

    def slots(self, kind: LeafCertificateType) -> Iterator[HeldSlot]:
        leaves = read_leaves(self.look, self.layout, kind)
        in_use: dict[Slot, StoredLeaf] = {}
        for stored in leaves.valid_at(self.at):
            if stored.slot not in in_use and leaves.key_of(stored) is not None:
                in_use[stored.slot] = stored
        by_slot: dict[Slot, list[HeldLeaf]] = {}
        for stored in leaves.leaves:
            is_in_use = in_use.get(stored.slot) is stored
            by_slot.setdefault(stored.slot, []).append(self._leaf(leaves, stored, is_in_use=is_in_use))
        yield from (HeldSlot(slot, tuple(held)) for slot, held in by_slot.items())

    def _leaf(self, leaves: Leaves, stored: StoredLeaf, *, is_in_use: bool) -> HeldLeaf:
        links = links_of(self.look, self.layout, stored)
        # a way that breaks off ends at a sub-CA, which is held too
        last = () if links.is_whole else tuple((issuer, None) for _, issuer in links.way[-1:])
        key = leaves.key_of(stored)
        return HeldLeaf(
            leaf=self._held(stored.leaf, next((issuer for _, issuer in links.way), None)),
            path=stored.paths[0],
            chain=tuple(self._held(one, issuer) for one, issuer in (*links.way[1:], *last)),
            root=links.root,
            key=key,
            key_place=self._place(key) if key is not None and self.detailed else None,
            is_in_use=is_in_use,
        )

    def _held(self, certificate: Certificate, issuer: Certificate | None) -> HeldCertificate:
        return HeldCertificate(certificate, issuer, self._ocsp(certificate, issuer) if self.detailed else None)

    def _ocsp(self, certificate: Certificate, issuer: Certificate | None) -> OcspStanding:
        has_responder = bool(certificate.ocsp_urls or self.layout.config.default_ocsp_url)
        if issuer is None:
            return OcspStanding(has_responder)
        verdicts = list(self._verdicts(certificate, issuer))
        believed = [one for one in verdicts if isinstance(one, _EVERY_ANSWER)]
        latest = max(believed, key=lambda one: one.this_update, default=None)
        return OcspStanding(has_responder, latest or next(iter(verdicts), None))

    def _verdicts(self, certificate: Certificate, issuer: Certificate) -> Iterator[OcspVerdict]:
        for answer in ocsp_cache.answers_about(self.look, self.layout, certificate, issuer):
            try:
                data = self.look.read(answer.der)
            except VaultReadError:
                continue
            if data:
                yield judge_response(data, answer.subject, issuer, self.at)

    def _place(self, key: Path) -> KeyPlace | None:
        """None when the file can't be read any more."""
        try:
            data = self.look.read(key) or b""
            in_files = provider_of(self.layout.keys, data) is self.layout.keys[0]
        except (VaultReadError, KeyFileError):
            return None
        return KeyPlace.FILE if in_files else KeyPlace.HARDWARE
