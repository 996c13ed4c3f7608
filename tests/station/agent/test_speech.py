"""A question is put in the dialect that the CSMS understands, and never twice to one that may have acted on it."""

import json
from typing import Any

import pytest

from agents_line import Answer, Refusal, ScriptedLine, Silence
from agents_memory import PlainMemory
from chainpilot.link.faults import CallRefused, CallTimedOut, LinkClosed
from chainpilot.pki.trust import LeafUse
from chainpilot.station.agent.ports import NotUnderstood
from chainpilot.station.agent.speech import Dialects, Speech, Topic
from chainpilot.wire.ocppj.frames import ErrorCode
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.messages import (
    AuthorizeRequest,
    IdToken,
    SignCertificateRequest,
    SignCertificateResponse,
)
from chainpilot.wire.pnc.words import GenericStatus
from chainpilot.wire.version import OcppVersion

pytestmark = pytest.mark.anyio

CSR = "-----BEGIN CERTIFICATE REQUEST-----\nMA==\n-----END CERTIFICATE REQUEST-----\n"
V2G = SignCertificateRequest(CSR, LeafUse.V2G)
CLIENT = SignCertificateRequest(CSR, LeafUse.CSMS)
UNKNOWN_VENDOR = {"status": "UnknownVendorId"}
REJECTED = {"status": "Accepted", "data": '{"status":"Rejected"}'}
ACCEPTED = {"status": "Accepted", "data": '{"status":"Accepted"}'}


def vendors(line: ScriptedLine) -> list[str]:
    """What each call was carried by: its vendorId, or the action where it is OCPP's own."""
    return [str(one.payload.get("vendorId", one.action)) for one in line.said]


@pytest.mark.parametrize(
    ("answers", "carriers"),
    [
        ([ACCEPTED], ["iso15118"]),
        ([UNKNOWN_VENDOR, ACCEPTED], ["iso15118", "org.openchargealliance.iso15118pnc"]),
        ([{"status": "UnknownMessageId"}, ACCEPTED], ["iso15118", "org.openchargealliance.iso15118pnc"]),
        ([Refusal(ErrorCode.NOT_SUPPORTED), ACCEPTED], ["iso15118", "org.openchargealliance.iso15118pnc"]),
    ],
)
async def test_what_a_csms_does_not_know_is_said_in_the_next_dialect_and_that_is_remembered(
    answers: list[Answer], carriers: list[str]
) -> None:
    line, memory = ScriptedLine(OcppVersion.V16), PlainMemory()
    line.will_answer("DataTransfer", *answers)
    line.always_answers("DataTransfer", ACCEPTED)
    assert await Speech(line, Dialects(memory)).ask(V2G) == SignCertificateResponse(GenericStatus.ACCEPTED)
    assert vendors(line) == carriers
    await Speech(line, Dialects(memory)).ask(V2G)
    assert vendors(line)[len(carriers) :] == carriers[-1:], "known over a restart"


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "Rejected"},
        {"status": "Accepted"},
        {"status": "Accepted", "data": "not JSON"},
        {"status": 7},
        {},
    ],
)
async def test_a_request_answered_unreadably_is_said_in_no_other_dialect(answer: dict[str, Any]) -> None:
    line = ScriptedLine(OcppVersion.V16)
    line.always_answers("DataTransfer", answer)
    with pytest.raises(NotUnderstood) as caught:
        await Speech(line, Dialects(PlainMemory())).ask(V2G)
    assert not caught.value.is_unknown, "the next such message may be answered well"
    assert len(line.said) == 1


@pytest.mark.parametrize(
    ("answer", "raised"), [(Refusal(ErrorCode.INTERNAL_ERROR), CallRefused), (Silence(), CallTimedOut)]
)
async def test_a_fault_of_the_csms_is_no_reason_to_ask_otherwise(answer: Answer, raised: type[Exception]) -> None:
    line = ScriptedLine(OcppVersion.V16)
    line.always_answers("DataTransfer", answer)
    with pytest.raises(raised):
        await Speech(line, Dialects(PlainMemory())).ask(V2G)
    assert len(line.said) == 1


async def test_a_csms_that_knows_no_dialect_is_told_of_with_its_last_word() -> None:
    line = ScriptedLine(OcppVersion.V16)
    line.always_answers("DataTransfer", UNKNOWN_VENDOR)
    with pytest.raises(NotUnderstood, match=r"dialect O: .*UnknownVendorId") as caught:
        await Speech(line, Dialects(PlainMemory())).ask(V2G)
    assert caught.value.is_unknown
    assert len(line.said) == 2


async def test_a_client_certificate_is_asked_for_by_the_whitepapers_message_first() -> None:
    line = ScriptedLine(OcppVersion.V16)
    line.always_answers("SignCertificate", {"status": "Accepted"})
    await Speech(line, Dialects(PlainMemory())).ask(CLIENT)
    assert vendors(line) == ["SignCertificate"]


async def test_once_v2g_is_spoken_in_h_the_client_certificate_is_asked_for_there_since_h_says_what_for() -> None:
    line, dialects = ScriptedLine(OcppVersion.V16), Dialects(PlainMemory())
    line.always_answers("DataTransfer", ACCEPTED)
    await Speech(line, dialects).ask(V2G)
    await Speech(line, dialects).ask(CLIENT)
    assert json.loads(str(line.said[1].payload["data"]))["typeOfCertificate"] == "ChargingStationCertificate"


async def test_a_client_certificate_refused_in_a_dialect_that_was_a_guess_is_asked_for_in_the_others() -> None:
    line, dialects = ScriptedLine(OcppVersion.V16), Dialects(PlainMemory())
    line.will_answer("DataTransfer", ACCEPTED, REJECTED)
    line.always_answers("SignCertificate", {"status": "Accepted"})
    await Speech(line, dialects).ask(V2G)
    answer = await Speech(line, dialects).ask(CLIENT)
    assert answer == SignCertificateResponse(GenericStatus.ACCEPTED)
    assert vendors(line) == ["iso15118", "iso15118", "SignCertificate"]
    assert dialects.is_known(Topic.CLIENT, Dialect.S)


async def test_a_client_certificate_refused_everywhere_is_refused() -> None:
    line = ScriptedLine(OcppVersion.V16)
    line.always_answers("DataTransfer", UNKNOWN_VENDOR)
    line.always_answers("SignCertificate", {"status": "Rejected"})
    answer = await Speech(line, Dialects(PlainMemory())).ask(CLIENT)
    assert isinstance(answer, SignCertificateResponse)
    assert answer.status is GenericStatus.REJECTED


async def test_in_2_0_1_there_is_one_dialect_and_a_trigger_of_1_6_does_not_change_that() -> None:
    line = ScriptedLine(OcppVersion.V201)
    line.always_answers("SignCertificate", {"status": "Accepted"})
    await Speech(line, Dialects(PlainMemory())).ask(V2G, dialect=Dialect.H)
    assert line.said[0].payload["certificateType"] == "V2GCertificate"
    line.always_answers("SignCertificate", Refusal(ErrorCode.NOT_IMPLEMENTED))
    with pytest.raises(NotUnderstood):
        await Speech(line, Dialects(PlainMemory())).ask(V2G)


async def test_the_dialect_in_which_it_was_asked_for_is_the_only_one() -> None:
    line = ScriptedLine(OcppVersion.V16)
    line.always_answers("DataTransfer", UNKNOWN_VENDOR)
    with pytest.raises(NotUnderstood):
        await Speech(line, Dialects(PlainMemory())).ask(CLIENT, dialect=Dialect.O)
    assert vendors(line) == ["org.openchargealliance.iso15118pnc"]


async def test_a_connection_that_ends_is_told_as_such() -> None:
    line = ScriptedLine(OcppVersion.V16)
    line.close()
    with pytest.raises(LinkClosed):
        await Speech(line, Dialects(PlainMemory())).ask(V2G)


@pytest.mark.parametrize("broken", [b"", b"\xff", b"[]", b'{"version":1,"dialects":{"v2g":"X"}}', b"[" * 9000])
async def test_what_is_remembered_unreadably_is_learned_anew(broken: bytes) -> None:
    memory = PlainMemory({"dialects": broken})
    assert Dialects(memory).order(Topic.V2G) == (Dialect.H, Dialect.O)


async def test_a_full_disk_keeps_nobody_from_asking() -> None:
    line, memory = ScriptedLine(OcppVersion.V16), PlainMemory()
    memory.full = True
    line.always_answers("DataTransfer", ACCEPTED)
    dialects = Dialects(memory)
    await Speech(line, dialects).ask(V2G)
    assert dialects.is_known(Topic.V2G, Dialect.H)


async def test_a_contract_that_the_csms_is_to_judge_is_never_shown_to_one_that_would_not_look_at_it() -> None:
    line = ScriptedLine(OcppVersion.V16)
    answer = '{"idTokenInfo":{"status":"Accepted"},"certificateStatus":"Accepted"}'
    line.always_answers("DataTransfer", {"status": "Accepted", "data": answer})
    await Speech(line, Dialects(PlainMemory())).ask(AuthorizeRequest(IdToken("DECHPC00000001")))
    await Speech(line, Dialects(PlainMemory())).ask(AuthorizeRequest(IdToken("DECHPC00000001"), "PEM"))
    assert vendors(line) == ["iso15118", "org.openchargealliance.iso15118pnc"]
