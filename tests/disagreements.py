"""Where `openssl verify` (3.0) and we say different things of one chain, each with the reason why ours is right.

The rows stand in docs/reference/verification.md word for word. A row is a condition on the chain and on what both said;
a disagreement that no row explains is a defect of one of the two.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from chains import BIG, BROKEN_BASICS, Case
from drafts import CERT_SIGN, Draft, extensions_of, kind_of
from oracle import LONGEST, WEAK_DIGESTS, WEAK_KINDS, Fault, Way, contradict, is_malformed, looks_self_signed, ways

__all__ = ["ACCEPTED", "DISAGREEMENTS", "Disagreement", "Finding", "Said", "explanation", "words"]


Said = frozenset[Fault]
"""A verdict: the faults that a judge tells, none when it accepts."""
ACCEPTED: Said = frozenset()
REFUSED: Said = frozenset(Fault)


def words(said: Said | None) -> str:
    """A verdict for people; None stands for any."""
    if said is None or said == REFUSED:
        return "anything" if said is None else "refuses"
    return ", ".join(sorted(fault.value for fault in said)) or "accepts"


@dataclass(frozen=True)
class Finding:
    """A chain and what both judges said of it."""

    case: Case
    openssl: Said
    """Everything that `openssl verify` complained of."""
    ours: Said
    """Our one reason."""
    detail: str = ""

    @property
    def agree(self) -> bool:
        """Whether both accept, or both refuse for the same reason."""
        return self.openssl == self.ours or bool(self.openssl & self.ours)

    @cached_property
    def ways(self) -> list[tuple[Way, frozenset[Fault]]]:
        """Every way up from the leaf with its faults."""
        return ways(self.case)

    @property
    def good(self) -> list[Way]:
        """The ways without a fault."""
        return [way for way, faults in self.ways if not faults]

    @property
    def faults(self) -> frozenset[Fault]:
        """All faults of all ways."""
        return frozenset().union(*(faults for _, faults in self.ways))

    def only(self, fault: Fault) -> list[Way]:
        """The ways with that fault and no other."""
        return [way for way, faults in self.ways if faults == {fault}]

    def __str__(self) -> str:
        return f"{self.case}: openssl {words(self.openssl)}; we {words(self.ours)} {self.detail}"


@dataclass(frozen=True)
class Disagreement:
    """One row: when it applies, what both say, and why ours is right."""

    id: str
    openssl: Said | None
    """What it says; None when it doesn't matter."""
    ours: Said
    """What we may say."""
    when: Callable[[Finding], bool]
    why: str

    def explains(self, finding: Finding) -> bool:
        """Whether this row is the reason why the two disagree."""
        least = self.openssl or ACCEPTED
        most = least | _in_the_last_second(finding) | (finding.faults if least else ACCEPTED)
        theirs = self.openssl is None or least <= finding.openssl <= most
        return theirs and finding.ours <= self.ours and bool(finding.ours) == bool(self.ours) and self.when(finding)

    def __str__(self) -> str:
        return f"| {self.id} | {words(self.openssl)} | {words(self.ours)} | {self.why} |"


def explanation(finding: Finding) -> Disagreement | None:
    """The first row that explains a disagreement."""
    return next((row for row in DISAGREEMENTS if row.explains(finding)), None)


def _on_a_way(condition: Callable[[Draft], bool]) -> Callable[[Finding], bool]:
    return lambda finding: any(condition(draft) for way, _ in finding.ways for draft in way)


def _anchored(condition: Callable[[Draft], bool]) -> Callable[[Finding], bool]:
    return lambda finding: any(condition(draft) for draft in finding.case.plan.anchors)


def _sent(condition: Callable[[Draft], bool]) -> Callable[[Finding], bool]:
    return lambda finding: any(condition(draft) for draft in finding.case.written)


def _another_way(fault: Fault) -> Callable[[Finding], bool]:
    """One way is good, and another has that fault."""
    return lambda finding: bool(finding.good) and fault in finding.faults


def _in_the_last_second(finding: Finding) -> Said:
    """What openssl may complain of beside anything else, where a certificate ends at the very moment."""
    ends = any(draft.end == finding.case.plan.at for way, _ in finding.ways for draft in way)
    return frozenset({Fault.EXPIRED}) if ends else ACCEPTED


def _goes_round(finding: Finding) -> bool:
    """A way comes back to a name that it has passed."""
    return any(way[-1].issuer in {one.subject for one in way[1:-1]} for way, _ in finding.ways)


def _is_weak_by_key(finding: Finding) -> bool:
    return any(kind_of(draft.key) in WEAK_KINDS for way in finding.only(Fault.WEAK) for draft in way)


def _is_weak_by_digest(finding: Finding) -> bool:
    return any(draft.hashed_by in WEAK_DIGESTS for way in finding.only(Fault.WEAK) for draft in way[:-1])


def _signs(draft: Draft) -> bool:
    return CERT_SIGN in (draft.usage or ())


def _is_long(finding: Finding) -> bool:
    unlinked = {Fault.SIGNATURE, Fault.ISSUER}
    return not finding.good and any(len(way) - 2 > LONGEST and not faults & unlinked for way, faults in finding.ways)


def _has_twice(draft: Draft) -> bool:
    oids = [one.oid for one in extensions_of(draft)]
    return draft.is_extended and len(oids) > len(set(oids))


def _contradicts(finding: Finding) -> bool:
    return any(contradict(below, above) for way, _ in finding.ways for below, above in itertools.pairwise(way))


def _has_both(finding: Finding) -> bool:
    theirs = finding.faults | _in_the_last_second(finding) | ({Fault.CHAIN} if _goes_round(finding) else ACCEPTED)
    return not finding.good and finding.ours <= finding.faults and finding.openssl <= theirs and bool(finding.openssl)


DISAGREEMENTS = (
    Disagreement(
        "last second",
        frozenset({Fault.EXPIRED}),
        ACCEPTED,
        lambda finding: bool(finding.good),
        "notAfter is inclusive (RFC 5280 section 4.1.2.5); OpenSSL before 4 counts its very second as past",
    ),
    Disagreement(
        "weak key",
        ACCEPTED,
        frozenset({Fault.WEAK}),
        _is_weak_by_key,
        "RSA below 2048 bits and curves that V2G doesn't use (duty 4); OpenSSL's level is 0 unless asked",
    ),
    Disagreement(
        "weak digest",
        ACCEPTED,
        REFUSED,
        _is_weak_by_digest,
        "a signature over MD5, SHA-1 or SHA-224 below the anchor (duty 4); among namesakes nobody looks who made it",
    ),
    Disagreement(
        "CA as a leaf",
        ACCEPTED,
        frozenset({Fault.NOT_A_LEAF}),
        lambda finding: finding.case.plan.leaf.is_ca is True,
        "what is asked about is a station or a contract, and they are no CAs (duty 5)",
    ),
    Disagreement(
        "leaf that may sign",
        ACCEPTED,
        frozenset({Fault.NOT_A_LEAF}),
        lambda finding: _signs(finding.case.plan.leaf),
        "keyCertSign without cA (RFC 5280 section 4.2.1.3 forbids it; duty 5)",
    ),
    Disagreement(
        "leaf among the anchors",
        ACCEPTED,
        frozenset({Fault.ISSUER}),
        lambda finding: finding.case.plan.leaf in finding.case.plan.anchors,
        "a leaf is never an anchor, not even its own",
    ),
    Disagreement(
        "anchor of version 1",
        ACCEPTED,
        REFUSED,
        _anchored(lambda draft: not draft.is_extended),
        "an anchor must say that it is a CA, and a certificate of version 1 can't",
    ),
    Disagreement(
        "anchor that is no CA",
        ACCEPTED,
        REFUSED,
        _anchored(lambda draft: draft.is_extended and draft.is_ca is None),
        "the same: key usage without basicConstraints doesn't make a CA",
    ),
    Disagreement(
        "certificate of another issuer",
        frozenset({Fault.ISSUER}),
        ACCEPTED,
        _another_way(Fault.ISSUER),
        "a sub-CA was signed by several; one of them is trusted, and OpenSSL follows the other only (duty 2)",
    ),
    Disagreement(
        "namesake with another key",
        frozenset({Fault.SIGNATURE}),
        ACCEPTED,
        _another_way(Fault.SIGNATURE),
        "two CAs of one name without key identifiers; OpenSSL tries one (duty 2)",
    ),
    Disagreement(
        "certificate that doesn't fit",
        frozenset({Fault.CHAIN}),
        ACCEPTED,
        _another_way(Fault.CHAIN),
        "a CA has two certificates, one with cA=FALSE or on a path that is too long; OpenSSL tries one (duty 2)",
    ),
    Disagreement(
        "CAs that signed each other",
        frozenset({Fault.CHAIN}),
        ACCEPTED,
        lambda finding: bool(finding.good) and _goes_round(finding),
        "OpenSSL goes round until the path is too long; no path of ours passes a CA twice (RFC 4158 section 5.2)",
    ),
    Disagreement(
        "long path",
        None,
        REFUSED,
        _is_long,
        "more than 10 certificates between leaf and anchor; OpenSSL allows 100",
    ),
    Disagreement(
        "policy asked for",
        ACCEPTED,
        REFUSED,
        lambda finding: not finding.good and _on_a_way(lambda draft: draft.asks_for_policy)(finding),
        "requireExplicitPolicy is critical; OpenSSL ignores it unless told to check policies (RFC 5280 section 4.2)",
    ),
    Disagreement(
        "version 1 with extensions",
        ACCEPTED,
        REFUSED,
        _on_a_way(lambda draft: draft.version == 1 and draft.is_extended),
        "only version 3 has extensions, so nothing else can say that it is a CA (RFC 5280 section 6.1.4 (k))",
    ),
    Disagreement(
        "extension twice",
        None,
        frozenset({Fault.UNREADABLE}),
        _sent(_has_twice),
        "no certificate may have the same extension twice (RFC 5280 section 4.2)",
    ),
    Disagreement(
        "two algorithms",
        None,
        frozenset({Fault.UNREADABLE}),
        _sent(lambda draft: draft.outer_digest is not None),
        "the algorithm outside the signed part must be the one inside (RFC 5280 section 4.1.1.2); told as unreadable",
    ),
    Disagreement(
        "broken constraints",
        None,
        frozenset({Fault.UNREADABLE}),
        _sent(lambda draft: BROKEN_BASICS in draft.extensions),
        "basicConstraints cut off; told as unreadable, by OpenSSL as an issuer that isn't found",
    ),
    Disagreement(
        "version 2",
        None,
        frozenset({Fault.UNREADABLE}),
        _sent(lambda draft: draft.version == 2),
        "nobody issues version 2, and the parser doesn't read it",
    ),
    Disagreement(
        "large certificate",
        None,
        frozenset({Fault.UNREADABLE}),
        _sent(lambda draft: BIG in draft.extensions),
        "more than 16 KiB (duty 1)",
    ),
    Disagreement(
        "malformed extension",
        frozenset({Fault.ISSUER}),
        frozenset({Fault.CHAIN}),
        _on_a_way(is_malformed),
        "OpenSSL passes over what it can't use; the issuer isn't missing, so no other anchor would help",
    ),
    Disagreement(
        "wrong key identifier",
        frozenset({Fault.ISSUER}),
        frozenset({Fault.CHAIN}),
        _contradicts,
        "the same: the issuer's key signed, but the identifier names another",
    ),
    Disagreement(
        "self-issued without identifiers",
        None,
        frozenset({Fault.CHAIN}),
        _on_a_way(looks_self_signed),
        "the case that stays open (below): both refuse",
    ),
    Disagreement(
        "several faults",
        None,
        REFUSED,
        _has_both,
        "both refuse; each tells another of the faults that the chain has",
    ),
)
"""In this order: the first that applies explains."""
