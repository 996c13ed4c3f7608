"""Get15118EVCertificate (M01, M02): an answer for the vehicle in time, whatever happens, and its EXI as it came."""

import asyncio
import base64
import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents_voice import FAULTS, Answer, ScriptedVoice, WireVoice
from chainpilot.station.agent.contracts.ev_certificate import (
    DEADLINE_SECONDS,
    MAX_ADVISED,
    MAX_SCHEMA_VERSION,
    EvCertificateAnswer,
    EvCertificates,
)
from chainpilot.station.agent.ports import Voice
from chainpilot.station.agent.settings.values import Settings
from chainpilot.wire.ocpp201 import AuthorizationStatus
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.fields import MAX_EXI_REQUEST, MAX_EXI_RESPONSE, InexpressibleError
from chainpilot.wire.pnc.messages import (
    AuthorizeResponse,
    Get15118EVCertificateRequest,
    Get15118EVCertificateResponse,
    IdTokenInfo,
    PncRequest,
)
from chainpilot.wire.pnc.words import CertificateAction, Iso15118EvCertificateStatus
from clocks import SetClock

pytestmark = pytest.mark.anyio

Status = Iso15118EvCertificateStatus
SCHEMA = "urn:iso:15118:2:2013:MsgDef"
ASKED = "gJgCREQVVRVEgJgC"
GIVEN = "gJwCREQVVRVEgJwC"
INSTALL = CertificateAction.INSTALL
YES = Get15118EVCertificateResponse(Status.ACCEPTED, GIVEN)


def certificates(voice: Voice | None, clock: SetClock | None = None, **flags: Any) -> EvCertificates:
    return EvCertificates(lambda: Settings(**flags), lambda: voice, clock or SetClock())


async def answer_to(answer: Answer, exi: str = ASKED, **more: Any) -> EvCertificateAnswer:
    return await certificates(ScriptedVoice.saying(answer)).install(SCHEMA, exi, INSTALL, **more)


def assert_failed(answer: EvCertificateAnswer) -> None:
    assert (answer.status, answer.exi_response) == (Status.FAILED, "")
    assert answer.reason


async def test_both_texts_go_through_as_they_are() -> None:
    voice = ScriptedVoice.saying(YES)
    answer = await certificates(voice).install(SCHEMA, ASKED, CertificateAction.UPDATE)
    assert voice.asked == [Get15118EVCertificateRequest(SCHEMA, ASKED, CertificateAction.UPDATE)]
    assert voice.patience == [DEADLINE_SECONDS]
    assert answer == EvCertificateAnswer(Status.ACCEPTED, GIVEN)


@given(st.binary(min_size=1, max_size=200), st.binary(min_size=1, max_size=200), st.booleans())
async def test_no_letter_of_either_is_changed_even_by_the_wire(asked: bytes, given_: bytes, wrapped: bool) -> None:
    encode = base64.encodebytes if wrapped else base64.b64encode
    sent, back = encode(asked).decode(), encode(given_).decode()
    for dialect in (Dialect.H, Dialect.O, Dialect.V201, Dialect.V21):
        voice = WireVoice(dialect, lambda _: Get15118EVCertificateResponse(Status.ACCEPTED, back))
        answer = await certificates(voice).install(SCHEMA, sent, INSTALL)
        (heard,) = voice.understood
        assert isinstance(heard, Get15118EVCertificateRequest)
        assert (heard.exi_request, answer.exi_response) == (sent, back)


@pytest.mark.parametrize("dialect", [Dialect.H, Dialect.O, Dialect.V201])
async def test_what_goes_over_the_wire(dialect: Dialect) -> None:
    voice = WireVoice(dialect, lambda _: YES)
    assert (await certificates(voice).install(SCHEMA, ASKED, INSTALL)).status is Status.ACCEPTED
    (call,) = voice.calls
    message = call.payload if dialect is Dialect.V201 else json.loads(str(call.payload["data"]))
    assert message == (
        {"15118SchemaVersion": SCHEMA, "exiRequest": ASKED}
        if dialect is Dialect.H
        else {"iso15118SchemaVersion": SCHEMA, "action": "Install", "exiRequest": ASKED}
    )


@pytest.mark.parametrize("fault", FAULTS)
async def test_every_fault_is_an_answer_without_an_exi(fault: str) -> None:
    assert_failed(await answer_to(FAULTS[fault]()))


async def test_without_a_connection_or_the_station_s_will_nobody_is_asked() -> None:
    assert_failed(await certificates(None).install(SCHEMA, ASKED, INSTALL))
    voice = ScriptedVoice.saying(YES)
    switched_off = certificates(voice, contract_certificate_installation_enabled=False)
    assert_failed(await switched_off.install(SCHEMA, ASKED, INSTALL))
    assert voice.asked == []
    assert_failed(await answer_to(InexpressibleError("no word for it")))


@pytest.mark.parametrize(
    "answer",
    [
        Get15118EVCertificateResponse(Status.ACCEPTED),
        Get15118EVCertificateResponse(Status.ACCEPTED, " "),
        Get15118EVCertificateResponse(Status.ACCEPTED, "no base64!"),
        Get15118EVCertificateResponse(Status.ACCEPTED, "A" * (MAX_EXI_RESPONSE + 4)),
        Get15118EVCertificateResponse(Status.FAILED),
        Get15118EVCertificateResponse(Status.FAILED, "no base64!"),
        AuthorizeResponse(IdTokenInfo(AuthorizationStatus.ACCEPTED)),
    ],
)
async def test_an_answer_that_gives_the_vehicle_nothing_is_failed(answer: Any) -> None:
    assert_failed(await answer_to(answer))


async def test_what_the_csms_has_for_the_vehicle_beside_failed_is_kept_and_its_words_apart() -> None:
    answer = await answer_to(Get15118EVCertificateResponse(Status.FAILED, GIVEN, "NoContract: DEABCC12345678"))
    assert (answer.status, answer.exi_response) == (Status.FAILED, GIVEN)
    assert answer.said == "NoContract: DEABCC12345678"
    assert "DEABC" not in repr(answer)


@pytest.mark.parametrize(
    ("exi", "is_asked"),
    [
        ("A" * MAX_ADVISED, True),
        ("A" * (MAX_ADVISED + 4), True),
        ("A" * MAX_EXI_REQUEST, True),
        ("A" * MAX_EXI_REQUEST + "\n", False),
        ("A" * (MAX_EXI_REQUEST + 4), False),
        ("AAAA", True),
        ("AAA", False),
        ("", False),
        (" \n", False),
        ("gJgé", False),
        ("\ud800", False),
        ("gJg-", False),
    ],
)
async def test_a_request_is_passed_on_up_to_the_most_that_any_version_takes(exi: str, is_asked: bool) -> None:
    voice = ScriptedVoice.saying(YES)
    answer = await certificates(voice).install(SCHEMA, exi, INSTALL)
    assert len(voice.asked) == is_asked
    if is_asked:
        assert answer.status is Status.ACCEPTED
    else:
        assert_failed(answer)


@pytest.mark.parametrize(
    ("size", "status"), [(16_996, Status.ACCEPTED), (17_000, Status.ACCEPTED), (17_004, Status.FAILED)]
)
async def test_an_answer_of_17000_characters_is_passed_on_and_no_longer_one(size: int, status: Status) -> None:
    answer = await answer_to(Get15118EVCertificateResponse(Status.ACCEPTED, "A" * size))
    assert (answer.status, len(answer.exi_response)) == (status, size if status is Status.ACCEPTED else 0)


@pytest.mark.parametrize(("size", "is_asked"), [(0, False), (1, True), (49, True), (50, True), (51, False)])
async def test_the_schema_s_version_has_1_to_50_characters(size: int, is_asked: bool) -> None:
    assert MAX_SCHEMA_VERSION == 50
    voice = ScriptedVoice.saying(YES)
    await certificates(voice).install("u" * size, ASKED, INSTALL)
    assert len(voice.asked) == is_asked


@pytest.mark.parametrize("seconds", [DEADLINE_SECONDS, 2.0])
async def test_at_the_deadline_the_vehicle_has_its_answer_and_a_late_one_is_dropped(
    seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    clock, late = SetClock(), asyncio.Event()

    class Late:
        async def ask(self, request: PncRequest, *, answer_timeout: float | None = None) -> Any:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                late.set()
                return YES

    asking = asyncio.ensure_future(
        certificates(Late(), clock).install(SCHEMA, ASKED, INSTALL, deadline_seconds=seconds)
    )
    await clock.until_somebody_sleeps(until=seconds)
    clock.advance(seconds - 0.001)
    await asyncio.sleep(0)
    assert not asking.done()
    clock.advance(0.001)
    assert_failed(await asking)
    await late.wait()


@pytest.mark.parametrize("seconds", [0.0, -1.0])
async def test_without_time_nobody_is_asked(seconds: float) -> None:
    voice = ScriptedVoice.saying(YES)
    assert_failed(await certificates(voice).install(SCHEMA, ASKED, INSTALL, deadline_seconds=seconds))
    assert voice.asked == []


async def test_two_vehicles_at_once_have_their_own_answers() -> None:
    gates = {text: asyncio.Event() for text in ("AAAA", "BBBB")}

    class Slow:
        async def ask(self, request: Any, *, answer_timeout: float | None = None) -> Any:
            await gates[request.exi_request].wait()
            return Get15118EVCertificateResponse(Status.ACCEPTED, request.exi_request[::-1] + "CCCC")

    both = certificates(Slow())
    asking = [asyncio.ensure_future(both.install(SCHEMA, text, INSTALL)) for text in gates]
    for gate in reversed(gates.values()):
        gate.set()
    assert [(await one).exi_response for one in asking] == ["AAAACCCC", "BBBBCCCC"]


async def test_no_log_and_no_repr_has_any_of_the_exi(caplog: pytest.LogCaptureFixture) -> None:
    answers: list[Answer] = [YES, Get15118EVCertificateResponse(Status.FAILED, GIVEN, ASKED)]
    answers += [fault() for fault in FAULTS.values()]
    with caplog.at_level(logging.DEBUG, logger="chainpilot"):
        told = [repr(await answer_to(answer)) for answer in answers]
        told.append(repr(await answer_to(YES, ASKED + "!")))
    text = caplog.text + "".join(told)
    assert ASKED not in text
    assert GIVEN not in text
    assert caplog.text.count("\n") == len(told)
