"""PyPI's `ocpp` plays a station that answers every call of the CSMS, its own schema validation on: 1.6 and 2.0.1."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from answering import carried_out
from backoffice import OPERATOR, STATION, BackOffice, open_back_office
from chainpilot.cpms.model import CallState, StationCall, Step
from chainpilot.cpms.model import demands as d
from chainpilot.pki.keys import KeySpec, generate_private_key, spki_hash
from chainpilot.wire import ocpp201
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.words import CertificateUse, MessageTrigger
from chainpilot.wire.security import LogType
from chainpilot.wire.version import OcppVersion
from forge import NOON, forge
from peerstation import ROOMS, VENDORS, Belongings, answers, belongings, booted, carried
from sims import csr_text

__all__: list[str] = []

pytestmark = pytest.mark.anyio

V16, V201 = OcppVersion.V16, OcppVersion.V201
ROOT = CertificateUse.CSMS_ROOT_CERTIFICATE
RENEW = d.TriggerMessage(MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE)


async def done(office: BackOffice, demand: d.Demand, action: str, spoken: str, answer: str) -> StationCall:
    """Carried out and ended Done; the last exchange is recorded with its answer, and each has one."""
    call = await carried_out(office, demand)
    assert (call.state, call.end) == (CallState.DONE, None)
    last = call.exchanges[-1]
    assert (last.action, last.spoken, last.answer) == (action, spoken, answer)
    assert all(one.answered_at is not None for one in call.exchanges)
    return call


async def certificates_are_asked_for(office: BackOffice, own: Belongings, spoken: str) -> list[StationCall]:
    """Trigger, install, list, delete, list: the calls."""
    root = office.csms.root.certificate.to_pem()
    lists = d.GetInstalledCertificateIds((ROOT,))
    deletes = d.DeleteCertificate(certificate=root, certificate_type=ROOT)
    calls = [
        await done(office, RENEW, "TriggerMessage", spoken, "Accepted"),
        await done(office, d.InstallCertificate(ROOT, root), "InstallCertificate", spoken, "Accepted"),
        await done(office, lists, "GetInstalledCertificateIds", spoken, "Accepted: 1 listed"),
        await done(office, deletes, "DeleteCertificate", spoken, "Accepted"),
        await done(office, lists, "GetInstalledCertificateIds", spoken, "NotFound: 0 listed"),
    ]
    assert own.roots == []
    return calls


async def certificate_is_sent_again(office: BackOffice, own: Belongings, spoken: str, key_hash: str) -> None:
    """By the enrolment, then by a call."""
    await office.steps.until(Step.INSTALL_RECORDED)
    (enrolment,) = await office.cpms.ledger.enrolments_of(STATION)
    await done(office, d.SendCertificate(enrolment.enrolment_id), "CertificateSigned", spoken, "Accepted")
    assert [leaf.spki_hash for leaf in own.leaves] == [key_hash] * 2


@pytest.mark.parametrize(("version", "spoken"), [(V16, Dialect.S), (V201, Dialect.V201)])
async def test_an_ocpp_station_answers_our_calls_about_certificates(
    tmp_path: Path, version: OcppVersion, spoken: Dialect
) -> None:
    key = generate_private_key(KeySpec.P256)
    typed = {} if version is V16 else {"certificate_type": "ChargingStationCertificate"}
    async with open_back_office(tmp_path) as office:
        own = belongings(office)
        async with booted(office, version, own, answers(version, own)) as station:
            calls = await certificates_are_asked_for(office, own, spoken.value)
            assert [len(call.exchanges) for call in calls] == [1, 1, 1, 2, 1]
            csr = csr_text(key, STATION, organization=OPERATOR, domain=None)
            asked = ROOMS[version].call.SignCertificate(csr=csr, **typed)
            assert (await station.call(asked, suppress=False)).status == "Accepted"
            await certificate_is_sent_again(office, own, spoken.value, spki_hash(key.public_key()))


@pytest.mark.parametrize("spoken", [Dialect.H, Dialect.O])
async def test_an_ocpp_station_answers_them_by_data_transfer(tmp_path: Path, spoken: Dialect) -> None:
    """What it does not know it refuses; what it knows is found out by the first call, and remembered."""
    key = generate_private_key(KeySpec.P256)
    async with open_back_office(tmp_path) as office:
        own = belongings(office)
        async with booted(office, V16, own, carried(spoken, own)) as station:
            calls = await certificates_are_asked_for(office, own, spoken.value)
            tried = ["S", "H"] if spoken is Dialect.H else ["S", "H", "O"]
            assert [one.spoken for one in calls[0].exchanges] == tried
            assert [len(call.exchanges) for call in calls[1:]] == [1, 1, 2, 1]
            csr = csr_text(key, STATION, organization=OPERATOR, domain=None)
            word = "typeOfCertificate" if spoken is Dialect.H else "certificateType"
            data = json.dumps({"csr": csr, word: "ChargingStationCertificate"})
            asked = ROOMS[V16].call.DataTransfer(vendor_id=VENDORS[spoken], message_id="SignCertificate", data=data)
            assert json.loads((await station.call(asked, suppress=False)).data) == {"status": "Accepted"}
            await certificate_is_sent_again(office, own, spoken.value, spki_hash(key.public_key()))
        assert {action for action, _ in own.heard} == {"DataTransfer"}


def signed_update() -> d.SignedUpdateFirmware:
    """An image and who vouches for it."""
    signer = forge("Firmware Signer", forge("Manufacturer Root", ca=True)).certificate
    return d.SignedUpdateFirmware(
        "https://images.example.org/image.bin",
        NOON,
        signer.to_pem(),
        base64.b64encode(bytes(64)).decode(),
        install_date_time=NOON,
        retries=3,
        retry_interval=60,
    )


LOG = d.GetLog(LogType.SECURITY_LOG, "https://logs.example.org/", NOON.replace(day=1, month=1), NOON, 3, 60)


async def tells_progress(
    office: BackOffice, station: Any, version: OcppVersion, order: StationCall, message: str
) -> None:
    """The peer's notification of the order's number stands in its record."""
    status = "Uploaded" if message == "LogStatusNotification" else "Installed"
    await station.call(getattr(ROOMS[version].call, message)(status=status, request_id=order.call_id), suppress=False)
    call = await office.cpms.ledger.call(order.call_id)
    assert call is not None
    assert call.progress is not None
    assert call.progress.status == status


async def test_an_ocpp_station_of_1_6_answers_our_other_calls(tmp_path: Path) -> None:
    spoken = V16.value
    async with open_back_office(tmp_path) as office:
        own = belongings(office)
        async with booted(office, V16, own, answers(V16, own)) as station:
            change = d.ChangeConfiguration("HeartbeatInterval", "300")
            await done(office, change, "ChangeConfiguration", spoken, "Accepted")
            read = d.GetConfiguration(("HeartbeatInterval", "CpoName"))
            told = await done(office, read, "GetConfiguration", spoken, "1 told, 1 unknown")
            assert told.findings == {"keys": {"HeartbeatInterval": "300"}, "unknown": ["CpoName"]}
            await done(office, d.GetConfiguration(), "GetConfiguration", spoken, "1 told, 0 unknown")
            await done(office, d.ChangePassword(), "ChangeConfiguration", spoken, "Accepted")
            assert len(own.settings["AuthorizationKey"]) == 40
            await done(office, d.Reset(d.ResetTime.NOW), "Reset", spoken, "Accepted")
            log = await done(office, LOG, "GetLog", spoken, "Accepted")
            assert log.findings["filename"] == "security.log"
            await tells_progress(office, station, V16, log, "LogStatusNotification")
            update = await done(office, signed_update(), "SignedUpdateFirmware", spoken, "Accepted")
            await tells_progress(office, station, V16, update, "SignedFirmwareStatusNotification")
            heard = dict(own.heard)
            assert heard["Reset"] == {"type": "Hard"}
            assert heard["GetLog"]["request_id"] == log.call_id
            assert heard["SignedUpdateFirmware"]["request_id"] == update.call_id


async def test_an_ocpp_station_of_2_0_1_answers_our_other_calls(tmp_path: Path) -> None:
    spoken = V201.value
    interval = d.VariableName("OCPPCommCtrlr", "HeartbeatInterval")
    async with open_back_office(tmp_path) as office:
        own = belongings(office)
        async with booted(office, V201, own, answers(V201, own)) as station:
            change = d.SetVariables((d.VariableValue(interval, "300"),))
            await done(office, change, "SetVariables", spoken, "Accepted")
            read = d.GetVariables((interval, d.VariableName("SecurityCtrlr", "Identity")))
            told = await done(office, read, "GetVariables", spoken, "Accepted UnknownVariable")
            assert told.findings["variables"] == {
                "OCPPCommCtrlr.HeartbeatInterval": {"status": "Accepted", "value": "300"},
                "SecurityCtrlr.Identity": {"status": "UnknownVariable"},
            }
            await done(office, d.ChangePassword(), "SetVariables", spoken, "Accepted")
            assert len(own.settings["SecurityCtrlr.BasicAuthPassword"]) == 40
            profile = d.SetNetworkProfile(
                2,
                ocpp201.ConnectionData(
                    ocpp_version=ocpp201.ProfileVersion.OCPP20,
                    ocpp_transport=ocpp201.Transport.JSON,
                    ocpp_csms_url="wss://csms.example.org/ocpp",
                    message_timeout=30,
                    security_profile=3,
                    ocpp_interface=ocpp201.NetworkInterface.WIRED0,
                    apn=ocpp201.Apn("internet", ocpp201.ApnAuthentication.CHAP, "user", "password", 1234),
                    vpn=ocpp201.Vpn("vpn.example.org", "user", "password", "key", ocpp201.VpnType.IKEV2),
                ),
            )
            await done(office, profile, "SetNetworkProfile", spoken, "Accepted")
            await done(office, d.Reset(d.ResetTime.IDLE), "Reset", spoken, "Accepted")
            log = await done(office, LOG, "GetLog", spoken, "Accepted")
            assert log.findings["filename"] == "security.log"
            await tells_progress(office, station, V201, log, "LogStatusNotification")
            update = await done(office, signed_update(), "UpdateFirmware", spoken, "Accepted")
            await tells_progress(office, station, V201, update, "FirmwareStatusNotification")
            heard = dict(own.heard)
            assert heard["Reset"] == {"type": "OnIdle"}
            assert heard["GetLog"]["request_id"] == log.call_id
            assert heard["UpdateFirmware"]["request_id"] == update.call_id
            assert heard["SetNetworkProfile"]["connection_data"]["vpn"]["type"] == "IKEv2"
