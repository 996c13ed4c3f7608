"""The test PKI as data: which CAs there are, who signs whom, and what leaves they issue. NEVER for production.

A `Hierarchy` is the validated form of a declaration in TOML, which `declaration` reads. How certificates are made is
not handled here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from chainpilot.pki.extensions import KeyUsageBit
from chainpilot.pki.keys import KeySpec, PublicKey
from chainpilot.pki.profiles import (
    CONTRACT_LEAVES,
    CPS_LEAVES,
    CSMS_CLIENT_LEAF,
    CSMS_SERVER_LEAF,
    FIRMWARE_SIGNER,
    PROVISIONING_LEAVES,
    ROOT_CA,
    SECC_LEAVES,
    SUB_CA,
    IsoEdition,
    Profile,
    edition_of,
)

__all__ = [
    "CSMS_CLIENT",
    "ORGANIZATION",
    "PLANS",
    "SECC",
    "TLS_SERVER",
    "Authority",
    "EstLabel",
    "Hierarchy",
    "LeafPlan",
    "OcspSigner",
    "Use",
]

ORGANIZATION: Final = "chainpilot TEST PKI"
_DAY: Final = timedelta(days=1)
_YEAR: Final = timedelta(days=365)
_DIGITAL_SIGNATURE: Final = frozenset({KeyUsageBit.DIGITAL_SIGNATURE})
_AGREEING: Final = frozenset({KeyUsageBit.DIGITAL_SIGNATURE, KeyUsageBit.KEY_AGREEMENT})
_CONTRACT: Final = _AGREEING | {KeyUsageBit.NON_REPUDIATION, KeyUsageBit.KEY_ENCIPHERMENT}
_OF_CURVES: Final = frozenset({KeyUsageBit.KEY_AGREEMENT, KeyUsageBit.KEY_ENCIPHERMENT})


class OcspSigner(Enum):
    """Who signs answers about the certificates of a CA (RFC 6960 section 4.2.2.2)."""

    NOBODY = "nobody"
    ISSUER = "issuer"
    DELEGATE = "delegate"


class Use(Enum):
    """What a leaf is for; the value is the word of declarations."""

    SECC = "secc"
    CSMS_CLIENT = "csms-client"
    CONTRACT = "contract"
    OEM_PROVISIONING = "oem-provisioning"
    CPS = "cps"
    FIRMWARE = "firmware"
    TLS_SERVER = "tls-server"

    def profile_for(self, public_key: PublicKey) -> Profile:
        """What such a leaf must look like: the edition of ISO 15118 is the one that its key is made for."""
        editions = _BY_EDITION.get(self)
        return editions[edition_of(public_key)] if editions is not None else _WITHOUT_EDITION[self]

    @property
    def has_edition(self) -> bool:
        """Whether ISO 15118 tells its algorithms."""
        return self in _BY_EDITION

    @property
    def domain_component(self) -> str | None:
        """The DC that its subject has; None where none is asked for."""
        return _DOMAIN_COMPONENTS.get(self)


_BY_EDITION: Final[dict[Use, dict[IsoEdition, Profile]]] = {
    Use.SECC: SECC_LEAVES,
    Use.CONTRACT: CONTRACT_LEAVES,
    Use.OEM_PROVISIONING: PROVISIONING_LEAVES,
    Use.CPS: CPS_LEAVES,
}
_WITHOUT_EDITION: Final = {
    Use.CSMS_CLIENT: CSMS_CLIENT_LEAF,
    Use.FIRMWARE: FIRMWARE_SIGNER,
    Use.TLS_SERVER: CSMS_SERVER_LEAF,
}
_DOMAIN_COMPONENTS: Final = {Use.SECC: "CPO", Use.CONTRACT: "MO", Use.OEM_PROVISIONING: "OEM", Use.CPS: "CPS"}


@dataclass(frozen=True, slots=True)
class Authority:
    """One CA; `name` is also the name of its files, `parent` None makes it a root."""

    name: str
    parent: str | None
    common_name: str
    domain: str
    """The DC of its subject."""
    path_length: int | None
    lifetime: timedelta
    ocsp: OcspSigner = OcspSigner.ISSUER
    key: KeySpec = KeySpec.P256
    key_id_octets: int = 20
    """Of its key identifier: 20 is all of SHA-1, 8 the short form (RFC 5280 section 4.2.1.2, methods 1 and 2)."""
    names_crl: bool = False
    """Whether what it issues says where its revocation list is."""
    may_sign_ocsp: bool = False
    """Whether its own certificate has the extended key usage OCSPSigning, as Hubject's root does (x509.md)."""

    @property
    def profile(self) -> Profile:
        """What its certificate must look like."""
        return ROOT_CA if self.parent is None else SUB_CA


@dataclass(frozen=True, slots=True)
class LeafPlan:
    """How leaves of one use look; the subject is taken from the request as asked."""

    use: Use
    key_usage: frozenset[KeyUsageBit]
    extended_key_usage: tuple[str, ...]
    """Dotted object identifiers."""
    lifetime: timedelta
    says_not_ca: bool = False
    """Whether cA=FALSE is written out, which DER forbids and real certificates do (x509.md duty 7)."""

    def usage_for(self, public_key: PublicKey) -> frozenset[KeyUsageBit]:
        """The key usage: what only keys on curves can do is left out for others (RFC 9295 section 3)."""
        agrees = isinstance(public_key, ec.EllipticCurvePublicKey)
        return self.key_usage if agrees else self.key_usage - _OF_CURVES

    def lasting(self, lifetime: timedelta) -> "LeafPlan":
        """The same with another lifetime."""
        return replace(self, lifetime=lifetime)


@dataclass(frozen=True, slots=True)
class EstLabel:
    """One CA of the EST server: who signs, and what."""

    authority: str
    plan: LeafPlan
    keys: tuple[KeySpec, ...]
    """What CSR attributes ask requests to be made with, the preferred kind first."""


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A whole test PKI as declared."""

    authorities: tuple[Authority, ...]
    """Parents stand before their children."""
    labels: Mapping[str, EstLabel]
    est_server: str
    """The CA that signs the EST server's TLS certificate."""
    csms_server: str | None
    """The CA that signs TLS certificates of CSMSes; None when there is none."""
    text: str = ""
    """The declaration that it was read from."""


def _plan(use: Use, usage: frozenset[KeyUsageBit], lifetime: timedelta, *extended: str) -> LeafPlan:
    return LeafPlan(use, usage, extended, lifetime)


PLANS: Final = {
    plan.use: plan
    for plan in (
        _plan(Use.SECC, _AGREEING, 90 * _DAY),
        _plan(Use.CSMS_CLIENT, _DIGITAL_SIGNATURE, _YEAR, ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string),
        _plan(Use.CONTRACT, _CONTRACT, 2 * _YEAR),
        _plan(Use.OEM_PROVISIONING, _AGREEING, 30 * _YEAR),
        _plan(Use.CPS, _DIGITAL_SIGNATURE, 120 * _DAY),
        _plan(Use.FIRMWARE, _DIGITAL_SIGNATURE, 3 * _YEAR, ExtendedKeyUsageOID.CODE_SIGNING.dotted_string),
        _plan(Use.TLS_SERVER, _DIGITAL_SIGNATURE, 398 * _DAY, ExtendedKeyUsageOID.SERVER_AUTH.dotted_string),
    )
}
"""Lifetimes are those of the real ecosystem: EVSE leaves live about three months (est-opcp-ocsp.md section 2),
contracts two years at most (contract-exi.md section 3), a vehicle's certificate as long as the vehicle; web clients
took 398 days at most (CA/Browser Forum, until March 2026)."""
SECC: Final = PLANS[Use.SECC]
CSMS_CLIENT: Final = PLANS[Use.CSMS_CLIENT]
TLS_SERVER: Final = PLANS[Use.TLS_SERVER]
