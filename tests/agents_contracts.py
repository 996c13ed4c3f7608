"""Contracts that vehicles show to a station, and the station around the agent that judges them."""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from certs import FROM, UNTIL, Pki, root
from chainpilot.pki.certificate import Certificate, load_certificate
from chainpilot.pki.der import read_parts
from chainpilot.station import EvseSecurity
from chainpilot.station.agent.contracts.authorization import Contracts, LocalList
from chainpilot.station.agent.events.types import SecurityEvent
from chainpilot.station.agent.ports import MemoryFault, QueuedEvent, Voice
from chainpilot.station.agent.settings.values import Settings
from chainpilot.wire.ocpp201 import AuthorizationStatus
from clocks import SetClock
from derwriter import bit_string, integer, sequence, signature
from forge import Forged, forge

__all__ = ["EMAID", "URL", "Names", "PlainAnswers", "World", "contract", "mo_pki", "renumbered", "tampered", "with_url"]

EMAID = "DEABCC12345678"
URL = "http://ocsp.example/mo"


def with_url(url: str = URL) -> tuple[x509.ExtensionType, bool]:
    """The extension that names an OCSP responder."""
    place = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url))
    return x509.AuthorityInformationAccess([place]), False


def mo_pki(*, url: bool = True, until: datetime = UNTIL) -> Pki:
    """A mobility operator's root and two sub-CAs; `url`: they name a responder. The lower one ends `until`."""
    more = (with_url(),) if url else ()
    top = root("MO Root", domain="MO")
    middle = forge("MO Sub1", top, ca=True, begin=FROM, end=UNTIL, domain="MO", extensions=more)
    return Pki(top, middle, forge("MO Sub2", middle, ca=True, begin=FROM, end=until, domain="MO", extensions=more))


def contract(pki: Pki, emaid: str = EMAID, *, url: bool = True, **changes: Any) -> Forged:
    """A contract leaf; `changes` are `forge`'s arguments."""
    more = (with_url(),) if url else ()
    given = {"domain": "MO", "begin": FROM, "end": UNTIL, **changes}
    given["extensions"] = (*more, *given.pop("extensions", ()))
    return forge(emaid, pki.issuing, **given)


def tampered(leaf: Certificate) -> Certificate:
    """The same certificate with a signature that nobody made."""
    return load_certificate(leaf.der[:-1] + bytes([leaf.der[-1] ^ 1]))


def renumbered(forged: Forged, issuer: Forged, number: int) -> Certificate:
    """The same certificate with another serial number, which the library writes to 20 octets only."""
    signed, algorithm = read_parts(forged.certificate.der)[:2]
    first, _, *others = [field.encoding for field in signed.children()]
    content = sequence(first, integer(number), *others)
    return load_certificate(sequence(content, algorithm.encoding, bit_string(signature(issuer.key, content, "sha256"))))


class Names:
    """A local authorization list."""

    def __init__(self, **entries: AuthorizationStatus) -> None:
        self.entries = entries
        self.asked: list[str] = []

    def status(self, emaid: str) -> AuthorizationStatus | None:
        """As it was given."""
        self.asked.append(emaid)
        return self.entries.get(emaid)


class PlainAnswers:
    """What a memory keeps for a time, without a disk; of the rest of `Memory` the agent's contracts use nothing."""

    def __init__(self) -> None:
        self.entries: dict[str, tuple[bytes, datetime]] = {}
        self.broken: set[str] = set()
        """Names of methods that fail."""
        self.gate = threading.Event()
        """While it is clear, the memory is busy."""
        self.gate.set()
        self.entered = threading.Event()

    def _begin(self, method: str) -> None:
        self.entered.set()
        assert self.gate.wait(20)
        if method in self.broken:
            raise MemoryFault("the disk is full")

    def keep(self, key: str, data: bytes, until: datetime) -> None:
        """See Memory."""
        self._begin("keep")
        self.entries[key] = (data, until)

    def kept(self, key: str, at: datetime) -> bytes | None:
        """See Memory."""
        self._begin("kept")
        data, until = self.entries.get(key, (None, at))
        return data if at <= until else None

    def forget(self, key: str | None = None) -> None:
        """See Memory."""
        self._begin("forget")
        if key is None:
            self.entries.clear()
        else:
            self.entries.pop(key, None)

    def read(self, name: str) -> bytes | None:
        """See Memory."""
        raise NotImplementedError

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        """See Memory."""
        raise NotImplementedError

    def add_event(self, event: SecurityEvent, *, queued: bool = True, once: bool = False) -> bool:
        """See Memory."""
        raise NotImplementedError

    def queued_events(self, limit: int) -> tuple[QueuedEvent, ...]:
        """See Memory."""
        raise NotImplementedError

    def settle_event(self, number: int) -> None:
        """See Memory."""
        raise NotImplementedError

    def security_log(self, oldest: datetime | None, latest: datetime | None) -> Iterable[SecurityEvent]:
        """See Memory."""
        raise NotImplementedError


@dataclass
class World:
    """A station whose connection, settings and clock a test sets."""

    security: EvseSecurity
    voice: Voice | None = None
    settings: Settings = field(default_factory=Settings)
    memory: PlainAnswers = field(default_factory=PlainAnswers)
    clock: SetClock = field(default_factory=SetClock)
    is_time_trusted: Callable[[], bool] = lambda: True

    def contracts(self, *, local_list: LocalList | None = None, offline_unknown_emaid: bool = False) -> Contracts:
        """The agent's part about contracts, in this world."""
        return Contracts(
            self.security,
            self.memory,
            lambda: self.settings,
            lambda: self.voice,
            self.clock,
            is_time_trusted=self.is_time_trusted,
            local_list=local_list,
            offline_unknown_emaid=offline_unknown_emaid,
        )
