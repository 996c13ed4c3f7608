"""Takes down what the parts tell anybody who watches, in one order that is the same in every run.

Everything happens in one event loop, so whatever causes something is told before it. What does not wait for each other
is told in any order, and is put in one here:

* both ends tell of a connection and its frames; the first to tell counts;
* a station's call is followed by its answer, which never waits for the worker;
* what a client certificate proves stands behind the connection that showed it;
* what the CPMS makes of an answer stands behind that answer, and so does what a call of its own came to.

What an agent says beside every flow, and at any time, is left out: security events, OCSP requests, heartbeats.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from chainpilot.cpms.model import Step, StepTaken
from chainpilot.link.watch import FrameSeen
from chainpilot.station.watch import Connected, StationEvent
from chainpilot.testpki.http import Served
from flows.meanings import (
    AFTER_ANSWER,
    AFTER_CALL,
    AT_CONNECTION,
    AT_DESK,
    UnknownStep,
    lines_of_event,
    lines_of_served,
    lines_of_step,
)
from flows.recording import Line, Message, Note, Party

__all__ = ["EndsDisagree", "Recorder"]

_PATIENCE = 20.0
"""Seconds until something counts as never happening."""
_BESIDE = frozenset({"GetCertificateStatus", "Heartbeat", "SecurityEventNotification"})
_PROFILES = {"1": "password", "2": "TLS, password", "3": "mutual TLS"}


class EndsDisagree(Exception):
    """The two ends of a connection saw different frames."""


@dataclass
class _Exchange:
    """A call and its answer."""

    caller: Party
    name: str
    """The message: a DataTransfer's messageId, or the action."""
    text: str
    carried: bool
    inside: list[Line] = field(default_factory=list)
    """What the desk did before it answered."""
    answer: str | None = None

    @property
    def callee(self) -> Party:
        """Who answers."""
        return Party.CPMS if self.caller is Party.STATION else Party.STATION


@dataclass
class _Answered:
    """The place of the answer to a CPMS's call."""

    exchange: _Exchange
    after: list[Line] = field(default_factory=list)
    """What the CPMS made of it."""


@dataclass
class _Visit:
    """A connection."""

    profile: str
    inside: list[Line] = field(default_factory=list)


_Happening = Line | _Exchange | _Answered | _Visit


class Recorder:
    """Hears station, CPMS and PKI; `lines` tells."""

    def __init__(self) -> None:
        self.steps: list[StepTaken] = []
        self.hears_agent = False
        """Whether the station is an agent, which says some things by itself at any time."""
        self._unknown: UnknownStep | None = None
        self._order: list[_Happening] = []
        self._exchanges: dict[str, _Exchange] = {}
        self._frames: dict[Party, set[tuple[str | None, str]]] = defaultdict(set)
        self._words: dict[str, list[str]] = defaultdict(list)
        self._visits: list[_Visit] = []
        self._calls: dict[str, _Answered] = {}
        """The last answer to each call."""
        self._arrivals: dict[Party, int] = defaultdict(int)
        self._more = asyncio.Event()

    # What the parts tell

    def at_cpms(self, taken: StepTaken) -> None:
        """A step of the CPMS; one without a meaning is not raised there, where it would be the step's failure."""
        self.steps.append(taken)
        if taken.step is Step.STATION_CONNECTED:
            self._arrive(Party.CPMS, taken.facts["profile"])
        else:
            try:
                self._place_of(taken).extend(lines_of_step(taken))
            except UnknownStep as unknown:
                self._unknown = unknown
        self._more.set()

    def frame_at_cpms(self, frame: FrameSeen) -> None:
        """A frame at the CPMS's end."""
        self._frame(Party.CPMS, frame)

    def at_station(self, event: StationEvent) -> None:
        """An event of the station, its frames among them."""
        if isinstance(event, FrameSeen):
            self._frame(Party.STATION, event)
        elif isinstance(event, Connected):
            self._arrive(Party.STATION, str(event.profile))
        else:
            self._order.extend(lines_of_event(event))
        self._more.set()

    def at_pki(self, served: Served) -> None:
        """An answer of the PKI."""
        if served.server == "est":
            self._order.extend(lines_of_served(served))

    def said(self, name: str, word: str) -> None:
        """The status that an answer to the message `name` carried, as the station read or wrote it.

        Frames tell the status of a DataTransfer and not of the message inside. One call for one answer, in order.
        """
        self._words[name].append(word)

    def note(self, over: Party, text: str) -> None:
        """What the scenario itself did."""
        self.tell(Note((over,), text))

    def tell(self, line: Line) -> None:
        """A line as it stands."""
        self._order.append(line)

    async def leave_out(self, text: str) -> None:
        """Instead of all that was told so far this note stands: another page shows it. Raises EndsDisagree."""
        await self.until_ends_agree()
        self._order[:] = [Note((Party.STATION, Party.CPMS), text)]
        self._words.clear()

    # Waiting

    async def until(self, step: Step, times: int = 1, **facts: str) -> None:
        """Wait until the CPMS has taken that step so often, with these facts among its own."""
        await self._wait(lambda: sum(_is(taken, step, facts) for taken in self.steps) >= times)

    async def until_ends_agree(self, patience: float = _PATIENCE) -> None:
        """Wait until both ends have told every frame. Raises EndsDisagree when that takes more seconds."""
        try:
            await self._wait(lambda: self._frames[Party.STATION] == self._frames[Party.CPMS], patience)
        except TimeoutError as error:
            raise EndsDisagree(self._frames[Party.STATION] ^ self._frames[Party.CPMS]) from error

    async def _wait(self, happened: Callable[[], bool], patience: float = _PATIENCE) -> None:
        async with asyncio.timeout(patience):
            while not happened():
                self._complain()
                self._more.clear()
                await self._more.wait()

    # What came of it

    def lines(self) -> tuple[Line, ...]:
        """Everything so far, in its order. Raises UnknownStep."""
        self._complain()
        words = {name: iter(said) for name, said in self._words.items()}
        return tuple(line for happened in self._order for line in _lines_of(happened, words))

    def _complain(self) -> None:
        if self._unknown is not None:
            raise self._unknown

    def _place_of(self, taken: StepTaken) -> list[Line] | list[_Happening]:
        if taken.step in AT_DESK:
            return self._open_exchange().inside
        if taken.step in AT_CONNECTION:
            return self._visits[-1].inside
        if taken.step in AFTER_ANSWER:
            answered = self._last_answered()
            if taken.step is Step.CALL_ANSWERED:
                self._calls[taken.facts["call"]] = answered
            return answered.after
        is_delivery = taken.facts.get("kind") == "SendCertificate"  # what its enrolment came to stands before it
        if taken.step in AFTER_CALL and taken.facts["call"] in self._calls and not is_delivery:
            return self._calls[taken.facts["call"]].after
        return self._order

    def _last_answered(self) -> _Answered:
        *_, last = (one for one in self._order if isinstance(one, _Answered))
        return last

    def _arrive(self, told_by: Party, profile: str) -> None:
        """Both ends tell that there is a connection; whoever is the first begins a visit."""
        self._arrivals[told_by] += 1
        if self._arrivals[told_by] > len(self._visits):
            visit = _Visit(profile)
            self._visits.append(visit)
            self._order.append(visit)

    def _frame(self, told_by: Party, frame: FrameSeen) -> None:
        seen = (frame.message_id, frame.kind)
        known = any(seen in frames for frames in self._frames.values())
        self._frames[told_by].add(seen)
        self._more.set()
        if known:
            return
        other = Party.STATION if told_by is Party.CPMS else Party.CPMS
        sender = told_by if frame.direction == "sent" else other
        if frame.kind == "CALL":
            self._call(sender, frame)
        else:
            self._answer(frame)

    def _call(self, sender: Party, frame: FrameSeen) -> None:
        action = frame.action or "?"
        text = f"{action} {frame.summary}" if frame.summary else action
        name = frame.summary.rsplit("/", 1)[-1] or action
        exchange = _Exchange(sender, name, text, carried=bool(frame.summary))
        self._exchanges[frame.message_id or ""] = exchange
        if not self._is_beside(exchange):
            self._order.append(exchange)

    def _is_beside(self, exchange: _Exchange) -> bool:
        return self.hears_agent and exchange.caller is Party.STATION and exchange.name in _BESIDE

    def _answer(self, frame: FrameSeen) -> None:
        exchange = self._exchanges[frame.message_id or ""]
        exchange.answer = frame.summary if frame.kind == "CALLRESULT" else f"{frame.kind} {frame.summary}"
        if exchange.caller is Party.CPMS:
            self._order.append(_Answered(exchange))

    def _open_exchange(self) -> _Exchange:
        """The station's call that is being answered: it asks one at a time."""
        *_, last = (
            one
            for one in self._exchanges.values()
            if one.caller is Party.STATION and one.answer is None and not self._is_beside(one)
        )
        return last


def _is(taken: StepTaken, step: Step, facts: Mapping[str, str]) -> bool:
    return taken.step is step and facts.items() <= taken.facts.items()


def _lines_of(happened: _Happening, words: dict[str, Iterator[str]]) -> Iterator[Line]:
    match happened:
        case _Visit():
            how = f"WebSocket, security profile {happened.profile} ({_PROFILES[happened.profile]})"
            yield Message(Party.STATION, Party.CPMS, how)
            yield from happened.inside
        case _Exchange():
            yield Message(happened.caller, happened.callee, happened.text)
            yield from happened.inside
            if happened.caller is Party.STATION and happened.answer is not None:
                yield _answer_of(happened, words)
        case _Answered():
            yield _answer_of(happened.exchange, words)
            yield from happened.after
        case _:
            yield happened


def _answer_of(exchange: _Exchange, words: dict[str, Iterator[str]]) -> Message:
    word = next(words.get(exchange.name, iter(())), "")
    said = exchange.answer or word
    text = f"{said}, inside {word}" if exchange.carried and word else said
    return Message(exchange.callee, exchange.caller, text, is_answer=True)
