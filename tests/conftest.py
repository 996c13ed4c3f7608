"""What every test may ask for: the asyncio back end and the scale of large counts."""

import os

import pytest
from hypothesis import settings

__all__: list[str] = []

# These machines are noisy: a slow example is no defect. Where CI is set, hypothesis brings a profile that says so too.
settings.register_profile("house", deadline=None)
if not os.environ.get("CI"):
    settings.load_profile("house")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """All asynchronous tests run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def scale() -> float:
    """The part of an issue's own figure to run: `CHAINPILOT_SCALE`, 1.0 in `make test-long`, a part of it otherwise."""
    return float(os.environ.get("CHAINPILOT_SCALE", "0.05"))
