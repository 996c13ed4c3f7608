"""The work of a firmware update, step by step: each looks at the state that is written down and brings the next one.

A step may be begun any number of times; what ends it early (a power cut, a newer order, a memory that fails) leaves a
state from which it begins again. Taking orders and telling the CSMS is `firmware`'s.
"""

import asyncio
import errno
import logging
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from chainpilot.clock import Clock
from chainpilot.station.agent.events.types import SecurityEventType
from chainpilot.station.agent.firmware.book import FirmwareBook
from chainpilot.station.agent.firmware.images import FirmwareImages
from chainpilot.station.agent.firmware.orders import judge_signer
from chainpilot.station.agent.firmware.record import FirmwareJob, FirmwareRecord, entered, failed_once
from chainpilot.station.agent.firmware.states import FAILURES
from chainpilot.station.agent.persistence import done_or, to_end
from chainpilot.station.agent.ports import (
    FirmwareInstaller,
    Installed,
    InstallRefused,
    TransferRefused,
    Transfers,
    TransferUndecided,
)
from chainpilot.station.agent.waiting import sleep_or
from chainpilot.station.service import EvseSecurity
from chainpilot.wire.security import FirmwareStatus

__all__ = ["FirmwareWork"]

_LOOK_SECONDS: Final = 60.0
"""How often the time is looked at while an appointed moment is waited for: the clock may be set meanwhile."""
_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_NOTHING_TIDIED: Final = -1

_log = logging.getLogger(__name__)
_S = FirmwareStatus
_End = tuple[FirmwareStatus, str, SecurityEventType | None]
"""A state to enter, why, and the security event where it isn't the state's own."""


class FirmwareWork:
    """Does what a job's state asks for. What it is made with is told at `FirmwareUpdates`."""

    def __init__(
        self,
        book: FirmwareBook,
        security: EvseSecurity,
        transfers: Transfers,
        installer: FirmwareInstaller | None,
        *,
        images: FirmwareImages,
        clock: Clock,
        limit: int,
    ) -> None:
        self._book = book
        self._security = security
        self._transfers = transfers
        self._installer = installer
        self._images = images
        self._clock = clock
        self._limit = limit
        self._tidied: int | None = _NOTHING_TIDIED
        """For which job the images of others were removed last."""
        self._fetching: tuple[int, asyncio.Future[None]] | None = None
        """A job, perhaps one that was dropped, and the thread that fetches its image."""
        self._next_try: tuple[int, float] = (0, 0.0)
        """A job whose download pauses, and until when on the monotonic clock."""
        self._outcome: _End | None = None
        """Of an installation, until it is written down."""

    async def tidy(self, job: FirmwareJob | None) -> None:
        """Remove every image but that job's, which also ends the transfer of another."""
        number = None if job is None else job.number
        if number != self._tidied:
            await asyncio.to_thread(self._images.remove_all_but, number)
            self._tidied = number

    async def step(self, job: FirmwareJob) -> None:
        """Do one step, or wait for its moment, or until anything is new. Raises MemoryFault: it is to be done again."""
        await _STEPS[job.status](self, job)

    def stop(self) -> None:
        """Let a transfer under way end by itself."""
        if self._fetching is not None:
            self._images.remove_all_but(None)

    async def begin(self, job: FirmwareJob) -> None:
        """Idle."""
        is_later = job.order.retrieve_at > self._clock.now()
        await self._enter(job, _S.DOWNLOAD_SCHEDULED if is_later else _S.DOWNLOADING)

    async def await_download(self, job: FirmwareJob) -> None:
        """DownloadScheduled."""
        if not await self._waits_for(job.order.retrieve_at):
            await self._enter(job, _S.DOWNLOADING)

    async def download(self, job: FirmwareJob) -> None:
        """Downloading: begin to fetch, or look whether the image has come; one thread at a time whatever is ordered."""
        if self._fetching is None:
            number, moment = self._next_try
            if number == job.number and moment > self._clock.monotonic():
                await sleep_or(self._clock, moment - self._clock.monotonic(), self._book.work)
                return
            self._fetching = job.number, asyncio.ensure_future(asyncio.to_thread(self._fetch, job))
            self._fetching[1].add_done_callback(_look_at)
        number, fetching = self._fetching
        await done_or(fetching, self._book.work)
        if not fetching.done():
            return
        self._fetching = None
        if number == job.number:
            await self._take_in(job, fetching)
        else:
            self._tidied = _NOTHING_TIDIED

    def _fetch(self, job: FirmwareJob) -> None:
        path = self._images.make_room(job.number)
        self._transfers.fetch(job.order.location, path, limit=self._limit)

    async def _take_in(self, job: FirmwareJob, fetching: asyncio.Future[None]) -> None:
        try:
            fetching.result()
        except TransferRefused as refused:
            await self._enter(job, _S.DOWNLOAD_FAILED, refused.why)
        except TransferUndecided as undecided:
            await self._try_again(job, undecided.why)
        except OSError as error:
            event = SecurityEventType.MEMORY_EXHAUSTION if error.errno in _DISK_FULL else None
            await self._enter(job, _S.DOWNLOAD_FAILED, f"the image can't be written: {error.strerror}", event)
        else:
            await self._enter(job, _S.DOWNLOADED)

    async def _try_again(self, job: FirmwareJob, why: str) -> None:
        tries = job.order.tries
        if job.failures + 1 >= tries:
            await self._enter(job, _S.DOWNLOAD_FAILED, f"{why} (try {tries} of {tries})")
            return
        _log.warning("the firmware of request %d didn't come this time: %s", job.order.request_id, why)
        self._next_try = job.number, self._clock.monotonic() + job.order.pause
        await self._book.change(lambda record: failed_once(record) if _is_current(record, job) else record)

    async def verify(self, job: FirmwareJob) -> None:
        """Downloaded."""
        fault = await asyncio.to_thread(self._fault_of, job)
        await self._enter(job, *(fault or (_S.SIGNATURE_VERIFIED, "", None)))

    async def schedule(self, job: FirmwareJob) -> None:
        """SignatureVerified."""
        moment = job.order.install_at
        if moment is not None and moment > self._clock.now():
            await self._enter(job, _S.INSTALL_SCHEDULED)
        else:
            await self._begin_installing(job)

    async def await_installing(self, job: FirmwareJob) -> None:
        """InstallScheduled."""
        if job.order.install_at is None or not await self._waits_for(job.order.install_at):
            await self._begin_installing(job)

    async def _begin_installing(self, job: FirmwareJob) -> None:
        fault = await asyncio.to_thread(self._fault_of, job)
        await self._enter(job, *(fault or (_S.INSTALLING, "", None)))

    def _fault_of(self, job: FirmwareJob) -> _End | None:
        """Why the image is not installed.

        1. It is there. 2. Its signer counts now. 3. The signature over the whole file is the signer's.
        """
        path = self._images.path_of(job.number)
        if not path.is_file():  # 1
            return _S.INSTALLATION_FAILED, "the image that was fetched is gone", None
        objection = judge_signer(self._security, job.order.signer)  # 2
        if objection is not None:
            return _S.INVALID_SIGNATURE, objection.why, SecurityEventType.INVALID_FIRMWARE_SIGNING_CERTIFICATE
        if not self._security.verify_file_signature(str(path), job.order.signer, job.order.signature):  # 3
            return _S.INVALID_SIGNATURE, "the signature is not the signing certificate's over this image", None
        return None

    async def install(self, job: FirmwareJob) -> None:
        """Installing: only in the process that entered the state, and seen through even when it is told to stop.

        A restart that the installer itself brings about must not make an interrupted installation of one that is done.
        """
        await to_end(self._see_installed(job))

    async def _see_installed(self, job: FirmwareJob) -> None:
        if self._outcome is None:
            self._outcome = await asyncio.to_thread(self._install, self._images.path_of(job.number))
        await self._enter(job, *self._outcome)
        self._outcome = None

    def _install(self, image: Path) -> _End:
        if self._installer is None:
            return _S.INSTALLATION_FAILED, "this station has no way to install it any more", None
        try:
            how_far = self._installer.install(image)
        except InstallRefused as refused:
            return _S.INSTALLATION_FAILED, refused.why, None
        return (_S.INSTALLED if how_far is Installed.RUNNING else _S.INSTALL_REBOOTING), "", None

    async def _waits_for(self, moment: datetime) -> bool:
        """Wait a while for the moment; whether it was still to come when this began."""
        seconds = (moment - self._clock.now()).total_seconds()
        if seconds <= 0:
            return False
        await sleep_or(self._clock, min(seconds, _LOOK_SECONDS), self._book.work)
        return True

    async def _enter(
        self, job: FirmwareJob, status: FirmwareStatus, why: str = "", event: SecurityEventType | None = None
    ) -> None:
        """The job in that state, unless a newer order took its place."""
        number = job.order.request_id

        def change(record: FirmwareRecord) -> FirmwareRecord:
            if not _is_current(record, job):
                return record
            return entered(record, status, why or f"request {number}", event)

        await self._book.change(change)
        level = logging.WARNING if status in FAILURES else logging.INFO
        _log.log(level, "the firmware of request %d: %s%s", number, status.value, f", {why!r}" if why else "")


_STEPS: Final[Mapping[FirmwareStatus, Callable[[FirmwareWork, FirmwareJob], Coroutine[Any, Any, None]]]] = (
    MappingProxyType(
        {
            _S.IDLE: FirmwareWork.begin,
            _S.DOWNLOAD_SCHEDULED: FirmwareWork.await_download,
            _S.DOWNLOADING: FirmwareWork.download,
            _S.DOWNLOADED: FirmwareWork.verify,
            _S.SIGNATURE_VERIFIED: FirmwareWork.schedule,
            _S.INSTALL_SCHEDULED: FirmwareWork.await_installing,
            _S.INSTALLING: FirmwareWork.install,
        }
    )
)
"""What is done in a state; in InstallRebooting nothing is, until the restart."""


def _is_current(record: FirmwareRecord, job: FirmwareJob) -> bool:
    return record.job is not None and record.job.number == job.number


def _look_at(fetching: asyncio.Future[None]) -> None:
    """A download that nobody waits for any more may fail as it likes."""
    if not fetching.cancelled():
        fetching.exception()
