"""chainpilot keeps the certificates of Plug & Charge in order, from the station's key store to the PKI and back."""

from datetime import UTC, datetime
from typing import Final

__all__ = ["BUILT_AT", "__version__"]

__version__ = "0.1.0"

BUILT_AT: Final = datetime(2026, 2, 1, tzinfo=UTC)
"""No copy of this release is older (UTC midnight): a clock that shows less is wrong, which stations rely on.

Set it at each release to the day of its entry in CHANGELOG.md, or up to a year before, never later; a test compares.
"""
