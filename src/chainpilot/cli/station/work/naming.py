"""Which installed certificate is meant: hash data as typed, or computed from a copy of it and its issuer."""

import re
from typing import Final

from chainpilot.cli.exits import Exit
from chainpilot.cli.station.arguments import NamedCertificate
from chainpilot.cli.station.work.material import NotCarriedOut, check_inputs, read_certificates
from chainpilot.cli.words import short_name
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm, hash_data, normal_hex
from chainpilot.station.model import CertificateStoreUpdate
from chainpilot.station.schema import ShapeError, from_json
from chainpilot.station.snapshot import HeldCertificate, Snapshot

__all__ = ["domain_words", "find", "hash_data_of", "hash_words", "held_hash_data"]

_HEX: Final = re.compile(r"(?:0x)?[0-9A-Fa-f]+")
_OPTIONS: Final = ("issuer_name_hash", "issuer_key_hash", "serial_number")


def hash_data_of(named: NamedCertificate, snapshot: Snapshot) -> CertificateHashData:
    """The hash data that the command line means.

    Raises:
        NotCarriedOut: it names none, or two; it isn't hexadecimal; a file can't be read; the issuer isn't at hand.
    """
    typed = {name: getattr(named, name) for name in _OPTIONS}
    if named.certificate is not None:
        if any(value is not None for value in typed.values()):
            raise NotCarriedOut("give either hash data or --certificate, not both", Exit.USAGE)
        return _computed(named.certificate, named.issuer, HashAlgorithm(named.hash_algorithm), snapshot)
    missing = [f"--{name.replace('_', '-')}" for name, value in typed.items() if value is None]
    if missing:
        raise NotCarriedOut(
            f"name the certificate with --certificate FILE, or with its hash data: {', '.join(missing)} missing",
            Exit.USAGE,
        )
    for name, value in typed.items():
        if not _HEX.fullmatch(value):
            raise NotCarriedOut(f"--{name.replace('_', '-')}: {value!r} is not hexadecimal", Exit.USAGE)
    typed["serial_number"] = normal_hex(typed["serial_number"])  # leading zeros count for nothing
    try:
        return from_json(CertificateHashData, {"hash_algorithm": named.hash_algorithm, **typed})
    except ShapeError as error:
        raise NotCarriedOut(error.why, Exit.USAGE) from error


def find(wanted: CertificateHashData, snapshot: Snapshot) -> HeldCertificate | None:
    """The installed certificate with that hash data."""
    named = wanted.normal()
    candidates = (
        held for held in snapshot.certificates() if f"{held.certificate.serial_number:x}" == named.serial_number
    )
    return next(
        (
            held
            for held in candidates
            if held.issuer is not None and hash_data(held.certificate, held.issuer, named.hash_algorithm) == named
        ),
        None,
    )


def held_hash_data(held: HeldCertificate) -> CertificateHashData | None:
    """The hash data of an installed certificate; None where its issuer isn't at hand."""
    return hash_data(held.certificate, held.issuer) if held.issuer is not None else None


def domain_words(update: CertificateStoreUpdate) -> str:
    """`V2G CA`, `CSMS leaf`."""
    if update.ca_certificate_type is not None:
        return f"{update.ca_certificate_type.value} CA"
    return f"{update.leaf_certificate_type.value} leaf" if update.leaf_certificate_type is not None else "certificate"


def hash_words(named: CertificateHashData) -> str:
    """Hash data on one line: algorithm, name hash, key hash, serial number."""
    return f"{named.hash_algorithm.value} {named.issuer_name_hash} {named.issuer_key_hash} {named.serial_number}"


def _computed(
    certificate: str, issuer: str | None, algorithm: HashAlgorithm, snapshot: Snapshot
) -> CertificateHashData:
    check_inputs((certificate, issuer))
    wanted, *others = read_certificates(certificate)
    signer = read_certificates(issuer)[0] if issuer is not None else _issuer(wanted, others, snapshot)
    if signer is None:
        why = (
            f"who signed {short_name(wanted.subject)} is neither in the file nor installed; give it with --issuer FILE"
        )
        raise NotCarriedOut(why, Exit.USAGE)
    if not wanted.was_signed_by(signer):
        why = f"{short_name(signer.subject)} did not sign {short_name(wanted.subject)}; --issuer is who did"
        raise NotCarriedOut(why, Exit.USAGE)
    return hash_data(wanted, signer, algorithm)


def _issuer(wanted: Certificate, others: list[Certificate], snapshot: Snapshot) -> Certificate | None:
    candidates = (wanted, *others, *(held.certificate for held in snapshot.certificates()))
    named = (one for one in candidates if one.subject_key == wanted.issuer_key)
    return next((one for one in named if wanted.was_signed_by(one)), None)
