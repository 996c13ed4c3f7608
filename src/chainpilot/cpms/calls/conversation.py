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
from chainpilot.wire.pnc.codec import misspelling
from chainpilot.wire.pnc.dialects import CarrierStatus, Dialect
from chainpilot.wire.pnc.fields import Quirk
from chainpilot.wire.pnc.messages import PncRequest, PncResponse, TriggerMessageResponse
from chainpilot.wire.pnc.words import TriggerMessageStatus
from chainpilot.wire.schema import Message
from chainpilot.wire.version import OcppVersion

__all__ = ["Conversation", "Hopeless", "tell_call"]

_UNKNOWN_WORD: Final = frozenset({TriggerMessageStatus.REJECTED, TriggerMessageStatus.NOT_IMPLEMENTED})
_NOTHING: Final[Mapping[Dialect, PncRequest]] = {}
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
    """Asks the station of one call.

    Args:
        office: the use cases' surroundings.
        call: its record as it was written last.
        is_secret: a secret is said, so of what the station says freely nothing is kept: it may repeat it.
    """

    def __init__(self, office: Office, call: StationCall, *, is_secret: bool = False) -> None:
        self.office = office
        self.call = call
        self._is_secret = is_secret
        self.asked_in: Dialect | None = None
        """The dialect of the last question."""
        self.findings: Mapping[str, object] = {}
        """What was found so far, for a call that does not end well."""
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

    def shown(self, said: str) -> str:
        """What may be kept of what was said; of a secret's answer its first word: the status, or the error's code."""
        return said.partition(":")[0] if self._is_secret else said

    async def ask(self, request: PncRequest, instead: Mapping[Dialect, PncRequest] = _NOTHING) -> PncResponse:
        """The station's answer, asked in the first dialect that it serves.

        A station that was never heard in a dialect may refuse its messages with any CALLERROR; then the next is tried.

        Args:
            request: what is asked.
            instead: what is asked instead in some dialects.

        Raises:
            StationRefused, StationUndecided, NotSpoken, LedgerFailed, LedgerConflict.
        """
        refused: list[StationRefused] = []
        doubts: list[StationUndecided] = []
        heard = (await self.station()).dialects
        for dialect in self.office.links.dialects(self.call.station_id, request):
            if dialect in self._strange:
                continue
            self.asked_in = dialect
            try:
                return await self._ask_in(dialect, instead.get(dialect, request))
            except StationRefused as error:
                if not error.is_unserved:
                    raise
                if error.status is CarrierStatus.UNKNOWN_VENDOR_ID:
                    self._strange.add(dialect)
                refused.append(error)
            except StationUndecided as doubt:
                if not doubt.is_answered or dialect in heard:
                    raise
                doubts.append(doubt)
        if doubts:
            raise doubts[0]
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

    async def tell(self, message: Message, **facts: str) -> Message:
        """The station's answer to one of OCPP's own messages; `facts` are recorded beside the message's own.

        Raises StationRefused, StationUndecided, NotSpoken, LedgerFailed, LedgerConflict.
        """
        link, station_id = self.office.links, self.call.station_id
        known = {**facts_of(message), **facts}
        return await self._exchange(
            action_of(message), self.version.value, known, lambda: link.tell(station_id, message)
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
            if doubt.is_answered:
                await self._answered(doubt.why, is_unusable=True)
            elif not doubt.sent:
                await self._answered(f"not sent: {doubt.why}", is_unsent=True)
            raise
        except NotSpoken as unsaid:
            await self._answered(f"not sent: {unsaid}", is_unsent=True)
            raise
        await self._answered(answer_of(response))
        return response

    async def _answered(self, said: str, *, is_unsent: bool = False, is_unusable: bool = False) -> None:
        at, said = self.office.clock.now(), self.shown(said)
        *others, last = self.call.exchanges
        answered = replace(last, answered_at=at, answer=said, is_unsent=is_unsent, is_unusable=is_unusable)
        await self._record(replace(self.call.after(CallEvent.ANSWER, at), exchanges=(*others, answered)))
        tell_call(self.office, Step.CALL_ANSWERED, self.call, action=last.action, answer=said)

    async def _record(self, call: StationCall) -> None:
        await self.office.ledger.commit(Entry(calls=(call,)))
        self.call = call


def _is_unknown_word(response: PncResponse) -> bool:
    return isinstance(response, TriggerMessageResponse) and response.status in _UNKNOWN_WORD
