"""kill -9 of a process that writes into the agent's memory: what was acknowledged is there, and nothing is half."""

import random
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chainpilot.station.adapters.memory import Limits, SqliteMemory
from chainpilot.station.agent.events.types import SecurityEvent, SecurityEventType

__all__: list[str] = []

PROGRAM = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from chainpilot.station.adapters.memory import Limits, SqliteMemory
from chainpilot.station.agent.events.types import SecurityEvent, SecurityEventType
place, start = Path(sys.argv[1]), int(sys.argv[2])
noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
memory = SqliteMemory.open(place, limits=Limits(queued_events=40, log_entries=100, kept=10))
assert memory.opened_anew is None
print("open", flush=True)
for number in range(start, 1_000_000):
    text = str(number).encode()
    memory.write({"first": text * 50, "second": text * 50, "odd": text if number % 2 else None})
    memory.add_event(SecurityEvent(SecurityEventType.RESET_OR_REBOOT, noon + timedelta(seconds=number), str(number)))
    if number % 3 == 0:
        memory.settle_event(memory.queued_events(1)[0].number)
    memory.keep("kept", text, noon)
    print(number, flush=True)
"""
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
LIMITS = Limits(queued_events=40, log_entries=100, kept=10)


@pytest.mark.scaled
def test_what_was_acknowledged_outlives_every_kill(tmp_path: Path, scale: float) -> None:
    chance = random.Random(9)
    place = tmp_path / "agent"
    done = -1
    for _ in range(max(8, round(200 * scale))):
        done = killed_after(place, done, chance.uniform(0.0, 0.15))
        with closing(SqliteMemory.open(place, limits=LIMITS)) as memory:
            done = assert_nothing_lost_or_half(memory, done)
    assert done > 0


def test_a_kill_while_the_memory_is_made_or_opened_loses_nothing(tmp_path: Path) -> None:
    chance = random.Random(10)
    place = tmp_path / "agent"
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(place), "0"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        begun = time.perf_counter()
        process.stdout.readline()
        until_open = time.perf_counter() - begun
        process.kill()
    done = dict.fromkeys(range(3), -1)
    for number in range(12):
        place = tmp_path / f"agent{number % 3}"
        words = [sys.executable, "-c", PROGRAM, str(place), str(done[number % 3] + 1)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(until_open * chance.uniform(0.7, 1.05))
            process.kill()
            told = process.stdout.read()
        with closing(SqliteMemory.open(place, limits=LIMITS)) as memory:
            done[number % 3] = assert_nothing_lost_or_half(memory, _last(told, done[number % 3]))


def killed_after(place: Path, done: int, seconds: float) -> int:
    """Let a process write on for that time; the last number that it acknowledged."""
    words = [sys.executable, "-c", PROGRAM, str(place), str(done + 1)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.kill()
        told = process.stdout.read()
    return _last(told, done)


def assert_nothing_lost_or_half(memory: SqliteMemory, done: int) -> int:
    """Everything up to `done` is there, perhaps the next one too or a part of its transactions; the last that is."""
    assert memory.opened_anew is None
    first, second = memory.read("first"), memory.read("second")
    assert first == second
    if first is None:
        assert done == -1
        return -1
    wrote = int(first[: len(first) // 50])
    assert wrote in (done, done + 1), "one more may be there than was acknowledged in time"
    assert memory.read("odd") == (str(wrote).encode() if wrote % 2 else None)
    numbers = [int(one.tech_info or "") for one in memory.security_log(None, None) if one.type.value == "ResetOrReboot"]
    logged = numbers[-1] if numbers else -1
    assert logged in (wrote - 1, wrote)
    assert logged >= done
    assert numbers == list(range(numbers[0], logged + 1)) if numbers else True
    waiting = [int(one.event.tech_info or "") for one in memory.queued_events(99)]
    assert waiting == sorted(set(waiting))
    assert not waiting or waiting[-1] == logged
    kept = memory.kept("kept", NOON - timedelta(days=1))
    assert int(kept or b"-1") in (wrote - 1, wrote)
    assert int(kept or b"-1") >= done
    return _completed(memory, wrote, logged)


def _last(told: str, done: int) -> int:
    whole = told[: told.rfind("\n") + 1].split()
    return int(whole[-1]) if whole and whole[-1] != "open" else done


def _completed(memory: SqliteMemory, wrote: int, logged: int) -> int:
    """The number that the next life begins after; what its last one left half said is said now."""
    if logged < wrote:
        at = NOON + timedelta(seconds=wrote)
        memory.add_event(SecurityEvent(SecurityEventType.RESET_OR_REBOOT, at, str(wrote)))
    memory.keep("kept", str(wrote).encode(), NOON)
    return wrote
