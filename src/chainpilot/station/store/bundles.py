"""The bundles: one file or one directory of CA certificates per domain.

A self-signed CA in a bundle is a root; other CAs are kept to complete chains and to be listed below their root, never
as anchors (station-store.md rows 8 and 17). But for the CSMS roots that were installed as another's successor: which
those are is `succession`'s.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final, TypeVar

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.identity import Name
from chainpilot.pki.trust import TrustAnchors
from chainpilot.station.layout import Layout
from chainpilot.station.model import CaCertificateType, Finding
from chainpilot.station.store.certificates import (
    CertificateFile,
    certificate_files,
    certificates_in,
    has_armour,
    read_certificate_file,
    read_directory,
    without,
)
from chainpilot.station.store.hashlinks import has_hash_links, stage_hash_links
from chainpilot.station.store.succession import read_succession, stage_succession
from chainpilot.station.vault import Change, Look, VaultReadError, VaultWriteError

__all__ = ["Bundle", "read_bundle", "read_bundle_about", "stage_ca", "stage_without"]

T = TypeVar("T")

_MAX_KEPT: Final = 64
"""Groups of issuers whose files are kept with a bundle; they may come from outside, and real stores have a few."""


@dataclass(frozen=True, eq=False)
class Bundle:
    """What a domain's bundle holds. What follows from its content is worked out once, when it is asked for."""

    kind: CaCertificateType
    path: Path
    is_directory: bool
    files: tuple[CertificateFile, ...]
    accept_any_ca: bool = False
    """Parity: whatever stands in the bundle counts as an anchor."""
    succession: CertificateFile | None = None
    """Of the CSMS: where the roots that took over from each other are noted; None where nobody asks for them."""

    @property
    def read_from(self) -> tuple[CertificateFile, ...]:
        """Every file that tells what counts here."""
        return (*self.files, self.succession) if self.succession is not None else self.files

    @cached_property
    def lineage(self) -> tuple[Certificate, ...]:
        """Roots that took over from each other, the oldest first; those that are gone too, as far as they are needed.

        What is in it and in the bundle is a root whoever signed it.
        """
        return self.succession.certificates if self.succession is not None else ()

    @cached_property
    def certificates(self) -> tuple[Certificate, ...]:
        """Every CA of the bundle once, in file order."""
        return tuple([one for one in self._held.values() if one.is_ca or self.accept_any_ca])

    @cached_property
    def _held(self) -> dict[bytes, Certificate]:
        return {one.der: one for file in self.files for one in file.certificates}

    def holds(self, certificate: Certificate) -> bool:
        """Whether it is one of `certificates`."""
        return certificate.der in self._held and (certificate.is_ca or self.accept_any_ca)

    @property
    def roots(self) -> tuple[Certificate, ...]:
        """The self-signed CAs and the successors of such, valid or not."""
        return self._parted[0]

    @property
    def intermediates(self) -> tuple[Certificate, ...]:
        """The other CAs."""
        return self._parted[1]

    @cached_property
    def _parted(self) -> tuple[tuple[Certificate, ...], tuple[Certificate, ...]]:
        """One pass for both: nearly every command asks for both, and of a thousand roots it takes a millisecond."""
        roots: list[Certificate] = []
        others: list[Certificate] = []
        for one in self.certificates:
            if one.is_ca:
                (roots if one.is_self_signed or one in self.lineage else others).append(one)
        return tuple(roots), tuple(others)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What is passed over, and why."""
        strangers = ((file, one) for file in self.files for one in file.certificates if not one.is_ca)
        return (
            *(finding for file in self.read_from for finding in file.findings),
            *(Finding(str(file.path), f"{one.subject} is no CA; passed over") for file, one in strangers),
        )

    @cached_property
    def is_plain(self) -> bool:
        """Whether all its files are PEM and hold CAs and nothing that had to be passed over."""
        return not self.findings and all(file.is_pem or not file.size for file in self.files)

    @cached_property
    def orphans(self) -> tuple[Certificate, ...]:
        """The sub-CAs that are below no root of this bundle; with `accept_any_ca` those are anchors."""
        return () if self.accept_any_ca else tuple(one for one in self._loose if one.is_ca)

    @property
    def tops(self) -> tuple[Certificate, ...]:
        """What everything else is below: the roots; with `accept_any_ca` what is below none, too."""
        return (*self.roots, *self._loose) if self.accept_any_ca else self.roots

    @cached_property
    def _loose(self) -> tuple[Certificate, ...]:
        placed = {*self.roots, *(child for root in self.roots for child, _ in self.descendants(root))}
        return tuple(one for one in self.certificates if one not in placed)

    @cached_property
    def _by_subject(self) -> dict[Name, tuple[Certificate, ...]]:
        return _grouped((one.subject_key, one) for one in self.certificates)

    @cached_property
    def _by_issuer(self) -> dict[Name, tuple[Certificate, ...]]:
        """Those that didn't sign themselves, and are no root all the same, by who is named as their issuer."""
        below = (one for one in self.certificates if not one.is_self_signed and one not in self.lineage)
        return _grouped((one.issuer_key, one) for one in below)

    @cached_property
    def _files_by_subject(self) -> dict[Name, tuple[CertificateFile, ...]]:
        return _grouped((one.subject_key, file) for file in self.files for one in file.certificates)

    @cached_property
    def ways(self) -> dict[object, object]:
        """What `links` worked out for leaves below this bundle; it goes with the bundle."""
        return {}

    @cached_property
    def _anchors(self) -> dict[bool, TrustAnchors]:
        return {}

    def anchors(self, *, allow_test_pki: bool) -> TrustAnchors:
        """Where a path may end: the roots, those of a test PKI only where allowed; with `accept_any_ca` everything."""
        if allow_test_pki not in self._anchors:
            offered = self.certificates if self.accept_any_ca else self.roots
            self._anchors[allow_test_pki] = TrustAnchors.admit(
                offered, allow_test_pki=allow_test_pki, accept_any=self.accept_any_ca
            )
        return self._anchors[allow_test_pki]

    def named(self, subject: Name) -> tuple[Certificate, ...]:
        """The CAs of that name."""
        return self._by_subject.get(subject, ())

    def is_root(self, certificate: Certificate) -> bool:
        """Whether it is one of the roots of this bundle."""
        counts = certificate.is_ca and (certificate.is_self_signed or certificate in self.lineage)
        return counts and certificate in self.named(certificate.subject_key)

    def issuer_of(self, certificate: Certificate) -> Certificate | None:
        """The CA of this bundle that signed it."""
        return next((one for one in self.named(certificate.issuer_key) if certificate.was_signed_by(one)), None)

    def signer_of(self, certificate: Certificate) -> Certificate | None:
        """Whose key its hash data need: its own, that of a CA of this bundle, or that of the root it took over from."""
        if certificate.is_self_signed:
            return certificate
        former = (one for one in self.lineage if one.subject_key == certificate.issuer_key)
        return self.issuer_of(certificate) or next((one for one in former if certificate.was_signed_by(one)), None)

    def is_cross_form(self, certificate: Certificate) -> bool:
        """Whether it is a root of this bundle as somebody else signed it: same name and key, another issuer.

        The signer isn't at hand to check its signature. So it must name somebody else in both places, or a damaged copy
        of the root itself would pass for one.
        """
        signer, own = certificate.extensions.authority_key_id, certificate.extensions.subject_key_id
        if certificate.is_self_issued or signer is None or own is None or signer == own:
            return False
        named = self.named(certificate.subject_key)
        return any(one.spki_hash == certificate.spki_hash and one.is_self_signed for one in named)

    def above(self, certificates: Iterable[Certificate]) -> tuple[Certificate, ...]:
        """What may stand above some of these, by name, and is no self-signed root; nothing else of a large bundle."""
        found: dict[Certificate, None] = {}
        waiting = list(certificates)
        while waiting:
            for one in self.named(waiting.pop().issuer_key):
                if one not in found and not one.is_self_signed:
                    found[one] = None
                    waiting.append(one)
        return tuple(found)

    def files_above(self, certificates: Iterable[Certificate]) -> tuple[CertificateFile, ...]:
        """The files that hold what may stand above some of these, by name: sub-CAs and anchors."""
        below = tuple(certificates)
        key = tuple([one.issuer_key for one in below])
        found = self._files_above.get(key)
        if found is None:
            if len(self._files_above) >= _MAX_KEPT:
                self._files_above.clear()
            names = {*key, *(one.issuer_key for one in self.above(below))}
            found = tuple(dict.fromkeys(file for name in names for file in self._files_by_subject.get(name, ())))
            self._files_above[key] = found
        return found

    @cached_property
    def _files_above(self) -> dict[tuple[Name, ...], tuple[CertificateFile, ...]]:
        """What `files_above` found by the issuers' names; all leaves of a sub-CA ask for the same."""
        return {}

    def descendants(
        self, root: Certificate, *, without: frozenset[Certificate] = frozenset()
    ) -> tuple[tuple[Certificate, Certificate], ...]:
        """Every CA of this bundle below `root` with its issuer, nearest the root first, as if some weren't there."""
        found: dict[Certificate, Certificate] = {}
        above = [root]
        for issuer in above:
            for one in self._by_issuer.get(issuer.subject_key, ()):
                if one not in found and one != root and one not in without and one.was_signed_by(issuer):
                    found[one] = issuer
                    above.append(one)
        return tuple(found.items())

    def with_descendants(self, targets: frozenset[Certificate]) -> frozenset[Certificate]:
        """These CAs, roots' cross-signed forms, and what is below these and without them is below no root."""
        keys = {(one.spki_hash, one.subject_key) for one in targets if one.is_self_signed or one in self.lineage}
        gone = targets.union(one for one in self.intermediates if (one.spki_hash, one.subject_key) in keys)
        below = {child for one in gone for child, _ in self.descendants(one)}
        if not below:
            return gone
        others = (root for root in self.roots if root not in gone)
        return gone | below - {child for root in others for child, _ in self.descendants(root, without=gone)}


def read_bundle(look: Look, layout: Layout, kind: CaCertificateType) -> Bundle:
    """Read a domain's bundle; one that isn't there is an empty one, to be a directory where its path has no suffix."""
    return look.once(("bundle", kind), lambda: _read_bundle(look, layout, kind))


def read_bundle_about(
    look: Look, layout: Layout, kind: CaCertificateType, certificates: Iterable[Certificate]
) -> Bundle:
    """The bundle as far as it may hold what stands above these certificates.

    Of a directory only the files are looked at that held such CAs last time: what is found in them is there. That
    nothing is found says nothing: others may have changed, and `read_bundle` tells.
    """
    path = layout.bundles[kind]
    last = look.memory.noted(("bundle", path, kind))
    # all empty listings are one object: they don't tell an empty directory from none, or from a file in its place
    if not isinstance(last, _LastBundle) or not last.paths:
        return read_bundle(look, layout, kind)
    try:
        is_complete = certificate_files(look, path) is last.paths
    except VaultReadError:
        return read_bundle(look, layout, kind)
    noted = (last.bundle.succession,) if last.bundle.succession is not None else ()
    files = (*last.bundle.files_above(certificates), *noted)
    if is_complete and all(read_certificate_file(look, file.path) is file for file in files):
        return last.bundle
    return read_bundle(look, layout, kind)


def _read_bundle(look: Look, layout: Layout, kind: CaCertificateType) -> Bundle:
    path = layout.bundles[kind]
    is_directory = look.is_directory(path) or (layout.is_directory_name(path) and not look.exists(path))
    files = read_directory(look, path) if is_directory else (read_certificate_file(look, path),)
    accept_any_ca = layout.config.parity.accept_any_ca
    bundle = look.derive(
        ("bundle", kind, is_directory), files, lambda: Bundle(kind, path, is_directory, files, accept_any_ca)
    )
    if kind is CaCertificateType.CSMS:
        bundle = _with_succession(look, layout, bundle)
    if is_directory:
        with suppress(VaultReadError):
            look.memory.note(("bundle", path, kind), _LastBundle(certificate_files(look, path), bundle))
    return bundle


def _with_succession(look: Look, layout: Layout, bundle: Bundle) -> Bundle:
    """Looked for where it may say something: what counts must not hang on a setting that is taken back."""
    if not layout.config.additional_root_certificate_check and not bundle.intermediates:
        return bundle
    noted = read_succession(look, layout)
    return look.derive(
        ("bundle with succession", bundle.is_directory), (bundle, noted), lambda: replace(bundle, succession=noted)
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
        path = layout.root_file(bundle.kind, word)
        change.put(path, pem)
        if has_hash_links(change, bundle.path):
            stage_hash_links(change, bundle.path, (*bundle.files, CertificateFile(path, (certificate,))))
        return
    held = _content(change, bundle.files[0])
    if held.strip() and not has_armour(held):
        before = certificates_in(bundle.path, held)
        if before.findings:
            raise VaultWriteError(bundle.path, f"nothing is put behind what can't be read ({before.findings[0].why})")
        held = "".join(one.to_pem() for one in before.certificates).encode("ascii")
    if held and not held.endswith(b"\n"):
        held += b"\n"
    staged = held + pem
    if len(staged) > layout.config.max_file_bytes:
        raise VaultWriteError(bundle.path, f"would be longer than {layout.config.max_file_bytes} bytes, and not read")
    change.put(bundle.path, staged)


def stage_without(change: Change, layout: Layout, bundle: Bundle, gone: frozenset[Certificate]) -> None:
    """Stage that some of the bundle's certificates go; an emptied bundle file stays, one of a directory goes.

    Links by OpenSSL's hashes follow, and what is noted of roots that took over from each other.

    Raises:
        VaultReadError: a file can't be read.
    """
    bytes_gone = {one.der for one in gone}
    touched = {file.path: file for file in bundle.files for one in file.certificates if one.der in bytes_gone}
    for file in touched.values():
        rest = without(file, _content(change, file), gone)
        if bundle.is_directory and not rest.strip():
            change.remove(file.path)
        else:
            change.put(file.path, rest if rest.strip() else b"")
    if bundle.is_directory and has_hash_links(change, bundle.path):
        stage_hash_links(change, bundle.path, (_rest_of(file, gone) for file in bundle.files))
    if bundle.succession is not None:
        stage_succession(change, bundle.succession, bundle.lineage, frozenset(bundle.roots) - gone)


def _rest_of(file: CertificateFile, gone: frozenset[Certificate]) -> CertificateFile:
    return replace(file, certificates=tuple(one for one in file.certificates if one not in gone))


def _content(look: Look, file: CertificateFile) -> bytes:
    """What the file holds; read again, and so refused, where it couldn't be read. Raises VaultReadError."""
    return file.content if file.content is not None else look.read(file.path) or b""


@dataclass(frozen=True, slots=True)
class _LastBundle:
    """A bundle that is a directory, and the listing it was read from."""

    paths: tuple[Path, ...]
    bundle: Bundle


def _grouped(pairs: Iterator[tuple[Name, T]]) -> dict[Name, tuple[T, ...]]:
    groups: dict[Name, list[T]] = {}
    for key, one in pairs:
        groups.setdefault(key, []).append(one)
    return {key: tuple(group) for key, group in groups.items()}
