"""The client's half of EST."""

import base64
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.pki.pkcs7 import write_certs_only
from chainpilot.wire.est.bodies import encode_body
from chainpilot.wire.est.client import (
    DEFAULT_RETRY_AFTER,
    MAX_ANSWER,
    EstRefusal,
    Issued,
    Pending,
    RefusalKind,
    RetryClass,
    cacerts_request,
    judge_cacerts,
    judge_enroll,
    simpleenroll_request,
)
from chainpilot.wire.est.messages import HttpResponse
from chainpilot.wire.est.paths import RFC7030
from forge import v2g_hierarchy

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
PATHS = RFC7030.fill(label="cpo")
CERTIFICATES = v2g_hierarchy().certificates
BAG = write_certs_only(CERTIFICATES)


def ok(body: bytes, content_type: str | None = "application/pkcs7-mime") -> HttpResponse:
    headers = (("Content-Type", content_type),) if content_type is not None else ()
    return HttpResponse(200, headers, body)


def refused(verdict: object) -> EstRefusal:
    assert isinstance(verdict, EstRefusal)
    return verdict


def test_cacerts_is_asked_by_get() -> None:
    request = cacerts_request(PATHS)
    assert (request.method, request.url_path, request.body) == ("GET", "/.well-known/est/cpo/cacerts", b"")


def test_simpleenroll_is_written_as_the_strictest_server_reads_it() -> None:
    request = simpleenroll_request(PATHS, bytes(200))
    headers = dict(request.headers)
    assert (request.method, request.url_path) == ("POST", "/.well-known/est/cpo/simpleenroll")
    assert headers["Content-Type"] == "application/pkcs10"
    assert headers["Content-Length"] == str(len(request.body))
    assert "Transfer-Encoding" not in headers
    assert all(name == "-".join(word.capitalize() for word in name.split("-")) for name in headers)
    assert all(len(line) <= 64 for line in request.body.split(b"\n"))
    assert base64.b64decode(request.body) == bytes(200)


@pytest.mark.parametrize(
    "body",
    [
        encode_body(BAG),
        encode_body(BAG).replace(b"\n", b"\r\n"),
        base64.b64encode(BAG) + b"\x00",
        b"-----BEGIN PKCS7-----\n" + encode_body(BAG) + b"-----END PKCS7-----\n",
        BAG,
    ],
    ids=["wrapped", "crlf", "one line and NUL", "armour", "raw"],
)
@pytest.mark.parametrize(
    "content_type",
    [
        "application/pkcs7-mime",
        "application/pkcs7-mime; smime-type=certs-only",
        'Application/PKCS7-MIME;smime-type="certs-only"; charset=utf-8',
    ],
)
def test_a_bag_is_read_in_every_tolerated_form(body: bytes, content_type: str) -> None:
    judged = judge_cacerts(ok(body, content_type), AT)
    issued = judge_enroll(ok(body, content_type), AT)
    assert isinstance(judged, tuple)
    assert isinstance(issued, Issued)
    assert set(judged) == set(issued.certificates) == set(CERTIFICATES)


@pytest.mark.parametrize(
    "content_type",
    ["text/html", "application/pkcs10", "application/pkcs7-mime; smime-type=server-generated-key", "", None],
)
def test_a_success_of_another_content_type_is_an_error(content_type: str | None) -> None:
    for verdict in (
        judge_enroll(ok(encode_body(BAG), content_type), AT),
        judge_cacerts(ok(encode_body(BAG), content_type), AT),
    ):
        refusal = refused(verdict)
        assert refusal.kind is RefusalKind.UNREADABLE
        assert refusal.retry is RetryClass.AFTER_A_CHANGE
        assert "content type" in refusal.message


@pytest.mark.parametrize(
    "body",
    [b"", b"garbage!", encode_body(b"\x30\x00"), encode_body(BAG[:-1]), b"A" * (MAX_ANSWER + 1)],
    ids=["empty", "no base64", "an empty sequence", "cut off", "over the bound"],
)
def test_a_success_that_can_not_be_read_is_an_error(body: bytes) -> None:
    assert refused(judge_enroll(ok(body), AT)).kind is RefusalKind.UNREADABLE
    assert refused(judge_cacerts(ok(body), AT)).kind is RefusalKind.UNREADABLE


def test_202_names_the_moment_to_ask_again() -> None:
    response = HttpResponse(202, (("Retry-After", "90"), ("Content-Type", "text/plain")), b"a person must look")
    assert judge_enroll(response, AT) == Pending(AT + timedelta(seconds=90), "a person must look")


def test_202_without_a_moment_gets_ours() -> None:
    verdict = judge_enroll(HttpResponse(202, ()), AT)
    assert isinstance(verdict, Pending)
    assert verdict.retry_at == AT + DEFAULT_RETRY_AFTER


def test_202_means_nothing_for_cacerts() -> None:
    assert refused(judge_cacerts(HttpResponse(202, ()), AT)).kind is RefusalKind.UNREADABLE


@pytest.mark.parametrize(
    ("status", "kind", "retry"),
    [
        (201, RefusalKind.UNREADABLE, RetryClass.AFTER_A_CHANGE),
        (204, RefusalKind.UNREADABLE, RetryClass.AFTER_A_CHANGE),
        (301, RefusalKind.REDIRECT, RetryClass.AFTER_A_CHANGE),
        (307, RefusalKind.REDIRECT, RetryClass.AFTER_A_CHANGE),
        (400, RefusalKind.REQUEST, RetryClass.NEVER),
        (401, RefusalKind.LOGIN, RetryClass.AFTER_A_CHANGE),
        (403, RefusalKind.FORBIDDEN, RetryClass.AFTER_A_CHANGE),
        (404, RefusalKind.REQUEST, RetryClass.AFTER_A_CHANGE),
        (429, RefusalKind.LIMITED, RetryClass.BY_ITSELF),
        (500, RefusalKind.SERVER, RetryClass.BY_ITSELF),
        (501, RefusalKind.SERVER, RetryClass.AFTER_A_CHANGE),
        (502, RefusalKind.GATEWAY, RetryClass.BY_ITSELF),
        (503, RefusalKind.SERVER, RetryClass.BY_ITSELF),
        (504, RefusalKind.GATEWAY, RetryClass.BY_ITSELF),
        (999, RefusalKind.UNREADABLE, RetryClass.AFTER_A_CHANGE),
    ],
)
def test_every_status_has_its_class(status: int, kind: RefusalKind, retry: RetryClass) -> None:
    refusal = refused(judge_enroll(HttpResponse(status, ()), AT))
    assert (refusal.kind, refusal.retry, refusal.status) == (kind, retry, status)


def test_a_refusal_quotes_the_server_with_its_trace() -> None:
    body = b'{"errorMessages":["CN is not registered"],"traceId":"00-4bf92f"}'
    refusal = refused(judge_enroll(HttpResponse(403, (("Content-Type", "application/json"),), body), AT))
    assert (refusal.message, refusal.trace_id) == ("CN is not registered", "00-4bf92f")


def test_a_rate_limit_names_its_end() -> None:
    refusal = refused(judge_enroll(HttpResponse(429, (("retry-after", "60"),)), AT))
    assert refusal.retry_at == AT + timedelta(seconds=60)


def test_a_redirect_is_shown_and_not_followed() -> None:
    refusal = refused(judge_enroll(HttpResponse(307, (("Location", "https://else.example/\x1b"),)), AT))
    assert "else.example" in refusal.message
    assert refusal.message.isprintable()


@given(st.randoms(use_true_random=False))
def test_the_order_in_the_bag_changes_nothing(chance: random.Random) -> None:
    shuffled = list(CERTIFICATES)
    chance.shuffle(shuffled)
    verdict = judge_cacerts(ok(encode_body(write_certs_only(shuffled))), AT)
    assert isinstance(verdict, tuple)
    assert set(verdict) == set(CERTIFICATES)


@given(
    st.integers(100, 999), st.sampled_from(["application/pkcs7-mime", "application/json", "x"]), st.binary(max_size=300)
)
def test_no_answer_escapes(status: int, content_type: str, body: bytes) -> None:
    response = HttpResponse(status, (("Content-Type", content_type), ("Retry-After", "1")), body)
    assert isinstance(judge_enroll(response, AT), EstRefusal | Pending)
    assert isinstance(judge_cacerts(response, AT), EstRefusal)


@given(st.integers(0, len(BAG) - 1), st.integers(0, 255))
def test_no_changed_byte_of_a_bag_escapes(where: int, what: int) -> None:
    changed = bytearray(BAG)
    changed[where] = what
    assert isinstance(judge_cacerts(ok(encode_body(bytes(changed))), AT), tuple | EstRefusal)
