"""What the store holds, told to others: installed certificates by hash data, the leaves in use, the anchors.

Reading only; the paths of OpenSSL's own readers are `verification_files`', OCSP answers `ocsp_cache`'s.
"""

import itertools
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import CertificateHashData, hash_data, naming_objection
from chainpilot.station import ocsp_cache
from chainpilot.station.judgement import anchors_of
from chainpilot.station.layout import LEAF_TYPES, Layout
from chainpilot.station.model import (
    CaCertificateType,
    CertificateHashDataChain,
    CertificateInfo,
    CertificateType,
    EncodingFormat,
    Finding,
    GetCertificateFullInfoResult,
    GetCertificateInfoResult,
    GetCertificateInfoStatus,
    GetInstalledCertificatesResult,
    GetInstalledCertificatesStatus,
    LeafCertificateType,
    LeafExpiring,
)
from chainpilot.station.store import (
    Bundle,
    Leaves,
    Slot,
    StoredLeaf,
    Way,
    links_of,
    read_bundle,
    read_crls,
    read_leaves,
    read_pending,
    slot_name,
)
from chainpilot.station.vault import Look

__all__ = [
    "all_valid_infos",
    "expiry_days",
    "findings",
    "has_leaf",
    "has_valid_ca",
    "installed_certificates",
    "installed_sub_cas",
    "leaf_info",
    "leaves_due",
    "usable_infos",
]

_ROOTS: Final = {
    CertificateType.V2G_ROOT_CERTIFICATE: CaCertificateType.V2G,
    CertificateType.MO_ROOT_CERTIFICATE: CaCertificateType.MO,
    CertificateType.CSMS_ROOT_CERTIFICATE: CaCertificateType.CSMS,
    CertificateType.MF_ROOT_CERTIFICATE: CaCertificateType.MF,
}
_STATUS: Final = GetCertificateInfoStatus


def installed_certificates(
    look: Look, layout: Layout, kinds: Iterable[CertificateType], at: datetime
) -> GetInstalledCertificatesResult:
    """Hash data in the order asked: roots with their descendants, leaves in use with their sub-CAs.

    A root that another one signed is listed by itself, not below that one.
    """
    chains: list[CertificateHashDataChain] = []
    for kind in dict.fromkeys(kinds):
        domain = _ROOTS.get(kind)
        if domain is None:
            chains.extend(_leaf_entries(look, layout, at))
        else:
            chains.extend(_root_entries(look, kind, read_bundle(look, layout, domain)))
    status = GetInstalledCertificatesStatus
    return GetInstalledCertificatesResult(status.ACCEPTED if chains else status.NOT_FOUND, tuple(chains))


def installed_sub_cas(look: Look, layout: Layout, tier: int, at: datetime) -> tuple[CertificateHashData, ...]:
    """The V2G sub-CAs of a tier, those of the bundle before those that came with a leaf; 2 is everything below 1."""
    bundle = read_bundle(look, layout, CaCertificateType.V2G)
    leaves = read_leaves(look, layout, LeafCertificateType.V2G)
    found = {child: issuer for root in bundle.roots for child, issuer in bundle.descendants(root)}
    for stored in leaves.valid_at(at):
        found |= dict(links_of(look, layout, stored).way[1:])
    roots = frozenset(bundle.roots)
    return tuple(hash_data(one, issuer) for one, issuer in found.items() if (1 if issuer in roots else 2) == tier)


def leaf_info(
    look: Look,
    layout: Layout,
    kind: LeafCertificateType,
    at: datetime,
    *,
    encoding: EncodingFormat = EncodingFormat.PEM,
    include_ocsp: bool,
    common_name: str | None = None,
) -> GetCertificateInfoResult:
    """The leaf in use of that domain: latest notBefore among the valid ones that have a key."""
    offered = _offered(look, layout, kind, at, encoding=encoding, common_name=common_name)
    if isinstance(offered, GetCertificateInfoResult):
        return offered
    return GetCertificateInfoResult(_STATUS.ACCEPTED, _info(look, layout, next(offered), at, include_ocsp=include_ocsp))


def all_valid_infos(
    look: Look, layout: Layout, kind: LeafCertificateType, at: datetime, *, encoding: EncodingFormat, include_ocsp: bool
) -> GetCertificateFullInfoResult:
    """The newest valid leaf per root, each with its root's PEM; one whose root isn't installed stands for itself."""
    offered = _offered(look, layout, kind, at, encoding=encoding)
    if isinstance(offered, GetCertificateInfoResult):
        return GetCertificateFullInfoResult(offered.status, (), offered.reason)
    newest: dict[Certificate, _Keyed] = {}
    for one in offered:
        newest.setdefault(links_of(look, layout, one.stored).root or one.stored.leaf, one)
    infos = (_info(look, layout, one, at, include_ocsp=include_ocsp) for one in newest.values())
    return GetCertificateFullInfoResult(_STATUS.ACCEPTED, tuple(infos))


def usable_infos(look: Look, layout: Layout, kind: LeafCertificateType, at: datetime) -> tuple[CertificateInfo, ...]:
    """Every valid leaf of that domain that has a key, the one in use first."""
    offered = _offered(look, layout, kind, at)
    if isinstance(offered, GetCertificateInfoResult):
        return ()
    return tuple(_info(look, layout, one, at, include_ocsp=False) for one in offered)


def has_leaf(look: Look, layout: Layout, kind: LeafCertificateType, at: datetime) -> bool:
    """Whether a leaf of that domain has its key and hasn't ended.

    Raises:
        VaultReadError: the leaves can't be listed; that is not the same as none.
    """
    look.names(layout.leaves[kind].certificates)
    leaves = read_leaves(look, layout, kind)
    return any(at <= stored.leaf.not_after and leaves.key_of(stored) is not None for stored in leaves.leaves)


def expiry_days(look: Look, layout: Layout, kind: LeafCertificateType, at: datetime) -> int:
    """Whole days until the leaf in use ends; 0 when there is none."""
    offered = _offered(look, layout, kind, at)
    return 0 if isinstance(offered, GetCertificateInfoResult) else (next(offered).stored.leaf.not_after - at).days


def leaves_due(look: Look, layout: Layout, before: datetime) -> tuple[LeafExpiring, ...]:
    """The slots whose latest leaf with a key ends before that moment, the earliest first.

    A slot with a leaf that becomes active later isn't due: its successor is there already.

    Raises:
        VaultReadError: the leaves can't be listed; that is not the same as none.
    """
    latest: dict[Slot, StoredLeaf] = {}
    for kind in LEAF_TYPES:
        look.names(layout.leaves[kind].certificates)
        leaves = read_leaves(look, layout, kind)
        for stored in leaves.leaves:
            held = latest.get(stored.slot)
            if (held is None or stored.leaf.not_after > held.leaf.not_after) and leaves.key_of(stored) is not None:
                latest[stored.slot] = stored
    due = (
        LeafExpiring(
            slot.kind,
            stored.leaf.subject.common_name or "",
            slot.edition,
            stored.leaf.not_after,
            stored.leaf.not_before,
        )
        for slot, stored in latest.items()
        if stored.leaf.not_after < before
    )
    return tuple(sorted(due, key=lambda one: one.not_after))


def has_valid_ca(look: Look, layout: Layout, kind: CaCertificateType, at: datetime) -> bool:
    """Whether the bundle holds an anchor that counts and is valid."""
    bundle = read_bundle(look, layout, kind)
    anchors = anchors_of(look, (bundle,), allow_test_pki=layout.config.allow_test_pki)
    return any(anchor.valid_at(at) for anchor in anchors)


def findings(look: Look, layout: Layout) -> tuple[Finding, ...]:
    """Everything in the store that is passed over: unreadable files, anchors that don't count."""
    found: list[Finding] = []
    for domain in CaCertificateType:
        bundle = read_bundle(look, layout, domain)
        found.extend(bundle.findings)
        refused = anchors_of(look, (bundle,), allow_test_pki=layout.config.allow_test_pki).refused
        found.extend(Finding(str(bundle.path), f"{one.subject} is no anchor: {why}") for one, why in refused)
        found.extend(Finding(str(bundle.path), f"{one.subject} leads to no root here") for one in bundle.orphans)
        found.extend(_nameless(bundle.path, bundle.certificates))
        unsigned = (one for one in bundle.roots if bundle.signer_of(one) is None)
        found.extend(
            Finding(str(bundle.path), f"{one.subject} can't be listed: {one.issuer} is missing") for one in unsigned
        )
    for kind in LEAF_TYPES:
        leaves = read_leaves(look, layout, kind)
        keyless = (stored for stored in leaves.leaves if leaves.key_of(stored) is None)
        found.extend(Finding(str(stored.paths[0]), "no private key fits this leaf") for stored in keyless)
        leaves.keys.open_all()
        found.extend((*leaves.findings, *leaves.keys.findings))
        found.extend(_nameless(layout.leaves[kind].certificates, leaves.held))
    if layout.crls is not None:
        found.extend(read_crls(look, layout.crls).findings)
    return tuple(dict.fromkeys((*found, *read_pending(look, layout)[1])))


def _nameless(place: Path, certificates: Iterable[Certificate]) -> Iterator[Finding]:
    judged = ((one, naming_objection(one)) for one in certificates)
    return (Finding(str(place), f"{one.subject} can't be listed: {why}") for one, why in judged if why is not None)


def _root_entries(look: Look, kind: CertificateType, bundle: Bundle) -> tuple[CertificateHashDataChain, ...]:
    def made() -> tuple[CertificateHashDataChain, ...]:
        return tuple(
            CertificateHashDataChain(
                kind,
                hash_data(root, signer),
                tuple(
                    hash_data(child, issuer)
                    for child, issuer in bundle.descendants(root)
                    if naming_objection(child) is None
                ),
            )
            for root in bundle.roots
            if naming_objection(root) is None and (signer := bundle.signer_of(root)) is not None
        )

    return look.derive(("root entries", kind), (bundle,), made)


def _leaf_entries(look: Look, layout: Layout, at: datetime) -> Iterator[CertificateHashDataChain]:
    """Valid SECC leaves with a key; one whose issuer isn't at hand has no hash data and is left out."""
    leaves = read_leaves(look, layout, LeafCertificateType.V2G)
    for stored in leaves.valid_at(at):
        links = links_of(look, layout, stored)
        if links.way and naming_objection(stored.leaf) is None and leaves.key_of(stored) is not None:
            yield _leaf_entry(links.way)


def _leaf_entry(way: Way) -> CertificateHashDataChain:
    leaf, *children = (hash_data(one, issuer) for one, issuer in way if naming_objection(one) is None)
    return CertificateHashDataChain(CertificateType.V2G_CERTIFICATE_CHAIN, leaf, tuple(children))


class _Keyed(NamedTuple):
    """A leaf with the file of its private key."""

    stored: StoredLeaf
    key: Path


def _offered(
    look: Look,
    layout: Layout,
    kind: LeafCertificateType,
    at: datetime,
    *,
    encoding: EncodingFormat = EncodingFormat.PEM,
    common_name: str | None = None,
) -> Iterator[_Keyed] | GetCertificateInfoResult:
    """The valid leaves that have a key, the one in use first, and there is one; else the refusal."""
    if kind not in LEAF_TYPES:
        return _no_info(_STATUS.REJECTED, f"{kind.value} leaves aren't kept")
    if common_name is None and kind is LeafCertificateType.V2G:
        common_name = layout.config.secc_common_name
    leaves = read_leaves(look, layout, kind)
    told = look.derive(("in encoding", kind, encoding), (leaves.leaves,), lambda: _in_encoding(leaves, encoding))
    if common_name:
        name = slot_name(common_name)
        told = tuple([stored for stored in told if stored.slot.name == name])
    if not told:
        return _no_info(_STATUS.NOT_FOUND, "no leaf is installed")
    valid = [stored for stored in told if stored.leaf.valid_at(at)]
    if not valid:
        return _no_info(_STATUS.NOT_FOUND_VALID, f"none of {len(told)} leaves is valid now")
    usable = (_Keyed(stored, key) for stored in valid if (key := leaves.key_of(stored)) is not None)
    first = next(usable, None)
    if first is None:
        return _no_info(_STATUS.PRIVATE_KEY_NOT_FOUND, leaves.keys.trouble() or "no key file fits")
    return itertools.chain((first,), usable)


def _in_encoding(leaves: Leaves, encoding: EncodingFormat) -> tuple[StoredLeaf, ...]:
    """The leaves as their files of that encoding tell them; those without one are left out."""
    told = (stored.in_encoding(encoding) for stored in leaves.leaves)
    return tuple(stored for stored in told if stored is not None)


def _info(look: Look, layout: Layout, keyed: _Keyed, at: datetime, *, include_ocsp: bool) -> CertificateInfo:
    stored, key = keyed
    return CertificateInfo(
        key=str(key),
        certificate_root=links_of(look, layout, stored).root_pem,
        certificate_count=len(stored.stack),
        certificate=str(stored.chain_path) if stored.chain_path else None,
        certificate_single=str(stored.single_path) if stored.single_path else None,
        password=layout.config.private_key_password or None,
        ocsp=ocsp_cache.entries(look, layout, stored, at) if include_ocsp else None,
    )


def _no_info(status: GetCertificateInfoStatus, why: str) -> GetCertificateInfoResult:
    return GetCertificateInfoResult(status, reason=why)
