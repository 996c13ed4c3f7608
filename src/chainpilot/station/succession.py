"""One CSMS root takes over from another: OCPP's AdditionalRootCertificateCheck (M05.FR.10 to 14).

A further CSMS root must be signed by the one that it replaces. That one stays as fall-back until the CSMS has accepted
the station over a connection with the new one, and then goes. Only what took over here is concerned: roots that lay
side by side before the check was turned on stay, and nothing takes over until people have left one of them. Which root
a connection is tried with is the connection's matter; what is noted of roots, and where, is `store.succession`'s.
"""

from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import CertificateHashData, hash_data
from chainpilot.station.judgement import anchors_of
from chainpilot.station.layout import Layout
from chainpilot.station.model import CaCertificateType
from chainpilot.station.store import Bundle, read_bundle, read_succession, stage_succession, stage_without
from chainpilot.station.vault import Change, Look, VaultReadError

__all__ = ["checked_roots", "csms_roots", "csms_roots_named", "drop", "fall_backs", "objection", "stage_successor"]

_CSMS: Final = CaCertificateType.CSMS


def csms_roots(look: Look, layout: Layout) -> tuple[Certificate, ...]:
    """The anchors of the CSMS in the order in which a connection tries them: the newest first.

    A root that took over from another is newer than that, and than all that took over from none; of these the one that
    begins later is. Their validity is not looked at.
    """
    return _ordered(look, layout, read_bundle(look, layout, _CSMS))


def csms_roots_named(look: Look, layout: Layout, wanted: CertificateHashData) -> tuple[Certificate, ...]:
    """The anchors of the CSMS that this hash data names: one, or none."""
    bundle = read_bundle(look, layout, _CSMS)
    signed = ((root, bundle.signer_of(root)) for root in _ordered(look, layout, bundle))
    return tuple(
        root
        for root, signer in signed
        if signer is not None and hash_data(root, signer, wanted.hash_algorithm).matches(wanted)
    )


def checked_roots(look: Look, layout: Layout, bundle: Bundle) -> tuple[Certificate, ...]:
    """The anchors that one more has to do with, the newest first; none where additional roots aren't checked.

    Raises:
        VaultReadError: it can't be told: a root whose note is damaged must not make way for anybody as the first one.
    """
    if bundle.kind is not _CSMS or not layout.config.additional_root_certificate_check:
        return ()
    noted = read_succession(look, layout)
    if noted.findings:
        raise VaultReadError(noted.path, noted.findings[0].why)
    return _ordered(look, layout, bundle)


def objection(certificate: Certificate, roots: tuple[Certificate, ...]) -> str | None:
    """Why a CA can't take over from the newest of these roots; None when it can.

    1. there is one root only: a root that no connection has worked with yet has its fall-back still, and that one has
       proven itself (M05.FR.10);
    2. that root is named as its issuer, and its key signed it (M05.FR.11, M05.FR.12).
    """
    newest, *others = roots
    # 1
    if others and _is_signed(newest, others[0]):
        return (
            f"no connection with {newest.subject} has worked yet, and {others[0].subject} is its fall-back: "
            "a further root is taken when that is gone, or one of the two is deleted"
        )
    if others:
        return f"{len(roots)} CSMS roots are installed, and only one can be replaced; delete the others first"
    # 2
    return None if _is_signed(certificate, newest) else f"{newest.subject}, the root it would replace, didn't sign it"


def stage_successor(change: Change, layout: Layout, bundle: Bundle, certificate: Certificate, of: Certificate) -> None:
    """Stage that a CA of the bundle, or one that comes into it, is the root that takes over from `of`.

    Raises:
        VaultReadError: what is noted of others can't be read.
    """
    earlier = (one for one in bundle.lineage if one not in (certificate, of))
    roots = frozenset((*bundle.roots, certificate))
    stage_succession(change, read_succession(change, layout), (*earlier, of, certificate), roots)


def fall_backs(look: Look, layout: Layout, worked: Certificate) -> tuple[Certificate, ...]:
    """The roots that may go now that a connection with `worked` has: those it took over from, if it is the newest."""
    bundle = read_bundle(look, layout, _CSMS)
    newest, *others = checked_roots(look, layout, bundle) or (None,)
    if newest is None or worked != newest:
        return ()
    return tuple(one for one in others if one in bundle.lineage)


def drop(change: Change, layout: Layout, worked: Certificate) -> tuple[Certificate, ...]:
    """Stage that those roots go, with what stands below them alone; answers the roots (M05.FR.13).

    Raises:
        VaultReadError: a file can't be read.
    """
    bundle, gone = read_bundle(change, layout, _CSMS), fall_backs(change, layout, worked)
    if gone:
        stage_without(change, layout, bundle, bundle.with_descendants(frozenset(gone)))
    return gone


def _ordered(look: Look, layout: Layout, bundle: Bundle) -> tuple[Certificate, ...]:
    anchors = anchors_of(look, (bundle,), allow_test_pki=layout.config.allow_test_pki)
    places = {one: place for place, one in enumerate(bundle.lineage)}
    return tuple(sorted(anchors, key=lambda one: (places.get(one, -1), one.not_before), reverse=True))


def _is_signed(certificate: Certificate, issuer: Certificate) -> bool:
    return certificate.issuer_key == issuer.subject_key and certificate.was_signed_by(issuer)
