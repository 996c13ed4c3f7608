"""What the back office knows of CAs: anchors, the CAs that lead to them, revocation lists, and where it is written."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from chainpilot.cpms.model import Fingerprint, TrustChange, TrustRecord
from chainpilot.errors import UndecidedError
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import CertificateHashData
from chainpilot.pki.trust import TrustDomain
from chainpilot.pki.verify import Rules

__all__ = [
    "ClientStanding",
    "Issuers",
    "KeptList",
    "Learner",
    "ListMissing",
    "ListSource",
    "OfferedRoot",
    "RevocationLists",
    "RootSource",
    "RootStanding",
    "RootsMissing",
    "TrustEntry",
    "TrustRecords",
]


class Issuers(Protocol):
    """The CAs that may be asked about what they issued: anchors, and CAs that lead to one."""

    def issuer_of(self, subject: CertificateHashData) -> Certificate | None:
        """The CA that hash data name as a certificate's issuer, by algorithm, name hash and key hash; None: unknown."""
        ...

    def known(self) -> tuple[Certificate, ...]:
        """All of them, each once."""
        ...


class Learner(Protocol):
    """Takes note of the CA certificates that a PKI shows; nothing becomes an anchor by that."""

    async def learn(self, pki: str, certificates: tuple[Certificate, ...]) -> None:
        """Propose what is new. Raises LedgerFailed."""
        ...


class RootStanding(Protocol):
    """What was decided about roots that may be put into stations, and about CAs in chains."""

    def objection_to_issuer(self, certificate: Certificate, domain: TrustDomain) -> str | None:
        """What was decided against a CA, as a sentence: no chain may lead through it. None where nothing was."""
        ...

    def objection_to_root(self, certificate: Certificate, domain: TrustDomain) -> str | None:
        """Why it isn't put into stations, as a sentence; None where nobody has proposed it or it is an anchor."""
        ...


class ClientStanding(Protocol):
    """Whether certificates that stations come with still count."""

    async def revoked(self, certificate: Certificate) -> str | None:
        """That it was revoked, as a sentence; None where nobody says so. Raises LedgerFailed."""
        ...


class RevocationLists(Protocol):
    """The revocation lists that judgements go by."""

    def rules(self) -> Rules:
        """The lists in hand, and whether one must be there for every certificate."""
        ...

    async def ready(self, certificates: Iterable[Certificate]) -> None:
        """Have the lists that these certificates name fetched if they are missing; a list that can't be had is none."""
        ...


@dataclass(frozen=True, slots=True)
class KeptList:
    """A revocation list as it was fetched last."""

    url: str
    der: bytes = field(repr=False)
    fetched_at: datetime


class ListMissing(UndecidedError):
    """A revocation list can't be had. Fields: `url`, `why` a sentence."""

    def __init__(self, url: str, why: str) -> None:
        self.url = url
        self.why = why
        super().__init__(f"the revocation list at {url} can't be had: {why}")


class ListSource(Protocol):
    """Fetches revocation lists."""

    async def fetch(self, url: str) -> bytes:
        """The body, unread. Raises ListMissing."""
        ...


@dataclass(frozen=True, slots=True)
class OfferedRoot:
    """A CA certificate that somebody offers for a domain."""

    certificate: Certificate
    domain: TrustDomain


class RootsMissing(UndecidedError):
    """A root pool did not answer, or not usably. Field: `why` a sentence."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class RootSource(Protocol):
    """A pool of root certificates that somebody else keeps."""

    async def offered(self) -> tuple[OfferedRoot, ...]:
        """What it has now. Raises RootsMissing."""
        ...


@dataclass(frozen=True, slots=True)
class TrustEntry:
    """What is written in one transaction."""

    added: tuple[TrustRecord, ...] = ()
    changed: tuple[TrustRecord, ...] = ()
    """Each one version above the one that was decided on."""
    changes: tuple[TrustChange, ...] = ()
    event_id: str | None = None
    """A webhook's event that is thereby done with."""
    at: datetime | None = None
    """When the event came."""


class TrustRecords(Protocol):
    """The records of trust. Every method is one transaction, on disk when it returns. Raises LedgerFailed."""

    async def records(self) -> tuple[TrustRecord, ...]:
        """All of them, oldest first; one that can't be read fails them all, since it might be a withdrawal."""
        ...

    async def write(self, entry: TrustEntry) -> None:
        """All of the entry or nothing. Raises LedgerConflict."""
        ...

    async def history(self, fingerprint: Fingerprint | None = None) -> tuple[TrustChange, ...]:
        """What was decided, oldest first; of one certificate or of all."""
        ...

    async def last_change(self) -> int:
        """A number that grows with every line of the history; 0 without any."""
        ...

    async def has_event(self, event_id: str) -> bool:
        """Whether an event of that id was done with."""
        ...

    async def lists(self) -> tuple[KeptList, ...]:
        """The revocation lists fetched last."""
        ...

    async def keep_list(self, kept: KeptList) -> None:
        """Keep a list in the place of the one that had its URL."""
        ...
