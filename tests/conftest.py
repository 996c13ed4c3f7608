"""What every test may ask for: the asyncio back end and the scale of large counts."""

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

from examples import SCALE

__all__: list[str] = []

# These machines are noisy: a slow example is no defect. Where CI is set, hypothesis brings a profile that says so too.
settings.register_profile("house", deadline=None)
if not os.environ.get("CI"):
    settings.load_profile("house")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test is a failure, whoever skips it."""
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        why = call.excinfo and call.excinfo.value
        report.longrepr = f"{item.nodeid} was skipped, and CI is to run every test: {why}"
    return report


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """All asynchronous tests run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def scale() -> float:
    """The part of an issue's own figure to run: `CHAINPILOT_SCALE`, 1.0 in `make test-long`, a part of it otherwise."""
    return SCALE
