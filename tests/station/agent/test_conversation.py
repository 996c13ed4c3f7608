"""One connection's conversation in memory, at a set time: whatever the CSMS says, the station stays."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agents_hosts import NotedHost, NoTransfers
from agents_memory import PlainMemory
from certs import Pki, root, v2g_pki
from chainpilot.link.ocpp import OcppLink
from chainpilot.pki.certificate import load_certificates
from chainpilot.pki.trust import LeafUse
from chainpilot.station import EvseSecurity
from chainpilot.station.agent.agent import Agent
from chainpilot.station.agent.events.types import SecurityEventType
from chainpilot.station.agent.presence import DEFAULT_INTERVAL, MAX_INTERVAL, MAX_SILENT
from chainpilot.station.agent.rerouting import SETTLE_SECONDS
from chainpilot.station.agent.setup import StationConfig
from chainpilot.station.model import CaCertificateType, LeafCertificateType, Secret
from chainpilot.station.watch import Booted, InventoryAsked, SignCertificateAnswered, StationEvent
from chainpilot.wire.ocppj.rpc import DEFAULT_LIMITS
from clocks import SetClock
from message_sockets import MemorySocket, socket_pair
from stores import EVSE, enrol, store_with

pytestmark = pytest.mark.anyio


class Conversation:
    """The CSMS's end, spoken by hand."""

    def __init__(self, far: MemorySocket, clock: SetClock, store: EvseSecurity) -> None:
        self.far = far
        self.clock = clock
        self.store = store
        self.events: asyncio.Queue[StationEvent] = asyncio.Queue()
        self.host = NotedHost()
        self.agent: Agent
        self.memory: PlainMemory

    async def asked(self, action: str) -> str:
        """The station's next call, which must be of that action; its id."""
        _, message_id, what, _ = json.loads(await asyncio.wait_for(self.far.recv(), 5))
        assert what == action
        return str(message_id)

    async def called(self, action: str) -> str:
        """The station's next call of that action, whatever it says before; its id."""
        while (frame := json.loads(await asyncio.wait_for(self.far.recv(), 5)))[0] != 2 or frame[2] != action:
            pass
        return str(frame[1])

    async def answer(self, message_id: str, payload: object) -> None:
        await self.far.send(json.dumps([3, message_id, payload]))

    async def boot(self, interval: int = 60) -> None:
        answer = {"status": "Accepted", "currentTime": "2026-06-01T00:00:00Z", "interval": interval}
        await self.answer(await self.asked("BootNotification"), answer)
        await self.told(Booted)

    async def told(self, kind: type[StationEvent]) -> Any:
        """The next event of that kind."""
        async with asyncio.timeout(5):
            while not isinstance(event := await self.events.get(), kind):
                pass
        return event

    async def call(self, payload: dict[str, Any]) -> Any:
        """A DataTransfer to the station; the answer's frame."""
        await self.far.send(json.dumps([2, "m1", "DataTransfer", payload]))
        return await self.heard()

    async def heard(self) -> Any:
        """The station's next frame that is no call of it."""
        while (frame := json.loads(await asyncio.wait_for(self.far.recv(), 5)))[0] == 2:
            await self.answer(frame[1], {})
        return frame


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


@asynccontextmanager
async def conversing(
    directory: Path, v2g: Pki, *, on_accepted: Callable[[], Awaitable[Any]] | None = None
) -> AsyncIterator[Conversation]:
    clock, memory = SetClock(), PlainMemory()
    near, far = socket_pair()
    store = store_with(directory, (CaCertificateType.V2G, v2g), clock=clock)
    talk = Conversation(far, clock, store)
    config = StationConfig(
        station_id="CS-001",
        csms_url="wss://localhost/ocpp",
        password=Secret("p"),
        store=store.layout.config,
        organisation="Operator",
        country="DE",
        secc_name=EVSE,
    )
    talk.agent = Agent(
        config,
        security=store,
        memory=memory,
        host=talk.host,
        transfers=NoTransfers(),
        clock=clock,
        watch=talk.events.put_nowait,
    )
    talk.memory = memory
    await talk.agent.flows.timekeeper.begin()
    link = OcppLink(
        near,
        lambda action, payload: conversation.answer(action, payload),  # noqa: PLW0108 - it is made below
        clock=clock,
        watch=talk.agent.hear_frame,
    )
    conversation = talk.agent.converse(link, on_accepted=on_accepted)
    task = asyncio.gather(link.run(), conversation.run())
    try:
        yield talk
        assert not task.done(), "the station is still there"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def pass_by(clock: SetClock, seconds: float) -> None:
    """Let that time pass once somebody waits for just that long."""
    await clock.until_somebody_sleeps(until=seconds)
    clock.advance(seconds)


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ({"status": "Pending", "interval": 5}, "Pending"),
        ({"status": "Rejected", "interval": 5}, "Rejected"),
        ({}, "no answer"),
        ({"status": []}, "not understood"),
        ({"status": {"a": 1}}, "not understood"),
        ({"status": "accepted"}, "not understood"),
        ({"status": None, "interval": {}}, "not understood"),
    ],
)
async def test_no_boot_answer_but_accepted_puts_the_station_to_work(
    tmp_path: Path, v2g: Pki, answer: dict[str, Any], word: str
) -> None:
    async with conversing(tmp_path, v2g) as talk:
        await talk.answer(await talk.asked("BootNotification"), answer)
        assert (await talk.told(Booted)) == Booted(accepted=False, status=word)
        await pass_by(talk.clock, 5 if answer.get("interval") == 5 else DEFAULT_INTERVAL)
        await talk.boot()


@pytest.mark.parametrize(
    ("told", "kept"),
    [(1, 1), (MAX_INTERVAL, MAX_INTERVAL), (MAX_INTERVAL + 1, MAX_INTERVAL), (0, DEFAULT_INTERVAL)],
)
async def test_the_heartbeat_interval_is_bounded(tmp_path: Path, v2g: Pki, told: int, kept: int) -> None:
    async with conversing(tmp_path, v2g) as talk:
        await talk.boot(told)
        for _ in range(2):
            await pass_by(talk.clock, kept)
            await talk.answer(await talk.asked("Heartbeat"), {"currentTime": "2026-06-01T00:00:00Z"})


async def eventually(holds: Callable[[], Any]) -> None:
    """Return once that holds, which others bring about."""
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - nobody says when
            await asyncio.sleep(0)


SILENCE = DEFAULT_LIMITS.answer_timeout


async def unanswered(talk: Conversation, action: str, times: int, *, every: float) -> None:
    """So many messages of that action go without an answer, the next one that long after each."""
    for number in range(times):
        if number or action == "Heartbeat":
            await pass_by(talk.clock, every)
        await talk.called(action)
        await pass_by(talk.clock, SILENCE)


async def test_three_heartbeats_without_an_answer_end_the_connection(tmp_path: Path, v2g: Pki) -> None:
    async with conversing(tmp_path, v2g) as talk:
        await talk.boot(60)
        await unanswered(talk, "Heartbeat", MAX_SILENT - 1, every=60)
        assert not talk.host.asked
        await unanswered(talk, "Heartbeat", 1, every=60)
        await talk.host.until_asked(1)
        assert talk.host.asked == [
            "reconnect: the CSMS left 3 Heartbeat messages in a row unanswered, and said nothing else"
        ]


@pytest.mark.parametrize(
    "sign",
    [
        '[3,"nobody asked",{}]',
        '[2,"c1","ClearCache",{}]',
        '[4,"HEARTBEAT","InternalError","",{}]',
        '[3,"HEARTBEAT",null]',
        "no frame at all",
    ],
)
async def test_whatever_comes_between_is_a_sign_of_life(tmp_path: Path, v2g: Pki, sign: str) -> None:
    async with conversing(tmp_path, v2g) as talk:
        await talk.boot(60)
        await talk.far.send("no frame")  # so that a further one is not told of
        await talk.answer(await talk.called("SecurityEventNotification"), {})
        await eventually(lambda: not talk.memory.queued_events(1))
        await unanswered(talk, "Heartbeat", MAX_SILENT - 1, every=60)
        await pass_by(talk.clock, 60)
        heartbeat = await talk.asked("Heartbeat")
        await talk.far.send(sign.replace("HEARTBEAT", heartbeat))
        await eventually(lambda: not talk.far.other.waiting())
        if "HEARTBEAT" not in sign:
            await pass_by(talk.clock, SILENCE)
        await unanswered(talk, "Heartbeat", MAX_SILENT - 1, every=60)
        assert not talk.host.asked


async def test_three_boots_without_an_answer_end_the_connection(tmp_path: Path, v2g: Pki) -> None:
    async with conversing(tmp_path, v2g) as talk:
        await unanswered(talk, "BootNotification", MAX_SILENT, every=DEFAULT_INTERVAL)
        await talk.host.until_asked(1)
        assert talk.host.asked == [
            "reconnect: the CSMS left 3 BootNotification messages in a row unanswered, and said nothing else"
        ]


@pytest.mark.parametrize(("value", "status"), [(MAX_INTERVAL, "Accepted"), (MAX_INTERVAL + 1, "Rejected")])
async def test_a_heartbeat_interval_beyond_a_day_is_refused(tmp_path: Path, v2g: Pki, value: int, status: str) -> None:
    async with conversing(tmp_path, v2g) as talk:
        await talk.boot()
        change = {"key": "HeartbeatInterval", "value": str(value)}
        await talk.far.send(json.dumps([2, "m1", "ChangeConfiguration", change]))
        assert await talk.heard() == [3, "m1", {"status": status}]


async def test_a_reset_delivered_twice_starts_the_station_once(tmp_path: Path, v2g: Pki) -> None:
    async with conversing(tmp_path, v2g) as talk:
        await talk.boot()
        done, asked = asyncio.Event(), []

        async def reset(*, at_once: bool) -> None:
            asked.append(at_once)
            await done.wait()

        talk.host.reset = reset  # type: ignore[method-assign] # - the host is a test's own
        for number in range(3):
            await talk.far.send(json.dumps([2, f"m{number}", "Reset", {"type": "Soft" if number == 1 else "Hard"}]))
        for number in range(3):
            assert await talk.heard() == [3, f"m{number}", {"status": "Accepted"}]
        await eventually(lambda: asked)
        noted = len(talk.memory.log)
        await talk.far.send(json.dumps([2, "later", "Reset", {"type": "Hard"}]))
        assert await talk.heard() == [3, "later", {"status": "Accepted"}]
        assert (asked, len(talk.memory.log)) == ([True], noted)
        done.set()


async def test_of_a_flood_of_bad_frames_one_event_tells_at_once_and_one_an_hour_later(tmp_path: Path, v2g: Pki) -> None:
    async with conversing(tmp_path, v2g) as talk:
        await talk.boot()
        flood = ["no frame", '[2,"m",4]', '[3,"m"]', '[4,"m","E"]', '[2,"m","A",[]]'] * 20

        def told() -> list[str | None]:
            return [one.tech_info for one in talk.memory.log if one.type is SecurityEventType.INVALID_MESSAGES]

        for words in ("malformed, FormationViolation", f"malformed, FormationViolation; {len(flood) - 1} more since"):
            for text in flood:
                await talk.far.send(text)
            await talk.far.send('[2,"end","ClearCache",{}]')
            while (await talk.heard())[1] != "end":
                pass
            await eventually(lambda: told() and words in (told()[-1] or ""))  # noqa: B023 - it is awaited here
            for waiting in talk.memory.queued_events(99):
                talk.memory.settle_event(waiting.number)
            talk.clock.advance(3600)
        assert len(told()) == 2


@pytest.mark.parametrize(
    ("answer", "accepted", "words"),
    [
        ({"status": "Accepted", "data": '{"status":"Accepted"}'}, True, None),
        ({"status": "Accepted", "data": '{"status":"Rejected"}'}, False, "rejects"),
        ({"status": "Accepted", "data": "not JSON"}, False, "unreadably"),
        ({"status": "Accepted"}, False, "unreadably"),
        ({"status": "UnknownVendorId"}, False, "UnknownVendorId"),
        ({"status": []}, False, "no status"),
        ({}, False, "no status"),
    ],
)
async def test_every_answer_to_a_request_is_told_in_words(
    tmp_path: Path, v2g: Pki, answer: dict[str, Any], accepted: bool, words: str | None
) -> None:
    async with conversing(tmp_path, v2g) as talk:
        await asyncio.to_thread(
            talk.store.generate_certificate_signing_request, LeafCertificateType.V2G, "DE", "Operator", EVSE
        )
        await talk.boot()
        for _ in range(2 if words == "UnknownVendorId" else 1):  # then it is said in the other dialect too
            await talk.answer(await talk.asked("DataTransfer"), answer)
        told = await talk.told(SignCertificateAnswered)
        assert told.accepted is accepted
        assert (words or "") in (told.why or "")
        (pending,) = await asyncio.to_thread(talk.store.open_requests)
        may_be_at_work = words in {"unreadably", "no status"}
        assert pending.with_csms is (accepted or may_be_at_work)


async def test_a_request_without_an_answer_is_told_and_sent_again_when_asked(tmp_path: Path, v2g: Pki) -> None:
    async with conversing(tmp_path, v2g) as talk:
        await asyncio.to_thread(
            talk.store.generate_certificate_signing_request, LeafCertificateType.V2G, "DE", "Operator", EVSE
        )
        await talk.boot(MAX_INTERVAL)
        await talk.asked("DataTransfer")
        await pass_by(talk.clock, DEFAULT_LIMITS.answer_timeout)
        told = await talk.told(SignCertificateAnswered)
        assert "not answered" in told.why
        assert (await asyncio.to_thread(talk.store.open_requests))[0].with_csms, "the CSMS may be at work on it"
        await talk.agent.flows.signing.enrol(LeafUse.V2G)
        await talk.answer(await talk.asked("DataTransfer"), {"status": "Accepted", "data": '{"status":"Accepted"}'})
        assert (await talk.told(SignCertificateAnswered)).accepted


async def listed(talk: Conversation, types: list[str]) -> tuple[str, list[str], int]:
    """Status, serial numbers and chains of GetInstalledCertificateIds."""
    data = json.dumps({"typeOfCertificate": types})
    _, _, payload = await talk.call({"vendorId": "iso15118", "messageId": "GetInstalledCertificateIds", "data": data})
    inner = json.loads(payload["data"])
    serials = [entry["serialNumber"] for entry in inner.get("certificateHashData", ())]
    return inner["status"], serials, (await talk.told(InventoryAsked)).chains


async def test_installed_ids_are_listed_per_type_and_all_without_one(tmp_path: Path, v2g: Pki) -> None:
    async with conversing(tmp_path, v2g) as talk:
        chain = await asyncio.to_thread(enrol, talk.store, v2g)
        leaf, issuing, sub1 = (f"{one.serial_number:x}" for one in load_certificates(chain))
        root_serial = f"{v2g.root.certificate.serial_number:x}"
        await talk.boot()
        expected = {
            "V2GRootCertificate": ("Accepted", [root_serial], 1),
            "V2GCertificateChain": ("Accepted", [leaf, issuing, sub1], 1),
            "MORootCertificate": ("NotFound", [], 0),
            "CSOSubCA1": ("Accepted", [sub1], 1),
            "CSOSubCA2": ("Accepted", [issuing], 1),
        }
        for use, answer in expected.items():
            assert await listed(talk, [use]) == answer
        assert await listed(talk, []) == ("Accepted", [root_serial, leaf, issuing, sub1], 2)


async def test_v2g_intermediates_of_the_bundle_are_listed_by_their_tier_each_once(tmp_path: Path, v2g: Pki) -> None:
    async with conversing(tmp_path, v2g) as talk:
        await talk.boot()
        assert await listed(talk, ["CSOSubCA1"]) == ("NotFound", [], 0)
        for ca in (v2g.sub1, v2g.issuing):
            await asyncio.to_thread(talk.store.install_ca_certificate, ca.certificate.to_pem(), CaCertificateType.V2G)
        await asyncio.to_thread(enrol, talk.store, v2g)
        for use, ca in {"CSOSubCA1": v2g.sub1, "CSOSubCA2": v2g.issuing}.items():
            assert await listed(talk, [use]) == ("Accepted", [f"{ca.certificate.serial_number:x}"], 1)


async def test_an_inventory_that_fits_into_no_frame_is_rejected_in_its_own_layer_and_logged(
    tmp_path: Path, v2g: Pki, caplog: pytest.LogCaptureFixture
) -> None:
    async with conversing(tmp_path, v2g) as talk:
        await talk.boot()
        bundle = tmp_path / "ca/v2g/V2G_ROOT_CA.pem"
        held = bundle.read_text()
        key = v2g.root.key
        more = "".join(root(f"Root {number}", key=key).certificate.to_pem() for number in range(400))
        bundle.write_text(held + more)
        data = json.dumps({"typeOfCertificate": "V2GRootCertificate"})
        call = {"vendorId": "iso15118", "messageId": "GetInstalledCertificateIds", "data": data}
        assert await talk.call(call) == [3, "m1", {"status": "Rejected"}]
        assert "larger than 65536 bytes" in caplog.text
        bundle.write_text(held)
        kind, _, payload = await talk.call(call)
        assert (kind, payload["status"]) == (3, "Accepted")


async def test_a_signing_request_from_the_csms_is_nothing_a_station_answers(tmp_path: Path, v2g: Pki) -> None:
    async with conversing(tmp_path, v2g) as talk:
        await talk.boot()
        call = {"vendorId": "iso15118", "messageId": "SignCertificate", "data": json.dumps({"csr": "x"})}
        _, _, payload = await talk.call(call)
        assert payload == {"status": "UnknownMessageId"}


async def test_what_follows_the_acceptance_is_answered_once_that_is_taken_in(tmp_path: Path, v2g: Pki) -> None:
    accepted = asyncio.Event()
    async with conversing(tmp_path, v2g, on_accepted=accepted.wait) as talk:
        boot = await talk.asked("BootNotification")
        await talk.answer(boot, {"status": "Accepted", "currentTime": "2026-06-01T00:00:00Z", "interval": 60})
        await talk.far.send(json.dumps([2, "m1", "GetConfiguration", {"key": ["SecurityProfile"]}]))
        await talk.told(Booted)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(talk.far.recv(), 0.05)
        accepted.set()
        assert (await talk.heard())[:2] == [3, "m1"]


async def test_a_pending_station_answers(tmp_path: Path, v2g: Pki) -> None:
    async with conversing(tmp_path, v2g) as talk:
        await talk.answer(await talk.asked("BootNotification"), {"status": "Pending", "interval": 60})
        await talk.far.send(json.dumps([2, "m1", "GetConfiguration", {"key": ["SecurityProfile"]}]))
        assert (await talk.heard())[:2] == [3, "m1"]


async def test_after_a_change_of_the_way_the_connection_lasts_a_moment_longer(tmp_path: Path, v2g: Pki) -> None:
    async with conversing(tmp_path, v2g) as talk:
        await talk.boot(MAX_INTERVAL)
        for number in range(2):
            change = {"key": "AuthorizationKey", "value": f"{number:032x}"}
            await talk.far.send(json.dumps([2, "m1", "ChangeConfiguration", change]))
            assert await talk.heard() == [3, "m1", {"status": "Accepted"}]
        await talk.clock.until_somebody_sleeps(until=SETTLE_SECONDS)
        talk.clock.advance(SETTLE_SECONDS - 0.5)
        await talk.far.send(json.dumps([2, "m1", "Reset", {"type": "Hard"}]))
        assert await talk.heard() == [3, "m1", {"status": "Accepted"}]
        await talk.host.until_asked(1)
        assert talk.host.asked == ["reset at once"]
        talk.clock.advance(0.5)
        await talk.host.until_asked(2)
        assert talk.host.asked[1:] == ["reconnect: the way to the CSMS was changed"]
