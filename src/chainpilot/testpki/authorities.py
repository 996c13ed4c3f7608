"""The test PKI's CAs with their keys, made on first use and found again later. NEVER for production."""

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec

from chainpilot.testpki.cabinet import Cabinet
from chainpilot.testpki.hierarchy import AUTHORITIES, Authority
from chainpilot.testpki.issuer import Issuer, make_root
from chainpilot.testpki.material import Material

__all__ = ["open_authorities"]


def open_authorities(cabinet: Cabinet, material: Material, *, ocsp_url: str, at: datetime) -> dict[str, Issuer]:
    """Every CA of the hierarchy by its name; what the cabinet lacks is made at `at` (UTC) and put there.

    A key without its certificate is what a stopped start leaves; it gets its certificate now.

    Raises:
        CabinetError: a key file is broken.
        EncodingError, CertificateError: a certificate file is.
        IssueError: the hierarchy contradicts its own profiles.
    """
    issuers: dict[str, Issuer] = {}
    for plan in AUTHORITIES:
        key = _key(plan, cabinet, material)
        certificate = cabinet.certificate(plan.name)
        if certificate is None:
            parent = issuers[plan.parent] if plan.parent is not None else None
            certificate = parent.issue_authority(plan, key, at) if parent else make_root(plan, key, at, material)
            cabinet.put_certificate(plan.name, certificate)
        issuers[plan.name] = Issuer(plan, certificate, key, ocsp_url=ocsp_url, material=material)
    return issuers


def _key(plan: Authority, cabinet: Cabinet, material: Material) -> ec.EllipticCurvePrivateKey:
    key = cabinet.key(plan.name)
    if key is None:
        key = material.key(plan.name)
        cabinet.put_key(plan.name, key)
    return key
