"""OCPP 2.0.1's cases of a station about its connection: TC_A_01, 04, 05, 06 and 07."""

import asyncio
import socket
import ssl
import warnings
from datetime import UTC, datetime
from pathlib import Path

import pytest

from casework201 import (
    E_SUITES,
    at_work,
    back,
    demand_key,
    demand_tls,
    fields,
    reset,
    set_variable,
    station_of,
    trigger,
)
from certs import csms_pki
from chainpilot.pki.keys import KeySpec
from chainpilot.station.watch import ConnectFailed
from csms201 import PASSWORD, STATION, Csms201, TlsIdentity, basic, csms201_at, tls_identity

pytestmark = pytest.mark.anyio

BY_PASSWORD = pytest.mark.parametrize("profile", [1, 2])
BY_TLS = pytest.mark.parametrize("profile", [2, 3])
TLS_1_1 = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
TLS_1_2 = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
TLS_1_3 = (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3)


@BY_PASSWORD
@pytest.mark.parametrize(
    "password", ["a" * 16, "Z" * 40, "0*-_=:+|@.Az9-.:", PASSWORD], ids=["shortest", "longest", "signs", "usual"]
)
async def test_tc_a_01_cs_basic_authentication_names_the_station_and_its_password(
    tmp_path: Path, profile: int, password: str
) -> None:
    async with csms201_at(tmp_path, back()) as csms:
        csms.password = password
        async with station_of(tmp_path, csms, profile, password=password):
            await csms.station()
        (arrival,) = csms.arrivals
        assert arrival.path.rpartition("/")[2] == STATION
        assert arrival.authorization is not None
        scheme, _, pair = arrival.authorization.partition(" ")
        assert scheme == "Basic"
        assert arrival.authorization == basic(password)
        assert pair
        (boot,) = csms.all_of("BootNotification")
        assert boot.payload["reason"] == "PowerUp"


@BY_PASSWORD
async def test_tc_a_01_cs_every_connection_is_authenticated(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile) as case:
        await case.reconnected()
        assert [one.authorization for one in case.csms.arrivals] == [basic(PASSWORD)] * 2


@BY_TLS
@pytest.mark.parametrize("tls", [TLS_1_2, TLS_1_3], ids=["1.2", "1.3"])
async def test_tc_a_04_cs_tls_with_a_good_certificate(
    tmp_path: Path, profile: int, tls: tuple[ssl.TLSVersion, ssl.TLSVersion]
) -> None:
    async with csms201_at(tmp_path, back()) as csms:
        csms.tls = tls
        async with station_of(tmp_path, csms, profile):
            await csms.station()
        (arrival,) = csms.arrivals
        demand_tls(arrival)
        assert arrival.authorization == (basic(PASSWORD) if profile == 2 else None)


@BY_TLS
@pytest.mark.parametrize("suite", E_SUITES)
async def test_tc_a_04_cs_either_suite_with_ecdsa_serves(tmp_path: Path, profile: int, suite: str) -> None:
    async with csms201_at(tmp_path, back()) as csms:
        csms.tls, csms.ciphers = TLS_1_2, suite
        async with station_of(tmp_path, csms, profile):
            await csms.station()
        assert [one.cipher for one in csms.arrivals] == [suite]


async def test_tc_a_04_cs_a_server_that_prefers_the_rsa_suites_is_met_with_one_that_both_have(tmp_path: Path) -> None:
    async with csms201_at(tmp_path, back()) as csms:
        csms.tls, csms.ciphers = TLS_1_2, "AES128-GCM-SHA256:AES256-GCM-SHA384:" + ":".join(E_SUITES)
        async with station_of(tmp_path, csms):
            await csms.station()
        demand_tls(csms.arrivals[0])


def bad_identity(kind: str) -> TlsIdentity:
    """A server certificate that a station of `back` must not take."""
    match kind:
        case "unknown":
            return tls_identity(csms_pki())
        case "expired":
            begin, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)
            return tls_identity(back(), begin=begin, end=end)
        case _:
            return tls_identity(back(), "csms.example")


@BY_TLS
@pytest.mark.parametrize("kind", ["unknown", "expired", "another name"])
async def test_tc_a_05_cs_a_bad_server_certificate_is_refused_and_told_of(
    tmp_path: Path, profile: int, kind: str
) -> None:
    async with at_work(tmp_path, profile) as case:
        csms = case.csms
        assert await set_variable(case.station, "OCPPCommCtrlr", "NetworkProfileConnectionAttempts", "2") == "Accepted"
        good, csms.shown = csms.shown, bad_identity(kind)
        begun = csms.handshakes[profile]
        await case.station.drop()
        failed = await case.running.until(ConnectFailed, profile=profile)
        assert "not connected" in failed.why
        assert csms.handshakes[profile] > begun
        assert len(csms.arrivals) == 1
        csms.shown = good
        station = await case.again()
        event = await csms.event("InvalidCsmsCertificate")
        assert event.connection == station.number
        assert await trigger(station, "Heartbeat") == "Accepted"
        await csms.until("Heartbeat")
        assert len(csms.events("InvalidCsmsCertificate")) == 1


def speaks_tls_1_1(csms: Csms201) -> str | None:
    """Whether a client that knows nothing better would get through TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=back().root.certificate.to_pem())
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version, context.maximum_version = TLS_1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with (
        socket.create_connection(("127.0.0.1", csms.ports[2]), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as wrapped,
    ):
        return wrapped.version()


def speak_tls_1_1(csms: Csms201) -> None:
    csms.tls, csms.ciphers = TLS_1_1, "ALL:@SECLEVEL=0"


def speak_good_tls(csms: Csms201) -> None:
    csms.tls, csms.ciphers = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3), None


@BY_TLS
async def test_tc_a_06_cs_a_server_below_tls_1_2_is_refused_and_told_of_after_a_reset(
    tmp_path: Path, profile: int
) -> None:
    async with at_work(tmp_path, profile) as case:
        csms = case.csms
        assert await set_variable(case.station, "OCPPCommCtrlr", "NetworkProfileConnectionAttempts", "1") == "Accepted"
        speak_tls_1_1(csms)
        assert await asyncio.to_thread(speaks_tls_1_1, csms) == "TLSv1.1"
        await reset(case.station)
        failed = await case.running.until(ConnectFailed, profile=profile)
        assert "no TLS 1.2 or newer" in failed.why
        assert len(csms.arrivals) == 1
        speak_good_tls(csms)
        station = await case.again()
        assert csms.all_of("BootNotification")[-1].payload["reason"] == "RemoteReset"
        await csms.event("ResetOrReboot")
        assert (await csms.event("InvalidTLSVersion")).connection == station.number
        demand_tls(csms.arrivals[-1])
        assert await trigger(station, "Heartbeat") == "Accepted"
        await csms.until("Heartbeat")
        assert len(csms.events("InvalidTLSVersion")) == 1


@BY_TLS
async def test_tc_a_06_cs_the_same_when_the_station_was_switched_off_meanwhile(tmp_path: Path, profile: int) -> None:
    async with csms201_at(tmp_path, back()) as csms:
        async with station_of(tmp_path, csms, profile):
            await csms.station()
            await csms.event("StartupOfTheDevice")
        speak_tls_1_1(csms)
        async with station_of(tmp_path, csms, profile) as running:
            await running.until(ConnectFailed, profile=profile)
        assert len(csms.arrivals) == 1
        speak_good_tls(csms)
        async with station_of(tmp_path, csms, profile):
            station = await csms.station()
            for word in ("StartupOfTheDevice", "InvalidTLSVersion", "StartupOfTheDevice"):
                assert (await csms.event(word)).connection == station.number
        assert len(csms.events("InvalidTLSVersion")) == 1


@pytest.mark.parametrize(
    "spec", [KeySpec.P256, KeySpec.P384, KeySpec.RSA2048, KeySpec.RSA3072], ids=lambda one: one.value
)
async def test_tc_a_07_cs_a_client_certificate_instead_of_a_password(tmp_path: Path, spec: KeySpec) -> None:
    async with at_work(tmp_path, 3, store={"csms_key": spec}) as case:
        (arrival,) = case.csms.arrivals
        demand_tls(arrival)
        client = arrival.client
        assert client is not None
        demand_key(client.public_key())
        assert client.serial_number > 0
        subject = fields(client.subject)
        (boot,) = case.csms.all_of("BootNotification")
        assert subject["CN"] == boot.payload["chargingStation"]["serialNumber"] == STATION
        assert subject["O"]
        assert arrival.authorization is None
