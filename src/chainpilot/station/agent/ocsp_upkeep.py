"""Use case M06: the station keeps OCSP answers about its SECC leaves and their sub-CAs, and asks before they end.

The rules:

1. Asked about is every certificate that `get_v2g_ocsp_request_data` lists, leaves that begin later too; one a request.
2. Everything is asked about when the station starts and after each new SECC leaf; else what has no answer that holds,
   what has had none for WEEK, and what ends soon: a share of an answer's validity is left, and stations differ in it.
3. The store judges an answer before it keeps it. What is refused, not answered, or answered with an old answer again is
   asked about later, after FIRST_RETRY, then twice as long each time, at last once in LAST_RETRY. The rest goes on.
   What could not even be asked, since too many calls wait, is no failure: the round ends, and goes on after BUSY.
4. Nothing is asked while the clock isn't trusted: an answer is judged by it.
5. A CSMS that doesn't know the message is not asked again over the same connection.
6. What has no fresh answer is told in one line a connection, all certificates together; as a warning where a reason is
   new, for a CSMS that serves no OCSP says the same for years.

What is done about a revoked certificate is not handled here: its answer is kept, and cars are shown it.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from chainpilot.clock import Clock
from chainpilot.link.faults import CallRefused, CallTimedOut
from chainpilot.pki.hashdata import CertificateHashData
from chainpilot.station.agent.bell import Bell
from chainpilot.station.agent.ports import NotUnderstood, Voice
from chainpilot.station.agent.timekeeping.keeper import TimeTrust
from chainpilot.station.agent.timekeeping.watch import told
from chainpilot.station.model import (
    CertificateStoreUpdate,
    CertificateStoreUpdateOperation,
    LeafCertificateType,
    OcspKept,
    OCSPRequestData,
)
from chainpilot.station.service import EvseSecurity
from chainpilot.wire.ocppj.rpc import QueueFullError
from chainpilot.wire.pnc.messages import (
    GetCertificateStatusRequest,
    GetCertificateStatusResponse,
    OcspRequestData,
)
from chainpilot.wire.pnc.words import GetCertificateStatusStatus

__all__ = [
    "BUSY",
    "FIRST_RETRY",
    "LAST_RETRY",
    "LEAST_MARGIN",
    "LOOK_EVERY",
    "MARGIN_SHARE",
    "WEEK",
    "OcspUpkeep",
    "refresh_at",
    "retry_after",
]

MARGIN_SHARE: Final = 0.2
"""Of an answer's validity, left when the next one is asked for: a CSMS may be away for as long."""
LEAST_MARGIN: Final = timedelta(hours=1)
"""Left at least, unless that is more than half of the validity."""
WEEK: Final = timedelta(days=7)
"""At least so often a certificate is asked about, whatever its answer says (M06)."""
FIRST_RETRY: Final = timedelta(minutes=15)
LAST_RETRY: Final = timedelta(days=1)
BUSY: Final = timedelta(minutes=1)
"""Until the calls that wait before ours are sent, or given up (RpcLimits.queue_timeout)."""
LOOK_EVERY: Final = timedelta(hours=1)
"""How often the store is looked at anew: other processes change it, and tell nobody here."""
_SPREAD: Final = 0.5
"""How much earlier than it need be a station may ask, as a share of the margin: a fleet doesn't come at once."""
_WEEK_SPREAD: Final = timedelta(hours=12)
"""How much earlier than after a week."""
_NAMED: Final = 4
"""Certificates told by their serial numbers in one line: those of one chain, and a few more."""
_ACCEPTED: Final = GetCertificateStatusStatus.ACCEPTED

_log = logging.getLogger(__name__)


def refresh_at(kept: OcspKept, spread: float) -> datetime:
    """When to ask for the answer that follows; `spread` is 0 for the latest such moment, 1 for the earliest."""
    validity = kept.until - kept.this_update
    margin = min(max(validity * MARGIN_SHARE, LEAST_MARGIN), validity / 2)
    return kept.until - margin * (1 + _SPREAD * spread)


def retry_after(failures: int) -> timedelta:
    """How long to wait after that many failures in a row, 1 being the first."""
    doublings = min(failures - 1, 10)
    return min(FIRST_RETRY * (1 << doublings), LAST_RETRY)


@dataclass(slots=True)
class _Case:
    """What is known about asking for one certificate. Moments are of the monotonic clock: nobody sets it."""

    spread: float
    is_owed: bool = True
    """Whether it is to be asked about whatever is kept: the station started, or there is a new leaf."""
    answered_at: float = 0.0
    retry_at: float | None = None
    failures: int = 0
    why: str | None = None
    """Why the last asking came to nothing."""

    def due_at(self, kept: OcspKept | None, wall: datetime, monotonic: float) -> float:
        """When to ask, on the monotonic clock; `kept` is the answer that holds now."""
        if self.retry_at is not None:
            return self.retry_at
        if self.is_owed or kept is None:
            return monotonic
        weekly = self.answered_at + (WEEK - _WEEK_SPREAD * self.spread).total_seconds()
        return min(weekly, monotonic + (refresh_at(kept, self.spread) - wall).total_seconds())

    def fail(self, monotonic: float, why: str) -> None:
        """The rest of rule 3's waiting, shortened a little where stations are to differ."""
        self.failures, self.why = self.failures + 1, why
        wait = retry_after(self.failures).total_seconds()
        self.retry_at = monotonic + wait * (1 - self.spread / 4)

    def succeed(self, monotonic: float, spread: float) -> None:
        self.spread, self.is_owed, self.answered_at = spread, False, monotonic
        self.retry_at, self.failures, self.why = None, 0, None

    def begin_anew(self) -> None:
        self.is_owed, self.retry_at, self.failures = True, None, 0


class OcspUpkeep:
    """Keeps a store's OCSP answers fresh over whatever connection there is; one round of asking at a time."""

    def __init__(
        self,
        security: EvseSecurity,
        clock: Clock,
        time: TimeTrust,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Ask nothing yet; new leaves are noticed from now on, with and without a connection.

        Args:
            security: the store.
            clock: for the moments at which answers end, and for all waits.
            time: whether that clock can be trusted.
            jitter: from 0 to 1, how much earlier than others this station asks; drawn anew for each answer.
        """
        self._security = security
        self._clock = clock
        self._time = time
        self._jitter = jitter
        self._cases: dict[CertificateHashData, _Case] = {}
        self._has_new_leaf = False
        self._bell = Bell()
        self._asking = asyncio.Lock()
        self._left_out: frozenset[str] = frozenset()
        self._is_unknown = False
        self._reasons: frozenset[str] = frozenset()
        """Told already, and still so."""
        self._is_told = False
        """Whether what has no fresh answer was told over this connection."""
        self._unsubscribes = (
            security.subscribe(self._on_update),
            time.subscribe(lambda _: self._bell.ring()),
        )

    def close(self) -> None:
        """Hear of nothing more."""
        for unsubscribe in self._unsubscribes:
            unsubscribe()

    async def attend(self, voice: Voice) -> None:
        """Ask what is due over this connection, until it ends (LinkClosed) or the CSMS doesn't know the message."""
        async with self._asking:
            self._is_told = False
            while True:
                await self._time.wait_trusted()
                try:
                    until = await self._round(voice)
                except NotUnderstood as error:
                    if not self._is_unknown:
                        _log.warning("no OCSP answers come from this CSMS: %.300r", str(error))
                    self._is_unknown = True
                    return
                await self._bell.wait(self._clock, until)

    def _on_update(self, update: CertificateStoreUpdate) -> None:
        """In the thread that changed the store."""
        is_installed = update.operation is CertificateStoreUpdateOperation.INSTALLED
        if is_installed and update.leaf_certificate_type is LeafCertificateType.V2G:
            self._has_new_leaf = True
            self._bell.ring()

    async def _round(self, voice: Voice) -> float:
        """Ask about all that is due; answers when to look again, on the monotonic clock."""
        if self._has_new_leaf:  # before the store is read: a leaf that comes later owes a round of its own
            self._has_new_leaf = False
            for case in self._cases.values():
                case.begin_anew()
        wanted = await asyncio.to_thread(self._security.get_v2g_ocsp_request_data)
        standing = await asyncio.to_thread(self._security.ocsp_standing)
        kept = {one.certificate_hash_data: one for one in standing}
        self._say_left_out(wanted.left_out)
        entries = wanted.ocsp_request_data_list
        known, self._cases = self._cases, {}
        for entry in entries:
            subject = entry.certificate_hash_data
            self._cases[subject] = known.get(subject) or _Case(self._jitter())
        for entry in entries:
            if not self._time.is_trusted:
                break
            if self._due_at(entry, kept) <= self._clock.monotonic():
                try:
                    answer = await self._ask(voice, entry)
                except QueueFullError as error:
                    _log.info("OCSP answers are asked for later: %s", error)
                    return self._clock.monotonic() + BUSY.total_seconds()
                if answer is not None:
                    kept[entry.certificate_hash_data] = answer
        self._say_what_is_missing()
        latest = self._clock.monotonic() + LOOK_EVERY.total_seconds()
        return min((latest, *(self._due_at(entry, kept) for entry in entries)))

    def _due_at(self, entry: OCSPRequestData, kept: dict[CertificateHashData, OcspKept]) -> float:
        subject = entry.certificate_hash_data
        return self._cases[subject].due_at(kept.get(subject), self._clock.now(), self._clock.monotonic())

    async def _ask(self, voice: Voice, entry: OCSPRequestData) -> OcspKept | None:
        """The answer that is kept now; None where nothing was taken. Raises QueueFullError: it was not asked."""
        case = self._cases[entry.certificate_hash_data]
        kept, why = await self._answer(voice, entry)
        if kept is not None and refresh_at(kept, case.spread) <= self._clock.now():
            why = f"the CSMS has only an answer that ends {told(kept.until)}"
        if why is None:
            case.succeed(self._clock.monotonic(), self._jitter())
        else:
            case.fail(self._clock.monotonic(), why)
            _log.debug("nothing new was kept about serial number %s", entry.certificate_hash_data.serial_number)
        return kept

    async def _answer(self, voice: Voice, entry: OCSPRequestData) -> tuple[OcspKept | None, str | None]:
        """What is kept now, else why nothing is. Raises QueueFullError."""
        subject = entry.certificate_hash_data
        request = GetCertificateStatusRequest((OcspRequestData(subject, entry.responder_url),))
        try:
            answer = await voice.ask(request)
        except (CallRefused, CallTimedOut) as error:
            return None, str(error)
        except NotUnderstood as error:
            if error.is_unknown:
                raise
            return None, str(error)
        self._is_unknown = False
        if not isinstance(answer, GetCertificateStatusResponse):
            return None, "the answer is one to something else"
        if answer.status is not _ACCEPTED or answer.ocsp_result is None:
            return None, f"the CSMS answers {answer.status.value}, {answer.reason or 'without a reason'}"
        outcome = await asyncio.to_thread(self._security.cache_ocsp, subject, answer.ocsp_result)
        if outcome.kept is None:
            return None, outcome.reason or "the store took nothing"
        if outcome.kept.revoked_at is not None:
            _log.error(
                "the certificate with serial number %s is REVOKED since %s: get a new one for the station",
                subject.serial_number,
                told(outcome.kept.revoked_at),
            )
        return outcome.kept, None

    def _say_what_is_missing(self) -> None:
        """Rule 6."""
        serials: dict[str, list[str]] = {}
        for subject, case in self._cases.items():
            if case.why is not None:
                serials.setdefault(case.why, []).append(subject.serial_number)
        is_new = not serials.keys() <= self._reasons
        self._reasons = frozenset(serials)
        if serials and (is_new or not self._is_told):
            self._is_told = True
            told_of = "; about ".join(f"{_certificates(numbers)}: {why!r:.300}" for why, numbers in serials.items())
            _log.log(logging.WARNING if is_new else logging.INFO, "no fresh OCSP answer about %s", told_of)

    def _say_left_out(self, sentences: tuple[str, ...]) -> None:
        for one in sorted(frozenset(sentences) - self._left_out):
            _log.warning("nobody can be asked by OCSP: %.300r", one)
        self._left_out = frozenset(sentences)


def _certificates(serials: list[str]) -> str:
    if len(serials) == 1:
        return f"the certificate with serial number {serials[0]}"
    more = ", ..." if len(serials) > _NAMED else ""
    return f"{len(serials)} certificates (serial numbers {', '.join(serials[:_NAMED])}{more})"
