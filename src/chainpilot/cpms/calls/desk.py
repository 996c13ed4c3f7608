"""Where calls are ordered, carried out and cancelled.

A call is written before anything is sent. It is carried out when its turn at its station comes, tried again where no
answer came and saying it twice does no harm, and ends: done, refused, given up, or with an outcome that nobody knows.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from chainpilot.cpms.calls import certificates, native
from chainpilot.cpms.calls.conversation import Conversation, Hopeless, tell_call
from chainpilot.cpms.calls.judging import DemandRefused, judge
from chainpilot.cpms.calls.secrecy import without_secrets
from chainpilot.cpms.enrolment import Office, wait_after
from chainpilot.cpms.model import (
    CallEnd,
    CallEvent,
    CallId,
    CallProgress,
    Entry,
    NewCall,
    Reason,
    StationCall,
    Step,
)
from chainpilot.cpms.model import demands as d
from chainpilot.cpms.ports import NotSpoken, StationRefused, StationUndecided
from chainpilot.pki.identity import StationId

__all__ = ["CallDesk"]

_ACTS: Final[Mapping[type[Any], Callable[[Conversation, Any], Awaitable[Mapping[str, object]]]]] = {
    d.TriggerMessage: certificates.trigger,
    d.InstallCertificate: certificates.install,
    d.DeleteCertificate: certificates.delete,
    d.GetInstalledCertificateIds: certificates.list_installed,
    d.SendCertificate: certificates.send,
    d.ChangePassword: native.change_password,
    d.ChangeConfiguration: native.tell,
    d.GetConfiguration: native.tell,
    d.SetVariables: native.tell,
    d.GetVariables: native.tell,
    d.SetNetworkProfile: native.tell,
    d.Reset: native.tell,
    d.GetLog: native.tell,
    d.SignedUpdateFirmware: native.tell,
}
_NEVER_TWICE: Final = (d.Reset, d.SignedUpdateFirmware)
"""What a station would begin anew if it were told once more; everything else comes to the same."""
_TOLD_OF_LATER: Final = (d.GetLog, d.SignedUpdateFirmware)
"""What a station tells the progress of."""
_LONGEST: Final = timedelta(days=365)
"""Of a call's life, as of the policy's `call_days`."""
_SECRETS: Final = 10_000
"""Demands with secrets that are kept in memory: more than calls wait for stations at a time, and a bound."""


class CallDesk:
    """The calls of one process; their secrets, where they have any, live here and die with it."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._secrets: dict[CallId, d.Demand] = {}
        self._ordering = asyncio.Lock()
        """Held while a call is written whose secret is not in its place yet."""

    async def order(self, station_id: StationId, demand: d.Demand, *, lifetime: timedelta | None = None) -> StationCall:
        """Write a call down and let it begin when its turn comes.

        Args:
            station_id: of whom it is wanted; it need not be connected.
            demand: what is wanted.
            lifetime: after it the call is given up wherever it stands; None: the policy's.

        Raises:
            DemandRefused: it can't be wanted; why is in the error.
            TooManyCalls: the station has too many open calls already.
            LedgerFailed: it could not be written.
        """
        office, at = self._office, self._office.clock.now()
        demand, lifetime = _typed(station_id, demand), _bounded(station_id, lifetime, office.policy.call_days)
        station = await office.ledger.station(station_id)
        if station is None:
            raise DemandRefused(station_id, "there is no such station; add_station writes its record")
        named = demand.enrolment_id if isinstance(demand, d.SendCertificate) else None
        enrolment = await office.ledger.enrolment(named) if named is not None else None
        why = judge(demand, station, enrolment, at, allow_test_pki=office.allow_test_pki, roots=office.roots)
        if why is not None:
            raise DemandRefused(station_id, why)
        shown = without_secrets(demand)
        if shown != demand and len(self._secrets) >= _SECRETS:
            raise DemandRefused(station_id, "too many calls with secrets wait already; they are kept in memory alone")
        new = NewCall(station_id, shown, at, at + lifetime, is_withheld=shown != demand)
        async with self._ordering:
            call = await office.ledger.order_call(new, office.policy.calls_per_station)
            if call.is_withheld:
                self._secrets[call.call_id] = demand
        tell_call(office, Step.CALL_ORDERED, call)
        office.nudge()
        return call

    async def cancel(self, call_id: CallId) -> StationCall | None:
        """The call, cancelled if it was open; None if there is none. What the station was told already it may do.

        Raises LedgerConflict if it changed at this moment, LedgerFailed.
        """
        call = await self._office.ledger.call(call_id)
        if call is None or not call.is_open:
            return call
        return await self._end(call, CallEvent.CANCEL, None)

    async def carry_out(self, call: StationCall) -> None:
        """Take it as far as it goes now. Raises LedgerFailed, LedgerConflict; nothing that comes from the station."""
        office, demand = self._office, await self._whole(call)
        if call.has_left and isinstance(call.demand, _NEVER_TWICE):
            await self._conclude(call)
        elif office.clock.now() >= call.expires_at:
            told = sum(not one.is_unsent for one in call.exchanges)
            detail = f"its time is over, and the station was sent {told} messages" if told else "it was never sent"
            await self._end(
                replace(call, attempts=call.attempts - 1), CallEvent.GIVE_UP, CallEnd(Reason.CALL_EXPIRED, detail)
            )
        elif demand is None:
            detail = "its secret was kept in memory alone, and the process that held it has ended; order it anew"
            await self._end(call, CallEvent.GIVE_UP, CallEnd(Reason.CALL_SECRET_LOST, detail))
        elif not office.links.connected(call.station_id):
            await self._wait_for_station(call, call.attempts - 1)
        else:
            is_secret = call.is_withheld or isinstance(demand, d.ChangePassword)
            await self._converse(Conversation(office, call, is_secret=is_secret), demand)

    async def _whole(self, call: StationCall) -> d.Demand | None:
        """The demand with its secrets; None where they are gone."""
        if not call.is_withheld:
            return call.demand
        async with self._ordering:
            return self._secrets.get(call.call_id)

    async def _conclude(self, call: StationCall) -> None:
        """It was sent and is never repeated: what stands in the record is all there is."""
        answer = call.exchanges[-1].answer
        if answer is None:
            await self._lose(call, "no answer of the station was written down")
        elif call.exchanges[-1].is_unusable:
            await self._lose(call, f"what came back is no answer: {answer}")
        elif native.is_yes(answer):
            await self._end(replace(call, findings={"status": answer}), CallEvent.FINISH, None)
        else:
            await self._end(call, CallEvent.REFUSE, CallEnd(Reason.CALL_REFUSED, answer))

    async def _converse(self, talk: Conversation, demand: d.Demand) -> None:
        try:
            await self._judge_again(talk, demand)
            findings = await _ACTS[type(demand)](talk, demand)
        except StationRefused as refused:
            found = replace(talk.call, findings=talk.findings)
            await self._end(found, CallEvent.REFUSE, CallEnd(Reason.CALL_REFUSED, talk.shown(refused.why)))
        except Hopeless as hopeless:
            await self._end(talk.call, CallEvent.REFUSE, CallEnd(hopeless.reason, hopeless.detail))
        except NotSpoken as unsaid:
            await self._end(talk.call, CallEvent.REFUSE, CallEnd(Reason.CALL_NOT_SPOKEN, str(unsaid)))
        except StationUndecided as doubt:
            await self._try_later(talk, doubt)
        else:
            await self._end(replace(talk.call, findings=findings), CallEvent.FINISH, None)

    async def _judge_again(self, talk: Conversation, demand: d.Demand) -> None:
        """It may have waited for days: certificates end, profiles rise. Raises Hopeless, LedgerFailed."""
        if isinstance(demand, d.SendCertificate):
            return  # its delivery judges the chain
        office, station = self._office, await talk.station()
        at, allow_test_pki = office.clock.now(), office.allow_test_pki
        why = judge(demand, station, None, at, allow_test_pki=allow_test_pki, roots=office.roots)
        if why is not None:
            raise Hopeless(Reason.CALL_UNFIT, why)

    async def _try_later(self, talk: Conversation, doubt: StationUndecided) -> None:
        """Tries that may have reached the station are counted, whether it is still there or not."""
        office, call, why = self._office, talk.call, talk.shown(doubt.why)
        if call.has_left and isinstance(call.demand, _NEVER_TWICE):
            await self._conclude(call)
        elif doubt.sent and call.attempts >= office.policy.call_attempts:
            detail = f"no usable answer {call.attempts} times: {why}"
            await self._end(call, CallEvent.GIVE_UP, CallEnd(Reason.STATION_SILENT, detail))
        elif not office.links.connected(call.station_id):
            await self._wait_for_station(call, call.attempts if doubt.sent else call.attempts - 1)
        else:
            await self._put_off(call, office.clock.now() + wait_after(call.attempts), why)

    async def stumble(self, call_id: CallId) -> None:
        """Carrying it out failed in a way that nobody expected, or met a change by someone else.

        Raises LedgerFailed, LedgerConflict.
        """
        office = self._office
        call = await office.ledger.call(call_id)
        if call is None or not call.is_open:
            return
        if call.has_left and isinstance(call.demand, _NEVER_TWICE):
            await self._conclude(call)
        elif call.attempts >= office.policy.call_attempts:
            detail = f"it broke {call.attempts} times for a fault of ours; the log has it"
            await self._end(call, CallEvent.GIVE_UP, CallEnd(Reason.CALL_BROKEN, detail))
        else:
            why = "a fault of ours, or a change by someone else"
            await self._put_off(call, office.clock.now() + wait_after(call.attempts), why)

    async def _wait_for_station(self, call: StationCall, attempts: int) -> None:
        """The gateway wakes what waits when the station connects; one that connected meanwhile was missed: look again.

        Until then the call is due when it expires.
        """
        office = self._office
        waiting = replace(call, attempts=max(attempts, 0))
        await self._put_off(waiting, call.expires_at, "the station is not connected")
        if office.links.connected(call.station_id):
            await office.ledger.wake(call.station_id, office.clock.now())
            office.nudge()

    async def _put_off(self, call: StationCall, due: datetime, why: str) -> None:
        until = min(due, call.expires_at)
        later = replace(call.after(CallEvent.PUT_OFF, self._office.clock.now()), due=until, lease_until=None)
        await self._office.ledger.commit(Entry(calls=(later,)))
        tell_call(self._office, Step.CALL_PUT_OFF, later, detail=why, retry_at=until.isoformat())

    async def _lose(self, call: StationCall, why: str) -> None:
        detail = f"it was sent and may have been done, so it is not sent again: {why}"
        await self._end(call, CallEvent.LOSE, CallEnd(Reason.CALL_OUTCOME_UNKNOWN, detail))

    async def _end(self, call: StationCall, event: CallEvent, end: CallEnd | None) -> StationCall:
        ended = replace(call.after(event, self._office.clock.now()), end=end)
        await self._office.ledger.commit(Entry(calls=(ended,)))
        self._secrets.pop(call.call_id, None)
        facts = {"reason": end.reason.value, "detail": end.detail} if end else {}
        tell_call(self._office, Step.CALL_ENDED, ended, state=ended.state.value, **facts)
        return ended

    async def note_progress(self, station_id: StationId, request_id: int, status: str) -> None:
        """The station told how far it is with what a call of ours began; of others' requests nothing is kept.

        Raises LedgerFailed.
        """
        if not 0 < request_id < 1 << 31:
            return
        office = self._office
        call = await office.ledger.call(CallId(request_id))
        if call is None or call.station_id != station_id or not isinstance(call.demand, _TOLD_OF_LATER):
            return
        if call.progress is not None and call.progress.status == status:
            return  # told before; a station may repeat itself as often as it likes
        await office.ledger.note_progress(station_id, call.call_id, CallProgress(status, office.clock.now()))
        tell_call(office, Step.CALL_PROGRESS, call, answer=status)


def _typed(station_id: StationId, demand: object) -> d.Demand:
    """The demand with every field of its type; a word of an enumeration may stand for the member.

    Raises DemandRefused.
    """
    if not isinstance(demand, d.Demand):
        kinds = ", ".join(sorted(kind.__name__ for kind in _ACTS))
        raise DemandRefused(station_id, f"that is no demand; there are {kinds}")
    try:
        return d.demand_from_json(d.demand_to_json(demand))
    except UnicodeError:
        raise DemandRefused(station_id, "it holds text that is no Unicode") from None
    except (msgspec.MsgspecError, TypeError) as error:
        raise DemandRefused(station_id, f"{type(demand).__name__} has a field of another type: {error}") from None


def _bounded(station_id: StationId, lifetime: object, days: int) -> timedelta:
    """A call's life. Raises DemandRefused."""
    given = timedelta(days=days) if lifetime is None else lifetime
    if not isinstance(given, timedelta) or not timedelta(0) < given <= _LONGEST:
        raise DemandRefused(
            station_id, f"its lifetime is to be a timedelta of more than 0 and at most {_LONGEST.days} days"
        )
    return given
