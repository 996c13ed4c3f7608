"""A test PKI without its servers."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from chainpilot.testpki.authorities import Authorities, open_authorities
from chainpilot.testpki.cabinet import Cabinet
from chainpilot.testpki.material import Material

__all__: list[str] = []


@pytest.fixture(scope="session")
def at() -> datetime:
    """The moment the hierarchy was made at."""
    return datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def issuers(tmp_path_factory: pytest.TempPathFactory, at: datetime) -> Authorities:
    """Every CA of the hierarchy."""
    return open_authorities(
        Cabinet(Path(tmp_path_factory.mktemp("pki"))), Material(b"tests"), ocsp_url="http://127.0.0.1:1", at=at
    )
