"""How much the store holds, and whether more fits: certificates and bytes of everything it keeps (row 10)."""

import functools
import secrets
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from chainpilot.station.layout import CERTIFICATE_SUFFIXES, LEAF_TYPES, Layout
from chainpilot.station.model import CaCertificateType
from chainpilot.station.store.bundles import read_bundle
from chainpilot.station.store.certificates import CertificateFile, read_directory
from chainpilot.station.vault import Look, VaultReadError

__all__ = ["new_word", "room_objection"]

_SHARE: Final = 100
_WORTH_KEEPING: Final = 64 * 1024
"""Bytes of a reserve that holds a few chains and keys; in a store too small for that each byte was counted."""


def new_word(at: datetime) -> str:
    """A word for new files that none bears yet: the time for people, 64 random bits for certainty."""
    return f"{at:%Y%m%dT%H%M%S}-{secrets.token_hex(8)}"


def room_objection(
    look: Look, layout: Layout, *, certificates: int, size: int, uses_reserve: bool = False
) -> str | None:
    """Why `certificates` more of them in `size` more bytes don't fit; None when they do.

    The last hundredth of a store of the usual size is kept for what `uses_reserve`, the station's own keys and leaves:
    roots and OCSP answers that others send don't take a new certificate's place.
    """
    held, held_bytes = 0, 0
    for count, length in _certificate_files(look, layout):
        held += count
        held_bytes += length
    held_bytes += sum(_other_bytes(look, layout))
    most, most_bytes = layout.config.max_certificates, layout.config.max_bytes
    kept, kept_bytes = (0, 0) if uses_reserve else (most // _SHARE, most_bytes // _SHARE)
    if kept_bytes < _WORTH_KEEPING:
        kept, kept_bytes = 0, 0
    if held + certificates > most - kept:
        return f"the store holds {held} certificates of at most {most}{_told(kept)}"
    if held_bytes + size > most_bytes - kept_bytes:
        return f"the store holds {held_bytes} bytes of at most {most_bytes}{_told(kept_bytes)}"
    return None


def _told(kept: int) -> str:
    return f", {kept} of them kept for the station's own leaves" if kept else ""


def _certificate_files(look: Look, layout: Layout) -> Iterator[tuple[int, int]]:
    """Certificates and bytes of what lies in one place, each place once."""
    places: dict[Path, tuple[CertificateFile, ...]] = {}
    for kind in CaCertificateType:
        places.setdefault(layout.bundles[kind], read_bundle(look, layout, kind).files)
    for leaf_kind in LEAF_TYPES:
        directory = layout.leaves[leaf_kind].certificates
        places.setdefault(directory, read_directory(look, directory))
    for place, files in places.items():
        yield look.derive(("room", place), files, functools.partial(_sum, files))


def _sum(files: tuple[CertificateFile, ...]) -> tuple[int, int]:
    return sum(file.count for file in files), sum(file.size for file in files)


def _other_bytes(look: Look, layout: Layout) -> Iterator[int]:
    """Bytes of keys, records of requests and OCSP answers.

    Those of answers, which are replaced by longer ones where they lie, are added up anew; the others when files came or
    went.
    """
    for directory in dict.fromkeys((*layout.leaf_directories, layout.pending)):
        names = _names(look, directory)
        yield _bytes(look, names)
    for directory in layout.ocsp_directories:
        yield _bytes(look, _names(look, directory))


def _bytes(look: Look, names: tuple[Path, ...]) -> int:
    others = (path for path in names if path.suffix.lower() not in CERTIFICATE_SUFFIXES or path.parent.name == "ocsp")
    return sum(map(look.size, others))


def _names(look: Look, directory: Path) -> tuple[Path, ...]:
    """What can't be listed can't be counted; it is told of by the findings."""
    try:
        return look.names(directory)
    except VaultReadError:
        return ()
