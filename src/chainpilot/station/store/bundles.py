"""The bundles: one file or one directory of CA certificates per domain.

A self-signed CA in a bundle is a root; other CAs are kept to complete chains and to be listed below their root, never
as anchors (station-store.md row 8).
"""

from dataclasses import dataclass
from pathlib import Path

from chainpilot.pki.certificate import Certificate
from chainpilot.station.layout import Layout
from chainpilot.station.model import CaCertificateType, Finding
from chainpilot.station.store.certificates import (
    certificates_in,
    has_armour,
    read_certificate_file,
    read_directory,
)
from chainpilot.station.vault import Change, Look, VaultWriteError

__all__ = ["Bundle", "read_bundle", "stage_ca"]


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a domain's bundle holds, each certificate once, in file order."""

    kind: CaCertificateType
    path: Path
    is_directory: bool
    roots: tuple[Certificate, ...]
    """The self-signed CAs, valid or not."""
    intermediates: tuple[Certificate, ...]
    """The other CAs."""
    is_plain: bool
    """Whether it is a PEM file that holds CAs and nothing that had to be passed over."""
    findings: tuple[Finding, ...]

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """Every CA of the bundle."""
        return (*self.roots, *self.intermediates)

    @property
    def orphans(self) -> tuple[Certificate, ...]:
        """The sub-CAs that are below no root of this bundle."""
        below = {child for root in self.roots for child, _ in self.descendants(root)}
        return tuple(one for one in self.intermediates if one not in below)

    def issuer_of(self, certificate: Certificate) -> Certificate | None:
        """The CA of this bundle that signed it."""
        return next((one for one in self.certificates if certificate.was_signed_by(one)), None)

    def descendants(self, root: Certificate) -> tuple[tuple[Certificate, Certificate], ...]:
        """Every CA of this bundle below `root` with its issuer, nearest the root first."""
        found: list[tuple[Certificate, Certificate]] = []
        rest = list(self.intermediates)
        above = [root]
        while above:
            issuer = above.pop(0)
            children = [one for one in rest if one.was_signed_by(issuer)]
            rest = [one for one in rest if one not in children]
            found.extend((child, issuer) for child in children)
            above.extend(children)
        return tuple(found)


def read_bundle(look: Look, layout: Layout, kind: CaCertificateType) -> Bundle:
    """Read a domain's bundle; one that isn't there is an empty one, a directory where its path has no suffix."""
    path = layout.bundles[kind]
    is_directory = look.is_directory(path) or not path.suffix
    files = read_directory(look, path) if is_directory else (read_certificate_file(look, path),)
    held = [(file, one) for file in files for one in file.certificates]
    authorities = dict.fromkeys(one for _, one in held if one.is_ca)
    self_signed = {one: one.is_self_signed for one in authorities}
    findings = (
        *(finding for file in files for finding in file.findings),
        *(Finding(str(file.path), f"{one.subject} is no CA; passed over") for file, one in held if not one.is_ca),
    )
    return Bundle(
        kind=kind,
        path=path,
        is_directory=is_directory,
        roots=tuple(one for one in authorities if self_signed[one]),
        intermediates=tuple(one for one in authorities if not self_signed[one]),
        is_plain=not is_directory and not findings and all(file.is_pem for file in files),
        findings=findings,
    )


def stage_ca(change: Change, layout: Layout, bundle: Bundle, certificate: Certificate, word: str) -> None:
    """Stage a further CA: a file of its own in a directory, else behind what the bundle file holds.

    What stands between the blocks of a bundle file stays as it is; a file of DER certificates becomes PEM.

    Raises:
        VaultReadError: the bundle file is there and can't be read.
        VaultWriteError: it holds something else than certificates, or would not be read back whole.
    """
    pem = certificate.to_pem().encode("ascii")
    if bundle.is_directory:
        change.put(layout.root_file(bundle.kind, word), pem)
        return
    held = change.read(bundle.path) or b""
    before = certificates_in(bundle.path, held)
    if held.strip() and not has_armour(held):
        if before.findings:
            raise VaultWriteError(bundle.path, f"nothing is put behind what can't be read ({before.findings[0].why})")
        held = "".join(one.to_pem() for one in before.certificates).encode("ascii")
    if held and not held.endswith(b"\n"):
        held += b"\n"
    staged = held + pem
    if len(staged) > layout.config.max_file_bytes:
        raise VaultWriteError(bundle.path, f"would be longer than {layout.config.max_file_bytes} bytes, and not read")
    if certificates_in(bundle.path, staged).certificates != (*before.certificates, certificate):
        raise VaultWriteError(bundle.path, "what stands there would hide the certificate; repair the file first")
    change.put(bundle.path, staged)
