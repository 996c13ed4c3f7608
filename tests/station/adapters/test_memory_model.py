"""SQLite's memory beside a plain one: whatever is done, and however often it is opened again, both know the same."""

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agents_model_memory import PlainMemory
from chainpilot.station.adapters.memory import Limits, SqliteMemory
from chainpilot.station.agent.events.types import SecurityEvent, SecurityEventType

__all__: list[str] = []

LIMITS = Limits(document_bytes=64, queued_events=3, log_entries=8, kept=3, kept_bytes=64)
NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
MOMENTS = st.integers(0, 9).map(lambda minute: datetime(2026, 6, 1, 12, minute, tzinfo=UTC))
DATA = st.binary(max_size=64)
TYPES = st.sampled_from(
    [
        SecurityEventType.STARTUP_OF_THE_DEVICE,
        SecurityEventType.INVALID_MESSAGES,
        SecurityEventType.ATTEMPTED_REPLAY_ATTACKS,
        SecurityEventType.SECURITY_LOG_WAS_CLEARED,
    ]
)
TEXTS = st.none() | st.text(max_size=20)


class MemoryMachine(RuleBasedStateMachine):
    """Does the same to both."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp())
        self.memory = self.opened()
        self.plain = PlainMemory(LIMITS)

    def opened(self) -> SqliteMemory:
        return SqliteMemory.open(self.place / "agent", limits=LIMITS)

    def teardown(self) -> None:
        self.memory.close()
        shutil.rmtree(self.place)

    @initialize(lose=st.booleans())
    def begin(self, lose: bool) -> None:
        if lose:
            self.memory.close()
            (self.place / "agent" / "agent.db").unlink()
            self.memory = self.opened()
            assert self.memory.opened_anew == "agent.db is missing"

    @rule(changes=st.dictionaries(NAMES, st.none() | DATA, max_size=3))
    def write(self, changes: dict[str, bytes | None]) -> None:
        for memory in (self.memory, self.plain):
            memory.write(changes)

    @rule(kind=TYPES, at=MOMENTS, text=TEXTS, queued=st.booleans(), once=st.booleans())
    def add(self, kind: SecurityEventType, at: datetime, text: str | None, queued: bool, once: bool) -> None:
        event = SecurityEvent(kind, at, text)
        added = [memory.add_event(event, queued=queued, once=once) for memory in (self.memory, self.plain)]
        assert added[0] is added[1]

    @rule(place=st.integers(0, 3))
    def settle(self, place: int) -> None:
        waiting = self.plain.queued_events(9)
        number = waiting[place].number if place < len(waiting) else 10_000
        for memory in (self.memory, self.plain):
            memory.settle_event(number)

    @rule(name=NAMES, data=DATA, until=MOMENTS)
    def keep(self, name: str, data: bytes, until: datetime) -> None:
        for memory in (self.memory, self.plain):
            memory.keep(name, data, until)

    @rule(name=st.none() | NAMES)
    def forget(self, name: str | None) -> None:
        for memory in (self.memory, self.plain):
            memory.forget(name)

    @rule()
    def open_again(self) -> None:
        self.memory.close()
        self.memory = self.opened()

    @rule(oldest=st.none() | MOMENTS, latest=st.none() | MOMENTS)
    def ask(self, oldest: datetime | None, latest: datetime | None) -> None:
        assert self.memory.security_log(oldest, latest) == self.plain.security_log(oldest, latest)

    @invariant()
    def both_know_the_same(self) -> None:
        assert self.memory.queued_events(9) == self.plain.queued_events(9)
        assert self.memory.security_log(None, None) == self.plain.security_log(None, None)
        at = datetime(2026, 6, 1, 12, tzinfo=UTC) + timedelta(minutes=4)
        for name in "abcde":
            assert self.memory.read(name) == self.plain.read(name)
            assert self.memory.kept(name, at) == self.plain.kept(name, at)


TestMemoryMachine = MemoryMachine.TestCase
TestMemoryMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
