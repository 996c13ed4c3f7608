"""The agent's half of A02 and A03: a key and its request on disk, the request sent until its certificate comes.

One request is open for a slot (use, common name, ISO edition), and one SignCertificate is under way at a time. How
often each was sent is kept over restarts, so that a power cut neither hurries a CSMS nor forgets it. What comes back
is installed by `certificates`.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from chainpilot.clock import Clock
from chainpilot.errors import OwnError
from chainpilot.link.faults import CallRefused, CallTimedOut
from chainpilot.pki.trust import LeafUse
from chainpilot.station.agent.enrolment.repeats import Reply, Round, remaining, wait_after
from chainpilot.station.agent.ports import Memory, MemoryFault, NotUnderstood
from chainpilot.station.agent.settings.values import Settings
from chainpilot.station.agent.speech import Speech
from chainpilot.station.agent.waiting import sleep_or
from chainpilot.station.model import CertificateStoreUpdate, LeafCertificateType
from chainpilot.station.service import EvseSecurity
from chainpilot.station.store import PendingCsr, slot_name
from chainpilot.station.vault import VaultBusy, VaultError
from chainpilot.station.watch import CsrMade, SignCertificateAnswered, SignCertificateSent, StationWatch
from chainpilot.wire.ocppj.rpc import QueueFullError
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.messages import PncResponse, SignCertificateRequest, SignCertificateResponse
from chainpilot.wire.pnc.words import GenericStatus

__all__ = ["LEAF_TYPES_OF", "LOOK_SECONDS", "USES_OF", "CsrNotMade", "Signing"]

LEAF_TYPES_OF: Final = {LeafUse.V2G: LeafCertificateType.V2G, LeafUse.CSMS: LeafCertificateType.CSMS}
"""OCPP's uses in the store's words."""
USES_OF: Final = {kind: use for use, kind in LEAF_TYPES_OF.items()}
"""The store's words in OCPP's uses."""
DOCUMENT: Final = "signing"
LOOK_SECONDS: Final = 30.0
"""Between two looks at the store: other processes may make requests in it too, and it may not be readable now."""

_log = logging.getLogger(__name__)


class CsrNotMade(OwnError):
    """The store made no signing request; `why` is its reason."""

    def __init__(self, why: str) -> None:
        super().__init__(f"no signing request was made: {why}")
        self.why = why


class _Rounds(msgspec.Struct, frozen=True):
    version: int
    rounds: dict[str, Round]


class Signing:
    """Makes signing requests and sends them, one after the other, as often as the settings say."""

    def __init__(
        self,
        security: EvseSecurity,
        memory: Memory,
        settings: Callable[[], Settings],
        *,
        station_id: str,
        clock: Clock,
        watch: StationWatch,
    ) -> None:
        """Read how often each open request was sent; may block.

        Raises:
            MemoryFault: it can't be read.
        """
        self._security = security
        self._memory = memory
        self._settings = settings
        self._station_id = station_id
        self._clock = clock
        self._watch = watch
        self._rounds = _read(memory.read(DOCUMENT))
        self._sent_at: dict[str, float] = {}
        """When each was sent last by this process, on the monotonic clock, which nobody sets."""
        self._dialects: dict[str, Dialect] = {}
        """In which the CSMS asked for each."""
        self._unsure: set[str] = set()
        """Sent over an earlier connection, and not answered: sent again at once over a new one."""
        self._looks_at: dict[LeafUse, float] = {}
        """When what is missing is asked for anew, on the monotonic clock."""
        self._asking: tuple[LeafCertificateType, asyncio.Task[PncResponse]] | None = None
        """The request that is under way; it may wait behind other calls, not sent yet."""
        self._changes: Counter[LeafCertificateType] = Counter()
        """How often the leaves of each kind were seen to change."""
        self._news = asyncio.Event()
        self._making = asyncio.Lock()
        self._writing = asyncio.Lock()

    async def enrol(self, use: LeafUse, *, common_name: str | None = None, again: bool = True) -> PendingCsr:
        """Have a certificate: `prepare`, and send the request as soon as there is a connection.

        Raises:
            CsrNotMade: the store refused, or a name is missing.
        """
        made = await self.prepare(use, common_name=common_name, again=again)
        self.wake()
        return made

    async def prepare(
        self, use: LeafUse, *, common_name: str | None = None, dialect: Dialect | None = None, again: bool = False
    ) -> PendingCsr:
        """Have a request: the open one of that slot, else a new one with a new key, durable when this returns.

        It is sent after the next `wake`, and then as often as the settings say. A request that is open already begins a
        new round, unless one is under way: with `again` in any case.

        Args:
            use: what for.
            common_name: in place of the station's id or its SECC id.
            dialect: in which the CSMS asked for it.
            again: whether an open request is sent once more even while its round is under way.

        Raises:
            CsrNotMade: the store refused, or a name is missing.
        """
        settings = self._settings()
        name = common_name or self._own_name(use) or ""
        for word, content in (("organisation (CpoName)", settings.organisation), ("common name", name)):
            if not content:
                raise CsrNotMade(f"no {word} is set")
        async with self._making:
            before = await asyncio.to_thread(self._security.open_requests)
            result = await asyncio.to_thread(
                self._security.generate_certificate_signing_request,
                LEAF_TYPES_OF[use],
                settings.country,
                settings.organisation,
                name,
            )
            if result.csr is None:
                raise CsrNotMade(result.reason or result.status.value)
            held = next((one for one in before if one.pem == result.csr), None)
            made = held or await self._find(result.csr)
            await self._begin_round(made, again=again)
        if dialect is not None:
            self._dialects[made.csr.spki_hash] = dialect
        if held is None:
            self._watch(CsrMade(use, name))
        return made

    def wake(self) -> None:
        """Look at once whether something is to be sent: the settings or the store changed."""
        self._news.set()

    def note_next_look(self, missing: Iterable[LeafUse], moment: float) -> None:
        """Take down for `asks_again_at` when missing leaves are asked for anew, on the monotonic clock."""
        self._looks_at = dict.fromkeys(missing, moment)

    async def asks_again_at(self, use: LeafUse | None) -> datetime | None:
        """When a certificate for that use (None: for any) is asked for next by itself, UTC; None: no time is set."""
        try:
            pending = await asyncio.to_thread(self._security.requests_waiting)
        except (VaultError, VaultBusy):
            return None
        rounds = (self._seconds_until(one) for one in pending if use in {None, USES_OF[one.kind]})
        waits = [wait for wait in rounds if wait is not None]
        now = self._clock.monotonic()
        looks = [max(0.0, moment - now) for missing, moment in self._looks_at.items() if use in {None, missing}]
        soonest = min(waits or looks, default=None)
        return self._clock.now() + timedelta(seconds=soonest) if soonest is not None else None

    async def attend(self, speech: Speech) -> None:
        """Send what is due over this connection until it ends; raises LinkClosed then."""
        self._unsure |= {key for key, told in self._rounds.items() if told.reply is Reply.NONE}
        unsubscribe = self._subscribe()
        try:
            while True:
                self._news.clear()
                try:
                    due = await self._next()
                except (VaultError, VaultBusy) as fault:
                    _log.warning("the open requests can't be read now: %s", fault)
                    due = None
                if due is None or due[1] > 0:
                    await sleep_or(self._clock, min(LOOK_SECONDS, due[1] if due else LOOK_SECONDS), self._news)
                elif not await self._send(speech, due[0]):
                    await sleep_or(self._clock, LOOK_SECONDS, self._news)
        finally:
            unsubscribe()

    def _subscribe(self) -> Callable[[], None]:
        loop = asyncio.get_running_loop()

        def heard(update: CertificateStoreUpdate) -> None:
            if update.leaf_certificate_type is not None:
                loop.call_soon_threadsafe(self._look_again, update.leaf_certificate_type)

        return self._security.subscribe(heard)

    def _look_again(self, kind: LeafCertificateType) -> None:
        """The leaves of that kind changed: what waits to be sent may be answered already.

        A request sent behind the Accepted to its own certificate would look like one for it to be delivered again.
        """
        self._news.set()
        self._changes[kind] += 1
        if self._asking is not None and self._asking[0] is kind:
            self._asking[1].cancel()

    async def _find(self, pem: str) -> PendingCsr:
        for one in await asyncio.to_thread(self._security.open_requests):
            if one.pem == pem:
                return one
        raise CsrNotMade("the request was replaced while it was made")

    def _own_name(self, use: LeafUse) -> str | None:
        """What the station is called now in certificates for that use."""
        return self._settings().secc_id if use is LeafUse.V2G else self._station_id

    async def _begin_round(self, made: PendingCsr, *, again: bool) -> None:
        key = made.csr.spki_hash
        told = self._rounds.get(key)
        if told is not None and not again and self._wait(told) is not None:
            return
        own = self._own_name(USES_OF[made.kind])
        self._sent_at.pop(key, None)
        begun = Round(0, self._clock.now(), for_own_name=_is_called(own, made))
        await self._note({**self._rounds, key: begun})

    async def _next(self) -> tuple[PendingCsr, float] | None:
        """The request that is sent next, and in how many seconds. Raises VaultError or VaultBusy."""
        waiting = await asyncio.to_thread(self._security.requests_waiting)
        pending = [one for one in waiting if not self._bears_a_former_name(one)]
        for one in waiting:
            if one not in pending:
                _log.info("the request for %.120s is given up: the station has another name now", one.csr.common_name)
                await asyncio.to_thread(self._security.give_up_request, one)
        await self._forget_all_but({one.csr.spki_hash for one in pending})
        waits = ((one, self._seconds_until(one)) for one in pending)
        due = [(one, wait) for one, wait in waits if wait is not None]
        return min(due, key=lambda one: one[1], default=None)

    def _bears_a_former_name(self, pending: PendingCsr) -> bool:
        told = self._rounds.get(pending.csr.spki_hash)
        if told is None or not told.for_own_name:
            return False
        own = self._own_name(USES_OF[pending.kind])
        return own is not None and not _is_called(own, pending)

    def _seconds_until(self, pending: PendingCsr) -> float | None:
        key = pending.csr.spki_hash
        told = self._rounds.get(key)
        if told is None or told.count == 0 or key in self._unsure:
            return 0.0
        wait = self._wait(told)
        if wait is None:
            return None
        now = self._clock.monotonic()
        if key not in self._sent_at:  # asked of the wall clock once: one that was set back would never get there
            self._sent_at[key] = now + remaining(told, wait, self._clock.now()) - wait
        return max(0.0, self._sent_at[key] + wait - now)

    def _wait(self, told: Round) -> int | None:
        settings = self._settings()
        return wait_after(told, settings.cert_signing_wait_minimum, settings.cert_signing_repeat_times)

    async def _send(self, speech: Speech, pending: PendingCsr) -> bool:
        """Written down before it is sent: whatever breaks off after that, the CSMS may have it.

        Answers whether there was room for it among the calls that wait; where there was none, it is as if nothing was.
        """
        use, name, key = USES_OF[pending.kind], pending.csr.common_name, pending.csr.spki_hash
        before = self._rounds.get(key, Round(0, self._clock.now()))
        told = msgspec.structs.replace(before, count=before.count + 1, at=self._clock.now(), reply=Reply.NONE)
        changes = self._changes[pending.kind]
        if not await asyncio.to_thread(self._security.mark_request, pending, with_csms=True):
            return True  # answered meanwhile, or given up
        was_unsure, sent_at = key in self._unsure, self._sent_at.get(key)
        self._unsure.discard(key)
        self._sent_at[key] = self._clock.monotonic()
        await self._note({**self._rounds, key: told})
        self._watch(SignCertificateSent(use, name))
        try:
            answer = await self._ask(speech, pending, changes)
        except QueueFullError as error:
            await self._take_back(pending, told, before, sent_at, is_unsure=was_unsure)
            await self._tell_refused(pending, str(error))
            return False
        except CallTimedOut as error:
            await self._tell_refused(pending, str(error))
            return True
        except (NotUnderstood, CallRefused) as error:
            may_act = isinstance(error, CallRefused) or not error.is_unknown
            await self._settle(pending, told, Reply.REJECTED, str(error), may_act=may_act)
            return True
        if answer is None:
            self._unsure.add(key)
            return True
        reply = _reply(answer)
        await self._settle(pending, told, reply, None if reply is Reply.ACCEPTED else _why(answer))
        return True

    async def _take_back(
        self, pending: PendingCsr, told: Round, before: Round, sent_at: float | None, *, is_unsure: bool
    ) -> None:
        """It was not sent: the try doesn't count, and a CSMS that never had the request hasn't got it."""
        key = pending.csr.spki_hash
        if self._rounds.get(key) != told:
            return  # another round was begun meanwhile, and that one counts
        if not pending.with_csms:
            await asyncio.to_thread(self._security.mark_request, pending, with_csms=False)
        if sent_at is None:
            self._sent_at.pop(key, None)
        else:
            self._sent_at[key] = sent_at
        if is_unsure:
            self._unsure.add(key)
        await self._note({**self._rounds, key: before})

    async def _ask(self, speech: Speech, pending: PendingCsr, changes: int) -> PncResponse | None:
        """The CSMS's answer; None: its leaves changed since there were so many changes, and what waits isn't sent."""
        if changes != self._changes[pending.kind]:
            return None
        request = SignCertificateRequest(pending.pem, USES_OF[pending.kind])
        asked = speech.ask(request, dialect=self._dialects.get(pending.csr.spki_hash))
        asking = asyncio.create_task(asked)
        self._asking = pending.kind, asking
        try:
            await asyncio.wait([asking])
            return None if asking.cancelled() else asking.result()
        finally:
            self._asking = None
            asking.cancel()

    async def _settle(
        self, pending: PendingCsr, told: Round, reply: Reply, why: str | None, *, may_act: bool = False
    ) -> None:
        """Note what came of it; a CSMS that `may_act` on a request all the same keeps it, or a second would be made."""
        if reply is Reply.REJECTED and not may_act:
            await asyncio.to_thread(self._security.mark_request, pending, with_csms=False)
        key = pending.csr.spki_hash
        if self._rounds.get(key) == told:  # else another round was begun meanwhile, and that one counts
            await self._note({**self._rounds, key: msgspec.structs.replace(told, reply=reply)})
        if reply is Reply.ACCEPTED:
            self._watch(SignCertificateAnswered(USES_OF[pending.kind], pending.csr.common_name, accepted=True))
        else:
            await self._tell_refused(pending, why)

    async def _tell_refused(self, pending: PendingCsr, why: str | None) -> None:
        use = USES_OF[pending.kind]
        again = await self.asks_again_at(use)
        self._watch(SignCertificateAnswered(use, pending.csr.common_name, accepted=False, why=why, asks_again=again))

    async def _forget_all_but(self, open_ones: set[str]) -> None:
        kept = {key: told for key, told in self._rounds.items() if key in open_ones}
        for gone in self._rounds.keys() - kept.keys():
            self._sent_at.pop(gone, None)
            self._dialects.pop(gone, None)
            self._unsure.discard(gone)
        if len(kept) < len(self._rounds):
            await self._note(kept)

    async def _note(self, rounds: dict[str, Round]) -> None:
        """What can't be written down holds for this process: a request sent once too often does no harm."""
        self._rounds = rounds
        try:
            async with self._writing:  # the later state is what stays
                data = msgspec.json.encode(_Rounds(1, self._rounds))
                await asyncio.to_thread(self._memory.write, {DOCUMENT: data})
        except MemoryFault as fault:
            _log.warning("how often a request was sent isn't kept: %s", fault.why)


def _is_called(name: str | None, pending: PendingCsr) -> bool:
    return name is not None and slot_name(name) == slot_name(pending.csr.common_name)


def _reply(answer: PncResponse) -> Reply:
    accepted = isinstance(answer, SignCertificateResponse) and answer.status is GenericStatus.ACCEPTED
    return Reply.ACCEPTED if accepted else Reply.REJECTED


def _why(answer: PncResponse) -> str:
    reason = answer.reason if isinstance(answer, SignCertificateResponse) else None
    return f"the CSMS rejects the request{f' ({reason})' if reason else ''}"


def _read(data: bytes | None) -> dict[str, Round]:
    if data is None:
        return {}
    try:
        return msgspec.json.decode(data, type=_Rounds).rounds
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        _log.warning("how often requests were sent can't be read; each that is open is sent once more")
        return {}
