"""The log: events with fields from a list of allowed ones; what is not on the list does not get out.

It goes through the standard library's logging, so that whoever starts the process decides where to.
"""

import logging
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

__all__ = ["journal"]

_ALLOWED: Final = frozenset(
    {
        "action",
        "address",
        "anchor",
        "answer",
        "attempt",
        "call",
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
        "spoken",
        "state",
        "station",
        "until",
        "use",
    }
)
"""No payload, key, password or CSR has a name here."""


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
