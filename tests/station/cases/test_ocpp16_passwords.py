"""TC_073, TC_085 and use case A01 of OCPP 1.6: the password of Basic authentication, and how it is changed."""

import base64
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from case16 import at_work, place
from chainpilot.station.watch import Booted, ConnectFailed
from clocks import QuickClock
from csms16 import KEY_TEXT, PASSWORD, STATION, Csms16
from stations import Running

__all__: list[str] = []

pytestmark = pytest.mark.anyio

BY_PASSWORD = pytest.mark.parametrize("profile", [1, 2])
OTHER_TEXT = "ff00fe01fd02fc03fb04fa05f906f80708f709f6"
"""20 bytes that are no UTF-8: random ones, as the whitepaper advises."""
DIGITS = "AB" * 16


@asynccontextmanager
async def quickly(directory: Path, profile: int, **settings: Any) -> AsyncIterator[tuple[Csms16, Running]]:
    """At work, where waits of seconds are short."""
    clock = QuickClock()
    async with at_work(directory, profile, clock=clock, **settings) as (csms, running):
        csms.now = clock.now
        yield csms, running


async def takes(csms: Csms16, key: str) -> None:
    """AuthorizationKey is changed, and the old password good no more: the charge point comes back with the new one."""
    (served,) = csms.open_ones
    assert await served.change("AuthorizationKey", key) == "Accepted"
    csms.passwords = {bytes.fromhex(key)}
    await csms.boots(served.profile)
    assert csms.upgrades[-1].login == (STATION, bytes.fromhex(key))


@BY_PASSWORD
async def test_tc_073_cs_the_new_password_is_used_twice(tmp_path: Path, profile: int) -> None:
    async with quickly(tmp_path, profile) as (csms, _):
        await takes(csms, KEY_TEXT)
        await takes(csms, OTHER_TEXT)
        assert [upgrade.is_let_in for upgrade in csms.upgrades] == [True] * 3
        assert csms.upgrades[1].login == (STATION, b"OCA_OCTT_admin_test")


@BY_PASSWORD
async def test_tc_085_cs_basic_authentication_is_the_id_and_the_password(tmp_path: Path, profile: int) -> None:
    async with at_work(tmp_path, profile) as (csms, _):
        (upgrade,) = csms.upgrades
        assert upgrade.path.rpartition("/")[2] == STATION
        assert upgrade.authorization == ("Basic " + base64.b64encode(f"{STATION}:{PASSWORD}".encode()).decode(),)


@BY_PASSWORD
async def test_a00_fr_203_the_password_is_sent_on_every_connection(tmp_path: Path, profile: int) -> None:
    """A00.202, 203, 301, 302."""
    async with at_work(tmp_path, profile) as (csms, _):
        for _ in range(3):
            csms.cut()
            await csms.boots(profile)
        assert [upgrade.login for upgrade in csms.upgrades] == [(STATION, PASSWORD.encode())] * 4


async def test_a00_fr_205_a_wrong_password_is_no_reason_to_give_up_and_is_told_once(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        door = await here.csms.opened(2)
        here.csms.passwords = {b"something else"}
        async with here.charge_point(door) as running:
            for _ in range(3):
                await running.until(ConnectFailed)
            here.csms.passwords = {PASSWORD.encode()}
            await here.csms.boots(2)
            await here.csms.hears_event("FailedToAuthenticateAtCentralSystem")
            await here.csms.open_ones[0].setting("SecurityProfile")
            assert here.csms.events().count("FailedToAuthenticateAtCentralSystem") == 1


@pytest.mark.parametrize(
    "key",
    ["", "A" * 30, "A" * 31, "A" * 33, "A" * 42, "G" * 32, PASSWORD, "00" * 15 + "0x", "A1" * 32],
    ids=len,
)
async def test_a01_fr_04_a_refused_password_leaves_the_old_one(tmp_path: Path, key: str) -> None:
    async with at_work(tmp_path, 2) as (csms, _):
        (served,) = csms.open_ones
        assert await served.change("AuthorizationKey", key) == "Rejected"
        csms.cut()
        await csms.boots(2)
        assert [upgrade.login for upgrade in csms.upgrades] == [(STATION, PASSWORD.encode())] * 2


@pytest.mark.parametrize("length", [16, 20])
async def test_a01_fr_01_keys_from_16_to_20_bytes_are_taken(tmp_path: Path, length: int) -> None:
    async with quickly(tmp_path, 1) as (csms, _):
        await takes(csms, "5a" * length)


async def test_a01_fr_05_a_pending_charge_point_takes_a_password_and_comes_back_with_it(tmp_path: Path) -> None:
    """A00.806: until the factory's password is changed a central system may answer Pending."""
    async with place(tmp_path) as here:
        csms, clock = here.csms, QuickClock()
        csms.now, csms.boot_answers = clock.now, ["Pending"]
        door = await csms.opened(2)
        async with here.charge_point(door, clock=clock) as running:
            await running.until(Booted, status="Pending")
            await takes(csms, KEY_TEXT)


async def test_a01_fr_03_a_central_system_that_missed_the_answer_is_met_with_the_old_password(tmp_path: Path) -> None:
    """It still wants the old one; the new one is tried first all the same, for it may have come to know it."""
    async with quickly(tmp_path, 2) as (csms, _):
        (served,) = csms.open_ones
        assert await served.change("AuthorizationKey", KEY_TEXT) == "Accepted"
        await csms.settles(2)
        csms.passwords = {bytes.fromhex(KEY_TEXT)}
        csms.cut()
        await csms.settles(2)
        old, new, digits = PASSWORD.encode(), bytes.fromhex(KEY_TEXT), KEY_TEXT.encode()
        sent = [upgrade.login[1] for upgrade in csms.upgrades if upgrade.login]
        assert sent == [old, new, digits, old, new]
        csms.passwords.add(old)
        csms.cut()
        await csms.boots(2)
        assert csms.upgrades[-1].login == (STATION, new), "the old one is forgotten"


async def test_a_central_system_that_takes_the_digits_is_given_them_from_then_on(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        csms, clock = here.csms, QuickClock()
        csms.now = clock.now
        door = await csms.opened(2)
        async with here.charge_point(door, clock=clock):
            served = await csms.boots(2)
            assert await served.change("AuthorizationKey", DIGITS) == "Accepted"
            csms.passwords = {DIGITS.encode()}
            await csms.settles(2)
        async with here.charge_point(door, clock=clock):
            await csms.boots(2)
        assert [upgrade.is_let_in for upgrade in csms.upgrades] == [True, False, True, True]


async def test_a01_fr_10_a_password_outlives_a_restart_whatever_the_operator_set(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        csms, clock = here.csms, QuickClock()
        csms.now = clock.now
        door = await csms.opened(1)
        async with here.charge_point(door, clock=clock):
            await csms.boots(1)
            await takes(csms, OTHER_TEXT)
        async with here.charge_point(door, clock=clock):
            await csms.boots(1)
            assert csms.upgrades[-1].login == (STATION, bytes.fromhex(OTHER_TEXT))
        assert all(upgrade.is_let_in for upgrade in csms.upgrades)


async def test_a01_fr_11_a_change_is_logged_and_its_value_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A01.12 too: the value is in no log, no event and no answer."""
    caplog.set_level(logging.DEBUG)
    async with quickly(tmp_path, 2) as (csms, running):
        caplog.clear()
        await takes(csms, KEY_TEXT)
        event = await csms.hears_event("ReconfigurationOfSecurityParameters")
        assert event.payload["tech_info"] == "AuthorizationKey"
        ours = [record.getMessage() for record in caplog.records if record.name.startswith("chainpilot")]
        told = [*csms.frames, *ours, repr(running.events)]
    for secret in (KEY_TEXT, KEY_TEXT.lower(), bytes.fromhex(KEY_TEXT).decode(), PASSWORD):
        assert not [text for text in told if secret in text]
