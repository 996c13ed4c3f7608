"""OCSP answers for a station through our CPMS, from the test PKI's responder, in each dialect that can ask."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.x509 import ocsp

from chainpilot.cpms.model import Step
from chainpilot.pki.trust import LeafUse
from chainpilot.station.model import CaCertificateType, LeafCertificateType
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.version import OcppVersion
from flows.duet import Duet, open_duet

__all__: list[str] = []

pytestmark = pytest.mark.anyio

WAYS = [(OcppVersion.V16, (Dialect.H,)), (OcppVersion.V16, (Dialect.O,)), (OcppVersion.V201, ())]


def good(duet: Duet) -> list[bool]:
    """Whether there is an answer that says good, beside each certificate of the chain."""
    leaf = duet.station.security.get_leaf_certificate_info(LeafCertificateType.V2G, include_ocsp=True)
    paths = [one.ocsp_path for one in leaf.info.ocsp or ()] if leaf.info is not None else []
    answers = [ocsp.load_der_ocsp_response(Path(path).read_bytes()) if path else None for path in paths]
    return [one is not None and one.certificate_status is ocsp.OCSPCertStatus.GOOD for one in answers]


async def until(condition: Callable[[], bool]) -> None:
    """Until that is so; the station works in threads, and nothing tells when an answer is on its disk."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - as said
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(("version", "dialects"), WAYS, ids=["H", "O", "2.0.1"])
async def test_a_new_leaf_gets_an_answer_for_each_certificate_of_its_chain(
    tmp_path: Path, version: OcppVersion, dialects: tuple[Dialect, ...]
) -> None:
    async with open_duet(tmp_path, version, dialects, 2) as duet:
        duet.give_root(CaCertificateType.CSMS, CaCertificateType.V2G)
        await duet.start()
        await duet.station.enrol(LeafUse.V2G)
        await duet.steps.until(lambda: duet.steps.count(Step.INSTALL_RECORDED) == 1)
        await until(lambda: good(duet) == [True, True, True])
        assert duet.steps.count(Step.STATUS_ANSWERED, answer="Good") == 3
        assert duet.steps.count(Step.STATUS_REFUSED) == 0


async def test_answers_are_renewed_through_the_cpms_before_they_end(tmp_path: Path) -> None:
    async with open_duet(tmp_path, OcppVersion.V201, (), 2) as duet:
        duet.give_root(CaCertificateType.CSMS, CaCertificateType.V2G)
        await duet.start()
        await duet.station.enrol(LeafUse.V2G)
        await until(lambda: good(duet) == [True, True, True])
        cases = duet.station.agent.flows.upkeep._cases
        await until(lambda: not any(one.is_owed for one in cases.values()))  # the last answer is taken in, too
        duet.let_time_pass(timedelta(days=7, hours=6).total_seconds())
        await duet.steps.until(lambda: duet.steps.count(Step.STATUS_ANSWERED, answer="Good") >= 6)
