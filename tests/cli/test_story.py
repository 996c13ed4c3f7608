"""What events become lines, and whose failures are the demo's."""

import pytest

from chainpilot.cli.demo import SCRIPT
from chainpilot.cli.demo.story import _GUEST_STEPS, _STEPS, Story
from chainpilot.cli.demo.timeline import DemoFailed, DemoTooSlow, Line, Timeline
from chainpilot.cpms.model import Step, StepTaken
from chainpilot.link.watch import FrameSeen
from chainpilot.pki.identity import StationId
from chainpilot.pki.trust import LeafUse
from chainpilot.station.watch import ConnectFailed, SignCertificateAnswered
from clocks import SetClock

OWN, GUEST = StationId("BER-0001"), StationId("BER-0002")


class Stage:
    """A timeline whose lines are kept, and a story that tells into it."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.timeline = Timeline(SetClock(), self.lines.append)
        self.story = Story(self.timeline, OWN)


def taken(step: Step, station: StationId | None, **facts: str) -> StepTaken:
    return StepTaken(step, station, use=LeafUse.V2G, facts=facts)


@pytest.mark.parametrize("step", [Step.FAILED, Step.REQUEST_REFUSED, Step.OUTCOME_UNKNOWN, Step.MESSAGE_REFUSED])
async def test_a_failure_of_the_demo_s_own_station_ends_the_demo_with_its_reason(step: Step) -> None:
    stage = Stage()
    stage.story.of_cpms(taken(step, OWN, reason="LeafKeyMismatch", detail="another key"))
    with pytest.raises(DemoFailed, match="LeafKeyMismatch: another key"):
        await stage.timeline.until("v2g.recorded")


@pytest.mark.parametrize(
    "step",
    [Step.FAILED, Step.REQUEST_REFUSED, Step.OUTCOME_UNKNOWN, Step.MESSAGE_REFUSED, Step.CHARGING_REFUSED],
)
def test_a_guest_s_failure_is_told_as_its_own_and_does_not_end_the_demo(step: Step) -> None:
    stage = Stage()
    stage.story.of_cpms(taken(step, GUEST, reason="CsrNameMismatch", detail="not its name"))
    (line,) = stage.lines
    assert line.ok
    assert line.what.startswith("BER-0002: refused: CsrNameMismatch")
    assert line.wire == "not its name"
    assert line.mark.startswith("guest.")


@pytest.mark.parametrize("name", [OWN, GUEST, None])
def test_whoever_was_turned_away_is_told_and_is_no_failure_of_the_demo(name: StationId | None) -> None:
    stage = Stage()
    stage.story.of_cpms(taken(Step.TURNED_AWAY, name, reason="wrong password"))
    assert stage.lines[0].ok
    assert "refused: wrong password" in stage.lines[0].what


def test_a_guest_s_connection_is_told_and_the_own_station_s_is_told_by_itself() -> None:
    stage = Stage()
    stage.story.of_cpms(taken(Step.STATION_CONNECTED, GUEST, profile="2"))
    stage.story.of_cpms(taken(Step.STATION_CONNECTED, OWN, profile="2"))
    assert [line.what for line in stage.lines] == ["BER-0002: connected, security profile 2"]


def test_a_call_and_its_answer_stand_behind_the_step_they_carried() -> None:
    stage = Stage()
    for direction, kind, size in (("sent", "CALL", 700), ("received", "CALLRESULT", 99)):
        stage.story.of_station(
            FrameSeen(
                direction=direction,  # type: ignore[arg-type]  # - a literal out of a table
                kind=kind,  # type: ignore[arg-type]  # - a literal out of a table
                action="DataTransfer",
                message_id="1",
                size=size,
                summary="iso15118/SignCertificate" if kind == "CALL" else "Accepted",
            )
        )
    stage.story.of_station(SignCertificateAnswered(LeafUse.V2G, "DE*CHP*E1", accepted=True))
    assert stage.lines[0].wire == "iso15118/SignCertificate 700 B, answer 99 B"


async def test_a_station_that_can_not_connect_ends_the_demo() -> None:
    stage = Stage()
    stage.story.of_station(ConnectFailed(2, "wss://x", "the certificate is for another name"))
    with pytest.raises(DemoFailed, match="another name"):
        await stage.timeline.until("booted")


async def test_a_step_that_does_not_come_is_waited_for_no_longer_than_asked() -> None:
    with pytest.raises(DemoTooSlow, match="booted"):
        await Stage().timeline.until("booted", seconds=0.01)


def test_every_step_of_the_cpms_is_told_or_left_out_on_purpose() -> None:
    # the demo wants nothing of its station
    of_calls = {step for step in Step if step.name.startswith("CALL_")} | {Step.PASSWORD_CHANGED}
    left_out = {
        Step.JOB_TAKEN,
        Step.POSTED,
        Step.CACERTS_READ,
        Step.DELIVERY_RECORDED,
        Step.POSTPONED,
        Step.PUT_OFF,
        Step.WAITS_FOR_STATION,
    }
    assert set(Step) - set(_STEPS) - set(_GUEST_STEPS) == left_out | of_calls
    assert len(SCRIPT) == len(set(SCRIPT))
