"""The chains above the leaves in use: whether they verify now, and what they lack.

A chain whose root ended or is missing is told with the root, one without its revocation list with the list.
"""

from collections.abc import Iterator

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.chain import Chain
from chainpilot.pki.keys import key_weakness
from chainpilot.pki.verify import Reason, Refusal, VerifiedChain, verify
from chainpilot.station.checkup.problems import Problem, Step
from chainpilot.station.checkup.remedies import enrol, install_chain, install_root, take_out_leaf, update_leaf
from chainpilot.station.checkup.rows import leaves as rows
from chainpilot.station.checkup.scene import Scene
from chainpilot.station.checkup.uses import consequence, in_use, use_of, waiting
from chainpilot.station.checkup.words import called, moment, span
from chainpilot.station.judgement import judge, rules_of
from chainpilot.station.layout import LEAF_TYPES
from chainpilot.station.model import CaCertificateType
from chainpilot.station.store import StoredLeaf, links_of

__all__ = ["check", "revoked"]


def check(scene: Scene) -> Iterator[Problem]:
    """Every leaf in use, and those that wait for their time."""
    for kind in LEAF_TYPES:
        leaves = scene.leaves(kind)
        for stored in (*in_use(scene, leaves), *waiting(scene, leaves)):
            yield from _chain(scene, stored)


def _chain(scene: Scene, stored: StoredLeaf) -> Iterator[Problem]:
    ended = tuple(_ended(scene, stored))
    yield from ended
    bundle = scene.bundle_of(stored.slot.kind)
    moment_of_use = max(scene.at, stored.leaf.not_before)
    anchors = scene.anchors(bundle)
    if ended or not any(one.valid_at(moment_of_use) for one in anchors):
        return
    domain = CaCertificateType(stored.slot.kind.value)
    judged = judge(scene.look, scene.layout, Chain(stored.leaf, stored.stack[1:]), (domain,), moment_of_use)
    if isinstance(judged, VerifiedChain):
        yield from _lacking(stored, judged)
        return
    # the judge's own words, and verify's reason, which programs can tell apart
    whole = Chain(stored.leaf, (*stored.stack[1:], *bundle.above(stored.stack)))
    refusal = verify(whole, anchors, moment_of_use, rules_of(scene.look, scene.layout))
    words = judged.reason or judged.result.value
    if isinstance(refusal, VerifiedChain):
        yield _broken(scene, stored, words)
    elif refusal.reason is Reason.ISSUER_NOT_FOUND and not links_of(scene.look, scene.layout, stored).is_whole:
        yield _leads_nowhere(scene, stored)
    elif refusal.reason is Reason.REVOKED:
        yield revoked(scene, stored, _at_fault(scene, stored, refusal), words)
    elif not _is_told_elsewhere(scene, stored, refusal):
        yield _broken(scene, stored, words)


def _ended(scene: Scene, stored: StoredLeaf) -> Iterator[Problem]:
    """Sub-CAs of the way that ended, or will before their leaf does."""
    if scene.layout.config.parity.times:
        return
    links = links_of(scene.look, scene.layout, stored)
    tops = (links.root, *scene.bundle_of(stored.slot.kind).lineage)
    for one in (issuer for _, issuer in links.way if issuer not in tops):
        step = install_chain(stored.slot.kind, f"the same leaf, then its sub-CAs with {one.subject} renewed")
        told = {
            "path": stored.paths[0],
            "use": use_of(stored.slot.kind),
            "subject": one.subject,
            "leaf": stored.leaf.subject,
            "end": moment(one.not_after),
            "consequence": consequence(stored.slot.kind),
        }
        if one.not_after < scene.at:
            yield rows.SUB_CA_EXPIRED.found(step, **told)
        elif one.not_after < min(scene.expiring, stored.leaf.not_after):
            yield rows.SUB_CA_EXPIRING.found(step, days=span(one.not_after - scene.at), **told)


def _lacking(stored: StoredLeaf, verified: VerifiedChain) -> Iterator[Problem]:
    """Sub-CAs that the bundle lends, and that nobody who gets the chain file sees."""
    missing = [one for one in verified.intermediates if one not in stored.stack]
    if missing:
        words = ", ".join(called(one.subject) for one in missing)
        yield _incomplete(stored, words, update_leaf(stored.slot.kind, stored.paths[0]))


def _leads_nowhere(scene: Scene, stored: StoredLeaf) -> Problem:
    kind = stored.slot.kind
    way = links_of(scene.look, scene.layout, stored).way
    top = way[-1][1] if way else stored.leaf
    if top in scene.bundle_of(kind).lineage:
        return _of_former_root(scene, stored, top)
    if len(stored.stack) == 1:
        what = f"the leaf, then the sub-CAs from {top.issuer} upwards, as the PKI delivers them"
        return _incomplete(stored, str(top.issuer), install_chain(kind, what))
    return rows.CHAIN_NOT_TRUSTED.found(
        install_root(CaCertificateType(kind.value), f"the certificate of {top.issuer}, if that is a root"),
        path=stored.paths[0],
        use=use_of(kind),
        subject=stored.leaf.subject,
        top=top.subject,
        issuer=top.issuer,
        domain=kind.value,
    )


def _of_former_root(scene: Scene, stored: StoredLeaf, top: Certificate) -> Problem:
    """The CSMS and the station may be under different roots, so that this is in order while the CSMS takes the leaf."""
    if top.not_after < scene.at:
        return _broken(scene, stored, f"{top.subject}, the root it leads to, ended on {moment(top.not_after)}")
    kind = stored.slot.kind
    return rows.CHAIN_OF_FORMER_ROOT.found(
        *enrol(kind, stored.leaf.subject),
        path=stored.paths[0],
        use=use_of(kind),
        subject=stored.leaf.subject,
        top=top.subject,
    )


def _incomplete(stored: StoredLeaf, missing: str, step: Step) -> Problem:
    return rows.CHAIN_INCOMPLETE.found(
        step,
        path=stored.paths[0],
        use=use_of(stored.slot.kind),
        subject=stored.leaf.subject,
        missing=missing,
        consequence=consequence(stored.slot.kind),
    )


def _is_told_elsewhere(scene: Scene, stored: StoredLeaf, refusal: Refusal) -> bool:
    """Whether it is the leaf's own weak key, its root's end, or a missing list."""
    root = links_of(scene.look, scene.layout, stored).root
    match refusal.reason:
        case Reason.WEAK_ALGORITHM:
            return key_weakness(stored.leaf.public_key) is not None
        case Reason.EXPIRED:
            return root is not None and root.not_after < scene.at
        case reason:
            return reason is Reason.REVOCATION_UNKNOWN


def revoked(scene: Scene, stored: StoredLeaf, certificate: Certificate, words: str) -> Problem:
    """That a certificate of a leaf's chain, or the leaf itself, was revoked; `words` say when and who says so."""
    kind = stored.slot.kind
    return rows.CERTIFICATE_REVOKED.found(
        *enrol(kind, stored.leaf.subject),
        *take_out_leaf(scene, stored),
        path=stored.paths[0],
        subject=certificate.subject,
        leaf=stored.leaf.subject,
        words=words,
        consequence=consequence(kind),
    )


def _at_fault(scene: Scene, stored: StoredLeaf, refusal: Refusal) -> Certificate:
    way = links_of(scene.look, scene.layout, stored).way
    depth = refusal.depth or 0
    return way[depth][0] if depth < len(way) else stored.leaf


def _broken(scene: Scene, stored: StoredLeaf, words: str) -> Problem:
    kind = stored.slot.kind
    return rows.CHAIN_BROKEN.found(
        *enrol(kind, stored.leaf.subject),
        *take_out_leaf(scene, stored),
        path=stored.paths[0],
        use=use_of(kind),
        subject=stored.leaf.subject,
        reason=words,
        consequence=consequence(kind),
    )
