"""The present settings: each change is durable in memory before it counts, and is told to whoever asked to be told.

What a connection has shown counts even where it can't be written down yet.

What a step may be is `standing`'s, what a CSMS asks is `configuration`'s; dialling the networks is not handled here.
"""

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Final, Self, TypeVar

from chainpilot.clock import Clock
from chainpilot.errors import OwnError, UndecidedError
from chainpilot.station.agent.events.types import SecurityEventType
from chainpilot.station.agent.ports import Memory, MemoryFault, ProfileFloor, Report
from chainpilot.station.agent.settings import standing as steps
from chainpilot.station.agent.settings.floor import FloorApart, judge_floor
from chainpilot.station.agent.settings.networks import Facts
from chainpilot.station.agent.settings.record import DOCUMENT, read_record, write_record
from chainpilot.station.agent.settings.refusals import ReasonCode, SettingRefused, StepRefused
from chainpilot.station.agent.settings.standing import Standing
from chainpilot.station.agent.settings.values import Network, Settings
from chainpilot.station.model import Secret

__all__ = ["RETRY_SECONDS", "About", "KeptSettings", "Step", "ask_store"]

T = TypeVar("T")
Step = Callable[[Standing], Standing]
"""From one state to the next; raises SettingRefused."""
RETRY_SECONDS: Final = 60.0
"""Before the memory is tried again."""
_PRESUMED: Final = (
    "security profiles below %d are refused: what worked before isn't known (%s). Set security_profile = %d or higher "
    "and the URL that serves it; only who means to go back below stops the agent and removes its state_dir"
)
_NO_URLS: Final[Mapping[int, str]] = MappingProxyType({})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What this station is and can do, for a CSMS that asks."""

    identity: str
    """The station's id."""
    feature_profiles: tuple[str, ...] = ("Core",)
    """OCPP 1.6's feature profiles whose messages the agent handles."""
    file_transfer_protocols: tuple[str, ...] = ("HTTPS",)
    """OCPP 2.0.1's words for those that files are fetched and brought with."""


class KeptSettings:
    """Holds the settings, and takes what the connection proves or disproves of them; made by `open`.

    `url_by_profile` holds the URLs of security profiles that can be stepped up to; for one that isn't there the present
    URL is taken, with the profile's scheme.
    """

    def __init__(
        self,
        standing: Standing,
        memory: Memory,
        *,
        about: About,
        facts: Facts,
        report: Report,
        apart: FloorApart,
        url_by_profile: Mapping[int, str] = _NO_URLS,
    ) -> None:
        self._standing = standing
        self._memory = memory
        self._apart = apart
        self._about = about
        self._facts = facts
        self._report = report
        self._url_by_profile = url_by_profile
        self._listeners: list[Callable[[Settings, Settings], None]] = []
        self._lock = asyncio.Lock()
        self._running: set[asyncio.Task[None]] = set()
        self._owes = asyncio.Event()
        """Whether what counts is not what is kept."""

    @classmethod
    async def open(
        cls,
        initial: Settings,
        memory: Memory,
        *,
        about: About,
        facts: Facts,
        report: Report,
        floor: ProfileFloor | None = None,
        why_lost: str | None = None,
        url_by_profile: Mapping[int, str] = _NO_URLS,
    ) -> Self:
        """As `begun`, from an event loop."""
        begun = partial(
            cls.begun,
            initial,
            memory,
            about=about,
            facts=facts,
            report=report,
            floor=floor,
            why_lost=why_lost,
            url_by_profile=url_by_profile,
        )
        return await asyncio.to_thread(begun)

    @classmethod
    def begun(
        cls,
        initial: Settings,
        memory: Memory,
        *,
        about: About,
        facts: Facts,
        report: Report,
        floor: ProfileFloor | None = None,
        why_lost: str | None = None,
        url_by_profile: Mapping[int, str] = _NO_URLS,
    ) -> Self:
        """The configuration that the operator's settings and the memory make: what a CSMS changed wins. May block.

        `floor` is where the floor is kept a second time; `why_lost` says why the memory was begun anew, if it was.

        Raises:
            MemoryFault: the memory can't be read, or a newer program wrote it.
        """
        apart = FloorApart(floor)
        document = memory.read(DOCUMENT)
        found = read_record(document, initial) if document is not None else None
        if document is not None and found is None:
            why_lost = why_lost or "the record of the settings can't be read"
        judged = judge_floor(apart.found, found.floor if found is not None else None, why_lost)
        if judged.why_presumed is not None:
            _log.error(_PRESUMED, judged.profile, judged.why_presumed, judged.profile)
        standing = dataclasses.replace(found or Standing(settings=initial), floor=judged.profile)
        _tell_unused(standing)
        standing = _raised(standing, initial, url_by_profile)
        kept = cls(
            standing, memory, about=about, facts=facts, report=report, apart=apart, url_by_profile=url_by_profile
        )
        kept._lay_floor(recorded=found.floor if found is not None else 0)
        return kept

    def _lay_floor(self, *, recorded: int) -> None:
        """Have the floor that counts in both places; what can't be written now is owed."""
        floor = self._standing.floor
        is_kept = self._apart.keep(floor)
        try:
            if floor != recorded:
                self._memory.write({DOCUMENT: write_record(self._standing)})
        except MemoryFault as fault:
            _log.error("the floor under the security profile isn't kept, and is written down later: %s", fault.why)
            is_kept = False
        if not is_kept:
            self._owes.set()

    @property
    def settings(self) -> Settings:
        """The present values."""
        return self._standing.settings

    @property
    def is_kept(self) -> bool:
        """Whether all that counts is written down, and would be found after a power cut."""
        return not self._owes.is_set()

    @property
    def on_trial(self) -> int | None:
        """The slot of a step up in security profile that no CSMS has accepted yet."""
        return self._standing.trial

    def subscribe(self, listener: Callable[[Settings, Settings], None]) -> Callable[[], None]:
        """Have `listener(old, new)` called in the event loop after each durable change; the answer ends that.

        It is called before the change is answered, so it only notes what is to be done.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def candidates(self) -> tuple[tuple[int, Network], ...]:
        """Slots and networks in the order in which they are to be tried; none below a profile that worked."""
        return steps.candidates(self._standing)

    @property
    def floor(self) -> int:
        """The highest security profile over which the CSMS accepted the station; nothing below it is used again.

        Where what that was is lost, LOWEST_SAFE.
        """
        return self._standing.floor

    def passwords(self) -> tuple[Secret, ...]:
        """The passwords to try, as they are sent, the present one first; empty where none is set."""
        return steps.passwords(self._standing)

    async def accepted_over(self, slot: int) -> None:
        """The CSMS accepted the station over that network: networks of lower security profiles are gone for good.

        Like everything that a connection has shown it counts at once: a memory that can't be written now is no reason
        to end the connection, nor to go back below the profile that has just worked. `run` writes it later.
        """
        await self._shown(lambda standing: steps.accepted_over(standing, slot))

    async def gave_up(self, slot: int) -> None:
        """Enough tries of that network failed: a step up on trial ends, any other stays. Kept as `accepted_over`."""
        await self._shown(lambda standing: steps.gave_up(standing, slot))

    async def password_worked(self, password: Secret) -> None:
        """The CSMS took that password; if it is the present one, older ones are forgotten. Kept as `accepted_over`."""
        await self._shown(lambda standing: steps.password_proved(standing, password))

    async def run(self, clock: Clock) -> None:
        """Write down what a connection has shown and the memory wouldn't take, until cancelled."""
        while True:
            await self._owes.wait()
            await clock.sleep_until(clock.monotonic() + RETRY_SECONDS)
            await self._shown(lambda standing: standing)

    async def begin_trial(self, profile: int, url: str | None = None) -> None:
        """Step up to a security profile, as SecurityProfile does in 1.6: for an operator's own command.

        Raises:
            StepRefused: the profile isn't higher, or something is missing.
            MemoryFault: it can't be kept; nothing changed.
        """
        if not 0 <= profile <= 3:
            raise StepRefused("a security profile is 0, 1, 2 or 3")
        try:
            await self.change(self.step_up(profile, url), changing="SecurityProfile")
        except SettingRefused as refused:
            raise StepRefused(refused.why) from refused

    def step_up(self, profile: int, url: str | None) -> Step:
        """The step to that security profile, at `url` where that is given."""
        where = self._url_by_profile.get(profile) if url is None else url
        return lambda standing: steps.with_step_up(standing, profile, where, self._facts)

    async def change(self, step: Step, *, changing: str | None = None) -> None:
        """Take the step, whoever stops waiting for it: what is written must be what counts.

        Raises SettingRefused or MemoryFault: nothing changed.
        """
        await self._surely(self._carry_out(step, changing))

    async def _shown(self, step: Step) -> None:
        """Take a step that says what is so already."""
        await self._surely(self._carry_out(step, None, counts_at_once=True))

    async def _surely(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await asyncio.shield(task)

    async def _carry_out(self, step: Step, changing: str | None, *, counts_at_once: bool = False) -> None:
        async with self._lock:
            old = self._standing.settings
            after = await asyncio.to_thread(ask_store, lambda: step(self._standing))
            await self._keep(after, counts_at_once=counts_at_once)
            new = self._standing.settings
            if new == old:
                return
            if changing is not None:
                await self._report(SecurityEventType.RECONFIGURATION_OF_SECURITY_PARAMETERS, changing)
            for listener in tuple(self._listeners):
                listener(old, new)

    async def _keep(self, after: Standing, *, counts_at_once: bool) -> None:
        """Write the state down, if it isn't what is written, and let it count.

        The floor goes to its own place first: whatever stops us between the two, the higher one holds.
        """
        document = write_record(after)
        if self._owes.is_set() or document != write_record(self._standing):
            is_apart = await asyncio.to_thread(self._apart.keep, after.floor)
            try:
                await asyncio.to_thread(self._memory.write, {DOCUMENT: document})
            except MemoryFault as fault:
                if not counts_at_once:
                    raise
                if not self._owes.is_set():
                    _log.error("what the connection has shown isn't kept, and is written down later: %s", fault.why)
                self._owes.set()
            else:
                if is_apart:
                    self._owes.clear()
                else:
                    self._owes.set()
        self._standing = after


def _tell_unused(standing: Standing) -> None:
    usable = {slot for slot, _ in steps.candidates(standing)}
    for slot in standing.settings.priority:
        if slot not in usable:
            _log.warning(
                "the network in slot %d isn't tried: it isn't set, or below security profile %d, to which the station "
                "is held",
                slot,
                standing.floor,
            )


def _raised(standing: Standing, initial: Settings, url_by_profile: Mapping[int, str]) -> Standing:
    raised = steps.raised_to_floor(standing, initial, url_by_profile)
    if raised is not standing:
        for _, network in steps.candidates(raised):
            _log.warning("instead %s is tried with security profile %d", network.url, network.security_profile)
    return raised


def ask_store(ask: Callable[[], T]) -> T:
    """What `ask` answers; where the store can't tell, that is a refusal (SettingRefused)."""
    try:
        return ask()
    except (OwnError, UndecidedError) as fault:
        _log.warning("the certificate store can't be asked: %s", fault)
        raise SettingRefused(ReasonCode.INTERNAL_ERROR, "the certificate store can't be read now") from fault
