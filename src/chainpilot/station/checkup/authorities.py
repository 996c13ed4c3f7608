"""Roots, sub-CAs and their bundles: what counts as an anchor, what doesn't, and what lies there besides.

What can't be read at all is told by `files`, and what a leaf lacks above itself by `leaves`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.keys import key_weakness
from chainpilot.station.checkup.hash_links import check_links
from chainpilot.station.checkup.problems import ByHand, Problem, Setting, Step
from chainpilot.station.checkup.remedies import (
    delete_ca,
    install_root,
    move_ca,
    take_out,
    to_pem,
    wait_until,
    without_copy,
)
from chainpilot.station.checkup.rows import authorities as rows
from chainpilot.station.checkup.scene import Scene
from chainpilot.station.checkup.uses import in_use
from chainpilot.station.checkup.words import called, listed, moment, span
from chainpilot.station.layout import LEAF_TYPES
from chainpilot.station.model import CaCertificateType
from chainpilot.station.store import Bundle, links_of
from chainpilot.station.store.certificates import CertificateFile

__all__ = ["check"]

_BY_COMPONENT: Final = {kind.value: kind for kind in CaCertificateType}
"""Domain components that name a domain; CPO and others may stand in several."""


def check(scene: Scene) -> Iterator[Problem]:
    """Every bundle once."""
    if scene.layout.config.allow_test_pki:
        yield rows.TEST_PKI_ALLOWED.found(Setting("allow_test_pki", "false"))
    for bundle in scene.bundles:
        yield from _missing(scene, bundle)
        yield from _roots(scene, bundle)
        yield from _strangers(scene, bundle)
        yield from _sub_cas(scene, bundle)
        yield from _unfit(scene, bundle)
        yield from _copies(scene, bundle)
        yield from _forms(scene, bundle)
        if bundle.is_directory:
            yield from check_links(scene, bundle)


def _domains(scene: Scene, bundle: Bundle) -> str:
    return " and ".join(kind.value for kind in scene.layout.domains_of(bundle.path))


def _missing(scene: Scene, bundle: Bundle) -> Iterator[Problem]:
    """A bundle without an anchor; where something in it can't be read, that is told instead."""
    if len(scene.anchors(bundle)) or any(file.findings for file in bundle.read_from):
        return
    kind, user = next(_users(scene, bundle), (scene.layout.domains_of(bundle.path)[0], None))
    step = install_root(kind, f"the certificate of the {kind.value} root")
    told = {"path": bundle.path, "domain": _domains(scene, bundle)}
    if user is not None:
        yield rows.ROOT_MISSING.found(step, needed_by=user, **told)
    elif scene.is_there(bundle.path) and not any(file.certificates for file in bundle.files):
        yield rows.BUNDLE_EMPTY.found(step, **told)


def _users(scene: Scene, bundle: Bundle) -> Iterator[tuple[CaCertificateType, str | None]]:
    """Who needs an anchor there: leaves, and signing requests whose leaf is to come."""
    for kind in LEAF_TYPES:
        domain = CaCertificateType(kind.value)
        if scene.layout.bundles[domain] == bundle.path:
            yield from ((domain, f"the leaf {one.leaf.subject}") for one in scene.leaves(kind).leaves)
            requests = (one for one in scene.pending if one.kind is kind)
            yield from ((domain, f"the signing request for {one.csr.subject}") for one in requests)


def _roots(scene: Scene, bundle: Bundle) -> Iterator[Problem]:
    anchors = scene.anchors(bundle)
    for root in anchors:
        yield from _root_times(scene, bundle, root)
        if (weakness := key_weakness(root.public_key)) is not None:
            gone = _removal(scene, bundle, root)
            yield rows.WEAK_ROOT.found(*gone, path=_file_of(bundle, root).path, subject=root.subject, weakness=weakness)
        yield from _elsewhere(scene, bundle, root)
    for root, _ in anchors.refused:
        if root.is_test:
            gone = _removal(scene, bundle, root)
            yield rows.TEST_ROOT.found(*gone, path=_file_of(bundle, root).path, subject=root.subject)


def _root_times(scene: Scene, bundle: Bundle, root: Certificate) -> Iterator[Problem]:
    if root.not_before <= scene.at and root.not_after >= scene.expiring:
        return
    told = {"path": _file_of(bundle, root).path, "subject": root.subject, "domain": _domains(scene, bundle)}
    successor = install_root(scene.layout.domains_of(bundle.path)[0], f"the successor of {root.subject}")
    gone = _removal(scene, bundle, root)
    if root.not_before > scene.at:
        begin = moment(root.not_before)
        yield rows.ROOT_NOT_YET_VALID.found(wait_until(begin), begin=begin, **told)
    elif root.not_after < scene.at:
        loss = _loss(scene, bundle, root)
        if loss is None:
            yield rows.ROOT_OBSOLETE.found(*gone, end=moment(root.not_after), **told)
        else:
            yield rows.ROOT_EXPIRED.found(successor, *gone, end=moment(root.not_after), loss=loss, **told)
    elif root.not_after < scene.expiring:
        days = span(root.not_after - scene.at)
        yield rows.ROOT_EXPIRING.found(successor, *gone, end=moment(root.not_after), days=days, **told)


def _loss(scene: Scene, bundle: Bundle, root: Certificate) -> str | None:
    """What is lost with a root; None when nobody misses it."""
    for kind in LEAF_TYPES:
        for stored in in_use(scene, scene.leaves(kind)):
            if links_of(scene.look, scene.layout, stored).root == root:
                return f"the leaf {stored.leaf.subject} leads to it"
    if any(one.valid_at(scene.at) for one in scene.anchors(bundle) if one != root):
        return None
    return f"no other root of the domain {_domains(scene, bundle)} is valid"


def _elsewhere(scene: Scene, bundle: Bundle, root: Certificate) -> Iterator[Problem]:
    """A root whose domain component names another domain."""
    told = _BY_COMPONENT.get((root.subject.domain_component or "").upper())
    if told is None or told in scene.layout.domains_of(bundle.path):
        return
    file, loss = _file_of(bundle, root), _loss(scene, bundle, root)
    steps = move_ca(scene, file, root, told) if loss is None else (ByHand(f"Leave it as long as {loss}."),)
    yield rows.ROOT_IN_OTHER_DOMAIN.found(
        *steps,
        path=file.path,
        subject=root.subject,
        told=told.value,
        domain=_domains(scene, bundle),
    )


def _strangers(scene: Scene, bundle: Bundle) -> Iterator[Problem]:
    for file in bundle.files:
        for one in dict.fromkeys(file.certificates):
            if not one.is_ca:
                yield rows.LEAF_IN_BUNDLE.found(*take_out(scene, file, one), path=file.path, subject=one.subject)


def _sub_cas(scene: Scene, bundle: Bundle) -> Iterator[Problem]:
    """Sub-CAs that lead nowhere, and ended ones that no leaf is below: those are told with their leaf.

    While it can't be read which of them are roots, nobody is told to take one out.
    """
    above = {issuer for stored in scene.stored for _, issuer in links_of(scene.look, scene.layout, stored).way}
    is_noted_whole = bundle.succession is None or not bundle.succession.findings
    orphans = {one for one in bundle.orphans if one.is_ca and is_noted_whole and not bundle.is_cross_form(one)}
    for one in bundle.intermediates:
        file = _file_of(bundle, one)
        if one in orphans:
            steps = take_out(scene, file, one)
            yield rows.ORPHAN_CA.found(*steps, path=file.path, subject=one.subject, issuer=one.issuer)
        elif one.not_after < scene.at and one not in above:
            gone = _removal(scene, bundle, one)
            yield rows.SUB_CA_OBSOLETE.found(*gone, path=file.path, subject=one.subject, end=moment(one.not_after))
        elif one.not_after < scene.expiring and one not in above:
            yield rows.BUNDLE_SUB_CA_EXPIRING.found(
                *_removal(scene, bundle, one),
                path=file.path,
                subject=one.subject,
                end=moment(one.not_after),
                days=span(one.not_after - scene.at),
            )


def _unfit(scene: Scene, bundle: Bundle) -> Iterator[Problem]:
    """What verify files leave out (`verification_files`) and no other problem tells of."""
    anchors = scene.anchors(bundle)
    allowed = scene.layout.config.allow_test_pki
    below = {child for one in anchors for child, _ in bundle.descendants(one) if allowed or not child.is_test}
    lost = {one for one in bundle.orphans if not bundle.is_cross_form(one)}
    of_refused = {child for root, _ in anchors.refused for child in (root, *dict(bundle.descendants(root)))}
    told = {*anchors, *below, *lost, *of_refused}
    unfit = [one for one in bundle.certificates if one not in told]
    if unfit:
        steps = (step for one in unfit for step in take_out(scene, _file_of(bundle, one), one))
        yield rows.BUNDLE_UNFIT.found(*steps, path=bundle.path, names=listed([called(one.subject) for one in unfit]))


def _copies(scene: Scene, bundle: Bundle) -> Iterator[Problem]:
    """Certificates that stand in a bundle more than once; each but the first copy is told."""
    first: dict[Certificate, Path] = {}
    for file in bundle.files:
        counts = {one: file.certificates.count(one) for one in file.certificates}
        for one, count in counts.items():
            other = first.setdefault(one, file.path)
            if other == file.path and count == 1:
                continue
            steps = without_copy(scene, file, one) if other == file.path else take_out(scene, file, one)
            where = "the same file" if other == file.path else other
            yield rows.CERTIFICATE_TWICE.found(*steps, path=file.path, subject=one.subject, other=where)


def _forms(scene: Scene, bundle: Bundle) -> Iterator[Problem]:
    """Files that programs which verify with OpenSSL can't use, though everything in them counts."""
    for file in bundle.files:
        if file.certificates and not file.findings and not file.is_pem:
            yield rows.BUNDLE_NOT_PEM.found(to_pem(scene, file), path=file.path, domain=_domains(scene, bundle))


def _file_of(bundle: Bundle, certificate: Certificate) -> CertificateFile:
    """The first file that holds a certificate of the bundle."""
    return next(file for file in bundle.files if certificate in file.certificates)


def _removal(scene: Scene, bundle: Bundle, certificate: Certificate) -> tuple[Step, ...]:
    """By hash data where it has any, which takes the CAs below it along; else out of its file."""
    issuer = bundle.signer_of(certificate)
    if issuer is not None and certificate.is_ca:
        return (delete_ca(bundle, certificate, issuer),)
    return take_out(scene, _file_of(bundle, certificate), certificate)
