"""The world around the back office, played: a CA that really signs, and a station that really stores.

Both implement the ports, and both misbehave in ways that a test switches on by name.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from chainpilot.cpms.model import Reason, RetryClass
from chainpilot.cpms.ports import (
    CaPending,
    CaRefused,
    CaUndecided,
    IssuedBag,
    StationRefused,
    StationUndecided,
)
from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.chain import MAX_CERTIFICATES, chain_from_stack
from chainpilot.pki.csr import Csr, build_csr
from chainpilot.pki.encoding import PemLabel, TextEncoding, write_blocks
from chainpilot.pki.hashdata import CertificateHashData, chain_hash_data
from chainpilot.pki.identity import DistinguishedName, StationId
from chainpilot.pki.keys import PrivateKey
from chainpilot.pki.trust import TrustAnchors
from chainpilot.pki.verify import VerifiedChain, verify
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.fields import NO_QUIRKS, Quirk
from chainpilot.wire.pnc.messages import (
    CertificateHashDataChain,
    CertificateSignedRequest,
    CertificateSignedResponse,
    GetInstalledCertificateIdsRequest,
    GetInstalledCertificateIdsResponse,
    PncRequest,
    PncResponse,
)
from chainpilot.wire.pnc.words import CertificateUse, GenericStatus, GetInstalledCertificateStatus
from chainpilot.wire.schema import Message
from chainpilot.wire.version import OcppVersion
from forge import BEGIN, END, Forged, forge

__all__ = [
    "CaFault",
    "Ladder",
    "SimulatedCa",
    "SimulatedStation",
    "StationFault",
    "csms_ladder",
    "csr_text",
    "odd_csr_text",
    "private_key_pem",
    "v2g_ladder",
]


@dataclass(frozen=True)
class Ladder:
    """A root and the sub-CAs below it, nearest to the root first."""

    root: Forged
    subs: tuple[Forged, ...]

    @property
    def issuing(self) -> Forged:
        """The CA that signs leaves."""
        return self.subs[-1]

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """Sub-CAs and root."""
        return (*(sub.certificate for sub in self.subs), self.root.certificate)

    @property
    def anchors(self) -> TrustAnchors:
        """The root alone."""
        return TrustAnchors.admit([self.root.certificate])


def v2g_ladder(name: str = "V2G Root", *, sub2_until: datetime | None = None) -> Ladder:
    """V2G root, CPO Sub1, CPO Sub2."""
    far = BEGIN + timedelta(days=3650)
    root = forge(name, ca=True, domain="V2G", end=far)
    sub1 = forge("CPO Sub1", root, ca=True, path_length=1, end=far)
    return Ladder(root, (sub1, forge("CPO Sub2", sub1, ca=True, path_length=0, end=sub2_until or far)))


def csms_ladder() -> Ladder:
    """CSMS root and one issuing CA."""
    far = BEGIN + timedelta(days=3650)
    root = forge("CSMS Root", ca=True, domain="CSMS", end=far)
    return Ladder(root, (forge("CSMS Issuing", root, ca=True, path_length=0, domain="CSMS", end=far),))


def csr_text(
    key: PrivateKey,
    common_name: str,
    *,
    organization: str = "Operator",
    encoding: TextEncoding = TextEncoding.PEM,
    domain: str | None = "CPO",
) -> str:
    """A signing request as a station sends it."""
    subject = DistinguishedName("DE", organization, common_name, domain)
    return write_blocks([build_csr(key, subject)], PemLabel.CERTIFICATE_REQUEST, encoding)


def odd_csr_text(
    key: PrivateKey,
    attributes: Iterable[tuple[x509.ObjectIdentifier, str]],
    extensions: Iterable[x509.ExtensionType] = (),
) -> str:
    """A signing request, PEM, with any subject and any wishes."""
    name = x509.Name([x509.NameAttribute(oid, text) for oid, text in attributes])
    builder = x509.CertificateSigningRequestBuilder(name)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def private_key_pem(key: PrivateKey) -> bytes:
    """PKCS#8, not encrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class CaFault(Enum):
    """What a CA can do wrong, or simply not do."""

    WRONG_KEY = auto()
    OTHER_SUBJECT = auto()
    ADDED_UNIT = auto()
    """An OU that nobody asked for."""
    CA_CERTIFICATE = auto()
    WEAK_PROFILE = auto()
    """Key usage without digitalSignature."""
    EXPIRED_LEAF = auto()
    MISSING_SUB2 = auto()
    STRANGER = auto()
    """Signed below a root that nobody trusts."""
    EMPTY_ANSWER = auto()
    PENDING = auto()
    REFUSED = auto()
    NOT_REGISTERED = auto()
    BUSY = auto()
    """A refusal worth another try by itself."""
    UNREACHABLE = auto()
    """Nothing was sent."""
    BROKEN_OFF = auto()
    """It issued, and the answer was lost."""
    GARBLED = auto()
    """It issued, and nobody can read its answer."""
    CROWDED = auto()
    """cacerts has as many certificates as are read."""
    CACERTS_UNREACHABLE = auto()
    CACERTS_REFUSED = auto()
    CACERTS_BUSY = auto()


@dataclass
class SimulatedCa:
    """`CertificateAuthority` that signs what it is asked for, and counts."""

    ladder: Ladder
    repost_safe: bool = False
    faults: set[CaFault] = field(default_factory=set)
    pending_until: datetime = BEGIN
    leaf_from: datetime = BEGIN
    leaf_until: datetime = END
    client: bool = False
    """Issues client certificates."""
    meanwhile: Callable[[], Awaitable[None]] | None = None
    """What happens once between a POST and its answer."""
    posts: int = 0
    cacerts_reads: int = 0
    issued: list[tuple[str, Certificate]] = field(default_factory=list)
    """Key of the request, certificate; one line a signature made."""

    async def cacerts(self) -> tuple[Certificate, ...]:
        """Root and sub-CAs, shuffled."""
        self.cacerts_reads += 1
        if CaFault.CACERTS_UNREACHABLE in self.faults:
            raise CaUndecided("no route", sent=False)
        if CaFault.CACERTS_REFUSED in self.faults:
            raise CaRefused(Reason.PKI_ANSWER_UNREADABLE, "200 with text/html", RetryClass.AFTER_A_CHANGE)
        if CaFault.CACERTS_BUSY in self.faults:
            raise CaRefused(Reason.PKI_UNAVAILABLE, "503", RetryClass.BY_ITSELF)
        bag = list(self.ladder.certificates)
        if CaFault.MISSING_SUB2 in self.faults:
            bag.remove(self.ladder.issuing.certificate)
        if CaFault.CROWDED in self.faults:
            bag += [v2g_ladder().issuing.certificate for _ in range(MAX_CERTIFICATES - len(bag))]
        random.shuffle(bag)
        return tuple(bag)

    async def simpleenroll(self, csr: Csr) -> IssuedBag | CaPending:
        """Sign, or whatever the faults say."""
        if CaFault.UNREACHABLE in self.faults:
            raise CaUndecided("connection refused", sent=False)
        self.posts += 1
        self._refuse()
        if CaFault.PENDING in self.faults:
            return CaPending(self.pending_until)
        certificate = self._sign(csr)
        if self.meanwhile is not None:
            happening, self.meanwhile = self.meanwhile, None
            await happening()
        if CaFault.GARBLED in self.faults:
            raise CaRefused(Reason.PKI_ANSWER_UNREADABLE, "200 with text/html", RetryClass.AFTER_A_CHANGE)
        if CaFault.BROKEN_OFF in self.faults:
            raise CaUndecided("the connection broke", sent=True)
        return IssuedBag(() if CaFault.EMPTY_ANSWER in self.faults else (certificate,))

    def _refuse(self) -> None:
        if CaFault.REFUSED in self.faults:
            raise CaRefused(Reason.PKI_REFUSED, "it says no", RetryClass.NEVER, trace="t-1")
        if CaFault.NOT_REGISTERED in self.faults:
            raise CaRefused(Reason.PKI_NAME_NOT_REGISTERED, "403", RetryClass.AFTER_A_CHANGE)
        if CaFault.BUSY in self.faults:
            raise CaRefused(Reason.PKI_UNAVAILABLE, "503", RetryClass.BY_ITSELF)

    def _sign(self, csr: Csr) -> Certificate:
        if self.repost_safe:
            for key, certificate in self.issued:
                if key == csr.spki_hash:
                    return certificate
        certificate = self._forge(csr)
        self.issued.append((csr.spki_hash, certificate))
        return certificate

    def _forge(self, csr: Csr) -> Certificate:
        faults = self.faults
        half: Any = csr.public_key
        if CaFault.WRONG_KEY in faults:
            half = ec.generate_private_key(ec.SECP256R1()).public_key()
        subject = x509.load_der_x509_csr(csr.der).subject
        if CaFault.ADDED_UNIT in faults:
            subject = x509.Name([*subject, x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "admins")])
        changes: dict[str, Any] = {}
        if CaFault.WEAK_PROFILE in faults:
            changes["usage"] = {"key_agreement": True}
        if CaFault.CA_CERTIFICATE in faults:
            changes["ca"] = True
        if self.client:
            changes["eku"] = (ExtendedKeyUsageOID.CLIENT_AUTH,)
        return forge(
            csr.common_name,
            (v2g_ladder("Stranger") if CaFault.STRANGER in faults else self.ladder).issuing,
            subject=None if CaFault.OTHER_SUBJECT in faults else subject,
            organization="Somebody Else",
            public_key=half,
            begin=self.leaf_from,
            end=BEGIN + timedelta(days=1) if CaFault.EXPIRED_LEAF in faults else self.leaf_until,
            **changes,
        ).certificate


class StationFault(Enum):
    """What a station can do wrong, or simply not do."""

    REJECTS = auto()
    CALL_ERROR = auto()
    """CALLERROR NotSupported to CertificateSigned."""
    BUSY = auto()
    """CALLERROR InternalError to CertificateSigned."""
    DROPS_OUT = auto()
    """The connection ends under GetInstalledCertificateIds."""
    NO_LIST = auto()
    """Refuses GetInstalledCertificateIds."""
    SILENT_LIST = auto()
    """Never answers GetInstalledCertificateIds."""
    EMPTY_LIST = auto()
    """Accepts and lists another leaf."""
    NO_CHILDREN = auto()
    SILENT = auto()
    """Takes messages and never answers."""
    SILENT_AFTER_INSTALL = auto()
    """Installs, and the connection breaks under the answer, once."""


@dataclass
class SimulatedStation:
    """One station behind `StationLink`: verifies against its anchors, stores, lists."""

    station_id: StationId
    anchors: TrustAnchors
    at: datetime
    online: bool = True
    faults: set[StationFault] = field(default_factory=set)
    received: list[PncRequest] = field(default_factory=list)
    installed: list[str] = field(default_factory=list)
    """Fingerprints, one a distinct installation."""
    texts: list[str] = field(default_factory=list)
    """The chains as they came."""
    held: VerifiedChain | None = None
    meanwhile: Callable[[], Awaitable[None]] | None = None
    """What happens once between an installation and its answer."""
    beside: tuple[CertificateHashData, ...] = ()
    """Another chain it holds, listed first; the list is then flat, as dialect H writes it."""

    def connected(self, station_id: StationId) -> bool:
        """Whether it is this one, and online."""
        return self.online and station_id == self.station_id

    def version(self, station_id: StationId) -> OcppVersion:
        """It speaks 1.6."""
        if not self.connected(station_id):
            raise StationUndecided("the station is offline", sent=False)
        return OcppVersion.V16

    def dialects(self, station_id: StationId, request: PncRequest) -> tuple[Dialect, ...]:
        """It is asked in H."""
        if not self.connected(station_id):
            raise StationUndecided("the station is offline", sent=False)
        return (Dialect.H,)

    def note(self, station_id: StationId, dialect: Dialect) -> tuple[Dialect, ...] | None:
        """Nothing is news of it."""
        return None

    async def tell(self, station_id: StationId, message: Message) -> Message:
        """It knows none of them."""
        raise StationRefused("CALLERROR NotImplemented: no")

    async def ask(
        self,
        station_id: StationId,
        request: PncRequest,
        quirks: frozenset[Quirk] = NO_QUIRKS,
        dialect: Dialect | None = None,
    ) -> PncResponse:
        """Answer as a station does."""
        await asyncio.sleep(0)
        if not self.connected(station_id):
            raise StationUndecided("the station is offline", sent=False)
        self.received.append(request)
        if StationFault.SILENT in self.faults:
            raise StationUndecided("no answer in time", sent=True)
        match request:
            case CertificateSignedRequest():
                answer = self._install(request)
                if self.meanwhile is not None:
                    happening, self.meanwhile = self.meanwhile, None
                    await happening()
                return answer
            case GetInstalledCertificateIdsRequest():
                return self._list()
            case _:
                raise StationRefused("NotImplemented")

    @property
    def signed(self) -> list[CertificateSignedRequest]:
        """The CertificateSigned messages that came."""
        return [request for request in self.received if isinstance(request, CertificateSignedRequest)]

    @property
    def questions(self) -> int:
        """How often it was asked what it has installed."""
        return len(self.received) - len(self.signed)

    def _install(self, request: CertificateSignedRequest) -> PncResponse:
        if StationFault.CALL_ERROR in self.faults:
            raise StationRefused("CALLERROR NotSupported: no")
        if StationFault.BUSY in self.faults:
            raise StationUndecided("CALLERROR InternalError: too many tasks at work already", sent=True)
        if StationFault.REJECTS in self.faults:
            return CertificateSignedResponse(GenericStatus.REJECTED, "InvalidCertificate")
        chain = chain_from_stack(load_certificates(request.certificate_chain))
        verified = verify(chain, self.anchors, max(self.at, chain.leaf.not_before))
        if not isinstance(verified, VerifiedChain):
            return CertificateSignedResponse(GenericStatus.REJECTED, verified.detail)
        self.texts.append(request.certificate_chain)
        self.held = verified
        if chain.leaf.fingerprint not in self.installed:
            self.installed.append(chain.leaf.fingerprint)
        if StationFault.SILENT_AFTER_INSTALL in self.faults:
            self.faults.discard(StationFault.SILENT_AFTER_INSTALL)
            raise StationUndecided("the connection broke", sent=True)
        return CertificateSignedResponse(GenericStatus.ACCEPTED)

    def _list(self) -> PncResponse:
        if StationFault.NO_LIST in self.faults:
            raise StationRefused("UnknownMessageId: unknown")
        if StationFault.DROPS_OUT in self.faults:
            self.online = False
        if self.faults & {StationFault.SILENT_LIST, StationFault.DROPS_OUT}:
            raise StationUndecided("no answer in time", sent=True)
        if self.held is None:
            return GetInstalledCertificateIdsResponse(GetInstalledCertificateStatus.NOT_FOUND)
        leaf, *children = chain_hash_data(self.held)
        if StationFault.EMPTY_LIST in self.faults:
            leaf = children[0]
        if self.beside:
            flat = tuple(CertificateHashDataChain(None, entry) for entry in (*self.beside, leaf, *children))
            return GetInstalledCertificateIdsResponse(GetInstalledCertificateStatus.ACCEPTED, flat)
        listed = CertificateHashDataChain(
            certificate_type=CertificateUse.V2G_CERTIFICATE_CHAIN,
            certificate_hash_data=leaf,
            child_certificate_hash_data=() if StationFault.NO_CHILDREN in self.faults else tuple(children),
        )
        return GetInstalledCertificateIdsResponse(GetInstalledCertificateStatus.ACCEPTED, (listed,))
