"""A pytest plugin: `def test_x(v2g_pki): ...` gets a running test PKI. NEVER for production.

It is loaded into every pytest run where chainpilot is installed, so it imports nothing of the test PKI before a test
asks for one. What the fixtures give is `threaded.ThreadedPki`; docs/howto/rehearse.md shows how to use it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from chainpilot.testpki.threaded import ThreadedPki

__all__ = ["own_v2g_pki", "v2g_pki", "v2g_pki_options", "v2g_pki_session"]


@pytest.fixture(scope="session")
def v2g_pki_options() -> dict[str, Any]:
    """Arguments for `TestPki`; override it in a conftest.py, with a seed or a hierarchy, say."""
    return {}


@pytest.fixture(scope="session")
def v2g_pki_session(
    tmp_path_factory: pytest.TempPathFactory, v2g_pki_options: dict[str, Any]
) -> "Iterator[ThreadedPki]":
    """The test PKI of all tests; ask for `v2g_pki`, which cleans up behind each."""
    yield from _running(Path(tmp_path_factory.mktemp("v2g_pki")), v2g_pki_options)


@pytest.fixture
def v2g_pki(v2g_pki_session: "ThreadedPki") -> "Iterator[ThreadedPki]":
    """A running test PKI, the same for all tests; faults are off again after each of them."""
    yield v2g_pki_session
    v2g_pki_session.faults.clear()


@pytest.fixture
def own_v2g_pki(tmp_path: Path, v2g_pki_options: dict[str, Any]) -> "Iterator[ThreadedPki]":
    """A running test PKI of this test alone, for what can't be undone: rollovers, CAs that end."""
    yield from _running(tmp_path / "v2g_pki", v2g_pki_options)


def _running(directory: Path, options: dict[str, Any]) -> "Iterator[ThreadedPki]":
    try:
        from chainpilot.testpki.threaded import ThreadedPki  # noqa: PLC0415 - who uses no PKI pays for none
    except ModuleNotFoundError as error:
        raise pytest.UsageError(f"v2g_pki needs {error.name}: install chainpilot[testpki]") from error
    with ThreadedPki(directory, **options) as pki:
        yield pki
