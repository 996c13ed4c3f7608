"""The test PKI's CAs with their keys, made on first use and found again later. NEVER for production."""

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.keys import spki_hash
from chainpilot.testpki.cabinet import Cabinet, CabinetError
from chainpilot.testpki.hierarchy import AUTHORITIES, Authority
from chainpilot.testpki.issuer import Issuer, make_root
from chainpilot.testpki.material import Material

__all__ = ["open_authorities"]


def open_authorities(cabinet: Cabinet, material: Material, *, ocsp_url: str, at: datetime) -> dict[str, Issuer]:
    """Every CA of the hierarchy by its name; what the cabinet lacks is made at `at` (UTC) and put there.

    A key without its certificate is what a stopped start leaves; it gets its certificate now.

    Raises:
        CabinetError: a file is broken, or those that are there don't belong together or are out of date.
        IssueError: the hierarchy contradicts its own profiles.
    """
    issuers: dict[str, Issuer] = {}
    for plan in AUTHORITIES:
        parent = issuers[plan.parent] if plan.parent is not None else None
        certificate = cabinet.certificate(plan.name)
        if certificate is None:
            key = _new_or_left_key(plan, cabinet, material)
            certificate = parent.issue_authority(plan, key, at) if parent else make_root(plan, key, at, material)
            cabinet.put_certificate(plan.name, certificate)
        else:
            key = _its_key(plan, cabinet, certificate)
            _check(certificate, cabinet, plan, parent, at)
        issuers[plan.name] = Issuer(plan, certificate, key, ocsp_url=ocsp_url, material=material)
    return issuers


def _new_or_left_key(plan: Authority, cabinet: Cabinet, material: Material) -> ec.EllipticCurvePrivateKey:
    key = cabinet.key(plan.name)
    if key is None:
        key = material.key(plan.name)
        cabinet.put_key(plan.name, key)
    return key


def _its_key(plan: Authority, cabinet: Cabinet, certificate: Certificate) -> ec.EllipticCurvePrivateKey:
    key = cabinet.key(plan.name)
    if key is None:
        raise CabinetError(cabinet.key_file(plan.name), "it is missing")
    if spki_hash(key.public_key()) != certificate.spki_hash:
        raise CabinetError(cabinet.key_file(plan.name), f"it is not the key of {plan.name}.pem")
    return key


def _check(certificate: Certificate, cabinet: Cabinet, plan: Authority, parent: Issuer | None, at: datetime) -> None:
    path = cabinet.certificate_file(plan.name)
    signer = parent.certificate if parent is not None else certificate
    if not certificate.was_signed_by(signer):
        raise CabinetError(path, f"it was not signed by {plan.parent or plan.name}.pem")
    if not certificate.valid_at(at):
        lives = f"from {certificate.not_before:%Y-%m-%d %H:%M} to {certificate.not_after:%Y-%m-%d %H:%M} UTC"
        cure = "set the clock right, or start in a new folder"
        raise CabinetError(path, f"it is valid {lives}, and now it is {at:%Y-%m-%d %H:%M}", cure)
