"""A new hierarchy for an operator without a CA: a root, which goes offline, and the CA that issues."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from chainpilot.cpms.issuing.drafting import CaDraft, sign_authority
from chainpilot.cpms.ports import SigningKey
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.identity import DistinguishedName

__all__ = ["FoundedCa", "Founding", "found_ca"]

_YEAR: Final = timedelta(days=365)
_BACKDATED: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Founding:
    """What is asked for."""

    organization: str
    country: str | None = None
    root_years: int = 20
    issuing_years: int = 5


@dataclass(frozen=True, slots=True)
class FoundedCa:
    """A root and the issuing CA below it, with their keys."""

    root: Certificate
    root_key: SigningKey = field(repr=False)
    issuing: Certificate
    issuing_key: SigningKey = field(repr=False)


def found_ca(asked: Founding, root_key: SigningKey, issuing_key: SigningKey, at: datetime) -> FoundedCa:
    """Sign both certificates; the issuing CA signs leaves only (path length 0). Raises DraftRefused, IdentityError."""
    begin = at - _BACKDATED
    root_end = at + asked.root_years * _YEAR
    names = [
        DistinguishedName(asked.country, asked.organization, f"{asked.organization} {what}"[:64])
        for what in ("CSMS Root CA", "CSMS Issuing CA")
    ]
    root = sign_authority(CaDraft(names[0], begin, root_end, 1), root_key.public_key, root_key)
    issuing_end = min(at + asked.issuing_years * _YEAR, root_end)
    draft = CaDraft(names[1], begin, issuing_end, 0)
    issuing = sign_authority(draft, issuing_key.public_key, root_key, root)
    return FoundedCa(root, root_key, issuing, issuing_key)
