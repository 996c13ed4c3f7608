"""One order for what may be told in several, and no frame that only one end saw."""

from collections.abc import Callable, Iterable
from itertools import permutations

import pytest

from chainpilot.cpms.model import Step, StepTaken
from chainpilot.link.watch import Direction, FrameSeen, Kind
from chainpilot.pki.identity import StationId
from chainpilot.pki.trust import LeafUse
from chainpilot.station.watch import Connected, CsrMade, Disconnected
from flows.meanings import UnknownStep
from flows.recorder import EndsDisagree, Recorder
from flows.recording import Line, Message, Note, Party

Act = Callable[[Recorder], None]


def step(which: Step, **facts: str) -> Act:
    return lambda recorder: recorder.at_cpms(StepTaken(which, StationId("CS-0001"), facts=facts))


def frame(end: Party, direction: Direction, kind: Kind, action: str, summary: str = "", *, number: str = "1") -> Act:
    seen = FrameSeen(direction=direction, kind=kind, action=action, message_id=number, size=1, summary=summary)
    return lambda recorder: recorder.at_station(seen) if end is Party.STATION else recorder.frame_at_cpms(seen)


def heard(acts: Iterable[Act]) -> tuple[Line, ...]:
    recorder = Recorder()
    for act in acts:
        act(recorder)
    return recorder.lines()


def asks() -> list[Act]:
    return [
        frame(Party.STATION, "sent", "CALL", "SignCertificate"),
        frame(Party.CPMS, "received", "CALL", "SignCertificate"),
    ]


ACCEPTED = frame(Party.CPMS, "sent", "CALLRESULT", "SignCertificate", "Accepted")
ACCEPTED_TOO = frame(Party.STATION, "received", "CALLRESULT", "SignCertificate", "Accepted")


def test_an_answer_stands_behind_its_call_however_far_the_worker_was() -> None:
    begun = [*asks(), step(Step.REQUEST_ACCEPTED)]
    at_work = [step(Step.SUBMIT_RECORDED, pki="cpo"), ACCEPTED, ACCEPTED_TOO]
    orders = {heard([*begun, *order]) for order in permutations(at_work)}
    (lines,) = orders
    assert [line.text.partition(",")[0] for line in lines] == [
        "SignCertificate",
        "on disk: enrolment Requested",
        "Accepted",
        "on disk: Submitted",
    ]


def test_a_proof_stands_behind_the_connection_that_gave_it_whoever_tells_first() -> None:
    arrival = [lambda recorder: recorder.at_station(Connected(3, "wss://x")), step(Step.STATION_CONNECTED, profile="3")]
    talk = [step(Step.CLIENT_CERTIFICATE_SEEN), *asks(), ACCEPTED]
    orders = {heard([*first, *then]) for first in permutations(arrival) for then in ([*talk], [*talk[1:], talk[0]])}
    (lines,) = orders
    assert [line.text for line in lines[:3]] == [
        "WebSocket, security profile 3 (mutual TLS)",
        "on disk: Installed, proof connected",
        "SignCertificate",
    ]


def test_the_frame_is_that_of_whoever_saw_it_first() -> None:
    late = [asks()[1], asks()[0], step(Step.REQUEST_ACCEPTED), ACCEPTED_TOO, ACCEPTED]
    assert heard(late) == heard([*asks(), step(Step.REQUEST_ACCEPTED), ACCEPTED, ACCEPTED_TOO])


def test_a_message_inside_data_transfer_has_a_status_of_its_own() -> None:
    recorder = Recorder()
    frame(Party.CPMS, "sent", "CALL", "DataTransfer", "iso15118/CertificateSigned")(recorder)
    recorder.said("CertificateSigned", "Rejected")
    frame(Party.CPMS, "received", "CALLRESULT", "DataTransfer", "Accepted")(recorder)
    assert recorder.lines() == (
        Message(Party.CPMS, Party.STATION, "DataTransfer iso15118/CertificateSigned"),
        Message(Party.STATION, Party.CPMS, "Accepted, inside Rejected", is_answer=True),
    )


def test_a_refusal_of_the_frame_is_told_as_one() -> None:
    (_, answer) = heard([*asks(), frame(Party.CPMS, "sent", "CALLERROR", "SignCertificate", "NotSupported")])
    assert answer.text == "CALLERROR NotSupported"


def test_what_a_call_came_to_stands_behind_its_answer_however_far_the_station_was() -> None:
    call = {"call": "7", "kind": "TriggerMessage"}
    begun = [
        step(Step.CALL_SENT, action="TriggerMessage", spoken="S", **call),
        frame(Party.CPMS, "sent", "CALL", "ExtendedTriggerMessage"),
        frame(Party.CPMS, "received", "CALLRESULT", "ExtendedTriggerMessage", "Accepted"),
        step(Step.CALL_ANSWERED, action="TriggerMessage", answer="Accepted: because", **call),
    ]
    station = [lambda recorder: recorder.at_station(CsrMade(LeafUse.CSMS, "CS-0001"))]
    end = step(Step.CALL_ENDED, state="Done", **call)
    orders = {heard([*begun, *order]) for order in ([end, *station], [*station, end])}
    (lines,) = orders
    assert [line.text for line in lines[2:]] == [
        "Accepted",
        "on disk: the answer, Accepted",
        "on disk: Done",
        "on disk: a new key and its CSR",
    ]


def test_a_call_that_was_never_said_ends_where_it_stands() -> None:
    call = {"call": "7", "kind": "Reset"}
    lines = heard(
        [step(Step.CALL_ORDERED, **call), step(Step.CALL_ENDED, state="Failed", reason="CallExpired", **call)]
    )
    assert [line.text for line in lines] == ["on disk: Reset is wanted, Waiting", "on disk: Failed, CallExpired"]


@pytest.mark.anyio
async def test_what_another_page_shows_is_left_out_with_its_words() -> None:
    recorder = Recorder()
    for act in (*asks(), ACCEPTED, ACCEPTED_TOO):
        act(recorder)
    recorder.said("SignCertificate", "a word of what is left out")
    await recorder.leave_out("an earlier talk")
    frame(Party.CPMS, "sent", "CALL", "DataTransfer", "iso15118/SignCertificate", number="2")(recorder)
    frame(Party.CPMS, "received", "CALLRESULT", "DataTransfer", "Accepted", number="2")(recorder)
    assert [line.text for line in recorder.lines()] == [
        "an earlier talk",
        "DataTransfer iso15118/SignCertificate",
        "Accepted",
    ]


@pytest.mark.anyio
async def test_a_frame_that_only_one_end_saw_is_no_recording() -> None:
    recorder = Recorder()
    asks()[0](recorder)
    with pytest.raises(EndsDisagree):
        await recorder.until_ends_agree(patience=0.01)


def test_a_step_without_a_meaning_stops_the_recording() -> None:
    with pytest.raises(UnknownStep):
        heard([step(Step.OUTCOME_UNKNOWN)])


def test_the_end_of_a_connection_is_told() -> None:
    assert heard([lambda recorder: recorder.at_station(Disconnected("gone"))]) == (
        Note((Party.STATION, Party.CPMS), "the connection ends"),
    )
