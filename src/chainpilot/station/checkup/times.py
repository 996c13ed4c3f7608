"""The clock, judged by what certificates, answers and this release itself say about the time.

A certificate that may rightly wait is no evidence: a leaf whose predecessor still holds, a root beside a valid one.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from chainpilot import BUILT_AT
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.crl import CLOCK_TOLERANCE, Crl
from chainpilot.pki.ocsp import read_response
from chainpilot.pki.ocsp.reading import OcspResponseSummary
from chainpilot.station import ocsp_cache
from chainpilot.station.checkup.problems import Problem
from chainpilot.station.checkup.remedies import SET_CLOCK
from chainpilot.station.checkup.rows import times as rows
from chainpilot.station.checkup.scene import Scene
from chainpilot.station.checkup.words import moment
from chainpilot.station.layout import LEAF_TYPES
from chainpilot.station.store import read_crls

__all__ = ["check"]

_CROWD: Final = 2
"""Certificates of which it is remarkable that all have ended."""


def check(scene: Scene) -> Iterator[Problem]:
    """Whether the clock is behind, or ahead of everything."""
    evidence = next(_evidence(scene), None)
    if evidence is not None:
        yield rows.CLOCK_BEHIND.found(SET_CLOCK, now=moment(scene.at), evidence=evidence)
    held = scene.certificates
    if len(held) >= _CROWD and all(one.not_after < scene.at for one in held):
        last = max(one.not_after for one in held)
        yield rows.EVERYTHING_ENDED.found(SET_CLOCK, now=moment(scene.at), count=len(held), last=moment(last))


def _evidence(scene: Scene) -> Iterator[str]:
    """The strongest first."""
    if scene.at < BUILT_AT:
        yield f"this release is not older than {moment(BUILT_AT)}"
    latest = max(_signed_times(scene), default=None)
    if latest is not None and latest[0] - scene.at > CLOCK_TOLERANCE:
        yield f"{latest[1]} is dated {moment(latest[0])}"
    future = [one for one in _due(scene) if one.not_before > scene.at]
    if future:
        newest = max(future, key=lambda one: one.not_before)
        yield f"{newest.subject} begins on {moment(newest.not_before)}"


def _due(scene: Scene) -> Iterator[Certificate]:
    """The certificates that should have begun, since nothing valid stands in their place."""
    for bundle in scene.bundles:
        if not any(root.valid_at(scene.at) for root in bundle.roots):
            yield from bundle.certificates
    for kind in LEAF_TYPES:
        leaves = scene.leaves(kind)
        valid = {one.slot for one in leaves.valid_at(scene.at)}
        yield from (one for stored in leaves.leaves if stored.slot not in valid for one in stored.stack)


def _signed_times(scene: Scene) -> Iterator[tuple[datetime, str]]:
    for directory in scene.layout.ocsp_directories:
        for answer in ocsp_cache.answers(scene.look, directory):
            summary = read_response(scene.read(answer.der) or b"")
            if isinstance(summary, OcspResponseSummary) and summary.basic is not None:
                yield summary.basic.produced_at, str(answer.der)
    if scene.layout.crls is not None:
        lists: tuple[Crl, ...] = read_crls(scene.look, scene.layout.crls).crls
        yield from ((one.this_update, f"a revocation list in {scene.layout.crls}") for one in lists)
