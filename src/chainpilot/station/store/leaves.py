"""Leaf certificates in the store: which files belong to one leaf, which key is its own, which one is in use."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.identity import is_evseid, normal_evseid
from chainpilot.pki.profiles import IsoEdition, edition_of
from chainpilot.station.layout import Layout
from chainpilot.station.model import EncodingFormat, Finding, LeafCertificateType
from chainpilot.station.store.certificates import CertificateFile, read_directory
from chainpilot.station.store.keys import KeyRing
from chainpilot.station.vault import Look

__all__ = ["Leaves", "Slot", "StoredLeaf", "read_leaves", "slot_name"]


class Slot(NamedTuple):
    """What a leaf is for: several of one use live side by side (station-store.md section 3)."""

    kind: LeafCertificateType
    name: str
    """The common name as `slot_name` folds it."""
    edition: IsoEdition | None
    """Of an SECC leaf; None for others."""


def slot_name(common_name: str | None) -> str:
    """The name of a slot: the spellings of one EVSEID are one name."""
    name = common_name or ""
    return normal_evseid(name) if is_evseid(name) else name


@dataclass(frozen=True)
class StoredLeaf:
    """A leaf with its files: at least one of `chain_path` and `single_path` is there."""

    leaf: Certificate
    slot: Slot
    stack: tuple[Certificate, ...]
    """The certificates of the chain file in file order; the leaf alone where there is no chain file."""
    chain_path: Path | None
    single_path: Path | None
    files: tuple[CertificateFile, ...] = field(repr=False, compare=False)
    """Every file whose first certificate it is."""

    @property
    def chain_file(self) -> CertificateFile | None:
        """The chain file as it was read."""
        return next((file for file in self.files if file.path == self.chain_path), None)

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """The files it stands in, those in use first."""
        used = (path for path in (self.chain_path, self.single_path) if path is not None)
        return tuple(dict.fromkeys((*used, *(file.path for file in self.files))))

    @cached_property
    def stems(self) -> tuple[str, ...]:
        """The names that its key may have, without a suffix."""
        return tuple([path.stem for path in self.paths])

    def in_encoding(self, encoding: EncodingFormat) -> "StoredLeaf | None":
        """The same leaf as the files of one encoding tell it; None when there is none."""
        fitting = [file for file in self.files if file.is_pem is (encoding is EncodingFormat.PEM)]
        if len(fitting) == len(self.files):
            return self
        return _entry(self.slot.kind, self.leaf, fitting) if fitting else None


@dataclass(frozen=True, slots=True)
class Leaves:
    """The leaves of one domain and the keys beside them."""

    kind: LeafCertificateType
    leaves: tuple[StoredLeaf, ...]
    """The one to use first: latest notBefore (OCPP A02.FR.09), then latest end; with parity's switch the other way.

    Of equals the one whose files were made last, as far as their names tell.
    """
    keys: KeyRing
    findings: tuple[Finding, ...]
    held: tuple[Certificate, ...]
    """Every certificate of the directory, wherever in a file it stands: whoever removes a key asks these."""

    def key_of(self, stored: StoredLeaf) -> Path | None:
        """The file of its private key."""
        return self.keys.find(stored.leaf.spki_hash, stored.stems)

    def find(self, certificate: Certificate) -> StoredLeaf | None:
        """The entry of exactly this certificate."""
        return next((stored for stored in self.leaves if stored.leaf == certificate), None)

    def valid_at(self, at: datetime) -> tuple[StoredLeaf, ...]:
        """Leaves within their validity, the one to use first."""
        return tuple([one for one in self.leaves if one.leaf.valid_at(at)])


def read_leaves(look: Look, layout: Layout, kind: LeafCertificateType) -> Leaves:
    """Read a domain's leaf directory; keys are opened only when asked for."""
    places = layout.leaves[kind]
    files = read_directory(look, places.certificates)
    rank = _by_not_after if layout.config.parity.newest_by_not_after else _by_not_before
    leaves, findings, held = look.derive(
        ("leaves", kind), files, lambda: (_grouped(kind, files, rank), _findings(files), _held(files))
    )
    return Leaves(
        kind=kind,
        leaves=leaves,
        keys=KeyRing.of(look, places.keys, layout.keys, beside=places.certificates),
        findings=findings,
        held=held,
    )


def _by_not_before(stored: StoredLeaf) -> tuple[datetime, datetime]:
    return stored.leaf.not_before, stored.leaf.not_after


def _by_not_after(stored: StoredLeaf) -> tuple[datetime, datetime]:
    return stored.leaf.not_after, stored.leaf.not_before


def _findings(files: Iterable[CertificateFile]) -> tuple[Finding, ...]:
    """What can't be read, and what should hold a certificate and doesn't: a power cut leaves empty files."""
    told = (finding for file in files for finding in file.findings)
    empty = (file for file in files if not file.certificates and not file.findings)
    return (*told, *(Finding(str(file.path), "holds no certificate: it is empty or leads nowhere") for file in empty))


def _held(files: Iterable[CertificateFile]) -> tuple[Certificate, ...]:
    return tuple(dict.fromkeys(one for file in files for one in file.certificates))


def _grouped(
    kind: LeafCertificateType,
    files: Iterable[CertificateFile],
    rank: Callable[[StoredLeaf], tuple[datetime, datetime]],
) -> tuple[StoredLeaf, ...]:
    by_leaf: dict[Certificate, list[CertificateFile]] = {}
    for file in files:
        if file.certificates and not file.certificates[0].is_ca:
            by_leaf.setdefault(file.certificates[0], []).append(file)
    entries = [_entry(kind, leaf, held) for leaf, held in by_leaf.items()]
    entries.sort(key=lambda one: (rank(one), _made(one)), reverse=True)
    return tuple(entries)


def _made(stored: StoredLeaf) -> str:
    """When its files were made, as their names tell it: they end with a word that begins with the moment."""
    return max(stem.rpartition("_")[2] for stem in stored.stems)


def _entry(kind: LeafCertificateType, leaf: Certificate, files: list[CertificateFile]) -> StoredLeaf:
    chain = max((file for file in files if len(file.certificates) > 1 or _is_chain(file)), key=_length, default=None)
    alone = (file for file in files if len(file.certificates) == 1 and file is not chain)
    single = next(alone, None)
    edition = edition_of(leaf.public_key) if kind is LeafCertificateType.V2G else None
    return StoredLeaf(
        leaf=leaf,
        slot=Slot(kind, slot_name(leaf.subject.common_name), edition),
        stack=chain.certificates if chain else (leaf,),
        chain_path=chain.path if chain else None,
        single_path=single.path if single else None,
        files=tuple(files),
    )


def _is_chain(file: CertificateFile) -> bool:
    """By its name: the chain of a leaf that a root signed has one certificate."""
    return "CHAIN" in file.path.stem


def _length(file: CertificateFile) -> int:
    return len(file.certificates)
