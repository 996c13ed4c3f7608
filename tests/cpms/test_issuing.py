"""The road to the PKI when it is rough: bounded tries, a way on after a cure, and never a second certificate."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from chainpilot.cpms.enrolment import Policy
from chainpilot.cpms.model import Enrolment, EnrolmentState, Failure, Proof, Reason, RetryClass, Step
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.pki.trust import LeafUse
from chainpilot.wire.pnc.words import GenericStatus
from forge import NOON
from offices import STATION, Killed, Scene, open_scene
from sims import CaFault, StationFault

__all__: list[str] = []

pytestmark = pytest.mark.anyio


async def failure_of(scene: Scene) -> Failure:
    """Why the one enrolment does not go on."""
    failure = (await scene.only()).failure
    assert failure is not None
    return failure


async def ask_and_work(scene: Scene) -> GenericStatus:
    """The station sends its CSR, the same each time, and the office works."""
    status = (await scene.ask()).status
    await scene.work()
    return status


async def test_while_a_ca_is_not_reached_the_record_says_so_and_when_it_is_asked_again(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.ca.faults = {CaFault.UNREACHABLE}
        await ask_and_work(scene)
        expected = Failure(
            Reason.PKI_UNREACHABLE, "connection refused", RetryClass.BY_ITSELF, NOON + timedelta(seconds=5)
        )
        assert await failure_of(scene) == expected
        assert (await scene.only()).state is EnrolmentState.REQUESTED
        scene.ca.faults = set()
        await scene.wait_and_work(timedelta(seconds=5))
        assert (await scene.only()).failure is None


@pytest.mark.parametrize(
    ("fault", "repost_safe", "posts"),
    [(CaFault.UNREACHABLE, False, 0), (CaFault.BROKEN_OFF, True, 3), (CaFault.CACERTS_UNREACHABLE, False, 1)],
)
async def test_a_ca_that_stays_silent_is_given_up_after_its_attempts_and_the_same_csr_goes_on_after_the_cure(
    tmp_path: Path, fault: CaFault, repost_safe: bool, posts: int
) -> None:
    async with open_scene(tmp_path, repost_safe=repost_safe, policy=Policy(issue_attempts=3)) as scene:
        scene.ca.faults = {fault}
        await scene.ask()
        for _ in range(20):
            await scene.wait_and_work(timedelta(hours=1))
        failure = await failure_of(scene)
        assert (failure.reason, failure.retry) == (Reason.PKI_UNREACHABLE, RetryClass.AFTER_A_CHANGE)
        assert (await scene.only()).state is EnrolmentState.FAILED
        assert scene.names.count(Step.PUT_OFF) == 2
        assert scene.ca.posts == posts
        scene.ca.faults = set()
        assert await ask_and_work(scene) is GenericStatus.ACCEPTED
        assert (await scene.only()).state is EnrolmentState.INSTALLED
        assert len(scene.ca.issued) == 1


async def test_a_ca_that_never_decides_is_asked_ever_less_often_and_given_up(tmp_path: Path) -> None:
    async with open_scene(tmp_path, policy=Policy(issue_attempts=3)) as scene:
        scene.ca.faults = {CaFault.PENDING}
        await scene.ask()
        end = scene.clock.now() + timedelta(hours=1000)
        while scene.ca.posts <= 500 and await scene.work_next(end):
            pass
        failure = await failure_of(scene)
        assert (failure.reason, failure.retry) == (Reason.PKI_STILL_PENDING, RetryClass.AFTER_A_CHANGE)
        assert scene.ca.posts == 500
        scene.ca.faults = set()
        assert await ask_and_work(scene) is GenericStatus.ACCEPTED
        assert ((await scene.only()).state, len(scene.ca.issued)) == (EnrolmentState.INSTALLED, 1)


async def test_a_ca_that_names_no_wait_is_not_asked_without_pause(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.ca.faults = {CaFault.PENDING}
        await scene.ask()
        end = scene.clock.now() + timedelta(hours=1)
        while scene.ca.posts < 12 and await scene.work_next(end):
            pass
        assert scene.ca.posts < 12


@pytest.mark.parametrize("fault", [CaFault.NOT_REGISTERED, CaFault.BUSY])
async def test_the_same_csr_is_posted_again_after_a_refusal_that_was_cured(tmp_path: Path, fault: CaFault) -> None:
    async with open_scene(tmp_path, policy=Policy(issue_attempts=1)) as scene:
        scene.ca.faults = {fault}
        await ask_and_work(scene)
        assert (await failure_of(scene)).retry is RetryClass.AFTER_A_CHANGE
        scene.ca.faults = set()
        assert await ask_and_work(scene) is GenericStatus.ACCEPTED
        assert (await scene.only()).state is EnrolmentState.INSTALLED
        assert (scene.ca.posts, len(scene.ca.issued)) == (2, 1)


@pytest.mark.parametrize("fault", [CaFault.CACERTS_REFUSED, CaFault.MISSING_SUB2])
async def test_a_certificate_in_hand_is_judged_again_after_a_cure_and_not_issued_twice(
    tmp_path: Path, fault: CaFault
) -> None:
    async with open_scene(tmp_path) as scene:
        scene.ca.faults = {fault}
        await ask_and_work(scene)
        assert (await scene.only()).state is EnrolmentState.FAILED
        scene.ca.faults = set()
        await scene.restart()
        assert await ask_and_work(scene) is GenericStatus.ACCEPTED
        assert ((await scene.only()).state, scene.ca.posts) == (EnrolmentState.INSTALLED, 1)


async def test_an_answer_that_nobody_can_read_may_have_been_a_certificate_and_is_not_asked_for_again(
    tmp_path: Path,
) -> None:
    async with open_scene(tmp_path) as scene:
        scene.ca.faults = {CaFault.GARBLED}
        await ask_and_work(scene)
        scene.ca.faults = set()
        answer = await scene.ask()
        assert (answer.status, answer.reason) == (GenericStatus.REJECTED, Reason.PKI_ANSWER_UNREADABLE.value)
        await scene.work()
        assert scene.ca.posts == 1


async def test_where_a_repetition_is_safe_an_unreadable_answer_is_asked_for_again(tmp_path: Path) -> None:
    async with open_scene(tmp_path, repost_safe=True) as scene:
        scene.ca.faults = {CaFault.GARBLED}
        await ask_and_work(scene)
        scene.ca.faults = set()
        assert await ask_and_work(scene) is GenericStatus.ACCEPTED
        assert ((await scene.only()).state, len(scene.ca.issued)) == (EnrolmentState.INSTALLED, 1)


async def test_the_same_csr_is_rejected_while_its_outcome_is_unknown(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.ca.faults = {CaFault.BROKEN_OFF}
        await ask_and_work(scene)
        scene.ca.faults = set()
        answer = await scene.ask()
        assert (answer.status, answer.reason) == (GenericStatus.REJECTED, Reason.ISSUE_OUTCOME_UNKNOWN.value)
        assert await scene.take() == ()
        assert (await scene.only()).state is EnrolmentState.OUTCOME_UNKNOWN


async def test_a_failed_csr_does_not_come_back_beside_a_newer_one(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.ca.faults = {CaFault.NOT_REGISTERED}
        await ask_and_work(scene)
        await scene.ask(scene.request(key=generate_private_key(KeySpec.P256)))
        assert (await scene.ask()).reason == Reason.CSR_SUPERSEDED.value


async def test_a_post_whose_pki_left_the_configuration_stays_in_doubt(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        await scene.ask()
        scene.watcher.kill_at = [Step.POSTED]
        with pytest.raises(Killed):
            await scene.work()
        await scene.restart()
        scene.office = replace(scene.office, authorities={})
        await scene.wait_and_work(timedelta(minutes=2))
        assert (await scene.only()).state is EnrolmentState.OUTCOME_UNKNOWN


async def test_an_enrolment_whose_pki_came_back_goes_on(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        authorities = scene.office.authorities
        await scene.ask()
        scene.office = replace(scene.office, authorities={})
        await scene.work()
        assert (await failure_of(scene)).reason is Reason.NO_PKI_FOR_USE
        scene.office = replace(scene.office, authorities=authorities)
        assert await ask_and_work(scene) is GenericStatus.ACCEPTED
        assert (await scene.only()).state is EnrolmentState.INSTALLED


async def test_a_certificate_that_came_for_a_superseded_csr_is_on_record(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:

        async def ask_anew() -> None:
            await scene.ask(scene.request(key=generate_private_key(KeySpec.P256)))

        scene.ca.meanwhile = ask_anew
        await scene.ask()
        await scene.work()
        former, current = await scene.ledger.enrolments_of(STATION)
        assert (former.state, current.state) == (EnrolmentState.CANCELLED, EnrolmentState.INSTALLED)
        records = await scene.ledger.certificates_of(STATION, LeafUse.V2G)
        assert {record.fingerprint for record in records} == {made.fingerprint for _, made in scene.ca.issued}
        assert {record.enrolment_id for record in records} == {former.enrolment_id, current.enrolment_id}


@pytest.mark.parametrize(
    ("fault", "count"), [(CaFault.OTHER_SUBJECT, 1), (CaFault.WEAK_PROFILE, 1), (CaFault.WRONG_KEY, 0)]
)
async def test_a_certificate_for_the_csr_s_key_is_on_record_even_if_it_is_unfit(
    tmp_path: Path, fault: CaFault, count: int
) -> None:
    async with open_scene(tmp_path) as scene:
        scene.ca.faults = {fault}
        await ask_and_work(scene)
        records = await scene.ledger.certificates_of(STATION, LeafUse.V2G)
        assert [record.fingerprint for record in records] == [made.fingerprint for _, made in scene.ca.issued][:count]


async def test_the_record_of_a_checked_certificate_holds_its_chain(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        await ask_and_work(scene)
        (record,) = await scene.ledger.certificates_of(STATION, LeafUse.V2G)
        assert record.chain == (await scene.only()).chain


async def test_a_resend_that_is_refused_leaves_no_proof_behind(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        await ask_and_work(scene)
        assert (await scene.only()).proof is Proof.READ_BACK
        scene.station.faults = {StationFault.REJECTS}
        await ask_and_work(scene)
        enrolment: Enrolment = await scene.only()
        assert (enrolment.state, enrolment.proof) == (EnrolmentState.FAILED, None)


async def test_cacerts_as_large_as_are_read_leave_room_for_the_leaf(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.ca.faults = {CaFault.CROWDED}
        await ask_and_work(scene)
        assert (await scene.only()).state is EnrolmentState.INSTALLED
