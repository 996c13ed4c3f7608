"""GetLog (use case N01): the security log, or that of the station's own software, brought to where the CSMS wants it.

One upload at a time: a newer GetLog ends the one before (N01.FR.12). Uploads go on while the connection is down, and
not over a restart: a CSMS that misses its log asks again. What of it wasn't told before a connection ended is told over
the next one, for each request its last status. The 1.6 whitepaper's GetLog is the same, but for the words for an
upload that was ended. Files are plain text; how they travel is `Transfers`'.
"""

import asyncio
import itertools
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from chainpilot.clock import Clock
from chainpilot.station.agent.locations import read_location
from chainpilot.station.agent.logs.text import LogLines
from chainpilot.station.agent.notices import tell
from chainpilot.station.agent.persistence import Tries, done_or
from chainpilot.station.agent.ports import (
    DiagnosticsLog,
    Line,
    LogUnreadable,
    MemoryFault,
    Obstacle,
    TransferRefused,
    Transfers,
    TransferUndecided,
)
from chainpilot.station.agent.waiting import sleep_or
from chainpilot.wire import ocpp16, ocpp201
from chainpilot.wire.ocpp201 import UploadLogStatus
from chainpilot.wire.security import GetLog, LogStatus, LogType
from chainpilot.wire.version import OcppVersion

__all__ = ["ANSWER_SECONDS", "MAX_UNTOLD", "LogUploads"]

ANSWER_SECONDS: Final = 60.0
"""How long an upload waits for its order's answer to be on its way, so that no status comes before it."""
MAX_UNTOLD: Final = 32
"""Statuses kept for the CSMS; the oldest go first. There are two for an upload, and one for one that was ended."""
_STATUSES: Final = {
    Obstacle.DENIED: UploadLogStatus.PERMISSION_DENIED,
    Obstacle.NOT_SUPPORTED: UploadLogStatus.NOT_SUPPORTED_OPERATION,
    Obstacle.NOT_UNDERSTOOD: UploadLogStatus.BAD_MESSAGE,
    Obstacle.OTHER: UploadLogStatus.UPLOAD_FAILURE,
}
"""N01.FR.10: "describes the reason of failure as precise as possible"."""
_MAX_NUMBER: Final = 2**53
"""A request id beyond it can't be written back exactly (RFC 8259 section 6)."""

_log = logging.getLogger(__name__)

FollowUp = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Upload:
    request_id: int
    location: str = field(repr=False)
    filename: str
    source: Callable[[], Iterable[bytes]] = field(repr=False)
    tries: Tries
    stopped: threading.Event = field(default_factory=threading.Event, repr=False)
    """Set when nobody wants it any more; the thread that reads the log sees it."""

    def content(self) -> Iterator[bytes]:
        """The log, as long as somebody wants it."""
        for piece in itertools.chain((b"",), self.source()):  # looked at before anything is read, too
            if self.stopped.is_set():
                raise TransferUndecided("nobody wants the log any more")
            yield piece


class LogUploads:
    """What the CSMS is given of the station's logs.

    Args:
        transfers: brings the files.
        lines: the security log, see `log_text.security_lines`.
        diagnostics: the log of the station's own software; None where there is none to give.
        clock: for pauses, and for the files' names.
    """

    def __init__(
        self, transfers: Transfers, lines: LogLines, diagnostics: DiagnosticsLog | None = None, *, clock: Clock
    ) -> None:
        self._transfers = transfers
        self._lines = lines
        self._diagnostics = diagnostics
        self._clock = clock
        self._upload: _Upload | None = None
        self._held: _Upload | None = None
        """Whose order isn't answered yet."""
        self._status: tuple[UploadLogStatus, int] | None = None
        """Of the upload that runs."""
        self._thread: asyncio.Future[None] | None = None
        self._untold: deque[tuple[UploadLogStatus, int]] = deque(maxlen=MAX_UNTOLD)
        self._ordered = asyncio.Event()
        self._news = asyncio.Event()

    async def order(
        self, version: OcppVersion, request: GetLog
    ) -> tuple[ocpp16.GetLogResponse | ocpp201.GetLogResponse, FollowUp | None]:
        """The answer to a GetLog, and what to await once it is on its way; `run` does the work."""
        why = self._objection(request)
        if why is not None:
            _log.warning("GetLog %d for the %s is refused: %s", request.request_id, request.log_type.value, why[1])
            return _refusal(version, *why), None
        upload = self._made(version, request)
        ended, self._upload, self._held, self._status = self._upload, upload, upload, None
        if ended is not None:
            ended.stopped.set()
            self._tell(UploadLogStatus.ACCEPTED_CANCELED, ended)
        self._ordered.set()
        status = LogStatus.ACCEPTED if ended is None else LogStatus.ACCEPTED_CANCELED
        kind = ocpp16.GetLogResponse if version is OcppVersion.V16 else ocpp201.GetLogResponse

        async def answered() -> None:
            self._release(upload)

        return kind(status, upload.filename), answered

    async def current_status(
        self, version: OcppVersion
    ) -> ocpp16.LogStatusNotification | ocpp201.LogStatusNotification:
        """What a trigger of LogStatusNotification is followed by: Idle, or how far the upload is (N01.FR.13)."""
        return _notice(version, *(self._status or (UploadLogStatus.IDLE, None)))

    async def attend(self, line: Line) -> None:
        """Tell how far uploads are over this connection until it ends; raises LinkClosed then."""
        self._untold = deque({request_id: (word, request_id) for word, request_id in self._untold}.values(), MAX_UNTOLD)
        self._release(self._held)
        while True:
            self._news.clear()
            if not self._untold:
                await self._news.wait()
                continue
            status = self._untold[0]
            # 1.6 has no word for an upload that a newer order ended: that one's answer has told it already
            if line.version is not OcppVersion.V16 or status[0] is not UploadLogStatus.ACCEPTED_CANCELED:
                await tell(line, _notice(line.version, *status), self._clock)
            if self._untold and self._untold[0] is status:
                self._untold.popleft()

    async def run(self) -> None:
        """Bring what was ordered until cancelled; beside all connections, in a task of its own from the start."""
        try:
            while True:
                self._ordered.clear()
                upload = self._upload
                if upload is None:
                    await self._ordered.wait()
                elif upload is self._held:
                    await sleep_or(self._clock, ANSWER_SECONDS, self._ordered)
                    if not self._ordered.is_set():
                        self._release(upload)
                else:
                    await self._carry_out(upload)
        finally:
            if self._upload is not None:
                self._upload.stopped.set()

    def _objection(self, request: GetLog) -> tuple[str, str] | None:
        """Why a GetLog is refused: a reason code of 2.0.1 and a sentence."""
        try:
            read_location(request.log.remote_location)
        except TransferRefused as refused:
            return "InvalidURL", refused.why
        oldest, latest = request.log.oldest_timestamp, request.log.latest_timestamp
        if oldest is not None and latest is not None and latest < oldest:
            return "InvalidValue", "latestTimestamp is before oldestTimestamp"
        if not -_MAX_NUMBER < request.request_id < _MAX_NUMBER:
            return "ValueOutOfRange", "no station can repeat a requestId of that size exactly"
        if request.log_type is LogType.DIAGNOSTICS_LOG and self._diagnostics is None:
            return "UnsupportedRequest", "this station has no diagnostics log to give, only its security log"
        return None

    def _made(self, version: OcppVersion, request: GetLog) -> _Upload:
        oldest, latest = request.log.oldest_timestamp, request.log.latest_timestamp
        diagnostics = self._diagnostics if request.log_type is LogType.DIAGNOSTICS_LOG else None

        def source() -> Iterable[bytes]:
            if diagnostics is not None:
                return diagnostics.read(oldest, latest)
            return (f"{line}\n".encode("utf-8", "replace") for line in self._lines(oldest, latest, version))

        name = f"{request.log_type.value}-{self._clock.now():%Y%m%dT%H%M%SZ}.txt"
        tries = Tries.asked(request.retries, request.retry_interval)
        return _Upload(request.request_id, request.log.remote_location, name, source, tries)

    def _release(self, upload: _Upload | None) -> None:
        if upload is not None and upload is self._held:
            self._held = None
            self._ordered.set()

    async def _carry_out(self, upload: _Upload) -> None:
        self._enter(UploadLogStatus.UPLOADING, upload)
        for number in range(upload.tries.count):
            if number:
                await sleep_or(self._clock, upload.tries.pause, self._ordered)
            if upload.stopped.is_set():
                return
            status = await self._try(upload)
            if upload.stopped.is_set():
                return
            if status is not None:
                break
        else:
            status = UploadLogStatus.UPLOAD_FAILURE
        self._enter(status, upload)
        self._upload = self._status = None

    async def _try(self, upload: _Upload) -> UploadLogStatus | None:
        """How the upload ended; None where trying again may help, or where a newer order ended it."""
        while self._thread is not None and not self._thread.done():
            await done_or(self._thread, self._ordered)  # one thread at a time, whatever a CSMS orders
            if upload.stopped.is_set():
                return None
        bringing = asyncio.to_thread(self._transfers.bring, upload.location, upload.content(), filename=upload.filename)
        self._thread = asyncio.ensure_future(bringing)
        self._thread.add_done_callback(_look_at)
        await done_or(self._thread, self._ordered)
        if not self._thread.done():
            return None
        return _outcome(self._thread, upload.request_id)

    def _enter(self, status: UploadLogStatus, upload: _Upload) -> None:
        self._status = (status, upload.request_id)
        self._tell(status, upload)

    def _tell(self, status: UploadLogStatus, upload: _Upload) -> None:
        _log.info("the upload of GetLog %d: %s", upload.request_id, status.value)
        self._untold.append((status, upload.request_id))
        self._news.set()


def _outcome(bringing: asyncio.Future[None], request_id: int) -> UploadLogStatus | None:
    try:
        bringing.result()
    except TransferRefused as refused:
        _log.warning("the upload of GetLog %d was refused: %s", request_id, refused.why)
        return _STATUSES[refused.obstacle]
    except TransferUndecided as undecided:
        _log.warning("the upload of GetLog %d didn't succeed this time: %s", request_id, undecided.why)
        return None
    except (LogUnreadable, MemoryFault) as fault:
        _log.error("the log of GetLog %d can't be read: %s", request_id, fault.why)
        return UploadLogStatus.UPLOAD_FAILURE
    return UploadLogStatus.UPLOADED


def _look_at(bringing: asyncio.Future[None]) -> None:
    """An upload that nobody waits for any more may fail as it likes."""
    if not bringing.cancelled():
        bringing.exception()


def _refusal(version: OcppVersion, code: str, why: str) -> ocpp16.GetLogResponse | ocpp201.GetLogResponse:
    if version is OcppVersion.V16:
        return ocpp16.GetLogResponse(LogStatus.REJECTED)
    return ocpp201.GetLogResponse(LogStatus.REJECTED, status_info=ocpp201.StatusInfo(code, why))


def _notice(
    version: OcppVersion, status: UploadLogStatus, request_id: int | None
) -> ocpp16.LogStatusNotification | ocpp201.LogStatusNotification:
    if version is OcppVersion.V16:
        return ocpp16.LogStatusNotification(ocpp16.UploadLogStatus(status.value), request_id)
    return ocpp201.LogStatusNotification(status, request_id)
