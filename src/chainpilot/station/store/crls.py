"""The revocation lists of a configured directory; one that can't be read is told of and the others still count."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chainpilot.pki.crl import Crl, CrlError, load_crls
from chainpilot.station.model import Finding
from chainpilot.station.vault import Look, VaultReadError

__all__ = ["CRL_SUFFIXES", "Crls", "read_crls"]

CRL_SUFFIXES: Final = (".crl", ".pem", ".der")
"""Files read as revocation lists."""


@dataclass(frozen=True, slots=True)
class Crls:
    """What the directory holds."""

    crls: tuple[Crl, ...] = ()
    findings: tuple[Finding, ...] = ()


def read_crls(look: Look, directory: Path) -> Crls:
    """Read the lists of a directory; one that isn't there holds none, and says so."""
    try:
        paths = look.names_where(directory, _has_crl_suffix)
    except VaultReadError as error:
        return Crls((), (Finding(str(directory), error.why),))
    files = tuple(_read(look, path) for path in paths)
    if not files:
        return Crls((), (Finding(str(directory), "holds no revocation list"),))
    return look.derive(("crls", directory), files, lambda: _joined(files))


def _has_crl_suffix(name: str) -> bool:
    return name.lower().endswith(CRL_SUFFIXES)


def _read(look: Look, path: Path) -> Crls:
    try:
        return look.recall(path, _made) or Crls()
    except VaultReadError as error:
        return Crls((), (Finding(str(path), error.why),))


def _made(path: Path, data: bytes, before: object) -> Crls:
    del before
    try:
        return Crls(load_crls(data))
    except CrlError as error:
        return Crls((), (Finding(str(path), error.why),))


def _joined(files: Iterable[Crls]) -> Crls:
    files = tuple(files)
    return Crls(
        tuple(crl for file in files for crl in file.crls), tuple(finding for file in files for finding in file.findings)
    )
