"""How much the store holds, and whether more fits: certificates and bytes of everything it keeps (row 10)."""

import secrets
from datetime import datetime
from pathlib import Path

from chainpilot.station.layout import CERTIFICATE_SUFFIXES, Layout
from chainpilot.station.store.certificates import has_armour
from chainpilot.station.vault import Look, VaultReadError

__all__ = ["new_word", "room_objection"]


def new_word(at: datetime) -> str:
    """A word for new files that none bears yet: the time for people, 64 random bits for certainty."""
    return f"{at:%Y%m%dT%H%M%S}-{secrets.token_hex(8)}"


def room_objection(look: Look, layout: Layout, *, certificates: int, size: int) -> str | None:
    """Why `certificates` more of them in `size` more bytes don't fit; None when they do."""
    held = 0
    held_bytes = 0
    bundles = dict.fromkeys(layout.bundles.values())
    directories = (*(path for path in bundles if look.is_directory(path)), *layout.leaf_directories, layout.pending)
    paths = dict.fromkeys((*bundles, *(path for directory in directories for path in _names(look, directory))))
    for path in paths:
        held_bytes += look.size(path)
        if path.suffix in CERTIFICATE_SUFFIXES:
            held += _count(look, path)
    if held + certificates > layout.config.max_certificates:
        return f"the store holds {held} certificates of at most {layout.config.max_certificates}"
    if held_bytes + size > layout.config.max_bytes:
        return f"the store holds {held_bytes} bytes of at most {layout.config.max_bytes}"
    return None


def _names(look: Look, directory: Path) -> tuple[Path, ...]:
    """What can't be listed can't be counted; it is told of by the findings."""
    try:
        return look.names(directory)
    except VaultReadError:
        return ()


def _count(look: Look, path: Path) -> int:
    try:
        data = look.read(path) if not look.is_directory(path) else None
    except VaultReadError:
        return 1
    if not data:
        return 0
    return data.count(b"-----BEGIN ") if has_armour(data) else 1
