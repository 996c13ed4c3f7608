"""Every end of a call is an exception of the right family that says in a sentence what happened."""

import pytest

from chainpilot.errors import ChainpilotError, PeerError, UndecidedError
from chainpilot.link.faults import CallRefused, CallTimedOut, LinkClosed, RpcFault, SocketClosed, failure_of
from chainpilot.wire.ocppj.events import AnswerUnreadable, CallExpired, CallLost, ErrorReceived
from chainpilot.wire.ocppj.frames import ErrorCode, FrameError


@pytest.mark.parametrize(
    ("error", "family", "sentence"),
    [
        (
            CallRefused("A", ErrorCode.SECURITY_ERROR, ""),
            PeerError,
            "A was answered with SecurityError: no description",
        ),
        (CallTimedOut("A", sent=True), UndecidedError, "A was not answered in time"),
        (CallTimedOut("A", sent=False), UndecidedError, "A was not sent in time, others were waiting"),
        (
            LinkClosed("A", sent=True, code=1001, reason="bye"),
            UndecidedError,
            "the connection ended (1001, bye) under A",
        ),
        (LinkClosed("A", sent=False, code=1006), UndecidedError, "the connection ended (1006) before A"),
        (SocketClosed(1001, "bye"), UndecidedError, "the connection was closed (1001, bye)"),
        (SocketClosed(), UndecidedError, "the connection was closed (1006)"),
        (RpcFault(ErrorCode.NOT_IMPLEMENTED, "no A"), PeerError, "NotImplemented: no A"),
    ],
)
def test_an_error_belongs_to_its_family_and_is_a_sentence(
    error: ChainpilotError, family: type[ChainpilotError], sentence: str
) -> None:
    assert isinstance(error, family)
    assert str(error) == sentence


def test_a_callerror_becomes_a_refusal_with_its_code() -> None:
    refused = failure_of(ErrorReceived("1", "A", ErrorCode.NOT_SUPPORTED, "no", {"k": 1}), None)
    assert isinstance(refused, CallRefused)
    assert (refused.action, refused.code, refused.description) == ("A", ErrorCode.NOT_SUPPORTED, "no")


def test_an_unreadable_answer_becomes_a_refusal_with_its_cause() -> None:
    fault = FrameError(ErrorCode.TYPE_CONSTRAINT_VIOLATION, "the payload is not a JSON object", "1")
    refused = failure_of(AnswerUnreadable("1", "A", fault), None)
    assert isinstance(refused, CallRefused)
    assert refused.code is ErrorCode.TYPE_CONSTRAINT_VIOLATION
    assert refused.__cause__ is fault


@pytest.mark.parametrize("sent", [True, False])
def test_expiry_and_loss_keep_whether_the_peer_may_have_acted(*, sent: bool) -> None:
    expired = failure_of(CallExpired("1", "A", sent), None)
    assert isinstance(expired, CallTimedOut)
    assert expired.sent is sent
    lost = failure_of(CallLost("1", "A", sent), SocketClosed(1012, "restart"))
    assert isinstance(lost, LinkClosed)
    assert (lost.sent, lost.code, lost.reason) == (sent, 1012, "restart")
    unexplained = failure_of(CallLost("1", "A", sent), None)
    assert isinstance(unexplained, LinkClosed)
    assert unexplained.code == 1006
