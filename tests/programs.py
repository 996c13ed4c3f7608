"""Programs that tests use as peers, from the machine they run on."""

import os
import shutil

import pytest

__all__ = ["program"]


def program(name: str) -> str:
    """Where the program is; a missing one skips the test with a line that says so, and fails it where CI=true."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return found
