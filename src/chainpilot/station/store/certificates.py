"""Reading the certificates of one file, block by block: a broken one is told of and the others still count.

A file that changed is read anew; of its blocks only the changed ones are.
"""

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from chainpilot.pki.certificate import Certificate, CertificateError, load_certificate, load_certificates
from chainpilot.pki.der import DerError, read_all
from chainpilot.pki.encoding import EncodingError
from chainpilot.station.layout import CERTIFICATE_SUFFIXES
from chainpilot.station.model import Finding
from chainpilot.station.vault import Look, VaultReadError

__all__ = [
    "CertificateFile",
    "certificate_files",
    "certificates_in",
    "has_armour",
    "read_certificate_file",
    "read_directory",
    "without",
]

_BEGIN: Final = b"-----BEGIN "
_LABEL: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]*)-----")
_END: Final = re.compile(rb"-----END [A-Z0-9 ]*-----[ \t]*\r?\n?")
_CERTIFICATE_LABELS: Final = frozenset({b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE"})


@dataclass(frozen=True, slots=True)
class _Block:
    """What one armoured block holds, or why nothing."""

    certificates: tuple[Certificate, ...] = ()
    objection: str | None = None


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """A file's certificates in their order, and what could not be read in it."""

    path: Path
    certificates: tuple[Certificate, ...] = ()
    findings: tuple[Finding, ...] = ()
    is_pem: bool = False
    size: int = 0
    """Bytes."""
    content: bytes | None = field(default=None, repr=False, compare=False)
    """The bytes it was read from; None where there is no file, none that can be read, or one that holds a key too."""
    is_closed: bool = False
    """Whether something is there that can't be read."""
    _blocks: Mapping[bytes, _Block] = field(default_factory=dict, repr=False, compare=False)

    @property
    def holds_only_certificates(self) -> bool:
        """Whether nothing but certificates stands in its armours."""
        return len(self._blocks) > 0 and all(block.certificates for block in self._blocks.values())

    @property
    def count(self) -> int:
        """Certificates it holds, the unreadable ones too: they take room."""
        return len(self.certificates) + len(self.findings)


def read_certificate_file(look: Look, path: Path) -> CertificateFile:
    """The certificates of a PEM or DER file; a missing or empty file has none."""
    try:
        return look.recall(path, _made) or _absent(path)
    except VaultReadError as error:
        return _closed(path, error.why)


def certificate_files(look: Look, directory: Path) -> tuple[Path, ...]:
    """The files of a directory that are read as certificates, by name. Raises VaultReadError."""
    return look.names_where(directory, _has_certificate_suffix)


def read_directory(look: Look, directory: Path) -> tuple[CertificateFile, ...]:
    """The certificate files of a directory by name; one that can't be listed is a finding and no more."""
    return look.once(("directory", directory), lambda: _read_directory(look, directory))


def _read_directory(look: Look, directory: Path) -> tuple[CertificateFile, ...]:
    try:
        paths = certificate_files(look, directory)
    except VaultReadError as error:
        return (_closed(directory, error.why),)
    known = look.recall_all(directory, paths, _made)
    return tuple([one or read_certificate_file(look, path) for path, one in zip(paths, known, strict=True)])


def certificates_in(path: Path, data: bytes, before: CertificateFile | None = None) -> CertificateFile:
    """The certificates in what stands, or is to stand, in a file: PEM blocks, or DER values in a row.

    `before` is what was read there last: blocks that stand there still are not read again.
    """
    if not data.strip():
        return CertificateFile(path, size=len(data), content=data)
    if has_armour(data):
        return _read_armoured(path, data, before._blocks if before else {})  # noqa: SLF001 - of its own kind
    return _read_der(path, data)


def has_armour(data: bytes) -> bool:
    """Whether the content is PEM, so that another block may be put behind it."""
    return _BEGIN in data


def without(file: CertificateFile, data: bytes, unwanted: Iterable[Certificate]) -> bytes:
    """The content of a file without some of its certificates; what stands between the blocks stays.

    A file of DER certificates stays one.
    """
    gone = frozenset(one.der for one in unwanted)
    rest = data
    if not file.is_pem:
        return b"".join(one.der for one in file.certificates if one.der not in gone)
    for block, held in (file._blocks or _blocks_of(data)).items():  # noqa: SLF001 - of its own kind
        if any(one.der in gone for one in held.certificates):
            end = _END.search(block)
            rest = rest.replace(_BEGIN + block, block[end.end() :] if end else b"")
    return rest


@functools.lru_cache(maxsize=256)
def _absent(path: Path) -> CertificateFile:
    """One object for a file that isn't there: what follows from it is worked out once."""
    return CertificateFile(path)


@functools.lru_cache(maxsize=256)
def _closed(path: Path, why: str) -> CertificateFile:
    """One object for a file or directory that can't be read."""
    return CertificateFile(path, (), (Finding(str(path), why),), is_closed=True)


def _made(path: Path, data: bytes, before: CertificateFile | None) -> CertificateFile:
    return certificates_in(path, data, before)


def _has_certificate_suffix(name: str) -> bool:
    return name.lower().endswith(CERTIFICATE_SUFFIXES)


def _read_armoured(path: Path, data: bytes, known: Mapping[bytes, _Block]) -> CertificateFile:
    """A block ends where the next one begins: one that was cut short takes no other with it."""
    _, *blocks = data.split(_BEGIN)
    read = _blocks_of(data, known)
    certificates = tuple([one for block in blocks for one in read[block].certificates])
    findings = tuple(
        Finding(str(path), f"block {number} passed over: {read[block].objection}")
        for number, block in enumerate(blocks, start=1)
        if read[block].objection is not None
    )
    if not certificates and not findings:
        findings = (Finding(str(path), "holds no whole certificate"),)
    holds_key = any(_is_key(block) for block in blocks)
    return CertificateFile(
        path,
        certificates,
        findings,
        is_pem=True,
        size=len(data),
        content=None if holds_key else data,
        _blocks={} if holds_key else read,
    )


def _blocks_of(data: bytes, known: Mapping[bytes, _Block] = MappingProxyType({})) -> dict[bytes, _Block]:
    return {block: known.get(block) or _read_block(_BEGIN + block) for block in data.split(_BEGIN)[1:]}


def _is_key(block: bytes) -> bool:
    """The bytes of a private key stay nowhere, beside certificates neither."""
    return b"PRIVATE KEY-----" in block[:64]


def _read_block(block: bytes) -> _Block:
    """Armours of other things, a key's say, are passed over in silence; one that breaks off may have been anything."""
    label = _LABEL.match(block)
    if label is not None and label[1] not in _CERTIFICATE_LABELS:
        return _Block()
    try:
        return _Block(load_certificates(block))
    except (EncodingError, CertificateError) as error:
        return _Block(objection=error.why)


def _read_der(path: Path, data: bytes) -> CertificateFile:
    try:
        held = tuple(load_certificate(element.encoding) for element in read_all(data))
    except (CertificateError, DerError) as error:
        why = f"neither PEM nor DER certificates: {error.why}"
        return CertificateFile(path, (), (Finding(str(path), why),), size=len(data), content=data)
    return CertificateFile(path, held, size=len(data), content=data)
