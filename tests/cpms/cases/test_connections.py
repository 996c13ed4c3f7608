"""OCPP's cases of the two doors: passwords, certificates, TLS and subprotocols, before anything is said.

What else is tried of suites is in tests/cpms/adapters/test_server_certificates.py.
"""

import ssl
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from answering import BOOTS
from backoffice import KEY, STATION, BackOffice, open_back_office
from casework import BOTH, V16, boots, call, dial, is_refused
from chainpilot.cpms.model import SecurityProfile
from chainpilot.pki.certificate import load_certificate
from chainpilot.wire.version import OcppVersion
from forge import NOON, Forged
from sims import csms_ladder

__all__: list[str] = []

pytestmark = pytest.mark.anyio

PROFILES = pytest.mark.parametrize("profile", [1, 2])
SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
)
"""The four that a CSMS has to serve (ocpp-test-cases.md section 3.2)."""


@BOTH
@PROFILES
async def test_tc_a_01_csms_and_tc_085_csms_basic_authentication(
    tmp_path: Path, version: OcppVersion, profile: int
) -> None:
    lowest = SecurityProfile(profile)
    async with open_back_office(tmp_path, profiles=(profile,), minimum=lowest) as office:
        await boots(office, version, profile=profile)
        await is_refused(office, version, profile=profile, password=None)


@BOTH
@PROFILES
async def test_tc_a_02_csms_a_user_name_that_is_not_the_station_s(
    tmp_path: Path, version: OcppVersion, profile: int
) -> None:
    lowest = SecurityProfile(profile)
    async with open_back_office(tmp_path, profiles=(profile,), minimum=lowest) as office:
        await is_refused(office, version, profile=profile, user=f"{STATION}Invalid")


@BOTH
@PROFILES
@pytest.mark.parametrize("length", [16, 40])
async def test_tc_a_03_csms_a_wrong_password(tmp_path: Path, version: OcppVersion, profile: int, length: int) -> None:
    lowest = SecurityProfile(profile)
    async with open_back_office(tmp_path, profiles=(profile,), minimum=lowest) as office:
        await is_refused(office, version, profile=profile, password="x" * length)
        await boots(office, version, profile=profile, password=KEY)


@BOTH
@pytest.mark.parametrize("profile", [2, 3])
@pytest.mark.parametrize("suite", SUITES)
async def test_tc_a_04_csms_and_tc_086_csms_the_server_s_certificate(
    tmp_path: Path, version: OcppVersion, profile: int, suite: str
) -> None:
    """Each of the four suites of TLS 1.2; the certificate has a sound key, a serial number and the server's name."""
    async with open_back_office(tmp_path, kinds=("ecdsa", "rsa")) as office:
        proof = {"client": office.client(), "password": None} if profile == 3 else {}
        context = office.context(proof.get("client"))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(suite)
        async with dial(office, version, profile=profile, context=context, **proof) as socket:
            tls = socket.transport.get_extra_info("ssl_object")
            assert tls.cipher()[:2] == (suite, "TLSv1.2")
            leaf = load_certificate(tls.getpeercert(binary_form=True))
            assert leaf.key_weakness is None
            assert leaf.serial_number > 0
            assert leaf.subject.common_name == "localhost"
            assert (await call(socket, "BootNotification", BOOTS[version]))[2]["status"] == "Accepted"


@BOTH
@pytest.mark.parametrize("profile", [2, 3])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_tc_a_06_csms_tls_older_than_1_2(tmp_path: Path, version: OcppVersion, profile: int) -> None:
    async with open_back_office(tmp_path) as office:
        proof = {"client": office.client(), "password": None} if profile == 3 else {}
        old = office.context(proof.get("client"))
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        await is_refused(office, version, profile=profile, context=old, **proof)
        await boots(office, version, profile=profile, **proof)


@BOTH
async def test_tc_a_07_csms_and_tc_087_csms_a_client_certificate(tmp_path: Path, version: OcppVersion) -> None:
    async with open_back_office(tmp_path, kinds=("ecdsa", "rsa")) as office:
        client = office.client()
        for suite in SUITES:
            context = office.context(client)
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers(suite)
            await boots(office, version, profile=3, context=context, password=None)
        await boots(office, version, profile=3, client=client, password=None)


def _unknown(office: BackOffice) -> Forged:
    return office.client(issuer=csms_ladder().issuing)


def _ended(office: BackOffice) -> Forged:
    return office.client(begin=NOON.replace(year=2020), end=NOON.replace(year=2021))


def _of_another(office: BackOffice) -> Forged:
    return office.client("CS-0002")


@BOTH
@pytest.mark.parametrize("bad", [_unknown, _ended, _of_another])
async def test_tc_a_08_csms_a_bad_client_certificate(tmp_path: Path, version: OcppVersion, bad: Any) -> None:
    async with open_back_office(tmp_path) as office:
        await is_refused(office, version, profile=3, client=bad(office), password=None)
        await boots(office, version, profile=3, client=office.client(), password=None)


async def test_tc_088_csms_subprotocols(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        with pytest.raises(InvalidStatus):
            await office.dial(subprotocols=[Subprotocol("ocpp0.1")])
        async with office.dial(subprotocols=[Subprotocol("ocpp0.1"), Subprotocol("ocpp1.6")]) as socket:
            assert socket.subprotocol == "ocpp1.6"
            assert (await call(socket, "BootNotification", BOOTS[V16]))[2]["status"] == "Accepted"
