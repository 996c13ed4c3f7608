"""What lies on a store's shelves: certificates, keys and answers put there as operators and other programs do."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp

from certs import FROM, UNTIL, Pki, key_pem, stack
from chainpilot.clock import file_clock
from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm
from chainpilot.station import EvseSecurity
from chainpilot.station.model import (
    CaCertificateType,
    CertificateHashDataChain,
    CertificateInfo,
    CertificateType,
    GetCertificateInfoStatus,
    LeafCertificateType,
)
from forge import Forged, forge
from programs import program
from stores import EVSE

__all__ = [
    "ROOTS",
    "Placed",
    "bundle_file",
    "chains",
    "descendants",
    "info",
    "leaf",
    "listed",
    "named",
    "openssl",
    "openssl_takes",
    "place",
    "put",
    "rewrite",
    "serial",
    "settle",
]

ROOTS = {
    CaCertificateType.V2G: CertificateType.V2G_ROOT_CERTIFICATE,
    CaCertificateType.MO: CertificateType.MO_ROOT_CERTIFICATE,
    CaCertificateType.CSMS: CertificateType.CSMS_ROOT_CERTIFICATE,
    CaCertificateType.MF: CertificateType.MF_ROOT_CERTIFICATE,
}
_MOMENT = 25_000_000
"""Nanoseconds after which a file's times tell every change (station-store.md section 5: 20 ms)."""
_DIGESTS: dict[HashAlgorithm, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    HashAlgorithm.SHA256: hashes.SHA256,
    HashAlgorithm.SHA384: hashes.SHA384,
    HashAlgorithm.SHA512: hashes.SHA512,
}


@dataclass(frozen=True)
class Placed:
    """A leaf's three files."""

    leaf: Forged
    chain: Path
    single: Path
    key: Path


def put(path: Path, data: bytes | str) -> Path:
    """Write a file, its directory made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def rewrite(path: Path, data: bytes) -> None:
    """Put other bytes into the same file, its inode kept."""
    with path.open("r+b") as file:
        file.truncate()
        file.write(data)


def leaf(pki: Pki, common: str = EVSE, **changes: object) -> Forged:
    """A leaf of that PKI with its key; `changes` are `forge`'s arguments."""
    arguments: dict[str, object] = {"begin": FROM, "end": UNTIL}
    return forge(common, pki.issuing, **(arguments | changes))  # type: ignore[arg-type]  # - forge checks them


def place(
    store: EvseSecurity,
    pki: Pki,
    forged: Forged,
    *,
    name: str = "SECC_LEAF",
    kind: LeafCertificateType = LeafCertificateType.V2G,
    key: bytes | None = None,
) -> Placed:
    """Put a leaf with chain and key where an existing store keeps them."""
    places = store.layout.leaves[kind]
    return Placed(
        forged,
        put(places.certificates / f"CPO_CERT_{name}_CHAIN.pem", pki.stack(forged.certificate)),
        put(places.certificates / f"{name}.pem", forged.certificate.to_pem()),
        put(places.keys / f"{name}.key", key if key is not None else key_pem(forged.key)),
    )


def bundle_file(store: EvseSecurity, kind: CaCertificateType, *certificates: Certificate) -> Path:
    """Write a domain's bundle file anew, as an operator does."""
    return put(store.layout.bundles[kind], stack(*certificates))


def named(
    certificate: Certificate, issuer: Certificate, algorithm: HashAlgorithm = HashAlgorithm.SHA256
) -> CertificateHashData:
    """Hash data as pyca's OCSP request builder computes it."""
    one, other = (x509.load_der_x509_certificate(each.der) for each in (certificate, issuer))
    request = ocsp.OCSPRequestBuilder().add_certificate(one, other, _DIGESTS[algorithm]()).build()
    return CertificateHashData(
        algorithm, request.issuer_name_hash.hex(), request.issuer_key_hash.hex(), f"{request.serial_number:x}"
    )


def descendants(pki: Pki, leaf_certificate: Certificate | None = None) -> tuple[CertificateHashData, ...]:
    """Hash data of the leaf, where there is one, Sub2 and Sub1."""
    ways = [(pki.issuing.certificate, pki.sub1.certificate), (pki.sub1.certificate, pki.root.certificate)]
    if leaf_certificate is not None:
        ways.insert(0, (leaf_certificate, pki.issuing.certificate))
    return tuple(named(one, issuer) for one, issuer in ways)


def chains(store: EvseSecurity, *kinds: CertificateType) -> tuple[CertificateHashDataChain, ...]:
    """What get_installed_certificates lists; all types unless some are named."""
    return store.get_installed_certificates(kinds or list(CertificateType)).certificate_hash_data_chain


def listed(store: EvseSecurity, *kinds: CertificateType) -> list[str]:
    """Serial numbers of what get_installed_certificates lists, children behind their parents."""
    return [
        data.serial_number
        for entry in chains(store, *kinds)
        for data in (entry.certificate_hash_data, *entry.child_certificate_hash_data)
    ]


def info(store: EvseSecurity, kind: LeafCertificateType = LeafCertificateType.V2G, **asked: object) -> CertificateInfo:
    """The leaf in use, which is there."""
    result = store.get_leaf_certificate_info(kind, **asked)  # type: ignore[arg-type]  # - the command's own arguments
    assert result.status is GetCertificateInfoStatus.ACCEPTED, result
    assert result.info is not None
    return result.info


def settle(directory: Path) -> None:
    """Return when no file below is so young that another change of it might carry the same time."""
    youngest = max(path.lstat().st_ctime_ns for path in (directory, *directory.rglob("*")))
    while youngest + _MOMENT > file_clock():
        directory.stat()


def serial(text: str | Path | Certificate | Forged | None) -> str:
    """The serial number of a certificate, or of the first one in a text or file, as hash data write it."""
    match text:
        case Certificate():
            return f"{text.serial_number:x}"
        case Forged():
            return serial(text.certificate)
        case None:
            raise AssertionError("there is no certificate")
        case _:
            data = Path(text).read_bytes() if isinstance(text, Path) or os.path.sep == text[:1] else text
            return serial(load_certificates(data)[0])


def openssl(*words: str | Path, given: bytes = b"") -> str:
    """What openssl prints; its own complaint where it doesn't do what it is told."""
    command = [program("openssl"), *map(str, words)]
    done = subprocess.run(command, input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode() or done.stdout.decode()
    return done.stdout.decode()


def openssl_takes(*words: str | Path) -> bool:
    """Whether openssl says yes to what it is asked."""
    return subprocess.run([program("openssl"), *map(str, words)], capture_output=True, check=False).returncode == 0
