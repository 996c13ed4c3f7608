"""What happened between two snapshots of a store: certificates, signing requests, leaves that end soon.

A pure comparison; who took the snapshots, and how often, is the watcher's matter. What came and went in between leaves
no trace.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from chainpilot.pki.certificate import Certificate
from chainpilot.station.model import (
    CaCertificateType,
    CertificateStoreUpdate,
    CertificateStoreUpdateOperation,
    LeafCertificateType,
    LeafExpiring,
)
from chainpilot.station.snapshot import Snapshot
from chainpilot.station.store import PendingCsr

__all__ = ["CertificateChanged", "Closing", "Difference", "RequestClosed", "RequestOpened", "differences"]

Domain = CaCertificateType | LeafCertificateType


class Closing(Enum):
    """Why a signing request is waited for no more."""

    ANSWERED = "Answered"
    """A certificate for its key is installed."""
    SUPERSEDED = "Superseded"
    """A later request for its slot took its place."""
    REMOVED = "Removed"


@dataclass(frozen=True, slots=True)
class CertificateChanged:
    """A certificate came or went, told as certificate_store_update tells it."""

    update: CertificateStoreUpdate
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class RequestOpened:
    """A signing request was made."""

    request: PendingCsr


@dataclass(frozen=True, slots=True)
class RequestClosed:
    """A signing request is open no more."""

    request: PendingCsr
    closing: Closing


Difference = CertificateChanged | RequestOpened | RequestClosed | LeafExpiring


def differences(before: Snapshot, after: Snapshot) -> tuple[Difference, ...]:
    """Everything that is different: what went, what came, requests closed and opened, leaves newly due."""
    return (
        *_changed(before, after, CertificateStoreUpdateOperation.DELETED),
        *_changed(after, before, CertificateStoreUpdateOperation.INSTALLED),
        *_closed(before, after),
        *(RequestOpened(one) for one in after.requests if one.word not in _words(before)),
        *(one for one in after.due if one not in before.due),
    )


def _changed(
    have: Snapshot, lack: Snapshot, operation: CertificateStoreUpdateOperation
) -> Iterator[CertificateChanged]:
    held, missing = _held(have), _held(lack)
    for domain, certificate in held:
        if (domain, certificate) not in missing:
            yield CertificateChanged(_update(operation, domain), certificate)


def _held(snapshot: Snapshot) -> dict[tuple[Domain, Certificate], None]:
    """Every certificate by its domain, CAs first; one in a bundle that two domains share stands in both."""
    authorities = ((bundle.kind, one) for bundle in snapshot.bundles for one in bundle.certificates)
    leaves = ((slot.slot.kind, held.leaf.certificate) for slot in snapshot.slots for held in slot.leaves)
    return dict.fromkeys((*authorities, *leaves))


def _update(operation: CertificateStoreUpdateOperation, domain: Domain) -> CertificateStoreUpdate:
    if isinstance(domain, CaCertificateType):
        return CertificateStoreUpdate(operation, ca_certificate_type=domain)
    return CertificateStoreUpdate(operation, leaf_certificate_type=domain)


def _closed(before: Snapshot, after: Snapshot) -> Iterator[RequestClosed]:
    keys = {held.leaf.certificate.spki_hash for slot in after.slots for held in slot.leaves}
    slots = {one.slot for one in after.requests}
    for one in before.requests:
        if one.word in _words(after):
            continue
        is_superseded = one.slot in slots
        answered = one.csr.spki_hash in keys
        yield RequestClosed(
            one, Closing.ANSWERED if answered else Closing.SUPERSEDED if is_superseded else Closing.REMOVED
        )


def _words(snapshot: Snapshot) -> frozenset[str]:
    return frozenset(one.word for one in snapshot.requests)
