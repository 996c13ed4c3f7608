"""Writes docs/flows: plays every flow of tests/flows and draws what was recorded.

`python tools/flow_pages.py` after a change of the flows; a test plays them again and compares. Takes some seconds.
"""

import asyncio
import logging
import sys
from pathlib import Path

__all__ = ["main"]

TESTS = Path(__file__).resolve().parent.parent / "tests"


def main() -> int:
    """Write the pages."""
    sys.path.insert(0, str(TESTS))
    from flows.pages import write_pages  # noqa: PLC0415 - the tests are no package that is installed

    logging.basicConfig(level=logging.CRITICAL)
    asyncio.run(write_pages())
    return 0


if __name__ == "__main__":
    sys.exit(main())
