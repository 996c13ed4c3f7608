"""Paths for programs that verify with OpenSSL themselves: a bundle file, or a directory with hash links.

Such a program trusts whatever the file or directory holds. So the bundle itself is answered only where everything in it
counts; else a copy of the anchors in the state directory is, brought up to date at every call.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from chainpilot.station import inventory
from chainpilot.station.judgement import anchors_of
from chainpilot.station.layout import Layout
from chainpilot.station.model import CaCertificateType
from chainpilot.station.store import Bundle, changed_links, hash_name, read_bundle
from chainpilot.station.vault import Change, Look

__all__ = ["Plan", "VerifyPath", "verify_file", "verify_location"]


@dataclass(frozen=True, slots=True)
class VerifyPath:
    """A path to answer, and what has to be written before it is true: nothing, for most calls."""

    path: Path
    puts: Mapping[Path, bytes] = field(default_factory=dict)
    links: Mapping[Path, str] = field(default_factory=dict)
    removals: tuple[Path, ...] = ()

    @property
    def is_right(self) -> bool:
        """Whether it may be answered as things are."""
        return not (self.puts or self.links or self.removals)

    def stage(self, change: Change) -> None:
        """Stage what has to be written."""
        for path, data in self.puts.items():
            change.put(path, data)
        for path, target in self.links.items():
            change.put_link(path, target)
        for path in self.removals:
            change.remove(path)


Plan = Callable[[Look, Layout, CaCertificateType, datetime], VerifyPath | None]
"""Either of the two below; None where the domain has no valid anchor."""


def verify_file(look: Look, layout: Layout, kind: CaCertificateType, at: datetime) -> VerifyPath | None:
    """The bundle file where everything in it counts, else a one-file copy of the domain's anchors."""
    if not inventory.has_valid_ca(look, layout, kind, at):
        return None
    bundle = read_bundle(look, layout, kind)
    if not bundle.is_directory and _is_fit(look, layout, bundle):
        return VerifyPath(bundle.path)
    anchors = anchors_of(look, (bundle,), allow_test_pki=layout.config.allow_test_pki)
    wanted = {layout.verify_file(kind): "".join(one.to_pem() for one in anchors).encode("ascii")}
    return VerifyPath(layout.verify_file(kind), _missing(look, wanted))


def verify_location(look: Look, layout: Layout, kind: CaCertificateType, at: datetime) -> VerifyPath | None:
    """A file as `verify_file` answers it, or a directory that OpenSSL can search.

    Links are made in the bundle's own directory where everything in it counts; of one with something else in it a copy
    of the anchors is kept by their hashes.
    """
    bundle = read_bundle(look, layout, kind)
    if not bundle.is_directory:
        return verify_file(look, layout, kind, at)
    if not inventory.has_valid_ca(look, layout, kind, at):
        return None
    if _is_fit(look, layout, bundle):
        links, surplus = changed_links(look, bundle.path, bundle.files)
        return VerifyPath(bundle.path, links=links, removals=surplus)
    directory = layout.verify_directory(kind)
    wanted = {directory / name: data for name, data in _by_hash(look, layout, bundle).items()}
    held = look.names(directory)
    return VerifyPath(directory, _missing(look, wanted), removals=tuple(path for path in held if path not in wanted))


def _missing(look: Look, wanted: Mapping[Path, bytes]) -> Mapping[Path, bytes]:
    return {path: data for path, data in wanted.items() if look.read(path) != data}


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
