"""Every named fault of a PKI against the whole road: a defined end, a reason, and no wrong certificate at a station."""

from pathlib import Path

import pytest

from chainpilot.cpms.model import EnrolmentState, Reason, Step
from chainpilot.pki.trust import LeafUse
from chainpilot.station.model import CaCertificateType, LeafCertificateType
from chainpilot.testpki.faults import Fault
from chainpilot.wire.version import OcppVersion
from flows.duet import Duet, open_duet

__all__: list[str] = []

pytestmark = pytest.mark.anyio

ENDS = {Step.INSTALL_RECORDED, Step.FAILED, Step.OUTCOME_UNKNOWN, Step.POSTPONED, Step.PUT_OFF}
S = EnrolmentState
EST: dict[Fault, tuple[EnrolmentState, Reason | None]] = {
    Fault.WRONG_KEY: (S.FAILED, Reason.LEAF_KEY_MISMATCH),
    Fault.OTHER_SUBJECT: (S.FAILED, Reason.LEAF_SUBJECT_MISMATCH),
    Fault.CA_LEAF: (S.FAILED, Reason.LEAF_IS_CA),
    Fault.WIDER_USAGE: (S.FAILED, Reason.CHAIN_NOT_TRUSTED),
    Fault.EXTRA_SAN: (S.FAILED, Reason.LEAF_PROFILE_MISMATCH),
    Fault.ENDED_LEAF: (S.FAILED, Reason.LEAF_EXPIRED),
    Fault.FUTURE_LEAF: (S.INSTALLED, None),
    Fault.FOREIGN_ISSUER: (S.FAILED, Reason.CHAIN_NOT_TRUSTED),
    Fault.SHUFFLED_BAG: (S.INSTALLED, None),
    Fault.MISSING_SUB2: (S.FAILED, Reason.CHAIN_NOT_TRUSTED),
    Fault.NEW_ROOT: (S.INSTALLED, None),
    Fault.PENDING_FIRST: (S.PENDING, None),
    Fault.UNAUTHORIZED: (S.FAILED, Reason.PKI_LOGIN_REFUSED),
    Fault.FORBIDDEN: (S.FAILED, Reason.PKI_NAME_NOT_REGISTERED),
    Fault.BUSY: (S.FAILED, Reason.PKI_UNAVAILABLE),
    Fault.SERVER_ERROR: (S.OUTCOME_UNKNOWN, Reason.ISSUE_OUTCOME_UNKNOWN),
    Fault.SLOW: (S.OUTCOME_UNKNOWN, Reason.ISSUE_OUTCOME_UNKNOWN),
    Fault.CUT: (S.OUTCOME_UNKNOWN, Reason.ISSUE_OUTCOME_UNKNOWN),
    Fault.REDIRECT: (S.FAILED, Reason.PKI_REFUSED),
    Fault.GARBAGE: (S.FAILED, Reason.PKI_ANSWER_UNREADABLE),
    Fault.OTHER_TYPE: (S.FAILED, Reason.PKI_ANSWER_UNREADABLE),
    Fault.PEM_BODY: (S.INSTALLED, None),
    Fault.RAW_BODY: (S.INSTALLED, None),
    Fault.UNWRAPPED_BODY: (S.INSTALLED, None),
}
"""What becomes of an enrolment while the fault is on."""
ANSWERED, REFUSED = Step.STATUS_ANSWERED, Step.STATUS_REFUSED
OCSP: dict[Fault, tuple[Step, str]] = {
    Fault.STALE_OCSP: (REFUSED, Reason.OCSP_STALE.value),
    Fault.WRONG_OCSP_SIGNER: (REFUSED, Reason.OCSP_WRONG_SIGNER.value),
    Fault.OCSP_OTHER_CERTIFICATE: (REFUSED, Reason.OCSP_UNREADABLE.value),
    Fault.OCSP_UNKNOWN: (ANSWERED, "Unknown"),
    Fault.OCSP_TRY_LATER: (REFUSED, Reason.OCSP_REFUSED.value),
    Fault.OCSP_GARBAGE: (REFUSED, Reason.OCSP_UNREADABLE.value),
    Fault.OCSP_SERVER_ERROR: (REFUSED, Reason.OCSP_REFUSED.value),
    Fault.OCSP_SLOW: (REFUSED, Reason.OCSP_UNREACHABLE.value),
}
"""What becomes of a station's question while the fault is on, and the word for it."""


def test_no_fault_of_the_test_pki_is_left_out() -> None:
    assert EST.keys() | OCSP.keys() == set(Fault)


async def started(duet: Duet, fault: Fault) -> None:
    """The station has come, and the PKI is at fault."""
    duet.give_root(CaCertificateType.CSMS, CaCertificateType.V2G)
    await duet.start()
    duet.pki.faults.on(fault)


def ends(duet: Duet) -> list[Step]:
    return [one.step for one in duet.steps.taken if one.step in ENDS]


@pytest.mark.parametrize("fault", EST, ids=lambda fault: fault.word)
async def test_an_enrolment_ends_as_the_fault_has_it(tmp_path: Path, fault: Fault) -> None:
    state, reason = EST[fault]
    seconds = 1.5 if fault is Fault.SLOW else 30.0
    async with open_duet(tmp_path, OcppVersion.V201, (), 2, pki_seconds=seconds) as duet:
        await started(duet, fault)
        await duet.station.enrol(LeafUse.V2G)
        await duet.steps.until(lambda: ends(duet))
        (enrolment,) = await duet.enrolments(LeafUse.V2G)
        assert (enrolment.state, enrolment.failure.reason if enrolment.failure else None) == (state, reason)
        assert enrolment.failure is None or enrolment.failure.detail
        is_there = state is S.INSTALLED
        assert len(duet.leaves(LeafUse.V2G)) == (1 if is_there else 0)
        if is_there:
            (leaf,) = duet.leaves(LeafUse.V2G)
            assert leaf.spki_hash == enrolment.spki_hash
            assert leaf.fingerprint == enrolment.fingerprint
        roots = duet.station.security.trust_anchors(CaCertificateType.V2G)
        assert [one.to_pem() for one in roots] == [duet.root("v2g")], "no PKI brings a station a root"


@pytest.mark.parametrize("fault", OCSP, ids=lambda fault: fault.word)
async def test_a_station_keeps_no_answer_while_the_responder_is_at_fault(tmp_path: Path, fault: Fault) -> None:
    step, word = OCSP[fault]
    seconds = 0.5 if fault is Fault.OCSP_SLOW else 5.0
    async with open_duet(tmp_path, OcppVersion.V201, (), 2, ocsp_seconds=seconds) as duet:
        await started(duet, fault)
        await duet.station.enrol(LeafUse.V2G)
        key = "reason" if step is REFUSED else "answer"
        await duet.steps.until(lambda: duet.steps.count(step, **{key: word}) >= 1)
        assert duet.steps.count(ANSWERED, answer="Good") == 0
        found = duet.station.security.get_leaf_certificate_info(LeafCertificateType.V2G, include_ocsp=True)
        assert found.info is not None
        assert [one.ocsp_path for one in found.info.ocsp or ()] == [None, None, None]
