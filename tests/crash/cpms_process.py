"""A CPMS in a process of its own that kills itself (SIGKILL) right after a step, if told to; for the crash tests.

    python cpms_process.py CONFIG STATION_RECORD [STEP:OCCURRENCE]

STATION_RECORD is a JSON file with the station's id, password, names and organisation, and `calls`, which are ordered in
the first life. Every step is printed as a line.
"""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

from chainpilot.cpms.app import Cpms
from chainpilot.cpms.config import load_config
from chainpilot.cpms.model import SecurityProfile, StationRecord, Step, StepTaken
from chainpilot.cpms.model.demands import demand_from_json
from chainpilot.cpms.passwords import hash_password
from chainpilot.pki.identity import parse_station_id

__all__ = ["main"]


class _Watcher:
    def __init__(self, kill_at: tuple[str, int] | None) -> None:
        self._kill_at = kill_at
        self._seen: Counter[str] = Counter()

    def __call__(self, taken: StepTaken) -> None:
        self._seen[taken.step.value] += 1
        print(taken.step.value, flush=True)
        if self._kill_at == (taken.step.value, self._seen[taken.step.value]):
            os.kill(os.getpid(), signal.SIGKILL)


async def _serve(config: Path, record: Path, kill_at: tuple[str, int] | None) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    given = json.loads(record.read_text())
    async with Cpms(load_config(config, {}), watch=_Watcher(kill_at)) as cpms:
        station_id = parse_station_id(given["id"])
        if await cpms.ledger.station(station_id) is None:
            await cpms.add_station(
                StationRecord(
                    station_id=station_id,
                    password_hash=hash_password(given["password"], generated=True),
                    allowed_names=frozenset(given["names"]),
                    organisation=given["organisation"],
                    minimum_profile=SecurityProfile(given.get("profile", 2)),
                )
            )
            for demand in given.get("calls", ()):
                await cpms.calls.order(station_id, demand_from_json(json.dumps(demand)))
        print("ready", flush=True)
        await stopped.wait()


def main() -> None:
    """Serve until SIGTERM, or until the step at which to die."""
    kill_at: tuple[str, int] | None = None
    if len(sys.argv) > 3:
        step, occurrence = sys.argv[3].split(":")
        kill_at = Step(step).value, int(occurrence)
    asyncio.run(_serve(Path(sys.argv[1]), Path(sys.argv[2]), kill_at))


if __name__ == "__main__":
    main()
