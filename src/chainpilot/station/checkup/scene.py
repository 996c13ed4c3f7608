"""What the doctor looks at: one look, its layout, what lies around, and the moment it is judged for."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.trust import TrustAnchors
from chainpilot.station.checkup.premises import EntryKind, Premises
from chainpilot.station.judgement import anchors_of
from chainpilot.station.layout import LEAF_TYPES, Layout
from chainpilot.station.model import CaCertificateType, LeafCertificateType
from chainpilot.station.store import (
    Bundle,
    KeyRing,
    Leaves,
    PendingCsr,
    StoredLeaf,
    read_bundle,
    read_leaves,
    read_pending,
)
from chainpilot.station.vault import Look, VaultReadError

__all__ = ["Scene"]

_ASIDE: Final = "aside"
"""Directory in our state for what people are told to put aside; nothing there is ever read."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One moment of one store."""

    look: Look
    layout: Layout
    premises: Premises
    at: datetime
    """Timezone-aware."""
    _leaves: dict[LeafCertificateType, Leaves] = field(default_factory=dict, repr=False)

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        """Every bundle once, however many domains use it."""
        first = (self.layout.domains_of(path)[0] for path in dict.fromkeys(self.layout.bundles.values()))
        return tuple(read_bundle(self.look, self.layout, kind) for kind in first)

    def anchors(self, bundle: Bundle) -> TrustAnchors:
        """The anchors of a bundle, and what doesn't count as one."""
        return anchors_of(self.look, (bundle,), allow_test_pki=self.layout.config.allow_test_pki)

    def bundle_of(self, kind: LeafCertificateType) -> Bundle:
        """The bundle that leaves of that domain must lead to."""
        return read_bundle(self.look, self.layout, CaCertificateType(kind.value))

    def leaves(self, kind: LeafCertificateType) -> Leaves:
        """The leaves of a domain, with one ring of keys for the whole check-up."""
        if kind not in self._leaves:
            self._leaves[kind] = read_leaves(self.look, self.layout, kind)
        return self._leaves[kind]

    def ring(self, directory: Path) -> KeyRing:
        """The keys of a directory."""
        return KeyRing.of(self.look, directory, self.layout.keys)

    @property
    def stored(self) -> Iterator[StoredLeaf]:
        """Every leaf of every domain."""
        return (one for kind in LEAF_TYPES for one in self.leaves(kind).leaves)

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """Everything installed, each once."""
        bundled = (one for bundle in self.bundles for one in bundle.certificates)
        stacked = (one for stored in self.stored for one in stored.stack)
        return tuple(dict.fromkeys((*bundled, *stacked)))

    @property
    def pending(self) -> tuple[PendingCsr, ...]:
        """Every readable record of a signing request."""
        return read_pending(self.look, self.layout)[0]

    @property
    def key_directories(self) -> tuple[Path, ...]:
        """Every directory in which keys count once: a key beside its certificate, with its name, is one."""
        return self.layout.leaf_directories

    @property
    def leaf_directories(self) -> tuple[Path, ...]:
        """Every directory of leaf certificates once."""
        return tuple(dict.fromkeys(self.layout.leaves[kind].certificates for kind in LEAF_TYPES))

    @property
    def expiring(self) -> datetime:
        """What ends before this is told of."""
        return self.at + timedelta(days=self.layout.config.expiring_days)

    @property
    def aside(self) -> Path:
        """Where people put what shouldn't be read any more."""
        return self.layout.state / _ASIDE

    @property
    def has_unreadable_certificates(self) -> bool:
        """Whether a file that may hold any certificate can't be read: then nothing is known to be left over."""
        bundled = (file for bundle in self.bundles for file in bundle.files)
        return any(file.findings for file in bundled) or any(self.leaves(kind).findings for kind in LEAF_TYPES)

    def read(self, path: Path) -> bytes | None:
        """The content of a file; None when there is none, or it can't be read, which is told of elsewhere."""
        try:
            return self.look.read(path)
        except VaultReadError:
            return None

    def names(self, directory: Path) -> tuple[Path, ...]:
        """The files of a directory; none when it can't be listed, which is told of elsewhere."""
        try:
            return self.look.names(directory)
        except VaultReadError:
            return ()

    def is_there(self, path: Path) -> bool:
        """Whether something stands there, be it a link to nowhere."""
        return self.premises.entry(path, follow=False) is not None

    def is_directory(self, path: Path) -> bool:
        """Whether a directory stands there."""
        entry = self.premises.entry(path)
        return entry is not None and entry.kind is EntryKind.DIRECTORY
