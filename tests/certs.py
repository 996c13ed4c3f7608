"""The PKIs that a station meets, with what they issue for a request; certificates come from `forge`.

They are good from 2025 to 2045, so that a test may run at a set time as well as today.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.keys import PrivateKey
from forge import Forged, forge

__all__ = ["FROM", "UNTIL", "Pki", "csms_pki", "issue", "key_pem", "root", "stack", "v2g_pki"]

FROM = datetime(2025, 1, 1, tzinfo=UTC)
UNTIL = datetime(2045, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Pki:
    """A root with two sub-CAs in a row; `issuing` signs the leaves."""

    root: Forged
    sub1: Forged
    issuing: Forged

    def stack(self, leaf: Certificate) -> str:
        """The PEM stack leaf, issuing, sub1."""
        return stack(leaf, self.issuing.certificate, self.sub1.certificate)

    def enrol(self, csr: str, **changes: Any) -> str:
        """The PEM stack for a request, as a CSMS delivers it; `changes` are `forge`'s arguments."""
        return self.stack(issue(self.issuing, csr, **changes))

    def server(self, host: str) -> tuple[str, bytes]:
        """PEM stack and key of a TLS server with that DNS name."""
        alternative = (x509.SubjectAlternativeName([x509.DNSName(host)]), False)
        usage = (ExtendedKeyUsageOID.SERVER_AUTH,)
        leaf = forge(host, self.issuing, begin=FROM, end=UNTIL, eku=usage, extensions=(alternative,))
        return self.stack(leaf.certificate), key_pem(leaf.key)


def root(common: str, **changes: Any) -> Forged:
    """A self-signed root."""
    return forge(common, **{"ca": True, "begin": FROM, "end": UNTIL, **changes})


def v2g_pki(**changes: Any) -> Pki:
    """V2G root, CPO Sub1, CPO Sub2."""
    return _pki("V2G Root", "CPO Sub1", "CPO Sub2", changes)


def csms_pki(**changes: Any) -> Pki:
    """CSMS root and its issuing CAs."""
    return _pki("CSMS Root", "CSMS Sub1", "CSMS Issuing", changes)


def issue(issuer: Forged, csr: str, **changes: Any) -> Certificate:
    """The leaf that a PEM request asks for; `changes` are `forge`'s arguments."""
    request = x509.load_pem_x509_csr(csr.encode())
    asked = {attribute.oid: attribute.value for attribute in request.subject}
    arguments: dict[str, Any] = {
        "common_name": asked[NameOID.COMMON_NAME],
        "organization": asked[NameOID.ORGANIZATION_NAME],
        "public_key": request.public_key(),
        "begin": FROM,
        "end": UNTIL,
    }
    return forge(issuer=issuer, **(arguments | changes)).certificate


def stack(*certificates: Certificate) -> str:
    """A PEM stack in the order given."""
    return "".join(certificate.to_pem() for certificate in certificates)


def key_pem(key: PrivateKey) -> bytes:
    """The key as unencrypted PKCS#8 PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _pki(top: str, middle: str, low: str, changes: dict[str, Any]) -> Pki:
    first = root(top, **changes)
    second = forge(middle, first, ca=True, begin=FROM, end=UNTIL)
    return Pki(first, second, forge(low, second, ca=True, begin=FROM, end=UNTIL))
