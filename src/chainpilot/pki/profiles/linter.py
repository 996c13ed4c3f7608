"""What a rule, a profile and a finding are, and the linter that makes findings out of the first two."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.trust import TrustDomain

__all__ = ["Finding", "Objection", "Profile", "Rule", "Severity", "examine", "lint"]

Objection = Callable[[Certificate], str | None]
"""Answers what is wrong with a certificate as a sentence, None when nothing is."""


class Severity(Enum):
    """What a finding may lead to."""

    MUST = "must"
    """The certificate may be refused for it."""
    SHOULD = "should"
    """People are told and nothing is refused: real certificates that work have it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a certificate breaks, and how."""

    rule: str
    """The rule's name, such as `common-name`; stable, for programs."""
    detail: str
    """What was seen, as a sentence for people."""
    severity: Severity = Severity.MUST


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a profile; its clause stands with its objection."""

    name: str
    objection: Objection
    severity: Severity = Severity.MUST


@dataclass(frozen=True, slots=True)
class Profile:
    """What certificates of one kind look like."""

    name: str
    rules: tuple[Rule, ...]
    domain: TrustDomain | None = None
    """The domain such certificates belong to; None where the profile doesn't tell or a station knows none."""


def lint(certificate: Certificate, profile: Profile) -> tuple[Finding, ...]:
    """Every rule that must hold and that the certificate breaks, in the profile's order; empty when it fits."""
    return _findings(certificate, (rule for rule in profile.rules if rule.severity is Severity.MUST))


def examine(certificate: Certificate, profile: Profile) -> tuple[Finding, ...]:
    """Every rule that the certificate breaks, those that only should hold too, in the profile's order."""
    return _findings(certificate, profile.rules)


def _findings(certificate: Certificate, rules: Iterable[Rule]) -> tuple[Finding, ...]:
    judged = ((rule, rule.objection(certificate)) for rule in rules)
    return tuple(Finding(rule.name, detail, rule.severity) for rule, detail in judged if detail is not None)
