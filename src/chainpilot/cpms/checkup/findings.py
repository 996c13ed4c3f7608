"""What a step of a check came to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

__all__ = ["Finding", "Grade", "Step"]


class Step(Enum):
    """The steps in their order; values as people read them."""

    CONFIGURATION = "configuration"
    ADDRESS = "address"
    CONNECTION = "connection"
    TLS = "TLS"
    LOGIN = "login"
    CACERTS = "CA certificates"
    TRUST = "trust"
    CLOCK = "clock"
    CSRATTRS = "CSR attributes"
    ENROLMENT = "enrolment"


class Grade(Enum):
    """How a step went."""

    OK = "ok"
    WARNING = "warning"
    """It works, and should be looked at."""
    FAILED = "failed"
    UNREACHED = "unreached"
    """It failed, because no answer came at all."""
    REFUSED = "refused"
    """It failed, because the PKI knows us not, or doesn't allow it."""

    @property
    def is_end(self) -> bool:
        """What would come next can't be tried."""
        return self in {Grade.FAILED, Grade.UNREACHED, Grade.REFUSED}


@dataclass(frozen=True, slots=True)
class Finding:
    """One step."""

    step: Step
    grade: Grade
    seen: str
    """A sentence without its full stop."""
    do: str = ""
    """What to do, where something is to be done."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """For programs, as JSON."""
