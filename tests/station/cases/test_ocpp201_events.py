"""Security events of an OCPP 2.0.1 station, use case A04: which there are, none lost, all in the log."""

import asyncio
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ocpp.v201 import call

from casework201 import Case, at_work, back, renew, reset, set_variable, station_of, trigger
from certs import csms_pki
from chainpilot.link.watch import FrameSeen
from chainpilot.station.agent.events.types import SecurityEventType
from chainpilot.station.watch import ConnectFailed
from clocks import SetClock
from csms201 import Csms201, csms201_at, tls_identity
from fileserver import file_server

pytestmark = pytest.mark.anyio

BY_TLS = pytest.mark.parametrize("profile", [2, 3])
EACH = pytest.mark.parametrize("profile", [1, 2, 3])
TLS_1_2 = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)


async def started(case: Case) -> None:
    """The first event has come, and the station knows that it has."""
    await case.csms.event("StartupOfTheDevice")
    await is_quiet(case)


async def is_quiet(case: Case) -> None:
    """What the station had to say before is said and answered."""
    assert await trigger(case.station, "Heartbeat") == "Accepted"
    await case.csms.until("Heartbeat")


def words(csms: Csms201) -> list[str]:
    """The types of all events, in the order in which they came."""
    return [one.payload["type"] for one in csms.all_of("SecurityEventNotification")]


@EACH
async def test_a04_the_start_is_told_once_and_not_at_every_connection(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile) as case:
        await started(case)
        await case.reconnected()
        await is_quiet(case)
        assert words(case.csms) == ["StartupOfTheDevice"]


async def test_a04_a_reset_is_told_once(tmp_path: Path) -> None:
    async with at_work(tmp_path) as case:
        await reset(case.station)
        await case.again()
        await case.csms.event("ResetOrReboot")
        await is_quiet(case)
        assert words(case.csms).count("ResetOrReboot") == 1


@BY_TLS
async def test_a04_a_server_without_a_suite_that_serves_is_told_of(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile) as case:
        csms = case.csms
        csms.tls, csms.ciphers = TLS_1_2, "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"
        await case.station.drop()
        await case.running.until(ConnectFailed, profile=profile)
        assert len(csms.arrivals) == 1
        csms.ciphers = None
        station = await case.again()
        assert (await csms.event("InvalidTLSCipherSuite")).connection == station.number


async def test_a04_a_csms_that_refuses_the_password_is_told_of(tmp_path: Path) -> None:
    async with at_work(tmp_path) as case:
        right, case.csms.password = case.csms.password, "some-other-password"
        await case.station.drop()
        await case.running.until(ConnectFailed)
        case.csms.password = right
        station = await case.again()
        assert (await case.csms.event("FailedToAuthenticateAtCsms")).connection == station.number


async def test_a04_a_csms_that_refuses_the_client_certificate_is_told_of(tmp_path: Path) -> None:
    async with at_work(tmp_path, 3) as case:
        case.csms.client_roots = (csms_pki(),)
        await case.station.drop()
        await case.running.until(ConnectFailed)
        assert len(case.csms.arrivals) == 1
        case.csms.client_roots = (back(),)
        station = await case.again()
        assert (await case.csms.event("FailedToAuthenticateAtCsms")).connection == station.number


async def test_a04_frames_that_nobody_can_read_are_told_of(tmp_path: Path) -> None:
    async with at_work(tmp_path) as case:
        case.csms.wanted_errors = {"RpcFrameworkError"}
        await case.station.connection.send("this is no frame")
        await case.csms.event("InvalidMessages")
        await is_quiet(case)
        assert words(case.csms) == ["StartupOfTheDevice", "InvalidMessages"]


async def test_a04_events_of_an_outage_come_after_it_in_their_order(tmp_path: Path) -> None:
    async with at_work(tmp_path) as case:
        csms, agent = case.csms, case.running.station.agent
        await started(case)
        csms.is_away = True
        await case.station.drop()
        await case.running.until(ConnectFailed)
        wanted = (SecurityEventType.TAMPER_DETECTION_ACTIVATED, SecurityEventType.SETTING_SYSTEM_TIME)
        for kind in (*wanted, *wanted):
            await agent.report(kind, "while nobody listened")
        csms.is_away = False
        station = await case.again()
        for kind in (*wanted, *wanted):
            event = await csms.event(kind.value)
            assert event.connection == station.number
            assert event.payload["techInfo"] == "while nobody listened"
        await is_quiet(case)
        assert words(csms) == ["StartupOfTheDevice", *(kind.value for kind in (*wanted, *wanted))]


async def test_a04_events_of_an_outage_outlast_a_restart(tmp_path: Path) -> None:
    async with csms201_at(tmp_path, back()) as csms:
        csms.shown = tls_identity(csms_pki())
        async with station_of(tmp_path, csms) as running:
            await running.until(ConnectFailed)
        assert not csms.asked
        csms.shown = tls_identity(back())
        async with station_of(tmp_path, csms):
            await csms.station()
            for word in ("StartupOfTheDevice", "InvalidCsmsCertificate", "StartupOfTheDevice"):
                await csms.event(word)
        assert words(csms) == ["StartupOfTheDevice", "InvalidCsmsCertificate", "StartupOfTheDevice"]


async def test_a04_an_event_that_was_not_confirmed_is_told_again(tmp_path: Path) -> None:
    async with at_work(tmp_path) as case:
        await started(case)
        case.csms.hears_events.clear()
        await case.running.station.agent.report(SecurityEventType.TAMPER_DETECTION_ACTIVATED)
        first = await case.csms.event("TamperDetectionActivated")
        await case.station.drop()
        case.csms.hears_events.set()
        await case.again()
        again = await case.csms.event("TamperDetectionActivated")
        assert again.payload == first.payload
        await is_quiet(case)
        await case.reconnected()
        await is_quiet(case)
        assert len(case.csms.events("TamperDetectionActivated")) == 2


async def test_a04_a_reset_is_answered_while_the_csms_is_busy_with_an_event(tmp_path: Path) -> None:
    async with at_work(tmp_path) as case:
        await started(case)
        case.csms.hears_events.clear()
        await case.running.station.agent.report(SecurityEventType.TAMPER_DETECTION_ACTIVATED)
        await case.csms.event("TamperDetectionActivated")
        asking = asyncio.create_task(reset(case.station))
        await case.running.until(FrameSeen, direction="received", action="Reset")
        await case.running.until(FrameSeen, direction="sent", action="Reset")
        case.csms.hears_events.set()
        await asking
        await case.again()
        await case.csms.event("ResetOrReboot")
        assert len(case.csms.events("TamperDetectionActivated")) == 1


async def test_a04_the_security_log_has_all_of_them(tmp_path: Path) -> None:
    async with at_work(tmp_path) as case:
        assert await set_variable(case.station, "SecurityCtrlr", "OrganizationName", "Other Operator") == "Accepted"
        assert (await renew(case, csms_pki())).status == "Rejected"
        await case.csms.event("ReconfigurationOfSecurityParameters")
        await case.csms.event("InvalidChargingStationCertificate")
        with file_server() as files:
            answer = await case.station.ask(call.GetLog({"remote_location": f"{files.url}/logs/"}, "SecurityLog", 7))
            assert answer.status == "Accepted"
            for status in ("Uploading", "Uploaded"):
                await case.csms.until("LogStatusNotification", status=status, requestId=7)
            (log,) = files.files.values()
        lines = log.decode().splitlines()
        for word in ("StartupOfTheDevice", "ReconfigurationOfSecurityParameters", "InvalidChargingStationCertificate"):
            assert len([line for line in lines if word in line]) == 1


async def test_a04_an_event_bears_the_time_of_its_happening(tmp_path: Path) -> None:
    clock = SetClock()
    async with at_work(tmp_path, clock=clock) as case:
        event = await case.csms.event("StartupOfTheDevice")
        assert datetime.fromisoformat(event.payload["timestamp"]) == datetime(2026, 6, 1, tzinfo=UTC)
