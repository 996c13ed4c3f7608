"""PyPI's `ocpp` plays the CSMS against our station: enrolment completes, and what doesn't fit changes nothing."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from certs import Pki, csms_pki, v2g_pki
from chainpilot.pki.trust import LeafUse
from chainpilot.station.adapters.ocpp_client import ProfileNotReady
from chainpilot.station.agent.settings.values import Settings
from chainpilot.station.app import StationConfigError
from chainpilot.station.model import CaCertificateType, InstallCertificateResult, LeafCertificateType
from chainpilot.station.watch import (
    Booted,
    CertificateReceived,
    Connected,
    ConnectFailed,
    Disconnected,
    SignCertificateAnswered,
    SignCertificateSent,
    StoreUpdated,
)
from clocks import SetClock
from csms import PASSWORD, STATION, Csms, csms_at
from stations import JITTER, Running, running_station
from stores import assert_store_unchanged

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


@pytest.fixture(scope="module")
def back() -> Pki:
    return csms_pki()


@asynccontextmanager
async def joined(
    directory: Path,
    v2g: Pki,
    back: Pki,
    *,
    name: str = "localhost",
    server: Pki | None = None,
    password: str = PASSWORD,
    boot_answers: tuple[str, ...] = (),
    clock: SetClock | None = None,
    settings: Settings | None = None,
) -> AsyncIterator[tuple[Csms, Running]]:
    """A CSMS, by default with a certificate of `back` for localhost, and a station that runs against it."""
    async with csms_at(directory, server or back, name=name) as csms:
        csms.boot_answers, csms.interval = list(boot_answers), 1 if boot_answers else 300
        store = directory / "store"
        more: dict[str, Any] = {"settings": settings} if settings is not None else {}
        async with running_station(store, csms.url(), v2g, back, password=password, clock=clock, **more) as running:
            yield csms, running


def signs_with(csms: Csms, v2g: Pki, back: Pki) -> None:
    csms.signs = lambda csr, use: (back if use == LeafUse.CSMS.value else v2g).enrol(csr)


async def enrolled(running: Running, use: LeafUse) -> None:
    await running.station.enrol(use)
    await running.until(CertificateReceived, result=InstallCertificateResult.ACCEPTED)


async def test_a_station_enrols_its_secc_certificate_and_openssl_accepts_it(
    tmp_path: Path, v2g: Pki, back: Pki
) -> None:
    async with joined(tmp_path, v2g, back) as (csms, running):
        signs_with(csms, v2g, back)
        store = tmp_path / "store"
        await running.until(Booted, accepted=True)
        await running.station.enrol(LeafUse.V2G)
        await running.until(SignCertificateAnswered, accepted=True)
        await running.until(StoreUpdated)
        await running.until(CertificateReceived, result=InstallCertificateResult.ACCEPTED)
        assert await csms.answers.get() == {"status": "Accepted"}
        ((message, inner),) = csms.requests
        assert message == "SignCertificate"
        assert inner["typeOfCertificate"] == "V2GCertificate"
        station = await csms.stations.get()
        listed = await station.ask("GetInstalledCertificateIds", {"typeOfCertificate": "V2GCertificateChain"})
        info = running.station.security.get_leaf_certificate_info(LeafCertificateType.V2G).info
        assert listed["status"] == "Accepted"
        assert len(listed["certificateHashData"]) == 3
        assert info is not None
        assert info.certificate is not None
        root = str(store / "ca/v2g/V2G_ROOT_CA.pem")
        command = ["openssl", "verify", "-CAfile", root, "-untrusted", info.certificate, info.certificate]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


async def test_after_its_client_certificate_a_station_steps_up_to_mutual_tls(
    tmp_path: Path, v2g: Pki, back: Pki
) -> None:
    async with joined(tmp_path, v2g, back) as (csms, running):
        signs_with(csms, v2g, back)
        await running.until(Booted, accepted=True)
        with pytest.raises(ProfileNotReady, match="client certificate"):
            await running.station.step_up(3)
        await enrolled(running, LeafUse.CSMS)
        await running.station.step_up(3)
        await running.until(Connected, profile=3)
        assert running.station.profile == 3
        with pytest.raises(StationConfigError):
            await running.station.step_up(2)
        assert csms.client_names == [None, STATION]


async def test_a_step_up_that_fails_falls_back_to_the_profile_that_worked(tmp_path: Path, v2g: Pki, back: Pki) -> None:
    async with joined(tmp_path, v2g, back) as (csms, running):
        signs_with(csms, v2g, back)
        await running.until(Booted, accepted=True)
        await enrolled(running, LeafUse.CSMS)
        with pytest.raises(Exception, match="another name"):
            await running.station.step_up(3, url=csms.url("127.0.0.1"))
        await running.until(ConnectFailed, profile=3)
        await running.until(Connected, profile=2)
        assert running.station.profile == 2


async def test_of_two_steps_up_at_once_one_is_made_and_the_other_refused(tmp_path: Path, v2g: Pki, back: Pki) -> None:
    async with joined(tmp_path, v2g, back) as (csms, running):
        signs_with(csms, v2g, back)
        await running.until(Booted, accepted=True)
        await enrolled(running, LeafUse.CSMS)
        async with asyncio.timeout(20):
            both = await asyncio.gather(*(running.station.step_up(3) for _ in range(2)), return_exceptions=True)
        assert [type(one) for one in both] == [type(None), StationConfigError]
        assert running.station.profile == 3


async def test_a_lost_certificate_is_asked_for_with_the_same_request_over_the_next_connection(
    tmp_path: Path, v2g: Pki, back: Pki
) -> None:
    settings = Settings(cert_signing_wait_minimum=1)
    async with joined(tmp_path, v2g, back, settings=settings) as (csms, running):
        await running.until(Booted, accepted=True)
        await running.station.enrol(LeafUse.V2G)
        await running.until(SignCertificateAnswered, accepted=True)
        signs_with(csms, v2g, back)
        station = await csms.stations.get()
        await station.connection.close()
        await running.until(Disconnected)
        await running.until(SignCertificateSent, use=LeafUse.V2G)
        await running.until(CertificateReceived, result=InstallCertificateResult.ACCEPTED)
    first, second = (inner["csr"] for _, inner in csms.requests)
    assert first == second


async def test_an_enrolment_started_offline_goes_out_once_connected(tmp_path: Path, v2g: Pki, back: Pki) -> None:
    async with csms_at(tmp_path, back) as csms:
        port = csms.port
    url = csms.url()
    async with running_station(tmp_path / "store", url, v2g, back, password=PASSWORD) as running:
        await running.until(ConnectFailed)
        await running.station.enrol(LeafUse.V2G)
        async with csms_at(tmp_path, back, port=port) as csms:
            signs_with(csms, v2g, back)
            await running.until(CertificateReceived, result=InstallCertificateResult.ACCEPTED)


async def test_a_rejected_request_is_told_and_stays_open(tmp_path: Path, v2g: Pki, back: Pki) -> None:
    async with joined(tmp_path, v2g, back) as (csms, running):
        csms.accepts = False
        await running.until(Booted, accepted=True)
        await running.station.enrol(LeafUse.V2G)
        answered = await running.until(SignCertificateAnswered, accepted=False)
        assert "rejects" in (answered.why or "")
        csms.accepts = True
        signs_with(csms, v2g, back)
        await enrolled(running, LeafUse.V2G)
    first, second = (inner["csr"] for _, inner in csms.requests)
    assert first == second


async def test_a_certificate_that_does_not_fit_is_rejected_inside_and_changes_nothing(
    tmp_path: Path, v2g: Pki, back: Pki
) -> None:
    async with joined(tmp_path, v2g, back) as (csms, running):
        await running.until(Booted, accepted=True)
        await running.station.enrol(LeafUse.V2G)
        await running.until(SignCertificateAnswered, accepted=True)
        station = await csms.stations.get()
        csr = csms.requests[0][1]["csr"]
        stranger = v2g_pki()
        good = v2g.enrol(csr)
        with assert_store_unchanged(tmp_path / "store"):
            for chain in (stranger.enrol(csr), good[good.index("-----END") + 26 :], "rubbish"):
                assert (await station.deliver(chain, "V2GCertificate"))["status"] == "Rejected"
                received = await running.until(CertificateReceived)
                assert received.why
            assert (await station.deliver(good, "ChargingStationCertificate"))["status"] == "Rejected"
        for _ in range(2):
            assert (await station.deliver(good, None))["status"] == "Accepted"
            station.csms.answers = asyncio.Queue()


async def test_what_the_station_does_not_know_is_answered_in_its_own_layer(tmp_path: Path, v2g: Pki, back: Pki) -> None:
    async with joined(tmp_path, v2g, back) as (csms, running):
        await running.until(Booted, accepted=True)
        station = await csms.stations.get()

        async def raw(text: str) -> Any:
            await station.connection.send(text)

        assert await station.ask("NoSuchMessage", {}) == {"carrier": "UnknownMessageId"}
        assert await station.ask("CertificateSigned", "{not json") == {"carrier": "Rejected"}
        listed = await station.ask("GetInstalledCertificateIds", {"typeOfCertificate": "MORootCertificate"})
        assert listed == {"status": "NotFound"}
        with pytest.raises(Exception, match="NotImplemented"):
            await station.call(call.ClearCache(), suppress=False)
        await raw("this is no frame")
        assert await station.ask("NoSuchMessage", {}) == {"carrier": "UnknownMessageId"}, "the connection stays"
        assert running.station.security.is_ca_certificate_installed(CaCertificateType.V2G)


async def test_a_server_certificate_for_another_name_is_refused_in_words(tmp_path: Path, v2g: Pki, back: Pki) -> None:
    async with joined(tmp_path, v2g, back, name="another.example") as (csms, running):
        failed = await running.until(ConnectFailed)
        assert "for another name; not connected" in failed.why
        assert csms.stations.empty()


async def test_a_server_of_a_strange_root_is_refused_in_words(tmp_path: Path, v2g: Pki, back: Pki) -> None:
    async with joined(tmp_path, v2g, back, server=csms_pki()) as (_, running):
        failed = await running.until(ConnectFailed)
        assert "we don't trust" in failed.why


async def test_a_wrong_password_is_told_as_such_and_never_shown(
    tmp_path: Path, v2g: Pki, back: Pki, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    wrong = "wrong-battery-staple"
    async with joined(tmp_path, v2g, back, password=wrong) as (_, running):
        failed = await running.until(ConnectFailed)
        assert "or its password (401)" in failed.why
        shown = [repr(running.events), repr(running.config), repr(vars(running.station)), caplog.text]
    assert not [text for text in shown if wrong in text]


async def test_without_a_csms_root_nothing_is_trusted(tmp_path: Path, v2g: Pki, back: Pki) -> None:
    async with joined(tmp_path, v2g, back) as (csms, running):
        await running.until(Booted, accepted=True)
        (tmp_path / "store/ca/csms/CSMS_ROOT_CA.pem").unlink()
        station = await csms.stations.get()
        await station.connection.close()
        failed = await running.until(ConnectFailed)
        assert "no CSMS root is installed" in failed.why


async def test_a_station_boots_again_until_it_is_accepted(tmp_path: Path, v2g: Pki, back: Pki) -> None:
    clock = SetClock()
    async with joined(tmp_path, v2g, back, boot_answers=("Pending", "Rejected"), clock=clock) as (csms, running):
        await running.station.enrol(LeafUse.V2G)
        for status in ("Pending", "Rejected"):
            await running.until(Booted, status=status)
            assert not csms.requests
            await clock.until_somebody_sleeps(until=csms.interval)
            clock.advance(csms.interval)
        await running.until(Booted, accepted=True)
        await running.until(SignCertificateAnswered, accepted=True)


async def test_a_request_that_a_csms_works_on_is_sent_again_unchanged_days_later(
    tmp_path: Path, v2g: Pki, back: Pki
) -> None:
    clock = SetClock()
    async with joined(tmp_path, v2g, back, clock=clock) as (csms, running):
        await running.until(Booted, accepted=True)
        await running.station.enrol(LeafUse.V2G)
        await running.until(SignCertificateAnswered, accepted=True)
        clock.set(clock.now() + timedelta(days=3))
        await running.station.enrol(LeafUse.V2G)
        await running.until(SignCertificateAnswered, accepted=True)
        signs_with(csms, v2g, back)
        await (await csms.stations.get()).connection.close()
        await running.until(Disconnected)
        await clock.until_somebody_sleeps(until=JITTER)
        clock.advance(JITTER)
        await running.until(Booted)
        clock.advance(Settings().cert_signing_wait_minimum)
        await running.until(CertificateReceived, result=InstallCertificateResult.ACCEPTED)
    assert len({inner["csr"] for _, inner in csms.requests}) == 1
    assert len(csms.requests) == 3
