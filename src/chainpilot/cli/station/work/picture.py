"""A snapshot as JSON: the same facts that `show` draws for people."""

from datetime import datetime
from pathlib import Path
from typing import Any

from chainpilot.cli.station.work.facts import due_facts, held_facts, request_facts
from chainpilot.cli.words import iso
from chainpilot.pki.ocsp import Good, Indeterminate, OcspDefect, OcspVerdict, Revoked, Unknown
from chainpilot.station.snapshot import (
    HeldBundle,
    HeldCertificate,
    HeldLeaf,
    HeldRoot,
    HeldSlot,
    OcspStanding,
    Snapshot,
)

__all__ = ["picture"]


def picture(snapshot: Snapshot, root: Path) -> dict[str, Any]:
    """The whole of a detailed snapshot."""
    at = snapshot.at
    return {
        "directory": str(root),
        "at": iso(at),
        "domains": [_bundle(one, at) for one in snapshot.bundles],
        "leaves": [_slot(one, at) for one in snapshot.slots],
        "requests": [request_facts(one) for one in snapshot.requests],
        "due": [due_facts(one, at) for one in snapshot.due],
        "findings": [{"path": one.path, "why": one.why} for one in snapshot.findings],
    }


def _bundle(bundle: HeldBundle, at: datetime) -> dict[str, Any]:
    return {
        "certificate_type": bundle.kind.value,
        "path": str(bundle.path),
        "roots": [_root(one, at) for one in bundle.roots],
        "orphans": [_held(one, at) for one in bundle.orphans],
    }


def _root(held: HeldRoot, at: datetime) -> dict[str, Any]:
    own = HeldCertificate(held.root, held.issuer)
    below = [_held(one, at) for one in held.below]
    return {**held_facts(own, at), "objection": held.objection, "below": below}


def _held(held: HeldCertificate, at: datetime) -> dict[str, Any]:
    return {**held_facts(held, at), "ocsp": _ocsp(held.ocsp)}


def _slot(slot: HeldSlot, at: datetime) -> dict[str, Any]:
    return {
        "certificate_type": slot.slot.kind.value,
        "common_name": slot.leaves[0].leaf.certificate.subject.common_name,
        "edition": slot.slot.edition.value if slot.slot.edition is not None else None,
        "leaves": [_leaf(one, at) for one in slot.leaves],
    }


def _leaf(held: HeldLeaf, at: datetime) -> dict[str, Any]:
    return {
        **_held(held.leaf, at),
        "is_in_use": held.is_in_use,
        "path": str(held.path),
        "key": str(held.key) if held.key is not None else None,
        "key_place": held.key_place.value if held.key_place is not None else None,
        "chain": [_held(one, at) for one in held.chain],
        "root": held.root.fingerprint if held.root is not None else None,
    }


def _ocsp(standing: OcspStanding | None) -> dict[str, Any] | None:
    if standing is None:
        return None
    return {"status": "none", "until": None, "has_responder": standing.has_responder, **_said(standing.verdict)}


def _said(verdict: OcspVerdict | None) -> dict[str, Any]:
    match verdict:
        case Good(until=until):
            return {"status": "good", "until": iso(until)}
        case Revoked(until=until, revoked_at=when):
            return {"status": "revoked", "until": iso(until), "revoked_at": iso(when)}
        case Unknown(until=until):
            return {"status": "unknown", "until": iso(until)}
        case Indeterminate(why=OcspDefect.STALE):
            return {"status": "outdated"}
        case Indeterminate(detail=detail):
            return {"status": "unusable", "detail": detail}
        case None:
            return {}
