"""The road to the station when it is rough: what is final, what is tried again, and what an Accepted is worth."""

from datetime import timedelta
from pathlib import Path

import pytest

from chainpilot.cpms.enrolment import Policy
from chainpilot.cpms.model import EnrolmentState, Proof, Reason, Step
from chainpilot.pki.chain import Chain
from chainpilot.pki.hashdata import chain_hash_data
from chainpilot.pki.trust import LeafUse, TrustAnchors
from chainpilot.pki.verify import VerifiedChain, verify
from forge import NOON, v2g_hierarchy
from offices import STATION, STEPS, Killed, Scene, open_scene
from sims import StationFault

__all__: list[str] = []

pytestmark = pytest.mark.anyio
SECOND = timedelta(seconds=1)


async def ask_and_wait(scene: Scene, hours: int = 12) -> None:
    """The station asks; then hours go by."""
    await scene.ask()
    await scene.work()
    for _ in range(hours):
        await scene.wait_and_work(timedelta(hours=1))


@pytest.mark.parametrize("use", list(LeafUse))
async def test_a_station_in_trouble_for_a_moment_gets_its_certificate_afterwards(tmp_path: Path, use: LeafUse) -> None:
    async with open_scene(tmp_path) as scene:
        scene.station.faults = {StationFault.BUSY}
        await scene.ask(scene.request(use))
        await scene.work()
        assert (await scene.only()).state is EnrolmentState.DELIVERED
        scene.station.faults = set()
        await scene.wait_and_work(timedelta(minutes=1))
        assert (await scene.only()).state is EnrolmentState.INSTALLED
        assert (len(scene.station.signed), len(scene.station.installed)) == (2, 1)


async def test_a_station_in_trouble_that_went_away_gets_its_certificate_when_it_is_back(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.station.faults = {StationFault.BUSY}
        await scene.ask()
        await scene.work()
        scene.station.online = False
        await scene.wait_and_work(timedelta(days=1))
        scene.station.faults, scene.station.online = set(), True
        assert await scene.ledger.wake(STATION, scene.clock.now()) == 1
        await scene.work()
        assert (await scene.only()).proof is Proof.READ_BACK


async def test_a_station_in_endless_trouble_is_given_up_after_its_attempts(tmp_path: Path) -> None:
    async with open_scene(tmp_path, policy=Policy(deliver_attempts=4)) as scene:
        scene.station.faults = {StationFault.BUSY}
        await ask_and_wait(scene)
        failure = (await scene.only()).failure
        assert failure is not None
        assert failure.reason is Reason.STATION_SILENT
        assert "InternalError" in failure.detail
        assert len(scene.station.signed) == 4


@pytest.mark.parametrize("attempts", [1, 3, 12])
async def test_an_accepted_stands_when_the_list_can_not_be_had(tmp_path: Path, attempts: int) -> None:
    async with open_scene(tmp_path, policy=Policy(read_back_attempts=attempts)) as scene:
        scene.station.faults = {StationFault.SILENT_LIST}
        await ask_and_wait(scene, 24)
        enrolment = await scene.only()
        assert (enrolment.state, enrolment.proof) == (EnrolmentState.INSTALLED, Proof.UNPROVEN)
        assert (len(scene.station.signed), scene.station.questions) == (1, attempts)


async def test_a_leaf_that_is_not_in_force_yet_need_not_be_listed(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.station.faults = {StationFault.EMPTY_LIST}
        scene.ca.leaf_from = scene.clock.now() + timedelta(seconds=1)
        await scene.ask()
        await scene.work()
        enrolment = await scene.only()
        assert (enrolment.state, enrolment.proof) == (EnrolmentState.INSTALLED, Proof.UNPROVEN)
        assert (len(scene.station.signed), scene.station.questions) == (1, 1)


@pytest.mark.parametrize("age", [timedelta(0), timedelta(minutes=5) - SECOND])
async def test_a_station_whose_clock_is_behind_is_asked_again_before_its_list_counts(
    tmp_path: Path, age: timedelta
) -> None:
    async with open_scene(tmp_path, policy=Policy(read_back_attempts=1)) as scene:
        scene.station.faults = {StationFault.EMPTY_LIST}
        scene.ca.leaf_from = scene.clock.now() - age
        await scene.ask()
        await scene.work()
        enrolment = await scene.only()
        assert (enrolment.state, enrolment.proof) == (EnrolmentState.DELIVERED, Proof.UNPROVEN)
        await scene.wait_and_work(timedelta(minutes=5) - age - SECOND)
        assert scene.station.questions == 1
        scene.station.faults = set()
        await scene.wait_and_work(SECOND)
        enrolment = await scene.only()
        assert (enrolment.state, enrolment.proof) == (EnrolmentState.INSTALLED, Proof.READ_BACK)
        assert (len(scene.station.signed), scene.station.questions) == (1, 2)


@pytest.mark.parametrize(("age", "questions"), [(timedelta(0), 2), (timedelta(minutes=5), 1)])
async def test_a_leaf_that_is_not_listed_when_every_clock_must_have_it_in_force_is_missing(
    tmp_path: Path, age: timedelta, questions: int
) -> None:
    async with open_scene(tmp_path) as scene:
        scene.station.faults = {StationFault.EMPTY_LIST}
        scene.ca.leaf_from = scene.clock.now() - age
        await scene.ask()
        await scene.work()
        await scene.wait_and_work(timedelta(minutes=5) - age)
        failure = (await scene.only()).failure
        assert failure is not None
        assert failure.reason is Reason.STATION_LEAF_MISSING
        assert (len(scene.station.signed), scene.station.questions) == (1, questions)


async def test_the_tries_that_led_to_the_accepted_do_not_count_as_tries_at_the_list(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.station.faults = {StationFault.BUSY}
        await ask_and_wait(scene, 4)
        asked = scene.station.questions
        scene.station.faults = {StationFault.SILENT_LIST}
        for _ in range(12):
            await scene.wait_and_work(timedelta(hours=1))
        assert (await scene.only()).proof is Proof.UNPROVEN
        tries_before_the_accepted = scene.station.questions - asked - Policy().read_back_attempts
        assert tries_before_the_accepted in {0, 1}


async def test_a_list_that_comes_late_proves_what_was_accepted_before(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.station.faults = {StationFault.SILENT_LIST}
        await scene.ask()
        await scene.work()
        accepted = await scene.only()
        assert (accepted.state, accepted.proof) == (EnrolmentState.DELIVERED, Proof.UNPROVEN)
        scene.station.faults = set()
        await scene.restart()
        await scene.wait_and_work(timedelta(minutes=1))
        assert (await scene.only()).proof is Proof.READ_BACK
        assert len(scene.station.signed) == 1


async def test_a_question_that_ends_the_connection_each_time_is_not_asked_for_ever(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.station.faults = {StationFault.DROPS_OUT}
        await scene.ask()
        await scene.work()
        for _ in range(10):
            scene.station.online = True
            await scene.ledger.wake(STATION, scene.clock.now())
            await scene.wait_and_work(timedelta(minutes=1))
        assert (await scene.only()).proof is Proof.UNPROVEN
        assert (len(scene.station.signed), scene.station.questions) == (1, Policy().read_back_attempts)


async def test_a_lost_answer_and_a_silent_list_do_not_keep_the_certificate_from_the_station(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.station.faults = {StationFault.SILENT_AFTER_INSTALL, StationFault.SILENT_LIST}
        await ask_and_wait(scene)
        assert (await scene.only()).proof is Proof.UNPROVEN
        assert (len(scene.station.signed), len(scene.station.installed)) == (2, 1)


async def test_an_accepted_leaf_that_the_list_lacks_is_not_installed(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.station.faults = {StationFault.EMPTY_LIST}
        await ask_and_wait(scene)
        enrolment = await scene.only()
        assert (enrolment.state, enrolment.proof) == (EnrolmentState.FAILED, None)


async def test_a_station_that_asks_again_while_its_accepted_is_unproven_is_sent_the_certificate_again(
    tmp_path: Path,
) -> None:
    async with open_scene(tmp_path) as scene:
        scene.station.faults = {StationFault.SILENT_LIST}
        await scene.ask()
        await scene.work()
        scene.station.faults, scene.station.held = set(), None
        await scene.ask()
        await scene.work()
        assert (await scene.only()).proof is Proof.READ_BACK
        assert len(scene.station.signed) == 2


@pytest.mark.parametrize("step", STEPS[STEPS.index(Step.SIGNED_ANSWERED) :])
async def test_a_death_after_the_station_has_answered_sends_nothing_twice(tmp_path: Path, step: Step) -> None:
    async with open_scene(tmp_path) as scene:
        scene.watcher.kill_at = [step]
        await scene.ask()
        with pytest.raises(Killed):
            await scene.work()
        await scene.restart()
        await scene.wait_and_work(timedelta(minutes=5))
        assert (await scene.only()).state is EnrolmentState.INSTALLED
        assert len(scene.station.signed) == 1


async def test_a_leaf_is_found_in_a_flat_list_behind_one_of_another_issuer(tmp_path: Path) -> None:
    """Two EVSEs of one station, one certified by the former Sub2: nothing in the list says where a chain ends."""
    former = v2g_hierarchy()
    chain = Chain(former.leaf.certificate, (former.sub2.certificate, former.sub1.certificate))
    verified = verify(chain, TrustAnchors.admit([former.root.certificate]), NOON)
    assert isinstance(verified, VerifiedChain)
    async with open_scene(tmp_path) as scene:
        scene.station.beside = chain_hash_data(verified)
        await ask_and_wait(scene)
        enrolment = await scene.only()
        assert (enrolment.state, enrolment.proof) == (EnrolmentState.INSTALLED, Proof.READ_BACK)
