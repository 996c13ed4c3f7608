"""Leaf certificates in the store: which files belong to one leaf, which key is its own, which one is in use."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from chainpilot.pki.certificate import Certificate
from chainpilot.station.layout import Layout
from chainpilot.station.model import Finding, LeafCertificateType
from chainpilot.station.store.certificates import CertificateFile, read_directory
from chainpilot.station.store.keys import KeyRing
from chainpilot.station.vault import Look

__all__ = ["Leaves", "StoredLeaf", "read_leaves"]


@dataclass(frozen=True, slots=True)
class StoredLeaf:
    """A leaf with its files: at least one of `chain_path` and `single_path` is there."""

    leaf: Certificate
    stack: tuple[Certificate, ...]
    """The certificates of the chain file in file order; the leaf alone where there is no chain file."""
    chain_path: Path | None
    single_path: Path | None

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files it stands in."""
        return tuple(path for path in (self.chain_path, self.single_path) if path is not None)


@dataclass(frozen=True, slots=True)
class Leaves:
    """The leaves of one domain and the keys beside them."""

    kind: LeafCertificateType
    leaves: tuple[StoredLeaf, ...]
    keys: KeyRing
    findings: tuple[Finding, ...]

    def key_of(self, stored: StoredLeaf) -> Path | None:
        """The file of its private key."""
        return self.keys.find(stored.leaf.spki_hash, (path.stem for path in stored.paths))

    def find(self, certificate: Certificate) -> StoredLeaf | None:
        """The entry of exactly this certificate."""
        return next((stored for stored in self.leaves if stored.leaf == certificate), None)

    def valid_at(self, at: datetime) -> tuple[StoredLeaf, ...]:
        """Leaves within their validity, the one to use first: latest notBefore (OCPP A02.FR.09), then latest end."""
        valid = (stored for stored in self.leaves if stored.leaf.valid_at(at))
        return tuple(
            sorted(valid, key=lambda stored: (stored.leaf.not_before, stored.leaf.not_after), reverse=True),
        )

    def in_use(self, at: datetime) -> tuple[StoredLeaf, Path] | None:
        """The valid leaf to use, with its key; None when no valid leaf has one."""
        for stored in self.valid_at(at):
            if (key := self.key_of(stored)) is not None:
                return stored, key
        return None


def read_leaves(look: Look, layout: Layout, kind: LeafCertificateType, password: str) -> Leaves:
    """Read a domain's leaf directory; keys are opened only when asked for."""
    places = layout.leaves[kind]
    files = read_directory(look, places.certificates)
    return Leaves(
        kind=kind,
        leaves=_grouped(files),
        keys=KeyRing(look, places.keys, password),
        findings=tuple(finding for file in files for finding in file.findings),
    )


def _grouped(files: Iterable[CertificateFile]) -> tuple[StoredLeaf, ...]:
    by_leaf: dict[Certificate, list[CertificateFile]] = {}
    for file in files:
        if file.certificates and not file.certificates[0].is_ca:
            by_leaf.setdefault(file.certificates[0], []).append(file)
    return tuple(_entry(leaf, held) for leaf, held in by_leaf.items())


def _entry(leaf: Certificate, files: list[CertificateFile]) -> StoredLeaf:
    chain = max((file for file in files if len(file.certificates) > 1), key=_length, default=None)
    single = next((file for file in files if len(file.certificates) == 1), None)
    return StoredLeaf(
        leaf=leaf,
        stack=chain.certificates if chain else (leaf,),
        chain_path=chain.path if chain else None,
        single_path=single.path if single else None,
    )


def _length(file: CertificateFile) -> int:
    return len(file.certificates)
