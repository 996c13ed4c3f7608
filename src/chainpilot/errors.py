"""The exceptions of chainpilot: one root, three families, and under them what the rooms define.

ChainpilotError
├── PeerError
│   ├── SuccessorUnfit  (cpms.adapters.est_renewal)
│   ├── AddressRefused  (cpms.adapters.outbound)
│   ├── DraftRefused  (cpms.issuing.drafting)
│   ├── UrlRefused  (cpms.ocsp.targets)
│   ├── CaRefused  (cpms.ports.authorities)
│   ├── ResponderSilent  (cpms.ports.responders)
│   ├── StationRefused  (cpms.ports.stations)
│   ├── CallRefused  (link.faults)
│   ├── RpcFault  (link.faults)
│   ├── ArtifactError  (pki.artifact.armour)
│   ├── KeyReadError  (pki.artifact.keys)
│   ├── CertificateError  (pki.certificate)
│   ├── ChainError  (pki.chain)
│   ├── CrlError  (pki.crl)
│   ├── CsrError  (pki.csr)
│   ├── DerError  (pki.der)
│   ├── EncodingError  (pki.encoding)
│   ├── IdentityError  (pki.identity)
│   ├── OcspRequestError  (pki.ocsp.requests)
│   ├── Pkcs7Error  (pki.pkcs7)
│   ├── DialRefused  (station.adapters.ocpp_client)
│   ├── NotUnderstood  (station.agent.ports)
│   ├── TransferRefused  (station.agent.ports)
│   ├── SettingRefused  (station.agent.settings.refusals)
│   ├── ShapeError  (station.schema)
│   ├── IssueError  (testpki.issuer)
│   ├── BodyError  (wire.est.bodies)
│   ├── JsonError  (wire.jsontext)
│   ├── FrameError  (wire.ocppj.frames)
│   ├── OpcpError  (wire.opcp)
│   ├── FieldFault  (wire.pnc.fields)
│   └── SchemaBreach  (wire.schema)
├── OwnError
│   ├── RootNotInstalled  (cli.demo.cast)
│   ├── LeafMissing  (cli.demo.openssl)
│   ├── FolderInUse  (cli.demo.stage)
│   ├── FolderRefused  (cli.demo.stage)
│   ├── DemoFailed  (cli.demo.timeline)
│   ├── SourceError  (cli.source)
│   ├── NotCarriedOut  (cli.station.work.material)
│   ├── CaSetupError  (cpms.adapters.ca_material)
│   ├── OutcomeUnknown  (cpms.adapters.est_renewal)
│   ├── RenewalFileError  (cpms.adapters.est_renewal)
│   ├── EstSetupError  (cpms.adapters.est_transport)
│   ├── ListenerSetupError  (cpms.adapters.gateway.keyring)
│   ├── DatabaseInUseError  (cpms.adapters.sql.files)
│   ├── WebhookSetupError  (cpms.adapters.webhook)
│   ├── StationRecordError  (cpms.app)
│   ├── Hopeless  (cpms.calls.conversation)
│   ├── DemandRefused  (cpms.calls.judging)
│   ├── ConfigError  (cpms.config.settings)
│   ├── ListUnpublished  (cpms.issuing.authority)
│   ├── RevocationRefused  (cpms.issuing.authority)
│   ├── SignatureBroken  (cpms.issuing.drafting)
│   ├── ImpossibleCallTransition  (cpms.model.calls)
│   ├── ImpossibleTransition  (cpms.model.states)
│   ├── FingerprintError  (cpms.model.trust)
│   ├── ImpossibleTrustDecision  (cpms.model.trust)
│   ├── PasswordFormatError  (cpms.passwords)
│   ├── KeyUnavailable  (cpms.ports.issuing)
│   ├── LedgerConflict  (cpms.ports.ledger)
│   ├── LedgerFailed  (cpms.ports.ledger)
│   ├── QuotaSpent  (cpms.ports.ledger)
│   ├── TooManyCalls  (cpms.ports.ledger)
│   ├── NotSpoken  (cpms.ports.stations)
│   ├── TrustRefused  (cpms.trust.terms)
│   ├── KeyUriError  (pkcs11.reference)
│   ├── TokenUnusable  (pkcs11.settings)
│   ├── NotAttachable  (station.adapters.mobilityhouse.attached)
│   ├── SharesError  (station.adapters.mobilityhouse.shares)
│   ├── ProfileNotReady  (station.adapters.ocpp_client)
│   ├── CsrNotMade  (station.agent.enrolment.signing)
│   ├── RecordUnreadable  (station.agent.firmware.record)
│   ├── ImpossibleFirmwareStep  (station.agent.firmware.states)
│   ├── FloorUnreadable  (station.agent.ports)
│   ├── InstallRefused  (station.agent.ports)
│   ├── LogUnreadable  (station.agent.ports)
│   ├── MemoryFault  (station.agent.ports)
│   │   └── MemoryFull  (station.agent.ports)
│   ├── StepRefused  (station.agent.settings.refusals)
│   ├── StationConfigError  (station.agent.setup)
│   ├── StoreConfigError  (station.layout)
│   ├── KeyFileError  (station.providers.errors)
│   ├── KeyMakingError  (station.providers.errors)
│   ├── PendingRecordError  (station.store.pending)
│   ├── VaultError  (station.vault.errors)
│   │   ├── VaultReadError  (station.vault.errors)
│   │   └── VaultWriteError  (station.vault.errors)
│   │       └── VaultFull  (station.vault.errors)
│   ├── HostNameError  (testpki.address)
│   ├── ListenError  (testpki.address)
│   ├── NameMissingError  (testpki.address)
│   ├── NotStarted  (testpki.app)
│   ├── NoSuchAuthority  (testpki.authorities)
│   ├── CabinetError  (testpki.cabinet)
│   │   ├── FolderInUseError  (testpki.cabinet)
│   │   └── ForeignFolderError  (testpki.cabinet)
│   ├── OrderRefused  (testpki.control)
│   ├── HierarchyError  (testpki.declaration)
│   ├── NoSuchFault  (testpki.faults)
│   ├── NoSuchLabel  (testpki.office)
│   ├── NotIssued  (testpki.office)
│   ├── NotRevocable  (testpki.office)
│   ├── NotRunning  (testpki.orders)
│   ├── PathError  (wire.est.paths)
│   ├── UnwritableJsonError  (wire.jsontext)
│   ├── UnwritableFrameError  (wire.ocppj.frames)
│   ├── NotInProgressError  (wire.ocppj.rpc)
│   ├── QueueFullError  (wire.ocppj.rpc)
│   ├── RpcClosedError  (wire.ocppj.rpc)
│   ├── InexpressibleError  (wire.pnc.fields)
│   └── UnwritableMessageError  (wire.schema)
└── UndecidedError
    ├── DemoTooSlow  (cli.demo.timeline)
    ├── CaUndecided  (cpms.ports.authorities)
    ├── StationUndecided  (cpms.ports.stations)
    ├── ListMissing  (cpms.ports.trust)
    ├── RootsMissing  (cpms.ports.trust)
    ├── CallTimedOut  (link.faults)
    ├── LinkClosed  (link.faults)
    ├── SocketClosed  (link.faults)
    ├── DialUndecided  (station.adapters.ocpp_client)
    ├── TransferUndecided  (station.agent.ports)
    ├── Unanswered  (station.agent.presence)
    ├── VaultBusy  (station.vault.errors)
    └── OrderNotAnswered  (testpki.control)

A class stands in the room that raises it; this docstring lists them all, and a test compares it with the classes.
An exception holds typed data and composes its sentence last. What a family means for the peer (an OCPP status, an
HTTP code, an exit code) is mapped at each border, not here.
"""

import traceback
from pathlib import Path
from typing import Final

__all__ = ["ChainpilotError", "OwnError", "PeerError", "UndecidedError", "outline"]

_MAX_CAUSES: Final = 6
_MAX_PLACES: Final = 8
_MAX_OUTLINE: Final = 2000
"""Causes, places each and characters kept of an exception: enough to find the line, whatever was raised."""


class ChainpilotError(Exception):
    """Everything that chainpilot raises on purpose."""


class PeerError(ChainpilotError):
    """The peer is wrong: what came from outside is malformed, unacceptable or refused."""


class OwnError(ChainpilotError):
    """We are wrong: configuration, disk, permissions, or a state that should not be."""


class UndecidedError(ChainpilotError):
    """We can't tell: a time-out, an unreachable or broken connection; the peer may or may not have acted."""


def outline(error: BaseException) -> str:
    """Kinds and places of an exception and its causes, for a log line with an incident id.

    Only our own family's sentences are quoted: a foreign exception's text may hold the payload it failed on.
    """
    told: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(told) < _MAX_CAUSES:
        said = f" ({cause})" if isinstance(cause, ChainpilotError) else ""
        told.append(f"{type(cause).__name__}{said} at {_places(cause)}")
        cause = cause.__cause__ or cause.__context__
    return "; from ".join(told)[:_MAX_OUTLINE]


def _places(error: BaseException) -> str:
    """Innermost first."""
    frames = list(traceback.walk_tb(error.__traceback__))[-_MAX_PLACES:]
    named = (f"{Path(frame.f_code.co_filename).name}:{line} {frame.f_code.co_name}" for frame, line in reversed(frames))
    return " < ".join(named) or "unknown"
