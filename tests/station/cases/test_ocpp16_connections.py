"""TC_078 and TC_086 to TC_088 of OCPP 1.6, and what use case A00 asks of a charge point's TLS."""

import asyncio
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from ocpp.v16 import call

from case16 import CPO, Place, at_work, place
from certs import FROM, UNTIL, Pki, csms_pki, key_pem
from chainpilot.clock import SYSTEM
from chainpilot.station.watch import ConnectFailed
from chainpilot.wire.version import OcppVersion
from csms16 import PASSWORD, PATIENCE, STATION, Csms16
from forge import forge
from stations import Running

__all__: list[str] = []

pytestmark = pytest.mark.anyio

BY_TLS = pytest.mark.parametrize("profile", [2, 3])
E_SUITES = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384")
"""TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 and TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 in OpenSSL's words."""
BadServer = Callable[[Pki], tuple[str, bytes]]


def unknown_ca(_: Pki) -> tuple[str, bytes]:
    return csms_pki().server("localhost")


def expired(pki: Pki) -> tuple[str, bytes]:
    old = forge("localhost", pki.issuing, begin=FROM, end=FROM + timedelta(days=30))
    return pki.stack(old.certificate), key_pem(old.key)


def not_yet_valid(pki: Pki) -> tuple[str, bytes]:
    soon = forge("localhost", pki.issuing, begin=SYSTEM.now() + timedelta(days=1), end=UNTIL)
    return pki.stack(soon.certificate), key_pem(soon.key)


def another_name(pki: Pki) -> tuple[str, bytes]:
    other = forge("csms.example", pki.issuing, begin=FROM, end=UNTIL)
    return pki.stack(other.certificate), key_pem(other.key)


def self_signed(_: Pki) -> tuple[str, bytes]:
    alone = forge("localhost", begin=FROM, end=UNTIL)
    return alone.certificate.to_pem(), key_pem(alone.key)


def without_its_chain(pki: Pki) -> tuple[str, bytes]:
    leaf = forge("localhost", pki.issuing, begin=FROM, end=UNTIL)
    return leaf.certificate.to_pem(), key_pem(leaf.key)


BAD_SERVERS: list[BadServer] = [unknown_ca, expired, not_yet_valid, another_name, self_signed, without_its_chain]


async def aborts(running: Running, csms: Csms16, why: str) -> None:
    """The charge point ends every handshake, and says why; no request for a WebSocket comes through."""
    before = len(csms.upgrades)
    csms.cut()
    async with asyncio.timeout(PATIENCE):
        for _ in range(2):
            while why not in (await running.until(ConnectFailed)).why:
                pass
    assert len(csms.upgrades) == before


@BY_TLS
@pytest.mark.parametrize("bad", BAD_SERVERS, ids=lambda bad: bad.__name__)
async def test_tc_078_cs_a_bad_server_certificate_is_refused_and_told_afterwards(
    tmp_path: Path, profile: int, bad: BadServer
) -> None:
    async with at_work(tmp_path, profile) as (csms, running):
        (door,) = csms.doors
        csms.cut()
        await csms.boots(profile)
        door.present(*bad(csms.pki))
        await aborts(running, csms, "presents a certificate")
        door.present(*csms.pki.server("localhost"))
        await csms.boots(profile)
        await csms.hears_event("InvalidCentralSystemCertificate")
        await csms.open_ones[0].setting("CpoName")
        assert csms.events().count("InvalidCentralSystemCertificate") == 1


async def test_a00_fr_308_the_name_in_the_common_name_is_enough(tmp_path: Path) -> None:
    async with at_work(tmp_path, 2) as (csms, _):
        (door,) = csms.doors
        leaf = forge("localhost", csms.pki.issuing, begin=FROM, end=UNTIL)
        door.present(csms.pki.stack(leaf.certificate), key_pem(leaf.key))
        csms.cut()
        await csms.boots(2)


@BY_TLS
async def test_tc_086_cs_tls_with_the_whitepapers_suites_and_the_password_in_profile_2(
    tmp_path: Path, profile: int
) -> None:
    async with at_work(tmp_path, profile) as (csms, _):
        (upgrade,) = csms.upgrades
        assert upgrade.tls_version in {"TLSv1.2", "TLSv1.3"}
        assert set(E_SUITES) <= set(upgrade.offered)
        if profile == 2:
            assert upgrade.login == (STATION, PASSWORD.encode())
        else:
            assert upgrade.authorization == ()


@pytest.mark.parametrize("suite", E_SUITES)
@BY_TLS
async def test_tc_086_cs_each_of_the_suites_is_enough(tmp_path: Path, profile: int, suite: str) -> None:
    async with place(tmp_path) as here:
        door = await here.csms.opened(profile)
        assert door.context is not None
        door.context.maximum_version = ssl.TLSVersion.TLSv1_2
        door.context.set_ciphers(suite)
        if profile == 3:
            here.hold_client_certificate()
        async with here.charge_point(door):
            await here.csms.boots(profile)
        (upgrade,) = here.csms.upgrades
        assert (upgrade.tls_version, upgrade.suite) == ("TLSv1.2", suite)


async def test_tc_087_cs_the_client_certificate_is_the_charge_points(tmp_path: Path) -> None:
    async with at_work(tmp_path, 3) as (csms, _):
        (upgrade,) = csms.upgrades
        assert upgrade.client is not None
        leaf = x509.load_der_x509_certificate(upgrade.client)
        assert leaf.serial_number > 0
        (name,) = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        (organisation,) = leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        assert (name.value, organisation.value) == (STATION, CPO)
        key = leaf.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
        assert key.key_size >= (224 if isinstance(key, ec.EllipticCurvePublicKey) else 2048)


@pytest.mark.parametrize("profile", [1, 2, 3])
async def test_tc_088_cs_the_subprotocol_of_ocpp_1_6_is_offered(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile) as (csms, _):
        (upgrade,) = csms.upgrades
        assert upgrade.subprotocols == ("ocpp1.6",)
        assert upgrade.extensions is None, "no compression (A00.320)"
        assert csms.open_ones[0].connection.subprotocol == "ocpp1.6"


async def test_tc_088_cs_of_several_versions_the_central_system_takes_one_it_speaks(tmp_path: Path) -> None:
    both = (OcppVersion.V201, OcppVersion.V16)
    async with at_work(tmp_path, 2, versions=both) as (csms, _):
        assert csms.upgrades[0].subprotocols == ("ocpp2.0.1", "ocpp1.6")
        assert await csms.open_ones[0].change("CpoName", "Another") == "Accepted"


async def test_tc_088_cs_without_a_common_subprotocol_nothing_is_said(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.csms.subprotocols = ("ocpp0.1",)
        door = await here.csms.opened(2)
        async with here.charge_point(door) as running:
            for _ in range(2):
                await running.until(ConnectFailed)
            assert here.csms.frames == []
            await door.shut()
            here.csms.subprotocols = ("ocpp1.6",)
            await door.open()
            await here.csms.boots(2)


async def comes_back(csms: Csms16, profile: int, event: str) -> None:
    """Good again, and told what was wrong: once."""
    await csms.boots(profile)
    await csms.hears_event(event)
    await csms.open_ones[0].setting("CpoName")
    assert csms.events().count(event) == 1


@BY_TLS
@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
async def test_a00_fr_312_tls_below_1_2_is_refused_and_told_afterwards(
    tmp_path: Path, profile: int, version: str
) -> None:
    """A00.313, 315, 416, 417, 419."""
    async with at_work(tmp_path, profile) as (csms, running):
        (door,) = csms.doors
        async with door.played_by("openssl", "s_server", version, "-cipher", "ALL:@SECLEVEL=0"):
            await aborts(running, csms, "no TLS 1.2 or newer")
        await comes_back(csms, profile, "InvalidTLSVersion")


@pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-NULL-SHA", "ECDHE-ECDSA-AES256-CCM8"])
async def test_a00_fr_319_suites_that_are_unfit_are_refused_and_told_afterwards(tmp_path: Path, suite: str) -> None:
    """A00.322, 423, 426."""
    async with at_work(tmp_path, 2) as (csms, running):
        (door,) = csms.doors
        async with door.played_by("openssl", "s_server", "-tls1_2", "-cipher", f"{suite}:@SECLEVEL=0"):
            await aborts(running, csms, "came to no TLS connection")
        await comes_back(csms, 2, "InvalidTLSCipherSuite")


async def fails_without(here: Place, running: Running) -> None:
    """No connection comes about, time after time."""
    for _ in range(3):
        await running.until(ConnectFailed)
    assert here.csms.upgrades == []


async def test_a00_fr_401_without_a_client_certificate_profile_3_makes_no_connection(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        door = await here.csms.opened(3)
        async with here.charge_point(door) as running:
            await fails_without(here, running)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_a00_fr_407_a_refused_client_certificate_is_told_afterwards(tmp_path: Path, version: str) -> None:
    async with at_work(tmp_path, 3) as (csms, running):
        (door,) = csms.doors
        stranger = tmp_path / "stranger.pem"
        stranger.write_text(csms_pki().root.certificate.to_pem())
        demand = ("-Verify", "5", "-verify_return_error", "-CAfile", str(stranger))
        async with door.played_by("openssl", "s_server", version, *demand):
            await aborts(running, csms, "refuses our client certificate")
        await comes_back(csms, 3, "FailedToAuthenticateAtCentralSystem")


@pytest.mark.parametrize("profile", [1, 2, 3])
async def test_a00_fr_001_a_station_is_known_by_one_connection_at_a_time(tmp_path: Path, profile: int) -> None:
    """A00.002, 003: the old connection is gone before the new one is there, also after a restart that was ordered."""
    async with at_work(tmp_path, profile) as (csms, _):
        (served,) = csms.open_ones
        assert await served.status_of(call.Reset("Soft")) == "Accepted"
        await csms.boots(profile)
        (again,) = csms.open_ones
        assert again is not served
