"""Frames: what OCPP-J 1.6 allows is read and written, everything else is one family of faults."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chainpilot.wire.jsontext import MAX_DEPTH
from chainpilot.wire.ocppj.frames import (
    MAX_ACTION,
    MAX_DESCRIPTION,
    MAX_FRAME,
    MAX_MESSAGE_ID,
    UNREADABLE_ID,
    Call,
    CallError,
    CallResult,
    ErrorCode,
    Frame,
    FrameError,
    MessageType,
    UnwritableFrameError,
    decode,
    encode,
)
from chainpilot.wire.version import OcppVersion

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
WORDS = TEXT.filter(lambda text: bool(text) and text.isprintable())
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=4)
FRAMES = (
    st.builds(Call, WORDS, WORDS, OBJECTS)
    | st.builds(CallResult, WORDS, OBJECTS)
    | st.builds(CallError, WORDS, st.sampled_from(ErrorCode), TEXT, OBJECTS)
)


def outcome(text: str | bytes) -> Frame | FrameError:
    try:
        return decode(text)
    except FrameError as fault:
        return fault


def fault_of(text: str | bytes) -> FrameError:
    with pytest.raises(FrameError) as caught:
        decode(text)
    return caught.value


@given(FRAMES)
def test_decode_after_encode_is_the_identity(frame: Frame) -> None:
    assert decode(encode(frame)) == frame
    assert decode(encode(frame).encode()) == frame


@given(st.binary() | st.text() | JSON.map(json.dumps))
@example("[[" * 50_000)
@example(b"[2,\xff")
def test_arbitrary_input_is_a_frame_or_a_fault_that_can_be_answered(text: str | bytes) -> None:
    found = outcome(text)
    if isinstance(found, FrameError):
        answer = decode(encode(found.answer()))
        assert isinstance(answer, CallError)
        assert answer.message_id == (found.message_id or UNREADABLE_ID)


@given(st.lists(st.sampled_from([2, 3, 4]) | JSON, max_size=6).map(json.dumps))
def test_arbitrary_arrays_are_frames_or_faults(text: str) -> None:
    found = outcome(text)
    if isinstance(found, Call | CallResult):
        assert decode(encode(found)) == found


def test_the_examples_of_the_standard_are_read() -> None:
    assert decode('[2,"19223201","BootNotification",{"chargePointVendor":"VendorX"}]') == Call(
        "19223201", "BootNotification", {"chargePointVendor": "VendorX"}
    )
    assert decode('[3,"19223201",{"status":"Accepted","interval":300}]') == CallResult(
        "19223201", {"status": "Accepted", "interval": 300}
    )
    assert decode('[4,"162376037","NotSupported","",{}]') == CallError("162376037", ErrorCode.NOT_SUPPORTED)


@pytest.mark.parametrize(
    ("text", "code", "message_id"),
    [
        ("", ErrorCode.FORMATION_VIOLATION, None),
        ("hello", ErrorCode.FORMATION_VIOLATION, None),
        ("{}", ErrorCode.FORMATION_VIOLATION, None),
        ("null", ErrorCode.FORMATION_VIOLATION, None),
        ('[2,"a","X",{"k":1,"k":2}]', ErrorCode.FORMATION_VIOLATION, "a"),
        ('[2,"a","X",{]', ErrorCode.FORMATION_VIOLATION, "a"),
        ('[2,"a","X",{"n":NaN}]', ErrorCode.FORMATION_VIOLATION, "a"),
        ('[2,"a","X",' + "[" * 40 + "]" * 40 + "]", ErrorCode.FORMATION_VIOLATION, "a"),
        (b'[2,"a","X",{"k":"\xff"}]', ErrorCode.FORMATION_VIOLATION, "a"),
        (b'[2,"\xff","X",{}]', ErrorCode.FORMATION_VIOLATION, None),
        ('[2,"a","X",{"k":"' + "x" * MAX_FRAME + '"}]', ErrorCode.GENERIC_ERROR, "a"),
        ("[]", ErrorCode.TYPE_CONSTRAINT_VIOLATION, None),
        ("[2]", ErrorCode.PROTOCOL_ERROR, None),
        ('["2","a","X",{}]', ErrorCode.TYPE_CONSTRAINT_VIOLATION, "a"),
        ('[true,"a","X",{}]', ErrorCode.TYPE_CONSTRAINT_VIOLATION, "a"),
        ('[2.0,"a","X",{}]', ErrorCode.TYPE_CONSTRAINT_VIOLATION, "a"),
        ('[5,"a",{}]', ErrorCode.PROTOCOL_ERROR, "a"),
        ('[2,"a"]', ErrorCode.PROTOCOL_ERROR, "a"),
        ('[2,"a","X"]', ErrorCode.PROTOCOL_ERROR, "a"),
        ('[2,"a","X",{},1]', ErrorCode.FORMATION_VIOLATION, "a"),
        ('[2,17,"X",{}]', ErrorCode.TYPE_CONSTRAINT_VIOLATION, None),
        ('[2,"","X",{}]', ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, None),
        ('[2,"a\\n","X",{}]', ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, None),
        ('[2,"a",7,{}]', ErrorCode.TYPE_CONSTRAINT_VIOLATION, "a"),
        ('[2,"a","",{}]', ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "a"),
        ('[2,"a","X",null]', ErrorCode.TYPE_CONSTRAINT_VIOLATION, "a"),
        ('[2,"a","X",[]]', ErrorCode.TYPE_CONSTRAINT_VIOLATION, "a"),
    ],
)
def test_a_malformed_call_has_its_code_and_its_id(text: str | bytes, code: ErrorCode, message_id: str | None) -> None:
    fault = fault_of(text)
    assert (fault.code, fault.message_id) == (code, message_id)
    assert fault.answerable
    assert fault.answer().message_id == (message_id or UNREADABLE_ID)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('[3,"a"]', MessageType.CALLRESULT),
        ('[3,"a",null]', MessageType.CALLRESULT),
        ('[3,"a",{"k":1,"k":1}]', MessageType.CALLRESULT),
        ('[4,"a","GenericError",""]', MessageType.CALLERROR),
        ('[4,"a",5,"",{}]', MessageType.CALLERROR),
        ('[4,"a","GenericError",null,{}]', MessageType.CALLERROR),
        ('[4,"a","GenericError","",[]]', MessageType.CALLERROR),
    ],
)
def test_a_malformed_answer_is_never_answered_but_tells_whose_it_is(text: str, kind: MessageType) -> None:
    fault = fault_of(text)
    assert (fault.message_type, fault.message_id, fault.answerable) == (kind, "a", False)


@pytest.mark.parametrize("length", [1, MAX_MESSAGE_ID - 1, MAX_MESSAGE_ID])
def test_ids_up_to_36_characters_are_read(length: int) -> None:
    assert decode(json.dumps([2, "x" * length, "Heartbeat", {}])).message_id == "x" * length


def test_a_longer_id_is_refused_and_not_echoed() -> None:
    fault = fault_of(json.dumps([2, "x" * (MAX_MESSAGE_ID + 1), "Heartbeat", {}]))
    assert fault.code is ErrorCode.PROPERTY_CONSTRAINT_VIOLATION
    assert fault.message_id is None
    assert "36" in fault.why


def test_an_action_is_bounded() -> None:
    decode(json.dumps([2, "a", "x" * MAX_ACTION, {}]))
    assert fault_of(json.dumps([2, "a", "x" * (MAX_ACTION + 1), {}])).code is ErrorCode.PROPERTY_CONSTRAINT_VIOLATION


@pytest.mark.parametrize("message_id", ["1", "0f1e-AB_9", "a b", 'quo"te', "back\\slash", "ä", "x" * 36])
@pytest.mark.parametrize("size", [0, 1, MAX_FRAME - 200, MAX_FRAME - 120, MAX_FRAME - 80])
def test_an_answer_is_the_same_text_whatever_its_id_and_size(message_id: str, size: int) -> None:
    payload: dict[str, object] = {"status": "Accepted", "data": "d" * size, "n": [1, None, {"ok": True}]}
    written = json.dumps([3, message_id, payload], separators=(",", ":"), ensure_ascii=False)
    if len(written.encode()) <= MAX_FRAME:
        assert encode(CallResult(message_id, payload)) == written
    else:
        with pytest.raises(UnwritableFrameError):
            encode(CallResult(message_id, payload))


@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, MAX_DEPTH])
def test_an_answers_depth_is_that_of_all_the_frame(depth: int) -> None:
    payload: dict[str, object] = {}
    for _ in range(depth - 2):
        payload = {"a": payload}
    assert decode(encode(CallResult("1", payload))) == CallResult("1", payload)
    with pytest.raises(UnwritableFrameError):
        encode(CallResult("1", {"a": {"a": {"a": payload}}}))


def test_a_frame_of_exactly_the_bound_is_read_and_written() -> None:
    empty = len(encode(Call("a", "X", {"k": ""})))
    for size in (MAX_FRAME - 1, MAX_FRAME):
        frame = Call("a", "X", {"k": "x" * (size - empty)})
        assert decode(encode(frame)) == frame
    with pytest.raises(UnwritableFrameError, match="65536"):
        encode(Call("a", "X", {"k": "x" * (MAX_FRAME + 1 - empty)}))


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("OccurenceConstraintViolation", ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION),
        ("OccurrenceConstraintViolation", ErrorCode.OCCURRENCE_CONSTRAINT_VIOLATION),
        ("FormatViolation", ErrorCode.FORMAT_VIOLATION),
        ("RpcFrameworkError", ErrorCode.RPC_FRAMEWORK_ERROR),
        ("MessageTypeNotSupported", ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED),
    ],
)
def test_codes_of_both_editions_are_read(word: str, code: ErrorCode) -> None:
    frame = decode(json.dumps([4, "a", word, "text", {}]))
    assert frame == CallError("a", code, "text", {})


def test_the_standards_misspelling_is_what_we_write() -> None:
    assert '"OccurenceConstraintViolation"' in encode(CallError("a", ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION))


def test_an_unknown_code_is_kept_in_the_description() -> None:
    assert decode('[4,"a","VendorError","no",{}]') == CallError("a", ErrorCode.GENERIC_ERROR, "VendorError: no", {})


def test_a_description_is_cut_at_its_bound_in_both_directions() -> None:
    written = encode(CallError("a", ErrorCode.GENERIC_ERROR, "x" * (MAX_DESCRIPTION + 1)))
    assert json.loads(written)[3] == "x" * MAX_DESCRIPTION
    read = decode(json.dumps([4, "a", "GenericError", "x" * (MAX_DESCRIPTION + 1), {}]))
    assert isinstance(read, CallError)
    assert read.description == "x" * MAX_DESCRIPTION


@pytest.mark.parametrize(
    "frame",
    [
        Call("", "X", {}),
        Call("x" * 37, "X", {}),
        Call("a", "", {}),
        Call("a", "X\x1b", {}),
        Call("a", "X", {"n": float("nan")}),
        CallResult("a", {"n": float("inf")}),
        CallResult("a", {"n": 2**53}),
        CallError("a", ErrorCode.GENERIC_ERROR, "\ud800"),
    ],
)
def test_a_frame_that_a_peer_would_refuse_is_not_written(frame: Frame) -> None:
    with pytest.raises(UnwritableFrameError):
        encode(frame)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("hello", ErrorCode.RPC_FRAMEWORK_ERROR),
        ("{}", ErrorCode.RPC_FRAMEWORK_ERROR),
        ("[2]", ErrorCode.RPC_FRAMEWORK_ERROR),
        ('[2,"7"]', ErrorCode.RPC_FRAMEWORK_ERROR),
        ('[9,"7","Heartbeat",{}]', ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED),
        ('[2,"7","Heartbeat",[]]', ErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ('[2,"7","X",{"k":"' + "x" * MAX_FRAME + '"}]', ErrorCode.GENERIC_ERROR),
    ],
)
def test_a_malformed_frame_is_answered_in_the_words_of_its_version(text: str, code: ErrorCode) -> None:
    """OCPP-J 2.0.1 section 4.3 has words of its own for what is no frame."""
    with pytest.raises(FrameError) as caught:
        decode(text)
    assert caught.value.answer(OcppVersion.V201).code is code
    assert caught.value.answer().code is caught.value.code
    assert caught.value.code not in {ErrorCode.RPC_FRAMEWORK_ERROR, ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED}
