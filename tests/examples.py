"""With how many examples a property is tried: as many as its cost allows in `make test`, all in `make test-long`."""

import os
from typing import Final

__all__ = ["SCALE", "examples"]

SCALE: Final = float(os.environ.get("CHAINPILOT_SCALE", "0.05"))
"""The part of the full count to run, as `scale` is."""


def examples(full: int, *, least: int) -> int:
    """Hypothesis's `max_examples`; `least` suffices for one that is tried on each of many messages."""
    return max(least, round(full * SCALE))
