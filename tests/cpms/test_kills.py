"""The process dies between any two steps of an enrolment; the records alone decide how it goes on."""

from datetime import timedelta
from pathlib import Path

import pytest

from chainpilot.cpms.model import EnrolmentState, Step
from chainpilot.wire.pnc.words import GenericStatus
from offices import STEPS, Killed, Scene, open_scene

__all__: list[str] = []

pytestmark = pytest.mark.anyio

AMBIGUOUS = {Step.SUBMIT_RECORDED, Step.POSTED}
"""Between the record before the POST and the record of its answer."""


async def _live_and_die(scene: Scene, steps: list[Step]) -> None:
    """The station repeats its request until it is answered; the process is started again after each death."""
    scene.watcher.kill_at = list(steps)
    request = scene.request()
    for _ in range(len(steps) + 1):
        try:
            assert (await scene.ask(request)).status is GenericStatus.ACCEPTED
            await scene.wait_and_work(timedelta(minutes=5))
        except Killed:
            await scene.restart()
    await scene.wait_and_work(timedelta(hours=2))


@pytest.mark.parametrize("step", STEPS)
async def test_with_a_repost_safe_pki_one_is_issued_and_one_installed(tmp_path: Path, step: Step) -> None:
    async with open_scene(tmp_path, repost_safe=True) as scene:
        await _live_and_die(scene, [step])
        assert scene.watcher.kill_at == []
        assert (await scene.only()).state is EnrolmentState.INSTALLED
        assert (len(scene.ca.issued), len(scene.station.installed)) == (1, 1)


@pytest.mark.parametrize("step", STEPS)
async def test_without_it_only_a_death_around_the_post_leaves_the_outcome_unknown(tmp_path: Path, step: Step) -> None:
    async with open_scene(tmp_path) as scene:
        await _live_and_die(scene, [step])
        assert scene.watcher.kill_at == []
        expected = EnrolmentState.OUTCOME_UNKNOWN if step in AMBIGUOUS else EnrolmentState.INSTALLED
        assert (await scene.only()).state is expected
        assert scene.ca.posts <= 1
        assert len(scene.station.installed) == (0 if step in AMBIGUOUS else 1)


async def test_a_process_that_dies_at_every_step_once_gets_there(tmp_path: Path) -> None:
    async with open_scene(tmp_path, repost_safe=True) as scene:
        await _live_and_die(scene, STEPS)
        assert (await scene.only()).state is EnrolmentState.INSTALLED
        assert (len(scene.ca.issued), len(scene.station.installed)) == (1, 1)
