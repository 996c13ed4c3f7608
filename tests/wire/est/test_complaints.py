"""The words that come with a refusal."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.wire.est.complaints import MAX_MESSAGE, MAX_TRACE, Complaint, read_complaint
from chainpilot.wire.est.messages import HttpResponse


def answer(content_type: str, body: bytes, status: int = 400) -> HttpResponse:
    return HttpResponse(status, (("content-type", content_type),), body)


def test_plain_text_is_kept() -> None:
    assert read_complaint(answer("text/plain; charset=utf-8", b"no such\r\n name\n")) == Complaint("no such name")


def test_json_keeps_the_messages_and_the_trace() -> None:
    body = json.dumps({"errorMessages": ["CN unknown", "O wrong"], "traceId": "4bf9"}).encode()
    assert read_complaint(answer("application/json", body)) == Complaint("CN unknown; O wrong", "4bf9")
    assert read_complaint(answer("application/problem+json", body)).trace_id == "4bf9"


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b'{"errorMessages":"one"}', Complaint("one")),
        (b'{"errorMessages":[1,{"a":2}],"traceId":"t"}', Complaint("no message", "t")),
        (b'{"errorMessages":null,"traceId":7}', Complaint('{"errorMessages":null,"traceId":7}')),
        (b'["x"]', Complaint('["x"]')),
        (b"{broken", Complaint("{broken")),
        (b"[" * 10_000, Complaint("[" * MAX_MESSAGE)),
        (b'{"errorMessages":[' + b"9" * 6000 + b"]}", Complaint(('{"errorMessages":[' + "9" * 6000)[:MAX_MESSAGE])),
        (b"", Complaint("HTTP 400")),
    ],
)
def test_json_of_another_shape_is_quoted(body: bytes, complaint: Complaint) -> None:
    assert read_complaint(answer("application/json", body)) == complaint


def test_words_are_bounded_and_printable() -> None:
    body = json.dumps({"errorMessages": ["\x1b[2J\nx" * 2000], "traceId": "\x07" + "t" * 1000}).encode()
    complaint = read_complaint(answer("application/json", body[:16384]))
    plain = read_complaint(answer("text/plain", b"\x1b[31mred" * 1000))
    assert len(plain.message) == MAX_MESSAGE
    assert plain.message.isprintable()
    assert complaint.message.isprintable()
    assert complaint.trace_id is None or len(complaint.trace_id) <= MAX_TRACE


def test_a_page_of_html_is_not_quoted() -> None:
    assert read_complaint(answer("text/html", b"<html><script>", 502)) == Complaint("HTTP 502 with a page of HTML")


@given(st.sampled_from(["text/plain", "application/json", ""]), st.binary(max_size=300))
def test_no_body_escapes(content_type: str, body: bytes) -> None:
    complaint = read_complaint(answer(content_type, body))
    assert complaint.message.isprintable()


@given(
    st.recursive(
        st.none() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_json_escapes(value: object) -> None:
    body = msgspec.json.encode({"errorMessages": value, "traceId": value})
    assert read_complaint(answer("application/json", body)).message.isprintable()
