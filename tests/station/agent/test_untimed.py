"""While the clock can't be trusted nothing is installed, and what is there isn't taken for missing."""

from datetime import timedelta
from pathlib import Path

import pytest

from agents_configuration import NotedReport
from certs import Pki, v2g_pki
from chainpilot.pki.trust import LeafUse
from chainpilot.station.agent.certificates import CertificateDesk
from chainpilot.station.agent.roots import RootsInUse
from chainpilot.station.agent.settings.values import Settings
from chainpilot.station.model import CaCertificateType, LeafCertificateType
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.messages import CertificateSignedRequest, InstallCertificateRequest
from chainpilot.wire.pnc.words import CertificateUse, GenericStatus, InstallCertificateStatus
from clocks import SetClock
from stores import assert_store_unchanged, enrol, store_with

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


async def test_roots_and_leaves_are_refused_with_the_reason_and_taken_once_the_clock_is_trusted(
    tmp_path: Path, v2g: Pki
) -> None:
    why: list[str | None] = ["it shows 1970"]
    store, report = store_with(tmp_path, (CaCertificateType.V2G, v2g)), NotedReport()

    async def never(_: LeafUse | None) -> None:
        return None

    desk = CertificateDesk(
        store, Settings, RootsInUse(store), report, lambda _: None, why_untimed=lambda: why[0], asks_again_at=never
    )
    other = InstallCertificateRequest(CertificateUse.MO_ROOT_CERTIFICATE, v2g_pki().root.certificate.to_pem())
    made = store.generate_certificate_signing_request(LeafCertificateType.V2G, "DE", "Chargers Ltd", "DE*CHP*E1")
    leaf = CertificateSignedRequest(v2g.enrol(made.csr or ""))
    with assert_store_unchanged(tmp_path):
        installed = await desk.install(other)
        assert (installed.status, installed.reason) == (InstallCertificateStatus.FAILED, "ClockNotTrusted")
        taken = await desk.take_leaf(leaf, Dialect.V201)
        assert (taken.status, taken.reason) == (GenericStatus.REJECTED, "ClockNotTrusted")
    why[0] = None
    assert (await desk.install(other)).status is InstallCertificateStatus.ACCEPTED
    assert (await desk.take_leaf(leaf, Dialect.V201)).status is GenericStatus.ACCEPTED


def test_a_leaf_is_there_before_it_begins_and_until_it_ends_and_with_its_key(tmp_path: Path, v2g: Pki) -> None:
    clock = SetClock()
    store = store_with(tmp_path, (CaCertificateType.V2G, v2g), clock=clock)
    assert not store.has_leaf(LeafCertificateType.V2G)
    enrol(store, v2g)
    (info,) = store.usable_leaves(LeafCertificateType.V2G)
    assert store.has_leaf(LeafCertificateType.V2G)
    clock.set(clock.now() - timedelta(days=20_000))
    assert store.usable_leaves(LeafCertificateType.V2G) == ()
    assert store.has_leaf(LeafCertificateType.V2G), "a clock that was never set makes nothing missing"
    assert not store.has_leaf(LeafCertificateType.CSMS)
    Path(info.key).unlink()
    assert not store.has_leaf(LeafCertificateType.V2G)
