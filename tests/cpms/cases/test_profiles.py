"""OCPP's cases of a higher security profile: TC_A_19 of 2.0.1, TC_083 of 1.6."""

from pathlib import Path
from typing import Any

import pytest

from answering import AnsweringStation, Replies, Reply, Said, by_message, ended
from backoffice import STATION, BackOffice, open_back_office
from casework import TRIGGERED, V16, V201, boots, by_station, done, is_refused, renew, taking
from chainpilot.cpms.model import CallState, SecurityProfile, StationCall, Step
from chainpilot.cpms.model.demands import (
    ChangeConfiguration,
    Demand,
    GetConfiguration,
    GetVariables,
    Reset,
    ResetTime,
    SetNetworkProfile,
    SetVariables,
    VariableName,
    VariableValue,
)
from chainpilot.pki.certificate import load_certificates
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.wire import ocpp16, ocpp201
from chainpilot.wire.pnc.words import GenericStatus
from chainpilot.wire.version import OcppVersion
from forge import Forged

__all__: list[str] = []

pytestmark = pytest.mark.anyio

STEPS_UP = pytest.mark.parametrize("profile", [1, 2])
NEW_SLOT = 2
PRIORITY = VariableName("OCPPCommCtrlr", "NetworkConfigurationPriority")
PROFILE = VariableName("SecurityCtrlr", "SecurityProfile")


def office_of(folder: Path, profile: int) -> Any:
    """A back office with the doors of that profile and the next, and a station that has reached the lower."""
    return open_back_office(folder, profiles=(profile, profile + 1), minimum=SecurityProfile(profile))


def ways_in(profile: int, client: Forged | None) -> dict[str, Any]:
    """How the station comes in on the higher profile."""
    return {"profile": profile, "client": client, "password": None} if client else {"profile": profile}


async def certified(office: BackOffice, station: AnsweringStation, profile: int) -> Forged | None:
    """On the way to profile 3 the station gets its client certificate by RENEW; before, it needs none."""
    if profile < 2:
        return None
    key = generate_private_key(KeySpec.P256)
    leaf, *_ = load_certificates(await renew(office, station, key))
    await office.steps.until(Step.INSTALL_RECORDED)
    return Forged(leaf, key)


async def comes_in_higher(
    office: BackOffice, version: OcppVersion, question: Demand, reply: Replies, ways: dict[str, Any]
) -> StationCall:
    """What is asked of a station that is away, once it has come in and booted: its new profile is on record then."""
    put_off = office.steps.count(Step.CALL_PUT_OFF)
    order = await office.cpms.calls.order(STATION, question)
    await office.steps.until(Step.CALL_PUT_OFF, put_off + 1)
    async with by_station(office, version, reply, **ways):
        asked = await ended(office, order.call_id)
    assert asked.state is CallState.DONE
    return asked


async def is_kept_up(office: BackOffice, version: OcppVersion, profile: int, ways: dict[str, Any]) -> None:
    """The lower profile is refused, the higher one goes on, and the record says so."""
    await is_refused(office, version, profile=profile)
    await boots(office, version, **ways)
    record = await office.cpms.ledger.station(STATION)
    assert record is not None
    assert record.minimum_profile == profile + 1


def obeys(said: Said, text: str) -> Reply:
    """A station of 2.0.1 that does what it is told."""
    match said:
        case ocpp201.SetNetworkProfile():
            return ocpp201.SetNetworkProfileResponse(ocpp201.SetNetworkProfileStatus.ACCEPTED)
        case ocpp201.SetVariables():
            (one,) = said.set_variable_data
            result = ocpp201.SetVariableResult(ocpp201.SetVariableStatus.REBOOT_REQUIRED, one.component, one.variable)
            return ocpp201.SetVariablesResponse((result,))
        case ocpp201.Reset():
            return ocpp201.ResetResponse(ocpp201.ResetStatus.ACCEPTED)
        case _:
            return by_message(TRIGGERED, taking(GenericStatus.ACCEPTED))(said, text)


def tells(**values: str) -> Replies:
    """A station of 2.0.1 that tells these variables."""

    def reply(said: Said, text: str) -> Reply:
        assert isinstance(said, ocpp201.GetVariables)
        return ocpp201.GetVariablesResponse(
            tuple(
                ocpp201.GetVariableResult(
                    ocpp201.GetVariableStatus.ACCEPTED,
                    one.component,
                    one.variable,
                    attribute_value=values[one.variable.name],
                )
                for one in said.get_variable_data
            )
        )

    return reply


@STEPS_UP
async def test_tc_a_19_csms_a_higher_security_profile(tmp_path: Path, profile: int) -> None:
    higher = profile + 1
    async with office_of(tmp_path, profile) as office:
        connection = ocpp201.ConnectionData(
            ocpp_version=ocpp201.ProfileVersion.OCPP20,
            ocpp_transport=ocpp201.Transport.JSON,
            ocpp_csms_url=office.url(higher, "/ocpp"),
            message_timeout=30,
            security_profile=higher,
            ocpp_interface=ocpp201.NetworkInterface.WIRED0,
        )
        async with by_station(office, V201, obeys, profile=profile) as station:
            client = await certified(office, station, profile)
            await done(office, SetNetworkProfile(NEW_SLOT, connection))
            await done(office, SetVariables((VariableValue(PRIORITY, f"{NEW_SLOT},1"),)))
            await done(office, Reset(ResetTime.IDLE))
            (network,) = station.payloads("SetNetworkProfile")
            assert network["configurationSlot"] == NEW_SLOT
            data = network["connectionData"]
            assert (data["securityProfile"], data["ocppTransport"], data["ocppVersion"]) == (higher, "JSON", "OCPP20")
            ((priority,),) = (payload["setVariableData"] for payload in station.payloads("SetVariables"))
            assert (priority["component"], priority["variable"]) == (
                {"name": "OCPPCommCtrlr"},
                {"name": "NetworkConfigurationPriority"},
            )
            assert str(NEW_SLOT) in priority["attributeValue"].split(",")
            assert station.payloads("Reset") == [{"type": "OnIdle"}]
        ways = ways_in(higher, client)
        question = GetVariables((PROFILE, PRIORITY))
        reply = tells(SecurityProfile=str(higher), NetworkConfigurationPriority=str(NEW_SLOT))
        asked = await comes_in_higher(office, V201, question, reply, ways)
        assert asked.findings["variables"] == {
            "SecurityCtrlr.SecurityProfile": {"status": "Accepted", "value": str(higher)},
            "OCPPCommCtrlr.NetworkConfigurationPriority": {"status": "Accepted", "value": str(NEW_SLOT)},
        }
        await is_kept_up(office, V201, profile, ways)


@STEPS_UP
async def test_tc_083_csms_a_higher_security_profile(tmp_path: Path, profile: int) -> None:
    higher = str(profile + 1)
    reply = by_message(
        TRIGGERED,
        taking(GenericStatus.ACCEPTED),
        (ocpp16.ChangeConfiguration, ocpp16.ChangeConfigurationResponse(ocpp16.ConfigurationStatus.ACCEPTED)),
        (ocpp16.Reset, ocpp16.ResetResponse(ocpp16.ResetStatus.ACCEPTED)),
    )
    async with office_of(tmp_path, profile) as office:
        async with by_station(office, V16, reply, profile=profile) as station:
            client = await certified(office, station, profile)
            await done(office, ChangeConfiguration("SecurityProfile", higher))
            await done(office, Reset(ResetTime.NOW))
            assert station.payloads("ChangeConfiguration") == [{"key": "SecurityProfile", "value": higher}]
            assert station.payloads("Reset") == [{"type": "Hard"}]
        ways = ways_in(profile + 1, client)
        told = ocpp16.GetConfigurationResponse((ocpp16.KeyValue("SecurityProfile", readonly=False, value=higher),))
        asked = await comes_in_higher(
            office, V16, GetConfiguration(("SecurityProfile",)), by_message((ocpp16.GetConfiguration, told)), ways
        )
        assert asked.findings["keys"] == {"SecurityProfile": higher}
        await is_kept_up(office, V16, profile, ways)
