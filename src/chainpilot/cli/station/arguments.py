"""What the commands take: the interface's words as choices, files, and the options that name the store.

Light on purpose: help and completion read this module and nothing of the store. A test compares the choices with
`station.model`.
"""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = [
    "AsJson",
    "CaType",
    "CaTypeArgument",
    "CertificateKind",
    "ChainFile",
    "CommonName",
    "Digest",
    "Encoding",
    "EncodingOption",
    "IncludeOcsp",
    "KeyKind",
    "LeafType",
    "LeafTypeArgument",
    "NamedCertificate",
    "StoreOptions",
    "store_options",
]


class CaType(Enum):
    """Domains of CA certificates."""

    V2G = "V2G"
    MO = "MO"
    CSMS = "CSMS"
    MF = "MF"


class LeafType(Enum):
    """Domains of leaves; the store keeps those of CSMS and V2G."""

    CSMS = "CSMS"
    V2G = "V2G"
    MF = "MF"
    MO = "MO"


class CertificateKind(Enum):
    """What get-installed-certificates lists."""

    V2G_ROOT_CERTIFICATE = "V2GRootCertificate"
    MO_ROOT_CERTIFICATE = "MORootCertificate"
    CSMS_ROOT_CERTIFICATE = "CSMSRootCertificate"
    V2G_CERTIFICATE_CHAIN = "V2GCertificateChain"
    MF_ROOT_CERTIFICATE = "MFRootCertificate"


class Encoding(Enum):
    """Encodings of certificate files."""

    DER = "DER"
    PEM = "PEM"


class Digest(Enum):
    """Digests of hash data: the values of `pki.hashdata.HashAlgorithm`, which loads when a command runs."""

    SHA256 = "SHA256"
    SHA384 = "SHA384"
    SHA512 = "SHA512"


class KeyKind(Enum):
    """Kinds of keys made for signing requests."""

    P256 = "P-256"
    P384 = "P-384"
    P521 = "P-521"
    ED25519 = "Ed25519"
    ED448 = "Ed448"
    RSA2048 = "RSA-2048"
    RSA3072 = "RSA-3072"
    RSA4096 = "RSA-4096"


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """Which store, as the options before the command, or the environment, name it."""

    certs: Path | None = None
    config: Path | None = None
    allow_test_pki: bool = False
    password_file: Path | None = None


@dataclass(frozen=True, slots=True)
class NamedCertificate:
    """An installed certificate as a command line names it: its hash data, or its file."""

    hash_algorithm: str
    issuer_name_hash: str | None = None
    issuer_key_hash: str | None = None
    serial_number: str | None = None
    certificate: str | None = None
    issuer: str | None = None


def store_options(context: typer.Context) -> StoreOptions:
    """What `chainpilot station` was given."""
    found: Any = context.find_object(StoreOptions)
    return found if isinstance(found, StoreOptions) else StoreOptions()


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object: command, result, reason.")]
ChainFile = Annotated[
    str,
    typer.Argument(metavar="FILE", help="PEM, hexadecimal, base64 or DER; - is standard input.", show_default=False),
]
CaTypeArgument = Annotated[CaType, typer.Argument(metavar="TYPE", help="V2G, MO, CSMS or MF.")]
LeafTypeArgument = Annotated[LeafType, typer.Argument(metavar="TYPE", help="V2G or CSMS; the store keeps no MO or MF.")]
EncodingOption = Annotated[Encoding, typer.Option("--encoding", help="Of the files answered.")]
IncludeOcsp = Annotated[bool, typer.Option("--include-ocsp", help="Also the OCSP answers kept, one a certificate.")]
CommonName = Annotated[
    str | None,
    typer.Option("--common-name", help="The leaf of this EVSE; default: secc_common_name, else the newest of all."),
]
