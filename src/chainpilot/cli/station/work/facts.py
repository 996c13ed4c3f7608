"""Certificates, requests and the leaves that end soon as JSON, the same in every command."""

from datetime import datetime
from typing import Any

from chainpilot.cli.station.work.naming import held_hash_data
from chainpilot.cli.words import iso, name_words
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.keys import key_spec_of
from chainpilot.station.model import LeafExpiring
from chainpilot.station.schema import to_json
from chainpilot.station.snapshot import HeldCertificate
from chainpilot.station.store import PendingCsr

__all__ = ["certificate_facts", "due_facts", "held_facts", "request_facts"]


def certificate_facts(one: Certificate, at: datetime) -> dict[str, Any]:
    """Names, serial number, validity; `days_left` is whole days, negative once it has ended."""
    return {
        "subject": name_words(one.subject_name),
        "common_name": one.subject.common_name,
        "issuer": one.issuer.common_name,
        "serial_number": f"{one.serial_number:x}",
        "fingerprint": one.fingerprint,
        "not_before": iso(one.not_before),
        "not_after": iso(one.not_after),
        "days_left": (one.not_after - at).days,
    }


def held_facts(held: HeldCertificate, at: datetime) -> dict[str, Any]:
    """The same with hash data, where the issuer is at hand."""
    named = held_hash_data(held)
    return {**certificate_facts(held.certificate, at), "certificate_hash_data": named and to_json(named)}


def request_facts(one: PendingCsr) -> dict[str, Any]:
    """A signing request, without the request itself."""
    kind, edition = key_spec_of(one.csr.public_key), one.slot.edition
    return {
        "certificate_type": one.kind.value,
        "common_name": one.csr.common_name,
        "organization": one.csr.subject.organization,
        "edition": edition.value if edition is not None else None,
        "key": kind.value if kind is not None else None,
        "made_at": iso(one.made_at),
        "with_csms": one.with_csms,
    }


def due_facts(one: LeafExpiring, at: datetime) -> dict[str, Any]:
    """A leaf that ends soon."""
    return {
        "certificate_type": one.certificate_type.value,
        "common_name": one.common_name,
        "edition": one.edition.value if one.edition is not None else None,
        "not_after": iso(one.not_after),
        "days_left": (one.not_after - at).days,
    }
