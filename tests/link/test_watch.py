"""What may be shown of a frame: its shape and words we know, whatever the frame holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.link.watch import seen_received, seen_sent
from chainpilot.wire.ocppj.calls import Outgoing
from chainpilot.wire.ocppj.events import (
    AnswerUnreadable,
    CallExpired,
    CallLost,
    CallReceived,
    CallRepeated,
    CallTurnedAway,
    ErrorReceived,
    Event,
    FrameRefused,
    ResultReceived,
    StrayAnswer,
)
from chainpilot.wire.ocppj.frames import Call, CallError, CallResult, ErrorCode, Frame, FrameError, MessageType, encode

SECRET = "Pa55w0rd-of-station"
FAULT = FrameError(ErrorCode.FORMATION_VIOLATION, "not JSON", "1", MessageType.CALL)
LOST_FAULT = FrameError(ErrorCode.FORMATION_VIOLATION, "not JSON")
ANSWER_FAULT = FrameError(ErrorCode.PROTOCOL_ERROR, "too short", "1", MessageType.CALLERROR)


@pytest.mark.parametrize(
    ("event", "kind", "action", "summary"),
    [
        (CallReceived("1", "SetKey", {"value": SECRET}), "CALL", "SetKey", ""),
        (CallReceived("1", "DataTransfer", {"vendorId": SECRET, "data": SECRET}), "CALL", "DataTransfer", "?/?"),
        (
            CallReceived(
                "1", "DataTransfer", {"vendorId": "iso15118", "messageId": "CertificateSigned", "data": SECRET}
            ),
            "CALL",
            "DataTransfer",
            "iso15118/CertificateSigned",
        ),
        (CallReceived("1", "DataTransfer", {"vendorId": [SECRET], "messageId": {}}), "CALL", "DataTransfer", "?/?"),
        (CallRepeated("1", "A"), "CALL", "A", "repeated"),
        (CallTurnedAway("1", "A", ErrorCode.GENERIC_ERROR, "busy"), "CALL", "A", "GenericError"),
        (ResultReceived("1", "A", {"status": "Rejected", "data": SECRET}), "CALLRESULT", "A", "Rejected"),
        (ResultReceived("1", "A", {"status": SECRET}), "CALLRESULT", "A", ""),
        (ResultReceived("1", "A", {"status": [SECRET]}), "CALLRESULT", "A", ""),
        (ErrorReceived("1", "A", ErrorCode.NOT_SUPPORTED, SECRET, {"k": SECRET}), "CALLERROR", "A", "NotSupported"),
        (StrayAnswer("1", MessageType.CALLRESULT), "CALLRESULT", None, "nobody waits for it"),
        (FrameRefused(FAULT, answered=True), "CALL", None, "malformed, FormationViolation"),
        (FrameRefused(LOST_FAULT, answered=True), "MALFORMED", None, "malformed, FormationViolation"),
        (AnswerUnreadable("1", "A", ANSWER_FAULT), "CALLERROR", "A", "malformed, ProtocolError"),
        (CallExpired("1", "A", sent=True), "MALFORMED", "A", ""),
        (CallLost("1", "A", sent=True), "MALFORMED", "A", ""),
    ],
)
def test_a_received_frame_is_shown_by_shape_and_known_words(
    event: Event, kind: str, action: str | None, summary: str
) -> None:
    seen = seen_received(SECRET, event)
    assert (seen.direction, seen.kind, seen.action, seen.summary) == ("received", kind, action, summary)
    assert seen.size == len(SECRET)
    assert seen.is_malformed is isinstance(event, AnswerUnreadable | FrameRefused)
    assert SECRET not in repr(seen)


@pytest.mark.parametrize(
    ("frame", "kind", "summary"),
    [
        (Call("1", "DataTransfer", {"vendorId": "iso15118", "messageId": "x", "data": SECRET}), "CALL", "iso15118/?"),
        (CallResult("1", {"status": "Accepted", "data": SECRET}), "CALLRESULT", "Accepted"),
        (CallError("1", ErrorCode.INTERNAL_ERROR, SECRET, {"k": SECRET}), "CALLERROR", "InternalError"),
    ],
)
def test_a_sent_frame_is_shown_by_shape_and_known_words(frame: Frame, kind: str, summary: str) -> None:
    seen = seen_sent(Outgoing(encode(frame), frame, "DataTransfer"))
    assert (seen.direction, seen.kind, seen.action, seen.summary) == ("sent", kind, "DataTransfer", summary)
    assert seen.message_id == "1"
    assert SECRET not in repr(seen)


@pytest.mark.parametrize(("text", "size"), [("aä", 3), (b"\xff\xfe", 2), ("\ud800", 3)])
def test_the_size_is_in_bytes_for_whatever_came(text: str | bytes, size: int) -> None:
    assert seen_received(text, FrameRefused(LOST_FAULT, answered=True)).size == size


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
PAYLOADS = st.dictionaries(st.sampled_from(["vendorId", "messageId", "status", "data"]), JSON)


@given(PAYLOADS)
def test_no_payload_of_a_peer_can_make_the_showing_fail(payload: dict[str, object]) -> None:
    assert seen_received("", CallReceived("1", "A", payload)).kind == "CALL"
    assert seen_received("", ResultReceived("1", "A", payload)).kind == "CALLRESULT"
