"""Paths for programs that verify with OpenSSL themselves: a bundle file, or a directory with hash links.

Such a program trusts whatever the file or directory holds. So the bundle itself is answered only where everything in it
counts; else a copy of the anchors in the state directory is, brought up to date at every call.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from chainpilot.station import inventory
from chainpilot.station.judgement import anchors_of
from chainpilot.station.layout import Layout
from chainpilot.station.model import CaCertificateType
from chainpilot.station.store import Bundle, hash_name, read_bundle, stage_hash_links
from chainpilot.station.vault import Change, Look

__all__ = ["Stage", "stage_verify_file", "stage_verify_location", "verify_path"]

Stage = Callable[[Change, Layout, CaCertificateType], Path]
"""Either of the two that stage a copy and answer its path."""


def verify_path(look: Look, layout: Layout, kind: CaCertificateType, at: datetime) -> Path | None:
    """The path of the bundle file when it may be answered as it is; None when something has to be written first.

    An empty path says that the domain has no valid anchor.
    """
    if not inventory.has_valid_ca(look, layout, kind, at):
        return Path()
    bundle = read_bundle(look, layout, kind)
    return bundle.path if not bundle.is_directory and _is_fit(look, layout, bundle) else None


def stage_verify_file(change: Change, layout: Layout, kind: CaCertificateType) -> Path:
    """Stage the one-file copy of a domain's anchors where it isn't right; answers its path."""
    path = layout.verify_file(kind)
    anchors = anchors_of(change, (read_bundle(change, layout, kind),), allow_test_pki=layout.config.allow_test_pki)
    text = "".join(one.to_pem() for one in anchors)
    if change.read(path) != text.encode("ascii"):
        change.put(path, text.encode("ascii"))
    return path


def stage_verify_location(change: Change, layout: Layout, kind: CaCertificateType) -> Path:
    """Stage what makes a directory searchable for OpenSSL; answers its path.

    Links are made in the bundle's own directory where everything in it counts; a bundle file, or a directory with
    something else in it, gets a copy of its anchors by their hashes.
    """
    bundle = read_bundle(change, layout, kind)
    if bundle.is_directory and _is_fit(change, layout, bundle):
        stage_hash_links(change, bundle.path, bundle.files)
        return bundle.path
    if not bundle.is_directory:
        return stage_verify_file(change, layout, kind)
    directory = layout.verify_directory(kind)
    wanted = _by_hash(change, layout, bundle)
    for path in change.names(directory):
        if path.name not in wanted:
            change.remove(path)
    for name, data in wanted.items():
        if change.read(directory / name) != data:
            change.put(directory / name, data)
    return directory


def _is_fit(look: Look, layout: Layout, bundle: Bundle) -> bool:
    """Whether programs that trust whatever the bundle holds trust nothing but its anchors and their sub-CAs."""
    return look.derive(("fit", bundle.kind), (bundle,), lambda: _only_counts(look, layout, bundle))


def _only_counts(look: Look, layout: Layout, bundle: Bundle) -> bool:
    allowed = layout.config.allow_test_pki
    anchors = anchors_of(look, (bundle,), allow_test_pki=allowed)
    below = {child for anchor in anchors for child, _ in bundle.descendants(anchor) if allowed or not child.is_test}
    return bundle.is_plain and {*anchors, *below} == set(bundle.certificates)


def _by_hash(look: Look, layout: Layout, bundle: Bundle) -> Mapping[str, bytes]:
    wanted: dict[str, bytes] = {}
    for anchor in anchors_of(look, (bundle,), allow_test_pki=layout.config.allow_test_pki):
        stem = hash_name(anchor)
        number = sum(name.startswith(stem) for name in wanted)
        wanted[f"{stem}.{number}"] = anchor.to_pem().encode("ascii")
    return wanted
