"""A CSMS that says what no CSMS should: each has its outcome, the store stays as it was, and the station lives on."""

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from badtalk import MARK, SECRET, first, met
from certs import Pki, csms_pki, v2g_pki
from chainpilot.pki.trust import LeafUse
from chainpilot.station.agent.events.types import SecurityEventType
from chainpilot.station.agent.presence import DEFAULT_INTERVAL, MAX_INTERVAL
from chainpilot.station.agent.settings.values import Settings
from chainpilot.station.watch import Booted, Disconnected, SignCertificateAnswered
from chainpilot.wire.ocppj.frames import MAX_FRAME, ErrorCode
from chainpilot.wire.ocppj.rpc import DEFAULT_LIMITS
from chainpilot.wire.version import OcppVersion
from clocks import SetClock
from fastclock import FastClock
from scripted import obliging, result
from stores import assert_store_unchanged

__all__: list[str] = []

pytestmark = pytest.mark.anyio

V16, V201 = OcppVersion.V16, OcppVersion.V201
VERSIONS = pytest.mark.parametrize("version", [V16, V201], ids=lambda one: one.value)


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


@pytest.fixture(scope="module")
def back() -> Pki:
    return csms_pki()


@pytest.fixture(autouse=True)
def nothing_told(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No secret and no payload is in any log, whatever a test does."""
    caplog.set_level(logging.DEBUG)
    yield
    assert SECRET not in caplog.text
    assert MARK not in caplog.text


# BootNotification

TIME = '"currentTime":"2026-06-01T00:00:00Z"'
BOOTS: dict[str, tuple[str, str, float]] = {
    "nothing in it": ("[3,'ID',{}]", "no answer", DEFAULT_INTERVAL),
    "no status": ("[3,'ID',{TIME,'interval':7}]", "not understood", 7),
    "a word of nobody's": ("[3,'ID',{TIME,'interval':7,'status':'Zwieback4711'}]", "not understood", 7),
    "another spelling": ("[3,'ID',{TIME,'interval':7,'status':'accepted'}]", "not understood", 7),
    "a number for a status": ("[3,'ID',{TIME,'interval':7,'status':1}]", "not understood", 7),
    "a list for a status": ("[3,'ID',{TIME,'interval':7,'status':['Accepted']}]", "not understood", 7),
    "pending without interval": ("[3,'ID',{TIME,'status':'Pending'}]", "Pending", DEFAULT_INTERVAL),
    "rejected with 0": ("[3,'ID',{TIME,'interval':0,'status':'Rejected'}]", "Rejected", DEFAULT_INTERVAL),
    "an interval below 0": ("[3,'ID',{TIME,'interval':-5,'status':'Pending'}]", "Pending", DEFAULT_INTERVAL),
    "an interval of a year": ("[3,'ID',{TIME,'interval':31536000,'status':'Pending'}]", "Pending", MAX_INTERVAL),
    "an interval as text": ("[3,'ID',{TIME,'interval':'7','status':'Pending'}]", "Pending", DEFAULT_INTERVAL),
    "a broken interval": ("[3,'ID',{TIME,'interval':7.5,'status':'Pending'}]", "Pending", DEFAULT_INTERVAL),
    "an interval of true": ("[3,'ID',{TIME,'interval':true,'status':'Pending'}]", "Pending", DEFAULT_INTERVAL),
    "an endless interval": ("[3,'ID',{TIME,'interval':1e999,'status':'Pending'}]", "no answer", DEFAULT_INTERVAL),
    "no time": ("[3,'ID',{'currentTime':'now','interval':7,'status':'Pending'}]", "Pending", 7),
    "time as a number": ("[3,'ID',{'currentTime':5,'interval':7,'status':'Pending'}]", "Pending", 7),
    "the first day of the calendar": (
        "[3,'ID',{'currentTime':'0001-01-01T00:00:00+14:00','interval':7,'status':'Pending'}]",
        "Pending",
        7,
    ),
    "its last": (
        "[3,'ID',{'currentTime':'9999-12-31T23:59:59-14:00','interval':7,'status':'Pending'}]",
        "Pending",
        7,
    ),
    "a list": ("[3,'ID',[]]", "no answer", DEFAULT_INTERVAL),
    "null": ("[3,'ID',null]", "no answer", DEFAULT_INTERVAL),
    "a text": ("[3,'ID','Accepted']", "no answer", DEFAULT_INTERVAL),
    "too many elements": ("[3,'ID',{TIME,'interval':7,'status':'Accepted'},5]", "no answer", DEFAULT_INTERVAL),
    "a key twice": (
        "[3,'ID',{TIME,'interval':7,'status':'Pending','status':'Accepted'}]",
        "no answer",
        DEFAULT_INTERVAL,
    ),
    "deep": ("[3,'ID'," + "{'a':" * 40 + "1" + "}" * 40 + "]", "no answer", DEFAULT_INTERVAL),
    **{
        f"CALLERROR {code.value}": (f"[4,'ID','{code.value}','Zwieback4711',{{}}]", "no answer", DEFAULT_INTERVAL)
        for code in ErrorCode
    },
    "CALLERROR of nobody's": ("[4,'ID','Zwieback4711','',{}]", "no answer", DEFAULT_INTERVAL),
}


@VERSIONS
async def test_whatever_a_boot_is_answered_the_station_asks_again_until_it_is_accepted(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion
) -> None:
    clock = SetClock()
    left = list(BOOTS.values())

    def answer(message_id: str, action: str, payload: Any) -> list[str | bytes]:
        if action != "BootNotification" or not left:
            return obliging(message_id, action, payload)
        text = left[0][0].replace("'", '"').replace("TIME", TIME)
        return [text.replace("ID", message_id)]

    async with met(tmp_path, v2g, back, version, answers=answer, clock=clock) as one:
        for name, (_, status, interval) in BOOTS.items():
            booted = await one.running.until(Booted)
            assert (booted.accepted, booted.status) == (False, status), name
            left.pop(0)
            await clock.until_somebody_sleeps(until=interval)
            clock.advance(interval)
        await one.running.until(Booted, accepted=True)
        assert one.csms.conversations.qsize() == 1, "all over one connection"


@VERSIONS
async def test_a_boot_without_an_answer_is_said_again_and_a_late_one_counts_for_nothing(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion
) -> None:
    clock, asked = SetClock(), asyncio.Queue[str]()

    def silent(message_id: str, action: str, payload: Any) -> list[str | bytes]:
        if action == "BootNotification":
            asked.put_nowait(message_id)
        return []

    async with met(tmp_path, v2g, back, version, answers=silent, clock=clock) as one:
        talk = await one.csms.conversation()
        late = await asked.get()
        await clock.until_somebody_sleeps(until=30.0)
        clock.advance(30.0)
        assert (await one.running.until(Booted)).status == "no answer"
        await talk.send(obliging(late, "BootNotification", {})[0])
        await clock.until_somebody_sleeps(until=DEFAULT_INTERVAL)
        assert not [event for event in one.running.events if isinstance(event, Booted) and event.accepted]
        one.csms.answers = obliging
        clock.advance(DEFAULT_INTERVAL)
        await one.running.until(Booted, accepted=True)


# what our calls are answered

NOT_TAKEN: dict[str, tuple[list[str], list[str]]] = {
    # for 1.6, where SignCertificate is inside a DataTransfer, and for 2.0.1
    "nothing in it": (["[3,'ID',{}]"], ["[3,'ID',{}]"]),
    "no JSON inside": (
        ["[3,'ID',{'status':'Accepted','data':'Zwieback4711'}]"],
        ["[3,'ID',{'status':'Zwieback4711'}]"],
    ),
    "a list inside": (["[3,'ID',{'status':'Accepted','data':'[]'}]"], ["[3,'ID',{'status':[]}]"]),
    "an object for a text": (["[3,'ID',{'status':'Accepted','data':{}}]"], ["[3,'ID',{'status':{}}]"]),
    "accepted by the carrier alone": (["[3,'ID',{'status':'Accepted'}]"], ["[3,'ID',{'status':null}]"]),
    "rejected": (
        ["[3,'ID',{'status':'Accepted','data':'{\\\"status\\\":\\\"Rejected\\\"}'}]"],
        ["[3,'ID',{'status':'Rejected','statusInfo':{'reasonCode':'Zwieback','additionalInfo':'x'}}]"],
    ),
    "rejected by the carrier": (["[3,'ID',{'status':'Rejected'}]"], ["[3,'ID',{'status':'Rejected'}]"]),
    "the other's fields": (
        ["[3,'ID',{'certificateChain':'Zwieback4711','statusInfo':{'reasonCode':'x'}}]"],
        ["[3,'ID',{'data':'{\\\"status\\\":\\\"Accepted\\\"}'}]"],
    ),
    "a list": (["[3,'ID',['Accepted']]"], ["[3,'ID',['Accepted']]"]),
    "null": (["[3,'ID',null]"], ["[3,'ID',null]"]),
    **{
        f"CALLERROR {code.value}": ([f"[4,'ID','{code.value}','Zwieback4711',{{}}]"],) * 2
        for code in ErrorCode
        if code not in {ErrorCode.NOT_IMPLEMENTED, ErrorCode.NOT_SUPPORTED}
    },
    "CALLERROR and then accepted": (
        ["[4,'ID','InternalError','',{}]", "[3,'ID',{'status':'Accepted'}]"],
        ["[4,'ID','InternalError','',{}]", "[3,'ID',{'status':'Accepted'}]"],
    ),
    "rejected and then accepted": (
        ["[3,'ID',{'status':'Rejected'}]", "[3,'ID',{'status':'Accepted','data':'{\\\"status\\\":\\\"Accepted\\\"}'}]"],
        ["[3,'ID',{'status':'Rejected'}]", "[3,'ID',{'status':'Accepted'}]"],
    ),
}


@VERSIONS
@pytest.mark.parametrize("answers", NOT_TAKEN)
async def test_a_request_that_is_not_accepted_in_words_stays_open_until_it_is_asked_for_again(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion, answers: str
) -> None:
    said = [one.replace("'", '"') for one in NOT_TAKEN[answers][version is V201]]
    asks = "SignCertificate" if version is V201 else "DataTransfer"
    async with met(tmp_path, v2g, back, version) as one:
        await one.begin()
        one.csms.answers = first({asks: [*said]})
        assert await one.trigger() == "Accepted"
        await one.running.until(SignCertificateAnswered, accepted=False)
        assert len(one.running.station.security.open_requests()) == 1
        await one.assert_serves(v2g)
        asked = one.talk.calls(asks)
        assert len(asked) == 2
        assert asked[0][3] == asked[1][3], "the same request"
        assert one.running.station.security.open_requests() == ()


@VERSIONS
@pytest.mark.parametrize(
    "said",
    [
        [],
        ["[3,'other',{'status':'Accepted'}]"],
        ["[2,'ID','Heartbeat',{}]"],
        ["no JSON"],
        ["{}"],
        ["[3]"],
        ["[]"],
        ["[5,'ID',{}]"],
        [b"\xff\xfe"],
        ["[3,'" + "x" * 37 + "',{}]"],
        [""],
    ],
    ids=["-", "another id", "a call with our id", "no JSON", "object", "short", "empty", "type 5", "bytes", "long", ""],
)
async def test_a_request_that_is_not_answered_is_sent_again_by_itself_with_the_same_key(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion, said: list[str | bytes]
) -> None:
    texts = [one.replace("'", '"') if isinstance(one, str) else one for one in said]
    asks = "SignCertificate" if version is V201 else "DataTransfer"
    clock, settings = SetClock(), Settings(cert_signing_wait_minimum=1)
    async with met(tmp_path, v2g, back, version, clock=clock, settings=settings) as one:
        talk = await one.begin()
        one.csms.answers = first({asks: texts})
        assert await one.trigger() == "Accepted"
        await talk.called(asks)
        clock.advance(DEFAULT_LIMITS.answer_timeout)
        answered = await one.running.until(SignCertificateAnswered)
        assert not answered.accepted
        assert answered.asks_again is not None
        wait = (answered.asks_again - clock.now()).total_seconds()
        await clock.until_somebody_sleeps(until=wait)
        clock.advance(wait)
        again = await talk.called(asks, times=2)
        assert again[3] == talk.calls(asks)[0][3], "the same request"
        assert again[1] != talk.calls(asks)[0][1], "under another id"
        await one.assert_takes(await one.taken_request(), v2g)


@VERSIONS
async def test_a_request_answered_twice_is_answered_once(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion
) -> None:
    async with met(tmp_path, v2g, back, version) as one:
        await one.begin()

        def twice(message_id: str, action: str, payload: Any) -> list[str | bytes]:
            return obliging(message_id, action, payload) * 2

        one.csms.answers = twice
        await one.assert_serves(v2g)
        await one.talk.send(result("nobody-asked", {"status": "Accepted", "x": MARK}))
        assert len([event for event in one.running.events if isinstance(event, SignCertificateAnswered)]) == 1
        one.csms.answers = obliging
        await one.assert_serves(v2g)


@VERSIONS
@pytest.mark.parametrize("code", ["NotImplemented", "NotSupported"])
async def test_a_csms_that_knows_no_signing_requests_is_told_of_and_asked_again_when_it_wants_one(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion, code: str
) -> None:
    asks = "SignCertificate" if version is V201 else "DataTransfer"

    def answer(message_id: str, action: str, payload: Any) -> list[str | bytes]:
        return (
            [json.dumps([4, message_id, code, MARK, {}])] if action == asks else obliging(message_id, action, payload)
        )

    async with met(tmp_path, v2g, back, version, answers=answer) as one:
        await one.begin()
        assert await one.trigger() == "Accepted"
        answered = await one.running.until(SignCertificateAnswered, accepted=False)
        assert code in (answered.why or "")
        one.csms.answers = obliging
        await one.assert_serves(v2g)


async def test_a_csms_of_1_6_is_asked_in_one_dialect_after_the_other_and_the_known_one_is_kept(
    tmp_path: Path, v2g: Pki, back: Pki
) -> None:
    def answer(message_id: str, action: str, payload: Any) -> list[str | bytes]:
        if action == "DataTransfer" and payload["vendorId"] == "iso15118":
            return [result(message_id, {"status": "UnknownVendorId"})]
        return obliging(message_id, action, payload)

    async with met(tmp_path, v2g, back, V16, answers=answer) as one:
        talk = await one.begin()
        for _ in range(2):
            await one.running.station.enrol(LeafUse.V2G)
            await one.running.until(SignCertificateAnswered, accepted=True)
        vendors = [call[3]["vendorId"] for call in talk.calls("DataTransfer")]
        assert vendors == ["iso15118", *["org.openchargealliance.iso15118pnc"] * 2]


HEARTBEATS = [
    "[3,'ID',{}]",
    "[3,'ID',{'currentTime':'Zwieback4711'}]",
    "[3,'ID',{'currentTime':null}]",
    "[3,'ID',{'currentTime':'0001-01-01T00:00:00+14:00'}]",
    "[3,'ID',{'currentTime':'9999-12-31T23:59:59-14:00'}]",
    "[3,'ID',{'currentTime':'2026-06-01T00:00:00'}]",
    "[3,'ID',[]]",
    "[3,'ID']",
    *(f"[4,'ID','{code.value}','Zwieback4711',{{}}]" for code in ErrorCode),
]


@VERSIONS
async def test_whatever_a_heartbeat_is_answered_the_next_one_comes(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion
) -> None:
    left = [text.replace("'", '"') for text in HEARTBEATS]

    def answer(message_id: str, action: str, payload: Any) -> list[str | bytes]:
        if action == "Heartbeat" and left:
            return [left.pop(0).replace("ID", message_id)]
        return obliging(message_id, action, payload)

    quick: dict[str, Any] = {"clock": FastClock(40.0), "settings": Settings(heartbeat_interval=2)}
    async with met(tmp_path, v2g, back, version, answers=answer, **quick) as one:
        talk = await one.begin()
        await talk.called("Heartbeat", times=len(HEARTBEATS) + 2)
        assert one.csms.conversations.empty(), "all over one connection"
        one.csms.answers = obliging
        await one.assert_serves(v2g)


# frames

FRAMES: dict[str, tuple[str | bytes, tuple[str, str, str] | None]] = {
    # what is said, and the CALLERROR that answers it: id, code in 1.6, code in 2.0.1
    "no JSON": (MARK, ("-1", "FormationViolation", "RpcFrameworkError")),
    "nothing": ("", ("-1", "FormationViolation", "RpcFrameworkError")),
    "an object": ('{"a":1}', ("-1", "FormationViolation", "RpcFrameworkError")),
    "an empty list": ("[]", ("-1", "TypeConstraintViolation", "RpcFrameworkError")),
    "a type of its own": ('[9,"q",{}]', ("q", "ProtocolError", "MessageTypeNotSupported")),
    "a call without payload": ('[2,"q","Heartbeat"]', ("q", "ProtocolError", "RpcFrameworkError")),
    "a call with a list": ('[2,"q","Heartbeat",[]]', ("q", "TypeConstraintViolation", "TypeConstraintViolation")),
    "a call with null": ('[2,"q","Heartbeat",null]', ("q", "TypeConstraintViolation", "TypeConstraintViolation")),
    "a call with too much": ('[2,"q","Heartbeat",{},{}]', ("q", "FormationViolation", "RpcFrameworkError")),
    "an action of nobody's": (f'[2,"q","{MARK}",{{}}]', ("q", "NotImplemented", "NotImplemented")),
    "an action of the station's": ('[2,"q","BootNotification",{}]', ("q", "NotImplemented", "NotImplemented")),
    "an action of the other version": (
        '[2,"q","GetBaseReport",{"requestId":1,"reportBase":"FullInventory"}]',
        ("q", "NotImplemented", "NotImplemented"),
    ),
    "deep JSON": (
        '[2,"q","Heartbeat",' + '{"a":' * 5000 + "1" + "}" * 5000 + "]",
        ("q", "FormationViolation", "RpcFrameworkError"),
    ),
    "a key twice": ('[2,"q","Reset",{"type":"Soft","type":"Hard"}]', ("q", "FormationViolation", "RpcFrameworkError")),
    "half a surrogate": ('[2,"q","\\ud800",{}]', ("q", "FormationViolation", "RpcFrameworkError")),
    "bytes that are no text": (b"\xff\xfe\x00", ("-1", "FormationViolation", "RpcFrameworkError")),
    "a long id": (f'[2,"{"x" * 37}","Heartbeat",{{}}]', ("-1", "PropertyConstraintViolation", "RpcFrameworkError")),
    "an answer to nothing": ('[3,"q",{"status":"Accepted"}]', None),
    "a CALLERROR to nothing": ('[4,"q","InternalError","Zwieback4711",{}]', None),
    "a broken answer": ('[3,"q"]', None),
}


@VERSIONS
async def test_each_odd_frame_has_its_answer_and_the_next_good_one_is_served(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion
) -> None:
    async with met(tmp_path, v2g, back, version) as one:
        talk = await one.begin()
        with assert_store_unchanged(one.store):
            for name, (said, answer) in FRAMES.items():
                seen = len([frame for frame in talk.frames if frame[0] in {3, 4}])
                await talk.send(said)
                good = await talk.call("NoSuchThing", {}, message_id=f"good {name}"[:36])
                assert good[:3] == [4, f"good {name}"[:36], "NotImplemented"], name
                between = [frame for frame in talk.frames if frame[0] in {3, 4}][seen:-1]
                wanted = [] if answer is None else [[4, answer[0], answer[1 + (version is V201)]]]
                assert [frame[:3] for frame in between] == wanted, name
        await one.assert_serves(v2g)
        assert one.csms.conversations.empty(), "all over one connection"


@VERSIONS
@pytest.mark.parametrize("is_binary", [False, True])
async def test_a_frame_of_ten_megabytes_ends_the_connection_and_the_station_comes_back(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion, *, is_binary: bool
) -> None:
    async with met(tmp_path, v2g, back, version) as one:
        talk = await one.begin()
        text = json.dumps([2, "q", "DataTransfer", {"vendorId": "x", "data": MARK * 900_000}])
        with assert_store_unchanged(one.store):
            await talk.send(text.encode() if is_binary else text)
            await one.running.until(Disconnected)
            await talk.connection.wait_closed()
            assert talk.connection.close_code == 1009
            await one.begin()
        await one.assert_serves(v2g)


@VERSIONS
async def test_the_largest_frame_that_is_read_is_answered_over_the_same_connection(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion
) -> None:
    async with met(tmp_path, v2g, back, version) as one:
        talk = await one.begin()
        frame = '[2,"q","NoSuchThing",{"a":""}]'
        await talk.send(frame.replace('""', '"' + "x" * (MAX_FRAME - len(frame)) + '"'))
        assert (await talk.answer_to("q"))[:3] == [4, "q", "NotImplemented"]
        await talk.send(frame.replace('""', '"' + "x" * (MAX_FRAME - len(frame) + 1) + '"'))
        await talk.connection.wait_closed()
        assert talk.connection.close_code == 1009


@VERSIONS
async def test_a_good_call_in_a_binary_frame_is_a_good_call(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion
) -> None:
    async with met(tmp_path, v2g, back, version) as one:
        talk = await one.begin()
        await talk.send(b'[2,"q","NoSuchThing",{}]')
        assert (await talk.answer_to("q"))[:3] == [4, "q", "NotImplemented"]


# many at once

MANY = 3000


@VERSIONS
async def test_thousands_of_calls_at_once_are_each_answered_once(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion
) -> None:
    async with met(tmp_path, v2g, back, version) as one:
        talk = await one.begin()
        asked: tuple[str, object] = ("GetConfiguration", {"key": ["CpoName"]})
        if version is V201:
            variable = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "OrganizationName"}}
            asked = ("GetVariables", {"getVariableData": [variable]})
        with assert_store_unchanged(one.store):
            for number in range(MANY):
                await talk.send(json.dumps([2, f"m{number}", *asked]))
            await talk.until(lambda: len([frame for frame in talk.frames if frame[0] in {3, 4}]) >= MANY)
        ids = [frame[1] for frame in talk.frames if frame[0] in {3, 4}]
        assert sorted(ids) == sorted(f"m{number}" for number in range(MANY))
        assert {frame[2] for frame in talk.frames if frame[0] == 4} <= {"GenericError"}
        await one.assert_serves(v2g)


@VERSIONS
async def test_thousands_of_broken_frames_are_one_security_event_at_a_time(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion
) -> None:
    async with met(tmp_path, v2g, back, version) as one:
        talk = await one.begin()
        withheld: list[str] = []

        def answer(message_id: str, action: str, payload: Any) -> list[str | bytes]:
            if action == "SecurityEventNotification" and payload["type"] == "InvalidMessages":
                withheld.append(message_id)
                return []
            return obliging(message_id, action, payload)

        one.csms.answers = answer
        for _ in range(MANY):
            await talk.send(MARK)
        await talk.until(lambda: len([frame for frame in talk.frames if frame[0] == 4]) >= MANY)
        await talk.until(lambda: withheld)
        assert len(withheld) == 1
        waiting = [event.event.type for event in one.memory.queued_events(9)]
        assert waiting.count(SecurityEventType.INVALID_MESSAGES) == 1
        one.csms.answers = obliging
        await talk.send(result(withheld[0], {}))
        await one.assert_serves(v2g)


# before it has accepted the station


@VERSIONS
async def test_what_is_asked_while_pending_is_done_and_requests_wait_until_accepted(
    tmp_path: Path, v2g: Pki, back: Pki, version: OcppVersion
) -> None:
    pending = json.dumps([3, "ID", {"currentTime": "2026-06-01T00:00:00Z", "interval": 3600, "status": "Pending"}])
    async with met(tmp_path, v2g, back, version, answers=first({"BootNotification": [pending]})) as one:
        one.talk = talk = await one.csms.conversation()
        await one.running.until(Booted, status="Pending")
        assert await one.trigger() == "Accepted"
        (request,) = one.running.station.security.open_requests()
        assert not talk.calls("SignCertificate", "DataTransfer")
        action = "TriggerMessage" if version is V201 else "ExtendedTriggerMessage"
        assert (await talk.call(action, {"requestedMessage": "BootNotification"}))[2]["status"] == "Accepted"
        await one.running.until(Booted, accepted=True)
        await one.running.until(SignCertificateAnswered, accepted=True)
        assert await one.ask("CertificateSigned", one.chain(v2g.enrol(request.pem))) == "Accepted"
