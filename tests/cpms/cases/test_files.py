"""OCPP's cases of logs and firmware: TC_079, TC_080 and TC_081 of 1.6, and the same of 2.0.1 (use cases N01, L01)."""

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from answering import AnsweringStation, Replies, by_message
from backoffice import BackOffice, open_back_office
from casework import BOTH, MOMENT, V16, by_station, done, tells_event
from chainpilot.cpms.model import StationCall
from chainpilot.cpms.model.demands import GetLog, SignedUpdateFirmware
from chainpilot.wire import ocpp16, ocpp201
from chainpilot.wire.security import LogStatus, LogType, UpdateFirmwareStatus
from chainpilot.wire.version import OcppVersion
from forge import NOON, forge

__all__: list[str] = []

pytestmark = pytest.mark.anyio

SIGNATURE = base64.b64encode(bytes(64)).decode()
UPLOADED_TO = "https://logs.example.org/"
IMAGE = "https://images.example.org/image.bin"


def obeys(version: OcppVersion) -> Replies:
    """A station that takes every order for a file."""
    if version is V16:
        return by_message(
            (ocpp16.GetLog, ocpp16.GetLogResponse(LogStatus.ACCEPTED, "security.log")),
            (ocpp16.SignedUpdateFirmware, ocpp16.SignedUpdateFirmwareResponse(UpdateFirmwareStatus.ACCEPTED)),
        )
    return by_message(
        (ocpp201.GetLog, ocpp201.GetLogResponse(LogStatus.ACCEPTED, "security.log")),
        (ocpp201.UpdateFirmware, ocpp201.UpdateFirmwareResponse(UpdateFirmwareStatus.ACCEPTED)),
    )


async def progresses(
    office: BackOffice, station: AnsweringStation, action: str, order: StationCall, statuses: Iterable[str]
) -> None:
    """The station tells each status with the order's number; it is answered, and stands in the order's record."""
    for status in statuses:
        frame = await station.call(action, {"status": status, "requestId": order.call_id})
        assert frame == [3, "own", {}]
        call = await office.cpms.ledger.call(order.call_id)
        assert call is not None
        assert call.progress is not None
        assert (call.progress.status, call.progress.at) == (status, NOON)


@BOTH
async def test_tc_079_csms_a_security_log(tmp_path: Path, version: OcppVersion) -> None:
    async with open_back_office(tmp_path) as office, by_station(office, version, obeys(version)) as station:
        order = await done(office, GetLog(LogType.SECURITY_LOG, UPLOADED_TO))
        assert station.payloads("GetLog") == [
            {"log": {"remoteLocation": UPLOADED_TO}, "logType": "SecurityLog", "requestId": order.call_id}
        ]
        assert order.findings["filename"] == "security.log"
        await progresses(office, station, "LogStatusNotification", order, ("Uploading", "Uploaded"))


def signed_update() -> SignedUpdateFirmware:
    """An image and who vouches for it."""
    signer = forge("Firmware Signer", forge("Manufacturer Root", ca=True)).certificate
    return SignedUpdateFirmware(IMAGE, NOON, signer.to_pem(), SIGNATURE)


def assert_ordered(station: AnsweringStation, demand: SignedUpdateFirmware, order: StationCall) -> None:
    """The image, its signature and the certificate came as they were wanted, with the order's number."""
    firmware: dict[str, Any] = {
        "location": IMAGE,
        "retrieveDateTime": MOMENT,
        "signingCertificate": demand.signing_certificate,
        "signature": SIGNATURE,
    }
    action = "SignedUpdateFirmware" if station.version is V16 else "UpdateFirmware"
    assert station.payloads(action) == [{"requestId": order.call_id, "firmware": firmware}]


def tells_firmware(version: OcppVersion) -> str:
    """The message that tells how far an update is."""
    return "SignedFirmwareStatusNotification" if version is V16 else "FirmwareStatusNotification"


@BOTH
async def test_tc_080_csms_signed_firmware(tmp_path: Path, version: OcppVersion) -> None:
    """Over the station's restart, after which it boots, and tells the end with the same number."""
    demand, action = signed_update(), tells_firmware(version)
    async with open_back_office(tmp_path) as office:
        async with by_station(office, version, obeys(version)) as station:
            order = await done(office, demand)
            assert_ordered(station, demand, order)
            before = ("Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting")
            await progresses(office, station, action, order, before)
        async with by_station(office, version, obeys(version)) as station:
            await tells_event(station, "FirmwareUpdated")
            await progresses(office, station, action, order, ("Installed",))
            assert not station.frames


@BOTH
async def test_tc_081_csms_firmware_with_a_bad_signature(tmp_path: Path, version: OcppVersion) -> None:
    """The order is not said again; its record shows why nothing was installed."""
    demand, action = signed_update(), tells_firmware(version)
    async with open_back_office(tmp_path) as office, by_station(office, version, obeys(version)) as station:
        order = await done(office, demand)
        assert_ordered(station, demand, order)
        statuses = ("Downloading", "Downloaded", "InvalidSignature")
        await progresses(office, station, action, order, statuses)
        await tells_event(station, "InvalidFirmwareSignature")
        assert len(station.frames) == 1
