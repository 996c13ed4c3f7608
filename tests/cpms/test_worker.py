"""The worker: takes what is due, waits for the rest without asking, and drops nothing that goes wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import BaseModel

from chainpilot.cpms.calls import CallDesk
from chainpilot.cpms.config.document import PkiInput, ServerInput
from chainpilot.cpms.model import EnrolmentState, Step, StepTaken
from chainpilot.cpms.worker import LEASE, Worker
from chainpilot.wire.ocppj.rpc import RpcLimits
from forge import NOON
from offices import STATION, Scene, open_scene
from sims import CaFault

__all__: list[str] = []

pytestmark = pytest.mark.anyio


class Told:
    """Passes steps on, and wakes whoever waits for one; raises once at the step it is told."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.more = asyncio.Event()
        self.raise_at: Step | None = None

    def __call__(self, taken: StepTaken) -> None:
        """Note one."""
        self.scene.watcher(taken)
        self.more.set()
        if taken.step is self.raise_at:
            self.raise_at = None
            raise RuntimeError("nobody expected this")

    async def until(self, step: Step) -> None:
        """Wait for a step, at most ten seconds."""
        async with asyncio.timeout(10):
            while step not in self.scene.names:
                self.more.clear()
                await self.more.wait()


@asynccontextmanager
async def working(scene: Scene) -> AsyncIterator[tuple[Told, Worker]]:
    """A worker at its work."""
    nudged = asyncio.Event()
    told = Told(scene)
    scene.office = replace(scene.office, watch=told, nudge=nudged.set)
    worker = Worker(scene.office, CallDesk(scene.office), nudged)
    running = asyncio.create_task(worker.run())
    try:
        yield told, worker
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await worker.drain(1)


async def _asleep(scene: Scene) -> None:
    """The worker has gone to sleep until a moment of the set clock."""
    async with asyncio.timeout(10):
        while not scene.clock._sleepers:  # noqa: ASYNC110 - the set clock has no event for it
            await asyncio.sleep(0)


async def test_a_request_is_worked_on_as_soon_as_it_is_recorded(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene, working(scene) as (told, _):
        await scene.ask()
        await told.until(Step.INSTALL_RECORDED)
        assert (await scene.only()).state is EnrolmentState.INSTALLED


async def test_what_was_recorded_before_the_start_is_taken_up(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        await scene.ask()
        async with working(scene) as (told, _):
            await told.until(Step.INSTALL_RECORDED)


async def test_work_that_is_due_later_is_slept_for(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene, working(scene) as (told, _):
        scene.ca.faults = {CaFault.UNREACHABLE}
        await scene.ask()
        await told.until(Step.PUT_OFF)
        await _asleep(scene)
        scene.ca.faults = set()
        scene.clock.advance(5)
        await told.until(Step.INSTALL_RECORDED)
        assert scene.names.count(Step.JOB_TAKEN) == 3


async def test_what_nobody_expected_puts_the_job_off_and_the_worker_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_scene(tmp_path) as scene, working(scene) as (told, _):
        told.raise_at = Step.CHAIN_CHECKED
        await scene.ask()
        await told.until(Step.CHAIN_CHECKED)
        await _asleep(scene)
        scene.clock.advance(5)
        await told.until(Step.INSTALL_RECORDED)
        assert scene.ca.posts == 1
    assert "job_failed" in caplog.text


async def test_a_stop_lets_the_running_jobs_end(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        async with working(scene) as (told, worker):
            await scene.ask()
            await told.until(Step.SUBMIT_RECORDED)
            await worker.drain(10)
        assert (await scene.only()).answer is not None
        assert scene.clock.now() == NOON
        assert (await scene.ledger.enrolments_of(STATION))[0].state is not EnrolmentState.SUBMITTED


def _most(section: type[BaseModel], key: str) -> float:
    """The largest value that the configuration takes."""
    return float(section.model_json_schema()["properties"][key]["maximum"])


def test_a_lease_outlasts_the_longest_job_that_the_configuration_allows() -> None:
    issuing = 3 * _most(PkiInput, "timeout")
    delivering = 3 * (_most(ServerInput, "call_timeout") + RpcLimits().queue_timeout)
    assert LEASE.total_seconds() > max(issuing, delivering)
