"""What each event of station, CPMS and PKI becomes in a recording: a note, a message, or nothing.

A step that stands in no table here stops the recording, so that a flow can't lose one unnoticed.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from chainpilot.cpms.model import CallState, EnrolmentState, Proof, Step, StepTaken
from chainpilot.station.model import CertificateStoreUpdateOperation
from chainpilot.station.watch import CertificateReceived, CsrMade, Disconnected, StationEvent, StoreUpdated
from chainpilot.testpki.http import Served
from flows.recording import Line, Message, Note, Party, durable

__all__ = [
    "AFTER_ANSWER",
    "AFTER_CALL",
    "AT_CONNECTION",
    "AT_DESK",
    "UNSHOWN",
    "UnknownStep",
    "lines_of_event",
    "lines_of_served",
    "lines_of_step",
]

_Facts = Mapping[str, str]

AT_DESK: Final = frozenset(
    {
        Step.REQUEST_ACCEPTED,
        Step.REQUEST_REFUSED,
        Step.MESSAGE_REFUSED,
        Step.CHARGING_REFUSED,
        Step.CALL_PROGRESS,
    },
)
"""Taken between a station's call and its answer."""
AT_CONNECTION: Final = frozenset({Step.CLIENT_CERTIFICATE_SEEN, Step.PASSWORD_CHANGED})
"""Caused by a connection alone, whatever the station says over it meanwhile."""
AFTER_ANSWER: Final = frozenset({Step.READ_BACK, Step.CALL_ANSWERED})
"""What the CPMS makes of a station's answer, while the station may go on talking."""
AFTER_CALL: Final = frozenset({Step.CALL_ENDED})
"""What a call came to, behind the last answer to it where there was one."""
UNSHOWN: Final = frozenset(
    {
        Step.JOB_TAKEN,
        Step.POSTED,
        Step.CACERTS_READ,
        Step.SIGNED_ANSWERED,
        Step.STATUS_ANSWERED,
        Step.STATUS_REFUSED,
    },
)
"""The messages beside them say the same; or, of OCSP, they are said beside a flow and not in it."""


class UnknownStep(Exception):
    """A step that no table here knows: say what it means, or that it needs no line."""


def _cpms(what: str) -> Callable[[_Facts], Note]:
    return lambda _: Note((Party.CPMS,), what)


def _disk(what: str) -> Callable[[_Facts], Note]:
    """Braces in the words name facts of the step."""
    return lambda facts: durable(Party.CPMS, what.format_map(facts))


def _saying(facts: _Facts) -> str:
    """Which message, and in which dialect, or by which OCPP where it has none."""
    return f"{facts['action']} in {facts['spoken'].replace('ocpp', 'OCPP ')}"


_STEPS: Final[Mapping[Step, Callable[[_Facts], Note]]] = {
    Step.REQUEST_ACCEPTED: _disk(f"enrolment {EnrolmentState.REQUESTED.value}, and the job to issue it"),
    Step.REQUEST_REFUSED: _disk("the refusal, {reason}"),
    Step.MESSAGE_REFUSED: _cpms("not understood"),
    Step.CHARGING_REFUSED: _cpms("may not charge"),
    Step.SUBMIT_RECORDED: _disk(f"{EnrolmentState.SUBMITTED.value}, before anything is sent"),
    Step.ANSWER_RECORDED: _disk("the PKI's answer as it came"),
    Step.CHAIN_CHECKED: _cpms("chain ordered by signature. Key, path, profile and dates hold"),
    Step.ISSUE_RECORDED: _disk(f"{EnrolmentState.ISSUED.value}, the chain, and the job to deliver it"),
    Step.POSTPONED: _disk(f"{EnrolmentState.PENDING.value}, and when to post the CSR again"),
    Step.WAITS_FOR_STATION: _disk("the job waits for the station"),
    Step.DELIVERY_RECORDED: _disk(f"{EnrolmentState.DELIVERED.value}, attempt {{attempt}}, before it is sent"),
    Step.READ_BACK: lambda facts: Note((Party.CPMS,), f"the certificate is {facts['answer']}"),
    Step.INSTALL_RECORDED: _disk(f"{EnrolmentState.INSTALLED.value}, proof {{proof}}"),
    Step.CLIENT_CERTIFICATE_SEEN: _disk(f"{EnrolmentState.INSTALLED.value}, proof {Proof.CONNECTED.value}"),
    Step.FAILED: _disk(f"{EnrolmentState.FAILED.value}, {{reason}}, retry {{retry}}"),
    Step.CALL_ORDERED: _disk(f"{{kind}} is wanted, {CallState.WAITING.value}"),
    Step.CALL_SENT: lambda facts: durable(Party.CPMS, f"{CallState.SENT.value}, {_saying(facts)}, before it is sent"),
    Step.CALL_ANSWERED: lambda facts: durable(Party.CPMS, f"the answer, {facts['answer'].partition(':')[0]}"),
    Step.CALL_PUT_OFF: _disk(f"{CallState.WAITING.value}, {{detail}}"),
    Step.CALL_ENDED: lambda facts: durable(Party.CPMS, ", ".join(filter(None, map(facts.get, ("state", "reason"))))),
    Step.CALL_PROGRESS: _disk("how far it is, {answer}"),
    Step.PASSWORD_CHANGED: _disk("the new password alone lets it in"),
}


def lines_of_step(taken: StepTaken) -> tuple[Line, ...]:
    """The note of a CPMS's step. Raises UnknownStep."""
    if taken.step in UNSHOWN:
        return ()
    note = _STEPS.get(taken.step)
    if note is None:
        raise UnknownStep(taken.step)
    return (note(taken.facts),)


def lines_of_event(event: StationEvent) -> tuple[Line, ...]:
    """What the station did; what it said is told by frames."""
    match event:
        case CsrMade():
            return (durable(Party.STATION, "a new key and its CSR"),)
        case StoreUpdated(update):
            leaf, root = update.leaf_certificate_type, update.ca_certificate_type
            what = f"the {root.value} root" if root is not None else f"the {leaf.value if leaf else ''} certificate"
            if update.operation is CertificateStoreUpdateOperation.DELETED:
                return (durable(Party.STATION, f"{what} is deleted"),)
            return (durable(Party.STATION, f"{what}, verified" if leaf is not None else what),)
        case CertificateReceived(why=why) if why is not None:
            return (Note((Party.STATION,), f"refused: {event.result.value}"),)
        case Disconnected():
            return (Note((Party.STATION, Party.CPMS), "the connection ends"),)
        case _:
            return ()


def lines_of_served(served: Served) -> tuple[Line, ...]:
    """A request at the EST server and its answer."""
    method = "POST" if served.operation == "simpleenroll" else "GET"
    answer = f"{served.status} {HTTPStatus(served.status).phrase}"
    return (
        Message(Party.CPMS, Party.PKI, f"{method} {served.label}/{served.operation}"),
        Message(Party.PKI, Party.CPMS, answer, is_answer=True),
    )
