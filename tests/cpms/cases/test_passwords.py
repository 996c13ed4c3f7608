"""OCPP's cases of a new password: TC_A_09 and TC_A_10 of 2.0.1, TC_073 of 1.6."""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from answering import AnsweringStation, Replies, Reply, Said, by_message
from backoffice import KEY, BackOffice, open_back_office
from casework import V16, V201, boots, by_station, done, is_refused, refused
from chainpilot.cpms.model import SecurityProfile, Step
from chainpilot.cpms.model.demands import ChangePassword
from chainpilot.wire import ocpp16, ocpp201

__all__: list[str] = []

pytestmark = pytest.mark.anyio

PROFILES = pytest.mark.parametrize("profile", [1, 2])
CHANGED = by_message(
    (ocpp16.ChangeConfiguration, ocpp16.ChangeConfigurationResponse(ocpp16.ConfigurationStatus.ACCEPTED))
)


def setting(status: ocpp201.SetVariableStatus) -> Replies:
    """The same word for every variable."""

    def reply(said: Said, text: str) -> Reply:
        assert isinstance(said, ocpp201.SetVariables)
        return ocpp201.SetVariablesResponse(
            tuple(ocpp201.SetVariableResult(status, one.component, one.variable) for one in said.set_variable_data)
        )

    return reply


def office_of(folder: Path, profile: int) -> Any:
    """A back office with a door of that profile alone, and a station that has reached no higher one."""
    return open_back_office(folder, profiles=(profile,), minimum=SecurityProfile(profile))


def told_password(station: AnsweringStation) -> str:
    """What SetVariables set SecurityCtrlr.BasicAuthPassword to, in 16 to 40 characters."""
    (payload,) = station.payloads("SetVariables")
    (one,) = payload["setVariableData"]
    assert (one["component"], one["variable"]) == ({"name": "SecurityCtrlr"}, {"name": "BasicAuthPassword"})
    password: str = one["attributeValue"]
    assert 16 <= len(password) <= 40
    assert password.isalnum()
    return password


@PROFILES
async def test_tc_a_09_csms_a_new_password(tmp_path: Path, profile: int) -> None:
    async with office_of(tmp_path, profile) as office:
        async with by_station(office, V201, setting(ocpp201.SetVariableStatus.ACCEPTED), profile=profile) as station:
            await done(office, ChangePassword())
            password = told_password(station)
        await is_refused(office, V201, profile=profile, password=KEY)
        await boots(office, V201, profile=profile, password=password)
        await is_refused(office, V201, profile=profile, password=KEY)


@PROFILES
async def test_tc_a_09_csms_a_new_password_that_needs_a_reboot(tmp_path: Path, profile: int) -> None:
    """Until the station comes in with the new one, it may still use the old one."""
    async with office_of(tmp_path, profile) as office:
        reply = setting(ocpp201.SetVariableStatus.REBOOT_REQUIRED)
        async with by_station(office, V201, reply, profile=profile) as station:
            await done(office, ChangePassword())
            password = told_password(station)
        await boots(office, V201, profile=profile, password=KEY)
        await boots(office, V201, profile=profile, password=password)
        await office.steps.until(Step.PASSWORD_CHANGED)
        await is_refused(office, V201, profile=profile, password=KEY)
        await boots(office, V201, profile=profile, password=password)


@PROFILES
async def test_tc_a_10_csms_a_refused_password(tmp_path: Path, profile: int) -> None:
    async with office_of(tmp_path, profile) as office:
        async with by_station(office, V201, setting(ocpp201.SetVariableStatus.REJECTED), profile=profile) as station:
            await refused(office, ChangePassword(), "Rejected")
            password = told_password(station)
        await boots(office, V201, profile=profile, password=KEY)
        await is_refused(office, V201, profile=profile, password=password)


async def told_key(office: BackOffice, profile: int) -> str:
    """What a station of 1.6 accepted as its AuthorizationKey: 32 to 40 hex digits, for 16 to 20 bytes."""
    async with by_station(office, V16, CHANGED, profile=profile) as station:
        await done(office, ChangePassword())
        (payload,) = station.payloads("ChangeConfiguration")
    key: str = payload.pop("value")
    assert payload == {"key": "AuthorizationKey"}
    assert 32 <= len(key) <= 40
    assert 16 <= len(bytes.fromhex(key)) <= 20
    return key


def kept(folder: Path) -> str:
    """The hash in the database's file."""
    with closing(sqlite3.connect(folder / "cpms.sqlite")) as database:
        ((stored,),) = database.execute("SELECT password_hash FROM stations").fetchall()
    return str(stored)


def assert_hash_of(stored: str, password: str) -> None:
    """Salted SHA-256, which is enough for a key of 160 random bits."""
    kind, salt, digest = stored.split("$")
    assert (kind, len(bytes.fromhex(salt))) == ("sha256", 16)
    assert digest == hashlib.sha256(bytes.fromhex(salt) + password.encode()).hexdigest()


def assert_not_written(folder: Path, key: str) -> None:
    """Neither the hex digits nor the bytes that they spell are in any file of the database."""
    written = b"".join(path.read_bytes() for path in folder.glob("cpms.sqlite*"))
    assert key.encode() not in written
    assert bytes.fromhex(key) not in written


@PROFILES
async def test_tc_073_csms_a_new_key_used_as_its_hex_digits(tmp_path: Path, profile: int) -> None:
    async with office_of(tmp_path, profile) as office:
        before = kept(tmp_path)
        key = await told_key(office, profile)
        assert_not_written(tmp_path, key)
        await is_refused(office, V16, profile=profile, password=KEY)
        await boots(office, V16, profile=profile, password=key)
        await is_refused(office, V16, profile=profile, password=KEY)
    assert kept(tmp_path) != before
    assert_hash_of(kept(tmp_path), key)
    assert_not_written(tmp_path, key)


@PROFILES
async def test_tc_073_csms_a_new_key_used_as_the_bytes_that_it_spells(tmp_path: Path, profile: int) -> None:
    async with office_of(tmp_path, profile) as office:
        key = await told_key(office, profile)
        raw = bytes.fromhex(key)
        await is_refused(office, V16, profile=profile, password=KEY)
        await boots(office, V16, profile=profile, password=raw)
        await office.steps.until(Step.PASSWORD_CHANGED)
        await is_refused(office, V16, profile=profile, password=KEY)
        await boots(office, V16, profile=profile, password=raw)
    assert_hash_of(kept(tmp_path), raw.decode("latin-1"))
    assert_not_written(tmp_path, key)
