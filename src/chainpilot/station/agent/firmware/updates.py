"""Signed firmware updates (use case L01): ordered by the CSMS, carried out across restarts, every step of them told.

An update and what the CSMS hasn't heard of it are written down before anything follows from them, so that a power cut
at any point loses nothing: see `firmware_states` for what a state becomes after a restart. Signature and signer are
judged after the download and again before the installation, since the image lay on disk meanwhile.

Not handled here: transactions, which the installer has to wait for (L01.FR.06); unsigned updates (L02).
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from chainpilot.clock import Clock
from chainpilot.station.agent.events.types import MAX_TECH_INFO, SecurityEventType
from chainpilot.station.agent.firmware.book import DOCUMENT, MEMORY_SECONDS, FirmwareBook
from chainpilot.station.agent.firmware.images import FirmwareImages
from chainpilot.station.agent.firmware.orders import (
    FirmwareAnswer,
    FirmwareNotice,
    FirmwareRequest,
    Objection,
    answer_of,
    installing_objection,
    judge_order,
    notice_of,
)
from chainpilot.station.agent.firmware.record import FirmwareOrder, FirmwareRecord, ordered, reported, told
from chainpilot.station.agent.firmware.states import EVENTS, UNSTOPPABLE
from chainpilot.station.agent.firmware.work import FirmwareWork
from chainpilot.station.agent.notices import tell
from chainpilot.station.agent.ports import FirmwareInstaller, Line, Memory, MemoryFault, Report, Transfers
from chainpilot.station.agent.waiting import sleep_or
from chainpilot.station.service import EvseSecurity
from chainpilot.wire.security import FirmwareStatus, UpdateFirmwareStatus
from chainpilot.wire.version import OcppVersion

__all__ = ["ANSWER_SECONDS", "DOCUMENT", "MAX_IMAGE", "MEMORY_SECONDS", "FirmwareUpdates"]

MAX_IMAGE: Final = 512 << 20
"""Bytes of an image, unless said otherwise."""
ANSWER_SECONDS: Final = 60.0
"""How long an update waits for its order's answer to be on its way, so that no status comes before it."""
_CLOCK_SLACK: Final = timedelta(days=1)
"""A clock that shows a time further before the order's has forgotten it: the station has no battery for it, and a
certificate judged now would count as not yet valid."""
_LOOK_SECONDS: Final = 60.0
"""How often such a clock is looked at: the CSMS sets it (BootNotification)."""

_log = logging.getLogger(__name__)


class FirmwareUpdates:
    """The station's firmware updates; one at a time.

    Args:
        security: judges signatures and their signers by the anchors of MF.
        memory: keeps the document DOCUMENT.
        transfers: fetches images.
        installer: puts them to work; None where this station can't, and every order is refused.
        staging: a directory of the agent's own for images; made where it is missing.
        clock: for appointed times and pauses.
        report: told of security events.
        events_told: returns once what was reported is told too, as far as the CSMS lets us.
        limit: bytes of an image.
    """

    def __init__(
        self,
        security: EvseSecurity,
        memory: Memory,
        transfers: Transfers,
        installer: FirmwareInstaller | None,
        *,
        staging: Path,
        clock: Clock,
        report: Report,
        events_told: Callable[[], Awaitable[None]] | None = None,
        limit: int = MAX_IMAGE,
    ) -> None:
        self._security = security
        self._can_install = installer is not None
        self._clock = clock
        self._report = report
        self._events_told = events_told
        self._book = FirmwareBook(memory, clock)
        images = FirmwareImages(staging)
        self._work = FirmwareWork(self._book, security, transfers, installer, images=images, clock=clock, limit=limit)
        self._held: int | None = None
        """The job whose order isn't answered yet."""

    async def order(
        self, version: OcppVersion, request: FirmwareRequest
    ) -> tuple[FirmwareAnswer, Callable[[], Awaitable[None]] | None]:
        """The answer to an order, and what to await once it is on its way; `run` carries the order out.

        An order that is being carried out already is accepted and changes nothing: the CSMS missed the answer. The
        checks, each of which may refuse:
            1. There is an installer. 2. The order is whole. 3. The signing certificate counts now. (`judge_order`)
            4. No other update is being installed (L01.FR.27); one that isn't yet is dropped (L01.FR.24).
            5. The order can be written down.
        """
        verdict = await judge_order(self._security, request, can_install=self._can_install)
        if isinstance(verdict, FirmwareOrder):
            try:
                return await self._take(version, verdict)
            except MemoryFault as fault:  # 5
                verdict = Objection(UpdateFirmwareStatus.REJECTED, "InternalError", fault.why)
        _log.warning("the firmware of request %d is refused: %r", request.request_id, verdict.why)
        if verdict.is_about_signer:
            event = SecurityEventType.INVALID_FIRMWARE_SIGNING_CERTIFICATE
            await self._report(event, verdict.why[:MAX_TECH_INFO])
        return answer_of(version, verdict), None

    async def current_status(self, version: OcppVersion) -> FirmwareNotice:
        """What a trigger of FirmwareStatusNotification is followed by: the status told last, Idle after Installed.

        2.0.1: L01.FR.25 and FR.26; the whitepaper: L01.FR.28 and FR.29.

        Raises:
            MemoryFault: nothing is known of it now.
        """
        last = (await self._book.read()).last
        if last is None or last.status is FirmwareStatus.INSTALLED:
            return notice_of(version, FirmwareStatus.IDLE, None)
        return notice_of(version, last.status, last.request_id)

    async def attend(self, line: Line) -> None:
        """Tell the statuses over this connection until it ends, in order; raises LinkClosed then.

        A status waits until the security event that belongs to it was reported, which `run` does, and told (TC_080).
        """
        self._release(self._held)
        while True:
            self._book.news.clear()
            record = await self._book.change_surely(lambda record: record)
            if record.owed or not record.untold:
                await self._book.news.wait()
                continue
            status = record.untold[0]
            if status.status in EVENTS and self._events_told is not None:
                await self._events_told()
            await tell(line, notice_of(line.version, status.status, status.request_id), self._clock)
            await self._book.change_surely(partial(told, status=status))

    async def run(self) -> None:
        """Carry out what was ordered until cancelled; beside all connections, in a task of its own from the start.

        What a restart interrupted goes on first. An installation under way is seen through even when cancelled.
        """
        try:
            while True:
                self._book.work.clear()
                try:
                    await self._go_on()
                except MemoryFault as fault:
                    _log.error("a firmware update can't go on: %s", fault.why)
                    await self._clock.sleep_until(self._clock.monotonic() + MEMORY_SECONDS)
        finally:
            self._work.stop()

    async def _take(
        self, version: OcppVersion, order: FirmwareOrder
    ) -> tuple[FirmwareAnswer, Callable[[], Awaitable[None]] | None]:
        verdict: UpdateFirmwareStatus | Objection = UpdateFirmwareStatus.ACCEPTED
        is_new = False

        def change(record: FirmwareRecord) -> FirmwareRecord:
            nonlocal verdict, is_new
            job = record.job
            if job is not None and job.order == order:
                return record
            if job is not None and job.status in UNSTOPPABLE:  # 4
                verdict = installing_objection(job.order.request_id)
                return record
            if job is not None:
                verdict = UpdateFirmwareStatus.ACCEPTED_CANCELED
            is_new = True
            self._held = record.jobs + 1
            return ordered(record, order, self._clock.now())

        record = await self._book.change(change)
        if isinstance(verdict, Objection):
            _log.warning("the firmware of request %d is refused: %s", order.request_id, verdict.why)
        if not is_new:
            return answer_of(version, verdict), None

        async def answered() -> None:
            self._release(record.jobs)

        return answer_of(version, verdict), answered

    def _release(self, number: int | None) -> None:
        if number is not None and number == self._held:
            self._held = None
            self._book.work.set()

    async def _go_on(self) -> None:
        """One step, or a wait for whatever comes first: the step's moment, or anything new."""
        record = await self._book.read()
        if record.owed:
            await self._report(record.owed[0].kind, record.owed[0].tech_info)
            await self._book.change(reported)
            return
        job = record.job
        await self._work.tidy(job)
        if job is None or job.status is FirmwareStatus.INSTALL_REBOOTING:
            await self._book.work.wait()
        elif job.number == self._held:
            await sleep_or(self._clock, ANSWER_SECONDS, self._book.work)
            if not self._book.work.is_set():
                self._release(job.number)
        elif job.taken_at - self._clock.now() > _CLOCK_SLACK and job.status is not FirmwareStatus.INSTALLING:
            _log.info("the firmware of request %d waits for the clock to be set", job.order.request_id)
            await sleep_or(self._clock, _LOOK_SECONDS, self._book.work)
        else:
            await self._work.step(job)
