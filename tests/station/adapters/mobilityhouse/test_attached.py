"""One connection for a station and its agent, in memory: what passes, what doesn't, and how it ends."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result

from agents_memory import PlainMemory
from certs import root
from chainpilot.link.faults import LinkClosed, SocketClosed
from chainpilot.pki.hashdata import hash_data
from chainpilot.pki.trust import LeafUse
from chainpilot.station.adapters.mobilityhouse import Attached, NotAttachable, Shares, attach
from chainpilot.station.adapters.mobilityhouse.attached import RESTART_SECONDS
from chainpilot.station.adapters.mobilityhouse.ends import MAX_WAITING, STATION_SECONDS
from chainpilot.station.agent.agent import Agent
from chainpilot.station.agent.events.types import EventType, SecurityEvent, SecurityEventType
from chainpilot.station.agent.ports import QueuedEvent
from chainpilot.station.model import CaCertificateType
from chainpilot.wire.pnc.words import CertificateAction
from chainpilot.wire.version import OcppVersion
from clocks import SetClock
from embedded import agent_in
from message_sockets import MemorySocket, socket_pair

pytestmark = pytest.mark.anyio

PATIENCE = 5.0
BOOTED = {"status": "Accepted", "currentTime": "2026-06-01T00:00:00Z", "interval": 300}


class Reader:
    """A ChargePoint of a test's own making, which only reads."""

    def __init__(self, connection: Any) -> None:
        self.route_map: dict[str, Any] = {}
        self.connection = connection
        self.read: asyncio.Queue[Any] = asyncio.Queue()
        self.may_read = asyncio.Event()
        self.may_read.set()

    async def start(self) -> None:
        while True:
            await self.may_read.wait()
            self.read.put_nowait(await self.connection.recv())

    async def call(self, payload: Any, suppress: bool, unique_id: Any, skip_schema_validation: bool) -> Any:
        await self.connection.send(json.dumps([2, unique_id, type(payload).__name__, vars(payload)]))
        await asyncio.Event().wait()


class Station(ChargePoint):  # type: ignore[misc] # - the library isn't typed
    """The library's own, with a handler that a test holds up."""

    def __init__(self, connection: Any) -> None:
        super().__init__("CS-001", connection, response_timeout=PATIENCE)
        self.may_answer = asyncio.Event()

    @on("GetConfiguration")  # type: ignore[untyped-decorator] # - the library isn't typed
    async def _tell(self, **_: Any) -> Any:
        await self.may_answer.wait()
        return call_result.GetConfiguration([{"key": "Brand", "readonly": True}])


class Line:
    """The CSMS's end, spoken by hand."""

    def __init__(self, far: MemorySocket, agent: Agent, attached: Attached, station: Any) -> None:
        self.far = far
        self.agent = agent
        self.attached = attached
        self.station = station
        self.serving: asyncio.Future[None] = asyncio.ensure_future(attached.serve(station))

    async def hears(self) -> Any:
        async with asyncio.timeout(PATIENCE):
            return json.loads(await self.far.recv())

    async def says(self, *frame: object) -> None:
        await self.far.send(json.dumps(frame))

    async def read(self) -> Any:
        """What the ChargePoint read next."""
        async with asyncio.timeout(PATIENCE):
            return await self.station.read.get()

    async def asked(self, action: str) -> str:
        """The id of the station's next call, which is of that action."""
        kind, message_id, found, *_ = await self.hears()
        assert (kind, found) == (2, action)
        return str(message_id)


@asynccontextmanager
async def served(
    folder: Path,
    kind: Callable[[Any], Any] = Reader,
    *,
    version: OcppVersion = OcppVersion.V16,
    roots: Iterable[tuple[CaCertificateType, str]] = (),
    memory: PlainMemory | None = None,
    shares: Shares | None = None,
) -> AsyncIterator[tuple[Line, SetClock]]:
    clock = SetClock()
    near, far = socket_pair()
    async with agent_in(folder, *roots, clock=clock, memory=memory or PlainMemory()) as agent:
        attached = attach(agent, near, version=version, shares=shares)
        line = Line(far, agent, attached, kind(attached))
        try:
            yield line, clock
        finally:
            line.serving.cancel()
            await asyncio.gather(line.serving, return_exceptions=True)


@pytest.mark.parametrize(
    "text",
    [
        '[2, "1",  "ClearCache", {"a": 1, "a": 2, "ä": "\\u00e4"}]',
        '[2,"1","DataTransfer",{"vendorId":"org.maker","customData":{"csms":[1.50]}}]',
        '[3,"nobody asked",{"x":1}]',
        '[4,"nobody asked","NoSuchCode","x",{"of": ["the", "maker"]}]',
        '[2,"1","InstallCertificate"]',
        "[9]",
        "this is no frame",
        b'[2,"1","ClearCache",{}]',
        "",
    ],
)
async def test_what_is_not_the_agent_s_reaches_the_station_letter_by_letter(tmp_path: Path, text: str | bytes) -> None:
    async with served(tmp_path) as (line, _):
        line.station.route_map["DataTransfer"] = {"_on_action": print}
        line.attached._socket.put(text)  # type: ignore[attr-defined] # - a test's own socket
        assert await line.read() == text


@pytest.mark.parametrize(
    "text",
    ['[2, "1", "StatusNotification", {"x":1.50}]', '[3,"of the CSMS",{}]', '[4,"x","Odd","",{}]', "no frame", "[]"],
)
async def test_what_the_station_says_goes_out_letter_by_letter(tmp_path: Path, text: str) -> None:
    async with served(tmp_path) as (line, _):
        await line.attached.send(text)
        async with asyncio.timeout(PATIENCE):
            assert await line.far.recv() == text


class Heard(PlainMemory):
    """Says when a security event is written down."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: asyncio.Queue[EventType] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    def add_event(self, event: SecurityEvent, *, queued: bool = True, once: bool = False) -> bool:
        added = super().add_event(event, queued=queued, once=once)
        self._loop.call_soon_threadsafe(self.kinds.put_nowait, event.type)
        return added


@pytest.mark.parametrize("text", ["no frame", '[2,"m",4]', '[3,"m"]', '[4,"m","E"]'])
async def test_a_frame_that_nobody_can_read_is_a_security_event(tmp_path: Path, text: str) -> None:
    memory = Heard()
    async with served(tmp_path, memory=memory) as (line, _):
        await line.far.send(text)
        await line.read()
        async with asyncio.timeout(PATIENCE):
            while await memory.kinds.get() is not SecurityEventType.INVALID_MESSAGES:
                pass


async def test_an_answer_to_the_agent_that_nobody_can_read_stays_with_the_agent(tmp_path: Path) -> None:
    memory = Heard()
    async with served(tmp_path, version=OcppVersion.V201, memory=memory) as (line, _):
        line.attached.accepted()
        await line.says(3, await line.asked("SecurityEventNotification"), {})
        asking = asyncio.ensure_future(
            line.agent.install_ev_certificate("urn:iso:15118:2:2013:MsgDef", "gAA=", CertificateAction.INSTALL)
        )
        message_id = await skip_to(line, "Get15118EVCertificate")
        await line.says(3, message_id, "no object")
        async with asyncio.timeout(PATIENCE):
            while await memory.kinds.get() is not SecurityEventType.INVALID_MESSAGES:
                pass
        assert "CALLERROR" in ((await asking).reason or "")
        await line.says(2, "next", "ClearCache", {})
        assert "next" in await line.read()


async def skip_to(line: Line, action: str) -> str:
    """Answer what else the agent says."""
    while True:
        kind, message_id, found, *_ = await line.hears()
        assert kind == 2
        if found == action:
            return str(message_id)
        await line.says(3, message_id, {})


async def test_the_station_s_calls_and_the_agent_s_are_never_under_way_together(tmp_path: Path) -> None:
    async with served(tmp_path, Station) as (line, _):
        booting = asyncio.ensure_future(line.station.call(call.BootNotification("Maker", "One")))
        await line.says(3, await line.asked("BootNotification"), BOOTED)
        await booting
        agents = await line.asked("SecurityEventNotification")
        beating = asyncio.ensure_future(line.station.call(call.Heartbeat()))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not line.far.waiting(), "the station's call waits for the agent's answer"
        await line.says(3, agents, {})
        stations = await line.asked("Heartbeat")
        await line.agent.enrol(LeafUse.CSMS)
        for _ in range(100):
            await asyncio.sleep(0)
        assert not line.far.waiting(), "and the agent's for the station's"
        await line.says(3, stations, {"currentTime": "2026-06-01T00:00:00Z"})
        await line.asked("SignCertificate")
        await beating


async def test_a_station_that_is_refused_again_has_an_agent_that_is_silent_again(tmp_path: Path) -> None:
    async with served(tmp_path, Station) as (line, _):
        for status, is_silent in (("Accepted", False), ("Rejected", True), ("Accepted", False)):
            booting = asyncio.ensure_future(line.station.call(call.BootNotification("Maker", "One")))
            await line.says(3, await line.asked("BootNotification"), {**BOOTED, "status": status})
            await booting
            await line.agent.report(SecurityEventType.TAMPER_DETECTION_ACTIVATED)
            if is_silent:
                assert line.agent.flows.voices.present is None
                assert not line.far.waiting()
                continue
            for _ in range(2):  # the start and a first one, or two that were waiting
                await line.says(3, await line.asked("SecurityEventNotification"), {})


async def test_the_time_in_an_answer_to_the_station_s_heartbeat_is_compared(tmp_path: Path) -> None:
    async with served(tmp_path, Station) as (line, _):
        line.attached.accepted()
        await line.says(3, await line.asked("SecurityEventNotification"), {})
        beating = asyncio.ensure_future(line.station.call(call.Heartbeat()))
        await line.says(3, await line.asked("Heartbeat"), {"currentTime": "2026-06-01T01:00:00Z"})
        await beating
        *_, event = await line.hears()
        assert "the CSMS 2026-06-01T01:00:00Z" in event["techInfo"]


class Stuck(MemorySocket):
    """Takes nothing, though it is open."""

    async def send(self, text: str, /) -> None:
        raise BrokenPipeError


async def test_a_call_that_the_socket_does_not_take_ends_by_the_connection_s_end(tmp_path: Path) -> None:
    async with agent_in(tmp_path, clock=SetClock(), memory=PlainMemory()) as agent:
        attached = attach(agent, Stuck(), version=OcppVersion.V16)
        serving = asyncio.ensure_future(attached.serve(Station(attached)))
        await asyncio.sleep(0)
        with pytest.raises(LinkClosed) as caught:
            await attached._line.call("Heartbeat", {})
        assert caught.value.sent
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def test_what_the_csms_has_begun_is_seen_through_when_the_connection_ends(tmp_path: Path) -> None:
    memory = Heard()
    pem = root("Maker Root").certificate.to_pem()
    async with served(tmp_path, memory=memory) as (line, _):
        payload = {"certificateType": "ManufacturerRootCertificate", "certificate": pem}
        await line.says(2, "1", "InstallCertificate", payload)
        while not line.agent.flows.certificates._changing.locked():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)
        line.far.cut()
        with pytest.raises(SocketClosed):
            await line.serving
        kinds = [memory.kinds.get_nowait() for _ in range(memory.kinds.qsize())]
        assert SecurityEventType.RECONFIGURATION_OF_SECURITY_PARAMETERS in kinds


async def test_an_error_of_the_socket_is_the_station_s_as_it_is(tmp_path: Path) -> None:
    async with served(tmp_path) as (line, _):
        line.far.cut(1011, "the CSMS fell over")
        with pytest.raises(SocketClosed, match="fell over"):
            async with asyncio.timeout(PATIENCE):
                await line.serving
        with pytest.raises(SocketClosed, match="fell over"):
            await asyncio.wait_for(line.attached.recv(), PATIENCE)


async def test_a_station_that_fails_ends_what_it_serves(tmp_path: Path) -> None:
    class Failing(Reader):
        async def start(self) -> None:
            raise ZeroDivisionError

    async with served(tmp_path, Failing) as (line, _):
        with pytest.raises(ZeroDivisionError):
            async with asyncio.timeout(PATIENCE):
                await line.serving


class Failing(PlainMemory):
    """Raises what no memory should, as long as a test says so."""

    is_failing = True

    def queued_events(self, limit: int) -> tuple[QueuedEvent, ...]:
        if self.is_failing:
            raise ZeroDivisionError
        return super().queued_events(limit)


async def test_a_failure_of_the_agent_s_ends_nothing_of_the_station_s_and_is_made_up_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    memory = Failing()
    async with served(tmp_path, memory=memory) as (line, clock):
        line.attached.accepted()
        await clock.until_somebody_sleeps(until=RESTART_SECONDS)
        assert "the agent's conversation ended by ZeroDivisionError" in caplog.text
        await line.says(2, "1", "ClearCache", {})
        assert "ClearCache" in await line.read()
        memory.is_failing = False
        clock.advance(RESTART_SECONDS)
        await line.asked("SecurityEventNotification")


async def test_a_station_that_keeps_its_part_of_an_answer_to_itself_holds_the_csms_up_no_longer(
    tmp_path: Path,
) -> None:
    async with served(tmp_path, Station) as (line, clock):
        await line.says(2, "1", "GetConfiguration", {"key": ["CpoName", "Brand"]})
        await clock.until_somebody_sleeps(until=STATION_SECONDS)
        clock.advance(STATION_SECONDS)
        assert await line.hears() == [
            4,
            "1",
            "InternalError",
            "the station's own software didn't answer its part in time",
            {},
        ]
        line.station.may_answer.set()
        await line.says(2, "2", "GetConfiguration", {"key": ["CpoName", "Brand"]})
        kind, message_id, payload = await line.hears()
        assert (kind, message_id) == (3, "2"), "the late answer is nobody's"
        assert [one["key"] for one in payload["configurationKey"]] == ["CpoName", "Brand"]


async def test_the_agent_answers_while_the_station_s_receive_loop_waits(tmp_path: Path) -> None:
    async with served(tmp_path, Station) as (line, _):
        await line.says(2, "1", "GetConfiguration", {"key": ["Brand"]})
        await line.says(2, "2", "GetInstalledCertificateIds", {"certificateType": "ManufacturerRootCertificate"})
        assert await line.hears() == [3, "2", {"status": "NotFound"}]
        line.station.may_answer.set()
        assert (await line.hears())[:2] == [3, "1"]


@pytest.mark.parametrize("more", [-1, 0, 1])
async def test_a_station_that_reads_nothing_is_sent_so_much_and_no_more(tmp_path: Path, more: int) -> None:
    async with served(tmp_path) as (line, _):
        line.station.may_read.clear()
        near = line.attached._socket
        assert isinstance(near, MemorySocket)
        total = MAX_WAITING + 1 + more  # one is in the hands of whoever waits for room
        for number in range(total):
            await line.says(2, str(number), "ClearCache", {})
        for _ in range(10 * total):
            await asyncio.sleep(0)
        assert near.waiting() == max(0, more)
        line.station.may_read.set()
        assert [json.loads(await line.read())[1] for _ in range(total)] == [str(number) for number in range(total)]


async def test_a_call_sent_twice_is_carried_out_once(tmp_path: Path) -> None:
    pem = root("Maker Root").certificate.to_pem()
    async with served(tmp_path) as (line, _):
        payload = {"certificateType": "ManufacturerRootCertificate", "certificate": pem}
        for _ in range(2):
            await line.says(2, "1", "InstallCertificate", payload)
        assert await line.hears() == [3, "1", {"status": "Accepted"}]
        await line.says(2, "2", "ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"})
        answer = await line.hears()
        assert answer == [3, "2", {"status": "Accepted"}]


async def test_over_a_connection_that_tells_nothing_of_tls_no_csms_root_is_deleted(tmp_path: Path) -> None:
    one = root("CSMS Root").certificate
    async with served(tmp_path, roots=[(CaCertificateType.CSMS, one.to_pem())]) as (line, _):
        named = hash_data(one, one)
        data = {
            "hashAlgorithm": named.hash_algorithm.value,
            "issuerNameHash": named.issuer_name_hash,
            "issuerKeyHash": named.issuer_key_hash,
            "serialNumber": named.serial_number,
        }
        await line.says(2, "1", "DeleteCertificate", {"certificateHashData": data})
        assert await line.hears() == [3, "1", {"status": "Failed"}]


async def test_what_else_a_station_asks_of_its_connection_is_the_web_socket_s(tmp_path: Path) -> None:
    async with served(tmp_path) as (line, _):
        await line.attached.close(1000, "the maker has had enough")
        with pytest.raises(SocketClosed, match="enough"):
            async with asyncio.timeout(PATIENCE):
                await line.serving
        with pytest.raises(AttributeError):
            _ = line.attached._nothing


async def test_a_connection_is_served_once_and_only_by_serve(tmp_path: Path) -> None:
    near, _ = socket_pair()
    async with agent_in(tmp_path) as agent:
        attached = attach(agent, near, version=OcppVersion.V16)
        with pytest.raises(NotAttachable, match="not its start"):
            await attached.recv()

        class Older(Reader):
            async def call(self, payload: Any) -> Any:  # type: ignore[override] # - a library from before
                raise NotImplementedError

        with pytest.raises(NotAttachable, match="skip_schema_validation"):
            await attached.serve(Older(attached))  # type: ignore[arg-type] # - as in the field
    async with served(tmp_path / "other") as (line, _clock):
        await line.says(2, "1", "ClearCache", {})
        await line.read()
        with pytest.raises(NotAttachable, match="once"):
            await line.attached.serve(line.station)


class Agreed(MemorySocket):
    """A WebSocket that agreed on something."""

    def __init__(self, subprotocol: str | None) -> None:
        super().__init__()
        self.subprotocol = subprotocol


@pytest.mark.parametrize("subprotocol", [None, "ocpp1.5", "ocpp2.1", ""])
async def test_a_version_that_the_agent_does_not_speak_is_refused(tmp_path: Path, subprotocol: str | None) -> None:
    async with agent_in(tmp_path) as agent:
        with pytest.raises(NotAttachable, match=r"ocpp2\.0\.1, ocpp1\.6"):
            attach(agent, Agreed(subprotocol))
        with pytest.raises(NotAttachable):
            attach(agent, Agreed("ocpp1.6"), version=OcppVersion.V21)
        attach(agent, Agreed("ocpp1.6"))
        attach(agent, Agreed("ocpp2.0.1"))
