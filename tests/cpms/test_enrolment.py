"""Accept, issue, deliver and confirm over real records, a CA that signs and a station that stores."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from chainpilot.cpms.enrolment import Policy, accept, confirm_by_connection
from chainpilot.cpms.model import EnrolmentState, Proof, Reason, RetryClass, SecurityProfile, StationRecord, Step
from chainpilot.cpms.ports import LedgerConflict
from chainpilot.pki.certificate import load_certificates
from chainpilot.pki.encoding import TextEncoding
from chainpilot.pki.identity import StationId
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.pki.trust import LeafUse
from chainpilot.wire.pnc.messages import SignCertificateRequest
from chainpilot.wire.pnc.words import GenericStatus
from forge import NOON
from offices import EVSE, STATION, STEPS, Scene, open_scene
from sims import CaFault, StationFault, csr_text, v2g_ladder

__all__: list[str] = []

pytestmark = pytest.mark.anyio


async def test_an_enrolment_goes_from_request_to_a_certificate_that_was_read_back(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        assert (await scene.ask()).status is GenericStatus.ACCEPTED
        assert scene.ca.posts == 0
        await scene.work()
        enrolment = await scene.only()
        assert enrolment.state is EnrolmentState.INSTALLED
        assert enrolment.proof is Proof.READ_BACK
        assert scene.names == STEPS


async def test_the_station_gets_leaf_sub2_sub1_and_no_root(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        await scene.ask()
        await scene.work()
        names = [one.subject.common_name for one in load_certificates(scene.station.texts[0])]
        assert names == [EVSE, "CPO Sub2", "CPO Sub1"]


@pytest.mark.parametrize("encoding", list(TextEncoding))
async def test_the_certificate_goes_back_in_the_encoding_of_the_csr(tmp_path: Path, encoding: TextEncoding) -> None:
    async with open_scene(tmp_path) as scene:
        await scene.ask(scene.request(encoding=encoding))
        await scene.work()
        assert ("-----BEGIN" in scene.station.texts[0]) is (encoding is TextEncoding.PEM)
        assert (await scene.only()).proof is Proof.READ_BACK
        record = await scene.ledger.station(STATION)
        assert record is not None
        assert record.csr_encoding is encoding


async def test_the_client_certificate_comes_from_its_own_pki_and_is_proved_by_its_connection(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        await scene.ask(scene.request(LeafUse.CSMS))
        await scene.work()
        enrolment = await scene.only()
        assert (scene.ca.posts, scene.csms_ca.posts) == (0, 1)
        assert (enrolment.state, enrolment.proof) == (EnrolmentState.INSTALLED, Proof.UNPROVEN)
        assert enrolment.fingerprint is not None
        for _ in range(2):
            await confirm_by_connection(scene.office, STATION, enrolment.fingerprint)
        assert (await scene.only()).proof is Proof.CONNECTED
        assert scene.names.count(Step.CLIENT_CERTIFICATE_SEEN) == 1
        (record,) = await scene.ledger.certificates_of(STATION, LeafUse.CSMS)
        assert record.seen_at == NOON


@pytest.mark.parametrize("when", ["before the answer", "after the answer", "after it was given up"])
async def test_an_enrolments_end_is_told_once_whenever_its_connection_comes(tmp_path: Path, when: str) -> None:
    async with open_scene(tmp_path, policy=Policy(deliver_attempts=1)) as scene:
        station = scene.station

        async def connect() -> None:
            fingerprint = (await scene.only()).fingerprint or ""
            await confirm_by_connection(scene.office, STATION, fingerprint)

        if when == "before the answer":
            station.meanwhile = connect
        elif when == "after it was given up":
            station.faults = {StationFault.SILENT_AFTER_INSTALL}
        await scene.ask(scene.request(LeafUse.CSMS))
        try:
            await scene.work()
        except LedgerConflict:
            assert when == "before the answer"
        await connect()
        await scene.wait_and_work(timedelta(hours=1))
        enrolment = await scene.only()
        assert (enrolment.state, enrolment.proof) == (EnrolmentState.INSTALLED, Proof.CONNECTED)
        assert (len(station.signed), await scene.ledger.next_due()) == (1, None)
        ends = [taken for taken in scene.steps if taken.step is Step.INSTALL_RECORDED]
        proof = Proof.UNPROVEN if when == "after the answer" else Proof.CONNECTED
        assert [taken.facts["proof"] for taken in ends] == [proof.value]
        assert scene.names.count(Step.CLIENT_CERTIFICATE_SEEN) == 1


async def test_another_stations_certificate_proves_nothing(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        await scene.ask(scene.request(LeafUse.CSMS))
        await scene.work()
        fingerprint = (await scene.only()).fingerprint or ""
        await confirm_by_connection(scene.office, StationId("CS-0002"), fingerprint)
        assert (await scene.only()).proof is Proof.UNPROVEN


@pytest.mark.parametrize(("name", "use"), [(EVSE, LeafUse.V2G), (STATION, LeafUse.CSMS)])
async def test_the_use_left_out_is_told_by_the_name(tmp_path: Path, name: str, use: LeafUse) -> None:
    async with open_scene(tmp_path) as scene:
        await scene.ask(scene.request(None, name=name))
        assert (await scene.only()).slot.use is use


async def test_an_evseid_without_separators_is_the_same_name(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        answer = await scene.ask(scene.request(name="deiceE0001"))
        assert answer.status is GenericStatus.ACCEPTED


async def _refused_with(scene: Scene, request: SignCertificateRequest) -> Reason:
    answer = await scene.ask(request)
    assert answer.status is GenericStatus.REJECTED
    await scene.work()
    assert (scene.ca.posts, scene.csms_ca.posts, scene.station.received) == (0, 0, [])
    assert await scene.ledger.enrolments_of(STATION) == ()
    (refusal,) = await scene.ledger.refusals_of(STATION)
    assert scene.names == [Step.REQUEST_REFUSED]
    assert scene.steps[0].facts["reason"] == refusal.reason.value == answer.reason
    return refusal.reason


async def test_a_csr_for_a_name_of_another_station_is_refused(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        assert await _refused_with(scene, scene.request(name="DE*ICE*E0002")) is Reason.CSR_NAME_MISMATCH


async def test_a_client_certificate_for_another_station_id_is_refused(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        request = scene.request(LeafUse.CSMS, name="CS-0002")
        assert await _refused_with(scene, request) is Reason.CSR_NAME_MISMATCH


async def test_a_client_certificate_for_another_operator_is_refused(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        request = scene.request(LeafUse.CSMS, organization="Rival")
        assert await _refused_with(scene, request) is Reason.CSR_NAME_MISMATCH


async def test_a_csr_that_tells_no_use_is_refused(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        assert await _refused_with(scene, scene.request(None, name="nobody")) is Reason.CSR_USE_UNKNOWN


async def test_a_csr_with_a_broken_signature_is_refused(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        text = csr_text(scene.key, EVSE, encoding=TextEncoding.HEX_DER)
        broken = text[:-2] + ("00" if text[-2:] != "00" else "01")
        assert await _refused_with(scene, SignCertificateRequest(broken, LeafUse.V2G)) is Reason.CSR_BAD_SIGNATURE


async def test_a_csr_with_a_weak_key_is_refused(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        weak = rsa.generate_private_key(65537, 1024)
        assert await _refused_with(scene, scene.request(key=weak)) is Reason.CSR_WEAK_KEY


@pytest.mark.parametrize("text", ["", "hello", "3003", "-----BEGIN CERTIFICATE REQUEST-----", "\ud800", "A" * 5501])
async def test_text_that_is_no_csr_is_refused(tmp_path: Path, text: str) -> None:
    async with open_scene(tmp_path) as scene:
        assert await _refused_with(scene, SignCertificateRequest(text, LeafUse.V2G)) is Reason.CSR_UNREADABLE


async def test_two_csrs_in_one_message_are_refused(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        text = csr_text(scene.key, EVSE) * 2
        assert await _refused_with(scene, SignCertificateRequest(text, LeafUse.V2G)) is Reason.CSR_UNREADABLE


async def test_a_use_without_a_pki_is_refused(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.office = replace(scene.office, issue_at={LeafUse.V2G: "v2g"})
        assert await _refused_with(scene, scene.request(LeafUse.CSMS)) is Reason.NO_PKI_FOR_USE


async def test_the_same_csr_again_makes_no_second_enrolment(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        request = scene.request()
        for _ in range(3):
            assert (await scene.ask(request)).status is GenericStatus.ACCEPTED
        await scene.work()
        assert scene.ca.posts == 1
        assert scene.names.count(Step.REQUEST_ACCEPTED) == 1


@pytest.mark.parametrize("faults", [set(), {StationFault.REJECTS}])
async def test_the_same_csr_after_the_certificate_exists_delivers_it_again(
    tmp_path: Path, faults: set[StationFault]
) -> None:
    async with open_scene(tmp_path) as scene:
        request = scene.request()
        await scene.ask(request)
        scene.station.faults = faults
        await scene.work()
        scene.station.faults = set()
        scene.station.held = None
        assert (await scene.ask(request)).status is GenericStatus.ACCEPTED
        await scene.work()
        assert scene.ca.posts == 1
        assert len(scene.station.signed) == 2
        assert (await scene.only()).state is EnrolmentState.INSTALLED


async def test_the_same_csr_that_came_before_the_station_said_accepted_sends_nothing_again(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        request = scene.request()
        await scene.ask(request)
        record = await scene.ledger.station(STATION)
        assert record is not None
        async with scene.office.turnstile.turn(STATION):
            late = asyncio.create_task(accept(scene.office, record, request, SecurityProfile.TLS_BASIC))
            await asyncio.sleep(0)  # it is in, and waits for its turn
            scene.clock.advance(1)
            await scene.work()
            assert (await scene.only()).state is EnrolmentState.INSTALLED
        assert (await late).status is GenericStatus.ACCEPTED
        await scene.work()
        assert len(scene.station.signed) == 1
        assert scene.names.count(Step.INSTALL_RECORDED) == 1


async def test_a_key_used_for_another_name_is_refused(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        await scene.ask(scene.request())
        answer = await scene.ask(scene.request(LeafUse.CSMS))
        assert answer.reason == Reason.CSR_KEY_REUSED.value


async def test_another_station_with_the_same_key_is_refused(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        await scene.ask(scene.request())
        rival = StationRecord(StationId("CS-0002"), "", allowed_names=frozenset({EVSE}))
        await scene.ledger.put_station(rival)
        answer = await accept(scene.office, rival, scene.request(), SecurityProfile.TLS_BASIC)
        assert answer.reason == Reason.CSR_KEY_REUSED.value


async def test_a_newer_csr_replaces_the_open_one_of_its_slot(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        await scene.ask(scene.request())
        newer = generate_private_key(KeySpec.P256)
        assert (await scene.ask(scene.request(key=newer))).status is GenericStatus.ACCEPTED
        await scene.work()
        former, current = await scene.ledger.enrolments_of(STATION)
        assert (former.state, current.state) == (EnrolmentState.CANCELLED, EnrolmentState.INSTALLED)
        assert scene.ca.posts == 1
        assert (await scene.ask(scene.request())).reason == Reason.CSR_SUPERSEDED.value


async def test_requests_over_the_rate_are_refused_and_leave_no_record(tmp_path: Path) -> None:
    async with open_scene(tmp_path, policy=Policy(requests_per_hour=2)) as scene:
        answers = [await scene.ask(scene.request(key=generate_private_key(KeySpec.P256))) for _ in range(4)]
        assert [answer.reason for answer in answers[2:]] == [Reason.TOO_MANY_REQUESTS.value] * 2
        assert await scene.ledger.refusals_of(STATION) == ()
        scene.clock.advance(3601)
        assert (await scene.ask(scene.request(key=generate_private_key(KeySpec.P256)))).status is GenericStatus.ACCEPTED


@pytest.mark.parametrize(
    ("fault", "reason", "retry"),
    [
        (CaFault.WRONG_KEY, Reason.LEAF_KEY_MISMATCH, RetryClass.NEVER),
        (CaFault.EMPTY_ANSWER, Reason.LEAF_KEY_MISMATCH, RetryClass.NEVER),
        (CaFault.OTHER_SUBJECT, Reason.LEAF_SUBJECT_MISMATCH, RetryClass.NEVER),
        (CaFault.ADDED_UNIT, Reason.LEAF_SUBJECT_MISMATCH, RetryClass.NEVER),
        (CaFault.CA_CERTIFICATE, Reason.LEAF_IS_CA, RetryClass.NEVER),
        (CaFault.WEAK_PROFILE, Reason.LEAF_PROFILE_MISMATCH, RetryClass.AFTER_A_CHANGE),
        (CaFault.EXPIRED_LEAF, Reason.LEAF_EXPIRED, RetryClass.NEVER),
        (CaFault.MISSING_SUB2, Reason.CHAIN_NOT_TRUSTED, RetryClass.AFTER_A_CHANGE),
        (CaFault.STRANGER, Reason.CHAIN_NOT_TRUSTED, RetryClass.AFTER_A_CHANGE),
        (CaFault.REFUSED, Reason.PKI_REFUSED, RetryClass.NEVER),
        (CaFault.NOT_REGISTERED, Reason.PKI_NAME_NOT_REGISTERED, RetryClass.AFTER_A_CHANGE),
        (CaFault.BUSY, Reason.PKI_UNAVAILABLE, RetryClass.BY_ITSELF),
        (CaFault.CACERTS_REFUSED, Reason.PKI_ANSWER_UNREADABLE, RetryClass.AFTER_A_CHANGE),
    ],
)
async def test_a_fault_of_the_ca_fails_the_enrolment_and_nothing_goes_to_the_station(
    tmp_path: Path, fault: CaFault, reason: Reason, retry: RetryClass
) -> None:
    async with open_scene(tmp_path) as scene:
        scene.ca.faults = {fault}
        assert (await scene.ask()).status is GenericStatus.ACCEPTED
        await scene.work()
        enrolment = await scene.only()
        assert enrolment.state is EnrolmentState.FAILED
        assert enrolment.failure is not None
        assert (enrolment.failure.reason, enrolment.failure.retry) == (reason, retry)
        assert scene.station.received == []
        assert scene.names[-1] is Step.FAILED
        assert enrolment.chain is None
        expected = GenericStatus.REJECTED if retry is RetryClass.NEVER else GenericStatus.ACCEPTED
        assert (await scene.ask()).status is expected


async def test_an_expired_sub_ca_is_named_as_such(tmp_path: Path) -> None:
    ladder = v2g_ladder(sub2_until=NOON - timedelta(days=1))
    async with open_scene(tmp_path, ladder=ladder) as scene:
        await scene.ask()
        await scene.work()
        failure = (await scene.only()).failure
        assert failure is not None
        assert failure.reason is Reason.SUB_CA_EXPIRED


async def test_a_busy_ca_is_asked_again_by_itself_and_given_up_after_its_attempts(tmp_path: Path) -> None:
    async with open_scene(tmp_path, policy=Policy(issue_attempts=3)) as scene:
        scene.ca.faults = {CaFault.BUSY}
        await scene.ask()
        for _ in range(5):
            await scene.wait_and_work(timedelta(hours=1))
        failure = (await scene.only()).failure
        assert scene.ca.posts == 3
        assert failure is not None
        assert failure.retry is RetryClass.AFTER_A_CHANGE


async def test_a_busy_ca_that_recovers_issues_in_the_end(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.ca.faults = {CaFault.BUSY}
        await scene.ask()
        await scene.work()
        scene.ca.faults = set()
        await scene.wait_and_work(timedelta(minutes=1))
        assert (await scene.only()).state is EnrolmentState.INSTALLED


async def test_a_pending_request_waits_for_its_date_and_posts_the_same_csr(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.ca.faults = {CaFault.PENDING}
        scene.ca.pending_until = NOON + timedelta(hours=2)
        await scene.ask()
        await scene.work()
        waiting = await scene.only()
        assert (waiting.state, waiting.retry_at) == (EnrolmentState.PENDING, NOON + timedelta(hours=2))
        scene.ca.faults = set()
        await scene.restart()
        await scene.wait_and_work(timedelta(hours=1))
        assert scene.ca.posts == 1
        await scene.wait_and_work(timedelta(hours=1))
        assert (scene.ca.posts, (await scene.only()).state) == (2, EnrolmentState.INSTALLED)


async def test_a_ca_that_was_not_reached_is_tried_again_by_itself(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.ca.faults = {CaFault.UNREACHABLE}
        await scene.ask()
        await scene.work()
        assert (await scene.only()).state is EnrolmentState.REQUESTED
        scene.ca.faults = set()
        await scene.wait_and_work(timedelta(seconds=5))
        assert (await scene.only()).state is EnrolmentState.INSTALLED


async def test_a_lost_answer_leaves_the_outcome_unknown_and_posts_nothing_more(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.ca.faults = {CaFault.BROKEN_OFF}
        await scene.ask()
        await scene.wait_and_work(timedelta(days=1))
        await scene.wait_and_work(timedelta(days=1))
        enrolment = await scene.only()
        assert enrolment.state is EnrolmentState.OUTCOME_UNKNOWN
        assert enrolment.failure is not None
        assert enrolment.failure.reason is Reason.ISSUE_OUTCOME_UNKNOWN
        assert (scene.ca.posts, scene.station.received) == (1, [])


async def test_a_new_csr_is_a_way_out_of_an_unknown_outcome(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.ca.faults = {CaFault.BROKEN_OFF}
        await scene.ask()
        await scene.work()
        scene.ca.faults = set()
        await scene.ask(scene.request(key=generate_private_key(KeySpec.P256)))
        await scene.work()
        former, current = await scene.ledger.enrolments_of(STATION)
        assert (former.state, current.state) == (EnrolmentState.CANCELLED, EnrolmentState.INSTALLED)


async def test_a_lost_answer_of_a_repost_safe_ca_is_asked_for_again(tmp_path: Path) -> None:
    async with open_scene(tmp_path, repost_safe=True) as scene:
        scene.ca.faults = {CaFault.BROKEN_OFF}
        await scene.ask()
        await scene.work()
        scene.ca.faults = set()
        await scene.wait_and_work(timedelta(seconds=10))
        assert (await scene.only()).state is EnrolmentState.INSTALLED
        assert (scene.ca.posts, len(scene.ca.issued)) == (2, 1)


@pytest.mark.parametrize("fault", [CaFault.CACERTS_UNREACHABLE, CaFault.CACERTS_BUSY])
async def test_a_certificate_in_hand_is_kept_while_cacerts_can_not_be_had(tmp_path: Path, fault: CaFault) -> None:
    async with open_scene(tmp_path) as scene:
        scene.ca.faults = {fault}
        await scene.ask()
        await scene.work()
        await scene.restart()
        scene.ca.faults = set()
        await scene.wait_and_work(timedelta(seconds=10))
        assert (await scene.only()).state is EnrolmentState.INSTALLED
        assert (scene.ca.posts, len(scene.ca.issued)) == (1, 1)


async def test_cacerts_are_fetched_again_when_a_leaf_does_not_chain(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.ca.faults = {CaFault.MISSING_SUB2}
        await scene.office.shelf.fetch("v2g", scene.ca)
        scene.ca.faults = set()
        await scene.ask()
        await scene.work()
        assert (await scene.only()).state is EnrolmentState.INSTALLED
        assert scene.ca.cacerts_reads == 2


async def test_cacerts_that_were_good_once_are_not_asked_for_again(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        for _ in range(3):
            await scene.ask(scene.request(key=generate_private_key(KeySpec.P256)))
            await scene.work()
        assert (scene.ca.posts, scene.ca.cacerts_reads) == (3, 1)


@pytest.mark.parametrize(
    ("fault", "proof"),
    [(StationFault.NO_LIST, Proof.UNPROVEN), (StationFault.NO_CHILDREN, Proof.UNPROVEN)],
)
async def test_a_station_that_can_not_show_the_leaf_is_installed_unproven(
    tmp_path: Path, fault: StationFault, proof: Proof
) -> None:
    async with open_scene(tmp_path) as scene:
        scene.station.faults = {fault}
        await scene.ask()
        await scene.work()
        enrolment = await scene.only()
        assert (enrolment.state, enrolment.proof) == (EnrolmentState.INSTALLED, proof)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (StationFault.REJECTS, Reason.STATION_REJECTED_SIGNED),
        (StationFault.CALL_ERROR, Reason.STATION_REJECTED_SIGNED),
        (StationFault.EMPTY_LIST, Reason.STATION_LEAF_MISSING),
    ],
)
async def test_a_station_that_refuses_is_not_asked_for_ever(
    tmp_path: Path, fault: StationFault, reason: Reason
) -> None:
    async with open_scene(tmp_path) as scene:
        scene.station.faults = {fault}
        await scene.ask()
        for _ in range(3):
            await scene.wait_and_work(timedelta(days=1))
        failure = (await scene.only()).failure
        assert failure is not None
        assert (failure.reason, failure.retry) == (reason, RetryClass.AFTER_A_CHANGE)
        assert len(scene.station.signed) == 1


async def test_a_silent_station_is_given_up_after_its_attempts(tmp_path: Path) -> None:
    async with open_scene(tmp_path, policy=Policy(deliver_attempts=3)) as scene:
        scene.station.faults = {StationFault.SILENT}
        await scene.ask()
        for _ in range(6):
            await scene.wait_and_work(timedelta(hours=1))
        failure = (await scene.only()).failure
        assert failure is not None
        assert failure.reason is Reason.STATION_SILENT
        assert len(scene.station.signed) <= 3


async def test_an_answer_lost_after_installing_installs_nothing_twice(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.station.faults = {StationFault.SILENT_AFTER_INSTALL}
        await scene.ask()
        await scene.wait_and_work(timedelta(0))
        await scene.wait_and_work(timedelta(minutes=1))
        assert (await scene.only()).proof is Proof.READ_BACK
        assert (len(scene.station.signed), len(scene.station.installed)) == (1, 1)


async def test_a_delivery_waits_for_its_station_without_asking(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.station.online = False
        await scene.ask()
        await scene.work()
        scene.clock.advance(timedelta(days=30).total_seconds())
        assert await scene.take() == ()
        assert await scene.ledger.next_due() is None
        scene.station.online = True
        assert await scene.ledger.wake(STATION, scene.clock.now()) == 1
        await scene.work()
        assert (await scene.only()).state is EnrolmentState.INSTALLED


async def test_a_certificate_that_ended_while_its_station_was_away_is_not_delivered(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        scene.station.online = False
        await scene.ask()
        await scene.work()
        scene.clock.advance(timedelta(days=400).total_seconds())
        scene.station.online = True
        await scene.ledger.wake(STATION, scene.clock.now())
        await scene.work()
        failure = (await scene.only()).failure
        assert failure is not None
        assert (failure.reason, failure.retry) == (Reason.LEAF_EXPIRED, RetryClass.NEVER)
        assert scene.station.received == []
