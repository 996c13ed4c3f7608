"""Our agent in a station made of PyPI's `ocpp`, against a CSMS made of the same: 1.6 and 2.0.1 over a WebSocket."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from certs import FROM, UNTIL, Pki, csms_pki, v2g_pki
from chainpilot.pki.trust import LeafUse
from chainpilot.station.adapters.mobilityhouse import ACTIONS, Shares
from chainpilot.station.agent.agent import Agent
from chainpilot.station.agent.events.types import SecurityEventType
from chainpilot.station.agent.settings.values import Settings
from chainpilot.station.model import CaCertificateType, LeafCertificateType
from chainpilot.station.watch import StationEvent
from chainpilot.wire.pnc.words import CertificateAction
from chainpilot.wire.version import OcppVersion
from embedded import NEVER, PATIENCE, ROOMS, V16, V201, EmbeddedStation, Office, agent_in, dialled, office, peer_over
from forge import forge

pytestmark = pytest.mark.anyio

BOTH = pytest.mark.parametrize("version", [V16, V201], ids=lambda version: version.value)


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


@pytest.fixture(scope="module")
def back() -> Pki:
    return csms_pki()


class Scene:
    """A CSMS, and an agent in a station that has not connected yet."""

    def __init__(self, csms: Office, agent: Agent, version: OcppVersion) -> None:
        self.csms = csms
        self.agent = agent
        self.version = version
        self.room = ROOMS[version]

    @asynccontextmanager
    async def connected(
        self, own: dict[str, Callable[..., Any]] | None = None, **options: Any
    ) -> AsyncIterator[tuple[Any, EmbeddedStation]]:
        """The station at work, and its end at the CSMS."""
        async with dialled(self.csms) as socket, peer_over(self.agent, socket, self.version, own, **options) as station:
            yield await self.csms.connected(), station

    async def ask(self, peer: Any, action: str, **fields: Any) -> Any:
        """The station's answer to a call of the CSMS."""
        async with asyncio.timeout(PATIENCE):
            return await peer.call(getattr(self.room.call, action)(**fields), suppress=False)

    async def trigger(self, peer: Any, wanted: str) -> str:
        action = "ExtendedTriggerMessage" if self.version is V16 else "TriggerMessage"
        return str((await self.ask(peer, action, requested_message=wanted)).status)

    async def signed(self) -> str:
        async with asyncio.timeout(PATIENCE):
            return await self.csms.signed.get()


@asynccontextmanager
async def scene(folder: Path, version: OcppVersion, v2g: Pki, back: Pki, **options: Any) -> AsyncIterator[Scene]:
    roots = (
        (CaCertificateType.V2G, v2g.root.certificate.to_pem()),
        (CaCertificateType.CSMS, back.root.certificate.to_pem()),
    )
    async with office(version, v2g, back) as csms, agent_in(folder, *roots, **options) as agent:
        yield Scene(csms, agent, version)


def has_leaf(agent: Agent, kind: LeafCertificateType) -> bool:
    return agent.security.get_leaf_certificate_info(kind).info is not None


@BOTH
async def test_an_enrolment_completes(tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion) -> None:
    async with scene(tmp_path, version, v2g, back) as stage, stage.connected():
        await stage.agent.enrol(LeafUse.CSMS)
        await stage.csms.until("SignCertificate")
        assert await stage.signed() == "Accepted"
        assert has_leaf(stage.agent, LeafCertificateType.CSMS)


async def test_an_secc_enrolment_completes_in_2_0_1(tmp_path: Path, v2g: Pki, back: Pki) -> None:
    async with scene(tmp_path, V201, v2g, back) as stage, stage.connected():
        await stage.agent.enrol(LeafUse.V2G)
        assert (await stage.csms.until("SignCertificate"))["certificate_type"] == "V2GCertificate"
        assert await stage.signed() == "Accepted"
        assert has_leaf(stage.agent, LeafCertificateType.V2G)


@BOTH
async def test_a_trigger_is_answered_and_followed_without_a_deadlock(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion
) -> None:
    word = "SignChargePointCertificate" if version is V16 else "SignChargingStationCertificate"
    async with scene(tmp_path, version, v2g, back) as stage, stage.connected() as (peer, _):
        assert await stage.trigger(peer, word) == "Accepted"
        assert await stage.signed() == "Accepted"
        assert has_leaf(stage.agent, LeafCertificateType.CSMS)


@BOTH
async def test_other_triggers_reach_the_station_s_own_handler(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion
) -> None:
    action = "ExtendedTriggerMessage" if version is V16 else "TriggerMessage"
    own = {action: lambda peer, **_: {"status": "Accepted"}}
    async with scene(tmp_path, version, v2g, back) as stage, stage.connected(own) as (peer, station):
        assert await stage.trigger(peer, "StatusNotification") == "Accepted"
        assert await stage.trigger(peer, "BootNotification") == "Accepted"
        assert station.charge_point.heard == [
            (action, {"requested_message": "StatusNotification"}),
            (action, {"requested_message": "BootNotification"}),
        ]


@BOTH
async def test_security_events_are_told(tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion) -> None:
    async with scene(tmp_path, version, v2g, back) as stage, stage.connected():
        await stage.agent.report(SecurityEventType.TAMPER_DETECTION_ACTIVATED, "the door is open")
        first, second = [await stage.csms.until("SecurityEventNotification") for _ in range(2)]
        assert first["type"] == "StartupOfTheDevice"
        assert (second["type"], second["tech_info"]) == ("TamperDetectionActivated", "the door is open")


@BOTH
async def test_roots_are_installed_listed_and_deleted(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion
) -> None:
    use = "ManufacturerRootCertificate"
    pem = forge("Maker Root", ca=True, begin=FROM, end=UNTIL).certificate.to_pem()
    async with scene(tmp_path, version, v2g, back) as stage, stage.connected() as (peer, _):
        asked: Any = use if version is V16 else [use]
        installed = await stage.ask(peer, "InstallCertificate", certificate_type=use, certificate=pem)
        assert installed.status == "Accepted"
        listed = await stage.ask(peer, "GetInstalledCertificateIds", certificate_type=asked)
        if version is V16:
            (named,) = listed.certificate_hash_data
        else:
            named = listed.certificate_hash_data_chain[0]["certificate_hash_data"]
        assert (await stage.ask(peer, "DeleteCertificate", certificate_hash_data=named)).status == "Accepted"
        gone = await stage.ask(peer, "GetInstalledCertificateIds", certificate_type=asked)
        assert gone.status == "NotFound"


@BOTH
async def test_an_action_of_the_station_s_own_still_works(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion
) -> None:
    own = {"Reset": lambda peer, **_: {"status": "Accepted"}}
    async with scene(tmp_path, version, v2g, back) as stage, stage.connected(own) as (peer, station):
        kind = "Soft" if version is V16 else "OnIdle"
        assert (await stage.ask(peer, "Reset", type=kind)).status == "Accepted"
        assert station.charge_point.heard == [("Reset", {"type": kind})]
        with pytest.raises(Exception, match="No handler for ClearCache"):
            await stage.ask(peer, "ClearCache")


@BOTH
async def test_a_handler_of_the_station_s_own_is_not_stolen_unless_it_asks_for_that(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion
) -> None:
    own = {"InstallCertificate": lambda peer, **_: {"status": "Rejected"}}
    pem = v2g_pki().root.certificate.to_pem()
    install = {"certificate_type": "ManufacturerRootCertificate", "certificate": pem}
    async with scene(tmp_path, version, v2g, back) as stage:
        async with stage.connected(own) as (peer, station):
            assert (await stage.ask(peer, "InstallCertificate", **install)).status == "Rejected"
            assert [action for action, _ in station.charge_point.heard] == ["InstallCertificate"]
        shares = Shares(over_own=frozenset({"InstallCertificate"}))
        async with stage.connected(own, shares=shares) as (peer, station):
            assert (await stage.ask(peer, "InstallCertificate", **install)).status == "Accepted"
            assert station.charge_point.heard == []
        without = Shares(actions=ACTIONS - {"InstallCertificate"})
        async with stage.connected(shares=without) as (peer, station):
            with pytest.raises(Exception, match="No handler for InstallCertificate"):
                await stage.ask(peer, "InstallCertificate", **install)


async def test_the_station_keeps_its_own_vendor_s_data_transfer(tmp_path: Path, v2g: Pki, back: Pki) -> None:
    own = {"DataTransfer": lambda peer, **_: {"status": "Accepted", "data": "of the maker"}}
    async with scene(tmp_path, V16, v2g, back) as stage, stage.connected(own) as (peer, station):
        theirs = await stage.ask(peer, "DataTransfer", vendor_id="org.maker", data="x")
        inner = json.dumps({"typeOfCertificate": "V2GRootCertificate"})
        ours = await stage.ask(
            peer, "DataTransfer", vendor_id="ISO15118", message_id="GetInstalledCertificateIds", data=inner
        )
        assert (theirs.data, json.loads(ours.data)["status"]) == ("of the maker", "Accepted")
        assert station.charge_point.heard == [("DataTransfer", {"vendor_id": "org.maker", "data": "x"})]


async def test_keys_of_both_are_told_in_one_answer(tmp_path: Path, v2g: Pki, back: Pki) -> None:
    def tell(peer: Any, key: list[str] | None = None) -> dict[str, Any]:
        if key is None:
            return {"configuration_key": [{"key": "Brand", "readonly": True, "value": "x"}], "unknown_key": []}
        known = [{"key": one, "readonly": True, "value": "x"} for one in key if one == "Brand"]
        return {"configuration_key": known, "unknown_key": [one for one in key if one != "Brand"]}

    own: dict[str, Callable[..., Any]] = {
        "GetConfiguration": tell,
        "ChangeConfiguration": lambda peer, key, value: {"status": "Rejected"},
    }
    async with scene(tmp_path, V16, v2g, back) as stage, stage.connected(own) as (peer, station):
        answer = await stage.ask(peer, "GetConfiguration", key=["cponame", "Brand", "Nothing"])
        told = {one["key"]: one["value"] for one in answer.configuration_key}
        assert (told, answer.unknown_key) == ({"CpoName": "Operator", "Brand": "x"}, ["Nothing"])
        every = await stage.ask(peer, "GetConfiguration")
        named = {one["key"] for one in every.configuration_key}
        assert {"Brand", "CpoName", "ISO15118PnCEnabled"} <= named
        assert not named & {"AuthorizationKey", "SecurityProfile", "HeartbeatInterval", "SupportedFeatureProfiles"}
        changed = await stage.ask(peer, "ChangeConfiguration", key="CpoName", value="Another Operator")
        left = await stage.ask(peer, "ChangeConfiguration", key="AuthorizationKey", value="00" * 20)
        assert (changed.status, left.status) == ("Accepted", "Rejected")
        assert stage.agent.settings.organisation == "Another Operator"
        assert not stage.agent.settings.password.value
        asked = [("GetConfiguration", {"key": ["Brand", "Nothing"]}), ("GetConfiguration", {})]
        assert station.charge_point.heard[:2] == asked


async def test_variables_of_both_are_told_and_set_in_the_order_asked(tmp_path: Path, v2g: Pki, back: Pki) -> None:
    def names(one: dict[str, Any]) -> dict[str, Any]:
        return {"component": one["component"], "variable": one["variable"]}

    own: dict[str, Callable[..., Any]] = {
        "GetVariables": lambda peer, get_variable_data: {
            "get_variable_result": [
                {"attribute_status": "Accepted", "attribute_value": "x", **names(one)} for one in get_variable_data
            ]
        },
        "SetVariables": lambda peer, set_variable_data: {
            "set_variable_result": [{"attribute_status": "Rejected", **names(one)} for one in set_variable_data]
        },
    }
    mine = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "OrganizationName"}}
    theirs = {"component": {"name": "Connector"}, "variable": {"name": "Brand"}}
    third = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    async with scene(tmp_path, V201, v2g, back) as stage, stage.connected(own) as (peer, station):
        got = await stage.ask(peer, "GetVariables", get_variable_data=[theirs, mine, theirs])
        assert [one["attribute_value"] for one in got.get_variable_result] == ["x", "Operator", "x"]
        data = [{**one, "attribute_value": "Another Operator"} for one in (third, mine, theirs)]
        done = await stage.ask(peer, "SetVariables", set_variable_data=data)
        assert [one["attribute_status"] for one in done.set_variable_result] == ["Rejected", "Accepted", "Rejected"]
        assert stage.agent.settings.organisation == "Another Operator"
        assert [len(next(iter(fields.values()))) for _, fields in station.charge_point.heard] == [2, 2]


async def test_what_the_station_s_own_handler_fails_at_changes_nothing_of_ours(
    tmp_path: Path, v2g: Pki, back: Pki
) -> None:
    def fail(peer: Any, **_: Any) -> Any:
        raise OSError("the disk is full of secrets")

    mine = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "OrganizationName"}, "attribute_value": "New"}
    theirs = {"component": {"name": "Connector"}, "variable": {"name": "Brand"}, "attribute_value": "y"}
    async with scene(tmp_path, V201, v2g, back) as stage, stage.connected({"SetVariables": fail}) as (peer, _):
        with pytest.raises(Exception, match="InternalError"):
            await stage.ask(peer, "SetVariables", set_variable_data=[mine, theirs])
        assert stage.agent.settings.organisation == "Operator"


@BOTH
async def test_settings_of_a_station_without_a_handler_are_unknown(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion
) -> None:
    async with scene(tmp_path, version, v2g, back) as stage, stage.connected() as (peer, _):
        if version is V16:
            told = await stage.ask(peer, "GetConfiguration", key=["CpoName", "AuthorizationKey"])
            assert told.unknown_key == ["AuthorizationKey"]
            changed = await stage.ask(peer, "ChangeConfiguration", key="AuthorizationKey", value="00" * 20)
            assert changed.status == "NotSupported"
        else:
            password = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
            data = [{**password, "attribute_value": "correct horse battery"}]
            done = await stage.ask(peer, "SetVariables", set_variable_data=data)
            assert done.set_variable_result[0]["attribute_status"] == "UnknownComponent"
        assert not stage.agent.settings.password.value


@BOTH
async def test_the_security_log_is_ours_and_another_one_the_station_s(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion
) -> None:
    own = {"GetLog": lambda peer, **_: {"status": "Accepted", "filename": "of the maker"}}
    async with scene(tmp_path, version, v2g, back) as stage, stage.connected(own) as (peer, station):
        log = {"remote_location": "ftp://logs.example.org/"}
        ours = await stage.ask(peer, "GetLog", log=log, log_type="SecurityLog", request_id=1)
        theirs = await stage.ask(peer, "GetLog", log=log, log_type="DiagnosticsLog", request_id=2)
        assert (ours.status, theirs.filename) == ("Rejected", "of the maker"), "the agent brings files by HTTPS alone"
        assert [fields["request_id"] for _, fields in station.charge_point.heard] == [2]


async def test_a_handler_of_the_station_may_wait_for_the_agent(tmp_path: Path, v2g: Pki, back: Pki) -> None:
    """Twice in a row, in the receive loop itself: with the library's own `call` this would wait for ever."""

    async def start(peer: Any, **fields: Any) -> dict[str, Any]:
        for _ in range(2):
            answer = await stage.agent.install_ev_certificate(
                "urn:iso:15118:2:2013:MsgDef", "gAA=", CertificateAction.INSTALL
            )
            assert answer.exi_response == "gAA="
        return {"status": "Accepted"}

    async with scene(tmp_path, V201, v2g, back) as stage, stage.connected({"Reset": start}) as (peer, station):
        assert (await stage.ask(peer, "Reset", type="OnIdle")).status == "Accepted"
        assert await station.boot() == "Accepted", "and the station's own calls go on"


@BOTH
async def test_a_station_that_is_not_accepted_yet_says_nothing_for_us(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion
) -> None:
    async with scene(tmp_path, version, v2g, back) as stage:
        stage.csms.boot_answers = ["Pending", "Rejected"]
        await stage.agent.enrol(LeafUse.CSMS)
        async with stage.connected(boots=False) as (peer, station):
            for status in ("Pending", "Rejected"):
                assert await station.boot() == status
                word = "SignChargePointCertificate" if version is V16 else "SignChargingStationCertificate"
                assert await stage.trigger(peer, word) == "Accepted", "questions are answered all the same"
            assert stage.csms.heard_so_far() == ["BootNotification"] * 2
            assert await station.boot() == "Accepted"
            assert await stage.signed() == "Accepted"


@BOTH
async def test_a_station_that_does_not_boot_again_says_that_it_is_accepted(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion
) -> None:
    async with scene(tmp_path, version, v2g, back) as stage, stage.connected(boots=False) as (_, station):
        await stage.agent.enrol(LeafUse.CSMS)
        station.connection.accepted()
        assert await stage.signed() == "Accepted"


@BOTH
async def test_the_next_charge_point_goes_on_where_the_connection_broke(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion
) -> None:
    async with scene(tmp_path, version, v2g, back) as stage:
        stage.csms.answers["SignCertificate"] = NEVER
        async with stage.connected() as (peer, station):
            await stage.agent.enrol(LeafUse.CSMS)
            first = (await stage.csms.until("SignCertificate"))["csr"]
            await peer.connection.close()
            with pytest.raises(ConnectionClosed):
                await station.ended
        del stage.csms.answers["SignCertificate"]
        async with stage.connected():
            assert (await stage.csms.until("SignCertificate"))["csr"] == first
            assert await stage.signed() == "Accepted"
        assert has_leaf(stage.agent, LeafCertificateType.CSMS)


@pytest.mark.scaled
@BOTH
async def test_one_hundred_broken_connections_lose_neither_the_enrolment_nor_a_security_event(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion, scale: float
) -> None:
    chance, times = random.Random(version.value), max(5, round(100 * scale))
    impatient = {"settings": Settings(cert_signing_wait_minimum=1)}
    events: asyncio.Queue[StationEvent] = asyncio.Queue()
    async with scene(tmp_path, version, v2g, back, more=impatient, watch=events.put_nowait) as stage:
        await stage.agent.enrol(LeafUse.CSMS)
        for number in range(times):
            await stage.agent.report(SecurityEventType.TAMPER_DETECTION_ACTIVATED, str(number))
            await cut_at_random(stage, chance)
        async with stage.connected():
            while not {str(number) for number in range(times)} <= {one.get("tech_info") for one in stage.csms.told}:
                await stage.csms.until("SecurityEventNotification")
            async with asyncio.timeout(PATIENCE):
                while not has_leaf(stage.agent, LeafCertificateType.CSMS):
                    await events.get()
        assert len(stage.agent.security.usable_leaves(LeafCertificateType.CSMS)) == 1
        assert not stage.agent.security.open_requests()


async def cut_at_random(stage: Scene, chance: random.Random) -> None:
    """A connection that breaks some time after the station has begun to boot."""
    async with stage.connected(boots=False) as (peer, station):
        booting = asyncio.ensure_future(station.boot())
        for _ in range(chance.randrange(400)):
            await asyncio.sleep(0)
        peer.connection.transport.abort()
        with pytest.raises(ConnectionClosed):
            await station.ended
        booting.cancel()  # the library waits on for an answer
        await asyncio.gather(booting, return_exceptions=True)
