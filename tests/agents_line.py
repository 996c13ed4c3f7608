"""A conversation with a CSMS whose every answer a test writes: `agent.ports.Line` without a socket."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from chainpilot.link.faults import CallRefused, CallTimedOut, LinkClosed
from chainpilot.wire.ocppj.frames import ErrorCode
from chainpilot.wire.version import OcppVersion

__all__ = ["HELD", "Answer", "Held", "Refusal", "Said", "ScriptedLine", "Silence"]

PATIENCE: Final = 10.0
"""Seconds that a test waits for something to be said; only a test that fails waits so long."""


@dataclass(frozen=True, slots=True)
class Said:
    """A call of the station's as the CSMS heard it."""

    action: str
    payload: dict[str, object]
    answer_timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Answered with CALLERROR."""

    code: ErrorCode
    description: str = ""


@dataclass(frozen=True, slots=True)
class Silence:
    """Not answered in time, which costs no time here; `sent` as in CallTimedOut."""

    sent: bool = True


@dataclass(frozen=True, slots=True)
class Held:
    """Answered when the test says so, by `release`, or never: the connection may end under it."""


HELD: Final = Held()
Answer = Mapping[str, object] | Refusal | Silence | Held | Callable[[Said], Mapping[str, object]]
"""What becomes of a call: a CALLRESULT's payload, or a function that makes it, or one of the others."""


class ScriptedLine:
    """Answers each call with the next answer written for its action, then with the lasting one, else with `{}`."""

    def __init__(self, version: OcppVersion = OcppVersion.V201) -> None:
        self._version = version
        self._next: defaultdict[str, deque[Answer]] = defaultdict(deque)
        self._lasting: dict[str, Answer] = {}
        self._unheard: asyncio.Queue[Said] = asyncio.Queue()
        self._held: deque[asyncio.Future[Answer]] = deque()
        self._open = True
        self.said: list[Said] = []
        """Everything that reached the CSMS, in order."""

    @property
    def version(self) -> OcppVersion:
        """Whose messages are spoken."""
        return self._version

    def will_answer(self, action: str, *answers: Answer) -> None:
        """Answer the next calls of that action so, one each."""
        self._next[action].extend(answers)

    def always_answers(self, action: str, answer: Answer) -> None:
        """Answer every call of that action so for which nothing else is written."""
        self._lasting[action] = answer

    async def call(self, action: str, payload: Mapping[str, object], *, answer_timeout: float | None = None) -> object:
        """Hear the call, which must be JSON, and answer it as the test wrote."""
        if not self._open:
            raise LinkClosed(action, sent=False, code=1006)
        said = Said(action, msgspec.json.decode(msgspec.json.encode(payload), type=dict[str, object]), answer_timeout)
        self.said.append(said)
        self._unheard.put_nowait(said)
        answers = self._next[action]
        answer = answers.popleft() if answers else self._lasting.get(action, {})
        if isinstance(answer, Held):
            held: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            self._held.append(held)
            answer = await held
        await asyncio.sleep(0)  # an answer is never there before others had their turn
        if not self._open:
            raise LinkClosed(action, sent=True, code=1006)
        return _given(answer, said)

    async def heard(self, action: str | None = None) -> Said:
        """The next call that no test has looked at yet; of that action, where one is named."""
        async with asyncio.timeout(PATIENCE):
            said = await self._unheard.get()
        assert action in (None, said.action), f"{said.action} was said, and not {action}"
        return said

    @property
    def is_silent(self) -> bool:
        """Whether nothing was said that no test has looked at."""
        return self._unheard.empty()

    def release(self, answer: Answer) -> None:
        """Answer the oldest call that is held and that its caller still waits for."""
        while (held := self._held.popleft()).done():
            pass
        held.set_result(answer)

    def close(self) -> None:
        """End the connection: calls under way and later ones end by LinkClosed."""
        self._open = False
        while self._held:
            held = self._held.popleft()
            if not held.done():
                held.set_result({})


def _given(answer: Answer, said: Said) -> object:
    match answer:
        case Refusal(code, description):
            raise CallRefused(said.action, code, description)
        case Silence(sent):
            raise CallTimedOut(said.action, sent=sent)
        case Held():
            raise AssertionError("a call that is released needs an answer")
        case Mapping():
            return dict(answer)
        case _:
            return dict(answer(said))
