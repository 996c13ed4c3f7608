"""Whether the leaves in use fit the profile of their domain, and whether their keys are sound."""

from collections.abc import Iterable, Iterator
from typing import Final

from chainpilot.pki.keys import key_weakness
from chainpilot.pki.profiles import Finding, Severity, examine
from chainpilot.station.checkup.problems import Problem, Step
from chainpilot.station.checkup.remedies import enrol, take_out_leaf
from chainpilot.station.checkup.rows import keys as key_rows
from chainpilot.station.checkup.rows import leaves as rows
from chainpilot.station.checkup.scene import Scene
from chainpilot.station.checkup.uses import consequence, in_use, use_of, waiting
from chainpilot.station.layout import LEAF_TYPES, ProfilePolicy
from chainpilot.station.requirements import profile_of
from chainpilot.station.store import StoredLeaf

__all__ = ["check"]

_TOLD_ELSEWHERE: Final = frozenset({"key-strength", "ocsp-url"})
"""Rules that have problems of their own."""


def check(scene: Scene) -> Iterator[Problem]:
    """Every leaf in use, and those that wait for their time."""
    for kind in LEAF_TYPES:
        leaves = scene.leaves(kind)
        for stored in (*in_use(scene, leaves), *waiting(scene, leaves)):
            yield from _weak(scene, stored)
            if scene.layout.config.profile_policy(kind) is not ProfilePolicy.OFF:
                yield from _profile(scene, stored)


def _weak(scene: Scene, stored: StoredLeaf) -> Iterator[Problem]:
    weakness = key_weakness(stored.leaf.public_key)
    if weakness is not None:
        yield key_rows.KEY_WEAK.found(
            *_another(scene, stored),
            path=stored.paths[0],
            use=use_of(stored.slot.kind),
            subject=stored.leaf.subject,
            weakness=weakness,
            consequence=consequence(stored.slot.kind),
        )


def _profile(scene: Scene, stored: StoredLeaf) -> Iterator[Problem]:
    kind = stored.slot.kind
    profile = profile_of(kind, stored.leaf)
    found = [one for one in examine(stored.leaf, profile) if one.rule not in _TOLD_ELSEWHERE]
    told = {"path": stored.paths[0], "subject": stored.leaf.subject, "profile": profile.name}
    broken = _words(found, Severity.MUST)
    if broken:
        steps = _another(scene, stored)
        yield rows.LEAF_BREAKS_PROFILE.found(*steps, findings=broken, consequence=consequence(kind), **told)
    advice = _words(found, Severity.SHOULD)
    if advice:
        yield rows.LEAF_PROFILE_ADVICE.found(*_another(scene, stored), findings=advice, **told)


def _another(scene: Scene, stored: StoredLeaf) -> tuple[Step, ...]:
    return (*enrol(stored.slot.kind, stored.leaf.subject), *take_out_leaf(scene, stored))


def _words(findings: Iterable[Finding], severity: Severity) -> str:
    return "; ".join(one.detail for one in findings if one.severity is severity)
