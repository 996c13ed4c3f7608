"""GetLog (N01, TC_079): what is answered, what is told, and what lands at the server, in both versions of OCPP."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents_firmware import HandTransfers, HeardLine, KeptMemory
from chainpilot.link.faults import CallRefused, CallTimedOut, LinkClosed
from chainpilot.station.adapters.transfers import HttpTransfers
from chainpilot.station.agent.events.types import SecurityEvent, SecurityEventType
from chainpilot.station.agent.logs.text import line_of, security_lines
from chainpilot.station.agent.logs.upload import ANSWER_SECONDS, MAX_UNTOLD, LogUploads
from chainpilot.station.agent.notices import AGAIN_SECONDS, MAX_TELLINGS
from chainpilot.station.agent.ports import (
    LogUnreadable,
    Obstacle,
    TransferRefused,
    Transfers,
    TransferUndecided,
)
from chainpilot.wire.ocppj.frames import ErrorCode
from chainpilot.wire.ocppj.rpc import QueueFullError
from chainpilot.wire.schema import read_message, write_message
from chainpilot.wire.security import GetLog, LogParameters, LogStatus, LogType
from chainpilot.wire.version import OcppVersion
from clocks import SetClock
from fileserver import FileServer, file_server

pytestmark = pytest.mark.anyio
V16, V201 = OcppVersion.V16, OcppVersion.V201
VERSIONS = pytest.mark.parametrize("version", [V16, V201], ids=lambda one: one.value)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECRET = "hunter2"


class Scene:
    """Log uploads at work, with a line that a test may take away and give back."""

    def __init__(self, transfers: Transfers, diagnostics: Any = None) -> None:
        self.memory = KeptMemory()
        self.clock = SetClock(NOON)
        self.uploads = LogUploads(transfers, security_lines(self.memory), diagnostics, clock=self.clock)
        self.attending: asyncio.Task[None] | None = None

    def add(self, *kinds: SecurityEventType, at: datetime = NOON, info: str | None = None) -> None:
        for kind in kinds:
            self.memory.add_event(SecurityEvent(kind, at, info))

    async def order(self, version: OcppVersion, request: GetLog, *, answered: bool = True) -> Any:
        answer, follow_up = await self.uploads.order(version, request)
        write_message(answer)
        if follow_up is not None and answered:
            await follow_up()
        return answer

    async def until_idle(self) -> None:
        """Return when nothing is uploaded any more: offline, nobody is told of it."""
        async with asyncio.timeout(20):
            while (await self.uploads.current_status(V201)).request_id is not None:  # noqa: ASYNC110 - see above
                await asyncio.sleep(0)

    def connect(self, line: HeardLine) -> None:
        self.attending = asyncio.create_task(self.uploads.attend(line))

    async def disconnect(self) -> None:
        task, self.attending = self.attending, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError, LinkClosed):
                await task


@asynccontextmanager
async def at_work(transfers: Transfers, diagnostics: Any = None) -> AsyncIterator[Scene]:
    scene = Scene(transfers, diagnostics)
    running = asyncio.create_task(scene.uploads.run())
    try:
        yield scene
    finally:
        await scene.disconnect()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as server:
        yield server


def get_log(location: str, request_id: int = 7, *, kind: LogType = LogType.SECURITY_LOG, **changes: Any) -> GetLog:
    period = {key: changes.pop(key) for key in ("oldest_timestamp", "latest_timestamp") if key in changes}
    return GetLog(LogParameters(location, **period), kind, request_id, **changes)


class Diagnostics:
    def __init__(self, *pieces: bytes, error: Exception | None = None) -> None:
        self.pieces = pieces
        self.error = error
        self.asked: list[tuple[datetime | None, datetime | None]] = []

    def read(self, oldest: datetime | None, latest: datetime | None) -> Iterable[bytes]:
        self.asked.append((oldest, latest))
        yield from self.pieces
        if self.error is not None:
            raise self.error


# --- TC_079 over a real server


@VERSIONS
async def test_tc_079_the_security_log_is_uploaded_and_told_with_the_same_request_id(
    server: FileServer, version: OcppVersion
) -> None:
    async with at_work(HttpTransfers()) as scene:
        scene.add(SecurityEventType.STARTUP_OF_THE_DEVICE)
        scene.add(SecurityEventType.INVALID_CSMS_CERTIFICATE, at=NOON + timedelta(seconds=1), info="a\tb\nc")
        line = HeardLine(version)
        scene.connect(line)
        answer = await scene.order(version, get_log(f"{server.url}/logs/", 42))
        assert (answer.status, answer.filename) == (LogStatus.ACCEPTED, "SecurityLog-20260601T120000Z.txt")
        assert await line.until(2) == [("Uploading", 42), ("Uploaded", 42)]
        assert {action for action, _ in line.calls} == {"LogStatusNotification"}
    word = "InvalidCentralSystemCertificate" if version is V16 else "InvalidCsmsCertificate"
    assert server.files[f"/logs/{answer.filename}"].decode().splitlines() == [
        "2026-06-01T12:00:00.000Z\tStartupOfTheDevice\t",
        f"2026-06-01T12:00:01.000Z\t{word}\ta\\x09b\\x0ac",
    ]


@VERSIONS
async def test_n01_only_the_asked_period_is_uploaded_and_both_ends_belong_to_it(
    server: FileServer, version: OcppVersion
) -> None:
    async with at_work(HttpTransfers()) as scene:
        for second in range(5):
            scene.add(SecurityEventType.RESET_OR_REBOOT, at=NOON + timedelta(seconds=second), info=str(second))
        line = HeardLine(version)
        scene.connect(line)
        period: dict[str, Any] = {
            "oldest_timestamp": NOON + timedelta(seconds=1),
            "latest_timestamp": NOON + timedelta(seconds=3),
        }
        await scene.order(version, get_log(f"{server.url}/mine", **period))
        await line.until_told("Uploaded", 7)
    assert [text[-1] for text in server.files["/mine"].decode().splitlines()] == ["1", "2", "3"]


@VERSIONS
@pytest.mark.parametrize(
    ("status", "word"),
    [(401, "PermissionDenied"), (403, "PermissionDenied"), (400, "BadMessage"), (405, "NotSupportedOperation")],
)
async def test_n01_fr_10_the_closest_word_for_a_failure_is_told(
    server: FileServer, version: OcppVersion, status: int, word: str
) -> None:
    server.statuses = [status]
    async with at_work(HttpTransfers()) as scene:
        line = HeardLine(version)
        scene.connect(line)
        await scene.order(version, get_log(f"{server.url}/logs/"))
        assert await line.until(2) == [("Uploading", 7), (word, 7)]


async def test_a_login_in_the_location_is_used_and_never_shown(
    server: FileServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.login = ("station", SECRET)
    async with at_work(HttpTransfers()) as scene:
        line = HeardLine()
        scene.connect(line)
        location = server.url.replace("://", f"://station:{SECRET}@")
        answer = await scene.order(V201, get_log(f"{location}/logs/"))
        assert (await line.until(2))[-1] == ("Uploaded", 7)
        await scene.order(V201, get_log(f"{location.replace(SECRET, SECRET + 'x')}/logs/", 8))
        assert (await line.until(4))[-1] == ("PermissionDenied", 8)
        refused = await scene.order(V201, get_log(f"ftp://station:{SECRET}@h/"))
    assert SECRET not in f"{caplog.text}{answer!r}{refused!r}{scene.uploads.__dict__!r}{line.calls!r}"


# --- refusals


@VERSIONS
@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (get_log("ftp://h/logs/"), "InvalidURL"),
        (get_log("not a url"), "InvalidURL"),
        (get_log("http://h/", kind=LogType.DIAGNOSTICS_LOG), "UnsupportedRequest"),
        (
            get_log("http://h/", oldest_timestamp=NOON, latest_timestamp=NOON - timedelta(seconds=1)),
            "InvalidValue",
        ),
        (get_log("http://h/", 2**53), "ValueOutOfRange"),
        (get_log("http://h/", -(2**53)), "ValueOutOfRange"),
    ],
)
async def test_what_can_not_be_done_is_refused_at_once_with_a_reason(
    version: OcppVersion, request_: GetLog, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    transfers = HandTransfers()
    async with at_work(transfers) as scene:
        answer = await scene.order(version, request_)
        assert answer.status is LogStatus.REJECTED
        assert answer.filename is None
        if version is V201:
            assert answer.status_info.reason_code == code
            assert answer.status_info.additional_info
    assert "refused" in caplog.text
    assert transfers.begun == 0


@pytest.mark.parametrize("number", [2**53 - 1, -(2**53) + 1, 0])
async def test_the_largest_request_ids_that_can_be_repeated_are_taken(number: int) -> None:
    async with at_work(HandTransfers()) as scene:
        line = HeardLine()
        scene.connect(line)
        await scene.order(V201, get_log("http://h/", number))
        assert await line.until(2) == [("Uploading", number), ("Uploaded", number)]


async def test_a_refused_order_leaves_a_running_upload_alone() -> None:
    transfers = HandTransfers()
    transfers.gate.clear()
    async with at_work(transfers) as scene:
        line = HeardLine()
        scene.connect(line)
        await scene.order(V201, get_log("http://h/", 1))
        await transfers.until_begun(1)
        await scene.order(V201, get_log("ftp://h/", 2))
        transfers.gate.set()
        assert await line.until(2) == [("Uploading", 1), ("Uploaded", 1)]


# --- the log of the station's own software


async def test_n01_fr_04_the_diagnostics_log_is_uploaded_where_there_is_one(server: FileServer) -> None:
    diagnostics = Diagnostics(b"one\n", b"\xfftwo")
    async with at_work(HttpTransfers(), diagnostics) as scene:
        line = HeardLine()
        scene.connect(line)
        request = get_log(f"{server.url}/d/", kind=LogType.DIAGNOSTICS_LOG, oldest_timestamp=NOON)
        answer = await scene.order(V201, request)
        await line.until_told("Uploaded", 7)
    assert answer.filename == "DiagnosticsLog-20260601T120000Z.txt"
    assert server.files == {f"/d/{answer.filename}": b"one\n\xfftwo"}
    assert diagnostics.asked == [(NOON, None)]


async def test_a_log_that_can_not_be_read_is_an_upload_failure(
    server: FileServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with at_work(HttpTransfers(), Diagnostics(b"x", error=LogUnreadable("its disk is gone"))) as scene:
        line = HeardLine()
        scene.connect(line)
        await scene.order(V201, get_log(f"{server.url}/d/", 1, kind=LogType.DIAGNOSTICS_LOG))
        await line.until_told("UploadFailure", 1)
        scene.memory.unreadable = True
        await scene.order(V201, get_log(f"{server.url}/d/", 2))
        await line.until_told("UploadFailure", 2)
    assert not server.files
    assert "its disk is gone" in caplog.text
    assert "it is locked" in caplog.text


# --- trying again


async def test_an_upload_is_tried_again_after_the_interval_as_often_as_asked() -> None:
    transfers = HandTransfers(outcomes=[TransferUndecided("busy")] * 3)
    async with at_work(transfers) as scene:
        line = HeardLine()
        scene.connect(line)
        await scene.order(V201, get_log("http://h/", retries=2, retry_interval=30))
        for number in (1, 2):
            await transfers.until_begun(number)
            await scene.clock.until_somebody_sleeps(until=30)
            scene.clock.advance(29)
            assert transfers.begun == number
            scene.clock.advance(1)
        assert await line.until(2) == [("Uploading", 7), ("UploadFailure", 7)]
    assert transfers.begun == 3


async def test_an_upload_that_succeeds_at_last_is_uploaded() -> None:
    transfers = HandTransfers(outcomes=[TransferUndecided("busy")])
    async with at_work(transfers) as scene:
        scene.add(SecurityEventType.RESET_OR_REBOOT)
        line = HeardLine()
        scene.connect(line)
        await scene.order(V201, get_log("http://h/", retries=1, retry_interval=30))
        await scene.clock.until_somebody_sleeps(until=30)
        scene.clock.advance(30)
        assert await line.until(2) == [("Uploading", 7), ("Uploaded", 7)]
    assert b"ResetOrReboot" in transfers.brought[0][1]


async def test_what_a_server_refuses_is_not_tried_again() -> None:
    transfers = HandTransfers(outcomes=[TransferRefused("no", Obstacle.DENIED)])
    async with at_work(transfers) as scene:
        line = HeardLine()
        scene.connect(line)
        await scene.order(V201, get_log("http://h/", retries=9, retry_interval=0))
        assert await line.until(2) == [("Uploading", 7), ("PermissionDenied", 7)]
    assert transfers.begun == 1


# --- one upload at a time


@VERSIONS
@pytest.mark.parametrize("moment", ["while it uploads", "while it waits to try again"])
async def test_n01_fr_12_and_20_a_new_get_log_ends_the_running_upload(version: OcppVersion, moment: str) -> None:
    transfers = HandTransfers(outcomes=[TransferUndecided("busy")])
    if moment == "while it uploads":
        transfers.gate.clear()
    async with at_work(transfers) as scene:
        line = HeardLine(version)
        scene.connect(line)
        await scene.order(version, get_log("http://h/first", 1, retries=5, retry_interval=30))
        await line.until(1)
        if moment == "while it uploads":
            await transfers.until_begun(1)
        else:
            await scene.clock.until_somebody_sleeps(until=30)
        answer = await scene.order(version, get_log("http://h/second", 2))
        assert answer.status is LogStatus.ACCEPTED_CANCELED
        assert answer.filename
        transfers.gate.set()
        told = await line.until_told("Uploaded", 2)
    ended = [("AcceptedCanceled", 1)] if version is V201 else []
    assert told == [("Uploading", 1), *ended, ("Uploading", 2), ("Uploaded", 2)]
    assert [where for where, *_ in transfers.brought] == ["http://h/second"]
    assert transfers.most_at_work == 1


async def test_however_many_logs_are_ordered_only_one_thread_works() -> None:
    transfers = HandTransfers()
    transfers.gate.clear()
    async with at_work(transfers) as scene:
        line = HeardLine()
        scene.connect(line)
        await scene.order(V201, get_log("http://h/", 0))
        await transfers.until_begun(1)
        for number in range(1, 20):
            await scene.order(V201, get_log("http://h/", number))
            await line.until_told("Uploading", number)
        transfers.gate.set()
        await line.until_told("Uploaded", 19)
    assert transfers.most_at_work == 1


async def test_an_ended_upload_stops_reading_the_log() -> None:
    read: list[int] = []
    going_on = asyncio.Event()
    loop = asyncio.get_running_loop()

    class Endless:
        def read(self, oldest: datetime | None, latest: datetime | None) -> Iterable[bytes]:
            while True:
                read.append(1)
                loop.call_soon_threadsafe(going_on.set)
                yield b"x"

    class Hungry(HandTransfers):
        def bring(self, url: str, content: Iterable[bytes], *, filename: str) -> None:
            for _ in content:
                pass

    async with at_work(Hungry(), Endless()) as scene:
        line = HeardLine()
        scene.connect(line)
        await scene.order(V201, get_log("http://h/", 1, kind=LogType.DIAGNOSTICS_LOG))
        await going_on.wait()
        await scene.order(V201, get_log("http://h/", 2))
        await line.until_told("Uploaded", 2)


# --- telling


async def test_no_status_comes_before_the_answer_of_its_order() -> None:
    transfers = HandTransfers()
    async with at_work(transfers) as scene:
        line = HeardLine()
        scene.connect(line)
        _, follow_up = await scene.uploads.order(V201, get_log("http://h/"))
        await scene.clock.until_somebody_sleeps(until=ANSWER_SECONDS)
        assert (line.told, transfers.begun) == ([], 0)
        assert follow_up is not None
        await follow_up()
        await line.until(2)


@pytest.mark.parametrize("what", ["a new connection", "the time"])
async def test_an_answer_that_never_went_out_does_not_keep_the_log_forever(what: str) -> None:
    transfers = HandTransfers()
    async with at_work(transfers) as scene:
        await scene.order(V201, get_log("http://h/"), answered=False)
        await scene.clock.until_somebody_sleeps(until=ANSWER_SECONDS)
        if what == "the time":
            scene.clock.advance(ANSWER_SECONDS)
        else:
            scene.connect(HeardLine())
        await transfers.until_begun(1)


@pytest.mark.parametrize("orders", [MAX_UNTOLD // 2, MAX_UNTOLD // 2 + 1, MAX_UNTOLD])
async def test_statuses_wait_for_a_slow_csms_up_to_their_bound_and_the_newest_are_told(orders: int) -> None:
    transfers = HandTransfers()
    async with at_work(transfers) as scene:
        line = HeardLine()
        line.gate.clear()
        scene.connect(line)
        for number in range(orders):
            await scene.order(V201, get_log("http://h/", number))
            await transfers.until_begun(number + 1)
            await scene.until_idle()
        line.gate.set()
        told = await line.until_told("Uploaded", orders - 1)
    everything = [(word, number) for number in range(orders) for word in ("Uploading", "Uploaded")]
    first = [] if orders == MAX_UNTOLD // 2 else [everything[0]]
    assert told == [*first, *everything[-MAX_UNTOLD:]]


async def test_the_upload_goes_on_offline_and_its_last_status_is_told_over_the_next_connection() -> None:
    transfers = HandTransfers()
    transfers.gate.clear()
    async with at_work(transfers) as scene:
        first = HeardLine()
        scene.connect(first)
        await scene.order(V201, get_log("http://h/", 1))
        await first.until(1)
        await scene.disconnect()
        transfers.gate.set()
        await scene.until_idle()
        second = HeardLine(V16)
        scene.connect(second)
        assert await second.until(1) == [("Uploaded", 1)]


async def test_a_status_whose_connection_ends_under_it_is_told_again() -> None:
    async with at_work(HandTransfers()) as scene:
        first = HeardLine()
        first.script = lambda _: HeardLine.closed()
        scene.connect(first)
        await scene.order(V201, get_log("http://h/", 1))
        assert scene.attending is not None
        with pytest.raises(LinkClosed):
            await scene.attending
        await scene.until_idle()
        second = HeardLine()
        scene.connect(second)
        assert await second.until(1) == [("Uploaded", 1)]


async def test_a_status_that_the_csms_refuses_does_not_hold_up_the_next() -> None:
    async with at_work(HandTransfers()) as scene:
        line = HeardLine()
        line.script = lambda number: CallRefused("x", ErrorCode.NOT_IMPLEMENTED, "") if number == 1 else None
        scene.connect(line)
        await scene.order(V201, get_log("http://h/", 1))
        assert await line.until(2) == [("Uploading", 1), ("Uploaded", 1)]


async def test_a_status_for_which_the_line_has_no_room_is_told_when_it_has() -> None:
    async with at_work(HandTransfers()) as scene:
        line = HeardLine()
        line.script = lambda number: QueueFullError("x", 32) if number == 1 else None
        scene.connect(line)
        await scene.order(V201, get_log("http://h/", 1))
        await scene.clock.until_somebody_sleeps(until=AGAIN_SECONDS)
        scene.clock.advance(AGAIN_SECONDS)
        assert await line.until(3) == [("Uploading", 1), ("Uploading", 1), ("Uploaded", 1)]


async def test_a_status_that_is_not_answered_is_told_again_and_given_up_in_the_end() -> None:
    async with at_work(HandTransfers()) as scene:
        line = HeardLine()
        line.script = lambda number: CallTimedOut("x", sent=True) if number <= MAX_TELLINGS else None
        scene.connect(line)
        await scene.order(V201, get_log("http://h/", 1))
        for number in range(1, MAX_TELLINGS):
            await line.until(number)
            await scene.clock.until_somebody_sleeps(until=AGAIN_SECONDS)
            scene.clock.advance(AGAIN_SECONDS)
        told = await line.until(MAX_TELLINGS + 1)
    assert told == [("Uploading", 1)] * MAX_TELLINGS + [("Uploaded", 1)]


@VERSIONS
async def test_n01_fr_13_a_triggered_status_is_idle_or_that_of_the_running_upload(version: OcppVersion) -> None:
    transfers = HandTransfers()
    transfers.gate.clear()
    async with at_work(transfers) as scene:
        line = HeardLine(version)
        scene.connect(line)

        async def triggered() -> dict[str, object]:
            return write_message(await scene.uploads.current_status(version))

        assert await triggered() == {"status": "Idle"}
        await scene.order(version, get_log("http://h/", 5))
        await line.until(1)
        assert await triggered() == {"status": "Uploading", "requestId": 5}
        transfers.gate.set()
        await line.until(2)
        assert await triggered() == {"status": "Idle"}


async def test_who_stops_the_station_stops_its_upload() -> None:
    transfers = HandTransfers()
    transfers.gate.clear()
    async with at_work(transfers) as scene:
        await scene.order(V201, get_log("http://h/"))
        await transfers.until_begun(1)
    transfers.gate.set()
    await transfers.until_over()
    assert not transfers.brought


# --- the text


@given(st.text(max_size=300) | st.none(), st.sampled_from(SecurityEventType), st.sampled_from([V16, V201]))
def test_an_event_is_one_line_of_three_fields_whatever_it_says(
    info: str | None, kind: SecurityEventType, version: OcppVersion
) -> None:
    line = line_of(SecurityEvent(kind, NOON, info), version)
    assert len(line.splitlines()) == 1
    moment, word, _ = line.split("\t")
    assert moment == "2026-06-01T12:00:00.000Z"
    assert word


def test_a_backslash_and_what_stands_for_a_control_character_are_told_apart() -> None:
    lines = {line_of(SecurityEvent(SecurityEventType.RESET_OR_REBOOT, NOON, text), V201) for text in ("\n", "\\x0a")}
    assert len(lines) == 2


@VERSIONS
def test_the_order_is_read_from_its_payload(version: OcppVersion) -> None:
    payload = {
        "logType": "SecurityLog",
        "requestId": 1,
        "log": {"remoteLocation": f"https://u:{SECRET}@h/", "oldestTimestamp": "2026-06-01T12:00:00Z"},
    }
    request = read_message(payload, GetLog, version)
    assert request.log.oldest_timestamp == NOON
    assert SECRET not in repr(request)
