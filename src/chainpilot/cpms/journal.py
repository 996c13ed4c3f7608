"""The log: events with fields from a list of allowed ones; what is not on the list does not get out.

It goes through the standard library's logging, so that whoever starts the process decides where to.
"""

import logging
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Final

import structlog

from chainpilot.errors import ChainpilotError

__all__ = ["journal", "outline"]

_ALLOWED: Final = frozenset(
    {
        "address",
        "anchor",
        "answer",
        "attempt",
        "certificates",
        "common_name",
        "detail",
        "encoding",
        "enrolment",
        "error",
        "event",
        "fingerprint",
        "incident",
        "kind",
        "listener",
        "pki",
        "profile",
        "proof",
        "reason",
        "retry",
        "retry_at",
        "station",
        "until",
        "use",
    }
)
"""No payload, key, password or CSR has a name here."""
_MAX_CAUSES: Final = 6
_MAX_PLACES: Final = 8
_MAX_OUTLINE: Final = 2000
"""Causes, places each and characters kept of an exception: enough to find the line, whatever was raised."""


def _only_allowed(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: value for name, value in event.items() if name in _ALLOWED}


def journal(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose events are one line of JSON each."""
    logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[
            structlog.stdlib.filter_by_level,
            _only_allowed,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return logger


def outline(error: BaseException) -> str:
    """Kinds and places of an exception and its causes, for a log line with an incident id.

    Only our own family's sentences are quoted: a foreign exception's text may hold the payload it failed on.
    """
    told: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(told) < _MAX_CAUSES:
        said = f" ({cause})" if isinstance(cause, ChainpilotError) else ""
        told.append(f"{type(cause).__name__}{said} at {_places(cause)}")
        cause = cause.__cause__ or cause.__context__
    return "; from ".join(told)[:_MAX_OUTLINE]


def _places(error: BaseException) -> str:
    """Innermost first."""
    frames = list(traceback.walk_tb(error.__traceback__))[-_MAX_PLACES:]
    named = (f"{Path(frame.f_code.co_filename).name}:{line} {frame.f_code.co_name}" for frame, line in reversed(frames))
    return " < ".join(named) or "unknown"
