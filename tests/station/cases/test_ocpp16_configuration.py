"""The security whitepaper's configuration keys over the wire, and that they outlive a restart of the agent."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from ocpp.exceptions import PropertyConstraintViolationError
from ocpp.v16 import call

from case16 import CPO, at_work, back, place
from chainpilot.station.agent.settings.values import Settings
from clocks import QuickClock
from csms16 import KEY_TEXT, STATION, Served16

__all__: list[str] = []

pytestmark = pytest.mark.anyio

KEYS: Final[Mapping[str, tuple[bool, str | None]]] = {
    "AdditionalRootCertificateCheck": (True, "false"),
    "AuthorizationKey": (False, None),
    "CertificateSignedMaxChainSize": (True, "10000"),
    "CertificateStoreMaxLength": (True, "2000"),
    "CpoName": (False, CPO),
    "SecurityProfile": (False, "2"),
}
"""Whether each can only be read, and its value at the start: AuthorizationKey's is told to nobody."""


def as_told(key: str) -> dict[str, Any]:
    """What GetConfiguration is to say of the key."""
    readonly, value = KEYS[key]
    return {"key": key, "readonly": readonly} | ({} if value is None else {"value": value})


async def told_of(served: Served16, *keys: str) -> tuple[list[dict[str, Any]], list[str]]:
    """GetConfiguration: the keys that it knows, and those that it doesn't."""
    told = await served.ask(call.GetConfiguration(list(keys) or None))
    return list(told.configuration_key or ()), list(told.unknown_key or ())


async def test_section_3_4_every_key_is_told_with_its_access(tmp_path: Path) -> None:
    async with at_work(tmp_path, 2) as (csms, _):
        (served,) = csms.open_ones
        assert await told_of(served, *KEYS) == ([as_told(key) for key in KEYS], [])
        everything, unknown = await told_of(served)
        assert unknown == []
        assert {one["key"]: one for one in everything}.items() >= {key: as_told(key) for key in KEYS}.items()


async def test_section_3_4_a_key_is_known_in_any_case_and_an_unknown_one_is_told_as_such(tmp_path: Path) -> None:
    async with at_work(tmp_path, 2) as (csms, _):
        (served,) = csms.open_ones
        known, unknown = await told_of(served, "cponame", "NoSuchKey")
        assert known == [as_told("CpoName")]
        assert unknown == ["NoSuchKey"]
        assert await served.change("NoSuchKey", "1") == "NotSupported"


@pytest.mark.parametrize("key", [key for key, (readonly, _) in KEYS.items() if readonly])
async def test_section_3_4_what_can_only_be_read_is_not_changed(tmp_path: Path, key: str) -> None:
    async with at_work(tmp_path, 2) as (csms, _):
        (served,) = csms.open_ones
        for value in ("true", "5"):
            assert await served.change(key, value) == "Rejected"
        assert await told_of(served, key) == ([as_told(key)], [])


@pytest.mark.parametrize("value", ["", " ", "a" * 65, "Two\nlines"])
async def test_section_3_4_a_name_that_no_certificate_can_have_is_rejected(tmp_path: Path, value: str) -> None:
    async with at_work(tmp_path, 2) as (csms, _):
        (served,) = csms.open_ones
        assert await served.change("CpoName", value) == "Rejected"
        assert await told_of(served, "CpoName") == ([as_told("CpoName")], [])


async def test_section_3_4_changes_outlive_a_restart_of_the_agent(tmp_path: Path) -> None:
    """Whatever the operator's own settings say still."""
    async with place(tmp_path) as here:
        csms, clock = here.csms, QuickClock()
        csms.now = clock.now
        lower, higher = await csms.opened(1), await csms.opened(2)
        urls = {2: higher.url}
        async with here.charge_point(lower, clock=clock, profile_urls=urls):
            served = await csms.boots(1)
            assert await served.change("CpoName", "Ladeäpfel GmbH") == "Accepted"
            assert await served.change("HeartbeatInterval", "4711") == "Accepted"
            assert await served.change("AuthorizationKey", KEY_TEXT) == "Accepted"
            csms.passwords = {bytes.fromhex(KEY_TEXT)}
            served = await csms.settles(1)
            assert await served.change("SecurityProfile", "2") == "Accepted"
            await csms.settles(2)
        async with here.charge_point(lower, clock=clock, profile_urls=urls):
            served = await csms.settles(2)
            told, _ = await told_of(served, "CpoName", "HeartbeatInterval", "SecurityProfile")
            assert [one["value"] for one in told] == ["Ladeäpfel GmbH", "4711", "2"]
            assert csms.upgrades[-1].login == (STATION, bytes.fromhex(KEY_TEXT))
            assert all(upgrade.is_let_in for upgrade in csms.upgrades)


async def test_section_3_4_a_heartbeat_comes_as_often_as_was_set(tmp_path: Path) -> None:
    async with at_work(tmp_path, 2) as (csms, _):
        assert await csms.open_ones[0].change("HeartbeatInterval", "1") == "Accepted"
        csms.cut()
        await csms.boots(2)
        await csms.hears("Heartbeat")


async def test_section_3_4_a_chain_over_certificate_signed_max_chain_size_is_rejected(tmp_path: Path) -> None:
    async with at_work(tmp_path, 2, settings=Settings(certificate_signed_max_chain_size=1000)) as (csms, _):
        (served,) = csms.open_ones
        assert (await served.setting("CertificateSignedMaxChainSize"))["value"] == "1000"
        await served.renew(back(), expect="Rejected")
        assert "1000" in (await csms.hears_event("InvalidChargePointCertificate")).payload["tech_info"]


async def test_section_3_4_no_chain_is_longer_than_its_field(tmp_path: Path) -> None:
    async with at_work(tmp_path, 2) as (csms, _):
        (served,) = csms.open_ones
        with pytest.raises(PropertyConstraintViolationError, match="at most 10000"):
            await served.call(call.CertificateSigned("A" * 10_001), suppress=False, skip_schema_validation=True)
        assert await served.status_of(call.CertificateSigned("A" * 10_000)) == "Rejected"
