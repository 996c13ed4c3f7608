"""Takes due jobs and calls and runs them, at least once; the supervisor of everything that isn't a connection.

A job that raises what nobody expected is put off, never dropped; its detail goes to the log under an incident id.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from datetime import timedelta
from functools import partial
from typing import Final, Literal, TypeVar
from uuid import uuid4

from chainpilot.clock import Clock
from chainpilot.cpms.calls import CallDesk
from chainpilot.cpms.enrolment import Office, deliver, issue
from chainpilot.cpms.enrolment.office import put_off
from chainpilot.cpms.journal import journal
from chainpilot.cpms.model import CallId, Entry, Job, JobKind, StationCall, Step, StepTaken
from chainpilot.cpms.ports import LedgerConflict
from chainpilot.errors import outline

__all__ = ["LEASE", "Worker"]

LEASE: Final = timedelta(minutes=30)
"""Longer than any use case takes: one POST and two cacerts of five minutes each, or three questions to a station that
wait a minute for their turn and five for their answer; five minutes is the most that the configuration allows."""
_PARALLEL: Final = 16
"""Jobs at once; they wait for peers most of the time."""
_CALLS: Final = 64
"""Calls at once, each of another station; they wait for a station all of their time."""
_FULL_PAUSE: Final = 1.0
"""Seconds before looking again while there is no place for more jobs, or for more calls."""
_LEDGER_PAUSE: Final = 5.0
"""Seconds before asking again a database that failed."""

_USE_CASES: Final[Mapping[JobKind, Callable[[Office, Job], Awaitable[None]]]] = {
    JobKind.ISSUE: issue,
    JobKind.DELIVER: deliver,
}

_K = TypeVar("_K", bound=Hashable)

_log: Final = journal("chainpilot.cpms.worker")


class Worker:
    """Runs jobs and calls until cancelled; `nudged`, set by whoever makes one due, wakes it."""

    def __init__(self, office: Office, calls: CallDesk, nudged: asyncio.Event) -> None:
        self._office = office
        self._calls = calls
        self._nudged = nudged
        self._running: dict[tuple[JobKind, str], asyncio.Task[None]] = {}
        self._calling: dict[CallId, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Take and run jobs until cancelled."""
        while True:
            self._nudged.clear()
            try:
                taken = await self._take()
                pause = None if taken else await self._pause()
            except Exception as error:  # noqa: BLE001 - one of the two supervisors (house style 17)
                _log.error("jobs_unreadable", incident=uuid4().hex, error=outline(error))
                taken, pause = 0, _LEDGER_PAUSE
            if not taken:
                await self._sleep(pause)

    async def drain(self, patience: float) -> None:
        """Let what runs end, for at most `patience` seconds, then cancel it; the records tell the rest."""
        tasks = {*self._running.values(), *self._calling.values()}
        if not tasks:
            return
        await asyncio.wait(tasks, timeout=patience)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _take(self) -> int:
        return await self._take_jobs() + await self._take_calls()

    async def _take_calls(self) -> int:
        free = _CALLS - len(self._calling)
        if free <= 0:
            return 0
        at = self._office.clock.now()
        calls = await self._office.ledger.take_calls(at, at + LEASE, free)
        for call in calls:
            self._start(self._calling, call.call_id, partial(self._run_call, call))
        return len(calls)

    async def _take_jobs(self) -> int:
        free = _PARALLEL - len(self._running)
        if free <= 0:
            return 0
        at = self._office.clock.now()
        jobs = await self._office.ledger.take_jobs(at, at + LEASE, free)
        for job in jobs:
            self._start(self._running, (job.kind, job.enrolment_id), partial(self._run_job, job))
        return len(jobs)

    def _start(self, running: dict[_K, asyncio.Task[None]], key: _K, work: Callable[[], Awaitable[None]]) -> None:
        """Work that was put off and became due before its task had ended goes on after it: it is leased to us."""
        task = asyncio.create_task(_after(running.get(key), work))
        running[key] = task

        def ended(_: asyncio.Task[None]) -> None:
            if running.get(key) is task:
                del running[key]
            self._nudged.set()

        task.add_done_callback(ended)

    async def _pause(self) -> float | None:
        """Seconds until the next job or call is due; None to wait for a nudge alone.

        Where there is no place for what is due, each end of one nudges; then this must not ask again and again.
        """
        due = await self._office.ledger.next_due()
        if due is None:
            return None
        is_full = len(self._running) >= _PARALLEL or len(self._calling) >= _CALLS
        return max(_FULL_PAUSE if is_full else 0.0, (due - self._office.clock.now()).total_seconds())

    async def _sleep(self, pause: float | None) -> None:
        clock = self._office.clock
        waits = [asyncio.create_task(self._nudged.wait())]
        if pause is not None:
            waits.append(asyncio.create_task(_slept(clock, clock.monotonic() + pause)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _run_job(self, job: Job) -> None:
        office = self._office
        try:
            office.watch(StepTaken(Step.JOB_TAKEN, job.station_id, job.enrolment_id, None, _facts(job)))
            await _USE_CASES[job.kind](office, job)
        except LedgerConflict:
            await self._put_off(job, conflict=True)
        except Exception as error:  # noqa: BLE001 - one of the two supervisors (house style 17)
            _log.error(
                "job_failed",
                incident=uuid4().hex,
                station=job.station_id,
                enrolment=job.enrolment_id,
                kind=job.kind.value,
                error=outline(error),
            )
            await self._put_off(job, conflict=False)

    async def _run_call(self, call: StationCall) -> None:
        try:
            await self._calls.carry_out(call)
        except LedgerConflict:
            await self._stumble(call)
        except Exception as error:  # noqa: BLE001 - one of the two supervisors (house style 17)
            incident = uuid4().hex
            _log.error(
                "call_failed", incident=incident, station=call.station_id, call=call.call_id, error=outline(error)
            )
            await self._stumble(call)

    async def _stumble(self, call: StationCall) -> None:
        """If even this can't be written, the lease ends by itself and the call is taken again."""
        try:
            await self._calls.stumble(call.call_id)
        except Exception as error:  # noqa: BLE001 - one of the two supervisors (house style 17)
            _log.error("call_left_to_its_lease", incident=uuid4().hex, call=call.call_id, error=outline(error))

    async def _put_off(self, job: Job, *, conflict: bool) -> None:
        """If even this can't be written, the lease ends by itself and the job is taken again."""
        at = self._office.clock.now()
        order = put_off(job, at, at if conflict else None)
        try:
            await self._office.ledger.commit(Entry(orders=(order,)))
        except Exception as error:  # noqa: BLE001 - one of the two supervisors (house style 17)
            _log.error("job_left_to_its_lease", incident=uuid4().hex, enrolment=job.enrolment_id, error=outline(error))


async def _after(before: asyncio.Task[None] | None, work: Callable[[], Awaitable[None]]) -> None:
    if before is not None:
        await asyncio.wait((before,))
    await work()


async def _slept(clock: Clock, moment: float) -> Literal[True]:
    await clock.sleep_until(moment)
    return True


def _facts(job: Job) -> dict[str, str]:
    return {"kind": job.kind.value, "attempt": str(job.attempts)}
