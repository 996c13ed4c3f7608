"""CA certificates out of files: PEM stacks, DER and PKCS#7, one by one or all of a folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chainpilot.pki.artifact import ArtifactError, Bag, Unreadable, read_artifacts
from chainpilot.pki.certificate import Certificate

__all__ = ["MAX_FILES", "FoundCertificate", "read_ca_files"]

MAX_FILES: Final = 1000
"""Files of a folder read at most."""
_MAX_BYTES: Final = 4 * 1024 * 1024
_SUFFIXES: Final = frozenset({".pem", ".crt", ".cer", ".der", ".p7b", ".p7c", ".p7m"})
"""Of a folder's files these are read; a file that is named itself may be called anything."""


@dataclass(frozen=True, slots=True)
class FoundCertificate:
    """A certificate, and the file that it stood in."""

    certificate: Certificate
    file: Path


def read_ca_files(*paths: Path) -> tuple[tuple[FoundCertificate, ...], tuple[str, ...]]:
    """Every certificate found, and a sentence for each file or block that can't be read; nothing is raised."""
    found: dict[FoundCertificate, None] = {}
    faults: list[str] = []
    for file in _files(paths, faults):
        try:
            with file.open("rb") as opened:
                data = opened.read(_MAX_BYTES + 1)
        except OSError as error:
            faults.append(f"{file}: {error.strerror or error}")
            continue
        if len(data) > _MAX_BYTES:
            faults.append(f"{file}: it is longer than {_MAX_BYTES} bytes, more than any such file has")
            continue
        certificates = _certificates(file, data, faults)
        found |= dict.fromkeys(FoundCertificate(one, file) for one in certificates)
    return tuple(found), tuple(faults)


def _files(paths: tuple[Path, ...], faults: list[str]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        try:
            inside = sorted(one for one in path.iterdir() if one.suffix.lower() in _SUFFIXES and one.is_file())
        except OSError as error:
            faults.append(f"{path}: {error.strerror or error}")
            continue
        if not inside:
            faults.append(f"{path}: no file in it ends in {', '.join(sorted(_SUFFIXES))}")
        if len(inside) > MAX_FILES:
            faults.append(f"{path}: it has {len(inside)} files; the first {MAX_FILES} are read")
        files += inside[:MAX_FILES]
    return files


def _certificates(file: Path, data: bytes, faults: list[str]) -> list[Certificate]:
    try:
        items = read_artifacts(data)
    except ArtifactError as error:
        faults.append(f"{file}: {error.why}")
        return []
    certificates: list[Certificate] = []
    for item in items:
        match item.value:
            case Certificate() as one:
                certificates.append(one)
            case Bag(certificates=several):
                certificates += several
            case Unreadable(why=why):
                faults.append(f"{file}: {why}")
            case _:
                faults.append(f"{file}: {item.kind.words} is no certificate")
    return certificates
