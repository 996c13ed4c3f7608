"""A power cut between any two writes of a firmware update: after the restart it comes to a defined end, fully told."""

import asyncio
import itertools
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agents_firmware import HandTransfers, KeptMemory, PowerCut, StubbornInstaller
from agents_updates import IMAGE, NOON, Manufacturer, Station, order_for
from chainpilot.station.agent.events.types import SecurityEventType
from chainpilot.station.agent.firmware.record import FirmwareOrder, FirmwareRecord, entered, ordered, write_record
from chainpilot.station.agent.firmware.states import ENDS, FOLLOWING
from chainpilot.station.agent.firmware.updates import DOCUMENT
from chainpilot.station.agent.ports import Installed
from chainpilot.wire.security import FirmwareStatus, UpdateFirmwareStatus
from chainpilot.wire.version import OcppVersion
from stock import put

pytestmark = pytest.mark.anyio
S = FirmwareStatus
V201 = OcppVersion.V201
MOST_WRITES = 16
"""An update has an order, at most seven states, as many that were told, and an event."""


@pytest.fixture(scope="module")
def manufacturer(tmp_path_factory: pytest.TempPathFactory) -> Manufacturer:
    return Manufacturer.made(tmp_path_factory.mktemp("manufacturer"))


class MortalMemory(KeptMemory):
    """Loses its power at one write, before or after it; nothing is written from then on until `repaired`."""

    def __init__(self, at: int, *, late: bool) -> None:
        super().__init__()
        self._at = at
        self._late = late
        self._loop = asyncio.get_running_loop()
        self.cut = asyncio.Event()

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        if self._at and self.writes + 1 >= self._at:
            if self._late and self.writes + 1 == self._at:
                super().write(changes)
            else:
                self.writes += 1
            self._loop.call_soon_threadsafe(self.cut.set)
            raise PowerCut
        super().write(changes)

    def repaired(self) -> None:
        self._at = 0


RESTING = {"InstallRebooting", *(state.value for state in ENDS)}


async def until_resting_or(station: Station, cut: asyncio.Event) -> None:
    """Return once a state was told in which nothing is done any more, or at the power cut."""

    async def resting() -> None:
        for count in itertools.count(len(station.line.calls) + 1):
            if (await station.line.until(count))[-1][0] in RESTING:
                return

    waits = [asyncio.ensure_future(resting()), asyncio.ensure_future(cut.wait())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)


async def until_end(station: Station) -> None:
    """Return once the update's end was told; a station that reboots starts again."""
    while not station.line.told or S(station.line.told[-1][0]) not in ENDS:
        await until_resting_or(station, asyncio.Event())
        if station.line.told[-1][0] == "InstallRebooting":
            await station.restart()


def without_repeats(words: list[str]) -> list[str]:
    return [word for word, _ in itertools.groupby(words)]


def assert_a_way(words: list[str]) -> None:
    """The states follow each other by the table."""
    for one, other in itertools.pairwise(["Idle", *words]):
        assert S(other) in FOLLOWING[S(one)], words


@pytest.mark.parametrize("late", [False, True], ids=["before the write", "after the write"])
@pytest.mark.parametrize("at", range(1, MOST_WRITES))
@pytest.mark.parametrize("outcome", [Installed.RUNNING, Installed.REBOOTING])
async def test_whenever_the_power_is_cut_the_update_comes_to_an_end_and_every_state_is_told_in_order(
    tmp_path: Path, manufacturer: Manufacturer, outcome: Installed, at: int, late: bool
) -> None:
    station = Station(tmp_path, manufacturer, installer=StubbornInstaller(outcome))
    station.memory = memory = MortalMemory(at, late=late)
    request = order_for(V201, manufacturer)
    station.start()
    station.connect()
    heard = True
    try:
        await station.order(V201, request)
    except PowerCut:
        heard = False
    if heard:
        await until_resting_or(station, memory.cut)
    await station.stop()
    memory.repaired()
    station.start()
    station.connect()
    if not heard:  # the CSMS has no answer and orders once more
        answer = await station.order(V201, request)
        assert answer.status is UpdateFirmwareStatus.ACCEPTED
    await until_end(station)
    await station.until_tidy()
    await station.stop()
    words = without_repeats([word for word, _ in station.line.told])
    assert_a_way(words)
    assert {number for _, number in station.line.told} == {7}
    assert words[-1] in {"Installed", "InstallationFailed"}
    assert len(station.installer.images) <= 1  # type: ignore[attr-defined]  # - it is a StubbornInstaller
    is_updated = SecurityEventType.FIRMWARE_UPDATED in station.report.events
    assert is_updated == (words[-1] == "Installed")
    if words[-1] == "Installed":
        assert station.installer.images == [IMAGE]  # type: ignore[attr-defined]  # - it is a StubbornInstaller


# --- a restart in every state


def record_at(manufacturer: Manufacturer, *way: FirmwareStatus, **moments: Any) -> FirmwareRecord:
    """What an update left that had come so far; everything was told."""
    order = FirmwareOrder(
        7,
        "http://h/fw.bin",
        manufacturer.signer.certificate.to_pem(),
        manufacturer.signature(),
        moments.get("retrieve_at", NOON),
        moments.get("install_at"),
        1,
        0,
    )
    record = ordered(FirmwareRecord(), order, NOON)
    for state in way:
        record = entered(record, state)
    told = FirmwareRecord(jobs=record.jobs, statuses=record.statuses, job=record.job)
    assert told.job is not None
    return told


DOWN = (S.DOWNLOADING, S.DOWNLOADED)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LEFT: dict[str, tuple[tuple[FirmwareStatus, ...], list[str]]] = {
    "Idle": ((), ["Downloading", "Downloaded", "SignatureVerified", "Installing", "Installed"]),
    "DownloadScheduled": (
        (S.DOWNLOAD_SCHEDULED,),
        ["Downloading", "Downloaded", "SignatureVerified", "Installing", "Installed"],
    ),
    "Downloading": ((S.DOWNLOADING,), ["Downloaded", "SignatureVerified", "Installing", "Installed"]),
    "Downloaded": (DOWN, ["SignatureVerified", "Installing", "Installed"]),
    "SignatureVerified": ((*DOWN, S.SIGNATURE_VERIFIED), ["Installing", "Installed"]),
    "InstallScheduled": ((*DOWN, S.SIGNATURE_VERIFIED, S.INSTALL_SCHEDULED), ["Installing", "Installed"]),
    "Installing": ((*DOWN, S.SIGNATURE_VERIFIED, S.INSTALLING), ["InstallationFailed"]),
    "InstallRebooting": ((*DOWN, S.SIGNATURE_VERIFIED, S.INSTALLING, S.INSTALL_REBOOTING), ["Installed"]),
}


async def restarted(
    tmp_path: Path, manufacturer: Manufacturer, record: FirmwareRecord, image: bytes | None = IMAGE
) -> Station:
    station = Station(tmp_path, manufacturer)
    station.memory.documents[DOCUMENT] = write_record(record)
    if image is not None:
        put(station.staging / "firmware-1.image", image)
    put(station.staging / "firmware-0.image", b"of an update long ago")
    station.start()
    station.connect()
    return station


@pytest.mark.parametrize("state", LEFT)
async def test_after_a_restart_an_update_goes_on_from_its_state(
    tmp_path: Path, manufacturer: Manufacturer, state: str
) -> None:
    way, following = LEFT[state]
    station = await restarted(tmp_path, manufacturer, record_at(manufacturer, *way))
    await until_end(station)
    await station.until_tidy()
    await station.stop()
    assert station.line.told == [(word, 7) for word in following]
    assert isinstance(station.installer, StubbornInstaller)
    assert station.installer.images == ([IMAGE] if "Installing" in following else [])
    updated = [SecurityEventType.FIRMWARE_UPDATED] if following[-1] == "Installed" else []
    assert station.report.events == updated


async def test_after_a_restart_an_interrupted_download_begins_anew(tmp_path: Path, manufacturer: Manufacturer) -> None:
    record = record_at(manufacturer, S.DOWNLOADING)
    station = await restarted(tmp_path, manufacturer, record, IMAGE[:1000])
    await station.line.until_told("Installed", 7)
    await station.stop()
    assert isinstance(station.transfers, HandTransfers)
    assert station.transfers.begun == 1


@pytest.mark.parametrize("state", ["Downloaded", "SignatureVerified", "InstallScheduled"])
@pytest.mark.parametrize(
    ("image", "word"), [(IMAGE[:-1], "InvalidSignature"), (b"", "InvalidSignature"), (None, "InstallationFailed")]
)
async def test_after_a_restart_an_image_is_not_taken_for_what_it_was(
    tmp_path: Path, manufacturer: Manufacturer, state: str, image: bytes | None, word: str
) -> None:
    station = await restarted(tmp_path, manufacturer, record_at(manufacturer, *LEFT[state][0]), image)
    assert (await station.line.until(1)) == [(word, 7)]
    await station.stop()
    assert isinstance(station.installer, StubbornInstaller)
    assert station.installer.images == []


@pytest.mark.parametrize("state", ["DownloadScheduled", "InstallScheduled"])
async def test_after_a_restart_an_appointed_time_still_holds(
    tmp_path: Path, manufacturer: Manufacturer, state: str
) -> None:
    moments = {"retrieve_at" if state == "DownloadScheduled" else "install_at": NOON + HOUR}
    record = record_at(manufacturer, *LEFT[state][0], **moments)
    station = await restarted(tmp_path, manufacturer, record)
    await station.clock.until_somebody_sleeps(until=60)
    assert station.line.told == []
    station.clock.advance(3600)
    await station.line.until_told("Installed", 7)
    await station.stop()


@pytest.mark.parametrize("state", ["Downloaded", "SignatureVerified", "InstallScheduled"])
async def test_after_a_restart_an_update_waits_for_a_clock_that_forgot_the_time(
    tmp_path: Path, manufacturer: Manufacturer, state: str
) -> None:
    """Else its signer would count as not yet valid, and a power cut as an attack."""
    station = Station(tmp_path, manufacturer)
    station.clock.set(datetime(1970, 1, 1, tzinfo=UTC))
    station.memory.documents[DOCUMENT] = write_record(record_at(manufacturer, *LEFT[state][0]))
    put(station.staging / "firmware-1.image", IMAGE)
    station.start()
    station.connect()
    await station.clock.until_somebody_sleeps(until=60)
    assert station.line.told == []
    station.clock.set(NOON)
    station.clock.advance(60)
    await station.line.until_told("Installed", 7)
    await station.stop()
    assert station.report.events == [SecurityEventType.FIRMWARE_UPDATED]


@pytest.mark.parametrize(("back", "waits"), [(DAY, False), (DAY + timedelta(seconds=1), True)])
async def test_a_clock_that_was_set_back_a_little_is_believed(
    tmp_path: Path, manufacturer: Manufacturer, back: timedelta, waits: bool
) -> None:
    station = Station(tmp_path, manufacturer)
    record = record_at(manufacturer, *DOWN, install_at=NOON - back)
    station.memory.documents[DOCUMENT] = write_record(record)
    put(station.staging / "firmware-1.image", IMAGE)
    station.clock.set(NOON - back)
    station.start()
    station.connect()
    if waits:
        await station.clock.until_somebody_sleeps(until=60)
        assert station.line.told == []
    else:
        await station.line.until_told("Installed", 7)
    await station.stop()


async def test_after_a_restart_without_an_installer_nothing_is_installed(
    tmp_path: Path, manufacturer: Manufacturer
) -> None:
    station = Station(tmp_path, manufacturer)
    station.memory.documents[DOCUMENT] = write_record(record_at(manufacturer, *DOWN))
    put(station.staging / "firmware-1.image", IMAGE)
    station.start(installer=None)
    station.connect()
    told = await station.line.until_told("InstallationFailed", 7)
    await station.stop()
    assert [word for word, _ in told] == ["SignatureVerified", "Installing", "InstallationFailed"]


async def test_statuses_that_were_not_told_before_the_restart_are_told_first(
    tmp_path: Path, manufacturer: Manufacturer
) -> None:
    station = Station(tmp_path, manufacturer, installer=StubbornInstaller(Installed.REBOOTING))
    station.start()
    await station.order(V201, order_for(V201, manufacturer))
    assert isinstance(station.installer, StubbornInstaller)
    assert await asyncio.to_thread(station.installer.begun.wait, 20)
    await station.restart()
    told = await station.line.until_told("Installed", 7)
    await station.stop()
    assert [word for word, _ in told] == [
        "Downloading",
        "Downloaded",
        "SignatureVerified",
        "Installing",
        "InstallRebooting",
        "Installed",
    ]


async def test_who_dies_while_a_file_comes_leaves_no_thread_that_writes_it(
    tmp_path: Path, manufacturer: Manufacturer
) -> None:
    station = Station(tmp_path, manufacturer)
    assert isinstance(station.transfers, HandTransfers)
    station.transfers.gate.clear()
    station.start()
    station.connect()
    await station.order(V201, order_for(V201, manufacturer))
    await station.transfers.until_begun(1)
    await station.stop()
    assert station.images == []
    station.transfers.gate.set()
    with suppress(TimeoutError):
        await station.until_tidy()
    assert station.images == []
