"""The back office put together: the only place that builds adapters.

Metrics, the HTTP API and the pages are not handled here yet.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Self

from chainpilot.clock import SYSTEM, Clock
from chainpilot.cpms.adapters.est_http import EstHttp
from chainpilot.cpms.adapters.est_transport import EstSetupError
from chainpilot.cpms.adapters.gateway import Gateway, Judges, ListenerSetupError, Sessions
from chainpilot.cpms.adapters.ocsp_http import OcspHttp
from chainpilot.cpms.adapters.sql import SqlLedger
from chainpilot.cpms.ca_office import open_cas
from chainpilot.cpms.calls import CallDesk
from chainpilot.cpms.client_standing import ClientRevocations
from chainpilot.cpms.config import CpmsConfig
from chainpilot.cpms.contracts import NoContracts
from chainpilot.cpms.enrolment import CacertsShelf, CsrProfile, Office
from chainpilot.cpms.issuing import LocalCa
from chainpilot.cpms.journal import journal
from chainpilot.cpms.model import StationRecord, Step, StepTaken
from chainpilot.cpms.ocsp import StatusDesk
from chainpilot.cpms.passwords import PasswordChecker, is_password_hash
from chainpilot.cpms.ports import CaRefused, CaUndecided, CertificateAuthority, Issuers
from chainpilot.cpms.tokens import NoTokens
from chainpilot.cpms.trust_office import TrustOffice
from chainpilot.cpms.worker import Worker
from chainpilot.errors import OwnError
from chainpilot.link.watch import Watch
from chainpilot.pki.identity import StationId
from chainpilot.pki.trust import LeafUse

__all__ = ["Cpms", "StationRecordError", "patience_of"]

_MARGIN: Final = 5.0
"""Seconds that a job gets at shutdown on top of the PKI's time-out: to write the answer down."""
_PKI_TIMEOUT: Final = 30.0
"""Seconds assumed of a PKI that was handed in and not configured."""

_WORTH_A_WARNING: Final = frozenset(
    {
        Step.FAILED,
        Step.MESSAGE_REFUSED,
        Step.OUTCOME_UNKNOWN,
        Step.REQUEST_REFUSED,
        Step.STATUS_REFUSED,
        Step.TURNED_AWAY,
    }
)

_log: Final = journal("chainpilot.cpms")


class StationRecordError(OwnError):
    """A station's record can't be of use. Fields: `station_id`, `why` a sentence."""

    def __init__(self, station_id: StationId, why: str) -> None:
        self.station_id = station_id
        self.why = why
        super().__init__(f"the station {station_id} is not added: {why}")


class Cpms:
    """The back office as an asynchronous context: serving and working while it is entered.

    Args:
        config: validated; see `chainpilot.cpms.config`.
        clock: tells the time.
        watch: told every step right after it was taken, in the event loop's thread; what it raises is that step's
            failure.
        watch_frames: told every OCPP frame.
        authorities: used instead of EST for the PKIs named here.

    Entering raises DatabaseInUseError, LedgerFailed, ListenerSetupError, EstSetupError, CaSetupError,
    WebhookSetupError.
    """

    def __init__(
        self,
        config: CpmsConfig,
        *,
        clock: Clock = SYSTEM,
        watch: Callable[[StepTaken], None] | None = None,
        watch_frames: Watch | None = None,
        authorities: Mapping[str, CertificateAuthority] | None = None,
    ) -> None:
        self._config = config
        self._clock = clock
        self._watch = watch
        self._watch_frames = watch_frames
        self._authorities = dict(authorities or {})
        self._stack = AsyncExitStack()
        self._ledger: SqlLedger | None = None
        self._gateway: Gateway | None = None
        self._calls: CallDesk | None = None
        self._trust: TrustOffice | None = None
        self._cas: Mapping[str, LocalCa] = {}
        self._pkis: list[EstHttp] = []
        self._nudged = asyncio.Event()
        self._listeners: Mapping[str, tuple[str, int]] = {}

    @property
    def config(self) -> CpmsConfig:
        """What it was built from."""
        return self._config

    @property
    def listeners(self) -> Mapping[str, tuple[str, int]]:
        """Host and port of each listener, by its name."""
        return self._listeners

    @property
    def ledger(self) -> SqlLedger:
        """The records. Raises RuntimeError outside the context."""
        if self._ledger is None:
            raise RuntimeError("the back office is not running")
        return self._ledger

    @property
    def calls(self) -> CallDesk:
        """Where something is wanted of a station. Raises RuntimeError outside the context."""
        if self._calls is None:
            raise RuntimeError("the back office is not running")
        return self._calls

    @property
    def trust(self) -> TrustOffice:
        """What counts as an anchor, and where that is decided. Raises RuntimeError outside the context."""
        if self._trust is None:
            raise RuntimeError("the back office is not running")
        return self._trust

    @property
    def cas(self) -> Mapping[str, LocalCa]:
        """The operator's own CAs by name: what they issued, and where it is revoked; empty outside the context."""
        return self._cas

    async def add_station(self, record: StationRecord, *, reset_profile: bool = False) -> None:
        """Write a station's record, new or changed.

        Args:
            record: instead of the former one; the profile the station has reached and the encoding it was seen to
                write are kept.
            reset_profile: the station was replaced or starts anew: it may come on the record's minimum profile again.

        Dialects, spellings and passwords on offer are kept too; a password of another hash ends the offers, so read the
        record anew before it is changed.

        Raises:
            StationRecordError: no station could ever log in with this record.
            LedgerFailed: it could not be written.
        """
        if record.password_hash and not is_password_hash(record.password_hash):
            raise StationRecordError(
                record.station_id, "its password_hash is no hash: make it with chainpilot.cpms.passwords.hash_password"
            )
        if record.password_hash and ":" in record.station_id:
            raise StationRecordError(
                record.station_id,
                "its id holds a colon, where HTTP Basic ends the user name (RFC 7617), so no password can let it in",
            )
        await self.ledger.put_station(record, reset_profile=reset_profile)

    async def reload(self) -> tuple[ListenerSetupError | EstSetupError, ...]:
        """Read the listeners' certificates and keys again, and those we show to PKIs; no connection ends.

        Returned are the faults of files that can't be used, whose place keeps what it showed. Of the configuration
        nothing else is read again. Raises RuntimeError outside the context.
        """
        if self._gateway is None:
            raise RuntimeError("the back office is not running")
        failed: list[ListenerSetupError | EstSetupError] = [*await self._gateway.reload()]
        for pki in self._pkis:
            try:
                pki.reload()
            except EstSetupError as error:
                _log.error("client_certificate_kept", pki=pki.name, detail=error.why)
                failed.append(error)
        return tuple(failed)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._ledger = await SqlLedger.open(self._config.database.file)
            stack.push_async_callback(self._ledger.close)
            passwords = PasswordChecker(self._clock)
            stack.callback(passwords.close)
            sessions = Sessions()
            trust = await stack.enter_async_context(TrustOffice.open(self._config, self._ledger, self._clock))
            self._cas = await stack.enter_async_context(open_cas(self._config, self._ledger, self._clock))
            office = await self._staff(stack, self._ledger, sessions, trust)
            calls = CallDesk(office)
            worker = Worker(office, calls, self._nudged)
            stack.push_async_callback(self._drain, worker)
            stack.push_async_callback(_end, asyncio.create_task(worker.run(), name="worker"))
            gateway = Gateway(
                office,
                sessions,
                passwords,
                self._config.server,
                calls=calls,
                judges=Judges(NoTokens(), NoContracts(), await self._statuses(stack, office, trust.desk)),
                watch_frames=self._watch_frames,
            )
            self._listeners = {**await gateway.start(self._config.listeners), **trust.listeners}
            self._gateway, self._calls, self._trust = gateway, calls, trust
            stack.push_async_callback(gateway.stop)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ledger = self._gateway = self._calls = self._trust = None
        self._pkis.clear()
        self._cas = {}
        await self._stack.aclose()

    async def _staff(self, stack: AsyncExitStack, ledger: SqlLedger, sessions: Sessions, trust: TrustOffice) -> Office:
        config = self._config
        authorities = {**self._cas, **self._authorities}
        signer = config.pkis.get(config.issue.get(LeafUse.V2G, ""))
        for name, pki in config.pkis.items():
            if name not in authorities:
                reached = await stack.enter_async_context(EstHttp(pki, clock=self._clock))
                authorities[name] = reached
                self._pkis.append(reached)
        return Office(
            ledger=ledger,
            links=sessions,
            authorities=authorities,
            issue_at=config.issue,
            anchors=trust.anchors,
            policy=config.policy,
            allow_test_pki=config.allow_test_pki,
            csr_profile=signer.csr_profile if signer is not None else CsrProfile.ANY,
            clock=self._clock,
            watch=self._note,
            nudge=self._nudged.set,
            lists=trust.lists,
            roots=trust.desk,
            clients=ClientRevocations(trust, self._cas, self._clock),
            shelf=CacertsShelf(trust.desk),
        )

    async def _statuses(self, stack: AsyncExitStack, office: Office, issuers: Issuers) -> StatusDesk:
        ocsp = self._config.ocsp
        responders = OcspHttp(timeout=ocsp.timeout, allow_networks=ocsp.allow_networks)
        await stack.enter_async_context(responders)
        desk = StatusDesk(
            issuers, responders, ocsp.targets, self._clock, self._note, look_again=lambda: _ask_for_cas(office)
        )
        stack.push_async_callback(desk.close)
        return desk

    async def _drain(self, worker: Worker) -> None:
        patience = patience_of(self._config)
        detail = f"running jobs get up to {patience:.0f} s, the longest PKI time-out and a margin"
        _log.info("stopping", detail=detail)
        await worker.drain(patience)

    def _note(self, taken: StepTaken) -> None:
        use = taken.use.value if taken.use else None
        is_bad_end = taken.step is Step.CALL_ENDED and "reason" in taken.facts
        write = _log.warning if is_bad_end or taken.step in _WORTH_A_WARNING else _log.info
        write(taken.step.value, station=taken.station_id, enrolment=taken.enrolment_id, use=use, **taken.facts)
        if self._watch is not None:
            self._watch(taken)


def patience_of(config: CpmsConfig) -> float:
    """Seconds that running jobs get to end at an orderly stop.

    A POST that is cut off leaves its outcome unknown and may cost a certificate, so it gets all of its PKI's time-out
    and then some, for the answer to be written down.
    """
    return max((pki.timeout for pki in config.pkis.values()), default=_PKI_TIMEOUT) + _MARGIN


async def _ask_for_cas(office: Office) -> None:
    """Have every PKI show its CAs; one that doesn't has its reason told where it is asked for a certificate."""
    fetches = (office.shelf.fetch(name, authority) for name, authority in office.authorities.items())
    for found in await asyncio.gather(*fetches, return_exceptions=True):
        if isinstance(found, BaseException) and not isinstance(found, CaRefused | CaUndecided):
            raise found


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
