"""One connection's conversation: boot, then everything that is to be said, until the line ends.

What runs beside it without a connection is `agent`'s.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from chainpilot.link.faults import LinkClosed
from chainpilot.link.ocpp import Answer
from chainpilot.station.agent.answers import Answers
from chainpilot.station.agent.flows import Flows
from chainpilot.station.agent.ports import Line
from chainpilot.station.agent.presence import Unanswered
from chainpilot.station.agent.rerouting import Rerouting
from chainpilot.station.agent.speech import Speech

__all__ = ["Conversation"]

_log = logging.getLogger(__name__)


class Conversation:
    """What the agent says and answers over one line.

    Args:
        line: open when `run` is called.
        flows: the agent's.
        boots: whether the agent itself boots and sends heartbeats; a station of another maker does so on its own.
        on_accepted: awaited when the CSMS has accepted the station, before anything else is said.
    """

    def __init__(
        self,
        line: Line,
        flows: Flows,
        *,
        boots: bool = True,
        on_accepted: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._line = line
        self._flows = flows
        self._boots = boots
        self._on_accepted = on_accepted
        self._has_booted = not boots
        self._taken_in = asyncio.Event()
        """Set unless the CSMS's acceptance is just being taken in."""
        self._taken_in.set()
        self._rerouting = Rerouting(flows.host, flows.clock)
        self._answers = Answers(flows, lambda: line, self._rerouting)

    async def answer(self, action: str, payload: object) -> Answer:
        """The answer to a call of the CSMS; raises RpcFault for a CALLERROR.

        One that follows the acceptance is answered by what that made of the station: SecurityProfile is the new one.
        """
        if not self._has_booted:
            await asyncio.sleep(0)  # the acceptance may have been read just now, and waits for its turn
            await self._taken_in.wait()
        return await self._answers.answer(self._line.version, action, payload)

    async def run(self) -> None:
        """Say what there is to be said; returns when the line has ended."""
        tasks = [asyncio.ensure_future(one) for one in (self._talk(), self._rerouting.attend())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _talk(self) -> None:
        try:
            interval = await self._flows.presence.boot(self._line) if self._boots else None
            await self._take_in()
            speech = Speech(self._line, self._flows.dialects)
            with self._flows.voices.heard_over(speech):
                await self._attend(speech, interval)
        except LinkClosed:
            return
        except Unanswered as silence:
            _log.warning("the connection is made anew: %s", silence)
            await self._flows.host.reconnect(str(silence))

    async def _take_in(self) -> None:
        self._taken_in.clear()
        try:
            if self._on_accepted is not None:
                await self._on_accepted()
            self._has_booted = True
        finally:
            self._taken_in.set()

    async def _attend(self, speech: Speech, interval: int | None) -> None:
        flows, line = self._flows, self._line
        work: list[Awaitable[None]] = [
            flows.report.attend(line),
            flows.signing.attend(speech),
            flows.upkeep.attend(speech),
            flows.logs.attend(line),
            flows.firmware.attend(line),
        ]
        if interval is not None:
            work.append(flows.presence.attend(line, interval))
        tasks = [asyncio.ensure_future(one) for one in work]
        try:
            done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            while waiting and not any(task.exception() for task in done):
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION)
            failed = [error for task in done if (error := task.exception()) is not None]
            raise next((error for error in failed if not isinstance(error, LinkClosed)), failed[0])
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
