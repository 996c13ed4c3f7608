"""Private key files: writing a new one, and finding the one that belongs to a certificate by its public key.

Keys in hardware come with their provider; the bytes of a key never leave this module but into its file.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)

from chainpilot.pki.keys import PrivateKey, SpkiHash, spki_hash
from chainpilot.station.layout import KEY_SUFFIXES
from chainpilot.station.model import Finding
from chainpilot.station.store.certificates import has_armour
from chainpilot.station.vault import Look, VaultReadError

__all__ = ["KeyRing", "write_key"]


def write_key(key: PrivateKey, password: str) -> bytes:
    """The key as PKCS#8 PEM, encrypted when `password` isn't empty."""
    scheme: KeySerializationEncryption = NoEncryption()
    if password:
        scheme = BestAvailableEncryption(password.encode())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, scheme)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of one directory, each opened at most once while this ring lives."""

    look: Look
    directory: Path
    password: str = field(repr=False)
    _opened: dict[Path, SpkiHash | None] = field(default_factory=dict)
    _findings: list[Finding] = field(default_factory=list)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Key files that could not be opened so far."""
        return tuple(self._findings)

    def find(self, wanted: SpkiHash, stems: Iterable[str] = ()) -> Path | None:
        """The file of the key with that public key: those of the given stems first, then any."""
        first = [self.directory / f"{stem}{suffix}" for stem in stems for suffix in sorted(KEY_SUFFIXES)]
        for path in (*first, *self._all()):
            if self._public_half(path) == wanted:
                return path
        return None

    def holds(self, path: Path, wanted: SpkiHash) -> bool:
        """Whether that file is the key with that public key."""
        return self._public_half(path) == wanted

    def _all(self) -> tuple[Path, ...]:
        try:
            names = self.look.names(self.directory)
        except VaultReadError as error:
            self._findings.append(Finding(str(self.directory), error.why))
            return ()
        return tuple(path for path in names if path.suffix in KEY_SUFFIXES)

    def _public_half(self, path: Path) -> SpkiHash | None:
        if path not in self._opened:
            self._opened[path] = self._open(path)
        return self._opened[path]

    def _open(self, path: Path) -> SpkiHash | None:
        try:
            data = self.look.read(path)
            return _read_public_half(data, self.password) if data else None
        except VaultReadError as error:
            self._findings.append(Finding(str(path), error.why))
        except (ValueError, TypeError, UnsupportedAlgorithm):
            self._findings.append(Finding(str(path), "not a private key, or not readable with the configured password"))
        return None


def _read_public_half(data: bytes, password: str) -> SpkiHash:
    load = load_pem_private_key if has_armour(data) else load_der_private_key
    try:
        key = load(data, password.encode() if password else None)
    except TypeError:
        if not password:
            raise
        key = load(data, None)  # a password is configured, and this key isn't encrypted
    if not isinstance(key, get_args(PrivateKey)):
        raise TypeError("a key of a kind that certificates don't have")
    return spki_hash(key.public_key())
