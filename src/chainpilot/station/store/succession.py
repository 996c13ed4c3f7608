"""The CSMS roots that took over from each other (OCPP M05.FR.10 to 14): what is noted of them, and where.

Nothing in a certificate tells a successor, which the old root signed, from a sub-CA of that root. And hash data of the
successor need the old root's key, when that root is long gone. So both are noted in a file of our own state as they
are: PEM, the oldest first. A CA of the bundle that stands there is a root; one that is no more in the bundle vouches
for nothing. When a root is taken and when it goes is decided by `station.succession`.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from chainpilot.pki.certificate import Certificate
from chainpilot.station.layout import Layout
from chainpilot.station.store.certificates import CertificateFile, read_certificate_file
from chainpilot.station.vault import Change, Look, VaultReadError

__all__ = ["read_succession", "stage_succession"]


def read_succession(look: Look, layout: Layout) -> CertificateFile:
    """What is noted; an empty file where nothing is."""
    return read_certificate_file(look, layout.csms_succession)


def stage_succession(
    change: Change, noted: CertificateFile, lineage: Iterable[Certificate], roots: AbstractSet[Certificate]
) -> None:
    """Stage that `lineage` (the oldest first) is noted as far as these roots need it: they, and who signed them.

    Raises:
        VaultReadError: what is noted now can't be read whole, and would be lost.
    """
    if noted.findings:
        raise VaultReadError(noted.path, noted.findings[0].why)
    line = tuple(dict.fromkeys(lineage))
    successors = [one for one in line if one in roots and not one.is_self_signed]
    kept = tuple(one for one in line if one in roots or any(_took_over(later, one) for later in successors))
    if len(kept) == 1 and not successors:
        kept = ()  # a root that signed itself, and is alone, is known by that
    if kept == noted.certificates:
        return
    if kept:
        change.put(noted.path, "".join(one.to_pem() for one in kept).encode("ascii"))
    else:
        change.remove(noted.path)


def _took_over(later: Certificate, earlier: Certificate) -> bool:
    return later.issuer_key == earlier.subject_key and later.was_signed_by(earlier)
