"""The log: known fields only, and of an exception its kinds and places, never a payload."""

import json
import logging

import pytest
import sqlalchemy as sa

from chainpilot.cpms.journal import journal
from chainpilot.cpms.ports import LedgerFailed
from chainpilot.errors import outline

__all__: list[str] = []

SECRET = "s3cr3t-hash"


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    """The exception with a traceback, as a supervisor gets it."""
    try:
        raise error from cause
    except type(error) as caught:
        return caught


def test_the_log_lets_only_known_fields_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    journal("chainpilot.cpms.test").info("happened", station="CS-0001", password=SECRET, payload={"a": SECRET})
    assert "CS-0001" in caplog.text
    assert SECRET not in caplog.text


def test_an_outline_tells_kinds_and_places_and_our_own_sentences_only() -> None:
    foreign = sa.exc.OperationalError("INSERT", {"password_hash": SECRET}, Exception(SECRET))
    told = outline(raised(LedgerFailed("disk full"), cause=raised(foreign)))
    assert told.startswith("LedgerFailed (the database failed: disk full) at test_journal.py:")
    assert "; from OperationalError at test_journal.py:" in told
    assert SECRET not in told
    assert SECRET not in outline(KeyError(SECRET))


def test_an_outline_is_bounded_whatever_was_raised() -> None:
    error: Exception = LedgerFailed("x" * 5000)
    assert len(outline(error)) <= 2000

    def nest(depth: int) -> None:
        if depth:
            nest(depth - 1)
        json.loads("{")

    with pytest.raises(json.JSONDecodeError) as deep:
        nest(200)
    assert outline(deep.value).count("<") < 10
