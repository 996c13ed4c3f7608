"""Signed firmware updates (L01, TC_080, TC_081): what is answered, told, reported and installed, in both versions."""

import asyncio
import errno
import logging
import stat
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from agents_firmware import HandTransfers, HeardLine, KeptMemory, StubbornInstaller
from agents_updates import IMAGE, NOON, Manufacturer, Station, order_for
from certs import FROM, UNTIL, root
from chainpilot.link.faults import CallRefused, CallTimedOut
from chainpilot.pki.keys import KeySpec
from chainpilot.station import EvseSecurity
from chainpilot.station.adapters.http_exchange import TransferLimits
from chainpilot.station.adapters.transfers import HttpTransfers
from chainpilot.station.agent.events.types import SecurityEventType
from chainpilot.station.agent.firmware.updates import ANSWER_SECONDS, DOCUMENT, MEMORY_SECONDS
from chainpilot.station.agent.notices import AGAIN_SECONDS, MAX_TELLINGS
from chainpilot.station.agent.ports import Installed, InstallRefused, MemoryFault, TransferRefused, TransferUndecided
from chainpilot.station.model import CaCertificateType
from chainpilot.wire.ocppj.frames import ErrorCode
from chainpilot.wire.schema import write_message
from chainpilot.wire.security import UpdateFirmwareStatus
from chainpilot.wire.version import OcppVersion
from fileserver import FileServer, file_server
from forge import forge
from revocations import entry, revocation_list
from stock import put

pytestmark = pytest.mark.anyio
V16, V201 = OcppVersion.V16, OcppVersion.V201
VERSIONS = pytest.mark.parametrize("version", [V16, V201], ids=lambda one: one.value)
EVENT = SecurityEventType
ALL = ["Downloading", "Downloaded", "SignatureVerified", "Installing", "Installed"]
SECRET = "hunter2"


@pytest.fixture(scope="module")
def manufacturer(tmp_path_factory: pytest.TempPathFactory) -> Manufacturer:
    return Manufacturer.made(tmp_path_factory.mktemp("manufacturer"))


@pytest.fixture
async def station(tmp_path: Path, manufacturer: Manufacturer) -> AsyncIterator[Station]:
    station = Station(tmp_path, manufacturer)
    station.start()
    yield station
    await station.stop()


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as server:
        server.files["/fw.bin"] = IMAGE
        yield server


def hand(station: Station) -> HandTransfers:
    assert isinstance(station.transfers, HandTransfers)
    return station.transfers


def installer(station: Station) -> StubbornInstaller:
    assert isinstance(station.installer, StubbornInstaller)
    return station.installer


def statuses(*words: str, request_id: int = 7) -> list[tuple[str, int | None]]:
    return [(word, request_id) for word in words]


# --- the test cases of OCPP, over a real server and with openssl's signature


@VERSIONS
@pytest.mark.parametrize("spec", [KeySpec.P256, KeySpec.RSA2048], ids=lambda one: one.value)
async def test_tc_080_signed_firmware_is_downloaded_verified_and_installed(
    tmp_path: Path, server: FileServer, version: OcppVersion, spec: KeySpec
) -> None:
    maker = Manufacturer.made(tmp_path, spec)
    station = Station(tmp_path, maker, transfers=HttpTransfers())
    station.start()
    station.connect(HeardLine(version))
    answer = await station.order(version, order_for(version, maker, f"{server.url}/fw.bin", 80))
    assert answer.status is UpdateFirmwareStatus.ACCEPTED
    assert await station.line.until_told("Installed", 80) == statuses(*ALL, request_id=80)
    await station.until_tidy()
    await station.stop()
    action = "SignedFirmwareStatusNotification" if version is V16 else "FirmwareStatusNotification"
    assert {name for name, _ in station.line.calls} == {action}
    assert station.report.events == [EVENT.FIRMWARE_UPDATED]
    assert installer(station).images == [IMAGE]


@VERSIONS
async def test_tc_080_an_installation_that_reboots_is_told_as_installed_after_the_restart(
    tmp_path: Path, manufacturer: Manufacturer, version: OcppVersion
) -> None:
    station = Station(tmp_path, manufacturer, installer=StubbornInstaller(Installed.REBOOTING))
    station.start()
    station.connect(HeardLine(version))
    await station.order(version, order_for(version, manufacturer))
    before = await station.line.until_told("InstallRebooting", 7)
    assert before == statuses(*ALL[:-1], "InstallRebooting")
    assert not station.report.events
    await station.restart()
    assert await station.line.until_told("Installed", 7) == [*before, ("Installed", 7)]
    assert station.report.events == [EVENT.FIRMWARE_UPDATED]
    await station.until_tidy()
    await station.stop()


@VERSIONS
@pytest.mark.parametrize("wrong", ["another image", "another key", "no signature at all", "one bit"])
async def test_tc_081_firmware_with_a_bad_signature_is_not_installed(
    tmp_path: Path, server: FileServer, manufacturer: Manufacturer, version: OcppVersion, wrong: str
) -> None:
    other = Manufacturer.made(tmp_path)
    server.files["/fw.bin"] = IMAGE[:-1] + b"\0" if wrong == "one bit" else IMAGE
    signature = {
        "another image": manufacturer.signature(b"other"),
        "another key": other.signature(),
        "no signature at all": "AAAA",
        "one bit": manufacturer.signature(),
    }[wrong]
    station = Station(tmp_path, manufacturer, transfers=HttpTransfers())
    station.start()
    station.connect(HeardLine(version))
    await station.order(version, order_for(version, manufacturer, f"{server.url}/fw.bin", signature=signature))
    told = await station.line.until_told("InvalidSignature", 7)
    await station.until_tidy()
    await station.stop()
    assert told == statuses("Downloading", "Downloaded", "InvalidSignature")
    assert station.report.events == [EVENT.INVALID_FIRMWARE_SIGNATURE]
    assert installer(station).images == []


# --- refusals


async def refused(station: Station, version: OcppVersion, request: Any, status: UpdateFirmwareStatus) -> Any:
    answer = await station.order(version, request)
    assert answer.status is status
    if version is V201:
        assert answer.status_info.additional_info
    assert hand(station).begun == 0
    assert DOCUMENT not in station.memory.documents
    return answer


@VERSIONS
async def test_without_an_installer_every_order_is_refused(
    tmp_path: Path, manufacturer: Manufacturer, version: OcppVersion, caplog: pytest.LogCaptureFixture
) -> None:
    station = Station(tmp_path, manufacturer)
    station.start(installer=None)
    await refused(station, version, order_for(version, manufacturer), UpdateFirmwareStatus.REJECTED)
    await station.stop()
    assert "no way to install" in caplog.text


@pytest.mark.parametrize("missing", ["signing_certificate", "signature", "both"])
async def test_unsigned_firmware_is_refused(station: Station, manufacturer: Manufacturer, missing: str) -> None:
    request = order_for(V201, manufacturer)
    fields = ["signing_certificate", "signature"] if missing == "both" else [missing]
    for empty in (None, ""):
        firmware = {name: getattr(request.firmware, name) for name in request.firmware.__struct_fields__}
        firmware.update(dict.fromkeys(fields, empty))
        changed = type(request)(7, type(request.firmware)(**firmware))
        answer = await refused(station, V201, changed, UpdateFirmwareStatus.REJECTED)
        assert answer.status_info.reason_code == "MissingParam"
    assert not station.report.events


@VERSIONS
@pytest.mark.parametrize("number", [2**53, -(2**53)])
async def test_a_request_id_that_can_not_be_repeated_is_refused(
    station: Station, manufacturer: Manufacturer, version: OcppVersion, number: int
) -> None:
    request = order_for(version, manufacturer, request_id=number)
    await refused(station, version, request, UpdateFirmwareStatus.REJECTED)


BAD_SIGNERS: dict[str, dict[str, Any]] = {
    "expired": {"begin": FROM, "end": NOON - timedelta(days=1)},
    "not yet valid": {"begin": NOON + timedelta(days=1), "end": UNTIL},
    "a ca": {"ca": True},
    "for another use": {"eku": (ExtendedKeyUsageOID.CLIENT_AUTH,)},
    "not for signing": {"usage": {"key_agreement": True}},
}


@VERSIONS
@pytest.mark.parametrize("fault", BAD_SIGNERS)
async def test_l01_fr_02_a_signing_certificate_that_does_not_count_is_refused_and_reported(
    tmp_path: Path, version: OcppVersion, fault: str
) -> None:
    maker = Manufacturer.made(tmp_path, **BAD_SIGNERS[fault])
    station = Station(tmp_path, maker)
    station.start()
    answer = await refused(station, version, order_for(version, maker), UpdateFirmwareStatus.INVALID_CERTIFICATE)
    await station.stop()
    assert version is V16 or answer.status_info.reason_code == "InvalidCertificate"
    assert station.report.events == [EVENT.INVALID_FIRMWARE_SIGNING_CERTIFICATE]
    assert station.report.infos[0]


@pytest.mark.parametrize(
    "signer", ["garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "\ud800"]
)
async def test_what_is_no_certificate_is_an_invalid_one(
    station: Station, manufacturer: Manufacturer, signer: str
) -> None:
    request = order_for(V201, manufacturer, signing_certificate=signer)
    await refused(station, V201, request, UpdateFirmwareStatus.INVALID_CERTIFICATE)
    assert station.report.events == [EVENT.INVALID_FIRMWARE_SIGNING_CERTIFICATE]


async def test_a_signer_of_another_manufacturer_is_refused(
    tmp_path: Path, station: Station, manufacturer: Manufacturer
) -> None:
    request = order_for(V201, Manufacturer.made(tmp_path))
    await refused(station, V201, request, UpdateFirmwareStatus.INVALID_CERTIFICATE)


async def test_a_root_of_another_domain_vouches_for_no_firmware(tmp_path: Path) -> None:
    maker = Manufacturer.made(tmp_path)
    station = Station(tmp_path, Manufacturer.made(tmp_path))
    station.store.install_ca_certificate(maker.root.certificate.to_pem(), CaCertificateType.CSMS)
    station.store.install_ca_certificate(maker.root.certificate.to_pem(), CaCertificateType.V2G)
    station.start()
    await refused(station, V201, order_for(V201, maker), UpdateFirmwareStatus.INVALID_CERTIFICATE)
    await station.stop()


async def test_a_signer_is_not_believed_for_a_good_certificate_that_stands_behind_its_own(
    station: Station, manufacturer: Manufacturer, tmp_path: Path
) -> None:
    thief = Manufacturer.made(tmp_path)
    good = manufacturer.signer.certificate.to_pem()
    for stack in (thief.signer.certificate.to_pem() + good, root("Thief").certificate.to_pem() + good):
        request = order_for(V201, thief, signing_certificate=stack)
        await refused(station, V201, request, UpdateFirmwareStatus.INVALID_CERTIFICATE)


async def test_a_good_certificate_first_is_the_one_whose_signature_counts(
    station: Station, manufacturer: Manufacturer, tmp_path: Path
) -> None:
    thief = Manufacturer.made(tmp_path)
    stack = manufacturer.signer.certificate.to_pem() + thief.signer.certificate.to_pem()
    station.connect()
    await station.order(V201, order_for(V201, thief, signing_certificate=stack))
    await station.line.until_told("InvalidSignature", 7)
    assert installer(station).images == []


async def test_a_certificate_without_any_key_usage_limits_is_taken(tmp_path: Path) -> None:
    """RFC 5280: what isn't there forbids nothing; the whitepaper only recommends it (A00.FR.512)."""
    maker = Manufacturer.made(tmp_path, eku=())
    station = Station(tmp_path, maker)
    station.start()
    station.connect()
    await station.order(V201, order_for(V201, maker))
    await station.line.until_told("Installed", 7)
    await station.stop()


@VERSIONS
async def test_l01_fr_25_a_revoked_signing_certificate_is_refused_with_its_own_word(
    tmp_path: Path, manufacturer: Manufacturer, version: OcppVersion
) -> None:
    station = Station(tmp_path, manufacturer, crl_directory="crls")
    serial = manufacturer.signer.certificate.serial_number
    put(tmp_path / "store" / "crls" / "mf.crl", revocation_list(manufacturer.root, entry(serial)))
    station.start()
    request = order_for(version, manufacturer)
    await refused(station, version, request, UpdateFirmwareStatus.REVOKED_CERTIFICATE)
    await station.stop()
    assert station.report.events == [EVENT.INVALID_FIRMWARE_SIGNING_CERTIFICATE]


async def test_an_order_that_can_not_be_written_down_is_refused(station: Station, manufacturer: Manufacturer) -> None:
    await station.updates.current_status(V201)
    station.memory.outage = lambda _: MemoryFault("the disk is full")
    answer = await refused(station, V201, order_for(V201, manufacturer), UpdateFirmwareStatus.REJECTED)
    assert answer.status_info.reason_code == "InternalError"
    station.memory.outage = lambda _: None
    station.connect()
    await station.order(V201, order_for(V201, manufacturer))
    await station.line.until_told("Installed", 7)


# --- appointed times


@VERSIONS
async def test_l01_fr_13_and_16_nothing_is_done_before_its_time(
    station: Station, manufacturer: Manufacturer, version: OcppVersion
) -> None:
    station.connect(HeardLine(version))
    moments: dict[str, Any] = {
        "retrieve_date_time": NOON + timedelta(minutes=30),
        "install_date_time": NOON + timedelta(minutes=50),
    }
    await station.order(version, order_for(version, manufacturer, **moments))
    assert await station.line.until(1) == statuses("DownloadScheduled")
    await station.clock.until_somebody_sleeps(until=60)
    station.clock.advance(29 * 60)
    await station.clock.until_somebody_sleeps(until=60)
    assert hand(station).begun == 0
    station.clock.advance(60)
    wanted = statuses("DownloadScheduled", "Downloading", "Downloaded", "SignatureVerified", "InstallScheduled")
    assert await station.line.until_told("InstallScheduled", 7) == wanted
    await station.clock.until_somebody_sleeps(until=60)
    station.clock.advance(20 * 60 - 1)
    await station.clock.until_somebody_sleeps(until=1)
    assert installer(station).images == []
    station.clock.advance(1)
    assert await station.line.until_told("Installed", 7) == [*wanted, *statuses("Installing", "Installed")]


async def test_a_clock_that_is_set_brings_an_appointed_time_nearer(
    station: Station, manufacturer: Manufacturer
) -> None:
    station.connect()
    await station.order(V201, order_for(V201, manufacturer, retrieve_date_time=NOON + timedelta(days=9)))
    await station.line.until_told("DownloadScheduled", 7)
    await station.clock.until_somebody_sleeps(until=60)
    station.clock.set(NOON + timedelta(days=9))
    station.clock.advance(60)
    await station.line.until_told("Installed", 7)


@pytest.mark.parametrize("moment", ["retrieve_date_time", "install_date_time"])
async def test_a_time_that_has_passed_is_no_appointment(
    station: Station, manufacturer: Manufacturer, moment: str
) -> None:
    station.connect()
    changes: dict[str, Any] = {moment: NOON}
    await station.order(V201, order_for(V201, manufacturer, **changes))
    assert await station.line.until_told("Installed", 7) == statuses(*ALL)


# --- downloads that fail


async def test_l01_fr_30_a_download_is_tried_again_as_often_as_asked_and_told_once(
    station: Station, manufacturer: Manufacturer
) -> None:
    hand(station).outcomes = [TransferUndecided("busy")] * 3
    station.connect()
    await station.order(V201, order_for(V201, manufacturer, retries=2, retry_interval=30))
    for number in (1, 2):
        await hand(station).until_begun(number)
        await station.clock.until_somebody_sleeps(until=30)
        assert hand(station).begun == number
        station.clock.advance(30)
    assert await station.line.until_told("DownloadFailed", 7) == statuses("Downloading", "DownloadFailed")
    assert hand(station).begun == 3
    await station.until_tidy()
    assert not station.report.events


async def test_a_download_that_succeeds_at_last_is_installed(station: Station, manufacturer: Manufacturer) -> None:
    hand(station).outcomes = [TransferUndecided("busy")]
    station.connect()
    await station.order(V201, order_for(V201, manufacturer, retries=1, retry_interval=0))
    assert await station.line.until_told("Installed", 7) == statuses(*ALL)


@pytest.mark.parametrize(
    ("outcome", "events"),
    [
        (TransferRefused("too large"), []),
        (OSError(errno.ENOSPC, "No space left on device"), [EVENT.MEMORY_EXHAUSTION]),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), [EVENT.MEMORY_EXHAUSTION]),
        (PermissionError(errno.EACCES, "Permission denied"), []),
    ],
)
async def test_a_download_that_can_not_succeed_fails_at_once_with_its_reason(
    station: Station,
    manufacturer: Manufacturer,
    outcome: TransferRefused | OSError,
    events: list[SecurityEventType],
    caplog: pytest.LogCaptureFixture,
) -> None:
    hand(station).outcomes = [outcome]
    station.connect()
    await station.order(V201, order_for(V201, manufacturer, retries=5))
    assert await station.line.until_told("DownloadFailed", 7) == statuses("Downloading", "DownloadFailed")
    assert station.report.events == events
    assert str(outcome.strerror if isinstance(outcome, OSError) else outcome) in caplog.text
    assert hand(station).begun == 1


@pytest.mark.parametrize(("size", "word"), [(999, "Installed"), (1000, "Installed"), (1001, "DownloadFailed")])
async def test_an_image_is_taken_up_to_its_bound(
    tmp_path: Path, server: FileServer, manufacturer: Manufacturer, size: int, word: str
) -> None:
    server.files["/fw.bin"] = bytes(size)
    station = Station(tmp_path, manufacturer, transfers=HttpTransfers())
    station.start(limit=1000)
    station.connect()
    signature = manufacturer.signature(bytes(size))
    await station.order(V201, order_for(V201, manufacturer, f"{server.url}/fw.bin", signature=signature))
    await station.line.until_told(word, 7)
    await station.until_tidy()
    await station.stop()


async def test_a_location_that_can_not_be_spoken_fails_the_download(tmp_path: Path, manufacturer: Manufacturer) -> None:
    """Not refused: the order may be there only to end the one before (L01.FR.24)."""
    station = Station(tmp_path, manufacturer, transfers=HttpTransfers())
    station.start()
    station.connect()
    answer = await station.order(V201, order_for(V201, manufacturer, "ftp://h/fw.bin"))
    assert answer.status is UpdateFirmwareStatus.ACCEPTED
    assert await station.line.until_told("DownloadFailed", 7) == statuses("Downloading", "DownloadFailed")
    await station.stop()


# --- installations


async def test_an_image_that_the_installer_refuses_is_told_as_failed(
    tmp_path: Path, manufacturer: Manufacturer, caplog: pytest.LogCaptureFixture
) -> None:
    station = Station(tmp_path, manufacturer, installer=StubbornInstaller(InstallRefused("for another board")))
    station.start()
    station.connect()
    await station.order(V201, order_for(V201, manufacturer))
    assert await station.line.until_told("InstallationFailed", 7) == statuses(*ALL[:-1], "InstallationFailed")
    await station.until_tidy()
    await station.stop()
    assert not station.report.events
    assert "for another board" in caplog.text


async def scheduled(station: Station, manufacturer: Manufacturer) -> Path:
    """An update that waits for its installation; its image."""
    station.connect()
    moment = NOON + timedelta(minutes=1)
    await station.order(V201, order_for(V201, manufacturer, install_date_time=moment))
    await station.line.until_told("InstallScheduled", 7)
    await station.clock.until_somebody_sleeps(until=60)
    (name,) = station.images
    return station.staging / name


async def test_only_its_owner_may_read_the_image(
    tmp_path: Path, server: FileServer, manufacturer: Manufacturer
) -> None:
    station = Station(tmp_path, manufacturer, transfers=HttpTransfers())
    station.start()
    station.connect()
    moment = NOON + timedelta(minutes=1)
    request = order_for(V201, manufacturer, f"{server.url}/fw.bin", install_date_time=moment)
    await station.order(V201, request)
    await station.line.until_told("InstallScheduled", 7)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (station.staging, *station.staging.iterdir())]
    await station.stop()
    assert modes == [0o700, 0o600]


async def test_an_image_that_changed_while_it_lay_there_is_not_installed(
    station: Station, manufacturer: Manufacturer
) -> None:
    image = await scheduled(station, manufacturer)
    image.write_bytes(IMAGE + b"\0")
    station.clock.advance(60)
    await station.line.until_told("InvalidSignature", 7)
    assert installer(station).images == []
    assert station.report.events == [EVENT.INVALID_FIRMWARE_SIGNATURE]


async def test_an_image_that_is_gone_is_not_installed(station: Station, manufacturer: Manufacturer) -> None:
    image = await scheduled(station, manufacturer)
    image.unlink()
    station.clock.advance(60)
    await station.line.until_told("InstallationFailed", 7)
    assert not station.report.events


async def test_a_signer_who_lost_his_root_meanwhile_is_not_believed_any_more(
    station: Station, manufacturer: Manufacturer
) -> None:
    await scheduled(station, manufacturer)
    for path in (station.store.layout.root / "ca" / "mf").iterdir():
        path.unlink()
    station.clock.advance(60)
    await station.line.until_told("InvalidSignature", 7)
    assert installer(station).images == []
    assert station.report.events == [EVENT.INVALID_FIRMWARE_SIGNING_CERTIFICATE]


async def test_an_installation_is_seen_through_when_the_agent_is_told_to_stop(
    station: Station, manufacturer: Manufacturer
) -> None:
    installer(station).outcome = Installed.REBOOTING
    installer(station).gate.clear()
    station.connect()
    await station.order(V201, order_for(V201, manufacturer))
    await station.line.until_told("Installing", 7)
    assert await asyncio.to_thread(installer(station).begun.wait, 20)
    stopping = asyncio.create_task(station.stop())
    await asyncio.sleep(0)
    installer(station).gate.set()
    await stopping
    station.start()
    station.connect()
    assert (await station.line.until_told("Installed", 7))[-2:] == statuses("InstallRebooting", "Installed")


# --- a new order while one runs


@VERSIONS
@pytest.mark.parametrize("phase", ["DownloadScheduled", "Downloading", "between two tries", "InstallScheduled"])
async def test_l01_fr_24_a_new_order_ends_the_one_before(
    station: Station, manufacturer: Manufacturer, version: OcppVersion, phase: str
) -> None:
    later = NOON + timedelta(hours=1)
    phases: dict[str, dict[str, Any]] = {
        "DownloadScheduled": {"retrieve_date_time": later},
        "Downloading": {},
        "between two tries": {"retries": 3, "retry_interval": 900},
        "InstallScheduled": {"install_date_time": later},
    }
    changes = phases[phase]
    if phase == "Downloading":
        hand(station).gate.clear()
    if phase == "between two tries":
        hand(station).outcomes = [TransferUndecided("busy")]
    station.connect(HeardLine(version))
    await station.order(version, order_for(version, manufacturer, "http://h/old", 1, **changes))
    if phase == "between two tries":
        await station.clock.until_somebody_sleeps(until=900)
    else:
        await station.line.until_told(phase, 1)
    answer = await station.order(version, order_for(version, manufacturer, "http://h/new", 2))
    assert answer.status is UpdateFirmwareStatus.ACCEPTED_CANCELED
    await station.line.until_told("Downloading", 2)
    hand(station).gate.set()
    told = await station.line.until_told("Installed", 2)
    first = [word for word, number in told if number == 1]
    assert [word for word, number in told if number == 2] == ALL
    assert not {"Installing", "Installed", "DownloadFailed"} & set(first)
    assert installer(station).images == [IMAGE]
    assert hand(station).most_at_work == 1
    await station.until_tidy()
    await station.stop()


class SlowStore(EvseSecurity):
    """A store whose look at a signature takes as long as a test says."""

    def __init__(self, station: Station) -> None:
        super().__init__(station.store.layout.config, clock=station.clock)
        self.begun = threading.Event()
        self.gate = threading.Event()

    def verify_file_signature(self, file_path: str, signing_certificate: str, signature: str) -> bool:
        self.begun.set()
        self.gate.wait(20)
        return super().verify_file_signature(file_path, signing_certificate, signature)


async def test_what_was_found_out_of_an_update_that_ended_says_nothing_of_the_new_one(
    tmp_path: Path, manufacturer: Manufacturer
) -> None:
    station = Station(tmp_path, manufacturer)
    station.store = slow = SlowStore(station)
    station.start()
    station.connect()
    await station.order(V201, order_for(V201, manufacturer, request_id=1, signature="AAAA"))
    assert await asyncio.to_thread(slow.begun.wait, 20)
    answer = await station.order(V201, order_for(V201, manufacturer, request_id=2))
    assert answer.status is UpdateFirmwareStatus.ACCEPTED_CANCELED
    slow.gate.set()
    told = await station.line.until_told("Installed", 2)
    await station.stop()
    assert told == [*statuses("Downloading", "Downloaded", request_id=1), *statuses(*ALL, request_id=2)]
    assert station.report.events == [EVENT.FIRMWARE_UPDATED]


@VERSIONS
@pytest.mark.parametrize("outcome", [Installed.RUNNING, Installed.REBOOTING])
async def test_l01_fr_27_an_installation_can_not_be_ended_by_a_new_order(
    station: Station, manufacturer: Manufacturer, version: OcppVersion, outcome: Installed
) -> None:
    installer(station).outcome = outcome
    if outcome is Installed.RUNNING:
        installer(station).gate.clear()
    station.connect(HeardLine(version))
    await station.order(version, order_for(version, manufacturer, request_id=1))
    await station.line.until_told("Installing" if outcome is Installed.RUNNING else "InstallRebooting", 1)
    answer = await station.order(version, order_for(version, manufacturer, request_id=2))
    assert answer.status is UpdateFirmwareStatus.REJECTED
    assert version is V16 or answer.status_info.reason_code == "FwUpdateInProgress"
    installer(station).gate.set()
    if outcome is Installed.RUNNING:
        told = await station.line.until_told("Installed", 1)
        assert {number for _, number in told} == {1}


async def test_a_refused_order_leaves_a_running_update_alone(station: Station, manufacturer: Manufacturer) -> None:
    hand(station).gate.clear()
    station.connect()
    await station.order(V201, order_for(V201, manufacturer, request_id=1))
    await station.line.until_told("Downloading", 1)
    answer = await station.order(V201, order_for(V201, manufacturer, request_id=2, signing_certificate="x"))
    assert answer.status is UpdateFirmwareStatus.INVALID_CERTIFICATE
    hand(station).gate.set()
    assert await station.line.until_told("Installed", 1) == statuses(*ALL, request_id=1)


async def test_an_order_that_comes_twice_begins_nothing_anew(station: Station, manufacturer: Manufacturer) -> None:
    hand(station).gate.clear()
    installer(station).gate.clear()
    station.connect()
    request = order_for(V201, manufacturer)
    for _ in range(2):
        assert (await station.order(V201, request)).status is UpdateFirmwareStatus.ACCEPTED
    await station.line.until_told("Downloading", 7)
    hand(station).gate.set()
    await station.line.until_told("Installing", 7)
    assert (await station.order(V201, request)).status is UpdateFirmwareStatus.ACCEPTED
    installer(station).gate.set()
    assert await station.line.until_told("Installed", 7) == statuses(*ALL)
    assert hand(station).begun == 1


async def test_however_many_updates_are_ordered_only_one_thread_downloads(
    station: Station, manufacturer: Manufacturer
) -> None:
    hand(station).gate.clear()
    station.connect()
    signature = manufacturer.signature()
    for number in range(20):
        await station.order(V201, order_for(V201, manufacturer, request_id=number, signature=signature))
        await station.line.until_told("Downloading", number)
    hand(station).gate.set()
    await station.line.until_told("Installed", 19)
    assert hand(station).most_at_work == 1
    assert len(installer(station).images) == 1


class LateTransfers(HandTransfers):
    """Writes the file when all of it is there, and not when the transfer begins."""

    def fetch(self, url: str, into: Path, *, limit: int) -> None:
        self._work(None, lambda: put(into, self.image))


async def test_the_image_of_an_update_that_ended_does_not_stay_beside_the_new_one(
    tmp_path: Path, manufacturer: Manufacturer
) -> None:
    station = Station(tmp_path, manufacturer, transfers=LateTransfers(IMAGE))
    hand(station).gate.clear()
    station.start()
    station.connect()
    await station.order(V201, order_for(V201, manufacturer, request_id=1))
    await station.line.until_told("Downloading", 1)
    later = NOON + timedelta(hours=1)
    await station.order(V201, order_for(V201, manufacturer, request_id=2, install_date_time=later))
    await station.line.until_told("Downloading", 2)
    hand(station).gate.set()
    await station.line.until_told("InstallScheduled", 2)
    assert station.images == ["firmware-2.image"]
    await station.stop()


async def test_a_newer_order_ends_the_transfer_of_the_one_before(tmp_path: Path, manufacturer: Manufacturer) -> None:
    limits = TransferLimits(stall_seconds=20, total_seconds=60)
    station = Station(tmp_path, manufacturer, transfers=HttpTransfers(limits=limits))
    station.start()
    station.connect()
    with file_server() as slow, file_server() as quick:
        slow.gate.clear()
        slow.files["/fw.bin"] = quick.files["/fw.bin"] = IMAGE
        await station.order(V201, order_for(V201, manufacturer, f"{slow.url}/fw.bin", 1))
        assert await asyncio.to_thread(slow.arrived.wait, 20)
        await station.order(V201, order_for(V201, manufacturer, f"{quick.url}/fw.bin", 2))
        await station.line.until_told("Downloading", 2)
        slow.gate.set()
        await station.line.until_told("Installed", 2)
    await station.until_tidy()
    await station.stop()


# --- telling


async def test_no_status_comes_before_the_answer_of_its_order(station: Station, manufacturer: Manufacturer) -> None:
    station.connect()
    _, follow_up = await station.updates.order(V201, order_for(V201, manufacturer))
    await station.clock.until_somebody_sleeps(until=ANSWER_SECONDS)
    assert (station.line.told, hand(station).begun) == ([], 0)
    assert follow_up is not None
    await follow_up()
    await station.line.until_told("Installed", 7)


@pytest.mark.parametrize("what", ["a new connection", "the time", "a restart"])
async def test_an_answer_that_never_went_out_does_not_keep_the_update_forever(
    station: Station, manufacturer: Manufacturer, what: str
) -> None:
    await station.order(V201, order_for(V201, manufacturer), answered=False)
    await station.clock.until_somebody_sleeps(until=ANSWER_SECONDS)
    if what == "the time":
        station.clock.advance(ANSWER_SECONDS)
        await hand(station).until_begun(1)
    if what == "a restart":
        await station.restart()
    else:
        station.connect()
    await station.line.until_told("Installed", 7)


async def test_no_status_is_lost_while_the_station_is_offline(station: Station, manufacturer: Manufacturer) -> None:
    station.connect()
    hand(station).gate.clear()
    await station.order(V201, order_for(V201, manufacturer))
    await station.until_noted("Downloading")
    await station.disconnect()
    hand(station).gate.set()
    assert await asyncio.to_thread(installer(station).begun.wait, 20)
    station.connect(HeardLine(V16))
    assert await station.line.until_told("Installed", 7) == statuses(*ALL[1:])


async def test_a_status_whose_connection_ends_under_it_is_told_over_the_next(
    station: Station, manufacturer: Manufacturer
) -> None:
    line = HeardLine()
    line.script = lambda number: HeardLine.closed() if number == 2 else None
    station.connect(line)
    await station.order(V201, order_for(V201, manufacturer))
    await line.until(2)
    await station.disconnect()
    station.connect(HeardLine())
    assert await station.line.until_told("Installed", 7) == statuses(*ALL[1:])
    assert line.told == statuses(*ALL[:2])


async def test_a_status_that_the_csms_refuses_does_not_hold_up_the_next(
    station: Station, manufacturer: Manufacturer
) -> None:
    line = HeardLine()
    line.script = lambda _: CallRefused("x", ErrorCode.NOT_IMPLEMENTED, "")
    station.connect(line)
    await station.order(V201, order_for(V201, manufacturer))
    assert await line.until_told("Installed", 7) == statuses(*ALL)


async def test_a_status_that_is_not_answered_is_told_again(station: Station, manufacturer: Manufacturer) -> None:
    line = HeardLine()
    line.script = lambda number: CallTimedOut("x", sent=True) if number <= MAX_TELLINGS else None
    station.connect(line)
    await station.order(V201, order_for(V201, manufacturer))
    for number in range(1, MAX_TELLINGS):
        await line.until(number)
        await station.clock.until_somebody_sleeps(until=AGAIN_SECONDS)
        station.clock.advance(AGAIN_SECONDS)
    told = await line.until_told("Installed", 7)
    assert told == statuses(*["Downloading"] * MAX_TELLINGS, *ALL[1:])


@VERSIONS
async def test_l01_fr_25_and_26_a_triggered_status_is_the_last_one_told_and_idle_after_installed(
    station: Station, manufacturer: Manufacturer, version: OcppVersion
) -> None:
    async def triggered() -> dict[str, object]:
        return write_message(await station.updates.current_status(version))

    station.connect(HeardLine(version))
    assert await triggered() == {"status": "Idle"}
    hand(station).gate.clear()
    hand(station).outcomes = [TransferRefused("no")]
    await station.order(version, order_for(version, manufacturer, request_id=1))
    await station.until_noted("Downloading")
    assert await triggered() == {"status": "Downloading", "requestId": 1}
    hand(station).gate.set()
    await station.until_noted("DownloadFailed")
    assert await triggered() == {"status": "DownloadFailed", "requestId": 1}
    await station.order(version, order_for(version, manufacturer, request_id=2, install_date_time=NOON + timedelta(1)))
    await station.until_noted("InstallScheduled")
    await station.restart()
    assert await triggered() == {"status": "InstallScheduled", "requestId": 2}
    station.clock.advance(86_400)
    await station.line.until_told("Installed", 2)
    await station.until_noted("Idle")
    assert await triggered() == {"status": "Idle"}


async def test_a_status_waits_for_the_event_that_belongs_to_it(station: Station, manufacturer: Manufacturer) -> None:
    """TC_080: the CSMS hears FirmwareUpdated, then Installed."""
    seen: list[list[str]] = []

    class Watching(type(station.report)):  # type: ignore[misc]  # - the class of the fixture's own report
        async def __call__(self, kind: SecurityEventType, tech_info: str | None = None, *, once: bool = False) -> None:
            await asyncio.sleep(0)
            seen.append([word for word, _ in station.line.told])

    await station.stop()
    station.report = Watching()
    station.start()
    station.connect()
    await station.order(V201, order_for(V201, manufacturer))
    await station.line.until_told("Installed", 7)
    assert len(seen) == 1
    assert "Installed" not in seen[0]


# --- a memory that fails for a while


async def test_a_memory_that_fails_for_a_while_only_delays_the_update(
    station: Station, manufacturer: Manufacturer
) -> None:
    station.connect()
    await station.order(V201, order_for(V201, manufacturer, retrieve_date_time=NOON + timedelta(seconds=30)))
    await station.line.until_told("DownloadScheduled", 7)
    await station.clock.until_somebody_sleeps(until=30)
    broken = True
    station.memory.outage = lambda _: MemoryFault("locked") if broken else None
    station.clock.advance(30)
    await station.clock.until_somebody_sleeps(until=MEMORY_SECONDS)
    assert hand(station).begun == 0
    broken = False
    station.clock.advance(MEMORY_SECONDS)
    assert await station.line.until_told("Installed", 7) == statuses("DownloadScheduled", *ALL)


async def test_what_was_installed_is_not_installed_again_because_the_memory_failed(
    station: Station, manufacturer: Manufacturer
) -> None:
    installer(station).gate.clear()
    station.connect()
    await station.order(V201, order_for(V201, manufacturer))
    await station.line.until_told("Installing", 7)
    assert await asyncio.to_thread(installer(station).begun.wait, 20)
    await station.disconnect()
    broken = True
    station.memory.outage = lambda _: MemoryFault("locked") if broken else None
    installer(station).gate.set()
    await station.clock.until_somebody_sleeps(until=MEMORY_SECONDS)
    broken = False
    station.clock.advance(MEMORY_SECONDS)
    station.connect()
    await station.line.until_told("Installed", 7)
    assert installer(station).images == [IMAGE]


async def test_a_memory_that_can_not_be_read_begins_nothing_and_knows_nothing(
    tmp_path: Path, manufacturer: Manufacturer
) -> None:
    station = Station(tmp_path, manufacturer)
    station.memory.unreadable = True
    station.start()
    await station.clock.until_somebody_sleeps(until=MEMORY_SECONDS)
    with pytest.raises(MemoryFault):
        await station.updates.current_status(V201)
    answer = await station.order(V201, order_for(V201, manufacturer))
    assert answer.status is UpdateFirmwareStatus.REJECTED
    await station.stop()


@pytest.mark.parametrize("data", [b"rubbish", b'{"version":99}', b""])
async def test_a_record_that_can_not_be_read_counts_as_empty(
    tmp_path: Path, manufacturer: Manufacturer, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    station = Station(tmp_path, manufacturer)
    station.memory = KeptMemory({DOCUMENT: data})
    put(station.staging / "firmware-3.image", b"left over")
    station.start()
    station.connect()
    await station.order(V201, order_for(V201, manufacturer))
    await station.line.until_told("Installed", 7)
    await station.until_tidy()
    await station.stop()
    assert "counts as empty" in caplog.text


# --- secrets


async def test_the_login_of_a_location_is_in_no_log_repr_answer_or_event(
    tmp_path: Path, manufacturer: Manufacturer, server: FileServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.login = ("station", SECRET)
    station = Station(tmp_path, manufacturer, transfers=HttpTransfers())
    station.start()
    station.connect()
    location = server.url.replace("://", f"://station:{SECRET}@")
    for number, (where, word) in enumerate(
        [
            (f"{location}/fw.bin", "Installed"),
            (f"{location}/missing?{SECRET}", "DownloadFailed"),
            (f"{location.replace(SECRET, SECRET + 'x')}/fw.bin", "DownloadFailed"),
            (f"ftp://{SECRET}:{SECRET}@h/", "DownloadFailed"),
        ]
    ):
        answer = await station.order(V201, order_for(V201, manufacturer, where, number))
        await station.line.until_told(word, number)
        assert SECRET not in repr(answer)
    await station.stop()
    shown = f"{caplog.text}{station.line.calls!r}{station.report.infos!r}{station.updates.__dict__!r}"
    assert SECRET not in shown
    assert SECRET.encode() not in station.memory.documents[DOCUMENT]


def test_a_ca_below_the_root_may_stand_between(tmp_path: Path) -> None:
    """The whitepaper wants none; a stack that has one is judged like any other."""
    top = root("MF Root")
    middle = forge("MF Sub", top, ca=True, begin=FROM, end=UNTIL)
    leaf = forge("Signer", middle, begin=FROM, end=UNTIL, eku=(ExtendedKeyUsageOID.CODE_SIGNING,))
    maker = Manufacturer(top, leaf, tmp_path)
    station = Station(tmp_path, maker)

    async def run() -> None:
        station.start()
        station.connect()
        stack = leaf.certificate.to_pem() + middle.certificate.to_pem()
        await station.order(V201, order_for(V201, maker, signing_certificate=stack))
        await station.line.until_told("Installed", 7)
        await station.stop()

    asyncio.run(run())
