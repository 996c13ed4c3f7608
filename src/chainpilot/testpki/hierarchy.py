"""The test PKI declared as data: which CAs there are, who signs whom, and what leaves they issue. NEVER for production.

Lifetimes are those of the real ecosystem (x509.md, "Real certificates"; ISO 15118-2 annex F). How certificates are made
is not handled here.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Final

from chainpilot.pki.extensions import EkuOid, KeyUsageBit
from chainpilot.pki.keys import KeySpec
from chainpilot.pki.profiles import (
    CSMS_CLIENT_LEAF,
    CSMS_SERVER_LEAF,
    ROOT_CA,
    SECC_LEAF,
    SUB_CA,
    Profile,
)

__all__ = [
    "AUTHORITIES",
    "CSMS_CLIENT",
    "LABELS",
    "ORGANIZATION",
    "SECC",
    "TLS_SERVER",
    "Authority",
    "EstLabel",
    "LeafPlan",
    "OcspSigner",
]

ORGANIZATION: Final = "chainpilot TEST PKI"
_DAY: Final = timedelta(days=1)
_YEAR: Final = timedelta(days=365)


class OcspSigner(Enum):
    """Who signs answers about the certificates of a CA (RFC 6960 section 4.2.2.2)."""

    NOBODY = "nobody"
    ISSUER = "issuer"
    DELEGATE = "delegate"


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

    @property
    def profile(self) -> Profile:
        """What its certificate must look like."""
        return ROOT_CA if self.parent is None else SUB_CA


@dataclass(frozen=True, slots=True)
class LeafPlan:
    """How leaves of one use look; the subject is taken from the request as asked."""

    profile: Profile
    key_usage: frozenset[KeyUsageBit]
    extended_key_usage: tuple[EkuOid, ...]
    lifetime: timedelta


@dataclass(frozen=True, slots=True)
class EstLabel:
    """One CA of the EST server: who signs, what, and the certificates that cacerts gives, root last."""

    authority: str
    plan: LeafPlan
    cacerts: tuple[str, ...]
    keys: tuple[KeySpec, ...] = (KeySpec.P256,)
    """What CSR attributes ask requests to be made with."""


AUTHORITIES: Final = (
    Authority("v2g_root", None, "TEST V2G Root CA", "V2G", None, 40 * _YEAR),
    Authority("cpo_sub1", "v2g_root", "TEST CPO Sub1 CA", "CPO", 1, 4 * _YEAR),
    Authority("cpo_sub2", "cpo_sub1", "TEST CPO Sub2 CA", "CPO", 0, 2 * _YEAR, OcspSigner.DELEGATE),
    Authority("csms_root", None, "TEST CSMS Root CA", "CSMS", None, 20 * _YEAR),
    Authority("csms_issuing", "csms_root", "TEST CSMS Issuing CA", "CSMS", 0, 5 * _YEAR),
    Authority("mo_root", None, "TEST MO Root CA", "MO", None, 40 * _YEAR),
    Authority("mo_sub1", "mo_root", "TEST MO Sub1 CA", "MO", 1, 4 * _YEAR),
    Authority("mo_sub2", "mo_sub1", "TEST MO Sub2 CA", "MO", 0, 2 * _YEAR, OcspSigner.DELEGATE),
    Authority("web_root", None, "TEST Web Root CA", "WEB", 0, 20 * _YEAR, OcspSigner.NOBODY),
)
"""Parents stand before their children."""

SECC: Final = LeafPlan(SECC_LEAF, frozenset({KeyUsageBit.DIGITAL_SIGNATURE, KeyUsageBit.KEY_AGREEMENT}), (), 90 * _DAY)
"""EVSE leaves live about three months (est-opcp-ocsp.md section 2)."""
CSMS_CLIENT: Final = LeafPlan(
    CSMS_CLIENT_LEAF, frozenset({KeyUsageBit.DIGITAL_SIGNATURE}), (EkuOid.CLIENT_AUTH,), _YEAR
)
TLS_SERVER: Final = LeafPlan(
    CSMS_SERVER_LEAF, frozenset({KeyUsageBit.DIGITAL_SIGNATURE}), (EkuOid.SERVER_AUTH,), 398 * _DAY
)
"""398 days: what web clients accept at most (CA/Browser Forum, until March 2026)."""

LABELS: Final = {
    "cpo": EstLabel("cpo_sub2", SECC, ("cpo_sub2", "cpo_sub1", "v2g_root")),
    "csms": EstLabel("csms_issuing", CSMS_CLIENT, ("csms_issuing", "csms_root")),
}
