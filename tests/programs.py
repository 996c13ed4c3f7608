"""Programs that tests use as peers, from the machine they run on."""

import shutil

import pytest

__all__ = ["program"]


def program(name: str) -> str:
    """Where the program is; a missing one skips the test with a line that says so, which fails it in CI."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found
