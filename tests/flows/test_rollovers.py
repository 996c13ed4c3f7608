"""CAs that change their keys while stations enrol: the whole road goes on under the anchors that were there."""

from pathlib import Path

import pytest

from chainpilot.cpms.model import EnrolmentState, Step
from chainpilot.pki.trust import LeafUse
from chainpilot.station.model import CaCertificateType
from chainpilot.wire.version import OcppVersion
from flows.duet import Duet, open_duet

__all__: list[str] = []

pytestmark = pytest.mark.anyio


async def enrolled(duet: Duet) -> None:
    """One more SECC leaf, installed and good to OpenSSL under the root that the station has."""
    installed, failed = duet.steps.count(Step.INSTALL_RECORDED), duet.steps.count(Step.FAILED)
    await duet.station.enrol(LeafUse.V2G)
    await duet.steps.until(
        lambda: duet.steps.count(Step.INSTALL_RECORDED) > installed or duet.steps.count(Step.FAILED) > failed
    )
    latest = (await duet.enrolments(LeafUse.V2G))[-1]
    assert latest.state is EnrolmentState.INSTALLED, latest.failure
    await duet.assert_store_holds_good(LeafUse.V2G)


async def test_a_sub2_that_rolled_over_since_the_last_cacerts_is_asked_for_anew(tmp_path: Path) -> None:
    async with open_duet(tmp_path, OcppVersion.V201, (), 2) as duet:
        duet.give_root(CaCertificateType.CSMS, CaCertificateType.V2G)
        await duet.start()
        await enrolled(duet)
        old = duet.pki.issuers["cpo_sub2"].certificate
        new = duet.pki.roll_over("cpo_sub2")
        duet.let_time_pass(60)
        await enrolled(duet)
        leaf = duet.in_use(LeafUse.V2G)
        assert leaf.was_signed_by(new)
        assert not leaf.was_signed_by(old)


async def test_under_a_root_that_rolled_over_the_cross_certificate_leads_to_the_old_one(tmp_path: Path) -> None:
    async with open_duet(tmp_path, OcppVersion.V201, (), 2) as duet:
        duet.give_root(CaCertificateType.CSMS, CaCertificateType.V2G)
        old_root = duet.root("v2g")
        await duet.start()
        await enrolled(duet)
        new_root, _, sub2 = (duet.pki.roll_over(name) for name in ("v2g_root", "cpo_sub1", "cpo_sub2"))
        duet.let_time_pass(60)
        await enrolled(duet)
        assert duet.in_use(LeafUse.V2G).was_signed_by(sub2)
        anchors = duet.station.security.trust_anchors(CaCertificateType.V2G)
        assert [one.to_pem() for one in anchors] == [old_root], "nobody brought the new root to the station"
        assert new_root not in anchors
