"""What the store holds, told to others: installed certificates by hash data, the leaf in use, the anchors.

Reading only. OCSP files come with the flow that fetches them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from chainpilot.pki.chain import Chain
from chainpilot.pki.hashdata import CertificateHashData, chain_hash_data, hash_data
from chainpilot.pki.verify import VerifiedChain
from chainpilot.station.judgement import anchors_of, judge
from chainpilot.station.layout import LEAF_TYPES, Layout
from chainpilot.station.model import (
    CaCertificateType,
    CertificateHashDataChain,
    CertificateInfo,
    CertificateOCSP,
    CertificateType,
    Finding,
    GetCertificateInfoResult,
    GetCertificateInfoStatus,
    GetInstalledCertificatesResult,
    GetInstalledCertificatesStatus,
    LeafCertificateType,
)
from chainpilot.station.store import Bundle, Leaves, StoredLeaf, read_bundle, read_leaves, read_pending
from chainpilot.station.vault import Look

__all__ = [
    "findings",
    "has_valid_ca",
    "installed_certificates",
    "installed_sub_cas",
    "is_fit_for_others",
    "leaf_info",
    "verification_bundle",
]

_ROOTS: Final = {
    CertificateType.V2G_ROOT_CERTIFICATE: CaCertificateType.V2G,
    CertificateType.MO_ROOT_CERTIFICATE: CaCertificateType.MO,
    CertificateType.CSMS_ROOT_CERTIFICATE: CaCertificateType.CSMS,
    CertificateType.MF_ROOT_CERTIFICATE: CaCertificateType.MF,
}


def installed_certificates(
    look: Look, layout: Layout, kinds: Iterable[CertificateType], at: datetime
) -> GetInstalledCertificatesResult:
    """Hash data in the order asked: roots with their descendants, leaves in use with their sub-CAs."""
    chains: list[CertificateHashDataChain] = []
    for kind in dict.fromkeys(kinds):
        domain = _ROOTS.get(kind)
        if domain is None:
            chains.extend(_leaf_entries(look, layout, at))
        else:
            chains.extend(_root_entries(kind, read_bundle(look, layout, domain)))
    status = GetInstalledCertificatesStatus
    return GetInstalledCertificatesResult(status.ACCEPTED if chains else status.NOT_FOUND, tuple(chains))


def installed_sub_cas(look: Look, layout: Layout, tier: int, at: datetime) -> tuple[CertificateHashData, ...]:
    """The V2G sub-CAs of a tier, those of the bundle before those that came with a leaf; 2 is everything below 1."""
    bundle = read_bundle(look, layout, CaCertificateType.V2G)
    leaves = read_leaves(look, layout, LeafCertificateType.V2G, layout.config.private_key_password)
    beside = (one for stored in leaves.valid_at(at) for one in stored.stack[1:] if one.is_ca and not one.is_self_signed)
    whole = replace(bundle, intermediates=tuple(dict.fromkeys((*bundle.intermediates, *beside))))
    pairs = [pair for root in whole.roots for pair in whole.descendants(root)]
    roots = frozenset(whole.roots)
    return tuple(hash_data(child, issuer) for child, issuer in pairs if (1 if issuer in roots else 2) == tier)


def leaf_info(
    look: Look,
    layout: Layout,
    kind: LeafCertificateType,
    at: datetime,
    *,
    include_ocsp: bool,
) -> GetCertificateInfoResult:
    """The leaf in use of that domain: latest notBefore among the valid ones that have a key."""
    if kind not in LEAF_TYPES:
        return _no_info(GetCertificateInfoStatus.REJECTED, f"{kind.value} leaves aren't kept")
    leaves = read_leaves(look, layout, kind, layout.config.private_key_password)
    if not leaves.leaves:
        return _no_info(GetCertificateInfoStatus.NOT_FOUND, "no leaf is installed")
    valid = leaves.valid_at(at)
    if not valid:
        return _no_info(GetCertificateInfoStatus.NOT_FOUND_VALID, f"none of {len(leaves.leaves)} leaves is valid now")
    used = leaves.in_use(at)
    if used is None:
        why = "; ".join(finding.why for finding in leaves.keys.findings) or "no key file fits"
        return _no_info(GetCertificateInfoStatus.PRIVATE_KEY_NOT_FOUND, why)
    stored, key = used
    info = _info(stored, key, layout)
    bundle = read_bundle(look, layout, CaCertificateType(kind.value))
    verified = _verified(stored, bundle, layout, at)
    if verified is not None:
        info = replace(info, certificate_root=verified.anchor.to_pem())
    if include_ocsp:
        info = replace(info, ocsp=_ocsp_entries(stored, verified))
    return GetCertificateInfoResult(GetCertificateInfoStatus.ACCEPTED, info)


def has_valid_ca(bundle: Bundle, layout: Layout, at: datetime) -> bool:
    """Whether the bundle holds an anchor that counts and is valid."""
    anchors = anchors_of((bundle,), allow_test_pki=layout.config.allow_test_pki)
    return any(anchor.valid_at(at) for anchor in anchors)


def is_fit_for_others(bundle: Bundle, layout: Layout) -> bool:
    """Whether programs that trust whatever the bundle's file holds trust nothing but its anchors and their sub-CAs."""
    anchors = anchors_of((bundle,), allow_test_pki=layout.config.allow_test_pki)
    below = {child for anchor in anchors for child, _ in bundle.descendants(anchor)}
    return bundle.is_plain and {*anchors, *below} == set(bundle.certificates)


def verification_bundle(bundle: Bundle, layout: Layout) -> str:
    """The anchors that count as one PEM text; empty when none does."""
    anchors = anchors_of((bundle,), allow_test_pki=layout.config.allow_test_pki)
    return "".join(anchor.to_pem() for anchor in anchors)


def findings(look: Look, layout: Layout) -> tuple[Finding, ...]:
    """Everything in the store that is passed over: unreadable files, anchors that don't count."""
    found: list[Finding] = []
    for domain in CaCertificateType:
        bundle = read_bundle(look, layout, domain)
        found.extend(bundle.findings)
        refused = anchors_of((bundle,), allow_test_pki=layout.config.allow_test_pki).refused
        found.extend(Finding(str(bundle.path), f"{one.subject} is no anchor: {why}") for one, why in refused)
        found.extend(Finding(str(bundle.path), f"{one.subject} leads to no root here") for one in bundle.orphans)
    for kind in LEAF_TYPES:
        leaves = read_leaves(look, layout, kind, layout.config.private_key_password)
        keyless = (stored for stored in leaves.leaves if leaves.key_of(stored) is None)
        found.extend(Finding(str(stored.paths[0]), "no private key fits this leaf") for stored in keyless)
        found.extend((*leaves.findings, *leaves.keys.findings))
    return tuple(dict.fromkeys((*found, *read_pending(look, layout)[1])))


def _root_entries(kind: CertificateType, bundle: Bundle) -> Iterator[CertificateHashDataChain]:
    for root in bundle.roots:
        children = tuple(hash_data(child, issuer) for child, issuer in bundle.descendants(root))
        yield CertificateHashDataChain(kind, hash_data(root, root), children)


def _leaf_entries(look: Look, layout: Layout, at: datetime) -> Iterator[CertificateHashDataChain]:
    """Valid SECC leaves with a key; one whose issuer isn't at hand has no hash data and is left out."""
    leaves: Leaves = read_leaves(look, layout, LeafCertificateType.V2G, layout.config.private_key_password)
    bundle = read_bundle(look, layout, CaCertificateType.V2G)
    for stored in leaves.valid_at(at):
        verified = _verified(stored, bundle, layout, at)
        if verified is not None and leaves.key_of(stored) is not None:
            leaf, *children = chain_hash_data(verified)
            yield CertificateHashDataChain(CertificateType.V2G_CERTIFICATE_CHAIN, leaf, tuple(children))


def _verified(stored: StoredLeaf, bundle: Bundle, layout: Layout, at: datetime) -> VerifiedChain | None:
    verdict = judge(Chain(stored.leaf, stored.stack[1:]), (bundle,), at, allow_test_pki=layout.config.allow_test_pki)
    return verdict if isinstance(verdict, VerifiedChain) else None


def _info(stored: StoredLeaf, key: Path, layout: Layout) -> CertificateInfo:
    return CertificateInfo(
        key=str(key),
        certificate_count=len(stored.stack),
        certificate=str(stored.chain_path) if stored.chain_path else None,
        certificate_single=str(stored.single_path) if stored.single_path else None,
        password=layout.config.private_key_password or None,
    )


def _ocsp_entries(stored: StoredLeaf, verified: VerifiedChain | None) -> tuple[CertificateOCSP, ...]:
    """One entry per certificate of the chain file, in file order; none where the issuers' keys aren't at hand."""
    if verified is None:
        return ()
    named: dict[object, CertificateHashData] = dict(
        zip(verified.chain.certificates, chain_hash_data(verified), strict=True)
    )
    named.setdefault(verified.anchor, hash_data(verified.anchor, verified.anchor))
    return tuple(CertificateOCSP(named[one]) for one in stored.stack if one in named)


def _no_info(status: GetCertificateInfoStatus, why: str) -> GetCertificateInfoResult:
    return GetCertificateInfoResult(status, reason=why)
