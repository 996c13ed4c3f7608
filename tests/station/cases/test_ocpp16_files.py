"""TC_079 to TC_081 of OCPP 1.6, and use cases N01 and L01: the security log, and signed firmware."""

import asyncio
import base64
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from ocpp.exceptions import NotSupportedError
from ocpp.v16 import call
from ocpp.v16.enums import Log, MessageTrigger

from agents_firmware import StubbornInstaller
from case16 import Place, at_work, place
from certs import FROM, UNTIL, key_pem, root
from chainpilot.clock import SYSTEM
from chainpilot.station.agent.ports import Installed
from chainpilot.station.layout import CrlPolicy
from csms16 import Csms16, Served16
from fileserver import FileServer, file_server
from forge import Forged, forge
from revocations import entry, pem, revocation_list

__all__: list[str] = []

pytestmark = pytest.mark.anyio

IMAGE = os.urandom(200_000)
LOG_STATUS = "LogStatusNotification"
FIRMWARE_STATUS = "SignedFirmwareStatusNotification"


def moment(when: datetime) -> str:
    """As JSON has it."""
    return when.isoformat(timespec="seconds").replace("+00:00", "Z")


# N01


async def get_log(served: Served16, server: FileServer, number: int, **log: str) -> Any:
    """GetLog for the security log; the answer."""
    where = {"remote_location": f"{server.url}/logs/", **log}
    return await served.ask(call.GetLog(where, Log.security_log, number))


async def hears_log(csms: Csms16, number: int, *statuses: str) -> None:
    """These statuses come, in order, each with that request's number."""
    for status in statuses:
        assert (await csms.hears(LOG_STATUS)).payload == {"status": status, "request_id": number}


async def test_tc_079_cs_the_security_log_is_uploaded(tmp_path: Path) -> None:
    """N01.01 to 04: one file, of the name that was answered, with the events of that log."""
    with file_server() as server:
        async with at_work(tmp_path, 2) as (csms, _):
            (served,) = csms.open_ones
            await csms.hears_event("StartupOfTheDevice")
            answer = await get_log(served, server, 79)
            assert answer.status == "Accepted"
            await hears_log(csms, 79, "Uploading", "Uploaded")
            assert list(server.files) == [f"/logs/{answer.filename}"]
            (content,) = server.files.values()
            assert b"StartupOfTheDevice" in content
            assert [method for method, _ in server.requests] == ["PUT"]


async def test_n01_fr_10_an_upload_that_fails_is_told_with_the_closest_reason(tmp_path: Path) -> None:
    """N01.07 to 10: again as often as was asked."""
    with file_server() as server:
        async with at_work(tmp_path, 2) as (csms, _):
            (served,) = csms.open_ones
            for number, (statuses, end) in enumerate(
                [([403], "PermissionDenied"), ([405], "NotSupportedOperation"), ([503, 503], "UploadFailure")]
            ):
                server.statuses = statuses
                where = {"remote_location": f"{server.url}/logs/"}
                asked = call.GetLog(where, Log.security_log, number, retries=1, retry_interval=0)
                assert await served.status_of(asked) == "Accepted"
                await hears_log(csms, number, "Uploading", end)
            assert server.files == {}


async def test_n01_fr_11_a_newer_get_log_ends_the_one_before(tmp_path: Path) -> None:
    with file_server() as server:
        async with at_work(tmp_path, 2) as (csms, _):
            (served,) = csms.open_ones
            server.gate.clear()
            assert (await get_log(served, server, 1)).status == "Accepted"
            await hears_log(csms, 1, "Uploading")
            answer = await get_log(served, server, 2)
            assert answer.status == "AcceptedCanceled"
            server.gate.set()
            await hears_log(csms, 2, "Uploading", "Uploaded")
            assert f"/logs/{answer.filename}" in server.files


async def test_n01_fr_04_a_log_reaches_from_one_moment_to_the_other(tmp_path: Path) -> None:
    with file_server() as server:
        async with at_work(tmp_path, 2) as (csms, _):
            (served,) = csms.open_ones
            await csms.hears_event("StartupOfTheDevice")
            later = moment(SYSTEM.now() + timedelta(hours=1))
            assert (await get_log(served, server, 1, oldest_timestamp=later)).status == "Accepted"
            await hears_log(csms, 1, "Uploading", "Uploaded")
            (content,) = server.files.values()
            assert b"StartupOfTheDevice" not in content


@pytest.mark.parametrize("url", ["ftp://localhost/logs", "", "http://", "nonsense"])
async def test_n01_fr_02_a_place_that_is_none_is_rejected(tmp_path: Path, url: str) -> None:
    async with at_work(tmp_path, 2) as (csms, _):
        (served,) = csms.open_ones
        asked = call.GetLog({"remote_location": url}, Log.security_log, 1)
        assert await served.status_of(asked) == "Rejected"


async def test_n01_what_happened_while_the_line_was_down_is_told_after(tmp_path: Path) -> None:
    with file_server() as server:
        async with at_work(tmp_path, 2) as (csms, _):
            (served,) = csms.open_ones
            server.gate.clear()
            assert (await get_log(served, server, 7)).status == "Accepted"
            await hears_log(csms, 7, "Uploading")
            (door,) = csms.doors
            await door.shut()
            server.gate.set()
            async with asyncio.timeout(20):
                while not server.files:  # noqa: ASYNC110 - another thread's
                    await asyncio.sleep(0.01)
            await door.open()
            await hears_log(csms, 7, "Uploaded")


# L01


@dataclass
class Maker:
    """A manufacturer: its root, who signs its firmware, and openssl as the tool it signs with."""

    directory: Path
    root: Forged
    signer: Forged

    @property
    def chain(self) -> str:
        """The signing certificate as SignedUpdateFirmware has it."""
        return self.signer.certificate.to_pem()

    def sign(self, image: bytes, *options: str) -> str:
        """The signature over the whole file, SHA-256."""
        paths = {name: self.directory / name for name in ("maker.key", "image", "signature")}
        paths["maker.key"].write_bytes(key_pem(self.signer.key))
        paths["image"].write_bytes(image)
        command: list[Any] = [
            "openssl",
            "dgst",
            "-sha256",
            "-sign",
            paths["maker.key"],
            *options,
            "-out",
            paths["signature"],
        ]
        subprocess.run([*command, paths["image"]], check=True, capture_output=True)
        return base64.b64encode(paths["signature"].read_bytes()).decode()


def maker(directory: Path, **changes: Any) -> Maker:
    """A manufacturer whose signer is of EC, unless said otherwise."""
    top = root("Maker Root")
    signer = forge("Firmware Signer", top, **{"begin": FROM, "end": UNTIL, **changes})
    return Maker(directory, top, signer)


@asynccontextmanager
async def updating(
    here: Place, installer: StubbornInstaller, by: Maker, *, starts: bool = True
) -> AsyncIterator[tuple[Csms16, Served16]]:
    """A charge point that can install, and knows the manufacturer's root."""
    door = here.csms.doors[0] if here.csms.doors else await here.csms.opened(2)
    async with here.charge_point(door, parts={"installer": installer}, firmware_version="1.0"):
        served = await here.csms.settles(2)
        if starts:
            top = by.root.certificate.to_pem()
            assert await served.status_of(call.InstallCertificate("ManufacturerRootCertificate", top)) == "Accepted"
        yield here.csms, served


def order(server: FileServer, by: Maker, signature: str, number: int, **firmware: str) -> Any:
    """SignedUpdateFirmware for now."""
    fields = {
        "location": f"{server.url}/image.bin",
        "retrieve_date_time": moment(SYSTEM.now()),
        "signing_certificate": by.chain,
        "signature": signature,
        **firmware,
    }
    return call.SignedUpdateFirmware(number, fields)


async def hears_firmware(csms: Csms16, number: int, *statuses: str) -> None:
    """These statuses come, in order, each with that request's number."""
    for status in statuses:
        assert (await csms.hears(FIRMWARE_STATUS)).payload == {"status": status, "request_id": number}


@asynccontextmanager
async def scene(
    directory: Path, installed: Installed = Installed.RUNNING, **changes: Any
) -> AsyncIterator[tuple[Csms16, Served16, FileServer, Maker, StubbornInstaller]]:
    """Everything that an update needs."""
    installer, by = StubbornInstaller(installed), maker(directory, **changes)
    with file_server() as server:
        server.files["/image.bin"] = IMAGE
        async with place(directory) as here, updating(here, installer, by) as (csms, served):
            yield csms, served, server, by, installer


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("EC", ()),
        ("RSA", ()),
        ("RSA", ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest")),
    ],
    ids=["ECDSA", "RSA", "RSA-PSS"],
)
async def test_tc_080_cs_signed_firmware_is_installed(tmp_path: Path, kind: str, options: tuple[str, ...]) -> None:
    """L01.04: whatever the manufacturer signs with, over the whole file."""
    key: dict[str, Any] = {} if kind == "EC" else {"key": rsa.generate_private_key(65537, 2048)}
    async with scene(tmp_path, **key) as (csms, served, server, by, installer):
        assert await served.status_of(order(server, by, by.sign(IMAGE, *options), 80)) == "Accepted"
        await hears_firmware(csms, 80, "Downloading", "Downloaded", "SignatureVerified", "Installing", "Installed")
        await csms.hears_event("FirmwareUpdated")
        assert installer.images == [IMAGE]
        told = [one.payload.get("type") or one.payload.get("status") for one in csms.heard]
        assert told.index("FirmwareUpdated") < told.index("Installed")


async def test_tc_080_cs_over_the_restart_that_the_firmware_brings(tmp_path: Path) -> None:
    """(InstallRebooting); Boot; FirmwareUpdated; Installed: the same request's number, from the new firmware."""
    installer, by = StubbornInstaller(Installed.REBOOTING), maker(tmp_path)
    with file_server() as server:
        server.files["/image.bin"] = IMAGE
        async with place(tmp_path) as here:
            async with updating(here, installer, by) as (csms, served):
                assert await served.status_of(order(server, by, by.sign(IMAGE), 80)) == "Accepted"
                before = ("Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting")
                await hears_firmware(csms, 80, *before)
            async with updating(here, installer, by, starts=False) as (csms, _):
                boots = len(csms.all_of("BootNotification"))
                await csms.hears_event("FirmwareUpdated")
                await hears_firmware(csms, 80, "Installed")
            told = [one.payload.get("type") or one.payload.get("status") or one.action for one in csms.heard]
            last = len(told) - told[::-1].index("BootNotification")
            assert told.index("InstallRebooting") < last <= told.index("FirmwareUpdated") < told.index("Installed")
            assert boots == 2
        assert installer.images == [IMAGE]


async def is_refused_as_signature(csms: Csms16, number: int) -> None:
    """Downloading; Downloaded; InvalidSignature; and the event, in any order."""
    await hears_firmware(csms, number, "Downloading", "Downloaded", "InvalidSignature")
    await csms.hears_event("InvalidFirmwareSignature")


async def test_tc_081_cs_firmware_with_a_bad_signature_is_not_installed(tmp_path: Path) -> None:
    async with scene(tmp_path) as (csms, served, server, by, installer):
        assert await served.status_of(order(server, by, by.sign(b"another image"), 81)) == "Accepted"
        await is_refused_as_signature(csms, 81)
        assert installer.images == []


@pytest.mark.parametrize("fault", ["a bit", "a byte more", "a byte less", "no base64", "of another key"])
async def test_tc_081_cs_whatever_is_wrong_with_image_or_signature(tmp_path: Path, fault: str) -> None:
    async with scene(tmp_path) as (csms, served, server, by, installer):
        signature = by.sign(IMAGE)
        match fault:
            case "a bit":
                server.files["/image.bin"] = IMAGE[:-1] + bytes([IMAGE[-1] ^ 1])
            case "a byte more":
                server.files["/image.bin"] = IMAGE + b"\0"
            case "a byte less":
                server.files["/image.bin"] = IMAGE[:-1]
            case "no base64":
                signature = "!" * 88
            case _:
                signature = Maker(tmp_path, by.root, forge("Other", by.root, begin=FROM, end=UNTIL)).sign(IMAGE)
        assert await served.status_of(order(server, by, signature, 81)) == "Accepted"
        await is_refused_as_signature(csms, 81)
        assert installer.images == []


async def test_l01_fr_23_a_signer_of_another_root_is_answered_invalid_certificate(tmp_path: Path) -> None:
    """L01.02: and told as an event."""
    async with scene(tmp_path) as (csms, served, server, _, installer):
        other = maker(tmp_path)
        assert await served.status_of(order(server, other, other.sign(IMAGE), 1)) == "InvalidCertificate"
        await csms.hears_event("InvalidFirmwareSigningCertificate")
        assert (installer.images, csms.all_of(FIRMWARE_STATUS), server.requests) == ([], [], [])


@pytest.mark.parametrize("fault", ["expired", "text"])
async def test_l01_fr_24_a_bad_signer_is_answered_invalid_certificate(tmp_path: Path, fault: str) -> None:
    changes: dict[str, Any] = {"end": FROM + timedelta(days=30)} if fault == "expired" else {}
    async with scene(tmp_path, **changes) as (csms, served, server, by, _):
        asked = order(server, by, by.sign(IMAGE), 1)
        if fault == "text":
            asked.firmware["signing_certificate"] = "certificate"
        assert await served.status_of(asked) == "InvalidCertificate"
        await csms.hears_event("InvalidFirmwareSigningCertificate")


async def test_l01_fr_25_a_revoked_signer_is_answered_revoked_certificate(tmp_path: Path) -> None:
    by, lists = maker(tmp_path), tmp_path / "lists"
    lists.mkdir()
    serial = by.signer.certificate.serial_number
    since, until = (SYSTEM.now() + timedelta(days=days) for days in (-1, 30))
    (lists / "maker.pem").write_bytes(
        pem(revocation_list(by.root, entry(serial, revoked=since), since=since, until=until))
    )
    with file_server() as server:
        store = {"crl_directory": str(lists), "crl_policy": CrlPolicy.IF_PRESENT}
        async with place(tmp_path, **store) as here, updating(here, StubbornInstaller(), by) as (csms, served):
            assert await served.status_of(order(server, by, by.sign(IMAGE), 1)) == "RevokedCertificate"
            await csms.hears_event("InvalidFirmwareSigningCertificate")


async def test_l01_fr_20_firmware_without_a_signature_is_not_supported(tmp_path: Path) -> None:
    async with at_work(tmp_path, 2) as (csms, _):
        (served,) = csms.open_ones
        with pytest.raises(NotSupportedError):
            await served.ask(call.UpdateFirmware("http://localhost/image.bin", moment(SYSTEM.now())))


async def test_l01_an_update_that_is_being_installed_is_not_replaced(tmp_path: Path) -> None:
    async with scene(tmp_path) as (csms, served, server, by, installer):
        installer.gate.clear()
        asked = order(server, by, by.sign(IMAGE), 1)
        assert await served.status_of(asked) == "Accepted"
        await hears_firmware(csms, 1, "Downloading", "Downloaded", "SignatureVerified", "Installing")
        asked.request_id = 2
        assert await served.status_of(asked) == "Rejected"
        installer.gate.set()
        await hears_firmware(csms, 1, "Installed")


async def test_l01_a_newer_update_takes_the_place_of_one_that_is_fetched(tmp_path: Path) -> None:
    async with scene(tmp_path) as (csms, served, server, by, installer):
        server.gate.clear()
        asked = order(server, by, by.sign(IMAGE), 1)
        assert await served.status_of(asked) == "Accepted"
        await hears_firmware(csms, 1, "Downloading")
        asked.request_id = 2
        assert await served.status_of(asked) == "AcceptedCanceled"
        server.gate.set()
        await csms.hears(FIRMWARE_STATUS, status="Installed", request_id=2)
        assert installer.images == [IMAGE]
        assert all(one["request_id"] == 2 for one in csms.all_of(FIRMWARE_STATUS)[1:] if one["status"] != "Downloading")


async def test_l01_firmware_is_scheduled_until_its_moments(tmp_path: Path) -> None:
    async with scene(tmp_path) as (csms, served, server, by, installer):
        times = {
            "retrieve_date_time": moment(SYSTEM.now() + timedelta(seconds=2)),
            "install_date_time": moment(SYSTEM.now() + timedelta(seconds=4)),
        }
        assert await served.status_of(order(server, by, by.sign(IMAGE), 5, **times)) == "Accepted"
        await hears_firmware(csms, 5, "DownloadScheduled", "Downloading", "Downloaded", "SignatureVerified")
        await hears_firmware(csms, 5, "InstallScheduled", "Installing", "Installed")
        assert installer.images == [IMAGE]


async def test_l01_a_trigger_tells_how_far_an_update_is(tmp_path: Path) -> None:
    """And LogStatusNotification how far an upload is: Idle, where there is none."""
    async with scene(tmp_path) as (csms, served, _, _, _):
        for trigger, action in (
            (MessageTrigger.firmware_status_notification, FIRMWARE_STATUS),
            (MessageTrigger.log_status_notification, LOG_STATUS),
        ):
            assert await served.status_of(call.ExtendedTriggerMessage(trigger)) == "Accepted"
            assert (await csms.hears(action)).payload["status"] == "Idle"


async def test_l01_a_charge_point_that_cannot_install_rejects_the_order(tmp_path: Path) -> None:
    by = maker(tmp_path)
    with file_server() as server:
        async with at_work(tmp_path, 2) as (csms, _):
            (served,) = csms.open_ones
            assert await served.status_of(order(server, by, by.sign(IMAGE), 1)) == "Rejected"
