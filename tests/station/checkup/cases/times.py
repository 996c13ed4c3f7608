"""Clocks that are wrong."""

from datetime import UTC, datetime

from station.checkup.bench import NOW, Planted

__all__ = ["CASES"]

CASES = {
    "ClockBehind": Planted(
        plant=lambda bench: bench.clock.set(datetime(2020, 1, 1, tzinfo=UTC)),
        by_hand=lambda bench: bench.clock.set(NOW),
        also=("LeafNotYetValid", "LeafNotYetValid", "RootNotYetValid", "RootNotYetValid"),
        told=lambda _: ("2020-01-01 00:00 UTC", "2026-02-01"),
    ),
    "EverythingEnded": Planted(
        plant=lambda bench: bench.clock.set(datetime(2050, 1, 1, tzinfo=UTC)),
        by_hand=lambda bench: bench.clock.set(NOW),
        also=("LeafExpired", "LeafExpired", "RootExpired", "RootExpired"),
        told=lambda _: ("2050-01-01 00:00 UTC", "8 certificates", "2045-01-01"),
    ),
}
