"""Deleting by hash data: CAs with what stands below them, SECC leaves with their files (station-store.md section 4).

Whether a CA is still needed is not asked here: a CSMS may clear a store. What nothing uses any more is housekeeping's.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import CertificateHashData, hash_data
from chainpilot.station import ocsp_cache
from chainpilot.station.layout import Layout
from chainpilot.station.model import (
    CertificateStoreUpdate,
    CertificateStoreUpdateOperation,
    DeleteCertificateResult,
    DeleteOutcome,
    LeafCertificateType,
)
from chainpilot.station.store import (
    Bundle,
    StoredLeaf,
    is_unsure,
    links_of,
    read_bundle,
    read_leaves,
    stage_key_removal,
    stage_without,
    used_keys,
)
from chainpilot.station.vault import Change, Look

__all__ = ["delete", "stage_leaf_removal"]


def delete(change: Change, layout: Layout, wanted: CertificateHashData) -> DeleteOutcome:
    """Stage the removal of every certificate with that hash data.

    1. a CA of any domain: it and its descendants go from every bundle that holds it, leaves below it stay;
    2. else an SECC leaf, valid or not: chain file, single file, OCSP answers, and the key unless something uses it;
    3. else a CSMS leaf: Failed, since the station would lock itself out (OCPP M04.FR.06);
    4. else NotFound.

    Raises:
        VaultReadError: a file can't be read.
    """
    wanted = wanted.normal()
    updates = [
        update for path in dict.fromkeys(layout.bundles.values()) for update in _from(change, layout, path, wanted)
    ]
    if updates:
        return DeleteOutcome(DeleteCertificateResult.ACCEPTED, updates=tuple(updates))
    for kind in (LeafCertificateType.V2G, LeafCertificateType.CSMS):
        stored = _leaf(change, layout, kind, wanted)
        if stored is None:
            continue
        if kind is LeafCertificateType.CSMS:
            why = "it is the station's own client certificate (OCPP M04.FR.06)"
            return DeleteOutcome(DeleteCertificateResult.FAILED, why)
        stage_leaf_removal(change, layout, stored)
        update = CertificateStoreUpdate(CertificateStoreUpdateOperation.DELETED, leaf_certificate_type=kind)
        return DeleteOutcome(DeleteCertificateResult.ACCEPTED, updates=(update,))
    return DeleteOutcome(DeleteCertificateResult.NOT_FOUND, "no installed certificate has that hash data")


def stage_leaf_removal(change: Change, layout: Layout, stored: StoredLeaf) -> None:
    """Stage that a leaf goes with all its files, and its key when nothing else uses it, as far as can be told."""
    for certificate, issuer in links_of(change, layout, stored).way[:1]:
        for answer in ocsp_cache.answers_about(change, layout, certificate, issuer):
            change.remove(answer.der)
            change.remove(answer.hash)
    for path in stored.paths:
        change.remove(path)
    if is_unsure(change, layout) or stored.leaf.spki_hash in used_keys(change, layout, but=stored):
        return
    ring = read_leaves(change, layout, stored.slot.kind).keys
    for path in ring.all_of(stored.leaf.spki_hash, stored.stems):
        stage_key_removal(change, layout, path)


def _from(change: Change, layout: Layout, path: Path, wanted: CertificateHashData) -> Iterable[CertificateStoreUpdate]:
    """Stage the removal from one bundle; an update for every domain that uses it, none when it isn't there."""
    domains = layout.domains_of(path)
    bundle = read_bundle(change, layout, domains[0])
    targets = frozenset(_authorities(bundle, wanted))
    if not targets:
        return ()
    stage_without(change, layout, bundle, bundle.with_descendants(targets))
    operation = CertificateStoreUpdateOperation.DELETED
    return tuple(CertificateStoreUpdate(operation, ca_certificate_type=domain) for domain in domains)


def _authorities(bundle: Bundle, wanted: CertificateHashData) -> Iterator[Certificate]:
    """The CAs with that hash data: the serial number tells the candidates, hashing the rest would cost more.

    A root that was renewed with its key and its number has the same as before.
    """
    serial = _number(wanted.serial_number)
    for certificate in bundle.certificates:
        if certificate.serial_number != serial:
            continue
        issuer = bundle.signer_of(certificate)
        if issuer is not None and hash_data(certificate, issuer, wanted.hash_algorithm) == wanted:
            yield certificate


def _number(text: str) -> int | None:
    try:
        return int(text, 16)
    except ValueError:
        return None


def _leaf(look: Look, layout: Layout, kind: LeafCertificateType, wanted: CertificateHashData) -> StoredLeaf | None:
    for stored in read_leaves(look, layout, kind).leaves:
        way = links_of(look, layout, stored).way
        if way and hash_data(*way[0], wanted.hash_algorithm) == wanted:
            return stored
    return None
