"""What is said to a station for one call: each message recorded before it is sent, each answer when it came.

A message that the station does not know is said in the next dialect that has words for it; a word that it refuses once
more in the spelling of the standard's misprint (pnc-messages.md section 3 rows 1 and 2). What it then understands is
remembered.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from chainpilot.cpms.calls.facts import action_of, answer_of, facts_of
from chainpilot.cpms.enrolment import Office
from chainpilot.cpms.model import CallEvent, Entry, Exchange, Reason, StationCall, StationRecord, Step, StepTaken
from chainpilot.cpms.ports import NotSpoken, StationRefused, StationUndecided
from chainpilot.errors import OwnError
from chainpilot.wire.ocppj.frames import UnwritableFrameError
from chainpilot.wire.pnc.codec import misspelling
from chainpilot.wire.pnc.dialects import CarrierStatus, Dialect
from chainpilot.wire.pnc.fields import Quirk
from chainpilot.wire.pnc.messages import PncRequest, PncResponse, TriggerMessageResponse
from chainpilot.wire.pnc.words import TriggerMessageStatus
from chainpilot.wire.schema import Message, UnwritableMessageError
from chainpilot.wire.version import OcppVersion

__all__ = ["Conversation", "Hopeless", "tell_call"]

_UNKNOWN_WORD: Final = frozenset({TriggerMessageStatus.REJECTED, TriggerMessageStatus.NOT_IMPLEMENTED})
_A = TypeVar("_A", bound=PncResponse | Message)


class Hopeless(OwnError):
    """A call can't be done, and saying it again would not help. `reason` its code, `detail` a sentence."""

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason.value}: {detail}")


def tell_call(office: Office, step: Step, call: StationCall, **facts: str) -> None:
    """Tell the watcher a step of a call."""
    known = {"call": str(call.call_id), "kind": type(call.demand).__name__, **facts}
    office.watch(StepTaken(step, call.station_id, facts=known))


class Conversation:
    """Asks the station of one call; `call` is its record as it was written last."""

    def __init__(self, office: Office, call: StationCall) -> None:
        self.office = office
        self.call = call
        self.asked_in: Dialect | None = None
        """The dialect of the last question."""
        self._strange: set[Dialect] = set()

    async def station(self) -> StationRecord:
        """The station's record, read anew. Raises LedgerFailed; Hopeless if it was removed."""
        record = await self.office.ledger.station(self.call.station_id)
        if record is None:
            raise Hopeless(Reason.CALL_REFUSED, "the station's record was removed")
        return record

    @property
    def version(self) -> OcppVersion:
        """Of the station's connection. Raises StationUndecided."""
        return self.office.links.version(self.call.station_id)

    async def ask(self, request: PncRequest) -> PncResponse:
        """The station's answer, asked in the first dialect that it serves.

        Raises StationRefused, StationUndecided, NotSpoken, LedgerFailed, LedgerConflict.
        """
        refused: list[StationRefused] = []
        for dialect in self.office.links.dialects(self.call.station_id, request):
            if dialect in self._strange:
                continue
            self.asked_in = dialect
            try:
                return await self._ask_in(dialect, request)
            except StationRefused as error:
                if not error.is_unserved:
                    raise
                if error.status is CarrierStatus.UNKNOWN_VENDOR_ID:
                    self._strange.add(dialect)
                refused.append(error)
        whys = "; ".join(dict.fromkeys(error.why for error in refused))
        raise StationRefused(whys or "it knows no dialect that has words for this", is_unserved=True)

    async def _ask_in(self, dialect: Dialect, request: PncRequest) -> PncResponse:
        """Asked in the spelling that the station is known to read, and once more in the other."""
        quirks = (await self.station()).quirks
        word = misspelling(request, dialect)
        try:
            first = await self._say(request, dialect, quirks)
        except StationRefused as refused:
            if word is None or refused.status is not CarrierStatus.REJECTED:
                raise
            second = await self._say_otherwise(request, dialect, quirks ^ {word})
            if second is None:
                raise
            return second
        await self._learn_dialect(dialect)
        if word is None or not _is_unknown_word(first):
            return first
        return await self._say_otherwise(request, dialect, quirks ^ {word}) or first

    async def tell(self, message: Message) -> Message:
        """The station's answer to one of OCPP's own messages.

        Raises StationRefused, StationUndecided, NotSpoken, UnwritableMessageError, LedgerFailed, LedgerConflict.
        """
        link, station_id = self.office.links, self.call.station_id
        return await self._exchange(
            action_of(message), self.version.value, facts_of(message), lambda: link.tell(station_id, message)
        )

    async def _say(self, request: PncRequest, dialect: Dialect, quirks: frozenset[Quirk]) -> PncResponse:
        link, station_id = self.office.links, self.call.station_id
        word = misspelling(request, dialect)
        spelled = {"spelling": word.value} if word is not None and word in quirks else {}
        facts = {**facts_of(request), **spelled}
        return await self._exchange(
            action_of(request), dialect.value, facts, lambda: link.ask(station_id, request, quirks, dialect)
        )

    async def _say_otherwise(
        self, request: PncRequest, dialect: Dialect, quirks: frozenset[Quirk]
    ) -> PncResponse | None:
        """The answer to the other spelling, which is remembered; None: refused too, so the first answer stands."""
        try:
            response = await self._say(request, dialect, quirks)
        except StationRefused:
            return None
        if _is_unknown_word(response):
            return None
        await self.office.ledger.note_quirks(self.call.station_id, quirks)
        await self._learn_dialect(dialect)
        return response

    async def _learn_dialect(self, dialect: Dialect) -> None:
        known = self.office.links.note(self.call.station_id, dialect)
        if known is not None:
            await self.office.ledger.note_dialects(self.call.station_id, known)

    async def _exchange(
        self, action: str, spoken: str, facts: Mapping[str, str], send: Callable[[], Awaitable[_A]]
    ) -> _A:
        at = self.office.clock.now()
        begun = Exchange(action, spoken, at, facts)
        await self._record(replace(self.call.after(CallEvent.SEND, at), exchanges=(*self.call.exchanges, begun)))
        tell_call(self.office, Step.CALL_SENT, self.call, action=action, spoken=spoken)
        try:
            response = await send()
        except StationRefused as refused:
            await self._answered(refused.why)
            raise
        except StationUndecided as doubt:
            if not doubt.sent:
                await self._answered(f"not sent: {doubt.why}")
            raise
        except (NotSpoken, UnwritableFrameError, UnwritableMessageError) as unsaid:
            await self._answered(f"not sent: {unsaid}")
            raise
        await self._answered(answer_of(response))
        return response

    async def _answered(self, said: str) -> None:
        at = self.office.clock.now()
        *others, last = self.call.exchanges
        answered = replace(last, answered_at=at, answer=said)
        await self._record(replace(self.call.after(CallEvent.ANSWER, at), exchanges=(*others, answered)))
        tell_call(self.office, Step.CALL_ANSWERED, self.call, action=last.action, answer=said)

    async def _record(self, call: StationCall) -> None:
        await self.office.ledger.commit(Entry(calls=(call,)))
        self.call = call


def _is_unknown_word(response: PncResponse) -> bool:
    return isinstance(response, TriggerMessageResponse) and response.status in _UNKNOWN_WORD
